"""What programs do with streams besides: views of batches, set operations, checks that are switched off, listeners that
go, sources that cannot be written."""

import json
import os
import time

from pyspark.errors import PySparkException
from pyspark.sql import Window
from pyspark.sql import functions as F


def tried(action):
    try:
        return action()
    except PySparkException as raised:
        told = raised.getMessageParameters() or {}
        told = {name: text.split("\n")[0] for name, text in told.items() if name not in ("id", "runId")}
        return [type(raised).__name__, raised.getCondition(), dict(sorted(told.items()))]


def source(spark, tmp, name="in", count=1):
    folder = tmp / name
    os.makedirs(folder, exist_ok=True)
    for number in range(count):
        path = folder / f"f{number}.json"
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps({"k": "ab"[number % 2], "v": number, "t": "2024-01-01T00:00:00Z"}) + "\n")
        os.utime(path, (1700000000 + number, 1700000000 + number))
    return spark.readStream.schema("k STRING, v BIGINT, t TIMESTAMP").option("maxFilesPerTrigger", 1).json(str(folder))


def ran(frame, mode="append", **options):
    query = frame.writeStream.format("noop").outputMode(mode).options(**options).trigger(availableNow=True).start()
    query.awaitTermination()
    return "ran"


def case_views_of_batches(spark, tmp):
    """A view of a batch outlives the function that made it; a later batch may read it, whatever remembers."""
    log = str(tmp / "log")

    def note(line):
        with open(log, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def look(frame, number):
        own = frame.sparkSession
        frame.createOrReplaceTempView("now")
        new = sorted([list(row) for row in frame.collect()])
        old = sorted([list(row) for row in own.table("before").collect()]) if number else []
        note(json.dumps([number, new, old]))
        own.sql("SELECT * FROM now").createOrReplaceTempView("before")
        frame.createOrReplaceGlobalTempView("shared")

    def lines():
        with open(log, encoding="utf-8") as file:
            found = [json.loads(line) for line in file]
        os.remove(log)
        return found

    answers = {}
    plain = source(spark, tmp, count=4).select("k", "v")
    counted = source(spark, tmp, count=4).groupBy("k").count()
    distinct = source(spark, tmp, count=4).select("k").dropDuplicates()
    for name, frame in {"rows": plain, "counts": counted, "distinct": distinct}.items():
        write = frame.writeStream.outputMode("update").foreachBatch(look).trigger(availableNow=True)
        write.option("checkpointLocation", str(tmp / name)).start().awaitTermination()
        answers[name] = lines()
    answers["after"] = sorted([list(row) for row in spark.table("now").collect()])
    answers["shared"] = spark.table("global_temp.shared").count()
    spark.catalog.dropGlobalTempView("shared")
    return answers


def case_views_of_views(spark, tmp):
    """A view of a text means what the text's names meant then."""
    spark.range(3).createOrReplaceTempView("v")
    spark.sql("SELECT id + 1 AS id FROM v").createOrReplaceTempView("v")
    own = sorted(row[0] for row in spark.table("v").collect())
    spark.range(2).createOrReplaceTempView("a")
    spark.sql("SELECT * FROM a").createOrReplaceTempView("b")
    spark.sql("SELECT * FROM {x}", x=spark.table("a")).createOrReplaceTempView("c")
    spark.sql("SELECT * FROM a WHERE id >= :n", {"n": 0}).createOrReplaceTempView("d")
    spark.sql("WITH a AS (SELECT 7 AS id) SELECT * FROM a").createOrReplaceTempView("e")
    spark.range(5).createOrReplaceTempView("a")
    return [own, [spark.table(name).count() for name in "bcde"]]


def case_kept_rows_of_views(spark, tmp):
    frame = spark.range(3).localCheckpoint()
    frame.createOrReplaceTempView("kept")
    del frame
    spark.range(1).count()
    return [spark.table("kept").count(), spark.sql("SELECT sum(id) FROM kept").collect()[0][0]]


def case_set_operations(spark, tmp):
    static = spark.createDataFrame([("a",)], "k STRING")
    one = lambda: source(spark, tmp, count=2).select("k")  # noqa: E731
    other = lambda: source(spark, tmp, "other").select("k")  # noqa: E731
    programs = {
        "except": lambda: one().subtract(static),
        "except of a stream": lambda: one().subtract(other()),
        "except all of a stream": lambda: static.exceptAll(one()),
        "intersect": lambda: one().intersect(static),
        "intersect all": lambda: static.intersectAll(one()),
        "sort within": lambda: one().sortWithinPartitions("k"),
        "pivot": lambda: source(spark, tmp).groupBy("k").pivot("v", [0, 1]).count(),
        "pivot of text": lambda: source(spark, tmp).groupBy("k").pivot("v", [0, 1]).agg(F.max("k")),
    }
    told = {f"{name}, {mode}": tried(lambda make=make, mode=mode: ran(make(), mode))
            for name, make in programs.items() for mode in ("append", "update", "complete")}
    told["schemas"] = {name: [make().columns, make().isStreaming] for name, make in programs.items()}
    return told


def case_window_functions(spark, tmp):
    one = source(spark, tmp)
    by = Window.partitionBy("k").orderBy(F.col("v").desc())
    programs = {
        "row number": one.withColumn("r", F.row_number().over(by)),
        "range": one.select(F.count(F.lit(1)).over(Window.partitionBy("k", "t").orderBy("v")).alias("n")),
        "all": one.select(F.count(F.lit(1)).over(Window.partitionBy("k")).alias("n")),
    }
    return {name: tried(lambda frame=frame: ran(frame)) for name, frame in programs.items()}


def case_event_times(spark, tmp):
    one = source(spark, tmp)
    times = {"plain": "cast(t AS timestamp_ntz)", "window": "window(cast(t AS timestamp_ntz), '1 minute')"}
    frames = [one, spark.createDataFrame([("2024-01-01",)], "t STRING")]
    return [{name: tried(lambda frame=frame, text=text: frame.select(F.expr(text).alias("e")).withWatermark("e", "1 minute").columns)
             for name, text in times.items()} for frame in frames]


def case_checks_off(spark, tmp):
    twice = lambda: source(spark, tmp, count=3).groupBy("k", "v").count().groupBy("k").agg(F.sum("count").alias("n"))  # noqa: E731

    def rows(mode):
        query = twice().writeStream.format("memory").queryName("twice").outputMode(mode).trigger(availableNow=True).start()
        query.awaitTermination()
        return sorted([list(row) for row in spark.table("twice").collect()])

    told = {"on": tried(lambda: rows("complete"))}
    spark.conf.set("spark.sql.streaming.statefulOperator.checkCorrectness.enabled", "false")
    told["off"] = tried(lambda: rows("complete"))
    spark.conf.set("spark.sql.streaming.unsupportedOperationCheck", "false")
    told["nothing is checked"] = tried(lambda: ran(source(spark, tmp).sortWithinPartitions("v")))
    return told


def case_listener_that_goes(spark, tmp):
    """Events that are under way do not keep a listener."""
    from pyspark.sql.streaming import StreamingQueryListener

    heard = []

    class Hears(StreamingQueryListener):
        def onQueryStarted(self, event):
            pass

        def onQueryProgress(self, event):
            heard.append(event.progress.batchId)

        def onQueryTerminated(self, event):
            pass

    for _ in range(5):
        listener = Hears()
        spark.streams.addListener(listener)
        query = source(spark, tmp).writeStream.format("noop").start()
        query.processAllAvailable()
        end = time.time() + 20
        while time.time() < end and not heard:
            time.sleep(0.05)
        query.stop()
        spark.streams.removeListener(listener)
    return sorted(set(heard))


def case_not_written(spark, tmp):
    def batch(name):
        return lambda: spark.range(1).write.format(name).mode("append").save(str(tmp / "none"))

    def stream(name):
        return lambda: source(spark, tmp).writeStream.format(name).option("path", str(tmp / "none")).start().awaitTermination(20)

    names = ("rate", "statestore", "state-metadata")
    told = {f"{name}, {kind}": tried(make(name)) for name in names for kind, make in {"batch": batch, "stream": stream}.items()}
    query = source(spark, tmp, count=2).groupBy("k").count().writeStream.format("noop").outputMode("update")
    query.option("checkpointLocation", str(tmp / "cp")).trigger(availableNow=True).start().awaitTermination()
    for name in names[1:]:
        told[f"{name}, there"] = tried(lambda name=name: spark.range(1).write.format(name).mode("append").save(str(tmp / "cp")))
    return told


def case_python_sink(spark, tmp):
    from pyspark.sql.datasource import DataSource, DataSourceStreamWriter, WriterCommitMessage

    class Writer(DataSourceStreamWriter):
        def write(self, rows):
            list(rows)
            return WriterCommitMessage()

        def commit(self, messages, batchId):
            pass

        def abort(self, messages, batchId):
            pass

    class Sink(DataSource):
        @classmethod
        def name(cls):
            return "sinking"

        def streamWriter(self, schema, overwrite):
            return Writer()

    spark.dataSource.register(Sink)

    def write(mode, **options):
        counted = source(spark, tmp).groupBy("k").count()
        query = counted.writeStream.format("sinking").outputMode(mode).options(**options).trigger(availableNow=True).start()
        query.awaitTermination()
        return "ran"

    return {
        "without a checkpoint": tried(lambda: write("complete")),
        "complete": tried(lambda: write("complete", checkpointLocation=str(tmp / "c1"))),
        "update": tried(lambda: write("update", checkpointLocation=str(tmp / "c2"))),
    }
