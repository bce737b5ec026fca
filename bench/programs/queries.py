"""The queries of a folder over the Parquet tables of another, several times. Prints of each run how long it took until all
its rows were here, their number and a digest of them, or why it failed.

The digest holds decimals, texts and dates whole, floating point numbers to nine digits: sums of them depend on the order.
"""

import glob
import hashlib
import os
import sys
import time

from pyspark.sql import SparkSession


def digest(rows):
    """Some digits that differ where the rows or their order differ."""
    hashed = hashlib.sha256()
    for row in rows:
        hashed.update(repr([f"{value:.9g}" if isinstance(value, float) else value for value in row]).encode())
    return hashed.hexdigest()[:12]


def main():
    data, queries, passes = sys.argv[1:4]
    spark = SparkSession.builder.config("spark.sql.shuffle.partitions", "4").getOrCreate()
    for table in sorted(glob.glob(os.path.join(data, "*", ""))):
        spark.read.parquet(table).createOrReplaceTempView(os.path.basename(os.path.dirname(table)))
    texts = {}
    for path in sorted(glob.glob(os.path.join(queries, "q*.sql"))):
        with open(path, encoding="utf-8") as file:
            texts[os.path.basename(path)[:-4]] = file.read()
    for _ in range(int(passes)):
        for name, text in texts.items():
            started = time.perf_counter()
            try:
                rows = spark.sql(text).collect()
                print(name, f"{time.perf_counter() - started:.4f}", len(rows), digest(rows), flush=True)
            except Exception as error:
                print(name, "failed:", str(error).split("\n")[0], flush=True)
    spark.stop()


main()
