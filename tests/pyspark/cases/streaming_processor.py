"""transformWithState and transformWithStateInPandas: processors with variables, timers, time to live, an initial state."""

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
    [("e", 70, 6), ("c", 8, 7)],
    [("f", 110, 8), ("a", 35, 9)],
    [("g", 170, 10), ("b", 171, 11)],
]


def source(spark, tmp, batches=None):
    folder = str(tmp / "in")
    for number, rows in enumerate(batches or BATCHES):
        drop(folder, number, rows)
    return spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(folder).withColumn("ms", F.expr("unix_millis(t)"))


def run(frame, mode="update"):
    spark = frame.sparkSession
    query = frame.writeStream.format("memory").queryName("out").outputMode(mode).trigger(availableNow=True).start()
    query.awaitTermination()
    return sorted([list(row) for row in spark.table("out").collect()], key=str)


def with_rocksdb(spark, work):
    """Spark has these functions for one of its state stores only."""
    key = "spark.sql.streaming.stateStore.providerClass"
    spark.conf.set(key, "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider")
    try:
        return work()
    finally:
        spark.conf.unset(key)


def failure(work):
    try:
        work()
    except Exception as raised:
        text = str(raised).split("JVM stacktrace")[0].split("\n")
        own = [line for line in text if line.startswith("pyspark.errors") or line.startswith("ValueError")]
        if not own and raised.getCondition() == "STREAM_FAILED":
            return raised.getCondition()
        return [raised.getCondition(), (own or text)[0].split(";")[0].split(" SQLSTATE")[0].split("runId")[0][:200 if own else 400]]
    return "ran"


def condition(work):
    """What only Spark's driver says in its own words."""
    told = failure(work)
    return told if isinstance(told, str) else told[0]


def counting():
    """All three kinds of variables, in pandas."""
    import pandas as pd
    from pyspark.sql.streaming import StatefulProcessor

    class Counting(StatefulProcessor):
        def init(self, handle):
            self.handle = handle
            self.count = handle.getValueState("count", "n BIGINT, s BIGINT")
            self.seen = handle.getListState("seen", "v BIGINT")
            self.odd = handle.getMapState("odd", "odd BOOLEAN", "n BIGINT")

        def handleInputRows(self, key, rows, timerValues):
            before = self.count.get() if self.count.exists() else None
            n, s = before or (0, 0)
            for batch in rows:
                for value in batch.v:
                    n, s = n + 1, s + int(value)
                    self.seen.appendValue((int(value),))
                    own = (bool(value % 2),)
                    self.odd.updateValue(own, ((self.odd.getValue(own) or (0,))[0] + 1,))
            self.count.update((n, s))
            odd = {key: value for (key,), (value,) in self.odd.iterator()}
            text = f"{before} {list(self.seen.get())} {sorted(odd.items())} {self.seen.exists()} {self.odd.containsKey((True,))}"
            if n > 2:
                self.odd.removeKey((True,))
                self.seen.put([(0,), (n,)])
                text += f" {list(self.seen.get())} {sorted(self.odd.keys())} {sorted(self.odd.values())}"
            if n > 3:
                self.count.clear()
                self.seen.clear()
                self.odd.clear()
                text += f" {self.count.exists()} {self.count.get()} {list(self.seen.get())} {self.odd.exists()}"
            yield pd.DataFrame({"k": [key[0]], "n": [n], "text": [text]})

        def close(self):
            pass

    return Counting()


def case_pandas(spark, tmp):
    frame = source(spark, tmp).groupBy("k").transformWithStateInPandas(counting(), "k STRING, n BIGINT, text STRING", "Update", "None")
    return with_rocksdb(spark, lambda: [run(frame), frame.schema.simpleString()])


def rows_processor():
    from pyspark.sql import Row
    from pyspark.sql.streaming import StatefulProcessor
    from pyspark.sql.types import LongType, StructField, StructType

    class Sums(StatefulProcessor):
        def init(self, handle):
            self.sum = handle.getValueState("sum", StructType([StructField("s", LongType())]))

        def handleInputRows(self, key, rows, timerValues):
            values = [row.v for row in rows]
            total = sum(values) + (self.sum.get()[0] if self.sum.exists() else 0)
            self.sum.update((total,))
            yield Row(k=key[0], n=len(values), text=f"{total} {timerValues.getCurrentProcessingTimeInMs()} {timerValues.getCurrentWatermarkInMs()}")

        def close(self):
            pass

    return Sums()


def case_rows(spark, tmp):
    frame = source(spark, tmp).groupBy("k").transformWithState(rows_processor(), "k STRING, n BIGINT, text STRING", "Append", "None")
    return with_rocksdb(spark, lambda: run(frame, "append"))


def timing():
    import pandas as pd
    from pyspark.sql.streaming import StatefulProcessor

    class Timing(StatefulProcessor):
        def init(self, handle):
            self.handle = handle
            self.count = handle.getValueState("count", "n BIGINT")

        def handleInputRows(self, key, rows, timerValues):
            n = (self.count.get() or (0,))[0]
            last = 0
            for batch in rows:
                n += len(batch)
                last = max(last, int(batch.ms.max()))
            self.count.update((n,))
            old = list(self.handle.listTimers())
            for at in old:
                self.handle.deleteTimer(at)
            self.handle.registerTimer(last + 20 * 60 * 1000)
            yield pd.DataFrame({"k": [key[0]], "n": [n], "text": [f"{old} {timerValues.getCurrentWatermarkInMs()}"]})

        def handleExpiredTimer(self, key, timerValues, expiredTimerInfo):
            n = self.count.get()
            self.count.clear()
            yield pd.DataFrame({"k": [key[0]], "n": [n[0]], "text": [f"expired {expiredTimerInfo.getExpiryTimeInMs()} {timerValues.getCurrentWatermarkInMs()}"]})

        def close(self):
            pass

    return Timing()


def case_event_time(spark, tmp):
    aged = source(spark, tmp).withWatermark("t", "10 minutes")
    frame = aged.groupBy("k").transformWithStateInPandas(timing(), "k STRING, n BIGINT, text STRING", "Append", "EventTime")
    return with_rocksdb(spark, lambda: run(frame, "append"))


def edge():
    """Timers at the watermark and beside it."""
    import pandas as pd
    from pyspark.sql.streaming import StatefulProcessor

    class Edge(StatefulProcessor):
        def init(self, handle):
            self.handle = handle

        def handleInputRows(self, key, rows, timerValues):
            for batch in rows:
                pass
            now = timerValues.getCurrentWatermarkInMs()
            for at in (now - 1, now, now + 1):
                if at > 0:
                    self.handle.registerTimer(at)
            yield pd.DataFrame({"k": [key[0]], "text": [f"{sorted(self.handle.listTimers())}"]})

        def handleExpiredTimer(self, key, timerValues, expiredTimerInfo):
            yield pd.DataFrame({"k": [key[0]], "text": [f"expired {expiredTimerInfo.getExpiryTimeInMs() - timerValues.getCurrentWatermarkInMs()}"]})

        def close(self):
            pass

    return Edge()


def case_timers_at_the_watermark(spark, tmp):
    aged = source(spark, tmp).withWatermark("t", "10 minutes")
    frame = aged.groupBy("k").transformWithStateInPandas(edge(), "k STRING, text STRING", "Append", "EventTime")
    return with_rocksdb(spark, lambda: run(frame, "append"))


def starting(pandas):
    import pandas as pd
    from pyspark.sql import Row
    from pyspark.sql.streaming import StatefulProcessor

    class Starting(StatefulProcessor):
        def init(self, handle):
            self.sum = handle.getValueState("sum", "s BIGINT")

        def handleInitialState(self, key, initialState, timerValues):
            self.sum.update((int(initialState.at[0, "start"]) if pandas else initialState.start,))

        def handleInputRows(self, key, rows, timerValues):
            total = (self.sum.get() or (0,))[0]
            if pandas:
                for batch in rows:
                    total += int(batch.v.sum())
            else:
                total += sum(row.v for row in rows)
            self.sum.update((total,))
            yield pd.DataFrame({"k": [key[0]], "s": [total]}) if pandas else Row(k=key[0], s=total)

        def close(self):
            pass

    return Starting()


def case_initial_state(spark, tmp):
    initial = spark.createDataFrame([("a", 100), ("e", 1000), ("z", 1)], "k STRING, start BIGINT").groupBy("k")
    grouped = source(spark, tmp).groupBy("k")
    pandas = grouped.transformWithStateInPandas(starting(True), "k STRING, s BIGINT", "Update", "None", initial)
    rows = grouped.transformWithState(starting(False), "k STRING, s BIGINT", "Update", "None", initial)
    return {"pandas": with_rocksdb(spark, lambda: run(pandas)), "rows": with_rocksdb(spark, lambda: run(rows))}


def case_batch(spark, tmp):
    batch = spark.createDataFrame([("a", 1), ("b", 2), ("a", 3)], "k STRING, v BIGINT")
    pandas = batch.groupBy("k").transformWithStateInPandas(counting(), "k STRING, n BIGINT, text STRING", "Update", "None")
    rows = batch.groupBy("k").transformWithState(starting(False), "k STRING, s BIGINT", "Update", "None")
    return with_rocksdb(spark, lambda: [sorted([list(row) for row in frame.collect()], key=str) for frame in (pandas, rows)])


def case_refused(spark, tmp):
    from pyspark.sql import Row
    from pyspark.sql.streaming import StatefulProcessor

    def processor(init=None, rows=None):
        class Own(StatefulProcessor):
            def init(self, handle):
                self.handle = handle
                if init:
                    init(self, handle)

            def handleInputRows(self, key, given, timerValues):
                if rows:
                    rows(self, key)
                yield Row(k=key[0])

            def close(self):
                pass

        return Own()

    plain = source(spark, tmp)
    aged = plain.withWatermark("t", "10 minutes")

    def apply(frame=plain, own=None, mode="Update", time="None", **more):
        return frame.groupBy("k").transformWithState(own or processor(), "k STRING", mode, time, **more)

    def twice(own, handle):
        handle.getValueState("a", "n INT")
        handle.getValueState("a", "n INT")

    def bad_schema(own, handle):
        handle.getValueState("a", "n NOTHING")

    def timer(own, key):
        own.handle.registerTimer(1)

    def raises(own, key):
        raise ValueError("no")

    def ttl(own, handle):
        handle.getValueState("a", "n INT", 1000)

    def all_of_them():
        return {
            "time mode": failure(lambda: run(apply(time="never"))),
            "output mode": failure(lambda: run(apply(mode="never"))),
            "complete": failure(lambda: run(apply(mode="Complete"), "complete")),
            "update in append": failure(lambda: run(apply(), "append")),
            "append in update": failure(lambda: run(apply(mode="Append"), "update")),
            "event time without watermark": failure(lambda: run(apply(time="EventTime"))),
            "variable twice": condition(lambda: run(apply(own=processor(twice)))),
            "bad schema": condition(lambda: run(apply(own=processor(bad_schema)))),
            "timer without time": failure(lambda: run(apply(own=processor(rows=timer)))),
            "ttl without time": failure(lambda: run(apply(own=processor(ttl)))),
            "raises": failure(lambda: run(apply(own=processor(rows=raises)))),
            "before an aggregate": failure(lambda: run(apply(aged, mode="Append").groupBy("k").count(), "append")),
            "behind an aggregate": failure(lambda: run(apply(aged.groupBy("k", "t").count(), mode="Append"), "append")),
        }

    return with_rocksdb(spark, all_of_them)
