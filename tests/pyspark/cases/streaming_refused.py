"""Which queries can run as streams: each program in each output mode, started or refused as Spark does."""

import json
import os

from pyspark.sql import Window
from pyspark.sql import functions as F


def source(spark, tmp, name="in"):
    folder = tmp / name
    if not folder.exists():
        os.makedirs(folder)
        with open(folder / "f.json", "w", encoding="utf-8") as file:
            file.write(json.dumps({"k": "a", "v": 1, "t": "2024-01-01T00:00:00Z"}) + "\n")
    return spark.readStream.schema("k STRING, v BIGINT, t TIMESTAMP").json(str(folder))


def programs(spark, tmp):
    one = lambda: source(spark, tmp)  # noqa: E731
    two = lambda: source(spark, tmp, "other")  # noqa: E731
    late = lambda: one().withWatermark("t", "5 minutes")  # noqa: E731
    later = lambda: two().withWatermark("t", "5 minutes")  # noqa: E731
    static = spark.createDataFrame([("a", 5)], "k STRING, id BIGINT")
    static.createOrReplaceTempView("static")
    one().createOrReplaceTempView("stream")
    near = "a.k = b.k AND a.t >= b.t AND a.t <= b.t + INTERVAL 5 MINUTES"

    def join(left, right, how, condition="a.k = b.k"):
        return left.alias("a").join(right.alias("b"), F.expr(condition), how)

    def remembering(frame, mode, timeout="NoTimeout"):
        function = lambda key, rows, state: iter([])  # noqa: E731
        return frame.groupBy("k").applyInPandasWithState(function, "k STRING", "n BIGINT", mode, timeout)

    found = {
        "plain": one,
        "keys": lambda: one().groupBy("k").count(),
        "windows": lambda: late().groupBy(F.window("t", "5 minutes")).count(),
        "keys with watermark": lambda: late().groupBy("k").count(),
        "all": lambda: one().agg(F.count("*")),
        "sessions": lambda: late().groupBy(F.session_window("t", "5 minutes"), "k").count(),
        "duplicates": lambda: one().dropDuplicates(["k"]),
        "within": lambda: late().dropDuplicatesWithinWatermark(["k"]),
        "within without": lambda: one().dropDuplicatesWithinWatermark(["k"]),
        "sort": lambda: one().orderBy("v"),
        "sorted counts": lambda: one().groupBy("k").count().orderBy("count"),
        "sort within": lambda: one().sortWithinPartitions("v"),
        "limit": lambda: one().limit(3),
        "first": lambda: spark.sql("SELECT * FROM stream ORDER BY v LIMIT 1"),
        "offset": lambda: one().offset(1),
        "sample": lambda: one().sample(0.5, seed=1),
        "union": lambda: one().union(two()),
        "union with batch": lambda: one().select("k").union(static.select("k")),
        "except on the right": lambda: static.select("k").subtract(one().select("k")),
        "intersect": lambda: one().select("k").intersect(static.select("k")),
        "intersect of streams": lambda: one().select("k").intersect(two().select("k")),
        "two aggregates": lambda: one().groupBy("k", "v").count().groupBy("k").count(),
        "chained windows": lambda: late().groupBy(F.window("t", "5 minutes"), "k").count().groupBy("window").count(),
        "duplicates, counted": lambda: one().dropDuplicates(["k"]).groupBy("k").count(),
        "counts, no duplicates": lambda: one().groupBy("k").count().dropDuplicates(["k"]),
        "distinct count": lambda: one().groupBy("k").agg(F.countDistinct("v")),
        "count joined": lambda: join(one().groupBy("k").count(), two(), "inner"),
        "joined count": lambda: join(late(), later(), "inner", near).groupBy(F.window("a.t", "5 minutes")).count(),
        "row ids": lambda: one().select(F.monotonically_increasing_id()),
        "scalar subquery": lambda: spark.sql("SELECT * FROM stream WHERE v > (SELECT min(id) FROM static)"),
        "stream in subquery": lambda: spark.sql("SELECT *, (SELECT max(v) FROM stream) AS m FROM static"),
        "in": lambda: spark.sql("SELECT * FROM stream WHERE k IN (SELECT k FROM static)"),
        "group state, update": lambda: remembering(one(), "update"),
        "group state, append": lambda: remembering(one(), "append"),
        "group state, event time": lambda: remembering(one(), "update", "EventTimeTimeout"),
        "group state, counted": lambda: remembering(one(), "append").groupBy("k").count(),
        "count, group state": lambda: remembering(one().groupBy("k").count(), "append"),
        "group state twice": lambda: remembering(remembering(one(), "update"), "update"),
        "pandas": lambda: one().groupBy("k").applyInPandas(lambda rows: rows, "k STRING, v BIGINT, t TIMESTAMP"),
    }
    for how in ("inner", "left", "right", "full", "left_semi", "left_anti"):
        found[f"static {how}"] = lambda how=how: join(one(), static, how)
        found[f"{how} of static"] = lambda how=how: join(static, one(), how)
        found[f"streams {how}"] = lambda how=how: join(one(), two(), how)
        found[f"times {how}"] = lambda how=how: join(late(), later(), how, near)
    found["row numbers"] = lambda: one().withColumn("r", F.row_number().over(Window.partitionBy("k").orderBy("v")))
    return found


def started(program, mode):
    try:
        query = program().writeStream.format("noop").outputMode(mode).start()
        query.stop()
        return "started"
    except Exception as raised:
        text = str(raised).split("\n")[0].split(";")[0]
        condition = raised.getCondition()
        # Spark tells the window's column, too.
        return [type(raised).__name__, condition, text if condition == "_LEGACY_ERROR_TEMP_3102" else None]


def told(spark, tmp, mode):
    return {name: started(program, mode) for name, program in programs(spark, tmp).items()}


def case_append(spark, tmp):
    return told(spark, tmp, "append")


def case_update(spark, tmp):
    return told(spark, tmp, "update")


def case_complete(spark, tmp):
    return told(spark, tmp, "complete")
