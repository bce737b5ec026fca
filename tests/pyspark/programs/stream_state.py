"""State by hand: applyInPandasWithState with timeouts, transformWithStateInPandas with values, lists, maps and timers."""
import os
import sys
from typing import Any, Iterator, Tuple

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.functions import col
from pyspark.sql.streaming import StatefulProcessor, StatefulProcessorHandle
from pyspark.sql.streaming.state import GroupState, GroupStateTimeout
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType

out = sys.argv[2]
spark = SparkSession.builder.master("local[2]").config("spark.sql.shuffle.partitions", 2).config("spark.sql.session.timeZone", "UTC").config(
    "spark.sql.streaming.stateStore.providerClass", "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider").getOrCreate()
src = os.path.join(out, "in")
os.makedirs(src)
count = 0


def add(*lines):
    global count
    path, written = os.path.join(src, f"{count:02d}.csv"), os.path.join(src, "_written")
    with open(written, "w") as f:
        f.writelines(line + "\n" for line in lines)
    os.utime(written, (1700000000 + count * 10,) * 2)
    os.rename(written, path)
    count += 1


events = spark.readStream.schema("user STRING, at TIMESTAMP, action STRING, amount INT").option("maxFilesPerTrigger", 1).csv(src).withWatermark("at", "1 minute")


def sessions(key: Tuple, frames: Iterator[pd.DataFrame], state: GroupState) -> Iterator[pd.DataFrame]:
    if state.hasTimedOut:
        n, total = state.get
        state.remove()
        yield pd.DataFrame({"user": [key[0]], "n": [n], "total": [total], "why": ["timeout"]})
    else:
        n, total = state.getOption or (0, 0)
        last = 0
        for frame in frames:
            n += len(frame)
            total += int(frame["amount"].fillna(0).sum())
            last = max(last, int(frame["at"].max().timestamp() * 1000))
        state.update((n, total))
        state.setTimeoutTimestamp(max(last, state.getCurrentWatermarkMs()) + 60000)
        yield pd.DataFrame({"user": [key[0]], "n": [n], "total": [total], "why": ["update"]})


result = StructType([StructField("user", StringType()), StructField("n", LongType()), StructField("total", LongType()), StructField("why", StringType())])
kept = StructType([StructField("n", LongType()), StructField("total", LongType())])
one = events.groupBy("user").applyInPandasWithState(sessions, result, kept, "append", GroupStateTimeout.EventTimeTimeout).writeStream.format("memory").queryName("by_state").outputMode("append").start()


class Basket(StatefulProcessor):
    def init(self, handle: StatefulProcessorHandle) -> None:
        self.handle = handle
        self.total = handle.getValueState("total", StructType([StructField("v", IntegerType())]))
        self.actions = handle.getListState("actions", StructType([StructField("a", StringType())]))
        self.counts = handle.getMapState("counts", StructType([StructField("k", StringType())]), StructType([StructField("c", IntegerType())]))

    def handleInputRows(self, key: Any, rows: Iterator[pd.DataFrame], timerValues) -> Iterator[pd.DataFrame]:
        total = self.total.get()[0] if self.total.exists() else 0
        for frame in rows:
            for action, amount in zip(frame["action"], frame["amount"]):
                total += 0 if pd.isna(amount) else int(amount)
                self.actions.appendValue((action,))
                before = self.counts.getValue((action,))[0] if self.counts.containsKey((action,)) else 0
                self.counts.updateValue((action,), (before + 1,))
        self.total.update((total,))
        actions = [a[0] for a in self.actions.get()]
        if "pay" in actions:
            counts = sorted((k[0], v[0]) for k, v in self.counts.iterator())
            self.total.clear()
            self.actions.clear()
            self.counts.clear()
            for timer in self.handle.listTimers():
                self.handle.deleteTimer(timer)
            yield pd.DataFrame({"user": [key[0]], "total": [total], "text": [",".join(sorted(actions)) + " " + str(counts)]})
        elif timerValues.getCurrentWatermarkInMs() > 0:
            self.handle.registerTimer(timerValues.getCurrentWatermarkInMs() + 300000)

    def handleExpiredTimer(self, key, timerValues, expiredTimerInfo) -> Iterator[pd.DataFrame]:
        total = self.total.get()[0] if self.total.exists() else -1
        self.total.clear()
        yield pd.DataFrame({"user": [key[0]], "total": [total], "text": ["expired"]})

    def close(self) -> None:
        pass


two = events.groupBy("user").transformWithStateInPandas(statefulProcessor=Basket(), outputStructType="user STRING, total INT, text STRING", outputMode="Append", timeMode="EventTime").writeStream.format(
    "memory").queryName("by_processor").outputMode("append").option("checkpointLocation", os.path.join(out, "cp")).start()
for lines in (
    ["ann,2024-01-01 10:00:00,look,", "bob,2024-01-01 10:00:10,add,5", "ann,2024-01-01 10:00:20,add,7"],
    ["ann,2024-01-01 10:03:00,pay,0", "cy,2024-01-01 10:03:30,add,1"],
    ["bob,2024-01-01 10:04:00,add,6", "di,2024-01-01 10:04:00,look,"],
    ["di,2024-01-01 11:00:00,add,2"],
    ["ann,2024-01-01 11:00:01,add,3", "zoe,2024-01-01 12:00:00,pay,4"],
):
    add(*lines)
    for q in (one, two):
        q.processAllAvailable()
    print(spark.table("by_state").count(), spark.table("by_processor").count())
spark.table("by_state").orderBy("user", "n", "why", "total").show(40)
spark.table("by_processor").orderBy("user", "total", "text").show(40, False)
for q in (one, two):
    last = q.lastProgress["stateOperators"][0]
    print(last["operatorName"], q.lastProgress["eventTime"].get("watermark"))
    q.stop()
meta = spark.read.format("state-metadata").load(os.path.join(out, "cp"))
print(meta.columns)
meta.select("operatorId", "operatorName", "stateStoreName", "numPartitions").show(truncate=False)
state = spark.read.format("statestore").option("stateVarName", "total").load(os.path.join(out, "cp"))
state.printSchema()
state.select(col("key.user"), col("value.v")).orderBy("user").show()
print(spark.read.format("statestore").option("stateVarName", "counts").load(os.path.join(out, "cp")).columns)
for view in ("by_state", "by_processor"):
    spark.catalog.dropTempView(view)
spark.stop()
