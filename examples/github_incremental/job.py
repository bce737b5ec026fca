"""GitHub events from hourly JSON files to Parquet by year, month and day: four ways to load only what is new.

    firesteel submit job.py available_now|once|upsert|continuous [--landing DIR] [--output DIR] [--day DAY] [--seconds N]
"""

import argparse
import os
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

SCHEMA = """id STRING, type STRING, actor STRUCT<id: BIGINT, login: STRING>, repo STRUCT<id: BIGINT, name: STRING>,
    payload STRUCT<size: INT, action: STRING>, public BOOLEAN, created_at TIMESTAMP"""


def landing(spark, path, files_a_batch):
    return spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", files_a_batch).json(path)


def bronze(events):
    return events.select(
        "id", "type", F.col("actor.login").alias("actor"), F.col("repo.name").alias("repo"), "payload.size", "created_at",
        F.year("created_at").alias("year"), F.month("created_at").alias("month"), F.dayofmonth("created_at").alias("day"),
    )


def to_parquet(frame, output, way):
    write = frame.writeStream.format("parquet").partitionBy("year", "month", "day")
    return write.option("checkpointLocation", os.path.join(output, "checkpoint", way)).option("path", path_of(output, way))


def path_of(output, way):
    return os.path.join(output, "bronze", way)


def available_now(spark, options):
    """All that is new, several batches if it is much."""
    events = landing(spark, os.path.join(options.landing, "*"), 12)
    to_parquet(bronze(events), options.output, "available_now").trigger(availableNow=True).start().awaitTermination()


def once(spark, options):
    """One folder, one batch: what a scheduler starts once a day."""
    events = spark.readStream.schema(SCHEMA).json(os.path.join(options.landing, options.day))
    write = to_parquet(bronze(events), options.output, "once")
    checkpoint = os.path.join(options.output, "checkpoint", "once", options.day)
    path = os.path.join(path_of(options.output, "once"), options.day)
    write.option("checkpointLocation", checkpoint).option("path", path).trigger(once=True).start().awaitTermination()


def upsert(spark, options):
    """The newest event of each repository, merged with what is there. Each batch writes a version of its own."""
    root = path_of(options.output, "upsert")

    def merge(batch, number):
        new = batch.select(F.col("repo.name").alias("repo"), "type", "created_at")
        spark = batch.sparkSession
        before = os.path.join(root, f"version={number - 1}")
        if number > 0:
            new = new.unionByName(spark.read.parquet(before))
        newest = new.groupBy("repo").agg(F.max(F.struct("created_at", "type")).alias("last"))
        merged = newest.select("repo", "last.type", "last.created_at")
        # A batch that runs again writes the same version again.
        merged.write.mode("overwrite").parquet(os.path.join(root, f"version={number}"))

    events = landing(spark, os.path.join(options.landing, "*"), 12)
    write = events.writeStream.foreachBatch(merge).trigger(availableNow=True)
    write.option("checkpointLocation", os.path.join(options.output, "checkpoint", "upsert")).start().awaitTermination()


def continuous(spark, options):
    """Goes on while files come."""
    events = landing(spark, os.path.join(options.landing, "*"), 6)
    query = to_parquet(bronze(events), options.output, "continuous").start()
    end = time.time() + options.seconds
    while time.time() < end and query.isActive:
        time.sleep(0.2)
    query.processAllAvailable()
    query.stop()


WAYS = {"available_now": available_now, "once": once, "upsert": upsert, "continuous": continuous}


def report(spark, options):
    path = path_of(options.output, options.way)
    if options.way == "upsert":
        versions = [int(name.split("=")[1]) for name in os.listdir(path) if name.startswith("version=")]
        path = os.path.join(path, f"version={max(versions)}")
    elif options.way == "once":
        path = os.path.join(path, options.day)
    table = spark.read.parquet(path)
    print(f"{options.way}: {table.count()} rows")
    if "year" in table.columns:
        table.groupBy("year", "month", "day").count().orderBy("year", "month", "day").show()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--landing", default="landing")
    parser.add_argument("--output", default=".")
    parser.add_argument("--day", default="2024-01-01")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    options.landing, options.output = os.path.abspath(options.landing), os.path.abspath(options.output)
    spark = SparkSession.builder.appName("github_incremental").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    WAYS[options.way](spark, options)
    report(spark, options)
    spark.stop()


if __name__ == "__main__":
    main()
