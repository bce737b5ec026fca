"""The logs of long queries: what is compacted, kept and forgotten."""

import json
import os
import shutil

from pyspark.errors import PySparkException


def drop(folder, name, value, at):
    os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps({"v": value}) + "\n")
    os.utime(path, (1700000000 + at, 1700000000 + at))


def ran(writer, tmp):
    query = writer.option("checkpointLocation", str(tmp / "cp")).trigger(availableNow=True).start()
    query.awaitTermination()
    return [progress.numInputRows for progress in query.recentProgress]


def names(path):
    return sorted(name for name in os.listdir(path) if not name.startswith(".")) if path.exists() else None


def case_file_name_only(spark, tmp):
    """A file of a name that was seen in another folder is none."""
    told = {}
    for flag in ("true", "false"):
        own = tmp / flag
        folder = str(own / "in")
        read = spark.readStream.schema("v BIGINT").option("fileNameOnly", flag).option("recursiveFileLookup", "true")
        drop(folder, "a/one.json", 1, 0)
        told[flag] = [ran(read.json(folder).writeStream.format("noop"), own)]
        drop(folder, "b/one.json", 2, 1)
        drop(folder, "b/two.json", 3, 2)
        told[flag].append(ran(read.json(folder).writeStream.format("noop"), own))
    return told


def case_batches_to_retain(spark, tmp):
    """Logs and state of so many batches stay."""
    spark.conf.set("spark.sql.streaming.minBatchesToRetain", "2")
    spark.conf.set("spark.sql.streaming.fileSource.log.compactInterval", "3")
    spark.conf.set("spark.sql.streaming.fileSource.log.cleanupDelay", "0")
    folder = str(tmp / "in")
    for number in range(9):
        drop(folder, f"f{number}.json", number, number)
    read = spark.readStream.schema("v BIGINT").option("maxFilesPerTrigger", 1).json(folder)
    counted = ran(read.groupBy("v").count().writeStream.format("noop").outputMode("update"), tmp)
    return {"batches": counted, "offsets": names(tmp / "cp" / "offsets"), "commits": names(tmp / "cp" / "commits"),
            "sources": names(tmp / "cp" / "sources" / "0")}


def case_retention(spark, tmp):
    """A compacted log of a sink forgets files that are older than `retention`."""
    spark.conf.set("spark.sql.streaming.fileSink.log.compactInterval", "3")
    folder = str(tmp / "in")
    told = {}
    for text in ("1h", "0"):
        own = tmp / text
        for number in range(3):
            drop(folder, f"f{number}.json", number, number)
        read = spark.readStream.schema("v BIGINT").option("maxFilesPerTrigger", 1).json(folder)
        out = str(own / "out")
        ran(read.writeStream.format("json").option("path", out).option("retention", text), own)
        told[text] = [names(own / "out" / "_spark_metadata"), spark.read.schema("v BIGINT").json(out).count()]
        shutil.rmtree(folder)
    try:
        drop(folder, "f.json", 1, 1)
        read = spark.readStream.schema("v BIGINT").json(folder)
        ran(read.writeStream.format("json").option("path", str(tmp / "o")).option("retention", "soon"), tmp)
        told["soon"] = "fine"
    except PySparkException as raised:
        told["soon"] = type(raised).__name__
    return told
