"""applyInPandasWithState: groups with a state of their own, which may time out."""

import json
import os

from pyspark.sql import functions as F

SCHEMA = "k STRING, t TIMESTAMP, v BIGINT"


def drop(folder, number, rows):
    """Puts a file into a folder: its rows are a key, a minute of the first of January 2024, a value."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"f{number:02d}.json")
    with open(path, "w", encoding="utf-8") as file:
        for key, minute, value in rows:
            hour, minute = divmod(minute, 60)
            file.write(json.dumps({"k": key, "t": f"2024-01-01T{hour:02d}:{minute:02d}:00Z", "v": value}) + "\n")
    os.utime(path, (1700000000 + number, 1700000000 + number))


BATCHES = [
    [("a", 0, 1), ("b", 5, 2), ("a", 10, 3)],
    [("a", 30, 4), ("d", 31, 5)],
    [("e", 70, 6), ("c", 8, 7), (None, 71, 100), (None, 72, 101)],
    [("f", 110, 8), ("a", 35, 9)],
    [("g", 170, 10), ("b", 171, 11)],
]


def source(spark, tmp, batches=None):
    folder = str(tmp / "in")
    for number, rows in enumerate(batches or BATCHES):
        drop(folder, number, rows)
    return spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(folder).withColumn("ms", F.expr("unix_millis(t)"))


def run(frame, mode="update", numbers=("numRowsTotal", "numRowsUpdated", "numRowsRemoved", "numRowsDroppedByWatermark")):
    spark = frame.sparkSession
    query = frame.writeStream.format("memory").queryName("out").outputMode(mode).trigger(availableNow=True).start()
    query.awaitTermination()
    states = [[[one["operatorName"]] + [one[name] for name in numbers] for one in report["stateOperators"]] for report in query.recentProgress]
    marks = [report["eventTime"].get("watermark") for report in query.recentProgress]
    return {"rows": sorted([list(row) for row in spark.table("out").collect()], key=str), "state": states, "watermark": marks}


def failure(work):
    try:
        work()
    except Exception as raised:
        text = str(raised).split("JVM stacktrace")[0].split("\n")
        own = [line for line in text if line.startswith("pyspark.errors") or line.startswith("ValueError")]
        return [raised.getCondition(), (own or text)[0].split(";")[0].split(" SQLSTATE")[0].replace("terminated with exception", "").split("runId")[0][:200 if own else 400]]
    return "ran"


def case_count(spark, tmp):
    """Counts and sums by key; the keys with NULL are one group."""
    import pandas as pd

    def count(key, batches, state):
        rows, total = state.getOption or (0, 0)
        for batch in batches:
            rows += len(batch)
            total += int(batch.v.sum())
        known = state.exists
        state.update((rows, total))
        yield pd.DataFrame({"k": [key[0]], "n": [rows], "s": [total], "known": [known]})

    frame = source(spark, tmp).groupBy("k").applyInPandasWithState(count, "k STRING, n BIGINT, s BIGINT, known BOOLEAN", "n BIGINT, s BIGINT", "update", "NoTimeout")
    other = source(spark, tmp).groupBy("k").applyInPandasWithState(count, "k STRING, n BIGINT, s BIGINT, known BOOLEAN", "n BIGINT, s BIGINT", "append", "NoTimeout")
    return {"update": run(frame), "append": run(other, "append"), "schema": frame.schema.simpleString()}


def case_remove(spark, tmp):
    import pandas as pd

    def toggle(key, batches, state):
        seen = sum(len(batch) for batch in batches)
        if state.exists:
            yield pd.DataFrame({"k": [key[0]], "text": [f"gone {state.get} {seen} {state}"]})
            state.remove()
            yield pd.DataFrame({"k": [key[0]], "text": [f"{state.exists} {state.getOption} {state}"]})
        else:
            state.update((seen, "x" * seen))

    frame = source(spark, tmp).groupBy("k").applyInPandasWithState(toggle, "k STRING, text STRING", "n INT, s STRING", "update", "NoTimeout")
    return run(frame)


def case_event_time(spark, tmp):
    """Groups time out when the watermark passes the time that they set; late rows do not come."""
    import pandas as pd

    def session(key, batches, state):
        if state.hasTimedOut:
            rows, last = state.get
            given = [list(batch.columns) for batch in batches]
            yield pd.DataFrame({"k": [key[0]], "n": [rows], "text": [f"timed out {given} {state.getCurrentWatermarkMs()}"]})
            state.remove()
            return
        rows, last = state.getOption or (0, 0)
        for batch in batches:
            rows += len(batch)
            last = max(last, int(batch.ms.max()))
        state.update((rows, last))
        state.setTimeoutTimestamp(max(last, state.getCurrentWatermarkMs()) + 20 * 60 * 1000)
        yield pd.DataFrame({"k": [key[0]], "n": [rows], "text": [f"{state.getCurrentWatermarkMs()}"]})

    aged = source(spark, tmp).withWatermark("t", "10 minutes")
    schema = "k STRING, n BIGINT, text STRING"
    frame = aged.groupBy("k").applyInPandasWithState(session, schema, "n BIGINT, last BIGINT", "append", "EventTimeTimeout")
    return {"append": run(frame, "append"), "two keys": run(aged.withColumn("odd", F.col("v") % 2).groupBy("k", "odd").applyInPandasWithState(session, schema, "n BIGINT, last BIGINT", "update", "EventTimeTimeout"))}


def case_timeout_that_stays(spark, tmp):
    """What a group that has timed out, and says nothing, means for the next batch."""
    import pandas as pd

    def silent(key, batches, state):
        if state.hasTimedOut:
            yield pd.DataFrame({"k": [key[0]], "text": ["timed out"]})
            return
        if not state.exists:
            state.update((1,))
            state.setTimeoutTimestamp(state.getCurrentWatermarkMs() + 15 * 60 * 1000)

    frame = source(spark, tmp).withWatermark("t", "10 minutes").groupBy("k").applyInPandasWithState(silent, "k STRING, text STRING", "n INT", "update", "EventTimeTimeout")
    return run(frame)


def case_types(spark, tmp):
    """Values of the state of all kinds, and rows of a group in several pieces."""
    import datetime
    import decimal

    import pandas as pd

    def keep(key, batches, state):
        sizes = [len(batch) for batch in batches]
        before = [repr(value) for value in state.get] if state.exists else []
        state.update((True, 1.5, "é", b"ab", decimal.Decimal("1.50"), datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2, 3, 4, 5), None))
        yield pd.DataFrame({"k": [key[0]], "text": [f"{sum(sizes)} {before}"]})

    state = "b BOOLEAN, d DOUBLE, s STRING, bin BINARY, dec DECIMAL(10,2), day DATE, at TIMESTAMP, n INT"
    batches = [[("a", 0, number) for number in range(25)] + [("b", 1, 1)]] * 2
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 10)
    try:
        return run(source(spark, tmp, batches).groupBy("k").applyInPandasWithState(keep, "k STRING, text STRING", state, "update", "NoTimeout"))
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")


def case_refused(spark, tmp):
    import pandas as pd

    def nothing(key, batches, state):
        yield pd.DataFrame({"k": [key[0]]})

    def absent(key, batches, state):
        yield pd.DataFrame({"k": [str(state.get)]})

    def timer(key, batches, state):
        state.setTimeoutDuration(1000)
        yield pd.DataFrame({"k": [key[0]]})

    def raises(key, batches, state):
        raise ValueError("no")

    def wrong(key, batches, state):
        yield pd.DataFrame({"k": [key[0]], "z": [1]})

    plain = source(spark, tmp)
    aged = plain.withWatermark("t", "10 minutes")

    def apply(frame, function=nothing, mode="update", timeout="NoTimeout", state="n INT"):
        return frame.groupBy("k").applyInPandasWithState(function, "k STRING", state, mode, timeout)

    batch = spark.createDataFrame([("a", 1)], "k STRING, v INT")
    return {
        "batch": failure(lambda: apply(batch).collect()),
        "event time without watermark": failure(lambda: run(apply(plain, timeout="EventTimeTimeout"))),
        "unknown timeout": failure(lambda: run(apply(plain, timeout="Never"))),
        "unknown mode": failure(lambda: run(apply(plain, mode="never"))),
        "complete": failure(lambda: run(apply(plain, mode="complete"), "complete")),
        "update in append": failure(lambda: run(apply(plain), "append")),
        "append in update": failure(lambda: run(apply(plain, mode="append"), "update")),
        "update in complete": failure(lambda: run(apply(plain), "complete")),
        "behind an aggregate": failure(lambda: run(apply(aged.groupBy("k", "t").count()), "update")),
        "behind an aggregate, append": failure(lambda: run(apply(aged.groupBy("k", "t").count(), mode="append"), "append")),
        "update before an aggregate": failure(lambda: run(apply(aged).groupBy("k").count(), "update")),
        "append before an aggregate": failure(lambda: run(apply(aged, mode="append").groupBy("k").count(), "append")),
        "twice": failure(lambda: run(apply(apply(plain)), "update")),
        "twice, append": failure(lambda: run(apply(apply(plain, mode="append"), mode="append"), "append")),
        "no state": failure(lambda: run(apply(plain, absent))),
        "no timeout": failure(lambda: run(apply(plain, timer))),
        "raises": failure(lambda: run(apply(plain, raises))),
        "too many columns": failure(lambda: run(apply(plain, wrong))),
    }
