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
