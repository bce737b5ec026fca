"""A library of transformations with its own tests, as projects have them: unittest, assertDataFrameEqual, fixtures."""
import io
import re
import sys
import unittest
from datetime import datetime

from pyspark.errors import AnalysisException, PySparkAssertionError
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType
from pyspark.testing import assertDataFrameEqual, assertSchemaEqual


def snake_case(df: DataFrame) -> DataFrame:
    return df.toDF(*[re.sub(r"[^0-9a-z]+", "_", c.strip().lower()) for c in df.columns])


def trim_all(df: DataFrame) -> DataFrame:
    return df.select([F.trim(c).alias(c) if t == "string" else F.col(c) for c, t in df.dtypes])


def with_audit(at: str):
    def inner(df: DataFrame) -> DataFrame:
        return df.withColumns({"loaded_at": F.lit(at).cast("timestamp"), "source": F.lit("test")})

    return inner


def is_email(column: Column) -> Column:
    return column.rlike(r"^[\w.+-]+@[\w-]+\.[\w.]+$")


def latest(df: DataFrame, key: str, order: str) -> DataFrame:
    return df.join(df.groupBy(key).agg(F.max(order).alias(order)), [key, order]).select(df.columns)


class Transformations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.spark = SparkSession.builder.master("local[1]").appName("tests").config("spark.sql.shuffle.partitions", 1).getOrCreate()

    @classmethod
    def tearDownClass(cls):
        cls.spark.stop()

    def test_names(self):
        df = self.spark.createDataFrame([(1, "x")], ["Customer ID", " Full-Name "])
        self.assertEqual(snake_case(df).columns, ["customer_id", "_full_name_"[1:-1]])

    def test_trim(self):
        df = self.spark.createDataFrame([(" a ", 1), (None, 2)], "s string, n int").transform(trim_all)
        assertDataFrameEqual(df, self.spark.createDataFrame([("a", 1), (None, 2)], "s string, n int"))

    def test_audit(self):
        df = self.spark.range(1).transform(with_audit("2024-01-01 10:00:00"))
        self.assertEqual(df.first().loaded_at, datetime(2024, 1, 1, 10))
        assertSchemaEqual(df.drop("loaded_at").schema, StructType([StructField("id", LongType(), False), StructField("source", StringType(), False)]))

    def test_email(self):
        df = self.spark.createDataFrame([("a@b.c", True), ("a b@c", False), ("x.y+z@w-v.org", True)], ["m", "ok"])
        self.assertEqual(df.filter(is_email(F.col("m")) != F.col("ok")).count(), 0)

    def test_latest(self):
        df = self.spark.createDataFrame([("a", 1, "old"), ("a", 2, "new"), ("b", 1, "only")], ["k", "v", "t"])
        self.assertEqual(sorted(map(tuple, latest(df, "k", "v").collect())), [("a", 2, "new"), ("b", 1, "only")])

    def test_differs(self):
        one = self.spark.createDataFrame([(1, "a"), (2, "b")], ["n", "s"])
        two = self.spark.createDataFrame([(1, "a"), (2, "c")], ["n", "s"])
        with self.assertRaises(PySparkAssertionError) as raised:
            assertDataFrameEqual(one, two)
        self.assertEqual(raised.exception.getCondition(), "DIFFERENT_ROWS")
        print(raised.exception.getMessageParameters()["error_msg"])

    def test_schema_differs(self):
        with self.assertRaises(PySparkAssertionError) as raised:
            assertSchemaEqual(StructType([StructField("a", IntegerType())]), StructType([StructField("a", LongType())]))
        print(raised.exception.getCondition())

    def test_missing_column(self):
        with self.assertRaisesRegex(AnalysisException, "UNRESOLVED_COLUMN.WITH_SUGGESTION") as raised:
            self.spark.range(1).select("idd").collect()
        print(raised.exception.getSqlState(), sorted(raised.exception.getMessageParameters().items()))

    def test_not_a_column(self):
        with self.assertRaises(AttributeError) as raised:
            self.spark.range(1).nope
        print(str(raised.exception).split("\n")[0])

    def test_bool(self):
        with self.assertRaises(ValueError) as raised:
            if self.spark.range(1).id > 1:
                pass
        print(str(raised.exception)[:60])

    def test_pandas(self):
        pdf = self.spark.range(3).withColumn("s", F.col("id").cast("string")).toPandas()
        self.assertEqual(list(pdf.s), ["0", "1", "2"])
        self.assertEqual(str(pdf.dtypes["id"]), "int64")

    @unittest.skip("not today")
    def test_skipped(self):
        self.fail()


text = io.StringIO()
result = unittest.TextTestRunner(stream=text, verbosity=2).run(unittest.defaultTestLoader.loadTestsFromTestCase(Transformations))
for line in text.getvalue().split("\n"):
    if " ... " in line or line.startswith(("ERROR", "FAIL")):
        print(line)
print(result.testsRun, len(result.errors), len(result.failures), len(result.skipped))
for _, trace in result.errors + result.failures:
    print(trace.strip().split("\n")[-1])
