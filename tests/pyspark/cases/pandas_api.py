"""Functions that the pandas API on Spark sends, and the order of rows that it counts on."""

from pyspark.sql import Window
from pyspark.sql import functions as F
from pyspark.sql.connect.functions.builtin import _invoke_function_over_columns as internal
from support.cases import failure


def numbers(spark):
    rows = [("a", 1, 1.5), ("a", 2, None), ("a", 4, 3.5), ("a", 4, -7.25), ("b", 3, 2.0), ("b", None, 2.0), ("c", None, None)]
    return spark.createDataFrame(rows, "k STRING, n INT, x DOUBLE")


def case_statistics(spark, tmp):
    df = numbers(spark).coalesce(1)
    lit = F.lit
    calls = [
        internal("pandas_stddev", "x", lit(1)), internal("pandas_stddev", "x", lit(0)), internal("pandas_var", "n", lit(1)),
        internal("pandas_var", "x", lit(2)), internal("pandas_skew", "x"), internal("pandas_skew", "n"), internal("pandas_kurt", "n"),
        internal("pandas_covar", "n", "x", lit(1)), internal("pandas_covar", "n", "x", lit(0)),
    ]
    names = [one.alias(f"c{at}") for at, one in enumerate(calls)]
    return {"whole": df.agg(*names), "groups": df.groupBy("k").agg(*names).orderBy("k").collect(), "none": df.where("false").agg(*names).collect()}


def case_products(spark, tmp):
    df = numbers(spark)
    product = lambda name, drop: internal("pandas_product", name, F.lit(drop))  # noqa: E731
    names = [product(name, drop).alias(f"{name}_{drop}") for name in ("n", "x") for drop in (True, False)]
    return {"groups": df.groupBy("k").agg(*names).orderBy("k").collect(), "whole": df.agg(*names)}


def case_modes(spark, tmp):
    df = numbers(spark)
    mode = lambda name, drop: F.sort_array(internal("pandas_mode", name, F.lit(drop)))  # noqa: E731
    return {
        "groups": df.groupBy("k").agg(mode("n", True).alias("a"), mode("n", False).alias("b")).orderBy("k").collect(),
        "top": df.groupBy("k").agg(internal("collect_top_k", "n", F.lit(2), F.lit(False)).alias("t")).orderBy("k").collect(),
        "least": df.groupBy("k").agg(internal("collect_top_k", "n", F.lit(2), F.lit(True)).alias("t")).orderBy("k").collect(),
    }


def case_running(spark, tmp):
    rows = [(1, 1.0), (2, None), (3, 3.0), (4, None), (5, None), (6, 2.5)]
    df = spark.createDataFrame(rows, "i INT, x DOUBLE")
    over = Window.orderBy("i").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return {
        "ewm": df.select("i", internal("ewm", "x", F.lit(0.5), F.lit(False)).over(over).alias("e")).collect(),
        "ewm without nulls": df.select("i", internal("ewm", "x", F.lit(0.5), F.lit(True)).over(over).alias("e")).collect(),
        "null_index": df.select("i", internal("null_index", "x").over(over).alias("n")).collect(),
        "not over a window": failure(lambda: df.select(internal("null_index", "x")).collect()),
    }


def case_search(spark, tmp):
    df = spark.createDataFrame([([1, 3, 5], 3), ([1, 3, 5], 4), ([], 1), ([1, 3, 5], None), (None, 1)], "a ARRAY<INT>, v INT")
    return df.select(internal("array_binary_search", "a", "v").alias("at")).collect()


def two_hundred(spark):
    spark.conf.set("spark.sql.shuffle.partitions", "200")


def case_order_of_rows(spark, tmp):
    two_hundred(spark)
    df = spark.range(0, 40, 1, 1).select((F.col("id") % 9).alias("k"), F.concat(F.lit("s"), F.col("id") % 4).alias("s"), "id")
    over = Window.partitionBy("k").orderBy(F.col("id").desc())
    return {
        "groups": df.groupBy("k").count().collect(),
        "groups of two": df.groupBy("k", "s").agg(F.sum("id").alias("t")).collect(),
        "first of texts": df.groupBy("k").agg(F.first("s").alias("f")).collect(),
        "lists": df.groupBy("s").agg(F.collect_list("id").alias("l")).collect(),
        "distinct": df.select("s").distinct().collect(),
        "duplicates": df.dropDuplicates(["k"]).collect(),
        "window": df.select("k", "id", F.row_number().over(over).alias("r")).where("r < 3").collect(),
        "ids": df.groupBy("k").count().select("k", F.monotonically_increasing_id().alias("i"), internal("distributed_id").alias("d")).collect(),
        "sorted": df.select("k", "id", F.row_number().over(over).alias("r")).orderBy("k", "id").limit(5).collect(),
    }


def case_totals_of_nothing(spark, tmp):
    spark.createDataFrame([(1, 2)], "a INT, b INT").createOrReplaceTempView("pairs")
    ask = lambda text: spark.sql(text).collect()  # noqa: E731
    return {
        "rollup": ask("SELECT a, sum(b) FROM pairs WHERE a > 1 GROUP BY ROLLUP (a)"),
        "cube": ask("SELECT a, b, count(*) FROM pairs WHERE a > 1 GROUP BY CUBE (a, b)"),
        "sets": ask("SELECT a, count(*) FROM pairs WHERE a > 1 GROUP BY GROUPING SETS ((a), ())"),
        "some": ask("SELECT a, sum(b) FROM pairs GROUP BY ROLLUP (a) ORDER BY a"),
        "having": ask("SELECT a, sum(b) FROM pairs GROUP BY ROLLUP (a) HAVING count(*) > 0 ORDER BY a"),
    }


def case_one_of_two_exists(spark, tmp):
    spark.range(20).createOrReplaceTempView("many")
    text = """SELECT a.id, b.id AS c FROM many a, many b WHERE a.id = b.id
      AND EXISTS (SELECT * FROM many c WHERE c.id = a.id AND c.id > 3)
      AND (EXISTS (SELECT * FROM many d WHERE d.id = 2 * b.id) OR EXISTS (SELECT * FROM many e WHERE e.id = b.id AND e.id % 7 = 1))
      ORDER BY a.id"""
    return spark.sql(text).collect()
