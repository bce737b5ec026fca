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
    files, rows = {"tiny": (count, 1), "waiting": (count, 1), "trickle": (count, 1), "log": (1, 1)}.get(name, (20, count // 20))
    for number in range(files):
        events(os.path.join(unfinished, f"e{number:06d}.json"), number * rows, rows, number)
    for number in range(count if name == "log" else 0):
        # Few files by many names: what counts is what a listing has. No file may have more than 65,000.
        base, path = f"old{number - number % 10_000:06d}.json", os.path.join(unfinished, f"old{number:06d}.json")
        events(path, 0, 1, 0) if number % 10_000 == 0 else os.link(os.path.join(unfinished, base), path)
    os.rename(unfinished, folder)


def finished(writer, target, mode="append"):
    started = time.perf_counter()
    writer = writer.outputMode(mode).option("checkpointLocation", target + "/checkpoint").trigger(availableNow=True)
    query = writer.start(target + "/out")
    query.awaitTermination()
    return query, time.perf_counter() - started


def pretend(checkpoint, folder, names):
    """Has a checkpoint of one batch and one file say that a query has seen many files more, in ten batches."""
    log = os.path.join(checkpoint, "sources", "0")
    with open(os.path.join(log, "0"), encoding="utf-8") as file:
        version, first = file.read().splitlines()
    entries = [first] + [json.dumps(json.loads(first) | {"path": f"file://{folder}/{name}", "batchId": 9}) for name in names]
    with open(os.path.join(log, "9.compact"), "w", encoding="utf-8") as file:
        file.write("\n".join([version, *entries]))
    for kind in ("offsets", "commits"):
        with open(os.path.join(checkpoint, kind, "0"), encoding="utf-8") as file:
            text = file.read().replace('{"logOffset":0}', '{"logOffset":9}')
        for batch in range(1, 10):
            with open(os.path.join(checkpoint, kind, str(batch)), "w", encoding="utf-8") as file:
                file.write(text)


def long_log(read, folder, target):
    """Batches of one file each after few files, after many that have gone since, and after many that are still there."""
    old = sorted(name for name in os.listdir(folder) if name.startswith("old"))
    crowded = os.path.join(target, "crowded")
    for title, own, names in (
        ("after one file", os.path.join(target, "few"), []),
        (f"after {len(old):,} files", os.path.join(target, "gone"), old),
        (f"among {len(old):,} files", crowded, old),
    ):
        os.makedirs(own)
        os.link(os.path.join(folder, "e000000.json"), os.path.join(own, "e000000.json"))
        write = lambda: read.option("maxFileAge", "10000d").json(own).writeStream.format("noop")  # noqa: B023, E731
        finished(write(), own + "-query")
        if names:
            pretend(own + "-query/checkpoint", own, names)
        for name in names if own == crowded else []:
            os.link(os.path.join(folder, name), os.path.join(own, name))
        for number in range(30):
            events(os.path.join(own, f"new{number:02d}.json"), number, 1, number)
        query, _ = finished(write(), own + "-query")
        took = [one["durationMs"]["triggerExecution"] / 1000 for one in query.recentProgress if one["sources"][0]["numInputRows"]]
        assert len(took) == 30, took
        part(f"a batch {title} (median)", statistics.median(took[1:]))
        part(f"a batch {title} (slowest)", max(took[1:]))


def part(name, seconds):
    print(f"part {name}: {seconds:.4f}", flush=True)


def run(name, folder, target):
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    spark = SparkSession.builder.appName(name).getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.shuffle.partitions", "4")
    read = spark.readStream.schema(EVENTS)
    if name == "log":
        long_log(read.option("maxFilesPerTrigger", 1), folder, target)
    elif name == "trickle":
        df = read.option("maxFilesPerTrigger", 1).json(folder)
        query, seconds = finished(df.writeStream.format("parquet"), target)
        part("all files, one a batch", seconds)
        took = [one["durationMs"]["triggerExecution"] / 1000 for one in query.recentProgress if one["sources"][0]["numInputRows"]]
        part("one of the last hundred batches", statistics.median(took[-100:]))
    elif name == "tiny":
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
    elif name == "dedup":
        df = read.option("maxFilesPerTrigger", 10).json(folder).dropDuplicates(["id"])
        part("keys that were not there before", finished(df.writeStream.format("noop"), target)[1])
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
