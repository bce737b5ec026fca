"""Stateful streams: joins of two streams, sliding windows and sessions, limits, chained operators, several watermarks."""

import json
import os

from pyspark.sql import functions as F

LEFT, RIGHT = "k STRING, t TIMESTAMP, v BIGINT", "j STRING, u TIMESTAMP, w BIGINT"


def drop(folder, number, rows, names):
    """Puts a file into a folder: its rows are lists, a time is a minute of the first of January 2024."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"f{number:02d}.json")
    with open(path, "w", encoding="utf-8") as file:
        for key, minute, value in rows:
            hour, minute = divmod(minute, 60)
            at = f"2024-01-01T{hour:02d}:{minute:02d}:00Z"
            file.write(json.dumps(dict(zip(names, (key, at, value)))) + "\n")
    os.utime(path, (1700000000 + number, 1700000000 + number))


def stream(spark, folder, schema):
    return spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).json(str(folder))


def sides(spark, tmp):
    """Two streams of five batches whose event times go on by about half an hour each."""
    batches = [
        ([("a", 0, 1), ("b", 5, 2), ("c", 10, 3)], [("a", 3, 10), ("x", 4, 11)]),
        ([("a", 30, 4), ("d", 31, 5)], [("b", 33, 12), ("d", 30, 13), ("d", 35, 14)]),
        ([("e", 70, 6), ("c", 8, 7)], [("c", 12, 15), ("e", 65, 16)]),
        ([("f", 110, 8), ("a", 35, 9)], [("f", 100, 17), ("y", 105, 18)]),
        ([("g", 170, 10)], [("g", 171, 19), (None, 172, 20)]),
    ]
    for number, (left, right) in enumerate(batches):
        drop(tmp / "left", number, left, ["k", "t", "v"])
        drop(tmp / "right", number, right, ["j", "u", "w"])
    return stream(spark, tmp / "left", LEFT), stream(spark, tmp / "right", RIGHT)


def rows(frame):
    return sorted([list(row) for row in frame.collect()], key=str)


def run(frame, mode="append", numbers=("numRowsTotal", "numRowsUpdated", "numRowsRemoved", "numRowsDroppedByWatermark")):
    """The rows that a query gives, and the numbers of its operators batch by batch."""
    spark = frame.sparkSession
    query = frame.writeStream.format("memory").queryName("out").outputMode(mode).trigger(availableNow=True).start()
    query.awaitTermination()
    states = [[[one["operatorName"]] + [one[name] for name in numbers] for one in report["stateOperators"]] for report in query.recentProgress]
    marks = [report["eventTime"].get("watermark") for report in query.recentProgress]
    return {"rows": rows(spark.table("out")), "state": states, "watermark": marks}


def refused(frame, mode="append"):
    try:
        query = frame.writeStream.format("noop").outputMode(mode).trigger(availableNow=True).start()
    except Exception as raised:
        return ["start", raised.getCondition(), str(raised).split("\n")[0].split(";")[0]]
    try:
        query.awaitTermination()
    except Exception as raised:
        return ["batch", raised.getCondition(), str(raised).split("exception: ")[-1].split("\n")[0].split(";")[0]]
    return "ran"


def case_join_inner(spark, tmp):
    left, right = sides(spark, tmp)
    aged = left.withWatermark("t", "10 minutes"), right.withWatermark("u", "20 minutes")
    near = F.expr("k = j AND u >= t - INTERVAL 5 MINUTES AND u <= t + INTERVAL 5 MINUTES")
    return {
        "no watermark": run(left.join(right, F.expr("k = j"))),
        "range": run(aged[0].join(aged[1], near)),
        "range as a filter": run(aged[0].join(aged[1], F.expr("k = j")).where("u >= t - INTERVAL 5 MINUTES AND u <= t + INTERVAL 5 MINUTES"))["rows"],
        "using": run(aged[0].withColumnRenamed("k", "j").join(aged[1], "j"))["rows"],
        "one side": run(aged[0].join(aged[1], F.expr("k = j AND v > 1 AND w > 12 AND v < w")))["rows"],
    }


def case_join_left(spark, tmp):
    left, right = sides(spark, tmp)
    aged = left.withWatermark("t", "10 minutes"), right.withWatermark("u", "20 minutes")
    return {
        "range": run(aged[0].join(aged[1], F.expr("k = j AND u BETWEEN t - INTERVAL 5 MINUTES AND t + INTERVAL 5 MINUTES"), "left")),
        "one side": run(aged[0].join(aged[1], F.expr("k = j AND u >= t - INTERVAL 5 MINUTES AND u < t + INTERVAL 5 MINUTES AND v <> 2"), "left")),
    }


def case_join_right_and_full(spark, tmp):
    left, right = sides(spark, tmp)
    aged = left.withWatermark("t", "10 minutes"), right.withWatermark("u", "20 minutes")
    near = F.expr("k = j AND u >= t - INTERVAL 5 MINUTES AND u <= t + INTERVAL 5 MINUTES")
    return {"right": run(aged[0].join(aged[1], near, "right")), "full": run(aged[0].join(aged[1], near, "full"))}


def case_join_semi(spark, tmp):
    left, right = sides(spark, tmp)
    aged = left.withWatermark("t", "10 minutes"), right.withWatermark("u", "20 minutes")
    near = F.expr("k = j AND u >= t - INTERVAL 5 MINUTES AND u <= t + INTERVAL 5 MINUTES")
    return run(aged[0].join(aged[1], near, "left_semi"))


def case_join_on_windows(spark, tmp):
    left, right = sides(spark, tmp)
    lefts = left.withWatermark("t", "10 minutes").select("k", "v", F.window("t", "30 minutes").alias("win"))
    rights = right.withWatermark("u", "20 minutes").select("j", "w", F.window("u", "30 minutes").alias("win"))
    joined = lefts.join(rights, (lefts.win == rights.win) & (F.col("k") == F.col("j")), "left")
    return run(joined.select("k", "v", "w", lefts.win.start, rights.win.end))


def case_join_checks(spark, tmp):
    left, right = sides(spark, tmp)
    aged = left.withWatermark("t", "10 minutes"), right.withWatermark("u", "20 minutes")
    same, near = F.expr("k = j"), F.expr("k = j AND u >= t - INTERVAL 5 MINUTES")
    told = {f"{kind} plain": refused(left.join(right, same, kind)) for kind in ("inner", "left", "right", "full", "left_semi", "left_anti")}
    told.update({f"{kind} aged": refused(aged[0].join(aged[1], same, kind)) for kind in ("inner", "left", "right", "full", "left_semi", "left_anti")})
    told.update({f"{kind} half": refused(aged[0].join(aged[1], near, kind)) for kind in ("left", "right", "full", "left_semi")})
    told["update"] = refused(left.join(right, same), "update")
    told["complete"] = refused(left.join(right, same), "complete")
    told["complete aggregate"] = refused(left.join(right, same).groupBy("k").count(), "complete")
    told["no equality"] = refused(left.join(right, F.expr("t < u")))
    told["cross"] = refused(left.crossJoin(right))
    return told


def case_join_then_aggregate(spark, tmp):
    """The aggregation gets its rows later than the join does: its watermark is the join's output."""
    left, right = sides(spark, tmp)
    aged = left.withWatermark("t", "10 minutes"), right.withWatermark("u", "20 minutes")
    joined = aged[0].join(aged[1], F.expr("k = j AND u >= t - INTERVAL 5 MINUTES AND u <= t + INTERVAL 5 MINUTES"), "left")
    return run(joined.groupBy(F.window("t", "20 minutes")).agg(F.count("*").alias("n"), F.sum("w")))


def case_sliding_windows(spark, tmp):
    left, _ = sides(spark, tmp)
    frame = left.withWatermark("t", "10 minutes").groupBy(F.window("t", "20 minutes", "10 minutes"), "k").agg(F.sum("v"))
    return {mode: run(frame, mode) for mode in ("append", "update")}


def case_session_windows(spark, tmp):
    for number, batch in enumerate([
        [("a", 0, 1), ("a", 4, 2), ("b", 2, 3)], [("a", 8, 4), ("b", 30, 5)], [("a", 18, 6), ("b", 24, 7), ("b", 27, 8)], [("a", 90, 9)], [("a", 10, 10)],
    ]):
        drop(tmp / "in", number, batch, ["k", "t", "v"])
    df = stream(spark, tmp / "in", LEFT).withWatermark("t", "10 minutes")
    by_key = df.groupBy(F.session_window("t", "5 minutes"), "k").agg(F.count("*").alias("n"), F.sum("v").alias("s"))
    by_value = df.groupBy("k", F.session_window("t", F.when(F.col("k") == "a", "5 minutes").otherwise("1 minute"))).count()
    return {
        "append": run(by_key),
        "complete": run(by_key, "complete"),
        "update": refused(by_key, "update"),
        "gap by row": run(by_value)["rows"],
        "no key": refused(df.groupBy(F.session_window("t", "5 minutes")).count()),
        "no watermark": refused(stream(spark, tmp / "in", LEFT).groupBy(F.session_window("t", "5 minutes"), "k").count()),
    }


def case_limit(spark, tmp):
    left, _ = sides(spark, tmp)
    return {
        "limit": len(run(left.limit(4))["rows"]),
        "more than there is": len(run(left.limit(100))["rows"]),
        "state": run(left.limit(4), numbers=("numRowsTotal", "numRowsUpdated"))["state"],
        "after a filter": run(left.where("k = 'a'").limit(2).select("k"))["rows"],
        "offset": refused(left.offset(1)),
        "twice": len(run(left.limit(5).limit(3))["rows"]),
    }


def case_chained_aggregates(spark, tmp):
    left, _ = sides(spark, tmp)
    counts = left.withWatermark("t", "10 minutes").groupBy(F.window("t", "10 minutes"), "k").count()
    again = counts.groupBy(F.window(F.window_time("window"), "30 minutes")).agg(F.count("*").alias("windows"), F.sum("count").alias("n"))
    nested = counts.groupBy(F.window("window", "30 minutes")).agg(F.sum("count").alias("n"))
    return {"window_time": run(again), "window": run(nested)["rows"], "update": refused(again, "update")}


def case_deduplicated_then_aggregated(spark, tmp):
    left, _ = sides(spark, tmp)
    aged = left.withWatermark("t", "10 minutes")
    return {
        "keys": run(aged.dropDuplicates(["k", "t"]).groupBy(F.window("t", "30 minutes")).count()),
        "within": run(aged.dropDuplicatesWithinWatermark(["k"]).groupBy(F.window("t", "30 minutes")).count()),
    }


def case_several_watermarks(spark, tmp):
    told = {}
    for policy in ("min", "max"):
        spark.conf.set("spark.sql.streaming.multipleWatermarkPolicy", policy)
        left, right = sides(spark, tmp)
        both = left.withWatermark("t", "10 minutes").select("k", "t").union(
            right.withWatermark("u", "20 minutes").select(F.col("j").alias("k"), F.col("u").alias("t"))
        )
        told[policy] = run(both.groupBy(F.window("t", "30 minutes")).count())
    return told


def case_static_sides(spark, tmp):
    left, _ = sides(spark, tmp)
    static = spark.createDataFrame([("a", "one"), ("z", "two")], "k STRING, name STRING")
    told = {kind: run(left.join(static, "k", kind))["rows"] for kind in ("inner", "left", "left_semi", "left_anti")}
    told.update({f"{kind} the other way": refused(static.join(left, "k", kind)) for kind in ("inner", "left", "right", "full", "left_semi", "left_anti")})
    told["cross"] = len(run(left.crossJoin(static))["rows"])
    told["range"] = run(left.join(static, left.k < static.k))["rows"]
    return told
