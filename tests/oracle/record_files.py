#!/usr/bin/env python3
"""Writes the files of tests/pyspark/files with real Apache Spark: what Spark wrote must be read here.

    python3 tests/oracle/record_files.py     (with an interpreter that has pyspark 4.2, and Java 17)
"""

import glob
import os
import pathlib
import shutil
import tempfile
import time

os.environ["TZ"] = "UTC"
time.tzset()

import avro_jar  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402

FILES = pathlib.Path(__file__).resolve().parent.parent / "pyspark" / "files"

ROWS = """
SELECT id, CAST(id % 100 AS TINYINT) t, CAST(id * 3 AS SMALLINT) sm, CAST(id * 7 - 50 AS INT) i,
    id * 100000000003 - 500000000 l, CAST(id / 3 AS FLOAT) f, id / 7 d, CAST(id / 7 AS DECIMAL(10, 3)) de,
    CAST(id * 1000000 AS DECIMAL(30, 5)) de2, CASE WHEN id % 3 = 0 THEN NULL ELSE concat('word', id % 7) END s,
    CAST(concat('b', id % 5) AS BINARY) b, id % 2 = 0 bo, date_add(DATE'1200-01-01', CAST(id * 2000 AS INT)) da,
    TIMESTAMP'1400-01-01 00:00:00.123456' + make_interval(0, 0, 0, CAST(id * 1000 AS INT)) ts,
    TIMESTAMP_NTZ'1900-01-01 00:00:00.5' + make_dt_interval(CAST(id * 10 AS INT)) tn,
    array(id, NULL, id + 1) ar, map('k', id, 'z', NULL) mp, named_struct('a', id, 'b', array(named_struct('x', 'y'))) st,
    CASE WHEN id % 4 = 0 THEN NULL ELSE named_struct('q', if(id % 5 = 0, NULL, id)) END sn,
    make_ym_interval(CAST(id AS INT), 3) ym, make_dt_interval(CAST(id AS INT), 1) dt
FROM range(0, 300, 1, 1)
"""


VARIANTS = """
SELECT id, parse_json(j) v FROM VALUES
    (1, '{"a":1,"b":"x","c":[1,2],"d":{"e":1.5,"f":"2020-01-01"}}'), (2, '{"a":2,"b":"y","z":{"y":true}}'), (3, '[1]'),
    (4, NULL), (5, '{"a":"no","c":[1,"x",null]}'), (6, 'null'), (7, '{"a":12345678901,"d":{"e":"s","g":[]},"c":{}}') t(id, j)
"""


def shredded(spark, folder):
    """VARIANTs whose parts have columns of their own."""
    spark.conf.set("spark.sql.variant.forceShreddingSchemaForTest",
                   "a int, b string, c array<int>, d struct<e: decimal(5, 2), f: string>")
    spark.sql(VARIANTS).coalesce(1).write.parquet(f"{folder}/shredded")
    spark.conf.unset("spark.sql.variant.forceShreddingSchemaForTest")
    (found,) = glob.glob(f"{folder}/shredded/*.parquet")
    shutil.copyfile(found, FILES / "shredded.parquet")


def main():
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
             .config("spark.jars", avro_jar.path()).getOrCreate())
    FILES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for codec in ("none", "zlib", "snappy", "lz4", "zstd"):
            spark.sql(ROWS).write.option("compression", codec).orc(f"{folder}/{codec}")
            (found,) = glob.glob(f"{folder}/{codec}/*.orc")
            shutil.copyfile(found, FILES / f"{codec}.orc")
        for codec in ("uncompressed", "deflate", "snappy", "zstandard"):
            spark.sql(ROWS).write.format("avro").option("compression", codec).save(f"{folder}/avro-{codec}")
            (found,) = glob.glob(f"{folder}/avro-{codec}/*.avro")
            shutil.copyfile(found, FILES / f"{codec}.avro")
        shredded(spark, folder)
    spark.stop()


if __name__ == "__main__":
    main()
