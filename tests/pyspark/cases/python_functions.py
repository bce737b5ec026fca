"""Python functions over rows and columns: udf with and without Arrow, pandas_udf, arrow_udf, where they may stand, what
they are given and may return, how they fail."""

import datetime
import decimal
from typing import Iterator, Tuple

import pandas as pd
import pyarrow as pa
from pyspark.sql import Row
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, LongType, StringType
from support.cases import failure, shown

EVERY_TYPE = """
    SELECT 1Y a, 2S b, 3 c, 4L d, 1.5f e, 2.5d f, true g, 's' h, X'0102' i, date'2020-01-02' j,
    timestamp'2020-01-02 03:04:05.123456' k, timestamp_ntz'2020-01-02 03:04:05' l, 1.50BD m, array(1,2) n, map('a',1) o,
    struct(1 as x,'y' as y) p, interval '1' day q, null r, array(struct(1 as z)) s, array(array('x'), null) t
"""


def plus(*columns):
    def plus(x):
        return None if x is None else x + 1

    return F.udf(plus, "int")(*columns)


def seen(*columns):
    def seen(x):
        return f"{type(x).__name__} {x!r}"

    return F.udf(seen, "string")(*columns)


def pandas_twice():
    def twice(s: pd.Series) -> pd.Series:
        return s * 2

    return F.pandas_udf(twice, "long")


def twice(*columns):
    return pandas_twice()(*columns)


def first_line(action):
    """The user's words of a failure: its last line but one, as the traceback itself has paths."""
    try:
        action()
    except Exception as raised:
        lines = [line for line in str(raised).split("\n") if line.strip() and "SQLSTATE" not in line]
        return [type(raised).__name__, lines[0].strip(), lines[-1].strip()]
    return "no error"


def case_select(spark, tmp):
    df = spark.range(5)
    return {
        "plain": df.select(plus("id")),
        "chained": df.select(plus(plus("id")), plus(plus(plus("id"))).alias("three")),
        "several": df.select(plus("id"), twice("id"), F.col("id"), plus("id") + twice("id")),
        "mixed": df.select(plus(twice("id")), twice(plus("id").cast("long"))),
        "no argument": df.select(F.udf(lambda: 7, "int")()),
        "literal": df.select(plus(F.lit(1)), plus(F.lit(None).cast("int"))),
        "in expressions": df.select(F.when(plus("id") > 2, plus("id")).otherwise(-1), F.coalesce(plus("id"), F.lit(0))),
        "with column": df.withColumn("b", plus("id")).withColumn("c", plus("b")),
        "keyword": df.select(F.udf(lambda a, b: a - b, "long")(b=F.col("id"), a=F.lit(10))),
        "star": df.select(F.udf(lambda a, b: a * b, "long")("id", "id").alias("square")),
        "names": df.select(plus("id"), plus(F.col("id") + 1), F.udf(lambda x: x)("id")).columns,
        "nested name": df.select(plus("id").alias("x"), (plus("id") * 2)).columns,
    }


def case_clauses(spark, tmp):
    df = spark.createDataFrame([(1, "a"), (2, "b"), (3, "a"), (None, "c")], "n INT, s STRING")
    other = spark.createDataFrame([(2, "two"), (3, "three")], "m INT, t STRING")
    length = F.udf(lambda s: None if s is None else len(s), "int")
    return {
        "filter": df.filter(plus("n") > 2),
        "filter and": df.filter((plus("n") > 1) & (df.s == "a")),
        "filter or": df.filter((plus("n") == 2) | (df.s == "c")),
        "group": df.groupBy(plus("n").alias("k")).count(),
        "aggregate": df.groupBy("s").agg(F.sum(plus("n")).alias("t"), F.max(length("s"))),
        "of aggregate": df.groupBy("s").agg(plus(F.sum("n").cast("int")).alias("t")),
        "global": df.agg(F.sum(plus("n"))),
        "order": [row.s for row in df.orderBy(plus("n").desc(), "s").collect()],
        "join keys": df.join(other, plus("n") == other.m),
        "join left": df.join(other, plus(df.n) == plus(other.m), "left"),
        "join mixed": df.join(other, F.udf(lambda a, b: a is not None and a < b, "boolean")("n", "m")),
        "join left mixed": failure(lambda: df.join(other, F.udf(lambda a, b: True, "boolean")("n", "m"), "left")),
        "distinct": df.select(plus("n").isNull()).distinct(),
        "union": df.select(plus("n")).union(other.select(plus("m"))),
        "explode": df.select(F.explode(F.udf(lambda n: [n, n], "array<int>")("n"))),
        "window": df.select("s", F.sum(plus("n")).over(__import__("pyspark").sql.Window.partitionBy("s")).alias("w")),
        "lambda": failure(lambda: df.select(F.transform(F.array("n"), lambda x: plus(x)))),
        "limit": df.select(plus("n").alias("v")).limit(2).count(),
        "subquery": df.filter(F.col("n").isin(2, 3)).select(plus("n")).filter("`plus(n)` > 3"),
        "pivot": df.groupBy("s").pivot("s", ["a", "b"]).agg(F.sum(plus("n"))),
        "cube": df.cube(plus("n").alias("k")).count(),
    }


def case_inputs(spark, tmp):
    df = spark.sql(EVERY_TYPE)
    plain = F.udf(lambda x: f"{type(x).__name__} {x!r}", useArrow=False)
    return {"arrow": df.select(*[seen(c).alias(c) for c in df.columns]), "plain": df.select(*[plain(c).alias(c) for c in df.columns])}


def results(spark, arrow):
    values = [True, 1, 300, 2**40, 1.5, "s", b"b", datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4, 5),
              decimal.Decimal("1.255"), [1, 2], (1, 2), {"a": 1}, Row(a=1), datetime.timedelta(1), None]
    types = ["boolean", "tinyint", "int", "bigint", "float", "double", "decimal(5,2)", "string", "binary", "date",
             "timestamp", "timestamp_ntz", "array<int>", "map<string,int>", "struct<a:int>"]
    told = {}
    for name in types:
        row = []
        for value in values:
            if name == "string" and not arrow and isinstance(value, (bytes, datetime.date, tuple, datetime.timedelta)):
                # Texts of Java objects.
                continue
            function = F.udf(lambda _, value=value: value, name, useArrow=arrow)
            try:
                row.append(spark.range(1).select(function("id")).collect()[0][0])
            except Exception as raised:
                row.append(type(raised).__name__)
        told[name] = row
    return told


def case_results_arrow(spark, tmp):
    return results(spark, True)


def case_results_plain(spark, tmp):
    return results(spark, False)


def case_plain(spark, tmp):
    plain = F.udf(lambda x: x + 1, "long", useArrow=False)
    two = F.udf(lambda a, b: (a, str(b)), "struct<a: long, b: string>", useArrow=False)
    df = spark.range(3)
    return {"one": df.select(plain("id")), "chained": df.select(plain(plain("id"))), "two": df.select(two("id", plain("id")), plain("id"))}


def case_pandas(spark, tmp):
    df = spark.createDataFrame([(1, "a", 1.5), (2, None, 2.5), (3, "c", None)], "n LONG, s STRING, f DOUBLE")

    @F.pandas_udf("long")
    def counted(it: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for s in it:
            yield s + 1

    @F.pandas_udf("long")
    def two(it: Iterator[Tuple[pd.Series, pd.Series]]) -> Iterator[pd.Series]:
        for a, b in it:
            yield a + b

    @F.pandas_udf("string")
    def upper(s: pd.Series) -> pd.Series:
        return s.str.upper()

    @F.pandas_udf("n long, d double")
    def pair(n: pd.Series, f: pd.Series) -> pd.DataFrame:
        return pd.DataFrame({"n": n, "d": f * 2})

    @F.pandas_udf("long")
    def inside(s: pd.DataFrame) -> pd.Series:
        return s["n"] * 10

    return {
        "scalar": df.select(twice("n"), upper("s")),
        "iterator": df.select(counted("n"), two("n", "n"), twice("n")),
        "frame out": df.select(pair("n", "f").alias("p")).select("p.*"),
        "frame in": df.select(inside(F.struct("n", "s"))),
        "dates": spark.sql("SELECT date'2020-01-02' d, timestamp'2020-01-02 03:04:05' t").select(
            F.pandas_udf(lambda s: s.dt.hour.astype("int64"), "long")("t"), F.pandas_udf(lambda s: s.map(lambda d: d.day), "int")("d")
        ),
    }


def case_arrow(spark, tmp):
    df = spark.createDataFrame([(1, "a"), (2, None)], "n LONG, s STRING")

    @F.arrow_udf("long")
    def added(a: pa.Array, b: pa.Array) -> pa.Array:
        return pa.compute.add(a, b)

    @F.arrow_udf("long")
    def counted(it: Iterator[pa.Array]) -> Iterator[pa.Array]:
        for a in it:
            yield pa.compute.multiply(a, 3)

    return {"scalar": df.select(added("n", "n")), "iterator": df.select(counted("n"))}


def case_map(spark, tmp):
    df = spark.createDataFrame([(1, "a"), (2, "b"), (3, None)], "n LONG, s STRING").coalesce(1)

    def halves(it):
        for frame in it:
            yield frame[frame.n > 1].assign(h=frame.n / 2)[["n", "h"]]

    def lengths(it):
        for batch in it:
            yield pa.RecordBatch.from_arrays([pa.array([batch.num_rows])], ["rows"])

    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "2")
    return {
        "pandas": df.mapInPandas(halves, "n long, h double"),
        "arrow": df.mapInArrow(lengths, "rows long"),
        "same": df.mapInArrow(lambda it: it, df.schema),
        "none": df.mapInPandas(lambda it: iter([]), "n long"),
        "schema": df.mapInPandas(halves, "n long, h double").schema.simpleString(),
        "barrier": df.mapInArrow(lambda it: it, df.schema, barrier=True),
        "types": spark.sql("SELECT timestamp'2020-01-02 03:04:05' t, array(struct(1 x)) a, map('k', 1.5bd) m").mapInArrow(
            lambda it: it, "t timestamp, a array<struct<x:int>>, m map<string,decimal(2,1)>"
        ),
        "foreach": df.foreach(lambda row: None),
        "foreachPartition": df.foreachPartition(lambda rows: None),
    }


def case_registered(spark, tmp):
    spark.udf.register("add_one", lambda x: x + 1, "int")
    spark.udf.register("plus_two", F.udf(lambda x: x + 2, LongType()))
    spark.udf.register("doubled", pandas_twice())
    text = spark.udf.register("to_text", lambda x, sep="-": f"{x}{sep}")
    spark.range(3).createOrReplaceTempView("t")
    return {
        "sql": spark.sql("SELECT add_one(id), plus_two(id), doubled(id) AS d, to_text(id), to_text(id, '!') FROM t"),
        "named": spark.sql("SELECT to_text(x => id, sep => '+') FROM t"),
        "where": spark.sql("SELECT id FROM t WHERE add_one(id) > 1"),
        "expr": spark.range(2).selectExpr("add_one(id) + 1"),
        "call": spark.range(2).select(F.call_udf("add_one", "id"), F.call_function("doubled", "id")),
        "handle": spark.range(2).select(text("id")),
        "case": spark.sql("SELECT ADD_ONE(1)"),
        "missing": failure(lambda: spark.sql("SELECT no_such(1)")),
        "exists": [spark.catalog.functionExists("add_one"), spark.catalog.functionExists("no_such")],
    }


def case_failures(spark, tmp):
    df = spark.range(3)

    def bad(x):
        raise ValueError("oops %d" % x)

    def missing(x):
        import no_such_module

        return no_such_module.x

    def stop(x):
        raise StopIteration()

    return {
        "raise": first_line(lambda: df.select(F.udf(bad)("id")).collect()),
        "pandas": first_line(lambda: df.select(F.pandas_udf(lambda s: 1 / 0, "long")("id")).collect()),
        "import": first_line(lambda: df.select(F.udf(missing)("id")).collect()),
        "stop": first_line(lambda: df.select(F.udf(stop)("id")).collect())[::2],
        "length": first_line(lambda: df.coalesce(1).select(F.pandas_udf(lambda s: pd.Series([1]), "long")("id")).collect()),
        "not a series": first_line(lambda: df.select(F.pandas_udf(lambda s: 1, "long")("id")).collect()),
        "not a batch": first_line(lambda: df.mapInArrow(lambda it: [1], "id long").collect()),
        "not a frame": first_line(lambda: df.mapInPandas(lambda it: [1], "id long").collect()),
        "column missing": first_line(lambda: df.mapInPandas(lambda it: it, "other long").collect()),
        "goes on": df.select(plus("id")),
        "too few arguments": first_line(lambda: df.select(F.udf(lambda a, b: a)("id")).collect()),
    }


def case_context(spark, tmp):
    from pyspark import TaskContext

    def where(_):
        context = TaskContext.get()
        return [context.partitionId(), context.attemptNumber(), context.cpus()]

    return spark.range(4, numPartitions=2).select("id", F.udf(where, "array<int>")("id"))


def case_nondeterministic(spark, tmp):
    counter = F.udf(lambda x: 1, "int").asNondeterministic()
    df = spark.range(3).select(counter("id").alias("a"), counter("id").alias("b"))
    return {"select": df, "filter": df.filter("a = 1").count()}


def case_large(spark, tmp):
    df = spark.range(50000, numPartitions=3)
    return df.select(plus("id").alias("v"), twice("id").alias("w")).agg(F.sum("v"), F.sum("w"), F.count("*"))


def case_output(spark, tmp):
    return shown(lambda: spark.range(3).select(plus("id"), twice("id")).show())
