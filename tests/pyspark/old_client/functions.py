"""Functions of every kind that PySpark 3.5 has: `python functions.py URL` with its Connect client prints the answers as
JSON, and `python functions.py local` is how they are recorded from Spark 3.5 itself."""

import datetime
import decimal
import json
import sys
import tempfile
from typing import Iterator, Tuple

import pandas as pd
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.functions import pandas_udf, udf, udtf

CASES = []


def case(function):
    CASES.append(function)


@case
def rows(spark, df):
    add = udf(lambda a, b: a * 10 + (b or 0), "int")
    return df.select(add("k", F.lit(3)).alias("r")).collect()


@case
def rows_by_arrow(spark, df):
    return df.select(udf(lambda s: s + "!", "string", useArrow=True)("s").alias("r")).collect()


@case
def types(spark, df):
    text, pairs = T.StringType(), T.MapType(T.StringType(), T.DoubleType())
    kind = T.StructType().add("a", T.ArrayType(T.IntegerType())).add("m", pairs).add("d", "date").add("t", "timestamp")
    kind = kind.add("x", T.DecimalType(10, 2)).add("b", "binary").add("n", T.StructType().add("s", text))
    when = datetime.datetime(2020, 1, 1, 2, 3)
    make = udf(lambda k: ([k, None], {"k": 1.5}, when.date(), when, decimal.Decimal("1.20"), b"ab", ("z",)), kind)
    return df.select(make("k").alias("r")).collect()


@case
def nested_arguments(spark, df):
    show = udf(lambda r, a, m: "%s %s %s" % (r, a, m), "string")
    return df.select(show(F.struct("id", "s"), F.array("k", "k"), F.create_map("s", "v")).alias("r")).collect()


@case
def chained_in_filters_and_keys(spark, df):
    plus, twice = udf(lambda x: x + 1, "long"), udf(lambda x: x * 2, "long")
    kept = df.filter(twice(plus("id")) > 10)
    return kept.groupBy(twice("k").alias("g")).agg(F.sum(plus("id")).alias("t")).orderBy("g").collect()


@case
def series(spark, df):
    @pandas_udf("double")
    def times(a: pd.Series, b: pd.Series) -> pd.Series:
        return a * b

    @pandas_udf("a long, b string")
    def pair(d: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"a": d["id"] * 2, "b": d["s"]})

    return df.select(times("v", "k").alias("p"), pair(F.struct("id", "s")).alias("r")).collect()


@case
def iterators(spark, df):
    @pandas_udf("double")
    def plus(batches: Iterator[Tuple[pd.Series, pd.Series]]) -> Iterator[pd.Series]:
        for a, b in batches:
            yield a + b

    return df.select(plus("v", "id").alias("r")).collect()


@case
def aggregates(spark, df):
    @pandas_udf("double")
    def mean(v: pd.Series) -> float:
        return v.mean()

    spark.udf.register("pmean", mean)
    df.createOrReplaceTempView("t")
    over = Window.partitionBy("k").orderBy("id").rowsBetween(-1, 0)
    grouped = df.groupBy("k").agg(mean("v").alias("m")).orderBy("k").collect()
    return grouped, df.select("id", mean("v").over(over).alias("m")).orderBy("id").collect(), spark.sql("SELECT pmean(v) AS m FROM t").collect()


@case
def maps(spark, df):
    def big(frames):
        for frame in frames:
            yield frame[frame.id > 5][["id", "s"]]

    def same(batches):
        yield from batches

    return df.mapInPandas(big, "id long, s string").collect(), df.mapInArrow(same, df.schema).collect()


@case
def groups(spark, df):
    def centered(frame):
        return frame.assign(v=frame.v - frame.v.mean())

    def keyed(key, frame):
        return pd.DataFrame([key + (frame.v.sum(),)])

    def sizes(key, one, other):
        return pd.DataFrame([(key[0], len(one), len(other))], columns=["k", "a", "b"])

    both = df.groupBy("k").cogroup(df.filter("id < 5").groupBy("k")).applyInPandas(sizes, "k int, a long, b long")
    keys = df.groupBy("k").applyInPandas(keyed, "k int, t double").orderBy("k").collect()
    return df.groupBy("k").applyInPandas(centered, df.schema).orderBy("id").collect(), keys, both.orderBy("k").collect()


@case
def tables(spark, df):
    @udtf(returnType="a int, b string")
    class Stairs:
        def eval(self, n: int):
            for i in range(n):
                yield i, "x" * i

        def terminate(self):
            yield -1, "end"

    spark.udtf.register("stairs", Stairs)
    lateral = "SELECT t.id, u.* FROM VALUES (1), (2) t(id), LATERAL stairs(t.id) u ORDER BY 1, 2"
    return Stairs(F.lit(3)).collect(), spark.sql("SELECT * FROM stairs(2)").collect(), spark.sql(lateral).collect()


@case
def registered(spark, df):
    spark.udf.register("plus", lambda a, b: a + b, "int")
    return spark.sql("SELECT plus(1, 2) AS r, plus(NULL IS NULL, 1) AS s").collect()


@case
def files(spark, df):
    with tempfile.NamedTemporaryFile("w", prefix="module35_", suffix=".py", delete=False) as file:
        file.write("def hundred(x):\n    return x + 100\n")
    name = file.name.rsplit("/", 1)[1][:-3]
    if hasattr(spark, "_jvm"):
        spark.sparkContext.addPyFile(file.name)
    else:
        spark.addArtifact(file.name, pyfile=True)
    return df.select(udf(lambda x: __import__(name).hundred(x), "long")("id").alias("r")).collect()


@case
def failure(spark, df):
    def bad(x):
        raise ValueError("no %s here" % x)

    try:
        df.select(udf(bad, "int")("id")).collect()
    except Exception as error:
        return type(error).__name__, "ValueError: no 0 here" in str(error)


def main(where):
    builder = SparkSession.builder
    local = {"spark.ui.enabled": "false", "spark.sql.session.timeZone": "UTC", "spark.log.level": "ERROR"}
    spark = builder.config(map=local).master("local[1]").getOrCreate() if where == "local" else builder.remote(where).getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    df = spark.createDataFrame([(i, i % 3, float(i), "s%d" % i) for i in range(10)], "id long, k int, v double, s string")
    answers = {}
    for function in CASES:
        try:
            answers[function.__name__] = repr(function(spark, df))
        except Exception as error:
            answers[function.__name__] = "%s: %s" % (type(error).__name__, error)
    spark.stop()
    print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1])
