"""The processes behind Python functions: they are reused, bounded, ended; their end is an error and not the server's."""

import os
import subprocess
import threading
import time

import pyarrow as pa
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import functions as F
from support import servers


def pids(spark, partitions=1):
    def own(batches):
        list(batches)
        yield pa.RecordBatch.from_arrays([pa.array([os.getpid()])], ["pid"])

    return [row.pid for row in spark.range(partitions, numPartitions=partitions).mapInArrow(own, "pid long").collect()]


def children(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()
    return [int(child) for child in listed]


def below(pid):
    return [grandchild for child in children(pid) for grandchild in children(child)]


def test_workers_are_reused(server):
    spark = server.session()
    assert pids(spark) == pids(spark)


def test_partitions_have_workers_of_their_own(server):
    spark = server.session()

    def slow(batches):
        time.sleep(0.3)
        yield from batches

    def own(x):
        return os.getpid()

    df = spark.range(4, numPartitions=2).mapInArrow(slow, "id long")
    assert df.select(F.udf(own, "long")("id").alias("p")).distinct().count() == 2


def test_sessions_have_workers_of_their_own(server):
    assert set(pids(server.session())).isdisjoint(pids(server.session()))


def test_a_worker_that_ends_is_an_error_and_the_session_goes_on(server):
    spark = server.session()
    with pytest.raises(PySparkException, match="Python worker exited unexpectedly"):
        spark.range(1).select(F.udf(lambda x: os._exit(3), "int")("id")).collect()
    assert len(pids(spark)) == 1


def test_a_worker_that_is_killed_is_an_error_and_the_session_goes_on(server):
    import signal

    spark = server.session()
    with pytest.raises(PySparkException, match="Python worker exited unexpectedly"):
        spark.range(1).select(F.udf(lambda x: os.kill(os.getpid(), signal.SIGKILL), "int")("id")).collect()
    assert len(pids(spark)) == 1


def test_idle_workers_end(server):
    """After a minute without a task; and at once with their session."""
    spark, other = server.session(), server.session()
    own, others = set(pids(spark)), set(pids(other))
    other.stop()
    gone_by(others, 10)
    assert own <= set(below(server.process.pid))
    gone_by(own, 80)
    assert len(pids(spark)) == 1


def gone_by(workers, seconds):
    end = time.time() + seconds
    while any(os.path.exists(f"/proc/{pid}") for pid in workers) and time.time() < end:
        time.sleep(0.2)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in workers)


def test_many_small_jobs_leave_nothing(tmp_path):
    """What `bench/programs/small_jobs.py` measures over 10,000 jobs, over fewer: the server's memory comes to rest."""
    with servers.Firesteel(tmp_path) as server:
        spark = server.session()
        doubled = F.udf(lambda x: x * 2, "long")

        def run(jobs):
            for n in range(jobs):
                assert spark.range(n, n + 1).select(doubled("id")).first()[0] == 2 * n
            with open(f"/proc/{server.process.pid}/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        run(150)
        before = run(150)
        assert run(300) - before < 16 << 20
        assert len(below(server.process.pid)) < 6


def test_interrupt_ends_the_work(server):
    spark = server.session()

    def sleep(x):
        time.sleep(60)
        return x

    failed = []

    def work():
        try:
            spark.range(1).select(F.udf(sleep, "long")("id")).collect()
        except PySparkException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    before = set(below(server.process.pid))
    thread.start()
    busy = set()
    end = time.time() + 20
    while not busy and time.time() < end:
        time.sleep(0.2)
        busy = set(below(server.process.pid)) - before
    time.sleep(0.5)
    spark.interruptAll()
    thread.join(20)
    assert failed and not thread.is_alive()
    end = time.time() + 10
    while busy & set(below(server.process.pid)) and time.time() < end:
        time.sleep(0.2)
    assert not busy & set(below(server.process.pid))


def test_a_limit_stops_the_reader_early(server):
    spark = server.session()

    def endless(batches):
        n = 0
        while True:
            yield pa.RecordBatch.from_arrays([pa.array(range(n, n + 100))], ["n"])
            n += 100

    started = time.time()
    assert spark.range(1, numPartitions=1).mapInArrow(endless, "n long").limit(5).count() == 5
    assert time.time() - started < 30


def test_memory_is_limited(tmp_path):
    with servers.Firesteel(tmp_path, "--conf", "spark.executor.pyspark.memory=2g") as server:
        spark = server.session()

        def greedy(x):
            return len(bytearray(4 << 30))

        with pytest.raises(PySparkException, match="MemoryError"):
            spark.range(1).select(F.udf(greedy, "long")("id")).collect()
        assert len(pids(spark)) == 1


def test_a_worker_that_says_nothing_is_ended_where_asked_for(server):
    spark = server.session()
    spark.conf.set("spark.sql.execution.pyspark.udf.idleTimeoutSeconds", "1")
    spark.conf.set("spark.sql.execution.pyspark.udf.killOnIdleTimeout", "true")
    started = time.time()
    with pytest.raises(PySparkException, match=r"terminated due to idle timeout \(timeout: 1 seconds\)"):
        spark.range(1).select(F.udf(lambda x: time.sleep(60), "long")("id")).collect()
    assert time.time() - started < 30
    assert len(pids(spark)) == 1


def test_a_worker_that_crashes_says_where(server):
    def crash(x):
        import ctypes

        return ctypes.string_at(0)

    spark = server.session()
    with pytest.raises(PySparkException, match="crashed.. Consider setting"):
        spark.range(1).select(F.udf(crash, "long")("id")).collect()
    spark.conf.set("spark.sql.execution.pyspark.udf.faulthandler.enabled", "true")
    with pytest.raises(PySparkException, match=r"(?s)Segmentation fault.*in crash"):
        spark.range(1).select(F.udf(crash, "long")("id")).collect()
    assert len(pids(spark)) == 1


def test_how_much_of_a_traceback_is_told(server):
    spark = server.session()

    def told(key, value):
        spark.conf.set("spark.sql.execution.pyspark.udf." + key, value)
        with pytest.raises(PySparkException) as failure:
            spark.range(1).select(F.udf(lambda x: x // 0, "long")("id")).collect()
        return str(failure.value)

    assert "<lambda>" in told("hideTraceback.enabled", "false") and "serializers.py" not in told("hideTraceback.enabled", "false")
    assert "<lambda>" not in told("hideTraceback.enabled", "true")
    spark.conf.set("spark.sql.execution.pyspark.udf.hideTraceback.enabled", "false")
    assert "serializers.py" in told("simplifiedTraceback.enabled", "false")


def test_a_group_is_not_held_whole(tmp_path):
    """Rows of one group pass through the server, whatever they are: the function takes what it needs."""
    with servers.Firesteel(tmp_path, "--conf", "spark.driver.memory=200m") as server:
        spark = server.session()

        def first(batches):
            rows = 0
            for batch in batches:
                rows += batch.num_rows
            yield pa.RecordBatch.from_arrays([pa.array([rows])], ["n"])

        rows = spark.range(0, 300_000, 1, 2).select((F.col("id") * 0).alias("k"), F.expr("repeat('x', 1000)").alias("t"))

        assert rows.groupBy("k").applyInArrow(iterated(first), "n long").collect()[0].n == 300_000


def iterated(function):
    """The function as one of the kind that takes a group batch by batch, which its type hints say."""
    from typing import Iterator

    def of_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from function(batches)

    return of_batches


def test_groups_of_windows_are_bounded(tmp_path):
    """What must be held whole is taken from the memory of queries: an error, and no end of the server."""
    import pandas as pd

    with servers.Firesteel(tmp_path, "--conf", "spark.driver.memory=100m") as server:
        spark = server.session()

        @F.pandas_udf("long")
        def longest(texts: pd.Series) -> int:
            return int(texts.str.len().max())

        from pyspark.sql import Window

        rows = spark.range(0, 40_000, 1, 2).select((F.col("id") * 0).alias("k"), F.expr("repeat('x', 10000)").alias("t"))
        with pytest.raises(PySparkException, match="(?s)Unable to acquire memory"):
            rows.select(F.length("t"), longest("t").over(Window.partitionBy("k"))).count()
            rows.select(longest("t").over(Window.partitionBy("k")).alias("m")).groupBy("m").count().collect()
        assert spark.range(3).count() == 3


def test_workers_end_with_the_server(tmp_path):
    with servers.Firesteel(tmp_path) as server:
        pids(server.session())
        family = children(server.process.pid) + below(server.process.pid)
        server.process.kill()
        server.process.wait()
        end = time.time() + 10
        while any(os.path.exists(f"/proc/{pid}") for pid in family) and time.time() < end:
            time.sleep(0.1)
        assert family and not any(os.path.exists(f"/proc/{pid}") for pid in family)
