"""Streams of every output mode on the console. Its standard output is the answer."""

import json
import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

folder = sys.argv[1]
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "1") \
    .config("spark.sql.session.timeZone", "UTC").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
BATCHES = [
    [("a", 0, 1.5), ("b", 2, None)],
    [("a", 30, 2.0), (None, 31, 3.0)],
    [("a long key with more than twenty characters", 90, -1.0), ("c", 91, 1e10), ("c", 92, 0.1)],
]
for number, rows in enumerate(BATCHES):
    os.makedirs(folder + "/in", exist_ok=True)
    with open(f"{folder}/in/f{number}.json", "w", encoding="utf-8") as file:
        for key, minute, value in rows:
            file.write(json.dumps({"k": key, "t": f"2024-01-01T{minute // 60:02d}:{minute % 60:02d}:00Z", "v": value}) + "\n")
    os.utime(f"{folder}/in/f{number}.json", (1700000000 + number, 1700000000 + number))


def source(**options):
    return spark.readStream.schema("k STRING, t TIMESTAMP, v DOUBLE").option("maxFilesPerTrigger", 1).options(**options).json(folder + "/in")


def show(title, frame, mode, trigger=None, **options):
    print("==", title, flush=True)
    try:
        query = frame.writeStream.format("console").outputMode(mode).options(**options).trigger(**(trigger or {"availableNow": True})).start()
        query.awaitTermination()
        print("ended", [one["sink"]["numOutputRows"] for one in query.recentProgress], query.lastProgress["sink"]["description"].split("$")[0], flush=True)
    except Exception as raised:
        message = (raised.getMessageParameters() or {}).get("message", "").split("\n")[0]
        print(type(raised).__name__, raised.getCondition(), message, flush=True)


counts = source().groupBy("k").agg(F.count("*").alias("n"), F.sum("v").alias("total"))
windows = source().withWatermark("t", "10 minutes").groupBy(F.window("t", "30 minutes")).agg(F.count("*").alias("n"))
show("append", source(), "append")
show("update", counts, "update")
show("complete", counts.orderBy("k"), "complete")
show("windows in append", windows.select("n"), "append")
show("windows in update", windows, "update")
show("windows in complete", windows.orderBy("window"), "complete", truncate="false")
show("once", source(), "append", {"once": True})
show("no rows", source().where("k = 'z'"), "append")
show("truncate=false", source(), "append", truncate=False)
show("numRows=1", source(), "append", numRows=1)
show("numRows=0", source(), "append", numRows=0)
show("numRows=-1", source(), "append", numRows=-1)
show("numRows of text", source(), "append", numRows="x")
show("truncate of text", source(), "append", truncate="x")
show("truncate as number", source(), "append", truncate=5)
show("keys of options in upper case", source(), "append", NUMROWS=1, TRUNCATE="FALSE")
show("nested", source().select(F.struct("k", "v").alias("s"), F.array("v", "v").alias("l"), F.create_map(F.lit("k"), F.col("v")).alias("m")), "append", truncate=False)
show("no columns", source().select(), "append")
show("duplicate columns", source().select("k", "k"), "append")
show("without aggregation", source(), "complete")
show("sorted", source().orderBy("k"), "append")
show("a binary, a date, a decimal", source().select(F.encode("k", "utf-8").alias("b"), F.to_date("t").alias("d"), F.col("v").cast("DECIMAL(12, 2)").alias("n")), "append")
spark.stop()
