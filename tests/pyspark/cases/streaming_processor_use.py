"""transformWithState: how its handle may be used, in streams and in batch queries, and what is refused."""

import json
import os
import time

from pyspark.errors import PySparkException
from pyspark.sql import Row
from pyspark.sql import functions as F
from pyspark.sql.streaming import StatefulProcessor

PROVIDER = "spark.sql.streaming.stateStore.providerClass"
ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
OUT = "k STRING, told STRING"


def drop(folder, number, rows):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"f{number:02d}.json")
    with open(path, "w", encoding="utf-8") as file:
        for key, minute, value in rows:
            file.write(json.dumps({"k": key, "t": f"2024-01-01T00:{minute:02d}:00Z", "v": value}) + "\n")
    os.utime(path, (1700000000 + number, 1700000000 + number))


def source(spark, tmp):
    for number, rows in enumerate([[("a", 1, 1), ("b", 2, 2), ("a", 3, 3)], [("a", 30, 4)], [("c", 50, 5)]]):
        drop(tmp / "in", number, rows)
    return spark.readStream.schema("k STRING, t TIMESTAMP, v BIGINT").option("maxFilesPerTrigger", 1).json(str(tmp / "in"))


def with_rocksdb(spark, work):
    spark.conf.set(PROVIDER, ROCKSDB)
    try:
        return work()
    finally:
        spark.conf.unset(PROVIDER)


def condition_in(text):
    """The names of conditions and Python's errors that a failure tells of, without what is around them."""
    found = []
    for line in text.split("JVM stacktrace")[0].split("\n"):
        for word in ("pyspark.errors.", "ValueError", "TypeError", "KeyError", "AttributeError", "AssertionError", "StopIteration"):
            if line.startswith(word):
                found.append(line.split(" SQLSTATE")[0][:250])
                break
    return found[:1] or None


def tried(action):
    try:
        return action()
    except PySparkException as raised:
        own = condition_in(str(raised))
        if own:
            return ["in Python", raised.getCondition(), own]
        parameters = {key: value for key, value in (raised.getMessageParameters() or {}).items()
                      if key not in ("id", "runId", "msg", "stackTrace") and "operator !" not in key}
        text = None if raised.getCondition() else str(raised).split("\n")[0][:200]
        return [type(raised).__name__, raised.getCondition(), raised.getSqlState(), sorted(parameters), text]
    except Exception as raised:
        return [type(raised).__name__, str(raised).split("\n")[0][:200]]


def run(frame, mode="update", name="out"):
    query = frame.writeStream.format("memory").queryName(name).outputMode(mode).trigger(availableNow=True).start()
    query.awaitTermination()
    return sorted([list(row) for row in frame.sparkSession.table(name).collect()], key=str)


def using(init=None, rows=None, expired=None, initial=None, closing=None, pandas=False):
    """A processor that is made of functions."""

    class Using(StatefulProcessor):
        def init(self, handle):
            self.handle = handle
            if init:
                init(self, handle)

        def handleInputRows(self, key, given, timerValues):
            if pandas:
                import pandas as pd

                given = [row for batch in given for row in batch.itertuples()]
            else:
                given = list(given)
            told = rows(self, key, given, timerValues) if rows else len(given)
            if pandas:
                yield pd.DataFrame({"k": [key[0]], "told": [str(told)]})
            else:
                yield Row(k=key[0], told=str(told))

        def close(self):
            if closing:
                closing(self)

    if expired:
        def handle_expired(self, key, timerValues, expiredTimerInfo):
            told = expired(self, key, timerValues, expiredTimerInfo)
            if pandas:
                import pandas as pd

                yield pd.DataFrame({"k": [key[0]], "told": [str(told)]})
            else:
                yield Row(k=key[0], told=str(told))

        Using.handleExpiredTimer = handle_expired
    if initial:
        Using.handleInitialState = initial
    return Using()


def both(frame, own, time="None", mode="Update", **more):
    """The same processor by rows and by pandas."""
    return [
        frame.groupBy("k").transformWithState(own(False), OUT, mode, time, **more),
        frame.groupBy("k").transformWithStateInPandas(own(True), OUT, mode, time, **more),
    ]


def case_value(spark, tmp):
    def init(own, handle):
        own.value = handle.getValueState("value", "a INT, b STRING")

    programs = {
        "tuple": lambda own: own.value.update((1, "x")),
        "row": lambda own: own.value.update(Row(a=1, b="x")),
        "too few": lambda own: own.value.update((1,)),
        "too many": lambda own: own.value.update((1, "x", 2)),
        "another type": lambda own: own.value.update(("x", 1)),
        "a null": lambda own: own.value.update((None, None)),
        "none": lambda own: own.value.update(None),
        "a number": lambda own: own.value.update(1),
        "a dict": lambda own: own.value.update({"a": 1, "b": "x"}),
        "cleared": lambda own: [own.value.update((1, "x")), own.value.clear()],
        "cleared twice": lambda own: [own.value.clear(), own.value.clear()],
    }

    def one(program):
        def rows(own, key, given, timers):
            program(own)
            return [own.value.exists(), own.value.get()]

        return tried(lambda: run(source(spark, tmp).groupBy("k").transformWithState(using(init, rows), OUT, "Update", "None")))

    return with_rocksdb(spark, lambda: {name: one(program) for name, program in programs.items()})


def case_list(spark, tmp):
    def init(own, handle):
        own.list = handle.getListState("list", "a INT")

    programs = {
        "append": lambda own: own.list.appendValue((1,)),
        "append list": lambda own: own.list.appendList([(1,), (2,)]),
        "append nothing": lambda own: own.list.appendList([]),
        "put": lambda own: own.list.put([(1,), (2,)]),
        "put nothing": lambda own: own.list.put([]),
        "append a number": lambda own: own.list.appendValue(1),
        "append a list as value": lambda own: own.list.appendValue([1]),
        "append none": lambda own: own.list.appendValue(None),
        "append another type": lambda own: own.list.appendValue(("x",)),
        "append a null": lambda own: own.list.appendValue((None,)),
        "put a generator": lambda own: own.list.put(((n,) for n in range(3))),
        "long": lambda own: own.list.put([(n,) for n in range(300)]),
        "clear": lambda own: [own.list.appendValue((1,)), own.list.clear()],
        "two iterators": lambda own: [own.list.put([(1,), (2,)]), next(own.list.get()), next(own.list.get())],
    }

    def one(program):
        def rows(own, key, given, timers):
            program(own)
            values = [value for (value,) in own.list.get()]
            return [own.list.exists(), len(values), values[-2:]]

        return tried(lambda: run(source(spark, tmp).groupBy("k").transformWithState(using(init, rows), OUT, "Update", "None")))

    return with_rocksdb(spark, lambda: {name: one(program) for name, program in programs.items()})


def case_map(spark, tmp):
    def init(own, handle):
        own.map = handle.getMapState("map", "u STRING", "a INT")

    programs = {
        "update": lambda own: own.map.updateValue(("x",), (1,)),
        "update twice": lambda own: [own.map.updateValue(("x",), (1,)), own.map.updateValue(("x",), (2,))],
        "get what is not there": lambda own: own.map.getValue(("zz",)),
        "contains": lambda own: own.map.containsKey(("zz",)),
        "remove what is not there": lambda own: own.map.removeKey(("zz",)),
        "a key of text": lambda own: own.map.updateValue("x", (1,)),
        "a null key": lambda own: own.map.updateValue((None,), (1,)),
        "a null value": lambda own: own.map.updateValue(("x",), (None,)),
        "none as value": lambda own: own.map.updateValue(("x",), None),
        "many": lambda own: [own.map.updateValue((f"u{n:03d}",), (n,)) for n in range(250)],
        "clear": lambda own: [own.map.updateValue(("x",), (1,)), own.map.clear()],
        "changed while iterated": lambda own: [own.map.updateValue((f"u{n}",), (n,)) for n in range(3)]
        + [own.map.removeKey(key) for key in list(own.map.keys())[:1]],
    }

    def one(program):
        def rows(own, key, given, timers):
            program(own)
            pairs = sorted((k[0], v[0]) for k, v in own.map.iterator())
            return [own.map.exists(), len(pairs), pairs[-2:], len(list(own.map.keys())), len(list(own.map.values()))]

        return tried(lambda: run(source(spark, tmp).groupBy("k").transformWithState(using(init, rows), OUT, "Update", "None")))

    return with_rocksdb(spark, lambda: {name: one(program) for name, program in programs.items()})


def case_declarations(spark, tmp):
    from pyspark.sql.types import IntegerType, StringType, StructField, StructType

    typed = StructType([StructField("a", IntegerType()), StructField("b", StringType())])
    programs = {
        "typed": lambda own, handle: handle.getValueState("v", typed),
        "typed map": lambda own, handle: handle.getMapState("v", StructType([StructField("u", StringType())]), typed),
        "rubbish": lambda own, handle: handle.getValueState("v", "a NOTHING"),
        "a type alone": lambda own, handle: handle.getValueState("v", "int"),
        "typed alone": lambda own, handle: handle.getValueState("v", IntegerType()),
        "no columns": lambda own, handle: handle.getValueState("v", StructType([])),
        "same name": lambda own, handle: [handle.getValueState("v", "a INT"), handle.getListState("v", "a INT")],
        "empty name": lambda own, handle: handle.getValueState("", "a INT"),
        "odd name": lambda own, handle: handle.getValueState("a b.c/ü", "a INT"),
        "name of Spark": lambda own, handle: handle.getValueState("$procTimers_timestampToKey", "a INT"),
        "blanks as name": lambda own, handle: handle.getValueState(" ", "a INT"),
        "name with a blank": lambda own, handle: handle.getValueState("v ", "a INT"),
        "default as name": lambda own, handle: handle.getListState("default", "a INT"),
        "underscore as name": lambda own, handle: handle.getMapState("_v", "u INT", "a INT"),
        "dollar as name": lambda own, handle: handle.getMapState("v$", "u INT", "a INT"),
        "ttl without time": lambda own, handle: handle.getValueState("v", "a INT", 1000),
        "list ttl without time": lambda own, handle: handle.getListState("v", "a INT", 1000),
        "map ttl without time": lambda own, handle: handle.getMapState("v", "u INT", "a INT", 1000),
        "ttl of zero": lambda own, handle: handle.getValueState("v", "a INT", 0),
        "delete what is not there": lambda own, handle: handle.deleteIfExists("nothing"),
        "delete what is declared": lambda own, handle: [handle.getValueState("v", "a INT"), handle.deleteIfExists("v")],
        "timer in init": lambda own, handle: handle.registerTimer(1),
        "timers in init": lambda own, handle: list(handle.listTimers()),
        "delete timer in init": lambda own, handle: handle.deleteTimer(1),
        "value in init": lambda own, handle: handle.getValueState("v", "a INT").get(),
        "update in init": lambda own, handle: handle.getValueState("v", "a INT").update((1,)),
        "raises": lambda own, handle: {}["nothing"],
        "duplicate columns": lambda own, handle: handle.getValueState("v", "a INT, a INT"),
    }
    plain = lambda init: source(spark, tmp).groupBy("k").transformWithState(using(init), OUT, "Update", "None")  # noqa: E731
    told = with_rocksdb(spark, lambda: {name: tried(lambda: run(plain(init))) for name, init in programs.items()})
    # Spark asks a processor for its variables in the driver, whose words are its own.
    return {name: one[1] if one[1] == "STREAM_FAILED" else one for name, one in told.items()}


def case_handle_in_rows(spark, tmp):
    def init(own, handle):
        own.value = handle.getValueState("v", "a INT")

    programs = {
        "declared in rows": lambda own, key, given, timers: own.handle.getValueState("w", "a INT"),
        "declared list in rows": lambda own, key, given, timers: own.handle.getListState("w", "a INT"),
        "declared map in rows": lambda own, key, given, timers: own.handle.getMapState("w", "u INT", "a INT"),
        "deleted in rows": lambda own, key, given, timers: own.handle.deleteIfExists("v"),
        "query info": lambda own, key, given, timers: [len(own.handle.getQueryInfo().getQueryId()), own.handle.getQueryInfo().getBatchId()],
        "grouping key": lambda own, key, given, timers: [type(key).__name__, key],
        "timer": lambda own, key, given, timers: own.handle.registerTimer(1),
        "delete timer": lambda own, key, given, timers: own.handle.deleteTimer(1),
        "list timers": lambda own, key, given, timers: list(own.handle.listTimers()),
        "processing time": lambda own, key, given, timers: timers.getCurrentProcessingTimeInMs(),
        "watermark": lambda own, key, given, timers: timers.getCurrentWatermarkInMs(),
        "raises": lambda own, key, given, timers: {}["nothing"],
    }
    one = lambda rows: run(source(spark, tmp).groupBy("k").transformWithState(using(init, rows), OUT, "Update", "None"))  # noqa: E731
    return with_rocksdb(spark, lambda: {name: tried(lambda: one(rows)) for name, rows in programs.items()})


def case_event_timers(spark, tmp):
    late = source(spark, tmp).withWatermark("t", "5 minutes")

    def rows(own, key, given, timers):
        before = sorted(own.handle.listTimers())
        at = max(int(row.t.timestamp() * 1000) for row in given)
        own.handle.registerTimer(at + 60000)
        own.handle.registerTimer(at + 120000)
        own.handle.registerTimer(at + 120000)
        own.handle.deleteTimer(at + 60000)
        own.handle.deleteTimer(12345)
        return [timers.getCurrentWatermarkInMs(), before, sorted(own.handle.listTimers())]

    def expired(own, key, timers, info):
        at = info.getExpiryTimeInMs()
        if at % 120000:
            own.handle.registerTimer(at + 30000)
        return ["expired", at, timers.getCurrentWatermarkInMs(), sorted(own.handle.listTimers())]

    return with_rocksdb(spark, lambda: [
        tried(lambda: run(frame, name=f"out{number}")) for number, frame in
        enumerate(both(late, lambda pandas: using(rows=rows, expired=expired, pandas=pandas), "EventTime"))])


def case_time_modes(spark, tmp):
    plain = source(spark, tmp)
    late = plain.withWatermark("t", "5 minutes")
    apply = lambda frame, mode="Update", time="None", **more: frame.groupBy("k").transformWithState(using(), OUT, mode, time, **more)  # noqa: E731
    grouped = plain.groupBy("k")
    programs = {
        "lower case": lambda: run(apply(plain, "update", "none")),
        "upper case": lambda: run(apply(plain, "UPDATE", "NONE")),
        "time mode of nothing": lambda: run(apply(plain, time="")),
        "time mode of None": lambda: run(apply(plain, time=None)),
        "output mode of nothing": lambda: run(apply(plain, "")),
        "complete": lambda: run(apply(plain, "Complete"), "complete"),
        "append": lambda: run(apply(plain, "Append"), "append"),
        "update in append": lambda: run(apply(plain, "Update"), "append"),
        "append in update": lambda: run(apply(plain, "Append"), "update"),
        "append in complete": lambda: run(apply(plain, "Append"), "complete"),
        "event time without watermark": lambda: run(apply(plain, time="EventTime")),
        "event time with watermark": lambda: run(apply(late, time="EventTime")),
        "column of event time": lambda: run(apply(late, time="EventTime", eventTimeColumnName="told")),
        "unknown column of event time": lambda: run(apply(late, time="EventTime", eventTimeColumnName="zz")),
        "column without time mode": lambda: run(apply(late, time="None", eventTimeColumnName="told")),
        "several keys": lambda: run(plain.groupBy("k", "v").transformWithState(using(), OUT, "Update", "None")),
        "no key": lambda: run(plain.groupBy().transformWithState(using(), OUT, "Update", "None")),
        "schema of nothing": lambda: run(grouped.transformWithState(using(), None, "Update", "None")),
        "schema of rubbish": lambda: run(grouped.transformWithState(using(), "k NOTHING", "Update", "None")),
        "initial state of a stream": lambda: run(apply(plain, initialState=source(spark, tmp).groupBy("k"))),
        "initial state of two keys": lambda: run(apply(plain, initialState=spark.createDataFrame([("a", 1)], "k STRING, v INT").groupBy("k", "v"))),
        "initial state without handler": lambda: run(apply(plain, initialState=spark.createDataFrame([("a", 1)], "k STRING, v INT").groupBy("k"))),
        "initial state of a frame": lambda: run(apply(plain, initialState=spark.createDataFrame([("a", 1)], "k STRING, v INT"))),
    }
    return with_rocksdb(spark, lambda: {name: tried(action) for name, action in programs.items()})


def case_in_batch(spark, tmp):
    rows = spark.createDataFrame([("a", 1), ("b", 2), ("a", 3), (None, 5)], "k STRING, v BIGINT")
    initial = spark.createDataFrame([("a", 100), ("e", 1000), (None, 7)], "k STRING, start BIGINT")

    def init(own, handle):
        own.sum = handle.getValueState("sum", "s BIGINT")

    def start(pandas):
        def handle(own, key, given, timerValues):
            own.sum.update((int(given.at[0, "start"]) if pandas else given.start,))

        return handle

    def add(own, key, given, timers):
        total = (own.sum.get() or (0,))[0] + sum(int(row.v) for row in given)
        own.sum.update((total,))
        return [total, len(given), timers.getCurrentProcessingTimeInMs() > 0]

    def timing(own, key, given, timers):
        own.handle.registerTimer(5)
        return [list(own.handle.listTimers()), timers.getCurrentWatermarkInMs()]

    def expired(own, key, timers, info):
        return ["expired", info.getExpiryTimeInMs()]

    shown = lambda frame: sorted([list(row) for row in frame.collect()], key=str)  # noqa: E731
    each = lambda frames: [tried(lambda: shown(frame)) for frame in frames]  # noqa: E731
    dated = rows.selectExpr("k", "v", "timestamp'2024-01-01 00:00:00' AS t")
    with_rocksdb(spark, lambda: tried(lambda: each(both(rows, lambda pandas: using(init, add, pandas=pandas)))))
    programs = {
        "plain": lambda: each(both(rows, lambda pandas: using(init, add, pandas=pandas))),
        "initial": lambda: each(both(rows, lambda pandas: using(init, add, initial=start(pandas), pandas=pandas), initialState=initial.groupBy("k"))),
        "initial alone": lambda: each(both(rows.where("false"), lambda pandas: using(init, add, initial=start(pandas), pandas=pandas), initialState=initial.groupBy("k"))),
        "initial of nothing": lambda: each(both(rows, lambda pandas: using(init, add, initial=start(pandas), pandas=pandas), initialState=initial.where("false").groupBy("k"))),
        "append": lambda: each(both(rows, lambda pandas: using(init, add, pandas=pandas), mode="Append")),
        "complete": lambda: each(both(rows, lambda pandas: using(init, add, pandas=pandas), mode="Complete")),
        "event time": lambda: each(both(dated, lambda pandas: using(init, add, pandas=pandas), "EventTime")),
        "event time with watermark": lambda: each(both(dated.withWatermark("t", "1 minute"), lambda pandas: using(rows=timing, expired=expired, pandas=pandas), "EventTime")),
        "processing time": lambda: each(both(rows, lambda pandas: using(rows=timing, expired=expired, pandas=pandas), "ProcessingTime")),
        "ttl": lambda: each(both(rows, lambda pandas: using(lambda own, handle: handle.getValueState("v", "a INT", 1000), pandas=pandas), "ProcessingTime")),
        "ttl without time": lambda: each(both(rows, lambda pandas: using(lambda own, handle: handle.getValueState("v", "a INT", 1000), pandas=pandas))),
        "initial state of a stream": lambda: each(both(rows, lambda pandas: using(init, add, initial=start(pandas), pandas=pandas), initialState=source(spark, tmp).groupBy("k"))),
    }
    told = with_rocksdb(spark, lambda: {name: tried(action) for name, action in programs.items()})
    told["without RocksDB"] = tried(lambda: shown(rows.groupBy("k").transformWithState(using(init, add), OUT, "Update", "None")))
    state = lambda key, batches, state: iter([])  # noqa: E731
    told["group state"] = tried(lambda: shown(rows.groupBy("k").applyInPandasWithState(state, OUT, "a INT", "update", "NoTimeout")))
    return told


def case_ttl(spark, tmp):
    """What is alive for a day is alive in the next batch; a millisecond is over by then."""
    def init(own, handle):
        own.long = handle.getValueState("long", "a INT", 86400000)
        own.short = handle.getValueState("short", "a INT", 1)
        own.list = handle.getListState("list", "a INT", 86400000)
        own.map = handle.getMapState("map", "u STRING", "a INT", 1)

    def rows(own, key, given, timers):
        told = [own.long.get(), own.short.get(), [value for (value,) in own.list.get()], own.map.containsKey(("x",))]
        own.long.update((1,))
        own.short.update((1,))
        own.list.appendValue((len(told[2]),))
        own.map.updateValue(("x",), (1,))
        return told + [own.long.exists(), own.list.exists()]

    def work():
        frame = source(spark, tmp).groupBy("k").transformWithState(using(init, rows), OUT, "Update", "ProcessingTime")
        query = frame.writeStream.format("memory").queryName("ttl").outputMode("update").start()
        # By the clock there is always another batch: nothing is ever all that is available.
        end = time.monotonic() + 60
        while time.monotonic() < end and not (query.lastProgress and query.lastProgress["batchId"] >= 3):
            time.sleep(0.05)
        query.stop()
        return sorted([list(row) for row in spark.table("ttl").collect()], key=str)

    return with_rocksdb(spark, lambda: tried(work))
