"""Streams of files by format: what options they take, what they refuse and what they do with rows that are wrong."""

import gzip
import json
import os
import re

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

TEXTS = {
    "csv": "a,1,2024-01-01\nb,x,2024-13-01\n\"c\n\",3\n",
    "json": '{"k": "a", "v": 1}\n{"k": "b", "v": "x"}\nrubbish\n{"k": "c", "w": 3}\n',
    "text": "one\ntwo\n\nthree",
    "xml": "<rows><row><k>a</k><v>1</v></row><row><k>b</k><v>x</v></row></rows>",
}


def tried(action):
    try:
        return action()
    except PySparkException as raised:
        parameters = {key: value for key, value in (raised.getMessageParameters() or {}).items()
                      if key not in ("id", "runId", "message", "msg", "stackTrace")}
        text = str(raised)
        if raised.getCondition() == "STREAM_FAILED":
            # Why the query has ended, as far as its message names a condition.
            causes = [one for one in re.findall(r"\[([A-Z][A-Z_0-9]+(?:\.[A-Z_0-9]+)?)\]", text) if one != "STREAM_FAILED"]
            told = (raised.getMessageParameters() or {}).get("message", "").split("\n")[0]
            return ["STREAM_FAILED", causes[0] if causes else told[:160]]
        return [type(raised).__name__, raised.getCondition(), raised.getSqlState(), sorted(map(str, parameters.items())),
                None if raised.getCondition() else text.split("\n")[0][:200]]
    except Exception as raised:
        return [type(raised).__name__, str(raised).split("\n")[0][:200]]


def drop(tmp, name, text, packed=False):
    path = tmp / name
    os.makedirs(path.parent, exist_ok=True)
    if packed:
        with gzip.open(path, "wb") as file:
            file.write(text.encode())
    else:
        path.write_text(text)
    stamp = 1700000000 + len(os.listdir(path.parent))
    os.utime(path, (stamp, stamp))
    return str(path.parent)


def run(frame, name="out"):
    query = frame.writeStream.format("memory").queryName(name).trigger(availableNow=True).start()
    query.awaitTermination()
    return sorted([[str(value) for value in row] for row in frame.sparkSession.table(name).collect()])


def options_of(spark, kind, folder, schema, given):
    """What each set of options gives."""
    def one(options):
        reader = spark.readStream.format(kind)
        for key, value in options.items():
            if key != "schema":
                reader = reader.option(key, value)
        own = options.get("schema", schema)
        frame = (reader.schema(own) if own else reader).load(folder)
        return [frame.schema.simpleString(), run(frame)]

    return {" ".join(f"{key}={value}" for key, value in options.items()) or "plain": tried(lambda: one(options)) for options in given}


def case_csv(spark, tmp):
    folder = drop(tmp, "in/a.csv", TEXTS["csv"])
    drop(tmp, "in/b.csv.gz", "k,v,d\nz,9,2024-02-02\n", packed=True)
    schema = "k STRING, v INT, d DATE"
    return options_of(spark, "csv", folder, schema, [
        {}, {"header": "true"}, {"sep": "|"}, {"delimiter": "1"}, {"mode": "DROPMALFORMED"}, {"mode": "FAILFAST"},
        {"mode": "rubbish"}, {"multiLine": "true"}, {"inferSchema": "true"}, {"inferSchema": "true", "schema": None},
        {"nullValue": "a"}, {"columnNameOfCorruptRecord": "c", "schema": "k STRING, v INT, c STRING"},
        {"columnNameOfCorruptRecord": "c", "schema": "k STRING, v INT, c INT"}, {"dateFormat": "yyyy-dd-MM"},
        {"encoding": "none"}, {"header": "x"}, {"maxColumns": "1"}, {"lineSep": ""}, {"quote": "ab"}, {"schema": None},
        {"schema": "k STRING, v MAP<STRING, INT>"}, {"pathGlobFilter": "*.csv"},
        {"recursiveFileLookup": "true"}, {"modifiedBefore": "2024-01-01T00:00:00"}, {"modifiedAfter": "2020-01-01T00:00:00"},
        {"ignoreMissingFiles": "true"}, {"ignoreCorruptFiles": "x"}, {"enforceSchema": "false", "header": "true"}, {"foo": "bar"},
    ])


def case_json(spark, tmp):
    folder = drop(tmp, "in/a.json", TEXTS["json"])
    schema = "k STRING, v INT"
    return options_of(spark, "json", folder, schema, [
        {}, {"mode": "DROPMALFORMED"}, {"mode": "FAILFAST"}, {"multiLine": "true"}, {"primitivesAsString": "true"},
        {"columnNameOfCorruptRecord": "c", "schema": "k STRING, v INT, c STRING"}, {"schema": "k STRING, v INT, _corrupt_record STRING"},
        {"schema": "k STRING, v INT, _corrupt_record INT"}, {"singleVariantColumn": "x", "schema": None},
        {"singleVariantColumn": "x", "schema": "x VARIANT"}, {"lineSep": ""}, {"encoding": "none"},
        {"allowComments": "x"}, {"schema": None}, {"schema": "k STRING, K INT"}, {"foo": "bar"},
        {"wholetext": "true"}, {"maxFilesPerTrigger": "-1"}, {"maxFilesPerTrigger": "1.5"}, {"maxBytesPerTrigger": "0"},
        {"maxBytesPerTrigger": "1k"}, {"maxFileAge": "-1s"}, {"maxFileAge": "1"}, {"maxFileAge": "1x"}, {"latestFirst": "x"},
        {"latestFirst": "true", "maxFilesPerTrigger": "1", "maxFileAge": "1s"}, {"fileNameOnly": "x"}, {"cleanSource": "off"},
        {"cleanSource": "DELETE", "spark.x": "y"}, {"maxCachedFiles": "x"}, {"maxCachedFiles": "-1"}, {"maxCachedFiles": "0", "maxFilesPerTrigger": "1"},
        {"discardCachedInputRatio": "2"}, {"discardCachedInputRatio": "x"}, {"sourceArchiveDir": "x"}, {"cleanSource": "archive", "sourceArchiveDir": folder},
    ])


def case_inference(spark, tmp):
    folder = drop(tmp, "in/a.json", '{"k": "a", "v": 1}\n')
    drop(tmp, "csv/a.csv", "k,v\na,1\n")
    drop(tmp, "xml/a.xml", TEXTS["xml"])
    drop(tmp, "part/y=1/a.json", '{"k": "a", "v": 1}\n')
    os.makedirs(tmp / "none")
    spark.range(2).write.parquet(str(tmp / "parquet"))
    spark.range(2).write.orc(str(tmp / "orc"))
    spark.conf.set("spark.sql.streaming.schemaInference", "true")

    def load(kind, path, **options):
        frame = spark.readStream.format(kind).options(**options).load(path)
        return [frame.schema.simpleString(), run(frame)]

    return {
        "json": tried(lambda: load("json", folder)),
        "json of types": tried(lambda: load("json", folder, primitivesAsString="true")),
        "csv": tried(lambda: load("csv", str(tmp / "csv"))),
        "csv with header": tried(lambda: load("csv", str(tmp / "csv"), header="true", inferSchema="true")),
        "xml": tried(lambda: load("xml", str(tmp / "xml"), rowTag="row")),
        "parquet": tried(lambda: load("parquet", str(tmp / "parquet"))),
        "orc": tried(lambda: load("orc", str(tmp / "orc"))),
        "partitions": tried(lambda: load("json", str(tmp / "part"))),
        "no files": tried(lambda: load("json", str(tmp / "none"))),
        "no files of parquet": tried(lambda: load("parquet", str(tmp / "none"))),
        "not there": tried(lambda: load("json", str(tmp / "nowhere"))),
        "text": tried(lambda: load("text", str(tmp / "csv"))),
    }


def case_text(spark, tmp):
    folder = drop(tmp, "in/a.txt", TEXTS["text"])
    return options_of(spark, "text", folder, None, [
        {}, {"wholetext": "true"}, {"wholetext": "x"}, {"lineSep": "o"}, {"lineSep": ""}, {"encoding": "none"}, {"schema": "value STRING"},
        {"schema": "v STRING"}, {"schema": "value STRING, k STRING"}, {"schema": "value INT"}, {"maxFilesPerTrigger": "x"}, {"foo": "bar"},
    ])


def case_columnar(spark, tmp):
    spark.createDataFrame([("a", 1, 2.5)], "k STRING, v INT, w DOUBLE").write.parquet(str(tmp / "parquet"))
    spark.createDataFrame([("a", 1, 2.5)], "k STRING, v INT, w DOUBLE").write.orc(str(tmp / "orc"))
    drop(tmp, "bad/a.parquet", "rubbish")
    drop(tmp, "bad/a.orc", "rubbish")
    given = [
        {}, {"schema": "k STRING, v BIGINT"}, {"schema": "k INT"}, {"schema": "w DOUBLE, zz INT"}, {"schema": "K STRING"},
        {"mergeSchema": "true"}, {"schema": None}, {"maxBytesPerTrigger": "1"}, {"pathGlobFilter": "*.none"},
    ]
    told = {kind: options_of(spark, kind, str(tmp / kind), "k STRING, v INT", given) for kind in ("parquet", "orc")}
    for kind in ("parquet", "orc"):
        told[f"bad {kind}"] = options_of(spark, kind, str(tmp / "bad"), "k STRING", [
            {"pathGlobFilter": f"*.{kind}"}, {"pathGlobFilter": f"*.{kind}", "ignoreCorruptFiles": "true"}])
    told["binary"] = options_of(spark, "binaryFile", str(tmp / "bad"), None, [{"pathGlobFilter": "*.none"}, {"schema": "a INT"}])
    return told


def case_xml(spark, tmp):
    folder = drop(tmp, "in/a.xml", TEXTS["xml"])
    return options_of(spark, "xml", folder, "k STRING, v INT", [
        {}, {"rowTag": "row"}, {"rowTag": ""}, {"rowTag": "<row>"}, {"rowTag": "row", "mode": "FAILFAST"}, {"rowTag": "row", "mode": "DROPMALFORMED"},
        {"rowTag": "row", "schema": None}, {"rowTag": "row", "schema": "k STRING, v INT, _corrupt_record STRING"}, {"rowTag": "none"},
        {"rowTag": "row", "excludeAttribute": "x"}, {"rowTag": "row", "samplingRatio": "2"},
    ])


def case_rare(spark, tmp):
    """Options by which the two still differ."""
    csv = drop(tmp, "csv/a.csv", TEXTS["csv"])
    js = drop(tmp, "json/a.json", TEXTS["json"])
    xml = drop(tmp, "xml/a.xml", TEXTS["xml"])
    return [
        options_of(spark, "csv", csv, "k STRING, v INT, d DATE", [{"sep": ""}, {"dateFormat": "rubbish"}, {"schema": "k STRING, v VARIANT"}]),
        options_of(spark, "json", js, "k STRING, v INT", [{"timestampFormat": "rubbish"}, {"schema": "k STRING, k INT"}]),
        options_of(spark, "orc", js, "k STRING", [{"mergeSchema": "x", "pathGlobFilter": "*.none"}]),
        options_of(spark, "xml", xml, "x VARIANT", [{"rowTag": "row", "singleVariantColumn": "x"}]),
    ]


def case_xml_by_method(spark, tmp):
    folder = drop(tmp, "in/a.xml", TEXTS["xml"])
    read = lambda: spark.readStream.schema("k STRING, v INT")  # noqa: E731
    return {
        "without a tag": tried(lambda: read().xml(folder).schema.simpleString()),
        "with a tag": tried(lambda: run(read().xml(folder, rowTag="row"))),
        "with a tag of nothing": tried(lambda: read().xml(folder, rowTag="").schema.simpleString()),
        "load, without a tag": tried(lambda: read().format("xml").load(folder).schema.simpleString()),
    }


def case_metadata_columns(spark, tmp):
    folder = drop(tmp, "in/a.json", '{"k": "a", "v": 1}\n')
    drop(tmp, "in/b.json", '{"k": "b", "v": 2}\n')
    frame = spark.readStream.schema("k STRING, v INT").json(folder)
    return {
        "name": tried(lambda: run(frame.select("k", "_metadata.file_name"))),
        "size": tried(lambda: run(frame.select("k", "_metadata.file_size", "_metadata.file_block_start"))),
        "all": tried(lambda: frame.select("_metadata").schema.simpleString()),
        "input file": tried(lambda: [[os.path.basename(value) for value in row] for row in run(frame.select(F.input_file_name()))]),
        "by name": tried(lambda: run(frame.groupBy("_metadata.file_name").count().where("false"))),
        "in a filter": tried(lambda: run(frame.where("_metadata.file_name = 'a.json'"))),
    }


def case_other_sources(spark, tmp):
    def load(kind, **options):
        frame = spark.readStream.format(kind).options(**options).load()
        return frame.schema.simpleString()

    def batch(kind, count, **options):
        frame = spark.readStream.format(kind).options(**options).load()
        query = frame.writeStream.format("memory").queryName("m").start()
        while not query.lastProgress or query.lastProgress["batchId"] < count:
            if query.exception():
                break
        query.stop()
        return [[one["numInputRows"], one["sources"][0]["endOffset"], one["sources"][0]["description"]] for one in query.recentProgress][:count]

    small = {"rowsPerBatch": 3}
    return {
        "micro-batch": tried(lambda: batch("rate-micro-batch", 2, rowsPerBatch=3, numPartitions=1, startTimestamp=1000, advanceMillisPerBatch=50)),
        "micro-batch partitions": tried(lambda: batch("rate-micro-batch", 1, rowsPerBatch=3, numPartitions=2)),
        "zero rows": tried(lambda: load("rate-micro-batch", rowsPerBatch=0)),
        "below zero": tried(lambda: load("rate-micro-batch", rowsPerBatch=-1)),
        "rows of text": tried(lambda: load("rate-micro-batch", rowsPerBatch="x")),
        "start below zero": tried(lambda: load("rate-micro-batch", startTimestamp=-1, **small)),
        "start of text": tried(lambda: load("rate-micro-batch", startTimestamp="x", **small)),
        "advance below zero": tried(lambda: load("rate-micro-batch", advanceMillisPerBatch=-1, **small)),
        "no partitions": tried(lambda: load("rate-micro-batch", numPartitions=0, **small)),
        "with a schema": tried(lambda: spark.readStream.format("rate-micro-batch").schema("a INT").options(**small).load().schema.simpleString()),
        "as batch": tried(lambda: spark.read.format("rate-micro-batch").options(**small).load().schema.simpleString()),
        "rate of a big number": tried(lambda: load("rate", rowsPerSecond=9223372036854775807)),
        "rate per batch": tried(lambda: load("rate", rowsPerMicroBatch=1)),
        "ramp of text": tried(lambda: load("rate", rampUpTime="x")),
        "ramp longer than numbers": tried(lambda: load("rate", rampUpTime="10s", rowsPerSecond=9223372036854775807)),
        "socket as batch": tried(lambda: spark.read.format("socket").options(host="localhost", port=1).load().schema.simpleString()),
        "socket of a bad port": tried(lambda: load("socket", host="localhost", port="x")),
        "socket with a schema": tried(lambda: spark.readStream.format("socket").schema("a INT").options(host="localhost", port=1).load().schema.simpleString()),
        "socket without a server": tried(lambda: run(spark.readStream.format("socket").options(host="localhost", port=1).load())),
        "memory": tried(lambda: load("memory")),
        "console": tried(lambda: load("console")),
        "noop": tried(lambda: load("noop")),
        "jdbc": tried(lambda: load("jdbc")),
        "kafka": tried(lambda: load("kafka")),
        "of nothing": tried(lambda: load("")),
        "a class": tried(lambda: load("org.example.Source")),
        "a class of Spark": tried(lambda: load("org.apache.spark.sql.execution.datasources.json.JsonFileFormat")),
    }
