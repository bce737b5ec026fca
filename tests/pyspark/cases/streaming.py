"""Structured Streaming: sources, sinks, triggers, what a checkpoint holds, state, and what is refused."""

import json
import os
import re
import shutil
import time

from pyspark.sql import functions as F
from support.cases import failure

SCHEMA = "k STRING, v BIGINT, t TIMESTAMP"


def drop(folder, first, count):
    """Puts files of two rows each into a folder, a second of modification time apart."""
    os.makedirs(folder, exist_ok=True)
    for number in range(first, first + count):
        path = os.path.join(folder, f"f{number}.json")
        with open(path, "w", encoding="utf-8") as file:
            for row in range(2):
                at = f"2024-01-01T00:{number * 5:02d}:{row * 10:02d}Z"
                file.write(json.dumps({"k": f"a{(number + row) % 3}", "v": number * 10 + row, "t": at}) + "\n")
        os.utime(path, (1700000000 + number, 1700000000 + number))
    return str(folder)


def stream(spark, folder, **options):
    return spark.readStream.schema(SCHEMA).options(**options).json(str(folder))


def finish(writer):
    query = writer.trigger(availableNow=True).start()
    query.awaitTermination()
    return query


def reports(query):
    """The numbers of a query's batches."""
    told = []
    for one in query.recentProgress:
        source, sink = one["sources"][0], one["sink"]
        told.append([one["batchId"], source["numInputRows"], source["endOffset"], sink["numOutputRows"]])
    return told


def neutral(text):
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", text)
    text = re.sub(r'"conf":\{[^}]*\}', '"conf":{}', text)
    return re.sub(r'"(batchTimestampMs|modificationTime|size)":\d+', r'"\1":0', text)


def texts(folder):
    """The files of a log with their content, what is random in it taken out."""
    found = {}
    for where, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(where, name)
            if not name.endswith((".crc", ".parquet")) and "/state/" not in path:
                with open(path, encoding="utf-8") as file:
                    found[os.path.relpath(path, folder)] = neutral(file.read())
    return dict(sorted(found.items()))


def rows(frame):
    return sorted([list(row) for row in frame.collect()], key=str)


def cause(action):
    """The cause of a stream's failure, without ids and plan."""
    told = failure(action).get("error", {})
    return [told.get("condition"), told.get("sqlState"), told.get("parameters", {}).get("message")]


def case_files_to_parquet(spark, tmp):
    spark.conf.set("spark.sql.streaming.fileSource.log.compactInterval", "3")
    spark.conf.set("spark.sql.streaming.fileSink.log.compactInterval", "3")
    folder = drop(tmp / "in", 0, 4)
    df = stream(spark, folder, maxFilesPerTrigger=1)
    write = df.writeStream.format("parquet").option("checkpointLocation", str(tmp / "cp"))
    first = finish(write.option("path", str(tmp / "out")))
    told = {"first": reports(first), "checkpoint": texts(tmp / "cp"), "sink": texts(tmp / "out")}
    drop(tmp / "in", 4, 2)
    query = write.trigger(once=True).start()
    query.awaitTermination()
    told["once"] = reports(query)
    told["idle"] = reports(finish(write))
    told["rows"] = rows(spark.read.parquet(str(tmp / "out")).select("k", "v"))
    told["offsets"] = texts(tmp / "cp" / "offsets")
    # Files that no batch wrote are none of the table.
    with open(tmp / "out" / "_spark_metadata" / "0", encoding="utf-8") as file:
        name = os.path.basename(json.loads(file.read().splitlines()[1])["path"])
    shutil.copy(tmp / "out" / name, tmp / "out" / "stray.parquet")
    told["stray"] = spark.read.parquet(str(tmp / "out")).count()
    told["pattern"] = spark.read.parquet(str(tmp / "out" / "*.parquet")).count()
    told["same id"] = first.id == query.id and first.runId != query.runId
    return told


def case_partitioned_sink_and_formats(spark, tmp):
    folder = drop(tmp / "in", 0, 2)
    told = {}
    for kind in ("json", "csv", "parquet"):
        out, checkpoint = str(tmp / kind), str(tmp / f"cp-{kind}")
        write = stream(spark, folder).writeStream.format(kind).partitionBy("k").option("path", out)
        finish(write.option("checkpointLocation", checkpoint))
        told[kind] = rows(spark.read.format(kind).load(out).select("k", "v" if kind != "csv" else "_c0"))
        told[f"{kind} log"] = sorted(set(re.findall(r"/(k=a\d)/", "".join(texts(out).values()))))
    write = stream(spark, folder).select("k").writeStream.format("text").option("path", str(tmp / "text"))
    finish(write.option("checkpointLocation", str(tmp / "cp-text")))
    told["text"] = rows(spark.read.text(str(tmp / "text")))
    again = spark.readStream.schema("v BIGINT, t TIMESTAMP, k STRING").json(str(tmp / "json"))
    told["read again"] = reports(finish(again.writeStream.format("noop")))
    return told


def case_file_source_options(spark, tmp):
    folder = drop(tmp / "in", 0, 4)

    def counts(name, frame):
        write = frame.writeStream.format("noop").option("checkpointLocation", str(tmp / name))
        told = [one["sources"][0]["numInputRows"] for one in finish(write).recentProgress]
        return [told, [text for name, text in texts(tmp / name / "sources").items()]]

    told = {
        "latestFirst": counts("a", stream(spark, folder, latestFirst="true", maxFilesPerTrigger="1")),
        "maxBytes": counts("b", stream(spark, folder, maxBytesPerTrigger="150")),
        "one byte": counts("c", stream(spark, folder, maxBytesPerTrigger="1")),
        "maxFileAge": counts("d", stream(spark, folder, maxFileAge="2s")),
        "glob": counts("e", stream(spark, str(tmp / "i[mn]" / "f[12].json"))),
        "filter": counts("f", stream(spark, folder, pathGlobFilter="*3.json")),
    }
    drop(tmp / "part" / "y=1", 0, 1)
    drop(tmp / "part" / "y=2", 1, 1)
    part = spark.readStream.schema(SCHEMA).json(str(tmp / "part"))
    told["partition"] = [part.dtypes, counts("g", part)]
    finish(part.select("y", "v").writeStream.format("memory").queryName("parts"))
    told["partition values"] = rows(spark.table("parts"))
    archive = stream(spark, folder, cleanSource="archive", sourceArchiveDir=str(tmp / "old"), maxFilesPerTrigger="2")
    counts("h", archive)
    told["archived"] = [sorted(os.listdir(folder)), sorted(name for _, _, names in os.walk(tmp / "old") for name in names)]
    wrong = {"maxFilesPerTrigger": "x"}, {"maxFilesPerTrigger": "1", "maxBytesPerTrigger": "1"}, {"cleanSource": "x"}, {"cleanSource": "archive"}
    told["wrong"] = [
        cause(lambda: stream(spark, folder, **one).writeStream.format("noop").start().processAllAvailable())
        for one in wrong
    ]
    return told


class Reader:
    """A new reader at each use: readers remember what they were told."""

    def __init__(self, spark):
        self.spark = spark

    def __getattr__(self, name):
        return getattr(self.spark.readStream, name)


def case_readers(spark, tmp):
    folder = drop(tmp / "in", 0, 1)
    read = Reader(spark)
    told = {
        "json": failure(lambda: read.json(folder).schema),
        "text": read.text(folder).dtypes,
        "missing": failure(lambda: read.schema(SCHEMA).json(str(tmp / "nope")).schema),
        "missing pattern": read.schema(SCHEMA).json(str(tmp / "nope*")).isStreaming,
        "no path": failure(lambda: read.schema(SCHEMA).format("json").load().schema),
        "jdbc": failure(lambda: read.format("jdbc").load().schema),
        "unknown": failure(lambda: read.format("foo").load().schema),
        "rate": read.format("rate").load().dtypes,
        "rate schema": failure(lambda: spark.readStream.format("rate").schema("a INT").load().schema),
        "rate option": failure(lambda: read.format("rate").option("rowsPerSecond", 0).load().schema),
        "rate as batch": failure(lambda: spark.read.format("rate").load().schema),
        "rate-micro-batch": failure(lambda: read.format("rate-micro-batch").load().schema),
        "socket": failure(lambda: read.format("socket").load().schema),
        "socket time": failure(
            lambda: read.format("socket").options(host="localhost", port=1, includeTimestamp="x").load().schema
        ),
    }
    spark.range(3).createOrReplaceTempView("batch_view")
    stream(spark, folder).createOrReplaceTempView("stream_view")
    told["views"] = [
        failure(lambda: read.table("batch_view").schema),
        read.table("stream_view").isStreaming,
        spark.table("stream_view").isStreaming,
        spark.sql("SELECT k FROM stream_view WHERE v > 0").isStreaming,
        spark.range(1).isStreaming,
    ]
    spark.conf.set("spark.sql.streaming.schemaInference", "true")
    told["inferred"] = read.json(folder).dtypes
    df = stream(spark, folder)
    told["as batch"] = [failure(action) for action in (df.collect, df.count, lambda: df.write.parquet(str(tmp / "x")))]
    told["watermark"] = json.loads(df.withWatermark("t", "2 minutes").schema.json())["fields"][2]["metadata"]
    told["wrong watermark"] = [
        failure(lambda: df.withWatermark(*one).schema)["error"]["condition"] for one in (("zz", "1 minute"), ("t", "foo"), ("k", "1 minute"))
    ]
    return told


def case_refused(spark, tmp):
    folder = drop(tmp / "in", 0, 1)
    df = stream(spark, folder)
    keyed = df.withWatermark("t", "1 minute")
    static = spark.createDataFrame([("a1", 5)], "k STRING, id BIGINT")

    def start(frame, mode="append", kind="noop", **options):
        return lambda: frame.writeStream.format(kind).outputMode(mode).options(**options).start()

    def told(action):
        try:
            query = action()
            query.stop()
            return "started"
        except Exception as raised:
            return [type(raised).__name__, raised.getCondition(), str(raised).split("\n")[0].split(";")[0]]

    out = str(tmp / "out")
    with_checkpoint = {"checkpointLocation": str(tmp / "cp")}
    actions = {
        "batch": start(spark.range(1)),
        "no checkpoint": start(df, kind="parquet", path=out),
        "no path": start(df, kind="parquet", **with_checkpoint),
        "no name": start(df, kind="memory"),
        "mode": start(df, "foo"),
        "complete without aggregate": start(df, "complete"),
        "update to files": start(df, "update", "json", path=out, **with_checkpoint),
        "complete to files": start(df.groupBy("k").count(), "complete", "json", path=out, **with_checkpoint),
        "append aggregate": start(df.groupBy("k").count()),
        "append aggregate of another key": start(keyed.groupBy("k").count()),
        "sort": start(df.sort("v")),
        "sort update": start(df.sort("v"), "update"),
        "limit update": start(df.limit(1), "update"),
        "within watermark without": start(df.dropDuplicatesWithinWatermark(["k"])),
        "two aggregates": start(df.groupBy("k").count().groupBy("count").count(), "update"),
        "distinct aggregate": start(df.groupBy("k").agg(F.countDistinct("v")), "complete"),
        "union": start(df.select("k").union(static.select("k"))),
        "sample": start(df.sample(0.5, seed=1)),
        "right join": start(df.join(static, "k", "right")),
        "full join": start(df.join(static, "k", "full")),
        "left join the other way": start(static.join(df, "k", "left")),
        "partitioned memory": lambda: df.writeStream.format("memory").queryName("pm").partitionBy("k").start(),
        "unknown partition": lambda: df.writeStream.format("json").partitionBy("zz").options(path=out, **with_checkpoint).start(),
        "left join": start(df.join(static, "k", "left")),
        "inner join": start(df.join(static, "k")),
        "trigger": lambda: df.writeStream.format("noop").trigger(processingTime="-1 second").start(),
    }
    return {name: told(action) for name, action in actions.items()}


def case_memory_and_aggregates(spark, tmp):
    folder = drop(tmp / "in", 0, 3)
    df = stream(spark, folder, maxFilesPerTrigger=1)
    told = {}
    for mode in ("complete", "update"):
        frame = df.groupBy("k").agg(
            F.count("*").alias("n"), F.sum("v").alias("s"), F.avg("v").alias("a"), F.min("t").alias("t"),
            F.collect_list("v").alias("l"), F.stddev("v").alias("d"), F.approx_count_distinct("v").alias("x"),
        )
        query = finish(frame.writeStream.format("memory").queryName(f"agg_{mode}").outputMode(mode))
        told[mode] = [rows(spark.table(f"agg_{mode}").drop("l")), reports(query)]
        states = [one["stateOperators"][0] for one in query.recentProgress]
        told[f"{mode} state"] = [[one["operatorName"], one["numRowsTotal"], one["numRowsUpdated"]] for one in states]
    finish(df.agg(F.count("*").alias("n"), F.max("v")).writeStream.format("memory").queryName("all").outputMode("complete"))
    told["global"] = rows(spark.table("all"))
    sorted_counts = df.groupBy("k").count().sort(F.desc("k")).limit(2)
    finish(sorted_counts.writeStream.format("memory").queryName("sorted").outputMode("complete"))
    told["sorted"] = [list(row) for row in spark.table("sorted").collect()]
    finish(df.where("v > 5").selectExpr("k", "v * 2 AS w").writeStream.format("memory").queryName("plain"))
    told["plain"] = rows(spark.table("plain"))
    static = spark.createDataFrame([("a1", "one"), ("a2", "two")], "k STRING, name STRING")
    finish(df.join(static, "k", "left").select("k", "v", "name").writeStream.format("memory").queryName("joined"))
    told["joined"] = rows(spark.table("joined"))
    return told


def case_windows_with_watermark(spark, tmp):
    folder = drop(tmp / "in", 0, 4)
    late = os.path.join(folder, "late.json")
    with open(late, "w", encoding="utf-8") as file:
        file.write('{"k": "late", "v": 1, "t": "2024-01-01T00:01:00Z"}\n{"k": "in time", "v": 1, "t": "2024-01-01T00:14:00Z"}\n')
    os.utime(late, (1700000100, 1700000100))
    df = stream(spark, folder, maxFilesPerTrigger=1).withWatermark("t", "2 minutes")
    frame = df.groupBy(F.window("t", "5 minutes"), "k").agg(F.count("*").alias("n"), F.sum("v").alias("s"))
    told = {}
    for mode in ("append", "update"):
        checkpoint = str(tmp / mode)
        write = frame.writeStream.format("memory").queryName(f"win_{mode}").outputMode(mode)
        query = finish(write.option("checkpointLocation", checkpoint))
        told[mode] = [rows(spark.table(f"win_{mode}").selectExpr("window.start", "window.end", "k", "n", "s")), reports(query)]
        told[f"{mode} times"] = [one["eventTime"] for one in query.recentProgress]
        states = [one["stateOperators"][0] for one in query.recentProgress]
        names = "numRowsTotal", "numRowsUpdated", "numRowsRemoved", "numRowsDroppedByWatermark"
        told[f"{mode} state"] = [[one[name] for name in names] for one in states]
        told[f"{mode} commits"] = texts(os.path.join(checkpoint, "commits"))
    return told


def case_deduplication(spark, tmp):
    folder = drop(tmp / "in", 0, 4)
    df = stream(spark, folder, maxFilesPerTrigger=1)
    keyed = df.withWatermark("t", "2 minutes")
    frames = {
        "keys": df.dropDuplicates(["k"]),
        "all": df.select("k").distinct(),
        "with time": keyed.dropDuplicates(["k", "t"]),
        "within": keyed.dropDuplicatesWithinWatermark(["k"]),
    }
    told = {}
    for name, frame in frames.items():
        query = finish(frame.writeStream.format("memory").queryName("dedup"))
        states = [one["stateOperators"][0] for one in query.recentProgress]
        names = "operatorName", "numRowsTotal", "numRowsUpdated", "numRowsRemoved"
        told[name] = [rows(spark.table("dedup").select("k")), [[one[key] for key in names] for one in states]]
    return told


def case_one_dataframe_twice(spark, tmp):
    """A DataFrame is one source however often it is used; two DataFrames are two."""
    folder = drop(tmp / "in", 0, 1)
    df, again = stream(spark, folder), stream(spark, folder)
    told = {}
    for name, frame in {"one": df.union(df), "two": df.union(again)}.items():
        query = finish(frame.writeStream.format("noop").option("checkpointLocation", str(tmp / name)))
        told[name] = [[one["numInputRows"] for one in query.lastProgress["sources"]], texts(tmp / name)]
    return told


def case_times_of_a_batch(spark, tmp):
    """current_timestamp() is the time of the batch, the same in all of its rows."""
    df = stream(spark, drop(tmp / "in", 0, 3), maxFilesPerTrigger=1)
    checkpoint = tmp / "cp"
    write = df.select(F.current_timestamp().alias("at"), F.input_file_name().alias("file"), "_metadata.file_name")
    finish(write.writeStream.format("memory").queryName("times").option("checkpointLocation", str(checkpoint)))
    logged = [
        int(re.search(r'"batchTimestampMs":(\d+)', (checkpoint / "offsets" / str(number)).read_text()).group(1))
        for number in range(3)
    ]
    got = spark.table("times").selectExpr("unix_millis(at) AS at", "file", "file_name").collect()
    return {
        "times": sorted(logged.index(row.at) for row in got),
        "files": sorted({os.path.basename(row.file) for row in got} | {row.file_name for row in got}),
    }


def case_tables(spark, tmp):
    folder = drop(tmp / "in", 0, 2)
    query = stream(spark, folder).writeStream.option("checkpointLocation", str(tmp / "cp")).trigger(availableNow=True)
    name = f"streamed_{int(time.time() * 1000)}"
    query = query.toTable(name)
    query.awaitTermination()
    told = {"rows": rows(spark.table(name).select("k", "v")), "sink": query.lastProgress["sink"]["numOutputRows"]}
    again = spark.readStream.table(name)
    told["read"] = [again.dtypes, again.isStreaming]
    finish(again.select("v").writeStream.format("memory").queryName("from_table"))
    told["from table"] = rows(spark.table("from_table"))
    spark.sql(f"DROP TABLE {name}")
    return told


def case_queries(spark, tmp):
    folder = drop(tmp / "in", 0, 1)
    write = stream(spark, folder).writeStream.format("noop").queryName("one")
    query = write.start()
    query.processAllAvailable()
    told = {
        "name": query.name,
        "active": [query.isActive, [one.name for one in spark.streams.active], spark.streams.get(query.id).name],
        "taken": failure(lambda: write.start()),
        "wait": query.awaitTermination(1),
    }
    drop(tmp / "in", 1, 1)
    query.processAllAvailable()
    told["reports"] = reports(query)
    told["keys"] = [list(query.lastProgress.keys()), sorted(query.lastProgress["durationMs"].keys())]
    told["source"] = sorted(query.lastProgress["sources"][0].keys())
    query.stop()
    told["stopped"] = [query.isActive, query.status, query.exception(), query.awaitTermination(1), spark.streams.get(query.id)]
    told["any"] = spark.streams.awaitAnyTermination(1)
    spark.streams.resetTerminated()
    told["none"] = spark.streams.awaitAnyTermination(1)
    told["wrong id"] = failure(lambda: spark.streams.get("xyz"))
    failing = stream(spark, folder).selectExpr("v / 0").writeStream.format("noop").start()
    told["failed"] = [cause(failing.awaitTermination)[0], str(failing.exception()).split(" Use ")[0], failing.isActive]
    return told


def case_other_query_on_checkpoint(spark, tmp):
    one, two = drop(tmp / "a", 0, 1), drop(tmp / "b", 0, 1)
    write = lambda frame: frame.writeStream.format("noop").option("checkpointLocation", str(tmp / "cp"))  # noqa: E731
    finish(write(stream(spark, one)))
    told = {"two": cause(lambda: finish(write(stream(spark, one).union(stream(spark, two)))))}
    offsets = tmp / "cp" / "offsets" / "0"
    text = offsets.read_text()
    for crc in (tmp / "cp" / "offsets").glob(".*.crc"):
        crc.unlink()
    for name, content in {"version": "v9\n{}\n{}", "empty": "", "no source": text.rsplit("\n", 1)[0]}.items():
        offsets.write_text(content)
        told[name] = cause(lambda: finish(write(stream(spark, one))))
    return told
