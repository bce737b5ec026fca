"""The public API of streams: every method of readers, writers, queries and the manager, with good and bad arguments."""

import json
import os
import time

from pyspark.errors import PySparkException
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType


def tried(action):
    """What came of an action: its value, or the error with its parameters."""
    try:
        return shown(action())
    except PySparkException as raised:
        parameters = raised.getMessageParameters() or {}
        return [type(raised).__name__, raised.getCondition(), raised.getSqlState(), sorted(map(str, parameters.items()))]
    except Exception as raised:
        return [type(raised).__name__, str(raised).split("\n")[0]]


def shown(value):
    if value is None or isinstance(value, (bool, int, str, list, dict)):
        return value
    return type(value).__name__


def all_of(actions):
    return {name: tried(action) for name, action in actions.items()}


def folder(tmp, name="in", count=1):
    path = tmp / name
    os.makedirs(path, exist_ok=True)
    for number in range(count):
        with open(path / f"f{number}.json", "w", encoding="utf-8") as file:
            file.write(json.dumps({"k": "a", "v": number, "t": "2024-01-01T00:00:00Z"}) + "\n")
    return str(path)


def source(spark, tmp, count=1):
    return spark.readStream.schema("k STRING, v BIGINT, t TIMESTAMP").json(folder(tmp, count=count))


def case_reader_arguments(spark, tmp):
    read = spark.readStream
    path = folder(tmp)
    schema = StructType([StructField("k", StringType()), StructField("v", LongType())])
    return all_of({
        "schema of a number": lambda: read.schema(1),
        "schema of rubbish": lambda: read.schema("k STRING,,"),
        "schema of an unknown type": lambda: read.schema("k STRINGG"),
        "schema": lambda: read.schema(schema).json(path).schema.simpleString(),
        "schema of text": lambda: spark.readStream.schema("k STRING").json(path).schema.simpleString(),
        "format of nothing": lambda: spark.readStream.format("nothing").load(),
        "load a number": lambda: spark.readStream.format("json").load(1),
        "load an empty path": lambda: spark.readStream.format("json").load(""),
        "load blanks": lambda: spark.readStream.format("json").load("  "),
        "load without a schema": lambda: spark.readStream.format("json").load(path),
        "load nothing": lambda: spark.readStream.schema("k STRING").format("json").load(),
        "load what is not there": lambda: spark.readStream.schema("k STRING").json(str(tmp / "none")),
        "json of a number": lambda: spark.readStream.json(1),
        "csv of a number": lambda: spark.readStream.csv(1),
        "text of a number": lambda: spark.readStream.text(1),
        "orc of a number": lambda: spark.readStream.orc(1),
        "parquet of a number": lambda: spark.readStream.parquet(1),
        "xml of a number": lambda: spark.readStream.xml(1),
        "table of a number": lambda: spark.readStream.table(1),
        "table that is not there": lambda: spark.readStream.table("nothing").schema.simpleString(),
        "text": lambda: spark.readStream.text(path).schema.simpleString(),
        "csv": lambda: spark.readStream.schema("k STRING").csv(path, sep="|", header=True).isStreaming,
        "options": lambda: spark.readStream.options(maxFilesPerTrigger=1, latestFirst=True).schema("k STRING").json(path).isStreaming,
        "option of a bool": lambda: spark.readStream.option("maxFilesPerTrigger", True).schema("k STRING").json(path).isStreaming,
        "max files of zero": lambda: spark.readStream.option("maxFilesPerTrigger", 0).schema("k STRING").json(path).isStreaming,
        "max files of text": lambda: spark.readStream.option("maxFilesPerTrigger", "x").schema("k STRING").json(path).isStreaming,
        "max bytes of text": lambda: spark.readStream.option("maxBytesPerTrigger", "x").schema("k STRING").json(path).isStreaming,
        "both limits": lambda: spark.readStream.option("maxBytesPerTrigger", "1").option("maxFilesPerTrigger", 1).schema("k STRING").json(path).isStreaming,
        "max age of text": lambda: spark.readStream.option("maxFileAge", "x").schema("k STRING").json(path).isStreaming,
        "clean source of text": lambda: spark.readStream.option("cleanSource", "x").schema("k STRING").json(path).isStreaming,
        "archive without folder": lambda: spark.readStream.option("cleanSource", "archive").schema("k STRING").json(path).isStreaming,
        "rate of zero": lambda: spark.readStream.format("rate").option("rowsPerSecond", 0).load().isStreaming,
        "rate of text": lambda: spark.readStream.format("rate").option("rowsPerSecond", "x").load().isStreaming,
        "rate of no partitions": lambda: spark.readStream.format("rate").option("numPartitions", 0).load().isStreaming,
        "rate ramp below zero": lambda: spark.readStream.format("rate").option("rampUpTime", "-1s").load().isStreaming,
        "rate schema": lambda: spark.readStream.format("rate").load().schema.simpleString(),
        "rate with a schema": lambda: spark.readStream.format("rate").schema("a INT").load().schema.simpleString(),
        "micro-batch rate without rows": lambda: spark.readStream.format("rate-micro-batch").load().isStreaming,
        "micro-batch rate": lambda: spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 1).load().schema.simpleString(),
        "socket without host": lambda: spark.readStream.format("socket").load().isStreaming,
        "socket without port": lambda: spark.readStream.format("socket").option("host", "localhost").load().isStreaming,
        "socket of a bad bool": lambda: spark.readStream.format("socket").option("host", "localhost").option("port", 1)
        .option("includeTimestamp", "x").load().isStreaming,
        "socket schema": lambda: spark.readStream.format("socket").option("host", "localhost").option("port", 1)
        .option("includeTimestamp", True).load().schema.simpleString(),
        "kafka": lambda: spark.readStream.format("kafka").load().isStreaming,
        "name": lambda: spark.readStream.name("a-b"),
        "name of a number": lambda: spark.readStream.name(1),
    })


def case_batch_actions_on_streams(spark, tmp):
    stream = source(spark, tmp)
    static = spark.range(1)
    return all_of({
        "collect": stream.collect,
        "count": stream.count,
        "show": stream.show,
        "head": stream.head,
        "first": stream.first,
        "take": lambda: stream.take(1),
        "tail": lambda: stream.tail(1),
        "toPandas": stream.toPandas,
        "is empty": stream.isEmpty,
        "is streaming": lambda: stream.isStreaming,
        "static is streaming": lambda: static.isStreaming,
        "write": lambda: stream.write.parquet(str(tmp / "out")),
        "save as table": lambda: stream.write.saveAsTable("t"),
        "insert into": lambda: stream.write.insertInto("nothing"),
        "write to": lambda: stream.writeTo("t").create(),
        "write a batch": lambda: static.writeStream,
        "cache": lambda: stream.cache(),
        "persist": lambda: stream.persist(),
        "checkpoint": lambda: stream.checkpoint(),
        "local checkpoint": lambda: stream.localCheckpoint(),
        "for each": lambda: stream.foreach(print),
        "local iterator": lambda: list(stream.toLocalIterator()),
        "describe": lambda: stream.describe().collect(),
        "summary": lambda: stream.summary().collect(),
        "sample by": lambda: stream.sampleBy("k", {"a": 1.0}).isStreaming,
        "random split": lambda: stream.randomSplit([0.5, 0.5])[0].isStreaming,
        "view": lambda: stream.createOrReplaceTempView("v"),
        "select of a view": lambda: spark.sql("SELECT * FROM v").isStreaming,
        "collect of a view": lambda: spark.sql("SELECT * FROM v").collect(),
        "insert a view": lambda: spark.sql("INSERT INTO tt SELECT * FROM v"),
        "cache a view": lambda: spark.sql("CACHE TABLE v"),
        "approx quantile": lambda: stream.approxQuantile("v", [0.5], 0.1),
        "freq items": lambda: stream.freqItems(["k"]).collect(),
        "cov": lambda: stream.cov("v", "v"),
        "storage level": lambda: str(stream.storageLevel),
        "input files": lambda: len(stream.inputFiles()),
        "schema": lambda: stream.schema.simpleString(),
        "group map": lambda: stream.groupBy("k").applyInPandas(lambda rows: rows, stream.schema).isStreaming,
        "watermark of a number": lambda: stream.withWatermark(1, "1 minute"),
        "watermark without time": lambda: stream.withWatermark("t", ""),
        "watermark of a number of seconds": lambda: stream.withWatermark("t", 5),
        "watermark of nothing": lambda: stream.withWatermark("t", None),
        "within of text": lambda: stream.dropDuplicatesWithinWatermark("k"),
        "within of a list": lambda: stream.withWatermark("t", "1 minute").dropDuplicatesWithinWatermark(["k"]).isStreaming,
        "within of what is not there": lambda: stream.withWatermark("t", "1 minute").dropDuplicatesWithinWatermark(["zz"]).schema,
        "within in batch": lambda: static.dropDuplicatesWithinWatermark(["id"]).collect(),
        "observe twice": lambda: stream.observe("o", F.count("v")).observe("o", F.sum("v")).isStreaming,
    })


def case_writer_arguments(spark, tmp):
    stream = source(spark, tmp)
    write = lambda: stream.writeStream  # noqa: E731
    out = str(tmp / "out")

    def started(writer, *args, **settings):
        query = writer.start(*args, **settings)
        query.stop()
        return "started"

    class OnlyOpen:
        def open(self, partition_id, epoch_id):
            return True

    class BadProcess:
        process = 1

    class BadOpen:
        open = 1

        def process(self, row):
            pass

    class BadClose:
        close = 1

        def process(self, row):
            pass

    told = all_of({
        "output mode of nothing": lambda: write().outputMode(""),
        "output mode of blanks": lambda: write().outputMode("  "),
        "output mode of None": lambda: write().outputMode(None),
        "output mode of a number": lambda: write().outputMode(1),
        "output mode that is none": lambda: started(write().outputMode("other").format("noop")),
        "output mode in capitals": lambda: started(write().outputMode("APPEND").format("noop")),
        "query name of nothing": lambda: write().queryName(""),
        "query name of None": lambda: write().queryName(None),
        "query name of a number": lambda: write().queryName(1),
        "format of nothing": lambda: started(write().format("nothing")),
        "format of a batch": lambda: started(write().format("jdbc")),
        "partitioned by": lambda: started(write().format("parquet").partitionBy("k").option("checkpointLocation", str(tmp / "c1")), out),
        "partitioned by a list": lambda: started(write().format("json").partitionBy(["k", "v"]).option("checkpointLocation", str(tmp / "c2")), out + "2"),
        "partitioned by what is not there": lambda: started(write().format("parquet").partitionBy("zz").option("checkpointLocation", str(tmp / "c3")), out + "3"),
        "partitioned by all": lambda: started(write().format("parquet").partitionBy("k", "v", "t").option("checkpointLocation", str(tmp / "c4")), out + "4"),
        "partitioned memory": lambda: started(write().format("memory").queryName("pm").partitionBy("k")),
        "clustered by": lambda: shown(write().clusterBy("k")),
        "no path": lambda: started(write().format("parquet").option("checkpointLocation", str(tmp / "c5"))),
        "no checkpoint": lambda: started(write().format("parquet"), str(tmp / "o6")),
        "no format": lambda: started(write().option("checkpointLocation", str(tmp / "c7")), str(tmp / "o7")),
        "files in update mode": lambda: started(write().format("parquet").outputMode("update").option("checkpointLocation", str(tmp / "c8")), str(tmp / "o8")),
        "files in complete mode": lambda: started(stream.groupBy("k").count().writeStream.format("parquet").outputMode("complete").option("checkpointLocation", str(tmp / "c9")), str(tmp / "o9")),
        "memory without a name": lambda: started(write().format("memory")),
        "memory": lambda: started(write().format("memory").queryName("m1")),
        "memory with a checkpoint, again": lambda: started(write().format("memory").queryName("m2").option("checkpointLocation", str(tmp / "c10"))),
        "console": lambda: started(write().format("console")),
        "console with bad rows": lambda: started(write().format("console").option("numRows", "x")),
        "start with all": lambda: started(write(), path=str(tmp / "o11"), format="json", outputMode="append", partitionBy="k", queryName="named", checkpointLocation=str(tmp / "c11")),
        "foreach of a number": lambda: write().foreach(1),
        "foreach without process": lambda: write().foreach(OnlyOpen()),
        "foreach with a bad process": lambda: write().foreach(BadProcess()),
        "foreach with a bad open": lambda: write().foreach(BadOpen()),
        "foreach with a bad close": lambda: write().foreach(BadClose()),
        "foreach batch of nothing": lambda: started(write().foreachBatch(None)),
        "foreach batch partitioned": lambda: started(write().foreachBatch(lambda frame, number: None).partitionBy("k")),
        "foreach partitioned": lambda: started(write().foreach(lambda row: None).partitionBy("k")),
        "foreach batch in complete mode": lambda: started(write().foreachBatch(lambda frame, number: None).outputMode("complete")),
        "foreach batch, continuous": lambda: started(write().foreachBatch(lambda frame, number: None).trigger(continuous="1 second")),
        "to table of a number": lambda: write().toTable(1),
        "to table without checkpoint": lambda: write().toTable("tt1").stop(),
        "to table": lambda: write().toTable("tt2", format="parquet", checkpointLocation=str(tmp / "c12")).stop(),
        "to table of another format": lambda: write().toTable("tt2", format="json", checkpointLocation=str(tmp / "c13")).stop(),
        "to table in complete mode": lambda: stream.groupBy("k").count().writeStream.outputMode("complete").toTable("tt3", checkpointLocation=str(tmp / "c14")).stop(),
        "to table partitioned": lambda: write().toTable("tt4", partitionBy="k", checkpointLocation=str(tmp / "c15")).stop(),
        "to a view": lambda: [stream.createOrReplaceTempView("vv"), write().toTable("vv", checkpointLocation=str(tmp / "c16")).stop()][1],
        "to a table of no namespace": lambda: write().toTable("no.where.t", checkpointLocation=str(tmp / "c17")).stop(),
        "two of a name": lambda: two_of_a_name(stream),
        "chained": lambda: type(write().format("noop").outputMode("append").queryName("q").option("a", 1).options(b=True)
        .trigger(once=True).partitionBy("k")).__name__,
    })
    for number in range(1, 5):
        spark.sql(f"DROP TABLE IF EXISTS tt{number}")
    return told


def two_of_a_name(stream):
    first = stream.writeStream.format("noop").queryName("same").start()
    try:
        return stream.writeStream.format("noop").queryName("same").start().name
    finally:
        first.stop()


def case_trigger_arguments(spark, tmp):
    stream = source(spark, tmp)
    write = lambda: stream.writeStream.format("noop")  # noqa: E731

    def started(**settings):
        query = write().trigger(**settings).start()
        query.stop()
        return "started"

    return all_of({
        "nothing": lambda: write().trigger(),
        "two": lambda: write().trigger(once=True, processingTime="1 second"),
        "three": lambda: write().trigger(once=True, processingTime="1 second", availableNow=True),
        "an interval of nothing": lambda: write().trigger(processingTime=""),
        "an interval of blanks": lambda: write().trigger(processingTime="   "),
        "an interval of a number": lambda: write().trigger(processingTime=1),
        "an interval of rubbish": lambda: started(processingTime="rubbish"),
        "an interval below zero": lambda: started(processingTime="-1 second"),
        "an interval of months": lambda: started(processingTime="1 month"),
        "an interval of years": lambda: started(processingTime="1 year"),
        "an interval of zero": lambda: started(processingTime="0 seconds"),
        "an interval": lambda: started(processingTime="5 seconds"),
        "an interval in words": lambda: started(processingTime="interval 1 minute"),
        "an interval in digits": lambda: started(processingTime="1"),
        "once of false": lambda: write().trigger(once=False),
        "once of text": lambda: write().trigger(once="yes"),
        "once": lambda: started(once=True),
        "available now of false": lambda: write().trigger(availableNow=False),
        "available now": lambda: started(availableNow=True),
        "continuous of nothing": lambda: write().trigger(continuous=""),
        "continuous of a number": lambda: write().trigger(continuous=1),
        "real time of nothing": lambda: write().trigger(realTime=""),
    })


def case_query(spark, tmp):
    stream = source(spark, tmp, count=3)
    query = stream.writeStream.format("memory").queryName("q1").option("checkpointLocation", str(tmp / "c")).start()
    told = {"active": query.isActive, "name": query.name}
    told["awaited"] = query.awaitTermination(1)
    query.processAllAvailable()
    told["status"] = sorted(query.status)
    progress = query.lastProgress
    told["type"] = type(progress).__name__
    told["rows"] = [progress["numInputRows"], progress.numInputRows, progress.batchId]
    told["ids"] = [str(progress.id) == query.id, str(progress.runId) == query.runId, query.id != query.runId]
    told["recent"] = [type(query.recentProgress).__name__, len(query.recentProgress) >= 1]
    text = json.loads(progress.json)
    told["fields"] = sorted(text)
    told["fields of sources"] = sorted(text["sources"][0])
    told["fields of the sink"] = sorted(text["sink"])
    told["durations"] = sorted(text["durationMs"])
    told["pretty"] = progress.prettyJson.split("\n")[0] + progress.prettyJson.split("\n")[1][:9]
    told["attributes"] = {name: tried(lambda name=name: getattr(progress, name)) for name in dir(progress)
                          if not name.startswith("_") and name not in VARYING and not callable(getattr(progress, name))}
    told["source attributes"] = {name: tried(lambda name=name: getattr(progress.sources[0], name)) for name in dir(progress.sources[0])
                                 if not name.startswith("_") and name not in VARYING}
    told["exception"] = query.exception()
    told["bad timeouts"] = all_of({
        "zero": lambda: query.awaitTermination(0),
        "below zero": lambda: query.awaitTermination(-1),
        "text": lambda: query.awaitTermination("1"),
        "bool": lambda: query.awaitTermination(True),
        "float": lambda: query.awaitTermination(0.5),
    })
    told["by id"] = [spark.streams.get(query.id).name, len(spark.streams.active)]
    query.stop()
    told["stopped"] = [query.isActive, query.awaitTermination(), query.awaitTermination(1), query.status, len(spark.streams.active)]
    told["stop again"] = query.stop()
    told["explained"] = tried(query.explain)
    told["after"] = all_of({
        "processAllAvailable": query.processAllAvailable,
        "get": lambda: spark.streams.get(query.id),
        "last": lambda: query.lastProgress["batchId"] >= 0,
        "exception": query.exception,
        "equal": lambda: query == query,
    })
    return told


VARYING = ("sources", "id", "runId", "timestamp", "json", "prettyJson", "batchDuration", "durationMs", "inputRowsPerSecond", "processedRowsPerSecond")


def case_failed_query(spark, tmp):
    failing = F.udf(lambda value: 1 // 0, IntegerType())
    stream = source(spark, tmp).select(failing("v").alias("v"))
    query = stream.writeStream.format("noop").option("checkpointLocation", str(tmp / "c")).queryName("failing").start()
    told = all_of({"awaited": query.awaitTermination})
    told["awaited"] = told["awaited"][:3]
    told["active"] = query.isActive
    raised = query.exception()
    told["exception"] = [type(raised).__name__, "ZeroDivisionError" in str(raised), raised.getCondition()]
    told["awaited again"] = tried(lambda: query.awaitTermination(10))[:3]
    told["processed"] = tried(query.processAllAvailable)[:3]
    told["any"] = tried(lambda: spark.streams.awaitAnyTermination(1))[:3]
    told["status"] = query.status["message"].startswith("Terminated with exception")
    spark.streams.resetTerminated()
    told["reset"] = spark.streams.awaitAnyTermination(1)
    return told


def case_manager(spark, tmp):
    manager = spark.streams
    told = all_of({
        "none": lambda: manager.active,
        "get of nothing": lambda: manager.get("nothing"),
        "get of another": lambda: manager.get("00000000-0000-0000-0000-000000000000"),
        "any of zero": lambda: manager.awaitAnyTermination(0),
        "any below zero": lambda: manager.awaitAnyTermination(-1),
        "any of text": lambda: manager.awaitAnyTermination("1"),
        "any, in time": lambda: manager.awaitAnyTermination(1),
        "reset": manager.resetTerminated,
        "listener of nothing": lambda: manager.addListener(None),
        "remove what is none": lambda: manager.removeListener(None),
    })
    one = source(spark, tmp).writeStream.format("noop").queryName("one").start()
    two = source(spark, tmp).writeStream.format("noop").queryName("two").start()
    told["names"] = sorted(query.name for query in manager.active)
    one.stop()
    told["any stopped"] = manager.awaitAnyTermination(5)
    told["left"] = [query.name for query in manager.active]
    manager.resetTerminated()
    told["any after reset"] = manager.awaitAnyTermination(1)
    two.stop()
    return told


def case_recent_progress(spark, tmp):
    spark.conf.set("spark.sql.streaming.numRecentProgressUpdates", 3)
    stream = spark.readStream.schema("v BIGINT").option("maxFilesPerTrigger", 1).json(folder(tmp, count=7))
    query = stream.writeStream.format("noop").trigger(availableNow=True).start()
    query.awaitTermination()
    return {"batches": [progress.batchId for progress in query.recentProgress], "last": query.lastProgress.batchId}


def case_foreach_batch(spark, tmp):
    stream = source(spark, tmp)

    def run(function):
        query = stream.writeStream.foreachBatch(function).trigger(availableNow=True).start()
        query.awaitTermination()

    def few(frame):
        pass

    def fails(frame, number):
        raise ValueError("no such batch")

    def unknown(frame, number):
        frame.select("zz").collect()

    told = {name: tried(lambda function=function: run(function))[:3] for name, function in
            {"few arguments": few, "fails": fails, "unknown column": unknown}.items()}
    told["fine"] = tried(lambda: run(lambda frame, number: frame.write.mode("append").parquet(str(tmp / "out"))))
    told["rows"] = spark.read.parquet(str(tmp / "out")).count()
    return told


def case_foreach(spark, tmp):
    stream = source(spark, tmp, count=2)
    log = str(tmp / "log")

    class Whole:
        def open(self, partition_id, epoch_id):
            self.note(f"open {epoch_id}")
            return True

        def process(self, row):
            self.note(f"row {row.k} {row.v}")

        def close(self, error):
            self.note(f"close {type(error).__name__}")

        def note(self, text):
            with open(log, "a", encoding="utf-8") as file:
                file.write(text + "\n")

    class Closed(Whole):
        def open(self, partition_id, epoch_id):
            self.note("open")
            return False

    class Failing(Whole):
        def process(self, row):
            raise ValueError("cannot take it")

    class FailingOpen(Whole):
        def open(self, partition_id, epoch_id):
            raise ValueError("cannot open")

    class FailingClose(Whole):
        def close(self, error):
            raise ValueError("cannot close")

    class NoOpen:
        def process(self, row):
            with open(log, "a", encoding="utf-8") as file:
                file.write("processed\n")

    def run(writer):
        with open(log, "w", encoding="utf-8"):
            pass
        query = stream.coalesce(1).writeStream.foreach(writer).trigger(availableNow=True).start()
        end = tried(query.awaitTermination)
        with open(log, encoding="utf-8") as file:
            return [end[:3] if end else end, sorted(file.read().split("\n"))]

    return {type(one).__name__: run(one) for one in (Whole(), Closed(), Failing(), FailingOpen(), FailingClose(), NoOpen())}


def case_explain(spark, tmp):
    import contextlib
    import io

    def text(action):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            action()
        return out.getvalue()

    stream = source(spark, tmp)
    query = stream.writeStream.format("noop").start()
    before = "No physical plan" in text(query.explain) or "Physical Plan" in text(query.explain)
    query.processAllAvailable()
    plain, extended = text(query.explain), text(lambda: query.explain(True))
    query.stop()
    return {"before": before, "plain": "== Physical Plan ==" in plain, "all": [part for part in
            ("Parsed Logical", "Analyzed Logical", "Optimized Logical", "Physical") if f"== {part} Plan ==" in extended]}


def case_listener(spark, tmp):
    from pyspark.sql.streaming.listener import (
        QueryIdleEvent, QueryProgressEvent, QueryStartedEvent, QueryTerminatedEvent, StreamingQueryListener,
        StreamingQueryProgress)

    told = {}

    class Listener(StreamingQueryListener):
        def __init__(self):
            self.events = []

        def onQueryStarted(self, event):
            self.events.append(event)

        def onQueryProgress(self, event):
            self.events.append(event)

        def onQueryIdle(self, event):
            pass

        def onQueryTerminated(self, event):
            self.events.append(event)

    listener = Listener()
    spark.streams.addListener(listener)
    frame = source(spark, tmp).withWatermark("t", "1 minute").observe("seen", F.count("v").alias("n"), F.max("k").alias("k"))
    counted = frame.groupBy(F.window("t", "1 minute")).count()
    query = counted.writeStream.format("noop").queryName("heard").trigger(availableNow=True).start()
    query.awaitTermination()
    wait = time.time() + 20
    while time.time() < wait and not any(isinstance(event, QueryTerminatedEvent) for event in listener.events):
        time.sleep(0.1)
    spark.streams.removeListener(listener)
    told["kinds"] = [type(event).__name__ for event in listener.events]
    start, end = listener.events[0], listener.events[-1]
    told["start"] = [start.name, str(start.id) == query.id, str(start.runId) == query.runId, len(start.timestamp)]
    told["end"] = [str(end.id) == query.id, end.exception, end.errorClassOnException]
    progress = next(event.progress for event in listener.events if isinstance(event, QueryProgressEvent))
    text = json.loads(progress.json)
    again = StreamingQueryProgress.fromJson(text)
    told["again"] = json.loads(again.json) == text
    told["progress"] = {name: sorted(text[name]) if isinstance(text[name], dict) else None for name in sorted(text)}
    told["observed"] = [text.get("observedMetrics"), list(progress.observedMetrics), tuple(progress.observedMetrics["seen"])]
    told["event time"] = text["eventTime"]
    told["operator"] = {name: one for name, one in text["stateOperators"][0].items() if name not in
                        ("allUpdatesTimeMs", "allRemovalsTimeMs", "commitTimeMs", "memoryUsedBytes", "customMetrics")}
    told["custom metrics"] = sorted(text["stateOperators"][0]["customMetrics"])
    told["sink"] = text["sink"]
    return told


def case_sql_of_streams(spark, tmp):
    path = folder(tmp)
    spark.read.json(path).write.saveAsTable("st")
    told = all_of({
        "stream of a table": lambda: spark.sql("SELECT * FROM STREAM st").isStreaming,
        "stream of a table in parentheses": lambda: spark.sql("SELECT * FROM STREAM(st)").isStreaming,
        "stream of nothing": lambda: spark.sql("SELECT * FROM STREAM nothing").isStreaming,
        "stream with options": lambda: spark.sql("SELECT * FROM STREAM st WITH ('maxFilesPerTrigger' = 1)").isStreaming,
        "collect": lambda: spark.sql("SELECT * FROM STREAM st").collect(),
        "a table": lambda: spark.readStream.table("st").isStreaming,
        "a view of batch rows": lambda: [spark.table("st").createOrReplaceTempView("bv"), spark.readStream.table("bv").isStreaming][1],
    })
    spark.sql("DROP TABLE st")
    return told
