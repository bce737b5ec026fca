"""transformWithState: the column of the answer that takes the event time's place, and keys of initial states."""

import datetime
import json
import os
import re

from pyspark.errors import PySparkException
from pyspark.sql import Row
from pyspark.sql import functions as F
from pyspark.sql.streaming import StatefulProcessor

PROVIDER = "spark.sql.streaming.stateStore.providerClass"
ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
OUT = "k STRING, told STRING, at TIMESTAMP"


def source(spark, tmp, name="in"):
    for number, rows in enumerate([[("a", 1, 1), ("b", 2, 2), ("a", 3, 3)], [("a", 30, 4)], [("c", 50, 5)]]):
        os.makedirs(tmp / name, exist_ok=True)
        path = tmp / name / f"f{number}.json"
        path.write_text("".join(
            json.dumps({"k": key, "t": f"2024-01-01T00:{minute:02d}:00Z", "v": value}) + "\n" for key, minute, value in rows))
        os.utime(path, (1700000000 + number, 1700000000 + number))
    return spark.readStream.schema("k STRING, t TIMESTAMP, v BIGINT").option("maxFilesPerTrigger", 1).json(str(tmp / name))


def with_rocksdb(spark, work):
    spark.conf.set(PROVIDER, ROCKSDB)
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    try:
        return work()
    finally:
        spark.conf.unset(PROVIDER)


def tried(action):
    try:
        return action()
    except PySparkException as raised:
        parameters = {key: re.sub(r"#\d+L?", "#N", value) for key, value in (raised.getMessageParameters() or {}).items()
                      if key not in ("id", "runId", "stackTrace", "queryDebugString")}
        told = parameters.pop("message", "").split("\n")[0][:300]
        causes = re.findall(r"\[([A-Z][A-Z_0-9]+(?:\.[A-Z_0-9]+)?)\]", str(raised))
        if raised.getCondition() == "STREAM_FAILED":
            return ["STREAM_FAILED", [one for one in causes if one != "STREAM_FAILED"][:1], re.sub(r"#\d+L?", "#N", told)]
        return [type(raised).__name__, raised.getCondition(), raised.getSqlState(), sorted(map(str, parameters.items())), told]
    except Exception as raised:
        return [type(raised).__name__, str(raised).split("\n")[0][:200]]


def run(frame, mode="update", name="out"):
    query = frame.writeStream.format("memory").queryName(name).outputMode(mode).trigger(availableNow=True).start()
    query.awaitTermination()
    return sorted([[str(value) for value in row] for row in frame.sparkSession.table(name).collect()])


class Tells(StatefulProcessor):
    """A row a group, at the latest time of its rows and some minutes."""

    def __init__(self, minutes, what="at"):
        self.minutes, self.what = minutes, what

    def init(self, handle):
        pass

    def handleInputRows(self, key, rows, timerValues):
        rows = list(rows)
        at = max(row.t for row in rows) + datetime.timedelta(minutes=self.minutes)
        at = {"at": at, "none": None, "day": at.date(), "number": 5, "text": "x", "window": Row(start=at, end=at)}[self.what]
        yield Row(k=key[0], told=str(len(rows)), at=at)

    def close(self):
        pass


def apply(frame, column, minutes=10, schema=OUT, what="at", time="EventTime", mode="Update", **more):
    return frame.groupBy("k").transformWithState(Tells(minutes, what), schema, mode, time, eventTimeColumnName=column, **more)


def case_names(spark, tmp):
    late = source(spark, tmp).withWatermark("t", "5 minutes")
    plain = source(spark, tmp)
    twice = late.withWatermark("t", "9 minutes")
    shown = lambda frame: [json.loads(frame.schema.json()), run(frame)]  # noqa: E731
    typed = lambda own, what: apply(late, "at", schema=f"k STRING, told STRING, at {own}", what=what)  # noqa: E731
    programs = {
        "at": lambda: shown(apply(late, "at")),
        "upper case": lambda: shown(apply(late, "AT")),
        "quoted": lambda: shown(apply(late, "`at`")),
        "with blanks": lambda: shown(apply(late, " at ")),
        "nothing": lambda: shown(apply(late, "")),
        "rubbish": lambda: shown(apply(late, "`at")),
        "unknown": lambda: shown(apply(late, "zz")),
        "of the input": lambda: shown(apply(late, "t")),
        "star": lambda: shown(apply(late, "*")),
        "nested": lambda: shown(apply(late, "at.x")),
        "twice": lambda: shown(apply(late, "at", schema="k STRING, at TIMESTAMP, at TIMESTAMP")),
        "no watermark": lambda: shown(apply(plain, "at")),
        "no watermark, unknown": lambda: shown(apply(plain, "zz")),
        "no time mode": lambda: shown(apply(late, "at", time="None")),
        "processing time, no watermark": lambda: shown(apply(plain, "at", time="ProcessingTime")),
        "watermark twice": lambda: shown(apply(twice, "at")),
        "number": lambda: shown(typed("BIGINT", "number")),
        "small number": lambda: shown(typed("INT", "number")),
        "day": lambda: shown(typed("DATE", "day")),
        "no zone": lambda: shown(typed("TIMESTAMP_NTZ", "at")),
        "window": lambda: shown(typed("STRUCT<start: TIMESTAMP, end: TIMESTAMP>", "window")),
        "null": lambda: shown(apply(late, "at", what="none")),
        "text": lambda: tried(lambda: run(typed("STRING", "text")))[:1],
        "watermark of no zone": lambda: late.selectExpr("CAST(t AS TIMESTAMP_NTZ) AS n").withWatermark("n", "1 minute").schema.json(),
    }
    return with_rocksdb(spark, lambda: {name: tried(action) for name, action in programs.items()})


def case_rows(spark, tmp):
    """Rows of the answer must not be older than the watermark."""
    late = source(spark, tmp).withWatermark("t", "5 minutes")
    old = late.selectExpr("k", "t - INTERVAL 60 YEARS AS t", "v")
    programs = {
        "ahead": lambda: run(apply(late, "at", 10)),
        "as they are": lambda: run(apply(late, "at", 0)),
        "behind": lambda: run(apply(late, "at", -40)),
        "at the watermark": lambda: run(apply(late, "at", -32)),
        "behind, without a column": lambda: run(apply(late, "", -40)),
        "before 1970": lambda: run(apply(old, "at", 0)),
        "in append mode": lambda: run(apply(late, "at", 10, mode="Append"), "append"),
    }
    return with_rocksdb(spark, lambda: {name: tried(action) for name, action in programs.items()})


def case_chains(spark, tmp):
    """What comes behind goes by the column's time."""
    late = source(spark, tmp).withWatermark("t", "5 minutes")
    counts = lambda frame: frame.groupBy(F.window("at", "10 minutes")).count().select("window.start", "count")  # noqa: E731
    programs = {
        "windows": lambda: run(counts(apply(late, "at", mode="Append")), "append"),
        "windows without": lambda: run(counts(apply(late, "", mode="Append")), "append"),
        "windows in update": lambda: run(counts(apply(late, "at")), "update"),
        "windows in complete": lambda: run(counts(apply(late, "at")), "complete"),
        "windows of windows": lambda: run(counts(counts(apply(late, "at", mode="Append")).selectExpr("start AS at")), "append"),
        "duplicates": lambda: run(apply(late, "at", mode="Append").dropDuplicatesWithinWatermark(["k"]), "append"),
        "duplicates without": lambda: run(apply(late, "", mode="Append").dropDuplicatesWithinWatermark(["k"]), "append"),
        "watermark again": lambda: run(apply(late, "at", mode="Append").withWatermark("at", "1 minute"), "append"),
        "watermark again without": lambda: run(apply(late, "", mode="Append").withWatermark("at", "1 minute"), "append"),
        "another watermark": lambda: run(late.withColumn("u", F.col("t")).withWatermark("u", "1 minute"), "append"),
        "another watermark, counted": lambda: run(late.withColumn("u", F.col("t")).withWatermark("u", "1 minute").groupBy(F.window("u", "5 minutes")).count().select("count"), "append"),
        "another watermark behind windows": lambda: run(late.groupBy(F.window("t", "5 minutes")).count().select("window.end").withWatermark("end", "1 minute"), "append"),
        "another watermark behind counts": lambda: run(late.groupBy("k").agg(F.max("t").alias("u")).withWatermark("u", "1 minute"), "update"),
        "twice": lambda: run(apply(apply(late, "at", mode="Append").selectExpr("k", "at AS t"), "at", mode="Append"), "append"),
        "behind windows": lambda: run(apply(late.groupBy(F.window("t", "5 minutes"), "k").count().selectExpr("k", "window.end AS t"), "at", mode="Append"), "append"),
    }
    return with_rocksdb(spark, lambda: {name: tried(action) for name, action in programs.items()})


def case_batch(spark, tmp):
    rows = spark.createDataFrame([("a", 1), ("b", 2)], "k STRING, v BIGINT").selectExpr("*", "timestamp'2024-01-01 00:00:00' AS t")
    dated = rows.withWatermark("t", "5 minutes")
    shown = lambda frame: [json.loads(frame.schema.json()), sorted([str(value) for value in row] for row in frame.collect())]  # noqa: E731
    programs = {
        "at": lambda: shown(apply(dated, "at")),
        "unknown": lambda: shown(apply(dated, "zz")),
        "no watermark": lambda: shown(apply(rows, "at")),
        "no watermark, unknown": lambda: shown(apply(rows, "zz")),
        "text": lambda: shown(apply(dated, "told")),
        "before 1970": lambda: shown(apply(dated, "at", -40000000)),
        "no watermark, no time mode": lambda: shown(apply(rows, "at", time="None")),
    }
    return with_rocksdb(spark, lambda: {name: tried(action) for name, action in programs.items()})


class Starts(StatefulProcessor):
    """Adds up what the initial state and the rows have."""

    def __init__(self, pandas=False, keys=1):
        self.pandas, self.keys = pandas, keys

    def init(self, handle):
        self.sum = handle.getListState("sum", "a STRING")

    def handleInitialState(self, key, initialState, timerValues):
        if self.pandas:
            for row in initialState.itertuples():
                self.sum.appendValue((str(row.s),))
        else:
            self.sum.appendValue((str(initialState.s),))

    def handleInputRows(self, key, rows, timerValues):
        count = sum(len(batch) for batch in rows) if self.pandas else len(list(rows))
        told = f"{count} {[value for (value,) in self.sum.get()]}"
        if self.pandas:
            import pandas as pd

            yield pd.DataFrame({"k": [str(list(key))], "told": [told]})
        else:
            yield Row(k=str(list(key)), told=told)

    def close(self):
        pass


def case_initial_keys(spark, tmp):
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    rows = source(spark, tmp)
    text = spark.createDataFrame([("a", "x"), ("b", "y"), ("a", "z"), ("q", "w"), (None, "n")], "k STRING, s STRING")
    number = lambda own: spark.createDataFrame([(1, "x"), (2, "y"), (1, "z")], "k INT, s STRING").selectExpr(f"CAST(k AS {own}) AS k", "s")  # noqa: E731

    def one(frame, initial, pandas=False):
        grouped = frame
        method = grouped.transformWithStateInPandas if pandas else grouped.transformWithState
        return run(method(Starts(pandas), "k STRING, told STRING", "Update", "None", initialState=initial))

    both = lambda frame, initial: [tried(lambda: one(frame, initial, pandas)) for pandas in (False, True)]  # noqa: E731
    programs = {
        "same": lambda: both(rows.groupBy("k"), text.groupBy("k")),
        "another name": lambda: both(rows.groupBy("k"), text.withColumnRenamed("k", "j").groupBy("j")),
        "int for text": lambda: both(rows.groupBy("k"), number("INT").groupBy("k")),
        "text for bigint": lambda: both(rows.groupBy("v"), text.groupBy("k")),
        "int for bigint": lambda: both(rows.groupBy("v"), number("INT").groupBy("k")),
        "bigint for bigint": lambda: both(rows.groupBy("v"), number("BIGINT").groupBy("k")),
        "double for bigint": lambda: both(rows.groupBy("v"), number("DOUBLE").groupBy("k")),
        "two for one": lambda: both(rows.groupBy("k"), text.groupBy("k", "s")),
        "one for two": lambda: both(rows.groupBy("k", "v"), text.groupBy("k")),
        "none for one": lambda: both(rows.groupBy("k"), text.groupBy()),
        "two for two": lambda: both(rows.groupBy("k", "v"), text.selectExpr("k", "CAST(1 AS BIGINT) AS v", "s").groupBy("k", "v")),
        "two for two, turned": lambda: both(rows.groupBy("k", "v"), text.selectExpr("k", "CAST(1 AS BIGINT) AS v", "s").groupBy("v", "k")),
    }
    return with_rocksdb(spark, lambda: {name: tried(action) for name, action in programs.items()})
