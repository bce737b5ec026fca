"""Functions over groups that remember, where a clock or a restart is part of it: timeouts, timers and time to live by
processing time, other schemas than before, more rows than fit into a batch."""

import json
import os
import time

import pytest

SCHEMA = "k STRING, v BIGINT"


def drop(folder, number, rows):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"f{number:02d}.json")
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        for key, value in rows:
            file.write(json.dumps({"k": key, "v": value}) + "\n")
    os.rename(path + ".tmp", path)
    return str(folder)


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this took too long"
        time.sleep(0.05)


def table(spark, name):
    return sorted([list(row) for row in spark.table(name).collect()], key=str)


def test_a_group_times_out_by_the_clock(spark, tmp_path):
    import pandas as pd

    def count(key, batches, state):
        if state.hasTimedOut:
            n = state.get[0]
            state.remove()
            yield pd.DataFrame({"k": [key[0]], "n": [-n]})
            return
        n = (state.getOption or (0,))[0] + sum(len(batch) for batch in batches)
        state.update((n,))
        state.setTimeoutDuration(1000)
        yield pd.DataFrame({"k": [key[0]], "n": [n]})

    rows = spark.readStream.schema(SCHEMA).json(drop(tmp_path / "in", 0, [("a", 1), ("b", 2), ("a", 3)]))
    counts = rows.groupBy("k").applyInPandasWithState(count, "k STRING, n BIGINT", "n BIGINT", "update", "ProcessingTimeTimeout")
    query = counts.writeStream.format("memory").queryName("timed").outputMode("update").start()
    wait_for(lambda: len(table(spark, "timed")) == 4)
    assert table(spark, "timed") == [["a", -2], ["a", 2], ["b", -1], ["b", 1]]
    wait_for(lambda: query.lastProgress["stateOperators"][0]["numRowsTotal"] == 0)
    time.sleep(1)  # The batch that ended the last group may be followed by one that finds none.
    before = query.lastProgress["batchId"]
    time.sleep(1.5)
    assert query.lastProgress["batchId"] == before, "without groups that are due there is no batch"
    query.stop()


def timing(ttl=None):
    import pandas as pd
    from pyspark.sql.streaming import StatefulProcessor

    class Timing(StatefulProcessor):
        def init(self, handle):
            self.handle = handle
            self.seen = handle.getListState("seen", "v BIGINT", ttl)

        def handleInputRows(self, key, rows, timerValues):
            for batch in rows:
                for value in batch.v:
                    self.seen.appendValue((int(value),))
            if ttl is None:
                self.handle.registerTimer(timerValues.getCurrentProcessingTimeInMs() + 500)
            yield pd.DataFrame({"k": [key[0]], "text": [str(list(self.seen.get()))]})

        def handleExpiredTimer(self, key, timerValues, expiredTimerInfo):
            late = timerValues.getCurrentProcessingTimeInMs() - expiredTimerInfo.getExpiryTimeInMs()
            yield pd.DataFrame({"k": [key[0]], "text": [f"{list(self.seen.get())} {late >= 0}"]})
            self.seen.clear()

        def close(self):
            pass

    return Timing()


def test_timers_by_the_clock(spark, tmp_path):
    rows = spark.readStream.schema(SCHEMA).json(drop(tmp_path / "in", 0, [("a", 1), ("b", 2), ("a", 3)]))
    answers = rows.groupBy("k").transformWithStateInPandas(timing(), "k STRING, text STRING", "Update", "ProcessingTime")
    query = answers.writeStream.format("memory").queryName("timers").outputMode("update").start()
    wait_for(lambda: len(table(spark, "timers")) == 4)
    assert table(spark, "timers") == [["a", "[(1,), (3,)] True"], ["a", "[(1,), (3,)]"], ["b", "[(2,)] True"], ["b", "[(2,)]"]]
    wait_for(lambda: query.lastProgress["stateOperators"][0]["numRowsTotal"] == 0)
    query.stop()


def test_time_to_live(spark, tmp_path):
    folder = drop(tmp_path / "in", 0, [("a", 1), ("b", 2)])
    rows = spark.readStream.schema(SCHEMA).json(folder)
    answers = rows.groupBy("k").transformWithStateInPandas(timing(1000), "k STRING, text STRING", "Update", "ProcessingTime")
    query = answers.writeStream.format("memory").queryName("living").outputMode("update").start()
    query.processAllAvailable()
    time.sleep(1.2)
    drop(folder, 1, [("a", 5)])
    query.processAllAvailable()
    assert table(spark, "living") == [["a", "[(1,)]"], ["a", "[(5,)]"], ["b", "[(2,)]"]]
    assert query.lastProgress["stateOperators"][0]["numRowsTotal"] == 1, "what has expired is gone, whoever asks"
    query.stop()


def sums(schema="s BIGINT", kind="getValueState"):
    import pandas as pd
    from pyspark.sql.streaming import StatefulProcessor

    class Sums(StatefulProcessor):
        def init(self, handle):
            self.other = handle.getValueState("other", "o INT") if schema == "s BIGINT" else None
            self.sum = getattr(handle, kind)("sum", schema)

        def handleInputRows(self, key, rows, timerValues):
            total = (self.sum.get() or (0,))[0] + sum(int(batch.v.sum()) for batch in rows)
            self.sum.update((total,))
            yield pd.DataFrame({"k": [key[0]], "s": [total]})

        def close(self):
            pass

    return Sums()


def test_a_query_goes_on_with_its_variables(spark, tmp_path):
    folder = drop(tmp_path / "in", 0, [("a", 1), ("b", 2)])

    def run(processor, before):
        rows = spark.readStream.schema(SCHEMA).json(folder)
        answers = rows.groupBy("k").transformWithStateInPandas(processor, "k STRING, s BIGINT", "Append", "None")
        write = answers.writeStream.format("parquet").option("checkpointLocation", str(tmp_path / "cp"))
        write.trigger(availableNow=True).start(str(tmp_path / "out")).awaitTermination()
        return sorted([list(row) for row in spark.read.parquet(str(tmp_path / "out")).collect()])[before:]

    assert run(sums(), 0) == [["a", 1], ["b", 2]]
    drop(folder, 1, [("c", 10), ("b", 1)])
    # Names of fields may change, variables may go.
    assert run(sums("total BIGINT"), 1) == [["b", 2], ["b", 3], ["c", 10]]
    drop(folder, 2, [("c", 100)])
    with pytest.raises(Exception, match="STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE"):
        run(sums("s STRING"), 2)
    with pytest.raises(Exception, match="STATE_STORE_INVALID_VARIABLE_TYPE_CHANGE"):
        run(sums("s BIGINT", "getListState"), 3)
    assert run(sums(), 4) == [["c", 110]]


def test_groups_of_more_rows_than_a_batch(spark, tmp_path):
    import pandas as pd

    def count(key, batches, state):
        sizes = [len(batch) for batch in batches]
        n = (state.getOption or (0,))[0] + sum(sizes)
        state.update((n,))
        yield pd.DataFrame({"k": [key[0]], "n": [n], "pieces": [len(sizes) > 1]})

    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 100)
    folder = str(tmp_path / "in")
    for number in range(2):
        drop(folder, number, [("big", row) for row in range(950)] + [(f"k{row:03d}", row) for row in range(300)])
    rows = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(folder)
    counts = rows.groupBy("k").applyInPandasWithState(count, "k STRING, n BIGINT, pieces BOOLEAN", "n BIGINT", "update", "NoTimeout")
    counts.writeStream.format("memory").queryName("many").outputMode("update").trigger(availableNow=True).start().awaitTermination()
    spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    answer = table(spark, "many")
    assert len(answer) == 602
    assert [row for row in answer if row[0] == "big"] == [["big", 1900, True], ["big", 950, True]]
    assert sorted({row[1] for row in answer if row[0] != "big"}) == [1, 2]


def test_a_reader_that_has_enough_costs_no_state(spark, tmp_path):
    """Below a LIMIT all groups are remembered, though the rows of a few are read."""
    import pandas as pd

    def first(key, batches, state):
        state.update((sum(len(batch) for batch in batches),))
        yield pd.DataFrame({"k": [key[0]]})

    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 1)
    rows = spark.readStream.schema(SCHEMA).json(drop(tmp_path / "in", 0, [(f"k{row}", row) for row in range(200)]))
    keys = rows.groupBy("k").applyInPandasWithState(first, "k STRING", "n BIGINT", "append", "NoTimeout").limit(2)
    query = keys.writeStream.format("memory").queryName("enough").outputMode("append").trigger(availableNow=True).start()
    query.awaitTermination()
    spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    assert len(table(spark, "enough")) == 2
    assert 200 in [operator["numRowsTotal"] for operator in query.lastProgress["stateOperators"]]


def test_many_groups(spark, tmp_path):
    """Three thousand groups, or with `FIRESTEEL_LONG` a hundred thousand, half of them twice."""
    import pandas as pd

    def count(key, batches, state):
        n = (state.getOption or (0,))[0] + sum(len(batch) for batch in batches)
        state.update((n,))
        yield pd.DataFrame({"n": [n]})

    folder = str(tmp_path / "in")
    groups = 100_000 if "FIRESTEEL_LONG" in os.environ else 3_000
    drop(folder, 0, [(f"k{row}", row) for row in range(groups)])
    drop(folder, 1, [(f"k{row}", row) for row in range(groups // 2)])
    rows = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(folder)
    counts = rows.groupBy("k").applyInPandasWithState(count, "n BIGINT", "n BIGINT", "update", "NoTimeout")
    counts.writeStream.format("memory").queryName("groups").outputMode("update").trigger(availableNow=True).start().awaitTermination()
    assert [list(row) for row in spark.sql("SELECT n, count(*) FROM groups GROUP BY n ORDER BY n").collect()] == [[1, groups], [2, groups // 2]]
