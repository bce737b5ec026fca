"""Data sources in Python as streams: what users are told where their own code fails, and partitions that are read apart."""

import json
import os
import re


def source(where, log=None):
    from dataclasses import dataclass

    from pyspark.sql.datasource import DataSource, DataSourceStreamReader, DataSourceStreamWriter, InputPartition, WriterCommitMessage

    def fail(place):
        if place == where:
            raise ValueError(f"no {place}")

    class Reader(DataSourceStreamReader):
        def initialOffset(self):
            fail("initialOffset")
            return {"at": 0}

        def latestOffset(self):
            fail("latestOffset")
            return {"at": 4}

        def partitions(self, start, end):
            fail("partitions")
            if where == "no partitions":
                return []
            return [InputPartition(n) for n in range(start["at"], end["at"])]

        def read(self, partition):
            fail("read")
            if where == "a list":
                return [(1,)]
            if where == "two columns":
                return iter([(1, 2)])
            if where == "a text":
                return iter(["x"])
            if where == "batches":
                import pyarrow as pa

                return iter([pa.RecordBatch.from_arrays([pa.array([partition.value], pa.int32())], names=["n"])])
            if where == "other batches":
                import pyarrow as pa

                return iter([pa.RecordBatch.from_arrays([pa.array([partition.value], pa.int64())], names=["n"])])
            return self.rows(partition.value)

        def rows(self, value):
            yield (value,)
            fail("rows")

        def commit(self, end):
            fail("commit source")

        def stop(self):
            fail("stop")

    @dataclass
    class Message(WriterCommitMessage):
        rows: int

    class Writer(DataSourceStreamWriter):
        def write(self, iterator):
            fail("write")
            if where == "no message":
                return 3
            return Message(rows=sum(1 for _ in iterator))

        def note(self, *words):
            with open(log, "a", encoding="utf-8") as file:
                file.write(json.dumps(words, default=str) + "\n")

        def commit(self, messages, batchId):
            self.note("commit", batchId, sorted(message.rows for message in messages))
            fail("commit")

        def abort(self, messages, batchId):
            self.note("abort", batchId, [None if message is None else message.rows for message in messages])
            fail("abort")

    class Failing(DataSource):
        @classmethod
        def name(cls):
            return "failing"

        def schema(self):
            return "n INT"

        def streamReader(self, schema):
            fail("streamReader")
            return 3 if where == "no reader" else Reader()

        def streamWriter(self, schema, overwrite):
            fail("streamWriter")
            return 3 if where == "no writer" else Writer()

    return Failing


def told(error):
    """What an error says, but for where the code stands."""
    text = re.sub(r"\[id = .*?\]", "[..]", str(error)).split("\norg.apache.spark")[0].split("\n===")[0].split("\n\nJVM")[0]
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("  ")]
    # What PySpark's own runner stumbles over when the reader was never made.
    return [error.getCondition(), [line for line in lines if not line.startswith(("During", "UnboundLocal", "Traceback")) and "'stop'" not in line]]


def drain(spark, tmp, name, target):
    try:
        frame = spark.readStream.format("failing").load()
        write = frame.writeStream.option("checkpointLocation", str(tmp / f"cp {name}")).trigger(availableNow=True)
        if target == "rows":
            query = write.format("parquet").start(str(tmp / name))
        else:
            query = write.format("failing").start()
        query.awaitTermination()
    except Exception as raised:
        return told(raised)
    if target == "rows":
        return sorted(row.n for row in spark.read.schema("n INT").parquet(str(tmp / name)).collect())
    return None


def case_readers(spark, tmp):
    tmp.mkdir(exist_ok=True)
    answers = {}
    for where in ["initialOffset", "latestOffset", "partitions", "read", "rows", "a list", "two columns", "a text", "other batches", "streamReader", "no reader", "no partitions", "batches", "none"]:
        spark.dataSource.register(source(where))
        answers[where] = drain(spark, tmp, where, "rows")
    return answers


def case_writers(spark, tmp):
    tmp.mkdir(exist_ok=True)
    answers = {}
    for where in ["streamWriter", "no writer", "write", "no message", "commit", "abort", "none"]:
        log = tmp / f"log {where}"
        spark.dataSource.register(source(where, str(log)))
        failed = drain(spark, tmp, where, "sink")
        notes = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
        answers[where] = [failed, notes]
    return answers


def case_workers(spark, tmp):
    """Each partition is read, and written, by a worker; the offsets are asked for by a process of the query's own."""
    from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition

    class Reader(DataSourceStreamReader):
        def initialOffset(self):
            return {"at": 0}

        def latestOffset(self):
            return {"at": os.getpid()}

        def partitions(self, start, end):
            return [InputPartition((n, end["at"])) for n in range(3)]

        def read(self, partition):
            from pyspark import TaskContext

            number, driver = partition.value
            context = TaskContext.get()
            for row in range(25000):
                yield (number, row, os.getpid() != driver, context.partitionId() if context else None)

    class Workers(DataSource):
        @classmethod
        def name(cls):
            return "workers"

        def schema(self):
            return "part INT, row INT, apart BOOLEAN, id INT"

        def streamReader(self, schema):
            return Reader()

    spark.dataSource.register(Workers)
    tmp.mkdir(exist_ok=True)
    frame = spark.readStream.format("workers").load()
    query = frame.writeStream.format("parquet").option("checkpointLocation", str(tmp / "cp")).trigger(availableNow=True).start(str(tmp / "out"))
    query.awaitTermination()
    rows = spark.read.parquet(str(tmp / "out")).groupBy("part", "apart", "id").count().orderBy("part")
    return [list(row) for row in rows.collect()]
