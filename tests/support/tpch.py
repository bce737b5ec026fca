"""TPC-H at scale factor 0.01: the data of `bench/tpch/generate.py`, the queries of `bench/tpch/queries/`."""

import glob
import importlib.util
import json
import os

from . import encode
from .servers import ROOT, TESTS

FOLDER = os.path.join(ROOT, "bench", "tpch")
EXPECTED = os.path.join(TESTS, "tpch", "expected.json")
SCALE_FACTOR = 0.01


def names():
    return sorted(os.path.basename(path)[:-4] for path in glob.glob(os.path.join(FOLDER, "queries", "q*.sql")))


def text(name):
    with open(os.path.join(FOLDER, "queries", name + ".sql"), encoding="utf-8") as file:
        return file.read()


def expected():
    if not os.path.exists(EXPECTED):
        return {}
    with open(EXPECTED, encoding="utf-8") as file:
        return json.load(file)


def load(spark, folder):
    """Generate the tables in a folder and make them views of the session."""
    spec = importlib.util.spec_from_file_location("firesteel_tpch_generate", os.path.join(FOLDER, "generate.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    data = os.path.join(str(folder), "tpch")
    module.generate(data, SCALE_FACTOR)
    for table in module.TABLES:
        spark.read.parquet(os.path.join(data, table)).createOrReplaceTempView(table)


def answer(spark, name):
    try:
        return encode.neutral(encode.frame(spark.sql(text(name)), ordered=True))
    except Exception as raised:
        return encode.neutral(encode.error(raised))
