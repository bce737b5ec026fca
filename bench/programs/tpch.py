"""The 22 queries of TPC-H over Parquet files, several times; prints how long each took, each time, until all its rows were here, or why it failed."""

import glob
import os
import sys
import time

from pyspark.sql import SparkSession

data, queries, passes = sys.argv[1:4]
spark = SparkSession.builder.config("spark.sql.shuffle.partitions", "4").getOrCreate()
for table in ("region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem"):
    spark.read.parquet(os.path.join(data, table)).createOrReplaceTempView(table)
texts = {}
for path in sorted(glob.glob(os.path.join(queries, "q*.sql"))):
    with open(path, encoding="utf-8") as file:
        texts[os.path.basename(path)[:-4]] = file.read()
for _ in range(int(passes)):
    for name, text in texts.items():
        started = time.perf_counter()
        try:
            spark.sql(text).collect()
            print(name, f"{time.perf_counter() - started:.4f}", flush=True)
        except Exception as error:
            print(name, "failed:", str(error).split("\n")[0], flush=True)
spark.stop()
