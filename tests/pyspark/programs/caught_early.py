"""Wrong transformations that are caught where they are written: no action follows."""

import contextlib
import unittest

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession, functions as F

spark = SparkSession.builder.appName("caught").getOrCreate()
df = spark.createDataFrame([(1, "a", 2.5), (2, "b", None)], ["id", "name", "score"])
other = spark.createDataFrame([(1, "x")], ["key", "name"])


def enrich(frame):
    frame = frame.withColumn("twice", F.col("score") * 2)
    return frame.select("id", "twice", "nmae")


def has_column(frame, name):
    try:
        frame.select(name)
        return True
    except AnalysisException:
        return False


print([has_column(df, name) for name in ("id", "nope", "name", "NAME", "a.b")])
try:
    enrich(df)
    print("went on")
except AnalysisException as error:
    print(error.getCondition(), error.getSqlState(), str(error).split(".")[0])

steps = {
    "filter": lambda: df.filter("age > 3"),
    "where": lambda: df.where(F.col("age") > 3),
    "groupBy": lambda: df.groupBy("team").agg(F.sum("score")),
    "agg": lambda: df.agg(F.nosuch("score") if hasattr(F, "nosuch") else F.expr("nosuch(score)")),
    "ungrouped": lambda: df.groupBy("id").agg(F.col("score")),
    "join": lambda: df.join(other, "id"),
    "ambiguous": lambda: df.join(other, df.id == other.key).select("name"),
    "union": lambda: df.union(other.select("key")),
    "unionByName": lambda: df.unionByName(other),
    "orderBy": lambda: df.orderBy("nope"),
    "cast": lambda: df.withColumn("d", F.col("id").cast("integerr")),
    "mismatch": lambda: df.select(F.col("name") + F.array(F.lit(1))),
    "explode": lambda: df.select(F.explode("id")),
    "pivot": lambda: df.groupBy("id").pivot("nope").count(),
    "window": lambda: df.select(F.row_number().over(__import__("pyspark").sql.Window.partitionBy("id"))),
    "drop": lambda: df.drop("nope"),
    "renamed": lambda: df.withColumnRenamed("nope", "x"),
    "fillna": lambda: df.fillna(0, subset=["nope"]),
    "selectExpr": lambda: df.selectExpr("id +"),
    "toDF": lambda: df.toDF("a", "b"),
    "alias": lambda: df.alias("t").select("u.id"),
    "sql": lambda: spark.sql("SELECT nope FROM {t}", t=df),
    "limit": lambda: df.limit(-1),
    "sample": lambda: df.sample(0.5).select("id"),
}
for name, step in steps.items():
    try:
        step()
        print(name, "went on")
    except Exception as error:
        print(name, type(error).__name__, str(error).split("\n")[0].split(". ")[0][:120])

with contextlib.suppress(AnalysisException):
    df.select("nope")
    print("never printed")


class Tests(unittest.TestCase):
    def test_with(self):
        with self.assertRaises(AnalysisException) as raised:
            enrich(df)
        print(raised.exception.getCondition())

    def test_call(self):
        self.assertRaises(AnalysisException, df.select, "nope")

    def test_text(self):
        with self.assertRaisesRegex(AnalysisException, "`team`"):
            df.groupBy("team").count()


result = unittest.TestResult()
unittest.defaultTestLoader.loadTestsFromTestCase(Tests).run(result)
print(result.testsRun, len(result.failures), len(result.errors))

try:
    wide = df
    for n in range(30):
        wide = wide.withColumn(f"c{n}", F.lit(n))
    print(len(wide.columns))
finally:
    print("done")


def attempts():
    for column in ("id", "nope", "name"):
        try:
            yield df.select(column).columns
        except AnalysisException as error:
            yield error.getCondition()


print(list(attempts()))
spark.stop()
