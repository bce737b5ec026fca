"""kill -9 between any two steps of a streaming query and in the middle of every write: a debug build of the server ends
at a place that the test names by its number, a new one goes on. Nothing is lost, and nothing is there twice."""

import json
import os
import signal
import subprocess

import pytest
from support import servers

SCHEMA = "k STRING, t TIMESTAMP, v BIGINT"
FILES = 3


def drop(folder, number):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"f{number}.json")
    with open(path, "w", encoding="utf-8") as file:
        for row in range(4):
            at = f"2024-01-01T00:{number * 10 + row:02d}:00Z"
            file.write(json.dumps({"k": f"k{row % 2}", "t": at, "v": number * 4 + row}) + "\n")
    os.utime(path, (1700000000 + number, 1700000000 + number))


def source(spark, tmp):
    folder = str(tmp / "in")
    if not os.path.exists(folder):
        for number in range(FILES):
            drop(folder, number)
    return spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(folder)


def plain(spark, tmp):
    """Rows to files, into a folder for each key."""
    return source(spark, tmp).writeStream.format("parquet").partitionBy("k")


def aggregated(spark, tmp):
    """Windows that the watermark closes."""
    from pyspark.sql import functions as F

    counts = source(spark, tmp).withWatermark("t", "5 minutes").groupBy(F.expr("window(t, '2 minutes')"))
    counts = counts.agg(F.expr("count(*) AS n"), F.expr("sum(v) AS v"))
    return counts.selectExpr("window.start AS t", "n", "v").writeStream.format("parquet")


def joined(spark, tmp):
    """A stream with itself, a minute later, and what finds nothing."""
    from pyspark.sql import functions as F

    left = source(spark, tmp).withWatermark("t", "5 minutes")
    right = source(spark, tmp).selectExpr("k AS j", "t AS u", "v AS w").withWatermark("u", "5 minutes")
    near = F.expr("k = j AND u >= t + INTERVAL 2 MINUTES AND u <= t + INTERVAL 8 MINUTES")
    return left.join(right, near, "left").writeStream.format("parquet")


def remembered(spark, tmp):
    """A processor in Python with a value, a list and timers."""
    import pandas as pd
    from pyspark.sql import functions as F
    from pyspark.sql.streaming import StatefulProcessor

    class Sums(StatefulProcessor):
        def init(self, handle):
            self.handle = handle
            self.sum = handle.getValueState("sum", "s BIGINT")
            self.seen = handle.getListState("seen", "v BIGINT")

        def handleInputRows(self, key, rows, timerValues):
            # The answer to a row does not tell which batch it came with, nor in which order its files were read.
            total, answers = (self.sum.get() or (0,))[0], []
            batch = pd.concat(rows).sort_values("v")
            for value, at in zip(batch.v, batch.ms):
                total += int(value)
                self.seen.appendValue((int(value),))
                self.handle.registerTimer(int(at) + 60_000)
                answers.append((key[0], total, str(list(self.seen.get()))))
            self.sum.update((total,))
            yield pd.DataFrame(answers, columns=["k", "s", "seen"])

        def handleExpiredTimer(self, key, timerValues, expiredTimerInfo):
            yield pd.DataFrame({"k": [key[0]], "s": [-1], "seen": [str(expiredTimerInfo.getExpiryTimeInMs())]})

        def close(self):
            pass

    rows = source(spark, tmp).withColumn("ms", F.expr("unix_millis(t)")).withWatermark("t", "5 minutes")
    sums = rows.groupBy("k").transformWithStateInPandas(Sums(), "k STRING, s BIGINT, seen STRING", "Append", "EventTime")
    return sums.writeStream.format("parquet")


def read_in_python(spark, tmp):
    """A data source in Python, a partition a file, and keys that were seen."""
    from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition

    class Reader(DataSourceStreamReader):
        def __init__(self, folder):
            self.folder = folder

        def initialOffset(self):
            return {"files": 0}

        def latestOffset(self):
            return {"files": len(os.listdir(self.folder))}

        def partitions(self, start, end):
            return [InputPartition(number) for number in range(start["files"], end["files"])]

        def read(self, partition):
            with open(os.path.join(self.folder, f"f{partition.value}.json"), encoding="utf-8") as file:
                for line in file:
                    row = json.loads(line)
                    yield row["k"], row["v"]
                    yield row["k"], row["v"]

    class Files(DataSource):
        @classmethod
        def name(cls):
            return "files_in_python"

        def schema(self):
            return "k STRING, v BIGINT"

        def streamReader(self, schema):
            return Reader(self.options["folder"])

    source(spark, tmp)
    spark.dataSource.register(Files)
    rows = spark.readStream.format("files_in_python").option("folder", str(tmp / "in")).load()
    return rows.dropDuplicates().writeStream.format("parquet")


def written_in_python(spark, tmp):
    """A sink in Python that takes a batch at once, by its number."""
    from pyspark.sql.datasource import DataSource, DataSourceStreamWriter, WriterCommitMessage

    class Rows(WriterCommitMessage):
        def __init__(self, rows):
            self.rows = rows

    class Writer(DataSourceStreamWriter):
        def __init__(self, folder):
            self.folder = folder

        def write(self, rows):
            return Rows([(row.k, row.v) for row in rows])

        def commit(self, messages, batchId):
            import pyarrow as pa
            import pyarrow.parquet as pq

            os.makedirs(self.folder, exist_ok=True)
            rows = [row for message in messages if message for row in message.rows]
            path = os.path.join(self.folder, f"{batchId}.parquet")
            pq.write_table(pa.table({"k": [k for k, _ in rows], "v": [v for _, v in rows]}), path + ".new")
            os.replace(path + ".new", path)

        def abort(self, messages, batchId):
            pass

    class Tables(DataSource):
        @classmethod
        def name(cls):
            return "tables_in_python"

        def streamWriter(self, schema, overwrite):
            return Writer(self.options["path"])

    spark.dataSource.register(Tables)
    return source(spark, tmp).select("k", "v").writeStream.format("tables_in_python")


def run(write, tmp):
    write.option("checkpointLocation", str(tmp / "cp")).trigger(availableNow=True).start(str(tmp / "out")).awaitTermination()


def answer(spark, tmp):
    return sorted([list(map(str, row)) for row in spark.read.parquet(str(tmp / "out")).collect()])


IN_PYTHON = (remembered, read_in_python, written_in_python)


def debug_build():
    """Release builds have no places to end at."""
    return "debug" in servers.firesteel_binary()


@pytest.mark.skipif(not debug_build(), reason="only debug builds can be told where to end")
@pytest.mark.parametrize("program", [plain, aggregated, joined, *[pytest.param(one, marks=pytest.mark.timeout(600)) for one in IN_PYTHON]], ids=lambda one: one.__name__)
def test_killed_at_every_place(tmp_path, monkeypatch, program):
    order = tmp_path / "kill"
    monkeypatch.setenv("FIRESTEEL_KILL_FILE", str(order))
    wanted, number, killed, places = None, 0, None, []
    # Each run starts Python anew.
    step = 7 if program in IN_PYTHON and "FIRESTEEL_LONG" not in os.environ else 1
    with servers.Firesteel(tmp_path) as server:
        while True:
            spark = server.session("UTC")
            # A server that is gone stays away.
            spark.client.set_retry_policies([])
            if wanted is None:
                (tmp_path / "whole").mkdir()
                run(program(spark, tmp_path / "whole"), tmp_path / "whole")
                wanted = answer(spark, tmp_path / "whole")
                assert len(wanted) > 3
            if killed is not None:
                run(program(spark, killed), killed)
                assert answer(spark, killed) == wanted, f"killed at place {number}: {places[-1]}"
            number += step
            killed = tmp_path / f"at{number}"
            killed.mkdir()
            write = program(spark, killed)
            order.write_text(str(number))
            try:
                run(write, killed)
                break
            except Exception:
                assert server.process.wait(20) == -signal.SIGABRT, f"place {number} was no end, but a failure"
                places.append((tmp_path / "kill.at").read_text())
                server.was_killed()
        assert answer(spark, killed) == wanted
    if step > 1:
        return
    passed = set(places)
    assert {"half of a log entry", "the offsets are written", "the sink has the batch", "a file is not on the disk", "the batch is committed"} <= passed
    if program is not plain:
        assert {"half of a state file", "a state file has no name", "the state is written"} <= passed


def test_a_checkpoint_has_one_query(tmp_path):
    """A second process is refused while the first one runs, and goes on when that one is killed."""
    with servers.Firesteel(tmp_path) as first, servers.Firesteel(tmp_path) as second:
        one, two = first.session("UTC"), second.session("UTC")
        query = plain(one, tmp_path).option("checkpointLocation", str(tmp_path / "cp")).start(str(tmp_path / "out"))
        query.processAllAvailable()
        with pytest.raises(Exception, match="already active in another process"):
            run(plain(two, tmp_path), tmp_path)
        first.process.send_signal(signal.SIGKILL)
        first.was_killed()
        drop(str(tmp_path / "in"), FILES)
        run(plain(two, tmp_path), tmp_path)
        assert len(answer(two, tmp_path)) == 4 * (FILES + 1)


def test_a_restart_in_one_process_takes_over(server, tmp_path):
    spark = server.session("UTC")
    start = lambda: plain(spark, tmp_path).option("checkpointLocation", str(tmp_path / "cp")).start(str(tmp_path / "out"))  # noqa: E731
    old, new = start(), start()
    new.processAllAvailable()
    assert not old.isActive and len(answer(spark, tmp_path)) == 4 * FILES
    new.stop()


@pytest.mark.parametrize("name,content", [
    ("offsets/1", ""), ("offsets/1", "v1\n{"), ("commits/1", ""), ("commits/1", "v1\n{\"nextBatch"), ("sources/0/1", ""), ("sources/0/1", "v1\n{\"path\":"),
    ("metadata", ""), ("state/0/default/2.delta", "ARROW1"), ("state/0/default/2.delta", None), ("offsets/0", None),
])
def test_a_damaged_checkpoint_is_refused(server, tmp_path, name, content):
    """Half-written and missing files: a clear refusal, and nothing is written."""
    spark = server.session("UTC")
    (tmp_path / "in").mkdir()
    for number in range(2):
        drop(str(tmp_path / "in"), number)
    run(aggregated(spark, tmp_path), tmp_path)
    last = max(int(one) for one in os.listdir(tmp_path / "cp" / "commits") if one.isdigit())
    name = name.replace("/1", f"/{last}") if name.startswith(("offsets/1", "commits")) else name
    name = name.replace("offsets/0", f"offsets/{last - 1}").replace("2.delta", f"{last + 1}.delta")
    path = tmp_path / "cp" / name
    if content is None:
        os.remove(path)
    else:
        path.write_text(content)
    if name.startswith("state"):
        told = subprocess.run([servers.firesteel_binary(), "checkpoint", "verify", str(tmp_path / "cp")], capture_output=True, text=True)
        assert told.returncode == 1 and name.rpartition("/")[0] in told.stdout
    before, files = answer(spark, tmp_path), sorted(os.listdir(tmp_path / "out" / "_spark_metadata"))
    drop(str(tmp_path / "in"), 2)
    with pytest.raises(Exception) as raised:
        run(aggregated(spark, tmp_path), tmp_path)
    assert os.path.basename(name) in str(raised.value) or "offset log" in str(raised.value) or "Malformed" in str(raised.value)
    assert answer(spark, tmp_path) == before and sorted(os.listdir(tmp_path / "out" / "_spark_metadata")) == files


def test_a_source_file_that_vanished(server, tmp_path):
    """A file that is gone before its batch was read is left out, as Spark leaves it out; the others are read."""
    spark = server.session("UTC")
    run(plain(spark, tmp_path), tmp_path)
    drop(str(tmp_path / "in"), FILES)
    run(plain(spark, tmp_path), tmp_path)
    # The last batch as it was before it ran.
    os.remove(tmp_path / "cp" / "commits" / str(FILES))
    os.remove(tmp_path / "out" / "_spark_metadata" / str(FILES))
    os.remove(tmp_path / "in" / f"f{FILES}.json")
    run(plain(spark, tmp_path), tmp_path)
    assert len(answer(spark, tmp_path)) == 4 * FILES
