import os
import sys
import json
import pickle
from pyspark.sql import SparkSession, SQLContext
from pyspark.sql.types import *

spark = SparkSession.builder.master("local[2]").appName("formats").getOrCreate()
sc = spark.sparkContext
sqlContext = SQLContext(sc)
data, out = sys.argv[1:3]
df = sqlContext.read.format("com.databricks.spark.csv").options(header="true", inferSchema="true").load(data + "/stocks.csv")
df.printSchema()
print(df.count(), df.dtypes)
df.registerTempTable("stocks")
sqlContext.sql("SELECT Symbol, min(Close) low, max(Close) high, count(1) FROM stocks GROUP BY Symbol ORDER BY Symbol").show()
df.select("Symbol", "Close").write.format("com.databricks.spark.csv").option("header", "true").save(out + "/csv")
print(sorted(sc.textFile(out + "/csv").collect())[:2], df.rdd.getNumPartitions() > 0)
df.write.json(out + "/json")
first = json.loads(sorted(sc.textFile(out + "/json").collect())[0])
print(first, list(first))
rows = sc.wholeTextFiles(data + "/mail").mapValues(lambda t: t.split("\n")).map(lambda kv: (os.path.basename(kv[0]), kv[1][0].split(": ")[1], len(kv[1])))
print(sorted(rows.collect()))
print(sorted(sc.textFile(data + "/mail/*.txt").filter(lambda l: l.startswith("hello")).collect()), sc.textFile(data + "/mail").count(), sc.textFile(data + "/mail/m[0-2].txt," + data + "/people.txt").count())
people = spark.read.json(data + "/people.json")
print(people.select("name", "addr.city", "tags").rdd.filter(lambda r: "a1" in r.tags).map(lambda r: (r.city, r.name)).groupByKey().mapValues(sorted).sortByKey().take(2))
people.write.parquet(out + "/people", mode="overwrite", partitionBy="age")
print(sorted(f.split("=")[0] for f in os.listdir(out + "/people") if "=" in f)[:1], spark.read.parquet(out + "/people").where("age IS NULL").count(), spark.read.option("basePath", out + "/people").parquet(out + "/people/age=20").count())
sc.parallelize([{"a": 1, "b": [1, 2]}, {"a": 2}]).map(json.dumps).saveAsTextFile(out + "/lines")
print(spark.read.json(out + "/lines").orderBy("a").collect())
sc.parallelize([(n, str(n)) for n in range(5)], 2).saveAsPickleFile(out + "/pickle")
print(sorted(sc.pickleFile(out + "/pickle").collect()))
sc.parallelize([("k%d" % n, n) for n in range(4)]).saveAsSequenceFile(out + "/seq")
print(sorted(sc.sequenceFile(out + "/seq", "org.apache.hadoop.io.Text", "org.apache.hadoop.io.IntWritable").collect()))
sc.parallelize([("a", 1), ("b", 2)], 1).saveAsHadoopFile(out + "/hadoop", "org.apache.hadoop.mapred.TextOutputFormat")
print(sc.textFile(out + "/hadoop").collect(), sc.newAPIHadoopFile(out + "/hadoop", "org.apache.hadoop.mapreduce.lib.input.TextInputFormat", "org.apache.hadoop.io.LongWritable", "org.apache.hadoop.io.Text").collect())
with open(out + "/binary.dat", "wb") as f:
    f.write(bytes(range(12)))
print(sc.binaryRecords(out + "/binary.dat", 4).map(lambda b: int.from_bytes(b, "big")).collect(), [(os.path.basename(k), len(v)) for k, v in sc.binaryFiles(out + "/binary.dat").collect()])
spark.range(5).selectExpr("cast(id as string) value").write.text(out + "/text")
spark.range(3).write.orc(out + "/orc")
spark.range(3).write.saveAsTable("program_table", mode="overwrite")
print(spark.read.orc(out + "/orc").count(), spark.table("program_table").count(), sorted(r.value for r in spark.read.text(out + "/text").collect()))
spark.sql("DROP TABLE program_table")
xml = spark.read.format("csv").option("sep", "|").option("comment", "#").option("nullValue", "NA").option("ignoreLeadingWhiteSpace", True).schema("a STRING, b INT").csv(sc.parallelize(["# c", "x|1", " y|NA"]))
print(xml.collect())
spark.stop()
