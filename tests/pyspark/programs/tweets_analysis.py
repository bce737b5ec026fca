import re
import sys
import argparse
from pyspark import SparkContext, SparkConf
from pyspark.sql import SparkSession, Row
from pyspark.sql.functions import desc, explode, split, lower, regexp_replace, col, size, array_contains, trim


def main():
    parser = argparse.ArgumentParser(description="counts hashtags")
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--top", type=int, default=5)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    sc = SparkContext(conf=SparkConf().setAppName("tweets").setMaster("local[2]"))
    spark = SparkSession(sc)
    tweets = sc.textFile(args.input + "/tweets.txt")
    tags = tweets.flatMap(lambda t: re.findall(r"#(\w+)", t)).map(lambda t: (t, 1)).reduceByKey(lambda a, b: a + b)
    print(tags.sortBy(lambda kv: kv[1], ascending=False).take(args.top))
    df = spark.createDataFrame(tweets.map(lambda t: Row(text=t, n=len(t.split()))))
    df.printSchema()
    df.filter(col("text").startswith("RT")).show(3, truncate=20)
    words = df.select(explode(split(lower(regexp_replace(col("text"), r"[^A-Za-z#@ ]", "")), r"\s+")).alias("word"))
    words.groupBy("word").count().sort(desc("count"), "word").show(args.top)
    tags.toDF(["tag", "count"]).createOrReplaceTempView("tags")
    for row in spark.sql("SELECT tag, count FROM tags ORDER BY count DESC LIMIT 2").collect():
        print(row["tag"], row["count"], row)
    print(df.select(size(split("text", " ")).alias("s")).agg({"s": "avg"}).first()[0] == df.agg({"n": "avg"}).collect()[0][0])
    print(df.filter(array_contains(split("text", " "), "@ann")).count())
    mentions = tweets.filter(lambda t: "@" in t).map(lambda t: [w for w in t.split() if w[0] == "@"])
    graph = mentions.flatMap(lambda m: [(a, b) for a in m for b in m if a < b]).countByValue()
    print(dict(graph))
    words.filter("word <> ''").coalesce(1).write.mode("overwrite").text(args.output + "/words")
    print(spark.read.text(args.output + "/words").count(), sc.textFile(args.output + "/words").getNumPartitions())
    df.coalesce(1).write.json(args.output + "/json")
    print(spark.read.json(args.output + "/json").orderBy("n", "text").first())
    df.write.partitionBy("n").parquet(args.output + "/parquet")
    print(sorted(spark.read.parquet(args.output + "/parquet").filter("n > 7").select("n").distinct().collect()))
    spark.stop()


if __name__ == "__main__":
    main()
