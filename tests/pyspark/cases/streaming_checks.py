"""The order in which Spark looks at what a stream cannot do, where more than one thing is wrong."""

import json
import os

from pyspark.errors import PySparkException
from pyspark.sql import functions as F


def source(spark, tmp, name="in"):
    if not (tmp / name).exists():
        os.makedirs(tmp / name)
        (tmp / name / "f.json").write_text(json.dumps({"k": "a", "v": 1, "t": "2024-01-01T00:00:00Z"}) + "\n")
    return spark.readStream.schema("k STRING, v BIGINT, t TIMESTAMP").json(str(tmp / name))


def started(program, mode):
    try:
        query = program().writeStream.format("noop").outputMode(mode).start()
        query.stop()
        return "started"
    except PySparkException as raised:
        text = str(raised).split("\n")[0].split(";")[0][:160]
        parameters = {key: value for key, value in (raised.getMessageParameters() or {}).items() if key != "msg"}
        return [type(raised).__name__, raised.getCondition(), sorted(map(str, parameters.items())), text if not parameters else None]


def case_orders(spark, tmp):
    one = lambda: source(spark, tmp)  # noqa: E731
    late = lambda: one().withWatermark("t", "5 minutes")  # noqa: E731
    other = lambda: source(spark, tmp, "other").selectExpr("k AS j", "t AS u", "v AS w").withWatermark("u", "5 minutes")  # noqa: E731
    session = lambda frame, column="t": frame.groupBy(F.session_window(column, "5 minutes"), "k").count()  # noqa: E731
    window = lambda frame, column="t": frame.groupBy(F.window(column, "5 minutes"), "k").count()  # noqa: E731
    time_of = lambda own: F.window_time(own)  # noqa: E731
    programs = {
        "session": lambda: session(late()),
        "session without watermark": lambda: session(one()),
        "session, windows": lambda: window(session(late()).select("k", time_of("session_window").alias("t"))),
        "windows, session": lambda: session(window(late()).select("k", time_of("window").alias("t"))),
        "session, session": lambda: session(session(late()).select("k", time_of("session_window").alias("t"))),
        "session, keys": lambda: session(late()).groupBy("k").count(),
        "session, sorted": lambda: session(late()).orderBy("k"),
        "session, distinct": lambda: late().groupBy(F.session_window("t", "5 minutes")).agg(F.countDistinct("k")),
        "session, joined": lambda: session(late()).join(other(), F.expr("k = j")),
        "joined, session": lambda: session(late().join(other(), F.expr("k = j AND u >= t AND u <= t + INTERVAL 5 MINUTES"), "left")),
        "session, duplicates": lambda: session(late()).dropDuplicates(["session_window"]),
        "session, limit": lambda: session(late()).limit(3),
        "keys, windows": lambda: window(late()).groupBy("k").count(),
        "windows, keys without time": lambda: window(late()).select("k", "count").groupBy("k").count(),
        "keys, then windows of now": lambda: one().groupBy("k").count().withColumn("t", F.current_timestamp()).groupBy(F.window("t", "5 minutes")).count(),
        "row ids, sorted": lambda: one().select(F.monotonically_increasing_id().alias("i")).orderBy("i"),
        "sorted, row ids": lambda: one().orderBy("v").select(F.monotonically_increasing_id().alias("i")),
        "row ids, counted": lambda: one().withColumn("i", F.monotonically_increasing_id()).groupBy("i").count(),
        "row ids in a filter": lambda: one().where(F.monotonically_increasing_id() > 1),
        "counted, row ids": lambda: one().groupBy("k").count().withColumn("i", F.monotonically_increasing_id()),
        "row ids among keys": lambda: one().groupBy(F.monotonically_increasing_id()).count(),
        "row ids in an aggregate": lambda: one().groupBy("k").agg(F.max(F.monotonically_increasing_id())),
        "distinct, sorted": lambda: one().groupBy("k").agg(F.countDistinct("v")).orderBy("k"),
        "limit, sorted": lambda: one().limit(3).orderBy("k"),
        "sorted, limit": lambda: one().orderBy("k").limit(3),
        "union with batch, sorted": lambda: one().select("k").union(spark.range(3).selectExpr("CAST(id AS STRING)")).orderBy("k"),
        "sampled, sorted": lambda: one().sample(0.5, seed=1).orderBy("k"),
        "sorted, sampled": lambda: one().orderBy("k").sample(0.5, seed=1),
        "within without watermark, counted": lambda: one().dropDuplicatesWithinWatermark(["k"]).groupBy("k").count(),
    }
    told = {f"{name}, {mode}": started(make, mode) for name, make in programs.items() for mode in ("append", "update", "complete")}
    told["schema with row ids"] = one().select(F.monotonically_increasing_id().alias("i")).schema.simpleString()
    return told
