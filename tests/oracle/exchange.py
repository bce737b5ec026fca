#!/usr/bin/env python3
"""Streams that Apache Spark and Firesteel continue for each other: one checkpoint, three runs, new files before each.

    python3 tests/oracle/exchange.py     (with an interpreter that has pyspark 4.2, and Java 17)

Each query runs three times by Spark alone, then Spark, Firesteel, Spark, then Firesteel, Spark, Firesteel: what is
written, and how many rows each run reads, must be the same. A query with state must be refused by whoever did not begin it.
"""

import json
import logging
import os
import pathlib
import sys
import tempfile
import time

os.environ["TZ"] = "UTC"
time.tzset()
logging.disable(logging.CRITICAL)
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import servers  # noqa: E402

SCHEMA = "k STRING, v BIGINT, t TIMESTAMP"


def drop(folder, run):
    os.makedirs(folder, exist_ok=True)
    for number in range(run * 3, run * 3 + 3):
        path = os.path.join(folder, f"f{number}.json")
        with open(path, "w", encoding="utf-8") as file:
            for row in range(4):
                at = f"2024-01-01T00:{number:02d}:{row:02d}Z"
                file.write(json.dumps({"k": f"k{row % 2}", "v": number * 4 + row, "t": at}) + "\n")
        os.utime(path, (1700000000 + number, 1700000000 + number))


def files(spark, tmp, **options):
    return spark.readStream.schema(SCHEMA).options(maxFilesPerTrigger="1", **options).json(str(tmp / "in"))


def to(frame, tmp, kind):
    return frame.writeStream.format(kind).option("path", str(tmp / "out"))


def each_batch(spark, tmp):
    out = str(tmp / "out")

    def write(frame, number):
        frame.write.mode("overwrite").json(f"{out}/batch={number}")

    return files(spark, tmp).writeStream.foreachBatch(write)


def each_row(spark, tmp):
    out = str(tmp / "out")

    def write(row):
        import os

        os.makedirs(out, exist_ok=True)
        with open(f"{out}/{row.v}.json", "a") as file:
            file.write('{"v": %d}\n' % row.v)

    return files(spark, tmp).writeStream.foreach(write)


STATELESS = {
    "parquet": lambda spark, tmp: to(files(spark, tmp), tmp, "parquet"),
    "parquet by key": lambda spark, tmp: to(files(spark, tmp), tmp, "parquet").partitionBy("k"),
    "json": lambda spark, tmp: to(files(spark, tmp).where("v % 3 <> 0"), tmp, "json"),
    "csv": lambda spark, tmp: to(files(spark, tmp), tmp, "csv"),
    "orc": lambda spark, tmp: to(files(spark, tmp).select("k", "v"), tmp, "orc"),
    "text": lambda spark, tmp: to(files(spark, tmp).selectExpr("concat(k, v)"), tmp, "text"),
    "union": lambda spark, tmp: to(files(spark, tmp).union(files(spark, tmp, pathGlobFilter="*[02468].json")), tmp, "json"),
    "static join": lambda spark, tmp: to(files(spark, tmp).join(spark.range(20).withColumnRenamed("id", "v"), "v"), tmp, "json"),
    "names only": lambda spark, tmp: to(files(spark, tmp, fileNameOnly="true"), tmp, "json"),
    "archived": lambda spark, tmp: to(files(spark, tmp, cleanSource="archive", sourceArchiveDir=str(tmp / "old")), tmp, "json"),
    "foreachBatch": each_batch,
    "foreach": each_row,
    "noop": lambda spark, tmp: files(spark, tmp).writeStream.format("noop"),
}
STATEFUL = {
    "count": lambda spark, tmp: files(spark, tmp).groupBy("k").count().writeStream.format("noop").outputMode("update"),
    "duplicates": lambda spark, tmp: to(files(spark, tmp).dropDuplicates(["k", "v"]), tmp, "json"),
    "join": lambda spark, tmp: to(files(spark, tmp).join(files(spark, tmp).selectExpr("k", "v AS w"), "k"), tmp, "json"),
}


def ran(server, program, tmp):
    spark = server.session("UTC")
    spark.conf.set("spark.sql.streaming.fileSource.log.compactInterval", "2")
    spark.conf.set("spark.sql.streaming.fileSink.log.compactInterval", "2")
    try:
        query = program(spark, tmp).option("checkpointLocation", str(tmp / "cp")).trigger(availableNow=True).start()
        query.awaitTermination()
        return [sum(source["numInputRows"] for source in one["sources"]) for one in query.recentProgress]
    finally:
        spark.stop()


def written(server, tmp):
    """The rows, whatever the files are; what the sink's log hides stays hidden."""
    if not (tmp / "out").exists():
        return None
    kinds = {path.suffix[1:] for path in (tmp / "out").rglob("*.*") if not path.name.startswith((".", "_"))} - {"compact", "crc"}
    (kind,) = kinds
    spark = server.session("UTC")
    try:
        read = spark.read.format({"txt": "text"}.get(kind, kind))
        return sorted(str(row) for row in read.load(str(tmp / "out")).collect())
    finally:
        spark.stop()


def main():
    failures = 0
    with tempfile.TemporaryDirectory(prefix="firesteel-exchange-") as folder:
        with servers.Spark(folder) as spark, servers.Firesteel(folder) as own:
            for name, program in STATELESS.items():
                answers = {}
                for story in ((spark, spark, spark), (spark, own, spark), (own, spark, own)):
                    title = " ".join(type(server).__name__ for server in story)
                    tmp = pathlib.Path(folder, name.replace(" ", "_"), title.replace(" ", "_"))
                    tmp.mkdir(parents=True)
                    try:
                        told = []
                        for run, server in enumerate(story):
                            drop(str(tmp / "in"), run)
                            told.append(ran(server, program, tmp))
                        answers[title] = [told, written(spark, tmp), written(own, tmp)]
                    except Exception as raised:
                        answers[title] = [type(raised).__name__, str(raised)[:600]]
                first, *others = answers.values()
                same = all(other == first for other in others) and len(first) == 3 and first[1] == first[2]
                failures += not same
                print("same" if same else "DIFFERENT", name, "" if same else json.dumps(answers)[:3000], flush=True)
            for name, program in STATEFUL.items():
                for first, second in ((spark, own), (own, spark)):
                    tmp = pathlib.Path(folder, "state", name, type(first).__name__)
                    tmp.mkdir(parents=True)
                    drop(str(tmp / "in"), 0)
                    ran(first, program, tmp)
                    drop(str(tmp / "in"), 1)
                    try:
                        ran(second, program, tmp)
                        told = "NOT REFUSED"
                        failures += 1
                    except Exception as raised:
                        told = " ".join(str(raised).split("===")[0].split())[:500]
                    print(name, type(first).__name__, "then", type(second).__name__, "-", told, flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
