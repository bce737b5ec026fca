"""Data sources in Python as streams: offsets, partitions, commits, a simple reader."""

import json
import os


def run(spark, frame, tmp, times=1):
    answers = []
    for number in range(times):
        write = frame.writeStream.format("parquet").option("checkpointLocation", str(tmp / "cp"))
        query = write.trigger(availableNow=True).start(str(tmp / "out"))
        query.awaitTermination()
        rows = sorted([list(row) for row in spark.read.parquet(str(tmp / "out")).collect()], key=str)
        answers.append([rows, [[one["startOffset"], one["endOffset"], one["numInputRows"]] for report in query.recentProgress for one in report["sources"]]])
    offsets = []
    for name in sorted(os.listdir(tmp / "cp" / "offsets")):
        if not name.startswith("."):
            with open(tmp / "cp" / "offsets" / name, encoding="utf-8") as file:
                offsets.append(json.loads(file.read().split("\n")[2]))
    return [answers, offsets]


def counting(log):
    from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition

    class Range(InputPartition):
        def __init__(self, first, last):
            self.first = first
            self.last = last

    class Reader(DataSourceStreamReader):
        def __init__(self, options):
            self.most = int(options.get("most", 10))
            self.latest = 0

        def initialOffset(self):
            return {"at": 0}

        def latestOffset(self):
            self.latest += 4
            return {"at": self.latest}

        def partitions(self, start, end):
            middle = (start["at"] + end["at"]) // 2
            return [Range(start["at"], middle), Range(middle, end["at"])]

        def read(self, partition):
            for number in range(partition.first, partition.last):
                yield (number, f"row {number}", None if number % 3 else number / 2)

        def commit(self, end):
            with open(log, "a", encoding="utf-8") as file:
                file.write(json.dumps(end) + "\n")

    class Counting(DataSource):
        @classmethod
        def name(cls):
            return "counting"

        def schema(self):
            return "n INT, text STRING, half DOUBLE"

        def streamReader(self, schema):
            return Reader(self.options)

    return Counting


def case_reader(spark, tmp):
    tmp.mkdir(exist_ok=True)
    spark.dataSource.register(counting(str(tmp / "log")))
    frame = spark.readStream.format("counting").load()
    return [frame.schema.simpleString(), frame.isStreaming, run(spark, frame, tmp)]


def simple(total):
    from pyspark.sql.datasource import DataSource, SimpleDataSourceStreamReader

    class Reader(SimpleDataSourceStreamReader):
        def initialOffset(self):
            return {"at": 0}

        def read(self, start):
            first = start["at"]
            last = min(first + 3, total)
            return iter([(number,) for number in range(first, last)]), {"at": last}

        def readBetweenOffsets(self, start, end):
            return iter([(number,) for number in range(start["at"], end["at"])])

        def commit(self, end):
            pass

    class Simple(DataSource):
        @classmethod
        def name(cls):
            return "simple"

        def schema(self):
            return "n INT"

        def simpleStreamReader(self, schema):
            return Reader()

    return Simple


def case_simple(spark, tmp):
    tmp.mkdir(exist_ok=True)
    spark.dataSource.register(simple(7))
    frame = spark.readStream.format("simple").load()
    return run(spark, frame.selectExpr("n * 2 AS n"), tmp, times=2)


def failing():
    from pyspark.sql.datasource import DataSource, DataSourceStreamReader

    class Reader(DataSourceStreamReader):
        def initialOffset(self):
            return {"at": 0}

        def latestOffset(self):
            raise ValueError("no offset")

        def partitions(self, start, end):
            return []

        def read(self, partition):
            return iter([])

    class Failing(DataSource):
        @classmethod
        def name(cls):
            return "failing"

        def schema(self):
            return "n INT"

        def streamReader(self, schema):
            return Reader()

    return Failing


def case_failing(spark, tmp):
    spark.dataSource.register(failing())
    try:
        spark.readStream.format("failing").load().writeStream.format("noop").trigger(availableNow=True).start().awaitTermination()
    except Exception as raised:
        return [raised.getCondition(), "no offset" in str(raised), "PYTHON_STREAMING_DATA_SOURCE_RUNTIME_ERROR" in str(raised)]


def writing(log, kind):
    from dataclasses import dataclass

    from pyspark.sql.datasource import DataSource, DataSourceStreamWriter, WriterCommitMessage

    @dataclass
    class Message(WriterCommitMessage):
        rows: list

    class Writer(DataSourceStreamWriter):
        def __init__(self, options, overwrite):
            self.options = options
            self.overwrite = overwrite

        def write(self, iterator):
            rows = [row.asDict() for row in iterator]
            if kind == "failing" and any(row["n"] == 4 for row in rows):
                raise ValueError("no four")
            return Message(rows=rows)

        def note(self, *words):
            with open(log, "a", encoding="utf-8") as file:
                file.write(json.dumps(words, default=str) + "\n")

        def commit(self, messages, batchId):
            rows = sorted(str(row) for message in messages for row in message.rows)
            self.note("commit", batchId, rows, self.options.get("Colour"), self.overwrite)

        def abort(self, messages, batchId):
            self.note("abort", batchId)

    class Writing(DataSource):
        @classmethod
        def name(cls):
            return "writing"

        def streamWriter(self, schema, overwrite):
            return Writer(self.options, overwrite)

    return Writing


def written(spark, tmp, kind, mode="append"):
    tmp.mkdir(exist_ok=True)
    folder = tmp / "in"
    folder.mkdir(exist_ok=True)
    for number in range(3):
        path = folder / f"f{number}.json"
        path.write_text("".join(json.dumps({"n": number * 2 + row}) + "\n" for row in range(2)), encoding="utf-8")
        os.utime(path, (1700000000 + number, 1700000000 + number))
    log = tmp / kind
    spark.dataSource.register(writing(str(log), kind))
    frame = spark.readStream.schema("n INT").option("maxFilesPerTrigger", 1).json(str(folder))
    if mode == "complete":
        frame = frame.selectExpr("n % 2 AS n").groupBy("n").count()
    write = frame.writeStream.format("writing").option("colour", "red").outputMode(mode)
    try:
        query = write.option("checkpointLocation", str(tmp / f"cp {kind}")).trigger(availableNow=True).start()
        query.awaitTermination()
        failed = None
    except Exception as raised:
        failed = [raised.getCondition(), "no four" in str(raised)]
    return [[json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()], failed]


def case_writer(spark, tmp):
    return {"append": written(spark, tmp, "good"), "complete": written(spark, tmp, "whole", "complete"), "failing": written(spark, tmp, "failing")}
