"""The state data source: what stateful operators keep in a checkpoint, as tables."""

import json
import os
import re
import time

from pyspark.sql import functions as F
from support import encode


def drop(folder, number, rows):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"f{number}.json")
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
    os.utime(path, (1700000000 + number, 1700000000 + number))


def source(spark, tmp, name="in"):
    """Three batches of three rows each."""
    folder = str(tmp / name)
    if not os.path.exists(folder):
        for number in range(3):
            at = [f"2024-01-01T00:{number * 5 + row:02d}:00Z" for row in range(3)]
            drop(folder, number, [{"k": f"k{row % 2}", "v": number * 10 + row, "t": at[row]} for row in range(3)])
    return spark.readStream.schema("k STRING, v BIGINT, t TIMESTAMP").option("maxFilesPerTrigger", 1).json(folder)


def run(frame, tmp, mode="append", name="cp"):
    write = frame.writeStream.format("noop").outputMode(mode).option("checkpointLocation", str(tmp / name))
    write.trigger(availableNow=True).start().awaitTermination()


def shown(action):
    """A table's schema with all metadata, and its rows."""
    try:
        frame = action()
        return [json.loads(frame.schema.json()), sorted([str(one) for one in row] for row in frame.collect())]
    except Exception as raised:
        return encode.error(raised)


def state(spark, tmp, name="cp", **options):
    return shown(lambda: spark.read.format("statestore").options(**options).load(str(tmp / name)))


def operators(spark, tmp, name="cp"):
    frame = spark.read.format("state-metadata").load(str(tmp / name))
    return [frame.dtypes, sorted([str(one) for one in row] for row in frame.select("*", "_numColsPrefixKey").collect())]


def case_aggregate(spark, tmp):
    spark.conf.set("spark.sql.shuffle.partitions", 3)
    columns = [
        F.count("*").alias("n"), F.sum("v").alias("s"), F.avg("v").alias("a"), F.min("t").alias("m"), F.max("k"),
        F.first("v"), F.last("v"), F.stddev("v"),
    ]
    run(source(spark, tmp).groupBy("k").agg(*columns), tmp, "update")
    told = {
        "all": state(spark, tmp),
        "operators": operators(spark, tmp),
        "first batch": state(spark, tmp, batchId=0),
        "feed": state(spark, tmp, readChangeFeed="true", changeStartBatchId=0),
        "feed of one": state(spark, tmp, readChangeFeed="true", changeStartBatchId=1, changeEndBatchId=1),
    }
    wrong = [
        {"batchId": 9}, {"batchId": -1}, {"operatorId": 1}, {"operatorId": -1}, {"operatorId": "x"}, {"storeName": "foo"},
        {"storeName": ""}, {"joinSide": "left"}, {"joinSide": "x"}, {"stateVarName": "x"}, {"readRegisteredTimers": "true"},
        {"readChangeFeed": "true"}, {"readChangeFeed": "true", "changeStartBatchId": 2, "changeEndBatchId": 1},
        {"readChangeFeed": "true", "changeStartBatchId": 0, "batchId": 1}, {"changeStartBatchId": 0},
        {"readChangeFeed": "true", "changeStartBatchId": -1},
        {"readChangeFeed": "true", "changeStartBatchId": 0, "changeEndBatchId": 100},
        {"snapshotStartBatchId": 0, "snapshotPartitionId": 0}, {"snapshotStartBatchId": 0}, {"snapshotPartitionId": 0},
        {"snapshotStartBatchId": -1, "snapshotPartitionId": 0}, {"snapshotStartBatchId": 5, "snapshotPartitionId": 0},
        {"snapshotStartBatchId": 0, "snapshotPartitionId": -1}, {"storeName": "left-x", "joinSide": "left"},
    ]
    told["wrong"] = [[options, state(spark, tmp, **options)] for options in wrong]
    read = spark.read.format
    told["no path"] = [shown(lambda: read(kind).load()) for kind in ("statestore", "state-metadata")]
    told["no checkpoint"] = [shown(lambda: read(kind).load(str(tmp / "no"))) for kind in ("statestore", "state-metadata")]
    told["schema"] = shown(lambda: read("statestore").schema("a INT").load(str(tmp / "cp")))
    told["stream"] = shown(lambda: spark.readStream.format("statestore").load(str(tmp / "cp")))
    picked = read("statestore").load(str(tmp / "cp")).selectExpr("key.k", "value.n AS n", "partition_id AS p").where("n > 3")
    told["columns"] = shown(lambda: picked)
    run(source(spark, tmp).select("k"), tmp, name="stateless")
    told["stateless"] = [state(spark, tmp, "stateless"), operators(spark, tmp, "stateless")]
    return told


def case_windows(spark, tmp):
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    late = source(spark, tmp).withWatermark("t", "2 minutes")
    run(late.groupBy(F.window("t", "5 minutes"), "k").agg(F.count("*"), F.sum("v")), tmp)
    run(late.groupBy(F.session_window("t", "3 minutes"), "k").agg(F.count("*"), F.sum("v")), tmp, name="sessions")
    feed = {"readChangeFeed": "true", "changeStartBatchId": 0}
    return {
        "all": state(spark, tmp),
        "operators": operators(spark, tmp),
        "feed": state(spark, tmp, **feed),
        "sessions": [state(spark, tmp, "sessions"), operators(spark, tmp, "sessions")],
    }


def case_duplicates_and_limits(spark, tmp):
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    rows = source(spark, tmp)
    late = rows.withWatermark("t", "2 minutes")
    frames = {
        "keys": rows.dropDuplicates(["k"]),
        "times": late.dropDuplicates(["k", "t"]),
        "within": late.dropDuplicatesWithinWatermark(["k"]),
        "limit": rows.limit(5),
        "chain": late.dropDuplicates(["v", "t"]).groupBy(F.window("t", "5 minutes"), "k").count(),
    }
    told = {}
    for name, frame in frames.items():
        run(frame, tmp, name=name)
        told[name] = [state(spark, tmp, name), operators(spark, tmp, name)]
    told["first of chain"] = state(spark, tmp, "chain", operatorId=1)
    return told


def case_joins(spark, tmp):
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    left = source(spark, tmp).withWatermark("t", "5 minutes")
    right = source(spark, tmp, "other").selectExpr("k AS j", "t AS u", "v AS w").withWatermark("u", "5 minutes")
    run(left.join(right, F.expr("k = j AND u >= t AND u <= t + INTERVAL 3 MINUTES"), "left"), tmp)
    _, others = state(spark, tmp, joinSide="right")
    return {
        "none": state(spark, tmp),
        "left": state(spark, tmp, joinSide="left"),
        "right": others,
        "before": state(spark, tmp, joinSide="left", batchId=1),
        "operators": operators(spark, tmp),
        "counts": [state(spark, tmp, storeName=f"{side}-keyToNumValues") for side in ("left", "right")],
        "numbered": state(spark, tmp, storeName="left-keyWithIndexToValue")[0],
        "feed": state(spark, tmp, joinSide="left", readChangeFeed="true", changeStartBatchId=0),
    }


def case_group_state(spark, tmp):
    import pandas as pd

    spark.conf.set("spark.sql.shuffle.partitions", 2)

    def count(key, batches, state):
        n = (state.getOption or (0,))[0] + sum(len(batch) for batch in batches)
        state.update((n, "x" + key[0], None, n / 2))
        if key[0] == "k0" and timed:
            state.setTimeoutTimestamp(1704067200000 + 3600000)
        yield pd.DataFrame({"n": [n]})

    schema = "n BIGINT, s STRING, d DATE, x DOUBLE"
    timed, late = True, source(spark, tmp).withWatermark("t", "1 minutes").groupBy("k")
    run(late.applyInPandasWithState(count, "n BIGINT", schema, "update", "EventTimeTimeout"), tmp, "update")
    timed = False
    run(late.applyInPandasWithState(count, "n BIGINT", schema, "update", "NoTimeout"), tmp, "update", "never")
    return {
        "timed": [state(spark, tmp), operators(spark, tmp)],
        "feed": state(spark, tmp, readChangeFeed="true", changeStartBatchId=1),
        "never": [state(spark, tmp, "never"), operators(spark, tmp, "never")],
    }


def processor():
    import pandas as pd
    from pyspark.sql.streaming import StatefulProcessor

    class Keeping(StatefulProcessor):
        def init(self, handle):
            self.handle = handle
            self.value = handle.getValueState("value", "a BIGINT, b STRING")
            self.short = handle.getValueState("short", "a BIGINT", 100000000)
            self.many = handle.getListState("many", "x INT")
            self.few = handle.getListState("few", "x INT", 100000000)
            self.map = handle.getMapState("map", "mk STRING", "mv INT, mw DOUBLE, at TIMESTAMP")

        def handleInputRows(self, key, rows, timerValues):
            import datetime

            n = sum(len(batch) for batch in rows)
            self.value.update((n, "v" + key[0]))
            self.short.update((n,))
            self.many.appendValue((n,))
            self.many.appendValue((n + 1,))
            self.few.put([(n,)])
            self.map.updateValue((f"m{n}",), (n, n / 2, datetime.datetime(2024, 1, 1)))
            self.handle.registerTimer(timerValues.getCurrentProcessingTimeInMs() + 100000000)
            yield pd.DataFrame({"n": [n]})

        def close(self):
            pass

    return Keeping()


def case_processor(spark, tmp):
    provider = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    spark.conf.set("spark.sql.streaming.stateStore.providerClass", provider)
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    rows = source(spark, tmp).groupBy("k").transformWithStateInPandas(processor(), "n BIGINT", "Update", "ProcessingTime")
    write = rows.writeStream.format("noop").outputMode("update").option("checkpointLocation", str(tmp / "cp"))
    # By the clock there is always another batch, so that availableNow would not end on Spark.
    query = write.trigger(processingTime="1 second").start()
    end = time.monotonic() + 60
    while time.monotonic() < end and not (query.lastProgress and query.lastProgress["batchId"] >= 2):
        time.sleep(0.05)
    query.stop()

    def read(**options):
        return json.loads(re.sub(r"\b1[78]\d{11}\b", "NOW", json.dumps(state(spark, tmp, batchId=2, **options))))

    told = {name: read(stateVarName=name) for name in ("value", "short", "many", "few", "map", "none")}
    together = {"flattenCollectionTypes": "false"}
    told["together"] = [read(stateVarName=name, **together) for name in ("many", "few", "map")]
    told["timers"] = read(readRegisteredTimers="true")
    told["wrong"] = [read(), read(readRegisteredTimers="true", stateVarName="value")]
    told["first batch"] = state(spark, tmp, stateVarName="many", batchId=0)
    dtypes, found = operators(spark, tmp)
    properties = json.loads(found[0].pop(6))
    properties["stateVariables"].sort(key=lambda one: one["stateName"])
    # Spark goes on until it is stopped.
    told["operators"] = [dtypes, found[0][:5], properties]
    return told
