"""Words: counts, tf-idf, n-grams, co-occurrence, all by DataFrames; and the same counts by RDDs."""
import math
import re
import string
import sys

from pyspark.sql import SparkSession, Window
from pyspark.sql.functions import *
from pyspark.sql.types import ArrayType, FloatType, StringType, StructField, StructType

spark = SparkSession.builder.appName("tfidf").getOrCreate()
docs = spark.createDataFrame([(0, "The quick brown fox jumps over the lazy dog."), (1, "A quick-witted dog, a lazy cat & the fox!"), (2, "Nothing here but words... words, words (and 2 numbers: 3.14)."), (3, ""), (4, None)], ["doc", "text"])
words = docs.withColumn("word", explode(split(lower(regexp_replace("text", r"[^\w\s]", " ")), r"\s+"))).filter(length("word") > 0).drop("text")
print(words.count(), words.select("word").distinct().count())
tf = words.groupBy("doc", "word").agg(count("*").alias("tf"))
df = words.groupBy("word").agg(count_distinct("doc").alias("df"))
total = docs.filter(col("text").isNotNull()).count()
idf = df.withColumn("idf", round(log((lit(total) + 1) / (col("df") + 1)) + 1, 6))
tfidf = tf.join(idf, "word").withColumn("score", round(col("tf") * col("idf"), 4))
top = tfidf.withColumn("r", row_number().over(Window.partitionBy("doc").orderBy(desc("score"), "word"))).filter("r <= 3")
top.select("doc", "word", "tf", "df", "score", "r").orderBy("doc", "r").show()
norm = tfidf.groupBy("doc").agg(sqrt(sum(pow("score", lit(2)))).alias("norm"))
a, b = tfidf.join(norm, "doc").alias("a"), tfidf.join(norm, "doc").alias("b")
a.join(b, (col("a.word") == col("b.word")) & (col("a.doc") < col("b.doc"))).groupBy(col("a.doc").alias("x"), col("b.doc").alias("y")).agg(round(sum(col("a.score") * col("b.score") / (col("a.norm") * col("b.norm"))), 4).alias("cosine")).orderBy("x", "y").show()


@udf(returnType=ArrayType(StringType()))
def bigrams(text):
    found = re.findall(r"\w+", (text or "").lower())
    return [" ".join(pair) for pair in zip(found, found[1:])]


docs.select(explode(bigrams("text")).alias("gram")).groupBy("gram").count().orderBy(col("count").desc(), col("gram")).show(4, False)
stats_schema = StructType([StructField("words", ArrayType(StringType())), StructField("mean", FloatType())])
stats = udf(lambda t: (sorted(set(t.split()))[:2], float(len(t)) / builtin_max(1, len(t.split()))) if t else None, stats_schema)
builtin_max = __builtins__["max"] if isinstance(__builtins__, dict) else __builtins__.max
docs.withColumn("s", stats("text")).select("doc", "s.words", "s.mean").show(truncate=30)
strip = str.maketrans("", "", string.punctuation)
rdd = docs.rdd.filter(lambda r: r.text).flatMap(lambda r: r.text.lower().translate(strip).split()).map(lambda w: (w, 1)).reduceByKey(lambda x, y: x + y)
print(rdd.takeOrdered(4, key=lambda kv: (-kv[1], kv[0])), rdd.map(lambda kv: kv[1]).sum(), rdd.map(lambda kv: len(kv[0])).mean())
freq = rdd.map(lambda kv: (kv[1], kv[0])).groupByKey().mapValues(lambda ws: sorted(ws)[:3]).sortByKey(False).collect()
print(freq)
letters = words.select(explode(split("word", "")).alias("c")).filter("c <> ''").groupBy("c").count()
print(letters.orderBy(desc("count"), "c").limit(3).collect(), letters.agg(round(-sum(col("count") / lit(1.0)), 1)).first()[0])
words.groupBy(length("word").alias("len")).agg(count("*").alias("n"), array_sort(collect_set("word")).alias("words")).orderBy("len").show(3, truncate=25)
docs.select(sentences(col("text")).alias("s")).filter(size("s") > 0).select(size("s"), col("s")[0][0]).show()
docs.select(when(col("text").contains("fox"), "fox").when(col("text").isNull(), "none").otherwise("other").alias("kind"), instr("text", "dog"), locate("a", "text", 10), substring("text", -5, 3), col("text").substr(2, 3), col("text")[0:3] if False else lit(1)).show()
print(words.groupBy("doc").agg(concat_ws(" ", sort_array(collect_list("word"))).alias("t")).orderBy("doc").first().t)
print(math.isclose(words.select(avg(length("word"))).first()[0], rdd.map(lambda kv: len(kv[0]) * kv[1]).sum() / words.count(), rel_tol=0.2))
spark.stop()
