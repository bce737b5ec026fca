"""What a streaming query does when its files are damaged: nothing is lost and nothing is there twice, or it is refused."""

import glob
import json
import os
import shutil

import pytest

SCHEMA = "k STRING, v BIGINT"


def drop(tmp, number, rows=20):
    folder = str(tmp / "in")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"f{number}.json")
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        for row in range(rows):
            file.write(json.dumps({"k": f"k{row % 5}", "v": number * rows + row}) + "\n")
    os.rename(path + ".tmp", path)
    os.utime(path, (1700000000 + number, 1700000000 + number))
    return path


def rows(spark, tmp, number=1):
    return spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", number).json(str(tmp / "in"))


def run(frame, tmp):
    write = frame.writeStream.format("parquet").option("checkpointLocation", str(tmp / "cp"))
    write.trigger(availableNow=True).start(str(tmp / "out")).awaitTermination()


def values(spark, tmp):
    return sorted(row[0] for row in spark.read.parquet(str(tmp / "out")).select("v").collect())


def stopped(spark, tmp):
    """A query that has done three batches, with one more file to read."""
    for number in range(3):
        drop(tmp, number)
    run(rows(spark, tmp), tmp)
    assert values(spark, tmp) == list(range(60))
    drop(tmp, 3)


def half(path):
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(data[: len(data) // 2])


def empty(path):
    open(path, "w", encoding="utf-8").close()


DAMAGE = {
    "offsets/2 empty": (lambda cp: empty(cp / "offsets" / "2"), "Incomplete log file"),
    "offsets/2 half": (lambda cp: half(cp / "offsets" / "2"), "offsets/2"),
    "offsets/1 gone": (lambda cp: os.remove(cp / "offsets" / "1"), "doesn't exist"),
    "commits/2 empty": (lambda cp: empty(cp / "commits" / "2"), "Incomplete log file"),
    "metadata half": (lambda cp: half(cp / "metadata"), "metadata"),
    "sources/0/2 empty": (lambda cp: empty(cp / "sources" / "0" / "2"), "Incomplete log file"),
    "sources/0/2 half": (lambda cp: half(cp / "sources" / "0" / "2"), "sources/0/2"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_log_is_refused(spark, tmp_path, name):
    damage, words = DAMAGE[name]
    stopped(spark, tmp_path)
    shutil.copytree(tmp_path / "cp", tmp_path / "whole")
    damage(tmp_path / "cp")
    with pytest.raises(Exception, match=words):
        run(rows(spark, tmp_path), tmp_path)
    assert values(spark, tmp_path) == list(range(60))
    # With the log as it was, the query goes on.
    shutil.rmtree(tmp_path / "cp")
    shutil.move(tmp_path / "whole", tmp_path / "cp")
    run(rows(spark, tmp_path), tmp_path)
    assert values(spark, tmp_path) == list(range(80))


def test_a_commit_that_is_gone_runs_its_batch_again(spark, tmp_path):
    stopped(spark, tmp_path)
    os.remove(tmp_path / "cp" / "commits" / "2")
    run(rows(spark, tmp_path), tmp_path)
    assert values(spark, tmp_path) == list(range(80))


@pytest.mark.parametrize("damage", [half, empty, os.remove])
def test_damaged_state_is_refused(spark, tmp_path, damage):
    for number in range(3):
        drop(tmp_path, number)

    def counts():
        return rows(spark, tmp_path).dropDuplicates(["k", "v"]).select("v")

    run(counts(), tmp_path)
    drop(tmp_path, 3)
    (path,) = glob.glob(str(tmp_path / "cp" / "state" / "0" / "default" / "2.delta"))
    damage(path)
    with pytest.raises(Exception, match="2.delta"):
        run(counts(), tmp_path)
    assert values(spark, tmp_path) == list(range(60))


def test_a_file_that_has_vanished(spark, tmp_path):
    """A batch runs again, and the file that its offsets name is gone: Spark's query goes on without it, and ours."""
    stopped(spark, tmp_path)
    os.remove(tmp_path / "cp" / "commits" / "2")
    os.remove(tmp_path / "out" / "_spark_metadata" / "2")
    os.remove(tmp_path / "in" / "f2.json")
    run(rows(spark, tmp_path), tmp_path)
    assert values(spark, tmp_path) == list(range(40)) + list(range(60, 80))


def test_a_file_that_is_cut(spark, tmp_path):
    """A row that is cut is a malformed one, as in Spark."""
    stopped(spark, tmp_path)
    half(tmp_path / "in" / "f3.json")
    run(rows(spark, tmp_path), tmp_path)
    got = [row[0] for row in spark.read.parquet(str(tmp_path / "out")).select("v").collect()]
    assert len(got) in (70, 71) and sorted(v for v in got if v is not None)[:60] == list(range(60))


def test_state_that_its_memory_cannot_hold(spark, tmp_path):
    """Partitions of the state come and go; the answer is that of a query with room for all."""
    key = "spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB"
    spark.conf.set("spark.sql.shuffle.partitions", 16)
    answers, sizes = [], []
    for megabytes in (500, 1):
        spark.conf.set(key, megabytes)
        frame = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 30_000).load()
        counts = frame.selectExpr("concat('a long key, so that state takes room ', value % 40000) AS k", "value").groupBy("k").count()
        write = counts.writeStream.format("memory").queryName(f"counts{megabytes}").outputMode("complete")
        query = write.option("checkpointLocation", str(tmp_path / f"cp{megabytes}")).start()
        try:
            while not query.lastProgress or query.lastProgress["batchId"] < 3:
                query.awaitTermination(0.1)
        finally:
            query.stop()
        sizes.append(query.lastProgress["stateOperators"][0]["memoryUsedBytes"])
        done = [report for report in query.recentProgress if report["batchId"] == 3][0]
        answers.append(done["stateOperators"][0]["numRowsTotal"])
    spark.conf.unset(key)
    spark.conf.unset("spark.sql.shuffle.partitions")
    assert answers == [40_000, 40_000]
    assert sizes[1] <= 1 << 20 < sizes[0]
    with pytest.raises(Exception, match="maxMemoryUsageMB"):
        spark.conf.set(key, "much")


@pytest.mark.parametrize("megabytes", [500, 1])
def test_duplicates_by_partitions_of_the_state(spark, tmp_path, megabytes):
    """Many keys, in one batch and across batches, whether or not all of them fit into the memory; each comes once."""
    key = "spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB"
    spark.conf.set("spark.sql.shuffle.partitions", 16)
    spark.conf.set(key, megabytes)
    folder = tmp_path / "in"
    for number in range(3):
        keys = f"SELECT concat('a long key, so that state takes room ', (id * 7919 + {number * 20_000}) % 60000) AS k FROM range(50000)"
        spark.sql(keys).write.mode("append").parquet(str(folder))
    stream = spark.readStream.schema("k STRING").option("maxFilesPerTrigger", 1).parquet(str(folder))
    query = stream.dropDuplicates(["k"]).writeStream.format("memory").queryName(f"once{megabytes}").trigger(availableNow=True).start()
    query.awaitTermination()
    spark.conf.unset(key)
    spark.conf.unset("spark.sql.shuffle.partitions")
    rows = spark.table(f"once{megabytes}")
    read = sum(report["sources"][0]["numInputRows"] for report in query.recentProgress)
    dropped = sum(report["stateOperators"][0]["customMetrics"]["numDroppedDuplicateRows"] for report in query.recentProgress)
    assert read == 150_000 and rows.count() == rows.distinct().count() == read - dropped == 60_000


def test_a_join_by_partitions_of_its_state(spark):
    """Batches of many keys are joined by several tasks, each with partitions of its own."""
    spark.conf.set("spark.sql.shuffle.partitions", 7)
    frame = lambda: spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 30_000).load()  # noqa: E731
    left, right = frame().selectExpr("value AS a"), frame().selectExpr("value + 7 AS b", "value AS c")
    joined = left.join(right, left.a == right.b)
    query = joined.writeStream.format("memory").queryName("many").start()
    try:
        while not query.lastProgress or query.lastProgress["batchId"] < 1:
            query.awaitTermination(0.1)
    finally:
        query.stop()
        spark.conf.unset("spark.sql.shuffle.partitions")
    got = spark.sql("SELECT count(*) n, count(DISTINCT a) d, min(a) low, max(a) high, sum(a - c) s FROM many").first()
    seen = got.high + 1
    assert seen % 30_000 == 0 and seen >= 60_000
    assert (got.n, got.d, got.low, got.s) == (seen - 7, seen - 7, 7, 7 * (seen - 7))
