"""The 22 queries of TPC-H over Parquet files; prints how long each took until all its rows were here, or why it failed."""

import glob
import os
import sys
import time

from pyspark.sql import SparkSession

data, queries = sys.argv[1:3]
spark = SparkSession.builder.config("spark.sql.shuffle.partitions", "4").getOrCreate()
for table in ("region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem"):
    spark.read.parquet(os.path.join(data, table)).createOrReplaceTempView(table)
for path in sorted(glob.glob(os.path.join(queries, "q*.sql"))):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    started = time.perf_counter()
    name = os.path.basename(path)[:-4]
    try:
        spark.sql(text).collect()
        print(name, f"{time.perf_counter() - started:.4f}", flush=True)
    except Exception as error:
        print(name, "failed:", str(error).split("\n")[0], flush=True)
spark.stop()
