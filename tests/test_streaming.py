"""Structured Streaming beyond what Spark's answers can be compared with: kills, checkpoints of Spark, Python sinks."""

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from support import servers

SCHEMA = "k STRING, v BIGINT"


def drop(folder, first, count, rows=100):
    os.makedirs(folder, exist_ok=True)
    for number in range(first, first + count):
        path = os.path.join(folder, f"f{number}.json")
        with open(path + ".tmp", "w", encoding="utf-8") as file:
            for row in range(rows):
                file.write(json.dumps({"k": f"k{row % 7}", "v": number * rows + row}) + "\n")
        os.rename(path + ".tmp", path)
    return str(folder)


def finish(writer):
    query = writer.trigger(availableNow=True).start()
    query.awaitTermination()
    return query


STREAM = f"""
__file__ = "client.py"
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote(sys.argv[1]).create()
df = spark.readStream.schema("{SCHEMA}").option("maxFilesPerTrigger", 1).json(sys.argv[2])
"""
TO_FILES = """
write = df.writeStream.format("parquet").option("path", sys.argv[4])
"""
TO_COUNTS = """
write = df.groupBy("k").count().writeStream.format("memory").queryName("counts").outputMode("complete")
"""
START = """
query = write.option("checkpointLocation", sys.argv[3]).trigger(availableNow=True).start()
print("started", flush=True)
query.awaitTermination()
"""


def killed(tmp_path, program, *args, after=0.0):
    """Starts a query by a program of its own and kills the server a while later."""
    with servers.Firesteel(tmp_path) as server:
        client = subprocess.Popen(
            [sys.executable, "-c", program, server.url, *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env=servers.environment(),
        )
        assert client.stdout.readline() == "started\n"
        time.sleep(after)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        client.kill()
        client.wait()


def test_killed_at_any_moment_nothing_is_lost_and_nothing_twice(tmp_path):
    """kill -9 of the server again and again while a query runs: the sink ends with every row once."""
    folder = drop(tmp_path / "in", 0, 60)
    out, checkpoint = str(tmp_path / "out"), str(tmp_path / "cp")
    for attempt in range(5):
        killed(tmp_path, STREAM + TO_FILES + START, folder, checkpoint, out, after=0.03 * attempt)
    with servers.Firesteel(tmp_path) as server:
        spark = server.session("UTC")
        df = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(folder)
        finish(df.writeStream.format("parquet").option("checkpointLocation", checkpoint).option("path", out))
        values = sorted(row.v for row in spark.read.parquet(out).select("v").collect())
        assert values == list(range(6000))
        spark.stop()


def test_killed_aggregation_counts_every_row_once(tmp_path):
    folder, checkpoint = drop(tmp_path / "in", 0, 40), str(tmp_path / "cp")
    for attempt in range(4):
        killed(tmp_path, STREAM + TO_COUNTS + START, folder, checkpoint, str(tmp_path), after=0.04 * attempt)
    with servers.Firesteel(tmp_path) as server:
        spark = server.session("UTC")
        drop(tmp_path / "in", 40, 1)
        df = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(folder).groupBy("k").count()
        write = df.writeStream.format("memory").queryName("counts").outputMode("complete")
        finish(write.option("checkpointLocation", checkpoint))
        assert sum(row["count"] for row in spark.table("counts").collect()) == 4100
        spark.stop()


CONF = '{"spark.sql.shuffle.partitions":"1","spark.sql.streaming.multipleWatermarkPolicy":"min"}'


def checkpoint_of_spark(tmp_path, folder):
    """What Spark 4.2.1 leaves after a committed batch 0 and a batch 1 that was cut."""
    cp = tmp_path / "cp"
    for name in ("offsets", "commits", "sources/0"):
        (cp / name).mkdir(parents=True)
    entry = '{{"path":"file://{}/f{}.json","timestamp":1700000000000,"batchId":{}}}'
    files = {
        "metadata": '{"id":"0be3e98d-4a4d-4ebe-b2b2-29458765438f"}',
        "offsets/0": f'v1\n{{"batchWatermarkMs":0,"batchTimestampMs":1795188230125,"conf":{CONF}}}\n{{"logOffset":0}}',
        "offsets/1": f'v1\n{{"batchWatermarkMs":0,"batchTimestampMs":1795188235163,"conf":{CONF}}}\n{{"logOffset":1}}',
        "commits/0": 'v1\n{"nextBatchWatermarkMs":0}',
        "sources/0/0": "v1\n" + entry.format(folder, 0, 0),
        "sources/0/1": "v1\n" + entry.format(folder, 1, 1),
    }
    for name, text in files.items():
        (cp / name).write_text(text)
    return str(cp)


def test_a_checkpoint_of_spark_is_continued(spark, tmp_path):
    folder = drop(tmp_path / "in", 0, 4, rows=2)
    checkpoint = checkpoint_of_spark(tmp_path, folder)
    df = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(folder)
    seen = []
    query = finish(df.writeStream.format("noop").option("checkpointLocation", checkpoint))
    seen = [[one["batchId"], one["sources"][0]["numInputRows"]] for one in query.recentProgress]
    assert query.id == "0be3e98d-4a4d-4ebe-b2b2-29458765438f"
    # Batch 1 runs again with its file; the files of batch 0 are not read again.
    assert seen == [[1, 2], [2, 2], [3, 2]]
    listed = "".join(open(path).read() for path in glob.glob(checkpoint + "/sources/0/*"))
    assert sorted(re.findall(r"f\d", listed)) == ["f0", "f1", "f2", "f3"]


def test_state_of_spark_is_refused(spark, tmp_path):
    folder = drop(tmp_path / "in", 0, 1, rows=2)
    os.makedirs(tmp_path / "cp" / "state" / "0" / "_metadata")
    df = spark.readStream.schema(SCHEMA).json(folder).groupBy("k").count()
    write = df.writeStream.format("noop").outputMode("complete").option("checkpointLocation", str(tmp_path / "cp"))
    with pytest.raises(Exception, match="the state that Apache Spark wrote"):
        finish(write)


def test_foreach_batch(spark, tmp_path):
    folder = drop(tmp_path / "in", 0, 3, rows=4)
    out = str(tmp_path / "out")

    def save(batch, number):
        assert not batch.isStreaming
        batch.selectExpr("v", f"{number} AS batch").write.mode("append").parquet(out)
        with open(out + f"-{number}", "w") as file:
            file.write(str(batch.count()))

    df = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(folder)
    query = finish(df.writeStream.foreachBatch(save).option("checkpointLocation", str(tmp_path / "cp")))
    assert [one["sink"]["description"] for one in query.recentProgress] == ["ForeachBatchSink"] * 3
    got = sorted((row.batch, row.v) for row in spark.read.parquet(out).collect())
    assert got == [(number // 4, number) for number in range(12)]
    assert [open(out + f"-{number}").read() for number in range(3)] == ["4", "4", "4"]


def test_foreach_batch_with_state_may_look_twice(spark, tmp_path):
    folder = drop(tmp_path / "in", 0, 2, rows=7)
    out = str(tmp_path / "out")

    def save(batch, number):
        rows = sorted((row.k, row["count"]) for row in batch.collect())
        assert batch.count() == len(rows)
        with open(f"{out}-{number}", "w") as file:
            json.dump(rows, file)

    df = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(folder).groupBy("k").count()
    finish(df.writeStream.foreachBatch(save).outputMode("update").option("checkpointLocation", str(tmp_path / "cp")))
    assert json.load(open(f"{out}-0")) == [[f"k{n}", 1] for n in range(7)]
    assert json.load(open(f"{out}-1")) == [[f"k{n}", 2] for n in range(7)]


def test_foreach_batch_that_fails(spark, tmp_path):
    folder = drop(tmp_path / "in", 0, 1, rows=2)

    def fail(batch, number):
        raise ValueError("my error")

    query = spark.readStream.schema(SCHEMA).json(folder).writeStream.foreachBatch(fail).start()
    with pytest.raises(Exception, match="my error") as raised:
        query.awaitTermination()
    assert "FOREACH_BATCH_USER_FUNCTION_ERROR" in str(raised.value)
    assert "my error" in str(query.exception()) and not query.isActive


def test_foreach(spark, tmp_path):
    folder = drop(tmp_path / "in", 0, 1, rows=3)
    out = str(tmp_path / "out")

    class Writer:
        def open(self, partition, epoch):
            self.file = open(out, "a")
            self.file.write(f"open {epoch}\n")
            return True

        def process(self, row):
            self.file.write(f"{row.k} {row.v}\n")

        def close(self, error):
            self.file.write(f"close {error}\n")
            self.file.close()

    finish(spark.readStream.schema(SCHEMA).json(folder).coalesce(1).writeStream.foreach(Writer()))
    assert open(out).read().splitlines() == ["open 0", "k0 0", "k1 1", "k2 2", "close None"]
    finish(
        spark.readStream.schema(SCHEMA).json(folder).writeStream.foreach(lambda row: open(out + "2", "a").write(f"{row.v} "))
    )
    assert sorted(open(out + "2").read().split()) == ["0", "1", "2"]


def test_listener_hears_of_queries(spark, tmp_path):
    from pyspark.sql.streaming import StreamingQueryListener

    # The start of a query reaches its client with the answer, the rest by the listeners' stream: no order between them.
    heard, ended = {}, threading.Event()

    class Listener(StreamingQueryListener):
        def onQueryStarted(self, event):
            heard.setdefault(event.runId, []).append(["started", event.name or None])

        def onQueryProgress(self, event):
            heard.setdefault(event.progress.runId, []).append(["progress", event.progress.batchId, event.progress.numInputRows])

        def onQueryIdle(self, event):
            pass

        def onQueryTerminated(self, event):
            heard.setdefault(event.runId, []).append(["ended", event.errorClassOnException])
            if len([one for events in heard.values() for one in events if one[0] == "ended"]) == 2:
                ended.set()

    listener = Listener()
    spark.streams.addListener(listener)
    df = spark.readStream.schema(SCHEMA).json(drop(tmp_path / "in", 0, 1, rows=2))
    finish(df.writeStream.format("noop").queryName("heard"))
    with pytest.raises(Exception):
        finish(df.selectExpr("v / 0").writeStream.format("noop"))
    assert ended.wait(30)
    spark.streams.removeListener(listener)
    first, second = heard.values()
    assert sorted(first) == [["ended", None], ["progress", 0, 2], ["started", "heard"]]
    assert sorted(second) == [["ended", "DIVIDE_BY_ZERO"], ["started", None]]


def test_a_query_outlives_its_client(server, tmp_path):
    folder, out = drop(tmp_path / "in", 0, 1, rows=2), str(tmp_path / "out")
    program = f"""
__file__ = "client.py"
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote("{server.url}").create()
df = spark.readStream.schema("{SCHEMA}").json("{folder}")
df.writeStream.format("parquet").option("checkpointLocation", "{tmp_path}/cp").start("{out}").processAllAvailable()
import os
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", program], check=True, env=servers.environment())
    drop(tmp_path / "in", 1, 1, rows=2)
    end = time.time() + 20
    while time.time() < end and len(glob.glob(out + "/_spark_metadata/1")) == 0:
        time.sleep(0.05)
    spark = server.session("UTC")
    assert spark.read.parquet(out).count() == 4
    spark.stop()


def test_rate_goes_on_where_it_was(spark, tmp_path):
    df = spark.readStream.format("rate").option("rowsPerSecond", 100).load()
    for _ in range(2):
        query = df.writeStream.format("parquet").option("checkpointLocation", str(tmp_path / "cp")).start(str(tmp_path / "out"))
        time.sleep(2.5)
        query.stop()
    values = sorted(row.value for row in spark.read.parquet(str(tmp_path / "out")).collect())
    assert values == list(range(len(values))) and len(values) >= 300


def test_a_tiny_batch_is_quick(spark, tmp_path):
    """Not a benchmark: only that nothing waits where nothing is to be waited for."""
    folder = drop(tmp_path / "in", 0, 20, rows=1)
    df = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(folder)
    query = finish(df.writeStream.format("noop").option("checkpointLocation", str(tmp_path / "cp")))
    took = sorted(one["batchDuration"] for one in query.recentProgress)
    assert took[len(took) // 2] < 1000


def test_checkpoint_command(spark, tmp_path):
    folder = drop(tmp_path / "in", 0, 2, rows=2)
    df = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(folder)
    query = finish(df.writeStream.format("noop").option("checkpointLocation", str(tmp_path / "cp")))
    command = lambda *words: subprocess.run(  # noqa: E731
        [servers.firesteel_binary(), "checkpoint", *words], capture_output=True, text=True, env=servers.environment()
    )
    shown = command("inspect", str(tmp_path / "cp"))
    assert shown.returncode == 0 and query.id in shown.stdout and '{"logOffset":1}' in shown.stdout
    assert command("verify", str(tmp_path / "cp")).returncode == 0
    os.remove(tmp_path / "cp" / "offsets" / "0")
    (tmp_path / "cp" / "commits" / "9").write_text('v1\n{"nextBatchWatermarkMs":0}')
    wrong = command("verify", str(tmp_path / "cp"))
    assert wrong.returncode == 1 and "commits" in wrong.stdout
    assert command("inspect", str(tmp_path / "in")).returncode == 1


def test_partitions_of_state_stay_with_the_query(spark, tmp_path):
    """The number is in the offset log; another setting is for other queries."""
    folder, checkpoint = drop(tmp_path / "in", 0, 1), str(tmp_path / "cp")
    for number, partitions in enumerate((3, 7)):
        spark.conf.set("spark.sql.shuffle.partitions", partitions)
        drop(tmp_path / "in", number, 1)
        df = spark.readStream.schema(SCHEMA).json(folder).groupBy("v").count()
        query = finish(df.writeStream.format("noop").outputMode("update").option("checkpointLocation", checkpoint))
        state = query.lastProgress["stateOperators"][0]
        assert [state["numShufflePartitions"], state["numRowsTotal"]] == [3, 100 * (number + 1)]
    shown = subprocess.run([servers.firesteel_binary(), "checkpoint", "inspect", checkpoint], capture_output=True, text=True)
    assert "default: 200 rows in 3 partitions at version 2" in shown.stdout


def submitted(folder, example, *args):
    job = os.path.join(servers.ROOT, "examples", example, "job.py")
    done = subprocess.run(
        [servers.firesteel_binary(), "submit", job, *args], cwd=folder, capture_output=True, text=True, timeout=120,
        env=servers.environment(),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def generated(folder, *args):
    program = os.path.join(servers.ROOT, "examples", "github_incremental", "generate.py")
    subprocess.run([sys.executable, program, "--events", "20", *args], cwd=folder, check=True, capture_output=True)


def test_example_github_incremental(tmp_path):
    generated(tmp_path, "--days", "1")
    assert "available_now: 480 rows" in submitted(tmp_path, "github_incremental", "available_now")
    generated(tmp_path, "--first", "2024-01-02")
    assert "available_now: 960 rows" in submitted(tmp_path, "github_incremental", "available_now")
    assert "once: 480 rows" in submitted(tmp_path, "github_incremental", "once", "--day", "2024-01-02")
    told = submitted(tmp_path, "github_incremental", "upsert")
    assert "upsert: 100 rows" in told or re.search(r"upsert: \d\d rows", told)
    assert "continuous: 960 rows" in submitted(tmp_path, "github_incremental", "continuous", "--seconds", "1")


def test_example_notebook(tmp_path):
    """The cells of the notebook, one after the other."""
    generated(tmp_path, "--days", "2")
    with open(os.path.join(servers.ROOT, "examples", "github_incremental", "incremental.ipynb"), encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    program = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    (tmp_path / "cells.py").write_text(program)
    done = subprocess.run(
        [servers.firesteel_binary(), "submit", "cells.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env=servers.environment(),
    )
    assert done.returncode == 0, done.stderr
    assert "|2024|    1|  2|  480|" in done.stdout and "2024-01-01 480" in done.stdout
    assert done.stdout.count("|  480|") == 4


def test_example_crypto_stream(tmp_path):
    folder = os.path.join(servers.ROOT, "examples", "crypto_stream")
    apis = subprocess.Popen(
        [sys.executable, os.path.join(folder, "apis.py"), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        url = apis.stdout.readline().split()[-1]
        collector = [sys.executable, os.path.join(folder, "collector.py"), "--url", url, "--polls", "30", "--pause", "0"]
        subprocess.run(collector, cwd=tmp_path, check=True)
    finally:
        apis.kill()
        apis.wait()
    told = submitted(tmp_path, "crypto_stream")
    # Thirty minutes of four coins; the last windows are still open: the watermark is two minutes behind.
    assert "20 windows" in told and "readings" in told


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_a_long_log_costs_a_batch_nothing(tmp_path):
    """A query that has seen 100,000 files reads one entry of each log, however many there are, and lists each folder a
    few times: counted, not timed."""
    folder, log = tmp_path / "in", tmp_path / "cp" / "sources" / "0"
    drop(folder, 0, 1)
    program = lambda spark: spark.readStream.schema("k STRING, v BIGINT").option("maxFileAge", "1000d").json(str(folder))  # noqa: E731
    start = lambda spark: finish(  # noqa: E731
        program(spark).writeStream.format("noop").option("checkpointLocation", str(tmp_path / "cp")))
    with servers.Firesteel(tmp_path) as server:
        start(server.session("UTC"))
    # As if it had seen a hundred thousand more: a compacted entry has them all.
    first = (log / "0").read_text().splitlines()[1]
    seen = [json.loads(first) | {"path": f"file://{folder}/old{number}.json", "batchId": 9} for number in range(100_000)]
    (log / "9.compact").write_text("\n".join(["v1", first, *map(json.dumps, seen)]))
    for kind in ("offsets", "commits"):
        text = (tmp_path / "cp" / kind / "0").read_text().replace('{"logOffset":0}', '{"logOffset":9}')
        for batch in range(1, 10):
            (tmp_path / "cp" / kind / str(batch)).write_text(text)
    trace = tmp_path / "trace"
    with servers.Firesteel(tmp_path) as server:
        spark = server.session("UTC")
        process = subprocess.Popen(["strace", "-f", "-e", "trace=openat", "-o", str(trace), "-p", str(server.process.pid)])
        try:
            time.sleep(1)
            drop(folder, 1, 1)
            drop(folder, 2, 1)
            writer = program(spark).writeStream.format("noop").option("checkpointLocation", str(tmp_path / "cp"))
            query = writer.trigger(availableNow=True).start()
            query.awaitTermination()
            assert sum(one["sources"][0]["numInputRows"] for one in query.recentProgress) == 200
        finally:
            process.terminate()
            process.wait()
    opened = re.findall(r'openat\([^"]*"([^"]+)"', trace.read_text())
    of = lambda part: [path for path in opened if part in path]  # noqa: E731
    counts = {part: len(of(part)) for part in ("9.compact", "/cp/offsets", "/cp/commits", "/in/old")}
    assert counts["9.compact"] == 1 and counts["/in/old"] == 0, counts
    assert counts["/cp/offsets"] < 20 and counts["/cp/commits"] < 20, counts
