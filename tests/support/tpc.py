"""TPC-H and TPC-DS at scale factor 0.01: the data of `bench/NAME/generate.py`, the queries of `bench/NAME/queries/`."""

import glob
import importlib.util
import json
import os

from . import encode
from .servers import ROOT, TESTS

SCALE_FACTOR = 0.01


class Benchmark:
    """A folder of `bench` with a generator and queries, and what Spark answered."""

    def __init__(self, name):
        self.name = name
        self.folder = os.path.join(ROOT, "bench", name)
        self.expected_path = os.path.join(TESTS, name, "expected.json")

    def names(self):
        return sorted(os.path.basename(path)[:-4] for path in glob.glob(os.path.join(self.folder, "queries", "q*.sql")))

    def text(self, query):
        with open(os.path.join(self.folder, "queries", query + ".sql"), encoding="utf-8") as file:
            return file.read()

    def expected(self):
        if not os.path.exists(self.expected_path):
            return {}
        with open(self.expected_path, encoding="utf-8") as file:
            return json.load(file)

    def load(self, spark, folder):
        """Generate the tables in a folder and make them views of the session."""
        spec = importlib.util.spec_from_file_location(f"firesteel_{self.name}_generate", os.path.join(self.folder, "generate.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        data = os.path.join(str(folder), self.name)
        module.generate(data, SCALE_FACTOR)
        for table in module.TABLES:
            spark.read.parquet(os.path.join(data, table)).createOrReplaceTempView(table)

    def answer(self, spark, query):
        try:
            return encode.neutral(encode.frame(spark.sql(self.text(query)), ordered=True))
        except Exception as raised:
            return encode.neutral(encode.error(raised))


TPCH = Benchmark("tpch")
TPCDS = Benchmark("tpcds")
