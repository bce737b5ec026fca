"""Options of the state data sources: right ones, wrong ones, those that do not go together, and broken checkpoints."""

import json
import os
import shutil

from pyspark.sql import functions as F
from support import encode

PROVIDER = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"


def source(spark, tmp, name="in"):
    """Three batches of three rows each."""
    folder = tmp / name
    if not folder.exists():
        os.makedirs(folder)
        for number in range(3):
            rows = [{"k": f"k{row % 2}", "v": number * 10 + row, "t": f"2024-01-01T00:{number * 5 + row:02d}:00Z"} for row in range(3)]
            (folder / f"f{number}.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
            os.utime(folder / f"f{number}.json", (1700000000 + number, 1700000000 + number))
    return spark.readStream.schema("k STRING, v BIGINT, t TIMESTAMP").option("maxFilesPerTrigger", 1).json(str(folder))


def run(frame, tmp, mode="append", name="cp"):
    write = frame.writeStream.format("noop").outputMode(mode).option("checkpointLocation", str(tmp / name))
    write.trigger(availableNow=True).start().awaitTermination()


def shown(action):
    try:
        frame = action()
        return [frame.schema.simpleString(), sorted([str(one) for one in row] for row in frame.collect())]
    except Exception as raised:
        return encode.error(raised)


def told(spark, path, options, kind="statestore"):
    return [[one, shown(lambda: spark.read.format(kind).options(**one).load(str(path)))] for one in options]


def case_numbers_and_words(spark, tmp):
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    run(source(spark, tmp).groupBy("k").count(), tmp, "update")
    return told(spark, tmp / "cp", [
        {"operatorId": "0"}, {"operatorId": " 0"}, {"operatorId": ""}, {"operatorId": "1.5"}, {"operatorId": "99999999999"}, {"OPERATORID": "x"},
        {"batchId": "x"}, {"batchId": ""}, {"batchId": "1.0"}, {"batchId": " 1"}, {"batchId": "+1"}, {"batchId": "3"}, {"batchId": "9999999999999999999"},
        {"joinSide": "LEFT"}, {"joinSide": ""}, {"joinSide": "none"}, {"joinSide": "right"}, {"joinSide": "none", "storeName": "x"},
        {"storeName": " default "}, {"storeName": "DEFAULT"}, {"storeName": " "}, {"storeName": "left-keyToNumValues"},
        {"stateVarName": ""}, {"stateVarName": " "}, {"readRegisteredTimers": "x"}, {"readRegisteredTimers": "FALSE"}, {"readRegisteredTimers": ""},
        {"flattenCollectionTypes": "x"}, {"flattenCollectionTypes": "false"}, {"flattenCollectionTypes": "TRUE"},
        {"readChangeFeed": "x"}, {"readChangeFeed": "TRUE", "changeStartBatchId": "1"}, {"readChangeFeed": "false"}, {"readChangeFeed": ""},
        {"readChangeFeed": "false", "changeStartBatchId": "1"}, {"readChangeFeed": "true", "changeStartBatchId": "x"},
        {"readChangeFeed": "true", "changeStartBatchId": "1", "changeEndBatchId": "x"}, {"readChangeFeed": "true", "changeStartBatchId": "3"},
        {"readChangeFeed": "true", "changeStartBatchId": "2", "changeEndBatchId": "2"}, {"readChangeFeed": "true", "changeStartBatchId": "5", "changeEndBatchId": "6"},
        {"readChangeFeed": "true", "changeStartBatchId": "0", "changeEndBatchId": "-1"}, {"changeEndBatchId": "1"}, {"changeEndBatchId": "x"},
        {"readChangeFeed": "true", "changeEndBatchId": "1"}, {"readChangeFeed": "true", "changeStartBatchId": "0", "joinSide": "left"},
        {"readChangeFeed": "true", "changeStartBatchId": "0", "snapshotStartBatchId": "0"},
        {"readChangeFeed": "true", "changeStartBatchId": "0", "snapshotPartitionId": "0"},
        {"readChangeFeed": "true", "changeStartBatchId": "0", "operatorId": "1"}, {"readChangeFeed": "true", "changeStartBatchId": "0", "storeName": "x"},
        {"snapshotStartBatchId": "x"}, {"snapshotPartitionId": "x"}, {"snapshotStartBatchId": "x", "snapshotPartitionId": "0"},
        {"snapshotStartBatchId": "1", "snapshotPartitionId": "0"}, {"snapshotStartBatchId": "0", "snapshotPartitionId": "7"},
        {"snapshotStartBatchId": "2", "snapshotPartitionId": "0", "batchId": "1"}, {"snapshotStartBatchId": "0", "snapshotPartitionId": "0", "batchId": "x"},
        {"snapshotPartitionId": "-1"}, {"snapshotStartBatchId": "-1"}, {"batchId": "-1", "snapshotStartBatchId": "-1"},
        {"operatorId": "-1", "batchId": "-1"}, {"storeName": "", "joinSide": "x"}, {"joinSide": "left", "storeName": "x", "operatorId": "-1"},
        {"stateVarName": "x", "readRegisteredTimers": "true"}, {"stateVarName": "x", "joinSide": "left"}, {"stateVarName": "x", "readChangeFeed": "true"},
        {"readRegisteredTimers": "true", "readChangeFeed": "true", "changeStartBatchId": "0"}, {"stateVarName": "x", "operatorId": "1"},
        {"unknown": "x"}, {"path": "x"},
    ])


def case_joins(spark, tmp):
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    left = source(spark, tmp).withWatermark("t", "5 minutes")
    right = source(spark, tmp, "other").selectExpr("k AS j", "t AS u", "v AS w").withWatermark("u", "5 minutes")
    run(left.join(right, F.expr("k = j AND u >= t AND u <= t + INTERVAL 3 MINUTES")), tmp)
    return told(spark, tmp / "cp", [
        {"joinSide": "left", "operatorId": "1"}, {"joinSide": "left", "batchId": "9"}, {"joinSide": "left", "storeName": "default"},
        {"joinSide": "left", "storeName": "left-keyToNumValues"}, {"storeName": "left"}, {"storeName": "left-x"}, {"storeName": "LEFT-keyToNumValues"},
        {"joinSide": "none", "storeName": "right-keyToNumValues"}, {"joinSide": "left", "snapshotStartBatchId": "0", "snapshotPartitionId": "0"},
        {"joinSide": "left", "stateVarName": "x"}, {"joinSide": "left", "readRegisteredTimers": "true"}, {"stateVarName": "x"},
        {"joinSide": "right", "flattenCollectionTypes": "false", "batchId": "0"},
    ])


def processor():
    import pandas as pd
    from pyspark.sql.streaming import StatefulProcessor

    class Keeping(StatefulProcessor):
        def init(self, handle):
            self.value = handle.getValueState("value", "a BIGINT")
            self.many = handle.getListState("many", "x BIGINT")
            self.map = handle.getMapState("map", "mk STRING", "mv BIGINT")
            self.never = handle.getValueState("never", "a BIGINT")

        def handleInputRows(self, key, rows, timerValues):
            n = sum(len(batch) for batch in rows)
            self.value.update((n,))
            self.many.appendValue((n,))
            self.map.updateValue((f"m{n}",), (n,))
            yield pd.DataFrame({"n": [n]})

        def close(self):
            pass

    return Keeping()


def case_processor(spark, tmp):
    spark.conf.set("spark.sql.streaming.stateStore.providerClass", PROVIDER)
    spark.conf.set("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true")
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    rows = source(spark, tmp).groupBy("k").transformWithStateInPandas(processor(), "n BIGINT", "Update", "None")
    run(rows, tmp, "update")
    feed = {"readChangeFeed": "true", "changeStartBatchId": "0"}
    return told(spark, tmp / "cp", [
        {"stateVarName": "value"}, {"stateVarName": " value "}, {"stateVarName": "VALUE"}, {"stateVarName": ""}, {"stateVarName": "never"},
        {"stateVarName": "value", "batchId": "0"}, {"stateVarName": "value", "batchId": "7"}, {"stateVarName": "value", "operatorId": "1"},
        {"stateVarName": "value", "storeName": "x"}, {"stateVarName": "value", "joinSide": "none"},
        {"stateVarName": "value", **feed}, {"stateVarName": "many", **feed}, {"stateVarName": "map", **feed},
        {"stateVarName": "many", "flattenCollectionTypes": "false", **feed},
        {"readRegisteredTimers": "true"}, {"readRegisteredTimers": "true", **feed}, {"readRegisteredTimers": "false"}, {"joinSide": "left"}, {"storeName": "x"},
        {"stateVarName": "many", "flattenCollectionTypes": "x"}, {"stateVarName": "value", "flattenCollectionTypes": "false"},
        {**feed},
    ])


def case_metadata(spark, tmp):
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    late = source(spark, tmp).withWatermark("t", "2 minutes")
    run(late.dropDuplicates(["v", "t"]).groupBy("k").count(), tmp, "update")
    path = tmp / "cp"
    read = lambda: spark.read.format("state-metadata")  # noqa: E731
    found = {
        "options": told(spark, path, [{}, {"batchId": "0"}, {"batchId": "9"}, {"batchId": "-1"}, {"batchId": "x"}, {"operatorId": "1"}, {"foo": "bar"}], "state-metadata"),
        "schema": shown(lambda: read().schema("a INT").load(str(path))),
        "columns": shown(lambda: read().load(str(path)).select("operatorId", "_numColsPrefixKey", "numPartitions")),
        "filtered": shown(lambda: read().load(str(path)).where("operatorId = 1").select("operatorName")),
        "unknown column": shown(lambda: read().load(str(path)).select("_foo")),
        "state": shown(lambda: read().load(str(path / "state"))),
        "nowhere": shown(lambda: read().load(str(tmp / "nowhere"))),
        "a file": shown(lambda: read().load(str(tmp / "in" / "f0.json"))),
        "two paths": shown(lambda: read().load([str(path), str(path)])),
        "by option": shown(lambda: read().option("path", str(path)).load()),
        "sql": shown(lambda: spark.sql(f"SELECT operatorId FROM `state-metadata`.`{path}`")),
        "sql of state": shown(lambda: spark.sql(f"SELECT key FROM statestore.`{path}`")),
        "stream": shown(lambda: spark.readStream.format("state-metadata").load(str(path))),
        "two paths of state": shown(lambda: spark.read.format("statestore").load([str(path), str(path)])),
        "state by option": shown(lambda: spark.read.format("statestore").option("path", str(path)).load()),
        "filtered state": shown(lambda: spark.read.format("statestore").option("operatorId", 1).load(str(path)).where("partition_id = 1 AND key.v > 1").select("key.v", "partition_id")),
        "counted": shown(lambda: spark.read.format("statestore").load(str(path)).groupBy("partition_id").count()),
    }
    return found


def case_table(spark, tmp):
    run(source(spark, tmp).groupBy("k").count(), tmp, "update")
    spark.sql("DROP TABLE IF EXISTS of_state")
    made = shown(lambda: spark.sql(f"CREATE TABLE of_state USING statestore LOCATION '{tmp / 'cp'}'"))
    read = shown(lambda: spark.table("of_state"))
    spark.sql("DROP TABLE IF EXISTS of_state")
    return [made, read]


def case_broken(spark, tmp):
    """Checkpoints that lack something."""
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    run(source(spark, tmp).groupBy("k").count(), tmp, "update")

    def without(name, *parts):
        path = tmp / name
        shutil.copytree(tmp / "cp", path)
        for part in parts:
            target = path / part
            if target.is_dir():
                shutil.rmtree(target)
            else:
                os.remove(target)
                crc = target.with_name(f".{target.name}.crc")
                if crc.exists():
                    os.remove(crc)
        return path

    cases = {
        "no commits": without("a", "commits"), "no offsets": without("b", "offsets"), "no state": without("c", "state"),
        "last commit": without("d", "commits/2"), "last offset": without("e", "offsets/2"), "all commits": without("f", "commits/0", "commits/1", "commits/2"),
        "no operator": without("g", "state/0"), "a commit between": without("h", "commits/1"),
    }
    os.makedirs(tmp / "empty")
    cases["empty"] = tmp / "empty"
    feed = {"readChangeFeed": "true", "changeStartBatchId": "0"}
    return {name: [told(spark, path, [{}, {"batchId": "1"}, {"batchId": "2"}, feed]), told(spark, path, [{}], "state-metadata")] for name, path in cases.items()}
