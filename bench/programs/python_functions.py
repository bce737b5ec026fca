"""A Python function of one kind over many rows: python_functions.py first|plain|pandas|map|group ROWS. Says how long the
rows took once a first function has run."""

import sys
import time

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

kind, rows = sys.argv[1], int(sys.argv[2])
spark = SparkSession.builder.getOrCreate()
df = spark.range(rows).select("id", (F.col("id") % 1000 / 7).alias("v"), (F.col("id") % 100).cast("string").alias("s"))


def mapped(frames):
    for frame in frames:
        yield frame[["id"]].assign(w=frame.v * 2 + frame.s.str.len())


if kind == "plain":
    score = F.udf(lambda v, s: v * 2 + len(s), "double")
    result = df.select(score("v", "s").alias("w"))
elif kind == "pandas":
    score = F.pandas_udf(lambda v, s: v * 2 + s.str.len(), "double")
    result = df.select(score("v", "s").alias("w"))
elif kind == "map":
    result = df.mapInPandas(mapped, "id long, w double")
elif kind == "group":
    result = df.groupBy("s").applyInPandas(lambda f: pd.DataFrame({"w": [f.v.mean()]}), "w double")
else:
    started = time.perf_counter()
    result = spark.range(1).select(F.udf(lambda x: 1.0, "double")("id").alias("w"))
    result.collect()
    print(f"first {time.perf_counter() - started:.3f}")
spark.range(1).select(F.udf(lambda x: 1.0, "double")("id")).collect()
started = time.perf_counter()
print(result.agg(F.sum("w")).collect()[0][0])
print(f"took {time.perf_counter() - started:.3f}")
spark.stop()
