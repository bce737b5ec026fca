"""Streams as first lessons have them: files, memory tables, listeners, foreach with a class, triggers."""
import json
import os
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql.functions import avg, col, count, expr, from_json, lit, max as fmax, struct, to_json, window
from pyspark.sql.streaming import StreamingQueryListener
from pyspark.sql.types import DoubleType, IntegerType, StringType, StructType, TimestampType

out = sys.argv[2]
spark = SparkSession.builder.appName("streams").config("spark.sql.shuffle.partitions", 2).config("spark.sql.streaming.schemaInference", True).getOrCreate()
source = os.path.join(out, "in")
os.makedirs(source)
for n in range(4):
    with open(os.path.join(source, f"f{n}.json"), "w") as f:
        for i in range(5):
            f.write(json.dumps({"device": f"d{i % 3}", "temp": 20.0 + n + i, "at": f"2024-01-01 00:{n * 10 + i:02d}:00"}) + "\n")
    os.utime(os.path.join(source, f"f{n}.json"), (1700000000 + n * 10,) * 2)
schema = StructType().add("device", StringType()).add("temp", DoubleType()).add("at", TimestampType())


class Watch(StreamingQueryListener):
    events = []

    def onQueryStarted(self, event):
        self.events.append(("started", event.name))

    def onQueryProgress(self, event):
        self.events.append(("progress", event.progress.batchId, event.progress.numInputRows))

    def onQueryIdle(self, event):
        pass

    def onQueryTerminated(self, event):
        self.events.append(("ended", event.exception))


watch = Watch()
spark.streams.addListener(watch)
stream = spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).json(source)
print(stream.isStreaming, stream.schema == schema)
q = stream.groupBy("device").agg(count("*").alias("n"), avg("temp").alias("mean")).writeStream.outputMode("complete").format("memory").queryName("devices").start()
q.processAllAvailable()
spark.sql("SELECT * FROM devices ORDER BY device").show()
print(q.name, q.isActive, sorted(q.status), q.lastProgress["numInputRows"] if isinstance(q.lastProgress, dict) else q.lastProgress.numInputRows)
print(len([p for p in q.recentProgress if p["numInputRows"]]), [s.name for s in spark.streams.active])
q.stop()
end = time.time() + 20
while ("ended", None) not in watch.events and time.time() < end:
    time.sleep(0.1)
print([e for e in watch.events if e[0] != "progress"], sorted(e for e in watch.events if e[0] == "progress" and e[2])[:4])
spark.streams.removeListener(watch)
w = stream.withWatermark("at", "5 minutes").groupBy(window("at", "10 minutes"), "device").agg(fmax("temp").alias("top"))
target, check = os.path.join(out, "windows"), os.path.join(out, "check")
q = w.select(col("window.start").alias("from"), "device", "top").writeStream.format("parquet").option("path", target).option("checkpointLocation", check).outputMode("append").trigger(availableNow=True).start()
q.awaitTermination()
spark.read.parquet(target).orderBy("from", "device").show(truncate=False)
print(sorted(n for n in os.listdir(check) if not n.startswith(".")))


class Writer:
    def open(self, partition, epoch):
        self.file = open(os.path.join(out, f"rows-{epoch}-{partition}"), "w")
        return True

    def process(self, row):
        self.file.write(f"{row.device}={row.temp}\n")

    def close(self, error):
        self.file.close()


q = spark.readStream.schema(schema).json(source).filter("temp > 24").writeStream.foreach(Writer()).trigger(once=True).start()
q.awaitTermination(60)
print(sorted(line.strip() for n in os.listdir(out) if n.startswith("rows-") for line in open(os.path.join(out, n))))
seen = []


def each(batch, number):
    batch.persist()
    seen.append((number, batch.count(), batch.agg({"temp": "max"}).first()[0]))
    batch.unpersist()


q = stream.writeStream.foreachBatch(each).option("checkpointLocation", os.path.join(out, "each")).trigger(availableNow=True).start()
q.awaitTermination()
print(seen)
static = spark.createDataFrame([("d0", "kitchen"), ("d1", "cellar")], ["device", "room"])
joined = spark.readStream.schema(schema).json(source).join(static, "device", "left").select("device", "room", "temp", expr("CASE WHEN temp > 25 THEN 'hot' ELSE 'fine' END AS state"))
q = joined.writeStream.format("memory").queryName("rooms").outputMode("append").start()
q.processAllAvailable()
q.stop()
spark.table("rooms").groupBy("room", "state").count().orderBy("room", "state").show()
try:
    stream.groupBy("device").count().writeStream.format("memory").queryName("bad").outputMode("append").start()
except Exception as error:
    print(type(error).__name__, error.getCondition())
try:
    stream.count()
except Exception as error:
    print(type(error).__name__, str(error).split("\n")[0][:110])
inferred = spark.readStream.json(source)
print(inferred.dtypes)
rate = spark.readStream.format("rate").option("rowsPerSecond", 5).load()
print(rate.columns, rate.isStreaming)
q = rate.writeStream.format("noop").start()
print(q.awaitTermination(2), q.exception())
q.stop()
print(spark.streams.active)
kv = spark.readStream.format("text").load(source).select(from_json("value", schema).alias("v")).select("v.*").select(to_json(struct("device", lit(1).alias("one"))).alias("value")).dropDuplicates()
q = kv.writeStream.format("memory").queryName("kv").start()
q.processAllAvailable()
q.stop()
print(sorted(r.value for r in spark.table("kv").collect()))
spark.stop()
