"""Queries that start again with another plan, other variables, other settings; queries in SQL; programs inside batches."""

import json
import os
import re

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"


def told(error):
    text = str(error).split("\n===")[0].split("\norg.apache.spark")[0].split("\n\nJVM")[0]
    text = re.sub(r"\[id = .*?\]", "[..]", text)
    first = re.sub(r"; line \d+ pos.*|;$|options: StateSourceOptions.*| StateStoreInfo.*", "", text.split("\n")[0])
    return [type(error).__name__, error.getCondition() if isinstance(error, PySparkException) else None, first]


def tried(action):
    try:
        value = action()
        return value if value is None or isinstance(value, (bool, int, str, list, dict)) else type(value).__name__
    except Exception as raised:
        return told(raised)


def condition(action):
    """The condition alone, and whether the words are there."""
    try:
        action()
        return "ran"
    except PySparkException as raised:
        return sorted(set(re.findall(r"\[([A-Z_]+(?:\.[A-Z_]+)*)\]", str(raised).split("\norg.apache.spark")[0].split("\n\nJVM")[0])))


def drop(tmp, number, name="in", count=2):
    os.makedirs(tmp / name, exist_ok=True)
    path = tmp / name / f"f{number:02d}.json"
    with open(path, "w", encoding="utf-8") as file:
        for row in range(count):
            file.write(json.dumps({"k": "ab"[row % 2], "v": number * 10 + row, "t": f"2024-01-01T0{number}:00:00Z"}) + "\n")
    os.utime(path, (1700000000 + number, 1700000000 + number))
    return str(tmp / name)


def source(spark, tmp, number=0):
    return spark.readStream.schema("k STRING, v BIGINT, t TIMESTAMP").option("maxFilesPerTrigger", 1).json(drop(tmp, number))


def run(frame, tmp, mode="append", cp="cp", **conf):
    write = frame.writeStream.format("noop").outputMode(mode).option("checkpointLocation", str(tmp / cp))
    query = write.trigger(availableNow=True).start()
    query.awaitTermination()


def case_other_plans(spark, tmp):
    """What a query with state may become between two runs."""
    answers = {}
    plans = {
        "same": (lambda f: f.groupBy("k").count(), lambda f: f.groupBy("k").count(), "update"),
        "filtered": (lambda f: f.groupBy("k").count(), lambda f: f.where("v > 1").groupBy("k").count(), "update"),
        "projected behind": (lambda f: f.groupBy("k").count(), lambda f: f.groupBy("k").count().select("count"), "update"),
        "limit, then none": (lambda f: f.limit(1), lambda f: f, "append"),
        "none, then limit": (lambda f: f, lambda f: f.limit(1), "append"),
        "no state, then state": (lambda f: f, lambda f: f.groupBy("k").count(), "update"),
        "key of another type": (lambda f: f.groupBy("k").count(), lambda f: f.groupBy("v").count(), "update"),
        "other aggregate": (lambda f: f.groupBy("k").count(), lambda f: f.groupBy("k").agg(F.sum("v"), F.max("k")), "update"),
        "other key": (lambda f: f.dropDuplicates(["k"]), lambda f: f.dropDuplicates(["k", "v"]), "append"),
        "aggregate, then duplicates": (lambda f: f.groupBy("k").count(), lambda f: f.dropDuplicates(["k"]), "update"),
    }
    for name, (first, second, mode) in plans.items():
        folder = tmp / name.replace(" ", "_").replace(",", "")
        folder.mkdir(parents=True)
        run(first(source(spark, folder)), folder, mode)
        answers[name] = condition(lambda: run(second(source(spark, folder, 1)), folder, mode))
    return answers


def value_processor(kind, schema="v BIGINT", name="own", raises=None):
    from pyspark.sql import Row
    from pyspark.sql.streaming import StatefulProcessor

    class Own(StatefulProcessor):
        def init(self, handle):
            if kind == "value":
                self.state = handle.getValueState(name, schema)
            elif kind == "list":
                self.state = handle.getListState(name, schema)
            else:
                self.state = handle.getMapState(name, "k STRING", schema)

        def handleInputRows(self, key, rows, timerValues):
            n = sum(1 for _ in rows)
            if kind == "value":
                before = self.state.get()
                self.state.update((n,) + (None,) * schema.count(","))
            elif kind == "list":
                before = [tuple(one) for one in self.state.get()]
                self.state.appendValue((n,) + (None,) * schema.count(","))
            else:
                before = None
            yield Row(k=key[0], before=str(before))

        def close(self):
            pass

    return Own()


def case_variables_that_change(spark, tmp):
    """The schemas and kinds of a processor's variables between two runs."""
    spark.conf.set("spark.sql.streaming.stateStore.providerClass", ROCKSDB)
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    pairs = {
        "the same": ({"kind": "value"}, {"kind": "value"}),
        "other kind": ({"kind": "value"}, {"kind": "list"}),
        "other type": ({"kind": "value"}, {"kind": "value", "schema": "v STRING"}),
        "one more field": ({"kind": "value"}, {"kind": "value", "schema": "v BIGINT, w STRING"}),
        "other name": ({"kind": "value"}, {"kind": "value", "name": "new"}),
    }
    answers = {}
    for name, (first, second) in pairs.items():
        folder = tmp / name.replace(" ", "_")
        folder.mkdir(parents=True)

        def go(number, how):
            frame = source(spark, folder, number).groupBy("k").transformWithState(value_processor(**how), "k STRING, before STRING", "Update", "None")
            run(frame, folder, "update")

        go(0, first)
        answers[name] = condition(lambda: go(1, second))
    folder = tmp / "time mode"
    folder.mkdir(parents=True)

    def timed(number, mode, output="Update"):
        frame = source(spark, folder, number).groupBy("k").transformWithState(value_processor("value"), "k STRING, before STRING", output, mode)
        run(frame, folder, output.lower())

    timed(0, "None")
    answers["other output mode"] = condition(lambda: timed(1, "None", "Append"))
    spark.conf.unset("spark.sql.streaming.stateStore.providerClass")
    spark.conf.unset("spark.sql.shuffle.partitions")
    return answers


def case_state_by_version(spark, tmp):
    """What state was at each batch, from snapshots too, and what changed between."""
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    drop(tmp, 0), drop(tmp, 1), drop(tmp, 2)
    run(source(spark, tmp).groupBy("k").agg(F.sum("v").alias("s")), tmp, "update")
    spark.conf.unset("spark.sql.shuffle.partitions")

    def read(**options):
        def rows():
            frame = spark.read.format("statestore").options(**options).load(str(tmp / "cp"))
            return [frame.columns, sorted(str(row) for row in frame.collect())]

        return tried(rows)

    return {
        "now": read(),
        "first": read(batchId=0),
        "second": read(batchId=1),
        "of no batch": read(batchId=9),
        "below zero": read(batchId=-1),
        "a text": read(batchId="x"),
        "operator": read(operatorId=1),
        "operator below zero": read(operatorId=-1),
        "store": read(storeName="none"),
        "variable": read(stateVarName="x"),
        "side": read(joinSide="left"),
        "bad side": read(joinSide="middle"),
        "timers": read(readRegisteredTimers="true"),
        "feed": read(readChangeFeed="true", changeStartBatchId=0),
        "feed to the end": read(readChangeFeed="true", changeStartBatchId=1, changeEndBatchId=2),
        "feed without start": read(readChangeFeed="true"),
        "feed backwards": read(readChangeFeed="true", changeStartBatchId=2, changeEndBatchId=1),
        "feed of one batch": read(readChangeFeed="true", changeStartBatchId=1, batchId=1),
        "feed from before": read(readChangeFeed="true", changeStartBatchId=-1),
        "snapshot without partition": read(snapshotStartBatchId=0),
        "partition without snapshot": read(snapshotPartitionId=0),
        "snapshot below zero": read(snapshotStartBatchId=-1, snapshotPartitionId=0),
        "snapshot behind the batch": read(snapshotStartBatchId=2, snapshotPartitionId=0, batchId=1),
        "without path": tried(lambda: spark.read.format("statestore").load().columns),
        "a path that is none": tried(lambda: spark.read.format("statestore").load(str(tmp / "nothing")).columns),
        "metadata of nothing": condition(lambda: spark.read.format("state-metadata").load(str(tmp / "nothing")).collect()),
        "a stream of it": condition(lambda: spark.readStream.format("statestore").load(str(tmp / "cp")).columns),
    }


def case_inside_batches(spark, tmp):
    """What programs do in foreachBatch."""
    drop(tmp, 0), drop(tmp, 1)
    log = str(tmp / "log")

    def note(*words):
        with open(log, "a", encoding="utf-8") as file:
            file.write(json.dumps(words) + "\n")

    def twice(frame, number):
        frame.persist()
        note("twice", number, frame.count(), frame.isStreaming, sorted(row.v for row in frame.collect()))
        frame.unpersist()

    def session(frame, number):
        own = frame.sparkSession
        frame.createOrReplaceTempView("updates")
        rows = own.sql("SELECT k, sum(v) AS s FROM updates GROUP BY k ORDER BY k").collect()
        note("session", number, [list(row) for row in rows], own.range(3).count())
        own.range(2).createOrReplaceTempView("side")

    def several(frame, number):
        for name in ("x", "y"):
            frame.write.mode("append").partitionBy("k").parquet(str(tmp / name))
        note("several", number)

    def joined(frame, number):
        small = frame.sparkSession.createDataFrame([("a", "first")], "k STRING, name STRING")
        note("joined", number, [list(row) for row in frame.join(small, "k").select("name", "v").collect()])

    answers = {}
    for number, function in enumerate((twice, session, several, joined)):
        query = source(spark, tmp).writeStream.foreachBatch(function).option("checkpointLocation", str(tmp / f"cp{number}"))
        answers[function.__name__] = tried(lambda query=query: query.trigger(availableNow=True).start().awaitTermination())
    answers["views"] = tried(lambda: sorted(table.name for table in spark.catalog.listTables() if table.name in ("updates", "side")))
    answers["files"] = [spark.read.parquet(str(tmp / name)).count() for name in ("x", "y")]
    with open(log, encoding="utf-8") as file:
        answers["log"] = [json.loads(line) for line in file]
    return answers


def query(spark, tmp, text, mode="append"):
    def go():
        frame = spark.sql(text)
        run(frame, tmp, mode, cp=f"cp{abs(hash(text))}")
        return frame.columns

    return tried(go)


def case_sql_words(spark, tmp):
    """Refusals whose words differ."""
    source(spark, tmp).createOrReplaceTempView("events")
    return {
        "pivot": query(spark, tmp, "SELECT * FROM (SELECT k, v, t FROM events) PIVOT (sum(v) FOR k IN ('a', 'b'))", "update"),
        "window function": query(spark, tmp, "SELECT row_number() OVER (PARTITION BY k ORDER BY v) AS r FROM events"),
        "ctas": tried(lambda: spark.sql("CREATE TABLE made AS SELECT * FROM events")),
    }


def case_sql(spark, tmp):
    """What SQL says over streams."""
    source(spark, tmp).createOrReplaceTempView("events")
    spark.range(3).withColumn("k", F.lit("a")).createOrReplaceTempView("few")

    def schema(text):
        return tried(lambda: [spark.sql(text).isStreaming, spark.sql(text).columns])

    return {
        "filter": query(spark, tmp, "SELECT k, v FROM events WHERE v > 0"),
        "static join": query(spark, tmp, "SELECT e.v, f.id FROM events e JOIN few f ON e.k = f.k"),
        "windows": query(spark, tmp, "SELECT window(t, '1 hour').start AS s, count(*) AS n FROM events GROUP BY window(t, '1 hour')", "complete"),
        "cte": query(spark, tmp, "WITH c AS (SELECT k FROM events) SELECT upper(k) AS u FROM c"),
        "union": query(spark, tmp, "SELECT k FROM events UNION ALL SELECT k FROM events"),
        "distinct": query(spark, tmp, "SELECT DISTINCT k FROM events"),
        "watermark": schema("SELECT * FROM events WATERMARK t DELAY OF INTERVAL 1 HOUR"),
        "watermark of nothing": schema("SELECT * FROM events WATERMARK zz DELAY OF INTERVAL 1 HOUR"),
        "watermark of an alias": schema("SELECT * FROM events WATERMARK t + INTERVAL 1 DAY AS u DELAY OF INTERVAL 1 HOUR AS e"),
        "watermark of a text": schema("SELECT * FROM events WATERMARK k DELAY OF INTERVAL 1 HOUR"),
        "watermark of a subquery": schema("SELECT * FROM (SELECT t FROM events) WATERMARK t DELAY OF INTERVAL 1 HOUR AS s"),
        "stream with watermark": schema("SELECT * FROM STREAM events WATERMARK t DELAY OF INTERVAL 1 HOUR"),
        "aggregate of a watermark": query(spark, tmp, "SELECT t, count(*) FROM events WATERMARK t DELAY OF INTERVAL 1 HOUR GROUP BY t"),
        "months": schema("SELECT * FROM events WATERMARK t DELAY OF INTERVAL 1 MONTH"),
        "sorted": query(spark, tmp, "SELECT k FROM events ORDER BY v"),
        "limited": query(spark, tmp, "SELECT k FROM events LIMIT 1"),
        "except of it": query(spark, tmp, "SELECT k FROM few EXCEPT SELECT k FROM events"),
        "intersect": query(spark, tmp, "SELECT k FROM events INTERSECT SELECT k FROM few"),
        "exists": query(spark, tmp, "SELECT k FROM few WHERE EXISTS (SELECT 1 FROM events e WHERE e.k = few.k)"),
        "scalar": query(spark, tmp, "SELECT (SELECT max(v) FROM events) AS m FROM few"),
        "in": query(spark, tmp, "SELECT k FROM events WHERE k IN (SELECT k FROM few)"),
        "tablesample": query(spark, tmp, "SELECT k FROM events TABLESAMPLE (50 PERCENT)"),
        "explode": query(spark, tmp, "SELECT explode(array(k, k)) AS e FROM events"),
        "lateral": query(spark, tmp, "SELECT e FROM events LATERAL VIEW explode(array(1, 2)) x AS e"),
        "distinct aggregate": query(spark, tmp, "SELECT count(DISTINCT v) FROM events", "complete"),
        "two aggregates": query(spark, tmp, "SELECT max(n) FROM (SELECT k, count(*) AS n FROM events GROUP BY k)", "complete"),
        "cached": tried(lambda: spark.sql("CACHE TABLE c1 AS SELECT * FROM events")),
        "view of it": tried(lambda: [spark.sql("CREATE TEMP VIEW v1 AS SELECT k FROM events"), spark.table("v1").isStreaming][1]),
        "describe": tried(lambda: [list(row) for row in spark.sql("DESCRIBE TABLE events").collect()]),
        "show": tried(lambda: spark.sql("SELECT * FROM events").show()),
    }


def case_names(spark, tmp):
    """Names and checkpoints of several queries."""
    frame = spark.readStream.format("rate").load()

    def start(name=None, cp=None, fmt="noop", **more):
        write = frame.writeStream.format(fmt)
        write = write.queryName(name) if name is not None else write
        write = write.option("checkpointLocation", str(tmp / cp)) if cp else write
        return write.start(**more)

    one = start("one", "cp1")
    answers = {
        "name twice": tried(lambda: start("one", "cp2")),
        "empty name": tried(lambda: start("")),
        "memory without name": tried(lambda: start(fmt="memory")),
        "parquet without path": tried(lambda: start(fmt="parquet", cp="cp3")),
        "parquet without checkpoint": tried(lambda: start(fmt="parquet", path=str(tmp / "out")).stop()),
        "unknown format": tried(lambda: start(fmt="nothing", cp="cp4").stop()),
        "kafka": tried(lambda: start(fmt="kafka", cp="cp5").stop()),
        "kafka reader": tried(lambda: spark.readStream.format("kafka").option("subscribe", "t").load().columns),
        "rate with path": tried(lambda: spark.readStream.format("rate").load(str(tmp)).isStreaming),
        "files without schema": tried(lambda: spark.readStream.format("json").load(str(tmp)).isStreaming),
        "a folder that is none": tried(lambda: spark.readStream.schema("a INT").json(str(tmp / "none")).isStreaming),
        "text": tried(lambda: spark.readStream.text(drop(tmp, 0)).columns),
    }
    one.stop()
    again = start("one", "cp1")
    answers["again"] = [again.name, again.id == one.id, again.runId == one.runId]
    again.stop()
    return answers
