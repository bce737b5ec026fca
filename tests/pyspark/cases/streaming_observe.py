"""What `observe()` tells of the batches of a stream."""

import json
import os

from pyspark.sql import functions as F


def case_observed(spark, tmp):
    """The metrics of each batch are in its report."""
    for number, values in enumerate(([("a", 1), ("b", 4)], [("c", 7)], [(None, 10), ("g", None)])):
        with open(tmp / f"f{number}.json", "w", encoding="utf-8") as file:
            file.writelines(json.dumps({"k": k, "v": v}) + "\n" for k, v in values)
        os.utime(tmp / f"f{number}.json", (1700000000 + number, 1700000000 + number))
    df = spark.readStream.schema("k STRING, v BIGINT").option("maxFilesPerTrigger", 1).json(str(tmp))
    df = df.observe("all", F.count("*").alias("n"), F.max("v").alias("most"), F.min("k").alias("k"), F.avg("v").alias("a"))
    query = df.where("v > 3").writeStream.format("noop").trigger(availableNow=True).start()
    query.awaitTermination()
    return [
        [one["sources"][0]["numInputRows"], {name: str(row) for name, row in one["observedMetrics"].items()}]
        for one in query.recentProgress
    ]
