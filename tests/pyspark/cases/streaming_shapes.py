"""Streams as programs use them: console output of every mode, policies of watermarks, listeners, many small behaviours."""

import json
import os
import re
import time

from pyspark.errors import PySparkException
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQueryListener


def tried(action):
    try:
        return action()
    except PySparkException as raised:
        parameters = {key: value for key, value in (raised.getMessageParameters() or {}).items() if key not in ("id", "runId", "message")}
        told = (raised.getMessageParameters() or {}).get("message", "").split("\n")[0][:160]
        return [type(raised).__name__, raised.getCondition(), raised.getSqlState(), sorted(map(str, parameters.items())), told]
    except Exception as raised:
        return [type(raised).__name__, str(raised).split("\n")[0][:200]]


def drop(folder, number, rows):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"f{number}.json")
    with open(path, "w", encoding="utf-8") as file:
        for key, minute, value in rows:
            file.write(json.dumps({"k": key, "t": f"2024-01-01T{minute // 60:02d}:{minute % 60:02d}:00Z", "v": value}) + "\n")
    os.utime(path, (1700000000 + number, 1700000000 + number))


BATCHES = [[("a", 0, 1), ("b", 5, 2)], [("a", 20, 3)], [("b", 2, 4), ("c", 50, 5)]]


def source(spark, tmp, name="in", batches=BATCHES):
    for number, rows in enumerate(batches):
        drop(str(tmp / name), number, rows)
    return spark.readStream.schema("k STRING, t TIMESTAMP, v BIGINT").option("maxFilesPerTrigger", 1).json(str(tmp / name))


def run(frame, mode="append", name="out"):
    query = frame.writeStream.format("memory").queryName(name).outputMode(mode).trigger(availableNow=True).start()
    query.awaitTermination()
    return sorted([[str(value) for value in row] for row in frame.sparkSession.table(name).collect()])


class Hears(StreamingQueryListener):
    def __init__(self):
        self.events = []

    def onQueryStarted(self, event):
        self.events.append(event)

    def onQueryProgress(self, event):
        self.events.append(event)

    def onQueryIdle(self, event):
        pass

    def onQueryTerminated(self, event):
        self.events.append(event)


def wait(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not condition():
        time.sleep(0.05)


def case_tags(spark, tmp):
    """What the event of a query's start tells of the tags of its session."""
    told, hears = {}, Hears()
    spark.streams.addListener(hears)

    def start(name):
        before = len(hears.events)
        query = source(spark, tmp).writeStream.format("noop").queryName(name).trigger(availableNow=True).start()
        query.awaitTermination()
        wait(lambda: len(hears.events) >= before + 2)
        event = next(one for one in hears.events[before:] if type(one).__name__ == "QueryStartedEvent")
        tags = [re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID", tag) for tag in event.jobTags]
        return [event.name, sorted(tags), type(event.jobTags).__name__]

    told["none"] = start("none")
    spark.addTag("one")
    spark.addTag("two")
    told["two"] = start("two")
    spark.removeTag("one")
    told["one"] = start("one")
    spark.clearTags()
    told["cleared"] = start("cleared")
    spark.streams.removeListener(hears)
    return told


def case_except_all_in_update(spark, tmp):
    static = spark.createDataFrame([("a",)], "k STRING")
    other = lambda: source(spark, tmp, "other").select("k")  # noqa: E731
    one = lambda: source(spark, tmp).select("k")  # noqa: E731
    return {f"{name}, {mode}": tried(lambda: run(make(), mode)) for mode in ("append", "update", "complete") for name, make in {
        "static except all stream": lambda: static.exceptAll(one()),
        "stream except all static": lambda: one().exceptAll(static),
        "stream except all stream": lambda: one().exceptAll(other()),
        "stream intersect all stream": lambda: one().intersectAll(other()),
        "stream intersect all static": lambda: one().intersectAll(static),
        "static intersect all stream": lambda: static.intersectAll(one()),
    }.items()}


def case_policies(spark, tmp):
    def joined():
        left = source(spark, tmp).withWatermark("t", "10 minutes")
        right = source(spark, tmp, "other", [[("a", 0, 7)], [("a", 90, 8)], [("b", 91, 9)]])
        both = left.union(right.withWatermark("t", "5 minutes"))
        return both.groupBy(F.window("t", "10 minutes"), "k").count().select("window.start", "k", "count")

    told = {}
    for policy in ("min", "max", "MAX", "other"):
        told[policy] = tried(lambda: [spark.conf.set("spark.sql.streaming.multipleWatermarkPolicy", policy), run(joined())][1])
    spark.conf.unset("spark.sql.streaming.multipleWatermarkPolicy")
    return told


def case_chains(spark, tmp):
    late = lambda: source(spark, tmp).withWatermark("t", "5 minutes")  # noqa: E731
    other = lambda: source(spark, tmp, "other").selectExpr("k AS j", "t AS u", "v AS w").withWatermark("u", "5 minutes")  # noqa: E731
    within = lambda: late().join(other(), F.expr("k = j AND u >= t AND u <= t + INTERVAL 10 MINUTES"))  # noqa: E731
    programs = {
        "window of windows": lambda: late().groupBy(F.window("t", "5 minutes"), "k").count()
        .groupBy(F.window("window", "30 minutes")).agg(F.sum("count").alias("n")).select("window.start", "n"),
        "window_time": lambda: late().groupBy(F.window("t", "5 minutes"), "k").count()
        .groupBy(F.window(F.window_time("window"), "30 minutes")).agg(F.sum("count").alias("n")).select("window.start", "n"),
        "join, then windows": lambda: within().groupBy(F.window("t", "30 minutes")).count().select("window.start", "count"),
        "deduplicated, then joined": lambda: late().dropDuplicatesWithinWatermark(["k"])
        .join(other(), F.expr("k = j AND u >= t AND u <= t + INTERVAL 10 MINUTES")).select("k", "v", "w"),
        "join, then deduplicated": lambda: within().dropDuplicates(["k", "t"]).select("k", "v", "w"),
        "windows, then deduplicated": lambda: late().groupBy(F.window("t", "5 minutes"), "k").count().dropDuplicates(["window", "count"]).select("window.start", "count"),
        "joined twice": lambda: within().join(source(spark, tmp, "third").selectExpr("k AS l", "t AS x").withWatermark("x", "5 minutes"),
                                              F.expr("k = l AND x >= t AND x <= t + INTERVAL 10 MINUTES")).select("k", "v", "w"),
        "session, then windows": lambda: late().groupBy(F.session_window("t", "5 minutes"), "k").count()
        .groupBy(F.window(F.window_time("session_window"), "30 minutes")).count().select("window.start", "count"),
        "union, then windows": lambda: late().union(late()).groupBy(F.window("t", "30 minutes")).count().select("window.start", "count"),
        "outer join, then windows": lambda: late().join(other(), F.expr("k = j AND u >= t AND u <= t + INTERVAL 10 MINUTES"), "left")
        .groupBy(F.window("t", "30 minutes")).count().select("window.start", "count"),
        "left semi": lambda: late().join(other(), F.expr("k = j AND u >= t AND u <= t + INTERVAL 10 MINUTES"), "left_semi").select("k", "v"),
    }
    return {f"{name}, {mode}": tried(lambda: run(make(), mode)) for name, make in programs.items() for mode in ("append", "update")}


def case_small(spark, tmp):
    """What one may do with queries, their DataFrames and their tables."""
    frame = source(spark, tmp)

    def memory(**options):
        query = frame.writeStream.format("memory").queryName("again").options(**options).trigger(availableNow=True).start()
        query.awaitTermination()
        return spark.table("again").count()

    def with_function():
        double = F.udf(lambda value: value * 2, "BIGINT")
        return run(frame.select(double("v").alias("d")))

    def mapped():
        return run(frame.mapInPandas(lambda batches: (batch[["k"]] for batch in batches), "k STRING"))

    def once():
        query = frame.writeStream.format("noop").trigger(once=True).start()
        query.awaitTermination()
        return [one["numInputRows"] for one in query.recentProgress]

    def columns_of(**settings):
        query = frame.writeStream.format("noop").start()
        query.processAllAvailable()
        # A trigger that looks for data in vain is active, too.
        status = next((status for status in (query.status for _ in range(1000)) if not status["isTriggerActive"]), query.status)
        told = [status["message"], status["isDataAvailable"], status["isTriggerActive"], query.isActive]
        query.stop()
        return told

    def batch_functions():
        seen = []

        def handle(batch, number):
            seen.append([number, batch.count(), batch.isStreaming, batch.sparkSession is not None, batch.columns])

        query = frame.writeStream.foreachBatch(handle).trigger(availableNow=True).start()
        query.awaitTermination()
        return "ran"

    return {
        "memory": tried(memory),
        "memory, same name": tried(memory),
        "memory in complete": tried(lambda: run(frame.groupBy("k").count(), "complete")),
        "function": tried(with_function),
        "mapped": tried(mapped),
        "once": tried(once),
        "status": tried(columns_of),
        "each batch": tried(batch_functions),
        "transform": tried(lambda: run(frame.transform(lambda own: own.select("k")))),
        "explode": tried(lambda: run(frame.select(F.explode(F.array("k", F.upper("k")))))),
        "with columns": tried(lambda: run(frame.withColumnRenamed("k", "x").drop("t").fillna(0).where("v > 2"))),
        "rollup": tried(lambda: run(frame.rollup("k").count(), "complete")),
        "cube": tried(lambda: run(frame.cube("k").count(), "complete")),
        "global": tried(lambda: run(frame.agg(F.sum("v"), F.count("*")), "complete")),
        "global in update": tried(lambda: run(frame.agg(F.sum("v")), "update")),
        "order after aggregation": tried(lambda: run(frame.groupBy("k").count().orderBy("count"), "complete")),
        "limit after aggregation": tried(lambda: run(frame.groupBy("k").count().orderBy("k").limit(1), "complete")),
        "limit": tried(lambda: run(frame.limit(2))),
        "offset": tried(lambda: run(frame.offset(1))),
        "offset in complete": tried(lambda: run(frame.groupBy("k").count().orderBy("k").offset(1), "complete")),
        "current time": tried(lambda: run(frame.select((F.current_timestamp() > F.lit("2020-01-01").cast("timestamp")).alias("c")))),
        "random": tried(lambda: run(frame.select((F.rand() < 2).alias("c")))),
        "repartitioned": tried(lambda: run(frame.repartition(3).select("k"))),
        "repartitioned by key": tried(lambda: run(frame.repartition("k").select("k"))),
        "sql": tried(lambda: [frame.createOrReplaceTempView("sv"), run(spark.sql("SELECT k, count(*) AS n FROM sv GROUP BY k"), "complete")][1]),
        "hint": tried(lambda: run(frame.hint("broadcast").join(spark.createDataFrame([("a", 1)], "k STRING, z INT"), "k").select("k", "z"))),
        "cross join": tried(lambda: run(frame.crossJoin(spark.range(2)).select("k", "id"))),
        "in a subquery": tried(lambda: run(frame.where("v IN (SELECT id FROM range(3))").select("k"))),
        "exists": tried(lambda: run(spark.sql("SELECT k FROM sv WHERE EXISTS (SELECT 1 FROM range(3) r WHERE r.id = sv.v)"))),
        "stream in a subquery": tried(lambda: run(spark.range(3).where("id IN (SELECT v FROM sv)"))),
        "watermark twice": tried(lambda: run(frame.withWatermark("t", "1 minute").withWatermark("t", "5 minutes").select("k"))),
        "watermark of months": tried(lambda: frame.withWatermark("t", "1 month").columns),
        "watermark below zero": tried(lambda: frame.withWatermark("t", "-1 minute").columns),
        "watermark of an interval": tried(lambda: frame.withWatermark("t", "interval 1 minute 5 seconds").columns),
        "duplicates of all": tried(lambda: run(frame.select("k").dropDuplicates())),
        "duplicates of none": tried(lambda: run(frame.select("k").dropDuplicates([]))),
        "distinct": tried(lambda: run(frame.select("k").distinct(), "update")),
        "distinct in append": tried(lambda: run(frame.select("k").distinct())),
        "sampled": tried(lambda: run(frame.sample(1.0).select("k"))),
        "observed": tried(lambda: run(frame.observe("m", F.count("*").alias("n")).select("k"))),
    }


def case_progress(spark, tmp):
    """Reports of queries with every kind of operator, without what a clock or a memory says."""
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    late = lambda: source(spark, tmp).withWatermark("t", "5 minutes")  # noqa: E731
    other = source(spark, tmp, "other").selectExpr("k AS j", "t AS u", "v AS w").withWatermark("u", "5 minutes")
    programs = {
        "stateless": (source(spark, tmp), "append"),
        "aggregate": (source(spark, tmp).groupBy("k").count(), "update"),
        "windows": (late().groupBy(F.window("t", "10 minutes")).count(), "append"),
        "sessions": (late().groupBy(F.session_window("t", "10 minutes"), "k").count(), "append"),
        "dedup": (late().dropDuplicates(["k", "t"]), "append"),
        "dedup for ever": (source(spark, tmp).dropDuplicates(["k"]), "append"),
        "within": (late().dropDuplicatesWithinWatermark(["k"]), "append"),
        "limit": (source(spark, tmp).limit(2), "append"),
        "join": (late().join(other, F.expr("k = j AND u >= t AND u <= t + INTERVAL 10 MINUTES")), "append"),
    }
    told = {}
    for name, (frame, mode) in programs.items():
        query = frame.writeStream.format("noop").outputMode(mode).trigger(availableNow=True).start()
        query.awaitTermination()
        told[name] = []
        for one in query.recentProgress:
            states = [[state[key] for key in ("operatorName", "numRowsTotal", "numRowsUpdated", "numRowsRemoved", "numRowsDroppedByWatermark",
                                              "numShufflePartitions", "numStateStoreInstances")] + [state["customMetrics"].get("numDroppedDuplicateRows")]
                      for state in one["stateOperators"]]
            told[name].append([one["batchId"], one["numInputRows"], dict(one["eventTime"]), states, one["sink"]["numOutputRows"]])
    return told


def case_listeners(spark, tmp):
    """Listeners that fail, that ask, that start and stop queries."""
    told, heard = {}, []

    class Fails(Hears):
        def onQueryStarted(self, event):
            heard.append("failing")
            raise ValueError("not today")

    class Asks(Hears):
        def onQueryTerminated(self, event):
            heard.append(spark.range(5).count())
            super().onQueryTerminated(event)

    class Old(StreamingQueryListener):
        """Of the time before idle events."""

        def onQueryStarted(self, event):
            heard.append("old")

        def onQueryProgress(self, event):
            heard.append("old progress")

        def onQueryTerminated(self, event):
            heard.append("old end")

    listeners = [Fails(), Asks(), Old(), Hears()]
    for one in listeners:
        spark.streams.addListener(one)
    query = source(spark, tmp).writeStream.format("noop").queryName("first").trigger(availableNow=True).start()
    query.awaitTermination()
    wait(lambda: len(listeners[3].events) >= 5 and "old end" in heard and 5 in heard)
    told["heard"] = sorted(map(str, heard))
    told["events"] = sorted(type(one).__name__ for one in listeners[3].events)
    again = source(spark, tmp).writeStream.format("noop").option("checkpointLocation", str(tmp / "cp")).trigger(availableNow=True)
    spark.streams.removeListener(listeners[3])
    again.start().awaitTermination()
    time.sleep(1)
    told["removed"] = len(listeners[3].events)
    told["removed twice"] = tried(lambda: spark.streams.removeListener(listeners[3]))
    for one in listeners[:3]:
        spark.streams.removeListener(one)
    told["no listener"] = tried(lambda: spark.streams.addListener("text"))
    return told


def case_restarts(spark, tmp):
    """A query that goes on: its id stays, its run does not, and its numbers count on."""
    def start(**options):
        write = source(spark, tmp).writeStream.format("parquet").option("checkpointLocation", str(tmp / "cp"))
        return write.options(**options).trigger(availableNow=True).start(str(tmp / "out"))

    first = start()
    first.awaitTermination()
    drop(str(tmp / "in"), 7, [("z", 7, 7)])
    second = start()
    second.awaitTermination()
    third = start()
    third.awaitTermination()
    return {
        "ids": [first.id == second.id, first.runId == second.runId],
        "batches": [[one["batchId"] for one in query.recentProgress] for query in (first, second, third)],
        "rows": spark.read.parquet(str(tmp / "out")).count(),
        "last": [one.lastProgress is None for one in (first, second, third)],
        "stopped": [third.isActive, third.exception(), len(spark.streams.active)],
    }
