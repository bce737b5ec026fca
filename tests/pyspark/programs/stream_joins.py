"""Stream-stream joins with watermarks, outer rows that come late, duplicates within the watermark, session windows."""
import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import col, count, expr, lit, session_window, sum as sum_, window

out = sys.argv[2]
spark = SparkSession.builder.master("local[2]").config("spark.sql.shuffle.partitions", 2).config("spark.sql.session.timeZone", "UTC").getOrCreate()


class Feed:
    def __init__(self, name, schema):
        self.folder, self.schema, self.n = os.path.join(out, name), schema, 0
        os.makedirs(self.folder)

    def add(self, *lines):
        path, written = os.path.join(self.folder, f"{self.n:02d}.csv"), os.path.join(self.folder, "_written")
        with open(written, "w") as f:
            f.writelines(line + "\n" for line in lines)
        os.utime(written, (1700000000 + self.n * 10,) * 2)
        os.rename(written, path)
        self.n += 1

    def stream(self):
        return spark.readStream.schema(self.schema).option("maxFilesPerTrigger", 1).csv(self.folder)


views = Feed("views", "ad INT, vt TIMESTAMP, page STRING")
clicks = Feed("clicks", "cad INT, ct TIMESTAMP")
v = views.stream().withWatermark("vt", "10 minutes")
c = clicks.stream().withWatermark("ct", "20 minutes")
on = expr("ad = cad AND ct >= vt AND ct <= vt + interval 1 hour")
queries = {}
for how in ("inner", "leftOuter", "fullOuter", "leftSemi"):
    queries[how] = v.join(c, on, how).writeStream.format("memory").queryName(how).outputMode("append").start()


def settle(title):
    print("--", title)
    for how, q in queries.items():
        q.processAllAvailable()
        rows = spark.table(how).collect()
        print(how, sorted(str([str(x) for x in r]) for r in rows))


views.add("1,2024-01-01 10:00:00,home", "2,2024-01-01 10:05:00,shop")
clicks.add("1,2024-01-01 10:10:00")
settle("first")
views.add("3,2024-01-01 12:30:00,home")
clicks.add("2,2024-01-01 10:50:00", "9,2024-01-01 12:40:00")
settle("second")
views.add("4,2024-01-01 16:00:00,home")
clicks.add("4,2024-01-01 16:01:00", "4,2024-01-01 16:02:00", "1,2024-01-01 10:20:00")
settle("third")
views.add("5,2024-01-02 00:00:00,last")
clicks.add("5,2024-01-02 00:30:00")
settle("fourth")
for how, q in queries.items():
    p = [x for x in q.recentProgress if x["numInputRows"]]
    print(how, sum(x["numInputRows"] for x in p), p[-1]["stateOperators"][0]["operatorName"], q.lastProgress["eventTime"].get("watermark"))
    q.stop()
    spark.catalog.dropTempView(how)

events = Feed("events", "id STRING, at TIMESTAMP, n INT")
e = events.stream().withWatermark("at", "5 minutes")
started = {
    "dedupe": e.dropDuplicatesWithinWatermark(["id"]).writeStream.outputMode("append"),
    "exact": e.dropDuplicates(["id", "at"]).writeStream.outputMode("append"),
    "tumbling": e.groupBy(window("at", "10 minutes")).agg(count("*").alias("c"), sum_("n").alias("s")).select("window.start", "c", "s").writeStream.outputMode("append"),
    "sliding": e.groupBy(window("at", "10 minutes", "5 minutes"), "id").count().select(col("window.end").alias("end"), "id", "count").writeStream.outputMode("update"),
    "sessions": e.groupBy(session_window("at", "4 minutes"), "id").agg(sum_("n").alias("s")).select("session_window.start", "session_window.end", "id", "s").writeStream.outputMode("append"),
}
running = {name: w.format("memory").queryName(name).start() for name, w in started.items()}
for lines in (
    ["a,2024-01-01 00:00:00,1", "b,2024-01-01 00:01:00,2", "a,2024-01-01 00:03:00,3"],
    ["a,2024-01-01 00:04:00,4", "c,2024-01-01 00:12:00,5"],
    ["b,2024-01-01 00:01:00,100", "a,2024-01-01 00:30:00,6", ",2024-01-01 00:31:00,7"],
    ["a,2024-01-01 00:31:00,8", "z,2024-01-01 01:00:00,9"],
):
    events.add(*lines)
    for name, q in running.items():
        q.processAllAvailable()
        print(name, spark.table(name).count(), q.lastProgress["eventTime"].get("watermark"))
for name, q in running.items():
    spark.table(name).orderBy(*[col(c).asc_nulls_first() for c in spark.table(name).columns]).show(50, False)
    dropped = sum(o["numRowsDroppedByWatermark"] for p in q.recentProgress for o in p["stateOperators"])
    print(name, "dropped", dropped, "state", q.lastProgress["stateOperators"][0]["numRowsTotal"])
    q.stop()
    spark.catalog.dropTempView(name)

# chained: a window of windows, and what is not allowed
chained = e.groupBy(window("at", "5 minutes"), "id").count().groupBy(window("window", "10 minutes")).agg(sum_("count").alias("n"))
q = chained.select("window.start", "n").writeStream.format("memory").queryName("chained").outputMode("append").trigger(availableNow=True).start()
q.awaitTermination(60)
spark.table("chained").orderBy("start").show()
spark.catalog.dropTempView("chained")
for title, make in {
    "no watermark": lambda: views.stream().join(clicks.stream(), expr("ad = cad"), "leftOuter").writeStream.format("noop").start(),
    "sort": lambda: e.orderBy("at").writeStream.format("noop").start(),
    "append": lambda: events.stream().groupBy("id").count().writeStream.format("noop").start(),
    "bad mode": lambda: e.writeStream.outputMode("all").format("noop").start(),
    "bad trigger": lambda: e.writeStream.trigger(processingTime="soon").format("noop").start(),
    "no checkpoint": lambda: e.writeStream.format("parquet").option("path", out + "/p").start(),
    "write": lambda: e.write.parquet(out + "/q"),
    "start of static": lambda: spark.range(2).writeStream.format("noop").start(),
    "bad watermark": lambda: events.stream().withWatermark("at", "long").writeStream.format("noop").start(),
    "watermark of int": lambda: events.stream().withWatermark("n", "1 minute").dropDuplicatesWithinWatermark(["id"]).writeStream.format("noop").start(),
}.items():
    try:
        make().stop()
        print(title, "went")
    except Exception as error:
        print(title, "|", type(error).__name__, "|", getattr(error, "getCondition", lambda: None)(), "|", str(error).split("\n")[0].rstrip(";")[:130])
spark.stop()
