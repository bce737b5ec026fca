"""Python functions over groups: applyInPandas, applyInArrow, cogroup, aggregates and windows."""

from typing import Iterator, Tuple

import pandas as pd
import pyarrow as pa
from pyspark.sql import Window
from pyspark.sql import functions as F
from support.cases import failure


def sales(spark):
    rows = [("a", 1, 1.0), ("a", 2, 4.0), ("b", 3, 9.0), ("b", 1, 16.0), ("b", 2, 25.0), (None, 5, None), ("c", None, 2.0)]
    return spark.createDataFrame(rows, "k STRING, n LONG, v DOUBLE")


def pandas_mean():
    def mean(v: pd.Series) -> float:
        return v.mean()

    return F.pandas_udf(mean, "double")


def mean(*columns):
    return pandas_mean()(*columns)


def weighted(*columns, **named):
    def weighted(v: pd.Series, w: pd.Series) -> float:
        return float((v * w).sum())

    return F.pandas_udf(weighted, "double")(*columns, **named)


def first_line(action):
    try:
        action()
    except Exception as raised:
        lines = [line for line in str(raised).split("\n") if line.strip() and "SQLSTATE" not in line]
        return [type(raised).__name__, lines[0].strip(), lines[-1].strip()]
    return "no error"


def case_apply_in_pandas(spark, tmp):
    df = sales(spark)

    def centered(frame):
        return frame.assign(v=frame.v - frame.v.mean())

    def keyed(key, frame):
        return pd.DataFrame([(str(key[0]), len(frame), float(frame.v.sum()))], columns=["k", "c", "s"])

    def batches(it: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in it:
            yield frame[["k", "n"]].head(1)

    return {
        "frame": df.groupBy("k").applyInPandas(centered, df.schema),
        "key": df.groupBy("k").applyInPandas(keyed, "k string, c long, s double"),
        "expression": df.groupBy((F.col("n") % 2).alias("odd")).applyInPandas(
            lambda key, frame: pd.DataFrame({"o": [str(key)], "c": [len(frame)]}), "o string, c long"
        ),
        "two keys": df.groupBy("k", "n").applyInPandas(lambda frame: frame[["k", "n"]], "k string, n long"),
        "no keys": df.groupBy().applyInPandas(lambda frame: pd.DataFrame({"c": [len(frame)]}), "c long"),
        "empty": df.filter("1 = 0").groupBy("k").applyInPandas(keyed, "k string, c long, s double"),
        "order": df.coalesce(1).orderBy("n").groupBy("k").applyInPandas(
            lambda frame: pd.DataFrame({"k": [frame.k.iloc[0]], "l": [str(frame.n.tolist())]}), "k string, l string"
        ),
        "iterator": df.groupBy("k").applyInPandas(batches, "k string, n long"),
        "by position": df.groupBy("k").applyInPandas(lambda f: pd.DataFrame({0: f.k, 1: f.n}), "a string, b long"),
        "missing": first_line(lambda: df.groupBy("k").applyInPandas(lambda f: f[["k"]], "k string, z long").collect()),
        "not a frame": first_line(lambda: df.groupBy("k").applyInPandas(lambda f: 1, "k string").collect()),
        "nested": df.groupBy("k").applyInPandas(centered, df.schema).groupBy("k").applyInPandas(keyed, "k string, c long, s double"),
        "udf key": df.groupBy(F.udf(lambda k: (k or "z").upper())("k").alias("u")).applyInPandas(
            lambda key, f: pd.DataFrame({"u": [key[0]], "c": [len(f)]}), "u string, c long"
        ),
    }


def case_apply_in_arrow(spark, tmp):
    df = sales(spark)

    def summed(table):
        return pa.table({"c": [table.num_rows]})

    def keyed(key, table):
        return pa.table({"k": pa.array([key[0].as_py()], pa.string()), "c": [table.num_rows]})

    def batches(it: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in it:
            yield pa.RecordBatch.from_arrays([pa.array([batch.num_rows])], ["c"])

    return {
        "table": df.groupBy("k").applyInArrow(summed, "c long"),
        "key": df.groupBy("k").applyInArrow(keyed, "k string, c long"),
        "iterator": df.groupBy("k").applyInArrow(batches, "c long"),
        "wrong type": first_line(lambda: df.groupBy("k").applyInArrow(lambda t: pa.table({"c": ["x"]}), "c long").collect()),
    }


def case_cogroup(spark, tmp):
    left = spark.createDataFrame([(1, "a"), (1, "b"), (2, "c"), (4, "d")], "id INT, x STRING")
    right = spark.createDataFrame([(1, 10.0), (2, 20.0), (2, 21.0), (3, 30.0)], "id INT, y DOUBLE")

    def sizes(key, a, b):
        return pd.DataFrame([(key[0], len(a), len(b))], columns=["id", "l", "r"])

    def merged(a, b):
        return pd.merge(a, b, on="id", how="outer")

    def tables(key, a, b):
        return pa.table({"id": pa.array([key[0].as_py()], pa.int32()), "l": [a.num_rows], "r": [b.num_rows]})

    grouped = left.groupBy("id").cogroup(right.groupBy("id"))
    return {
        "key": grouped.applyInPandas(sizes, "id int, l long, r long"),
        "merge": grouped.applyInPandas(merged, "id int, x string, y double"),
        "arrow": grouped.applyInArrow(tables, "id int, l long, r long"),
    }


def case_aggregate(spark, tmp):
    df = sales(spark)

    @F.pandas_udf("double")
    def streamed(it: Iterator[pd.Series]) -> float:
        return float(sum(s.sum() for s in it))

    @F.arrow_udf("double")
    def arrow_max(v: pa.Array) -> float:
        return pa.compute.max(v)

    return {
        "group": df.groupBy("k").agg(mean("v")),
        "several": df.groupBy("k").agg(mean("v").alias("m"), weighted("v", "n"), mean(F.col("n") * 2)),
        "global": df.agg(mean("v"), weighted("v", "n")),
        "expression": df.groupBy((F.col("n") % 2).alias("odd")).agg(mean("v") + 1),
        "mixed": failure(lambda: df.groupBy("k").agg(mean("v"), F.sum("n")).collect()),
        "sql": (spark.udf.register("py_mean", pandas_mean()), df.createOrReplaceTempView("sales"))
        and spark.sql("SELECT k, py_mean(v) AS m FROM sales GROUP BY k HAVING py_mean(v) > 2"),
        "iterator": df.groupBy("k").agg(streamed("n")),
        "arrow": df.groupBy("k").agg(arrow_max("v")),
        "pivot": failure(lambda: df.groupBy("k").pivot("n", [1, 2]).agg(mean("v")).collect()),
        "keyword": df.groupBy("k").agg(weighted(w=F.col("n"), v=F.col("v"))),
        "empty": df.filter("1 = 0").groupBy("k").agg(mean("v")),
        "empty global": df.filter("1 = 0").agg(mean("v")),
        "of udf": df.groupBy("k").agg(mean(F.udf(lambda v: (v or 0.0) + 1, "double")("v"))),
    }


def case_window(spark, tmp):
    df = sales(spark)

    @F.arrow_udf("double")
    def arrow_sum(v: pa.Array) -> float:
        return pa.compute.sum(v).as_py()

    whole = Window.partitionBy("k")
    ordered = whole.orderBy("n")
    return {
        "unbounded": df.select("k", "v", mean("v").over(whole)),
        "ordered": df.select("k", "n", mean("v").over(ordered).alias("m")),
        "rows": df.select("k", "n", mean("v").over(ordered.rowsBetween(-1, 0)).alias("m")),
        "range": df.select("k", "n", mean("v").over(ordered.rangeBetween(-1, 1)).alias("m")),
        "beside": df.select("k", "n", mean("v").over(ordered).alias("m"), F.sum("n").over(ordered).alias("s")),
        "arrow": df.select("k", "n", arrow_sum("n").over(ordered.rowsBetween(Window.unboundedPreceding, 0)).alias("m")),
        "two": df.select("k", "n", mean("v").over(whole).alias("a"), mean("n").over(ordered).alias("b")),
    }


def case_grouping_sets(spark, tmp):
    df = spark.createDataFrame(
        [(1, "a", 1.0), (1, "b", 2.0), (2, "a", 3.0), (2, "b", 5.0), (2, None, 10.0)], "id INT, k STRING, v DOUBLE"
    )
    df.createOrReplaceTempView("python_sets")

    @F.pandas_udf("double")
    def middle(v: pd.Series) -> float:
        return v.mean()

    spark.udf.register("middle", middle)
    return {
        "rollup": df.rollup("id", "k").agg(middle("v").alias("m")), "cube": df.cube("id", "k").agg(middle("v").alias("m")),
        "of a key": df.rollup("id").agg(middle("id").alias("m"), F.grouping("id").alias("g")),
        "sets": spark.sql("SELECT id, k, middle(v) m FROM python_sets GROUP BY GROUPING SETS ((id), (k), ())"),
        "id": spark.sql("SELECT id, grouping_id() g, middle(v + 1) m FROM python_sets GROUP BY CUBE (id) HAVING middle(v) > 2"),
        "no rows": df.filter("id > 9").rollup("id").agg(middle("v").alias("m")),
        "filter": failure(lambda: spark.sql("SELECT id, middle(v) FILTER (WHERE v > 1) FROM python_sets GROUP BY id")),
        "distinct": failure(lambda: spark.sql("SELECT middle(DISTINCT v) FROM python_sets")),
        "others": failure(lambda: df.rollup("id").agg(middle("v"), F.sum("v"))),
        "sorted": df.groupBy("id").agg(F.udf(lambda x: x * 2, "double")(F.sum("v")).alias("s")).orderBy("id"),
    }
