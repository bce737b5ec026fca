"""More plans as streams, each in each output mode: what starts also runs, and what it writes is compared."""

import json
import os

from pyspark.errors import PySparkException
from pyspark.sql import functions as F


def source(spark, tmp, name="in"):
    folder = tmp / name
    if not folder.exists():
        os.makedirs(folder)
        rows = [("a", 1, "2024-01-01T00:00:00Z"), ("b", 2, "2024-01-01T00:01:00Z"), ("a", 3, "2024-01-01T00:07:00Z")]
        with open(folder / "f.json", "w", encoding="utf-8") as file:
            for k, v, t in rows:
                file.write(json.dumps({"k": k, "v": v, "t": t}) + "\n")
    return spark.readStream.schema("k STRING, v BIGINT, t TIMESTAMP").json(str(folder))


def programs(spark, tmp):
    one = lambda: source(spark, tmp)  # noqa: E731
    two = lambda: source(spark, tmp, "other")  # noqa: E731
    late = lambda: one().withWatermark("t", "5 minutes")  # noqa: E731
    later = lambda: two().withWatermark("t", "5 minutes")  # noqa: E731
    static = spark.createDataFrame([("a", 5)], "k STRING, id BIGINT")
    static.createOrReplaceTempView("static")
    one().createOrReplaceTempView("stream")
    late().createOrReplaceTempView("late")
    window = F.window("t", "5 minutes")

    def join(left, right, how, condition="a.k = b.k"):
        return left.alias("a").join(right.alias("b"), F.expr(condition), how)

    found = {
        "rollup": lambda: one().rollup("k").count(),
        "rollup of two": lambda: one().rollup("k", "v").agg(F.sum("v").alias("s"), F.count("*").alias("n")),
        "cube": lambda: one().cube("k", "v").count(),
        "grouping sets": lambda: spark.sql("SELECT k, v, count(*) n FROM stream GROUP BY k, v GROUPING SETS ((k), (v), ())"),
        "grouping": lambda: spark.sql("SELECT k, grouping(k) g, grouping_id() i, sum(v) s FROM stream GROUP BY ROLLUP (k)"),
        "rollup with watermark": lambda: late().rollup(window, "k").count(),
        "cube with watermark": lambda: late().cube("k", window).count(),
        "rollup of time": lambda: late().rollup("t").count(),
        "having": lambda: one().groupBy("k").count().where("count > 1"),
        "select distinct": lambda: one().select("k").distinct(),
        "distinct with watermark": lambda: late().select("t").distinct(),
        "duplicates of all": lambda: one().dropDuplicates(),
        "duplicates of time": lambda: late().dropDuplicates(["k", "t"]),
        "duplicates twice": lambda: one().dropDuplicates(["k"]).dropDuplicates(["v"]),
        "within twice": lambda: late().dropDuplicatesWithinWatermark(["k"]).dropDuplicatesWithinWatermark(["v"]),
        "within, then windows": lambda: late().dropDuplicatesWithinWatermark(["k"]).groupBy(window).count(),
        "windows, then duplicates": lambda: late().groupBy(window, "k").count().dropDuplicates(["k"]),
        "windows, then duplicates of windows": lambda: late().groupBy(window, "k").count().dropDuplicates(["window"]),
        "sorted, then limit": lambda: one().groupBy("k").count().orderBy("k").limit(1),
        "limit, then count": lambda: one().limit(2).groupBy("k").count(),
        "limit twice": lambda: one().limit(3).limit(2),
        "limit, then filter": lambda: one().limit(2).where("v > 1"),
        "union, limited": lambda: one().union(two()).limit(2),
        "union of counts": lambda: one().groupBy("k").count().union(two().groupBy("k").count()),
        "union of a count and rows": lambda: one().groupBy("k").count().union(two().select("k", "v")),
        "union, counted": lambda: one().union(two()).groupBy("k").count(),
        "union by name": lambda: one().unionByName(two().select("t", "v", "k")),
        "batch with union": lambda: static.select("k").union(one().select("k")),
        "count over batch and stream": lambda: spark.sql("SELECT k, count(*) n FROM stream JOIN static USING (k) GROUP BY k"),
        "distinct sums": lambda: one().groupBy("k").agg(F.sum_distinct("v")),
        "distinct with window": lambda: late().groupBy(window).agg(F.countDistinct("v")),
        "approximate count": lambda: one().groupBy("k").agg(F.approx_count_distinct("v").alias("n")),
        "first and last": lambda: one().groupBy("k").agg(F.first("v").alias("f"), F.last("v").alias("l")),
        "lists": lambda: one().groupBy("k").agg(F.collect_list("v").alias("vs")),
        "filtered aggregate": lambda: spark.sql("SELECT k, count(*) FILTER (WHERE v > 1) n FROM stream GROUP BY k"),
        "session twice": lambda: late().groupBy(F.session_window("t", "5 minutes"), window).count(),
        "session alone": lambda: late().groupBy(F.session_window("t", "5 minutes")).count(),
        "session without watermark": lambda: one().groupBy(F.session_window("t", "5 minutes"), "k").count(),
        "window without watermark": lambda: one().groupBy(window).count(),
        "windows of windows": lambda: late().groupBy(window).count().groupBy(F.window("window", "10 minutes")).count(),
        "window time": lambda: late().groupBy(window).count().select(F.window_time("window").alias("w"), "count"),
        "keyless": lambda: late().agg(F.sum("v")),
        "keyless of nothing": lambda: one().where("v > 9").agg(F.count("*").alias("n")),
        "watermark twice": lambda: late().withWatermark("t", "1 minute"),
        "watermark of no time": lambda: one().withWatermark("k", "1 minute"),
        "watermark of another": lambda: one().withWatermark("zz", "1 minute"),
        "watermark of nothing": lambda: one().withWatermark("t", "nothing"),
        "watermark below zero": lambda: one().withWatermark("t", "-1 minute"),
        "watermark of months": lambda: one().withWatermark("t", "1 month").groupBy(window).count(),
        "watermark after counting": lambda: one().groupBy("t").count().withWatermark("t", "1 minute"),
        "sorted late": lambda: late().groupBy(window).count().orderBy("window"),
        "sort, then count": lambda: one().orderBy("v").groupBy("k").count(),
        "sort in sql": lambda: spark.sql("SELECT k, count(*) n FROM stream GROUP BY k ORDER BY n"),
        "offset of counts": lambda: one().groupBy("k").count().offset(1),
        "limit with offset": lambda: one().offset(1).limit(1),
        "sample of counts": lambda: one().groupBy("k").count().sample(1.0, seed=1),
        "rank": lambda: spark.sql("SELECT *, rank() OVER (PARTITION BY k ORDER BY v) r FROM stream"),
        "sum over rows": lambda: spark.sql("SELECT *, sum(v) OVER (PARTITION BY k) r FROM stream"),
        "not in": lambda: spark.sql("SELECT * FROM stream WHERE k NOT IN (SELECT k FROM static)"),
        "in a stream": lambda: spark.sql("SELECT * FROM static WHERE k IN (SELECT k FROM stream)"),
        "stream in a stream": lambda: spark.sql("SELECT * FROM stream WHERE k IN (SELECT k FROM late)"),
        "scalar of a stream": lambda: spark.sql("SELECT * FROM stream WHERE v = (SELECT max(v) FROM late)"),
        "repartition": lambda: one().repartition(2, "k"),
        "coalesce": lambda: one().coalesce(1),
        "explode": lambda: one().select("k", F.explode(F.array("v", "v")).alias("e")),
        "hint": lambda: join(one(), static.hint("broadcast"), "inner"),
        "with columns": lambda: one().withColumn("u", F.upper("k")).drop("t"),
        "na": lambda: one().na.fill(0).na.drop(),
        "crossed with batch": lambda: one().crossJoin(static),
        "crossed streams": lambda: one().crossJoin(two()),
        "unequal streams": lambda: join(one(), two(), "inner", "a.v > b.v"),
        "unequal with batch": lambda: join(one(), static, "inner", "a.v < b.id"),
        "anti join of streams": lambda: join(late(), later(), "left_anti", "a.k = b.k AND a.t = b.t"),
        "self join": lambda: late().alias("a").join(late().alias("b"), F.expr("a.k = b.k AND a.t = b.t"), "inner"),
        "counts joined with batch": lambda: join(one().groupBy("k").count(), static, "inner"),
        "counts joined with batch, left": lambda: join(one().groupBy("k").count(), static, "left"),
        "counts joined": lambda: join(one().groupBy("k").count(), two().groupBy("k").count(), "inner"),
        "windows joined": lambda: late().groupBy(window, "k").count().alias("a").join(
            later().groupBy(window, "k").count().alias("b"), ["window", "k"], "inner"),
        "windows joined, left": lambda: late().groupBy(window, "k").count().alias("a").join(
            later().groupBy(window, "k").count().alias("b"), ["window", "k"], "left"),
        "join, then duplicates": lambda: join(late(), later(), "inner", "a.k = b.k AND a.t = b.t").select(
            F.col("a.k").alias("k"), F.col("a.t").alias("t")).dropDuplicates(["k", "t"]),
        "join, joined": lambda: join(late(), later(), "inner", "a.k = b.k AND a.t = b.t").select("a.k", "a.t").join(
            one().withColumnRenamed("v", "w").select("k", "w"), "k"),
        "join with static, counted": lambda: join(one(), static, "left").groupBy("a.k").count(),
        "duplicates, joined": lambda: join(late().dropDuplicates(["k", "t"]), later(), "inner", "a.k = b.k AND a.t = b.t"),
        "limit, joined": lambda: join(one().limit(1), two(), "inner"),
        "map in pandas": lambda: one().mapInPandas(lambda parts: parts, "k STRING, v BIGINT, t TIMESTAMP"),
        "map in arrow": lambda: one().mapInArrow(lambda parts: parts, "k STRING, v BIGINT, t TIMESTAMP"),
        "pandas over windows": lambda: late().groupBy("k").applyInPandas(lambda rows: rows, "k STRING, v BIGINT, t TIMESTAMP"),
    }
    return found


SHAPES = {
    "keys": "a.k = b.k",
    "time": "a.k = b.k AND a.t = b.t",
    "after": "a.k = b.k AND a.t >= b.t AND a.t <= b.t + INTERVAL 5 MINUTES",
    "from below": "a.k = b.k AND a.t >= b.t",
    "from above": "a.k = b.k AND a.t <= b.t + INTERVAL 5 MINUTES",
}


def joins(spark, tmp):
    """Outer and semi joins: which side has a watermark, and what the condition says of time."""
    found = {}
    for how in ("inner", "left", "right", "full", "left_semi"):
        for dated in ("", "a", "b", "ab"):
            for shape, condition in SHAPES.items():
                def program(how=how, dated=dated, condition=condition):
                    left, right = source(spark, tmp), source(spark, tmp, "other")
                    left = left.withWatermark("t", "5 minutes") if "a" in dated else left
                    right = right.withWatermark("t", "5 minutes") if "b" in dated else right
                    return left.alias("a").join(right.alias("b"), F.expr(condition), how)

                found[f"{how} join, watermark of {dated or 'none'}, {shape}"] = program
    return found


def refusal(raised):
    text = str(raised).split("\n")[0].split(";")[0]
    condition = raised.getCondition() or ""
    parameters = raised.getMessageParameters() or {}
    # Of other queries Spark tells expressions as it has them.
    keep = condition == "_LEGACY_ERROR_TEMP_3102" or condition.startswith("STREAMING_OUTPUT_MODE")
    return [type(raised).__name__, condition, text if keep else sorted(parameters)]


def ran(spark, program, mode, name):
    try:
        writer = program().writeStream.format("memory").queryName(name).outputMode(mode)
        query = writer.trigger(availableNow=True).start()
    except PySparkException as raised:
        return refusal(raised)
    try:
        query.awaitTermination()
        rows = spark.table(name)
        return sorted(str(tuple(row)) for row in rows.collect())
    except PySparkException as raised:
        return ["failed", type(raised).__name__]
    finally:
        query.stop()


def started(program, mode):
    try:
        program().writeStream.format("noop").outputMode(mode).start().stop()
        return "started"
    except PySparkException as raised:
        return refusal(raised)


def told(spark, tmp, mode):
    return {name: ran(spark, program, mode, f"t{at}") for at, (name, program) in enumerate(programs(spark, tmp).items())}


def case_append(spark, tmp):
    return told(spark, tmp, "append")


def case_update(spark, tmp):
    return told(spark, tmp, "update")


def case_complete(spark, tmp):
    return told(spark, tmp, "complete")


def case_joins(spark, tmp):
    return {name: started(program, "append") for name, program in joins(spark, tmp).items()}


def case_joins_update(spark, tmp):
    return {name: started(program, "update") for name, program in joins(spark, tmp).items() if "left" in name or "inner" in name}
