"""Tables that outlive the process: the metastore, several processes at once, and processes that are killed."""

import os
import random
import signal
import sqlite3
import time

import pytest
from test_cli import PREAMBLE, run, start, submit

METASTORE = "spark-warehouse.metastore.sqlite"


def sql(folder, *statements, **more):
    """The lines that statements print, each statement of its own."""
    arguments = ["sql", "-S", *(one for statement in statements for one in ("-e", statement))]
    status, out, err = run(arguments, folder, **more)
    assert status == 0, err
    return out.splitlines()


def test_tables_are_there_tomorrow(tmp_path):
    sql(tmp_path, "CREATE DATABASE d", "CREATE TABLE d.t (id INT, p STRING) USING parquet PARTITIONED BY (p)",
        "INSERT INTO d.t VALUES (1, 'x'), (2, 'y')", "CREATE VIEW d.v AS SELECT id * 10 AS tens FROM d.t")
    assert sorted(sql(tmp_path, "SELECT * FROM d.t")) == ["1\tx", "2\ty"]
    assert sorted(sql(tmp_path, "SELECT tens FROM d.v")) == ["10", "20"]
    assert sql(tmp_path, "SHOW PARTITIONS d.t") == ["p=x", "p=y"]
    assert sql(tmp_path, "USE d", "SHOW TABLES") == ["t", "v"] or len(sql(tmp_path, "USE d", "SHOW TABLES")) == 2
    sql(tmp_path, "DROP DATABASE d CASCADE")
    assert sql(tmp_path, "SHOW DATABASES") == ["default"]
    assert not (tmp_path / "spark-warehouse" / "d.db").exists()


def test_functions_in_sql_are_there_tomorrow(tmp_path):
    sql(tmp_path, "CREATE FUNCTION plus(x INT, y INT DEFAULT 1) RETURNS INT RETURN x + y")
    sql(tmp_path, "EXECUTE IMMEDIATE 'CREATE FUNCTION twice(x INT) RETURNS INT RETURN 2 * x'")
    assert sql(tmp_path, "SELECT plus(1), plus(1, 2), twice(4)") == ["2\t3\t8"]
    assert sql(tmp_path, "SHOW USER FUNCTIONS") == ["spark_catalog.default.plus", "spark_catalog.default.twice"]
    sql(tmp_path, "DROP FUNCTION plus")
    assert sql(tmp_path, "SHOW USER FUNCTIONS") == ["spark_catalog.default.twice"]


def test_reading_makes_no_metastore(tmp_path):
    (tmp_path / "a.csv").write_text("1,2\n")
    assert sql(tmp_path, "SELECT 1", "SELECT * FROM csv.`a.csv`", "SHOW TABLES", "SHOW DATABASES")
    assert os.listdir(tmp_path) == ["a.csv"]


def test_a_program_says_whether_its_tables_stay(tmp_path):
    make = 'spark.range(3).write.mode("overwrite").saveAsTable("t")\nprint(spark.table("t").count())\n'
    hive = "from pyspark.sql import SparkSession\nspark = SparkSession.builder.enableHiveSupport().getOrCreate()\n"
    status, out, err = submit(tmp_path, hive + make)
    assert status == 0 and out.split() == ["3"], err
    status, out, err = submit(tmp_path, hive + 'print(spark.table("t").count())')
    assert status == 0 and out.split() == ["3"], err
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    status, out, err = submit(elsewhere, PREAMBLE + make)
    assert status == 0 and out.split() == ["3"], err
    status, out, err = submit(elsewhere, PREAMBLE + 'print(spark.catalog.tableExists("t"))')
    assert status == 0 and out.split() == ["False"], err
    assert not (elsewhere / METASTORE).exists()


def test_the_warehouse_can_be_elsewhere(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir(), other.mkdir()
    conf = ["--conf", f"spark.sql.warehouse.dir={tmp_path}/shared"]
    assert run(["sql", *conf, "-e", "CREATE TABLE t AS SELECT 5 AS x"], one)[0] == 0
    status, out, _ = run(["sql", "-S", *conf, "-e", "SELECT x FROM t"], other)
    assert status == 0 and out.split() == ["5"]
    assert sorted(os.listdir(tmp_path)) == ["one", "other", "shared", "shared.metastore.sqlite"]
    script = f'spark = SparkSession.builder.config("spark.sql.warehouse.dir", "{tmp_path}/shared").enableHiveSupport().getOrCreate()\n'
    status, out, err = submit(one, "from pyspark.sql import SparkSession\n" + script + 'print(spark.table("t").first().x)')
    assert status == 0 and out.split() == ["5"], err


def test_another_metastore_is_refused_by_name(tmp_path):
    status, _, err = run(["sql", "--conf", "spark.hadoop.hive.metastore.uris=thrift://h:9083", "-e", "SHOW TABLES"], tmp_path)
    assert status != 0 and "thrift://h:9083" in err
    url = "spark.hadoop.javax.jdo.option.ConnectionURL=jdbc:mysql://h/m"
    status, _, err = run(["sql", "--conf", url, "-e", "SHOW TABLES"], tmp_path)
    assert status != 0 and "jdbc:mysql://h/m" in err
    url = "spark.hadoop.javax.jdo.option.ConnectionURL=jdbc:derby:;databaseName=meta/db;create=true"
    assert run(["sql", "--conf", url, "-e", "CREATE TABLE t (a INT)"], tmp_path)[0] == 0
    assert (tmp_path / "meta" / "db.metastore.sqlite").exists()


def test_two_processes_at_once(tmp_path):
    sql(tmp_path, "CREATE TABLE shared (id INT, p INT) USING parquet PARTITIONED BY (p)")
    made = [
        start(["sql", "-S", "-e", f"CREATE TABLE t{n} AS SELECT {n} AS x", "-e", f"INSERT INTO shared VALUES ({n}, {n})",
               "-e", f"CREATE DATABASE d{n}", "-e", f"INSERT INTO shared PARTITION (p = 99) VALUES ({n})"], tmp_path)
        for n in range(4)
    ]
    for process in made:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert sorted(sql(tmp_path, "SELECT id FROM shared")) == sorted(["0", "1", "2", "3"] * 2)
    assert sql(tmp_path, "SHOW PARTITIONS shared") == ["p=0", "p=1", "p=2", "p=3", "p=99"]
    assert len(sql(tmp_path, "SHOW DATABASES")) == 5
    assert [sql(tmp_path, f"SELECT x FROM t{n}") for n in range(4)] == [["0"], ["1"], ["2"], ["3"]]


def test_one_process_sees_what_another_did(tmp_path):
    script = PREAMBLE.replace("builder", "builder.enableHiveSupport()") + """
import subprocess, os
binary = os.environ["FIRESTEEL_UNDER_TEST"]
def elsewhere(text):
    subprocess.run([binary, "sql", "-S", "-e", text], check=True, stdout=subprocess.DEVNULL)
spark.sql("CREATE TABLE t (id INT) USING parquet")
print(spark.table("t").count())
elsewhere("INSERT INTO t VALUES (1), (2)")
print(spark.table("t").count())
elsewhere("ALTER TABLE t ADD COLUMNS (more STRING)")
print(spark.table("t").columns)
elsewhere("DROP TABLE t")
print(spark.catalog.tableExists("t"))
"""
    from support import servers

    status, out, err = submit(tmp_path, script, FIRESTEEL_UNDER_TEST=servers.firesteel_binary())
    assert status == 0 and out.splitlines() == ["0", "2", "['id', 'more']", "False"], err


def kill_after(arguments, folder, seconds):
    process = start(arguments, folder)
    try:
        process.wait(timeout=seconds)
    except Exception:  # noqa: BLE001 - whatever it waits for, it is killed
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_while_a_table_is_made(tmp_path, seed):
    """CREATE TABLE AS, killed anywhere: the table is whole or not there, and can be made again."""
    chance = random.Random(seed)
    make = "CREATE TABLE t AS SELECT id, cast(id AS string) AS s FROM range(300000)"
    began = time.monotonic()
    sql(tmp_path, make, "DROP TABLE t")
    usual = time.monotonic() - began
    for _ in range(6):
        kill_after(["sql", "-S", "-e", make], tmp_path, chance.uniform(0, usual * 1.2))
        there = sql(tmp_path, "SHOW TABLES")
        if there:
            assert sql(tmp_path, "SELECT count(*), count(s) FROM t") == ["300000\t300000"]
            kill_after(["sql", "-S", "-e", "DROP TABLE t"], tmp_path, chance.uniform(0, usual / 2))
            if not sql(tmp_path, "SHOW TABLES"):
                sql(tmp_path, "CREATE TABLE t (a INT)", "DROP TABLE t")
        else:
            sql(tmp_path, make)
            assert sql(tmp_path, "SELECT count(*) FROM t") == ["300000"]
        sql(tmp_path, "DROP TABLE IF EXISTS t")


def test_killed_between_the_files_and_the_catalog(tmp_path):
    """What a process killed at that very moment leaves: files, and a folder that nobody owns."""
    sql(tmp_path, "CREATE TABLE t AS SELECT 1 AS x", "CREATE TABLE parts (id INT, p INT) USING parquet PARTITIONED BY (p)")
    catalog = sqlite3.connect(tmp_path / METASTORE)
    (location,) = catalog.execute("SELECT location FROM tables WHERE name = 't'").fetchone()
    space = os.readlink("/proc/self/ns/pid")
    catalog.execute("DELETE FROM tables WHERE name = 't'")
    catalog.execute("INSERT INTO leftovers VALUES (?, ?)", (location, f"{os.getpid()}@1@{space}"))
    # INSERT told the catalog of a partition and died before its files were in place.
    catalog.execute("INSERT INTO partitions VALUES ('default', 'parts', 'p=1', NULL, 0, NULL)")
    catalog.commit()
    catalog.close()
    assert os.listdir(location)
    assert sql(tmp_path, "SHOW TABLES") == sql(tmp_path, "SHOW TABLES LIKE 'parts'")
    assert sql(tmp_path, "SELECT * FROM parts") == []
    sql(tmp_path, "INSERT INTO parts VALUES (5, 1)")
    assert sql(tmp_path, "SELECT * FROM parts") == ["5\t1"]
    sql(tmp_path, "CREATE TABLE t AS SELECT 2 AS x")
    assert sql(tmp_path, "SELECT x FROM t") == ["2"]


def test_killed_while_partitions_are_overwritten(tmp_path):
    chance = random.Random(3)
    sql(tmp_path, "CREATE TABLE t (id BIGINT, p BIGINT) USING parquet PARTITIONED BY (p)",
        "INSERT INTO t SELECT id, id % 5 FROM range(100000)")
    began = time.monotonic()
    sql(tmp_path, "INSERT OVERWRITE t SELECT id, id % 5 FROM range(100000)")
    usual = time.monotonic() - began
    sizes = {"100000", "200000"}
    for round_ in range(6):
        size = 200000 if round_ % 2 == 0 else 100000
        overwrite = f"INSERT OVERWRITE t SELECT id, id % 5 FROM range({size})"
        kill_after(["sql", "-S", "-e", overwrite], tmp_path, chance.uniform(0, usual * 1.3))
        # The next write repairs a commit that was cut.
        sql(tmp_path, "INSERT INTO t SELECT id, p FROM t WHERE false")
        assert sql(tmp_path, "SELECT count(*) FROM t")[0] in sizes
