"""Limits: memory is bounded and spills, a finished query holds nothing, an interrupted one stops."""

import os
import threading
import time

import pytest
from support import servers
from test_cli import submit


@pytest.fixture
def small(tmp_path, request):
    """A server with 64 MiB (or the parameter) for its queries and a folder of its own for what spills."""
    spills = tmp_path / "spills"
    spills.mkdir()
    memory = f"spark.driver.memory={getattr(request, 'param', '64m')}"
    options = ["--conf", memory, "--conf", f"spark.local.dir={spills}", "--master", "local[2]"]
    with servers.Firesteel(tmp_path, *options) as server:
        server.spills = spills
        yield server


def files(folder):
    """What a folder holds, but for the marks that tell whose the folders in it are."""
    return [os.path.join(base, name) for base, _, names in os.walk(folder) for name in names if name != ".owner"]


def test_cached_rows_that_exceed_memory_go_to_disk(small):
    from pyspark.sql import functions as F

    spark = small.session()
    # 4 million rows of two longs: 64 MB, where cached rows may take 32.
    df = spark.range(4_000_000).selectExpr("id", "id * 2 AS double").repartition(4).cache()
    assert df.count() == 4_000_000
    assert files(small.spills)
    row = df.select("*", F.spark_partition_id().alias("p")).selectExpr("sum(id)", "sum(double)", "count(DISTINCT p)").first()
    assert tuple(row) == (7_999_998_000_000, 15_999_996_000_000, 4)
    df.unpersist()
    assert spark.range(10).count() == 10
    # The thread of the web UI lets plans, and what they hold, go a moment after their queries.
    end = time.time() + 20
    while files(small.spills) and time.time() < end:
        time.sleep(0.1)
    assert not files(small.spills)


def test_disk_only_takes_no_memory_and_checkpoints_keep_partitions(small):
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

    spark = small.session()
    df = spark.range(1_000_000).repartition(3).persist(StorageLevel.DISK_ONLY)
    assert df.count() == 1_000_000
    assert len(files(small.spills)) == 3
    assert df.selectExpr("sum(id)").first()[0] == 499_999_500_000
    # PySpark's client keeps a checkpoint for the session that is active, which may be another test's.
    type(spark)._active_session.session = spark
    kept = spark.range(1000).repartition(5).localCheckpoint()
    assert kept.select(F.spark_partition_id()).distinct().count() == 5


@pytest.mark.parametrize(
    "spread",
    [
        lambda df: df.repartition(3),
        lambda df: df.repartition(200, "id"),
        lambda df: df.repartitionByRange(20, "id"),
        lambda df: df.repartition(200, "id").sortWithinPartitions("text"),
    ],
    ids=["round robin", "by key", "by range", "by key and sorted"],
)
def test_rows_that_move_and_exceed_memory_go_to_disk(small, tmp_path, spread):
    from pyspark.sql import functions as F

    spark = small.session()
    # About 150 MB.
    df = spark.range(0, 2_000_000, 1, 4).withColumn("text", F.sha2(F.col("id").cast("string"), 256))
    spread(df).write.parquet(str(tmp_path / "moved"))
    checks = ["count(*)", "sum(id)", "bit_xor(xxhash64(id, text))"]
    assert spark.read.parquet(str(tmp_path / "moved")).selectExpr(*checks).first() == df.selectExpr(*checks).first()


@pytest.mark.parametrize("small", ["128m"], indirect=True)
def test_joins_that_exceed_memory_go_to_disk(small, tmp_path):
    from pyspark.sql import functions as F

    spark = small.session()
    # Each side is more than 110 MB.
    count = 1_500_000
    left = spark.range(0, count, 1, 4).withColumn("text", F.sha2(F.col("id").cast("string"), 256))
    right = left.withColumn("other", F.col("id") + 1).drop("id")
    counts = {how: left.join(right, "text", how).count() for how in ("inner", "full", "anti")}
    assert counts == {"inner": count, "full": count, "anti": 0}
    left.join(right, "text").write.parquet(str(tmp_path / "joined"))
    row = spark.read.parquet(str(tmp_path / "joined")).selectExpr("count(*)", "sum(id)", "sum(other - id)").first()
    assert tuple(row) == (count, count * (count - 1) // 2, count)


COUNTED_JOIN = """
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.getOrCreate()
seen = spark.sparkContext.accumulator(0)

def count(batches):
    for batch in batches:
        seen.add(batch.num_rows)
        yield batch

texts = spark.range(0, 1_500_000, 1, 4).withColumn("text", F.sha2(F.col("id").cast("string"), 256))
left = texts.mapInArrow(count, "id long, text string")
right = texts.withColumnRenamed("id", "other").mapInArrow(count, "other long, text string")
print(left.join(right, "text").selectExpr("count(*)").first()[0], seen.value)
"""


def test_a_join_begun_anew_counts_its_accumulators_once(tmp_path):
    """What tasks of the first try, which did not fit into memory, have added is forgotten."""
    options = ["--conf", "spark.driver.memory=128m", "--master", "local[2]"]
    status, out, err = submit(tmp_path, COUNTED_JOIN, *options, FIRESTEEL_LOG="info")
    assert status == 0, err
    assert "the query begins anew with sort-merge joins" in err + out
    assert "1500000 3000000" in out, out


def test_what_cannot_go_to_disk_fails_with_its_name(small):
    from pyspark.sql import functions as F

    spark = small.session()
    left = spark.range(0, 2_000_000, 1, 4).withColumn("text", F.repeat(F.sha2(F.col("id").cast("string"), 256), F.lit(8)))
    grouped = left.groupBy().agg(F.collect_list("text").alias("all"))
    with pytest.raises(Exception, match="UNABLE_TO_ACQUIRE_MEMORY"):
        grouped.selectExpr("size(all)").collect()
    assert spark.range(10).count() == 10


def test_distinct_values_that_exceed_memory_go_to_disk(small):
    from pyspark.sql import functions as F

    spark = small.session()
    df = spark.range(0, 1_000_000, 1, 4).withColumn("text", F.sha2(F.col("id").cast("string"), 256))
    assert df.agg(F.countDistinct("text")).first()[0] == 1_000_000
    row = df.agg(F.count("*"), F.avg("id"), F.countDistinct("text"), F.max("id")).first()
    assert tuple(row) == (1_000_000, 499_999.5, 1_000_000, 999_999)
    rows = df.groupBy((F.col("id") % 3).alias("k")).agg(F.countDistinct("text"), F.min("id")).orderBy("k").collect()
    assert [tuple(row) for row in rows] == [(0, 333_334, 0), (1, 333_333, 1), (2, 333_333, 2)]


def test_tasks_of_a_barrier_stage_that_cannot_all_run_are_refused(small):
    spark = small.session()
    df = spark.range(10).repartition(3)
    assert df.repartition(2).mapInPandas(lambda rows: rows, "id long", barrier=True).count() == 10
    with pytest.raises(Exception, match="SPARK-24819.*more slots"):
        df.mapInPandas(lambda rows: rows, "id long", barrier=True).count()


def test_finished_joins_hold_no_memory(small):
    spark = small.session()
    # Each build side is about 1 MB: kept ones would fill the 64 MB long before the end.
    left = spark.range(50_000).withColumnRenamed("id", "k")
    right = spark.range(60_000)
    for _ in range(150):
        assert right.join(left, right.id == left.k).count() == 50_000


def test_an_interrupted_cache_stops_its_work(small):
    spark = small.session()
    failures = []

    def count():
        try:
            spark.range(10**13).selectExpr("id % 7 AS k").groupBy("k").count().cache().collect()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            failures.append(error)

    thread = threading.Thread(target=count)
    thread.start()
    wait(lambda: busy(small) > 0.3, "the query does not run")
    spark.interruptAll()
    thread.join(60)
    assert failures and "OPERATION_CANCELED" in str(failures[0])
    wait(lambda: busy(small) < 0.1, "the server still computes")


def test_an_interrupted_script_takes_its_pipeline_with_it(small):
    spark = small.session()
    failures = []

    def run():
        try:
            spark.sql("SELECT TRANSFORM(id) USING 'sleep 98761 | cat' AS (a) FROM range(3)").collect()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait(lambda: sleeping("98761"), "the script does not run")
    spark.interruptAll()
    thread.join(60)
    assert failures and "OPERATION_CANCELED" in str(failures[0])
    wait(lambda: not sleeping("98761"), "a command of the script still runs")


def sleeping(seconds):
    """Whether a process sleeps for that long."""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if file.read().split(b"\0")[:2] == [b"sleep", seconds.encode()]:
                    return True
        except OSError:
            continue
    return False


def busy(server):
    """Cores that the server uses, over half a second."""
    before = ticks(server.process.pid)
    time.sleep(0.5)
    return (ticks(server.process.pid) - before) / os.sysconf("SC_CLK_TCK") / 0.5


def ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def wait(condition, otherwise, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, otherwise


def test_a_running_query_tells_its_progress_as_often_as_its_session_wants(server):
    from pyspark.sql import functions as F

    spark = server.session()
    slow = F.udf(lambda n: time.sleep(0.3) or n, "long")
    heard = []

    def hear(stages, inflight_tasks, operation_id, done):
        heard.append(done)

    spark.registerProgressHandler(hear)
    spark.conf.set("spark.connect.progress.reportInterval", "-1")
    assert len(spark.range(2).coalesce(1).select(slow("id")).collect()) == 2
    quiet = heard.count(False)
    spark.conf.set("spark.connect.progress.reportInterval", "20ms")
    assert len(spark.range(2).coalesce(1).select(slow("id")).collect()) == 2
    assert quiet == 0 and heard.count(False) >= 1
    spark.stop()
