"""Where rows are placed, windows of time, subqueries and lateral joins of DataFrames, nearest rows, statistics."""

from pyspark.sql import functions as F
from support.cases import failure


def case_placement(spark, tmp):
    place = F.spark_partition_id().alias("p")
    df = spark.range(0, 20, 1, 2)
    return {
        "by id": df.repartitionById(3, (F.col("id") - 5).cast("int")).select(place, "id").collect(),
        "by id of null": df.repartitionById(3, F.when(F.col("id") > 4, F.col("id").cast("int"))).select(place, "id").collect(),
        "by long": failure(lambda: df.repartitionById(3, "id").collect()),
        "hash": df.repartition(3, "id").select(place, "id").collect(),
        "hash of two": df.repartition(4, F.col("id") % 3, F.col("id").cast("string")).select(place, "id").collect(),
        "round robin": df.repartition(3).groupBy(place).count().orderBy("p").collect(),
        "range": df.repartitionByRange(3, "id").select(place, "id").collect(),
        "range down": df.repartitionByRange(3, F.col("id").desc()).select(place, "id").collect(),
        "range of many": spark.range(5).repartitionByRange(50, "id").select(place, "id").collect(),
        "range of none": spark.range(0).repartitionByRange(5, "id").collect(),
        "coalesce": spark.range(0, 20, 1, 4).coalesce(2).select(place, "id").collect(),
        "zip": spark.range(5, 15, 1, 3).zipWithIndex().collect(),
        "zip name": spark.range(3).zipWithIndex("i"),
        "aggregate": df.groupBy(place).agg(F.count("*").alias("n")).orderBy("p").collect(),
    }


def case_range_with_equal_keys(spark, tmp):
    df = spark.createDataFrame([(1,), (1,), (1,), (2,), (None,), (5,), (5,)], "a INT")
    return df.repartitionByRange(4, "a").select(F.spark_partition_id().alias("p"), "a").collect()


def events(spark):
    rows = [("a", "2024-01-01 00:01:00", 1), ("a", "2024-01-01 00:04:00", 2), ("b", "2024-01-01 00:06:00", 3), ("b", None, 4), ("a", "2024-01-01 00:20:00", 5)]
    return spark.createDataFrame(rows, "k STRING, t STRING, v INT").withColumn("t", F.col("t").cast("timestamp"))


def case_sliding_windows_and_sessions(spark, tmp):
    df = events(spark)
    return {
        "sliding": df.groupBy(F.window("t", "5 minutes", "2 minutes")).agg(F.sum("v").alias("s")).orderBy("window"),
        "start": df.groupBy("k", F.window("t", "10 minutes", "5 minutes", "1 minute").alias("w")).count().orderBy("k", "w"),
        "selected": df.select(F.window("t", "5 minutes", "2 minutes"), "v").orderBy("v", "window"),
        "column": df.withColumn("w", F.window("t", "10 minutes", "5 minutes", "1 minute")).orderBy("v", "w"),
        "session": df.groupBy(F.session_window("t", "5 minutes")).agg(F.sum("v")).orderBy("session_window"),
        "session of key": df.groupBy("k", F.session_window("t", "5 minutes")).agg(F.sum("v"), F.count("*"), F.countDistinct("v")).orderBy("k", "session_window"),
        "gap": df.groupBy(F.session_window("t", F.when(F.col("k") == "a", "10 minutes").otherwise("1 minute")).alias("ses"), "k").count().orderBy("ses"),
        "two": failure(lambda: df.groupBy(F.window("t", "5 minutes"), F.window("t", "10 minutes")).count().collect()),
        "window of window": df.groupBy(F.window("t", "5 minutes")).count().groupBy(F.window("window", "10 minutes")).agg(F.sum("count")).orderBy("window"),
        "time": df.groupBy(F.window("t", "5 minutes")).count().select(F.window_time("window").alias("x"), "count").orderBy("x"),
        "rollup": df.rollup(F.window("t", "5 minutes", "2 minutes"), "k").count().orderBy("window", "k"),
    }


def case_subqueries_of_dataframes(spark, tmp):
    a = spark.createDataFrame([(1, 10), (2, 20)], "x INT, y INT")
    b = spark.createDataFrame([(1, 5), (1, 6), (3, 7)], "u INT, w INT")
    inner = b.where(F.col("u") == F.col("x").outer())
    return {
        "scalar": a.select("x", inner.select(F.sum("w")).scalar().alias("s")).orderBy("x"),
        "scalar in where": a.where(F.col("y") > b.select(F.max("w")).scalar()).orderBy("x"),
        "exists": a.where(inner.exists()),
        "not exists": a.where(~inner.exists()),
        "exists in select": a.select("x", inner.exists().alias("e")).orderBy("x"),
        "with column": a.withColumn("m", inner.select(F.max("w")).scalar()).orderBy("x"),
        "in": a.where(F.col("x").isin(b.select("u"))),
        "in of two": a.where(F.struct("x", "y").isin(b.select("u", "w"))),
        "lateral": a.lateralJoin(inner.select("w")).orderBy("x", "w"),
        "lateral left": a.lateralJoin(inner.select("w"), how="left").orderBy("x", "w"),
        "lateral on": a.lateralJoin(b.select("u", "w"), on=F.col("u") == F.col("x"), how="left").orderBy("x", "w"),
        "lateral function": a.lateralJoin(spark.tvf.explode(F.array(F.col("x").outer(), F.col("y").outer()))).orderBy("x", "col"),
        "lateral function left": a.lateralJoin(spark.tvf.explode(F.when(F.col("x").outer() > 1, F.array(F.col("x").outer()))), how="left"),
        "lateral first": a.lateralJoin(inner.orderBy(F.desc("w")).limit(1)).orderBy("x"),
        "many rows": failure(lambda: a.select(b.select("w").scalar()).collect()),
        "many columns": failure(lambda: a.select(b.scalar()).collect()),
    }


def case_joins_with_the_nearest_row(spark, tmp):
    left = spark.createDataFrame([(1, "a", 10), (5, "b", 10), (10, "c", 20), (None, "n", 10)], "a INT, lv STRING, k INT")
    right = spark.createDataFrame([(1, 100, 10), (2, 200, 10), (6, 600, 20), (7, 700, 10), (5, 500, 10)], "b INT, rv INT, j INT")
    answers = {}
    for direction in ["backward", "forward", "nearest"]:
        for how in ["left", "inner"]:
            joined = left._joinAsOf(right, "a", "b", how=how, direction=direction)
            answers[f"{direction} {how}"] = joined.orderBy("lv")
        exact = left._joinAsOf(right, "a", "b", how="left", direction=direction, allowExactMatches=False)
        answers[f"{direction} without equal"] = exact.orderBy("lv")
        near = left._joinAsOf(right, "a", "b", how="left", direction=direction, tolerance=F.lit(1))
        answers[f"{direction} tolerance"] = near.orderBy("lv")
    answers["condition"] = left._joinAsOf(right, left.a, right.b, on=(left.k == right.j)).orderBy("lv")
    answers["direction"] = failure(lambda: left._joinAsOf(right, "a", "b", direction="x").collect())
    answers["tolerance"] = failure(lambda: left._joinAsOf(right, "a", "b", tolerance=F.lit(-1)).collect())
    answers["nearest by"] = left.where("a IS NOT NULL").nearestByJoin(right, F.abs(left.a - right.b), 1, mode="exact", direction="distance").orderBy("lv")
    likeness = -F.abs(left.a - right.b)
    answers["nearest by likeness"] = left.where("a IS NOT NULL").nearestByJoin(right, likeness, 2, mode="exact", direction="similarity").orderBy("lv", "b")
    return answers


def case_frequent_items(spark, tmp):
    df = spark.createDataFrame([(1, 11), (1, 11), (3, 10), (4, 8), (4, 8)], ["c1", "c2"])
    return {
        "all": df.freqItems(["c1", "c2"]),
        "stat": df.stat.freqItems(["c1", "c2"], 0.6),
        "support": df.freqItems(["c1"], 0.4),
        "text": spark.createDataFrame([("x",), (None,), ("x",), ("y",)], "a STRING").freqItems(["a"], 0.3),
        "larger": spark.range(0, 1000, 1, 1).select((F.col("id") % 7).alias("m")).freqItems(["m"], 0.2),
        "double": spark.createDataFrame([(1.5,), (1.5,), (2.5,)], "a DOUBLE").freqItems(["a"]),
        "missing": failure(lambda: df.freqItems(["zz"]).collect()),
    }


def case_transpose(spark, tmp):
    df = spark.createDataFrame([("A", 1, 2), ("B", 3, 4)], "id STRING, v1 INT, v2 INT")
    return {
        "first": df.transpose(),
        "named": df.transpose("id"),
        "types": failure(lambda: df.transpose("v1").collect()),
        "null key": spark.createDataFrame([(None, 1), ("x", 2)], "a STRING, b INT").transpose(),
        "numbers": spark.createDataFrame([("x", 1, 2.5)], "a STRING, b INT, c DOUBLE").transpose(),
    }


def case_sql_arguments(spark, tmp):
    spark.range(5).createOrReplaceTempView("numbers")
    return {
        "named": spark.sql("SELECT id FROM numbers WHERE id > :low AND id < :high ORDER BY id", {"low": 1, "high": 4}),
        "positional": spark.sql("SELECT id + ? AS x FROM numbers WHERE id IN (?, ?) ORDER BY id", [10, 1, 2]),
        "identifier": spark.sql("SELECT IDENTIFIER(:col) FROM IDENTIFIER(:tab) LIMIT 1", {"col": "id", "tab": "numbers"}),
        "array": spark.sql("SELECT array_contains(:a, 2) AS c", {"a": F.array(F.lit(1), F.lit(2))}),
        "frame": spark.sql("SELECT count(*) AS n FROM {df} WHERE id > {low}", df=spark.range(4), low=1),
        "limit": spark.sql("SELECT id FROM numbers ORDER BY id LIMIT :n", {"n": 2}),
        "unbound": failure(lambda: spark.sql("SELECT :x", {"y": 1}).collect()),
        "both": failure(lambda: spark.sql("SELECT ? , :x", {"x": 1}).collect()),
    }


def case_frames_of_offsets(spark, tmp):
    """`lag` and `lead` take the frame that is theirs, as the pandas API gives it, and no other."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    df = spark.range(0, 4, 1, 1)
    ordered = Window.orderBy("id")
    told = {}
    calls = {"lag": F.lag("id", 1), "lag 2": F.lag("id", 2, -1), "lead": F.lead("id", 1), "back": F.lag("id", -1)}
    for name, call in calls.items():
        for at in (-2, -1, 1):
            own = call.over(ordered.rowsBetween(at, at))
            told[f"{name} {at}"] = failure(lambda: [row[0] for row in df.select(own).collect()])
    return told
