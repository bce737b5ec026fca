"""Streaming programs: the same for Firesteel and for Spark.

    streaming.py generate NAME FOLDER COUNT
    streaming.py run NAME FOLDER TARGET

What `run` prints as `part NAME: SECONDS` is measured inside of the program.
"""

import json
import os
import random
import statistics
import sys
import time

EVENTS = "id BIGINT, type STRING, actor STRING, amount DOUBLE, created_at TIMESTAMP"


def events(path, first, rows, seed):
    """A file of events, one a second."""
    numbers = random.Random(seed)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(first, first + rows):
            day, second = divmod(number, 86_400)
            at = f"2024-{1 + day // 28 % 12:02d}-{1 + day % 28:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"
            kind = numbers.choice(("push", "fork", "watch", "issue"))
            one = {"id": number, "type": kind, "actor": f"a{numbers.randint(1, 5000)}", "amount": numbers.randint(0, 10**6) / 100, "created_at": at}
            file.write(json.dumps(one) + "\n")
    os.utime(path, (1_700_000_000 + first, 1_700_000_000 + first))


def generate(name, folder, count):
    if os.path.exists(folder):
        return
    unfinished = folder + ".unfinished"
    os.makedirs(unfinished, exist_ok=True)
    files, rows = {"tiny": (count, 1), "waiting": (count, 1)}.get(name, (20, count // 20))
    for number in range(files):
        events(os.path.join(unfinished, f"e{number:06d}.json"), number * rows, rows, number)
    os.rename(unfinished, folder)


def finished(writer, target, mode="append"):
    started = time.perf_counter()
    writer = writer.outputMode(mode).option("checkpointLocation", target + "/checkpoint").trigger(availableNow=True)
    query = writer.start(target + "/out")
    query.awaitTermination()
    return query, time.perf_counter() - started


def part(name, seconds):
    print(f"part {name}: {seconds:.4f}", flush=True)


def run(name, folder, target):
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    spark = SparkSession.builder.appName(name).getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.shuffle.partitions", "4")
    read = spark.readStream.schema(EVENTS)
    if name == "tiny":
        df = read.option("maxFilesPerTrigger", 1).json(folder)
        query, _ = finished(df.writeStream.format("parquet"), target)
        took = [one["durationMs"]["triggerExecution"] / 1000 for one in query.recentProgress if one["sources"][0]["numInputRows"]]
        part("a batch of one row (median)", statistics.median(took[1:]))
    elif name == "json":
        df = read.json(folder).where("amount > 100 AND type <> 'watch'")
        part("parse, filter, Parquet", finished(df.writeStream.format("parquet"), target)[1])
    elif name == "bronze":
        df = read.option("maxFilesPerTrigger", 10).json(folder)
        df = df.withColumns({"year": F.year("created_at"), "month": F.month("created_at"), "day": F.dayofmonth("created_at")})
        write = lambda: df.writeStream.format("parquet").partitionBy("year", "month", "day")  # noqa: E731
        part("landing to bronze", finished(write(), target)[1])
        later = os.path.join(folder, "later.json")
        try:
            events(later, 0, 10_000, 0)
            part("only what is new", finished(write(), target)[1])
        finally:
            os.remove(later)
    elif name == "windows":
        df = read.option("maxFilesPerTrigger", 5).json(folder).withWatermark("created_at", "10 minutes")
        counts = df.groupBy(F.window("created_at", "5 minutes"), "type").agg(F.count("*").alias("n"), F.sum("amount").alias("amount"))
        part("windows with a watermark", finished(counts.select("window.start", "type", "n", "amount").writeStream.format("parquet"), target)[1])
    else:
        df = read.option("maxFilesPerTrigger", 100).json(folder)
        started = time.perf_counter()
        query = df.writeStream.format("parquet").option("checkpointLocation", target + "/checkpoint").start(target + "/out")
        while not os.path.exists(target + "/checkpoint/offsets/0") and query.isActive:
            time.sleep(0.002)
        part("until the first batch begins", time.perf_counter() - started)
        while not os.path.exists(target + "/checkpoint/commits/0") and query.isActive:
            time.sleep(0.002)
        part("until the first batch is done", time.perf_counter() - started)
        query.stop()
    spark.stop()


if __name__ == "__main__":
    {"generate": lambda *words: generate(words[0], words[1], int(words[2])), "run": run}[sys.argv[1]](*sys.argv[2:])
