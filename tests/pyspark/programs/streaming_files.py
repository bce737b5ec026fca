import os
import sys
import json
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, explode, split, window, to_timestamp, count, udf
from pyspark.sql.types import StructType, StringType, IntegerType

spark = SparkSession.builder.appName("StructuredNetworkWordCount").master("local[2]").config("spark.sql.shuffle.partitions", "2").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
source, out = sys.argv[2] + "/in", sys.argv[2] + "/out"
os.makedirs(source)
for n in range(3):
    with open("%s/%d.json" % (source, n), "w") as f:
        for k in range(5):
            f.write(json.dumps({"user": "u%d" % (k % 2), "n": n * 10 + k, "at": "2024-03-0%d 10:%02d:00" % (n + 1, k)}) + "\n")
for n in range(3):
    os.utime("%s/%d.json" % (source, n), (1700000000 + n, 1700000000 + n))
schema = StructType().add("user", StringType()).add("n", IntegerType()).add("at", StringType())
lines = spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).json(source)
print(lines.isStreaming)
counts = lines.groupBy("user").agg(count("*").alias("c"))
query = counts.writeStream.outputMode("complete").format("memory").queryName("counts").trigger(availableNow=True).start()
query.awaitTermination()
spark.sql("SELECT * FROM counts ORDER BY user").show()
print(query.isActive, query.name, query.lastProgress["numInputRows"] if query.lastProgress else None)
twice = udf(lambda n: n * 2, IntegerType())
q = (lines.withColumn("twice", twice("n")).filter("n % 2 = 0").writeStream.format("parquet").option("path", out)
     .option("checkpointLocation", sys.argv[2] + "/ck").trigger(once=True).start())
q.awaitTermination()
print(spark.read.parquet(out).orderBy("n").select("user", "n", "twice").collect())
seen = []


def each(batch, number):
    rows = batch.groupBy("user").sum("n").orderBy("user").collect()
    seen.append((number, [tuple(r) for r in rows]))
    batch.write.mode("append").json(sys.argv[2] + "/batches")


q = lines.writeStream.foreachBatch(each).option("checkpointLocation", sys.argv[2] + "/ck2").trigger(availableNow=True).start()
q.awaitTermination()
print(sorted(seen), spark.read.json(sys.argv[2] + "/batches").count())
w = lines.withColumn("ts", to_timestamp("at")).withWatermark("ts", "1 hour").groupBy(window("ts", "1 day"), "user").count()
q = w.writeStream.outputMode("append").format("memory").queryName("daily").trigger(availableNow=True).start()
q.processAllAvailable()
q.stop()
print(spark.table("daily").select("window.start", "user", "count").orderBy("start", "user").collect())
with open(source + "/9.json", "w") as f:
    f.write('{"user": "late", "n": 100, "at": "2024-03-09 00:00:00"}\n')
q = lines.writeStream.foreachBatch(each).option("checkpointLocation", sys.argv[2] + "/ck2").trigger(availableNow=True).start()
q.awaitTermination()
print(seen[-1], len(spark.streams.active))
words = spark.readStream.text(source).select(explode(split(col("value"), '"')).alias("w")).filter("w rlike '^u[01]$'").groupBy("w").count()
q = words.writeStream.outputMode("complete").format("console").trigger(availableNow=True).queryName("console").start()
q.awaitTermination()
print(q.exception(), [d["batchId"] for d in q.recentProgress])
try:
    lines.groupBy("user").count().writeStream.outputMode("append").format("memory").queryName("x").start()
except Exception as e:
    print(type(e).__name__, str(e).split("\n")[0][:120])
try:
    lines.show()
except Exception as e:
    print(type(e).__name__, str(e).split("\n")[0][:100])
spark.stop()
