"""The commands: what a user types, what comes out, and with which status it ends."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time

import pytest
from support import servers

EXAMPLE = os.path.join(servers.ROOT, "examples", "etl_json_sqlite")
PREAMBLE = "from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n"


def start(arguments, folder, **more):
    env = {**servers.environment(), **more}
    return subprocess.Popen(
        [servers.firesteel_binary(), *arguments], cwd=folder, env=env, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )


def run(arguments, folder, timeout=120, **more):
    process = start(arguments, folder, **more)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, out, err


def submit(folder, script, *options, arguments=(), **more):
    path = os.path.join(folder, "job.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(script)
    return run(["submit", *options, path, *arguments], folder, **more)


def test_version(tmp_path):
    status, out, _ = run(["version"], tmp_path)
    assert status == 0 and "Spark 4.2" in out


def test_help_names_every_command(tmp_path):
    status, out, _ = run(["--help"], tmp_path)
    assert status == 0
    assert all(command in out for command in ("submit", "shell", "sql", "connect"))


def test_unknown_option_fails(tmp_path):
    status, _, err = run(["submit", "--no-such-option", "x.py"], tmp_path)
    assert status == 1 and "--no-such-option" in err


def test_submit_gives_arguments_and_status(tmp_path):
    script = "import sys\nprint(sys.argv[1:], __name__, __file__)\nsys.exit(7)\n"
    status, out, _ = submit(tmp_path, script, arguments=["one", "--two", "th ree"])
    assert status == 7
    assert out == f"['one', '--two', 'th ree'] __main__ {tmp_path}/job.py\n"


def test_submit_runs_a_query(tmp_path):
    status, out, err = submit(tmp_path, PREAMBLE + "spark.range(3).show()\n")
    assert (status, out) == (0, "+---+\n| id|\n+---+\n|  0|\n|  1|\n|  2|\n+---+\n\n"), err


def test_console_prints_what_show_prints(tmp_path):
    """As Spark's `ConsoleSinkProvider`, which calls `show(numRows, truncate)`, whatever the save mode."""
    script = PREAMBLE + """
df = spark.createDataFrame([(1, "x" * 30), (2, "b"), (3, None)], "a INT, s STRING")
df.write.format("console").save()
print("--", flush=True)
df.write.format("console").option("numRows", 2).option("truncate", False).mode("append").save()
print("--", flush=True)
df.show()
print("--", flush=True)
df.show(2, False)
"""
    status, out, err = submit(tmp_path, script)
    assert status == 0, err
    first, second, third, fourth = out.split("--\n")
    assert "only showing top 2 rows" in second and first == third and second == fourth, out


def test_submit_classic_builder_and_context(tmp_path):
    script = """
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession
conf = SparkConf().setAppName("classic").set("spark.sql.shuffle.partitions", "3")
spark = SparkSession.builder.master("local[2]").config(conf=conf).appName("named").getOrCreate()
print(spark.sparkContext.appName, spark.sparkContext.master, spark.conf.get("spark.sql.shuffle.partitions"))
print(spark.range(5).rdd.count(), spark.range(0).rdd.isEmpty())
spark.stop()
"""
    status, out, err = submit(tmp_path, script)
    assert (status, out) == (0, "named local[2] 3\n5 True\n"), err


def test_submit_options_reach_the_program(tmp_path):
    script = PREAMBLE + "for key in ('my.key', 'spark.app.name', 'spark.master', 'spark.sql.shuffle.partitions'):\n    print(spark.conf.get(key))\n"
    options = ["--conf", "my.key=a=b", "--conf", "spark.sql.shuffle.partitions=9", "--name", "a name", "--master", "local[2]"]
    status, out, err = submit(tmp_path, script, *options)
    assert (status, out) == (0, "a=b\na name\nlocal[2]\n9\n"), err


def test_properties_come_from_files_and_the_command_line_wins(tmp_path):
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text("# ours\nspark.sql.shuffle.partitions 5\nspark.app.name=from file\n")
    script = PREAMBLE + "print(spark.conf.get('spark.sql.shuffle.partitions'), spark.conf.get('spark.app.name'))\n"
    status, out, err = submit(tmp_path, script, "--conf", "spark.sql.shuffle.partitions=6", SPARK_CONF_DIR=str(conf))
    assert (status, out) == (0, "6 from file\n"), err
    (tmp_path / "other.conf").write_text("spark.sql.shuffle.partitions 8\n")
    status, out, err = submit(tmp_path, script, "--properties-file", str(tmp_path / "other.conf"), "--name", "n", SPARK_CONF_DIR=str(conf))
    assert (status, out) == (0, "8 n\n"), err


def test_a_script_wins_over_the_command_line(tmp_path):
    script = (
        "from pyspark.sql import SparkSession\n"
        "spark = SparkSession.builder.config('spark.sql.shuffle.partitions', '4').getOrCreate()\n"
        "print(spark.conf.get('spark.sql.shuffle.partitions'))\n"
    )
    status, out, err = submit(tmp_path, script, "--conf", "spark.sql.shuffle.partitions=6")
    assert (status, out) == (0, "4\n"), err


def test_traceback_is_pythons_own(tmp_path):
    script = "def f():\n    raise ValueError('mine')\n\nf()\n"
    status, out, err = submit(tmp_path, script)
    plain = subprocess.run([sys.executable, str(tmp_path / "job.py")], capture_output=True, text=True, cwd=tmp_path)
    assert (status, out) == (1, "")
    assert err == plain.stderr


def test_syntax_error_in_the_script(tmp_path):
    status, _, err = submit(tmp_path, "print('x'\n")
    assert status == 1 and "SyntaxError" in err and f'{tmp_path}/job.py", line 1' in err


def test_failed_query_ends_with_its_condition(tmp_path):
    status, _, err = submit(tmp_path, PREAMBLE + "spark.sql('SELECT 1/0').show()\n")
    assert status == 1 and "[DIVIDE_BY_ZERO]" in err and "SQLSTATE: 22012" in err


def test_py_files(tmp_path):
    (tmp_path / "helper.py").write_text("VALUE = 'from helper'\n")
    os.mkdir(tmp_path / "elsewhere")
    status, out, err = submit(tmp_path / "elsewhere", "import helper\nprint(helper.VALUE)\n", "--py-files", str(tmp_path / "helper.py"))
    assert (status, out) == (0, "from helper\n"), err


FUNCTIONS = """
from pyspark import SparkFiles
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf

spark = SparkSession.builder.getOrCreate()

@udf("string")
def told(x):
    import helper

    with open(SparkFiles.get("data.txt")) as file:
        return helper.shout(file.read()) + str(x)

print(spark.range(1).select(told("id")).collect()[0][0])
"""


def test_functions_find_files_and_modules(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "helper.py").write_text("def shout(text):\n    return text.upper()\n")
    (tmp_path / "data.txt").write_text("hello")
    options = ["--py-files", str(tmp_path / "helper.py"), "--files", str(tmp_path / "data.txt")]
    status, out, err = submit(tmp_path / "elsewhere", FUNCTIONS, *options)
    assert (status, out) == (0, "HELLO0\n"), err


ARCHIVES = """
import os
from pyspark import SparkFiles
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf

spark = SparkSession.builder.getOrCreate()

@udf("string")
def read(path):
    return open(os.path.join(SparkFiles.get("model"), path)).read()

print(open(SparkFiles.get("model/weights.txt")).read(), spark.range(1).selectExpr("'weights.txt' p").select(read("p")).first()[0])
print(spark.sparkContext.parallelize([1]).map(lambda _: os.listdir(SparkFiles.get("plain.zip"))).first())
"""


def test_archives_are_unpacked_for_program_and_functions(tmp_path):
    import shutil

    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "weights.txt").write_text("1.5")
    shutil.make_archive(tmp_path / "packed", "gztar", tmp_path / "content")
    shutil.make_archive(tmp_path / "plain", "zip", tmp_path / "content")
    archives = f"{tmp_path / 'packed.tar.gz'}#model,{tmp_path / 'plain.zip'}"
    status, out, err = submit(tmp_path, ARCHIVES, "--archives", archives)
    assert (status, out) == (0, "1.5 1.5\n['weights.txt']\n"), err


INTERPRETERS = """
import sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf

spark = SparkSession.builder.getOrCreate()
print(spark.range(1).select(udf(lambda _: sys.executable, "string")("id")).first()[0])
print(spark.sparkContext.parallelize([1]).map(lambda _: sys.executable).first())
"""


def test_functions_run_in_the_interpreter_that_is_asked_for(tmp_path):
    other = tmp_path / "other-python"
    seen = tmp_path / "asked"
    other.write_text(f'#!/bin/sh\necho asked >> "{seen}"\nexec "{sys.executable}" "$@"\n')
    other.chmod(0o755)
    status, out, err = submit(tmp_path, INTERPRETERS, PYSPARK_PYTHON=str(other), PYSPARK_DRIVER_PYTHON=sys.executable)
    assert status == 0 and len(out.split()) == 2 and seen.exists(), err
    status, _, err = submit(tmp_path, INTERPRETERS, "--conf", "spark.pyspark.python=/no/such/python", "--conf", f"spark.pyspark.driver.python={sys.executable}")
    assert status == 1 and "/no/such/python" in err


FINDS = """
import findspark
findspark.init("/opt/spark-3.3.0-bin-hadoop3")
import pyspark
from pyspark.sql import SparkSession
print(SparkSession.builder.getOrCreate().range(3).count(), findspark.find() != "")
"""
HOME = """
import glob, os, sys
home = os.environ["SPARK_HOME"]
sys.path[:0] = [os.path.join(home, "python"), glob.glob(os.path.join(home, "python", "lib", "py4j-*.zip"))[0]]
from pyspark import SparkContext
from pyspark.sql import SparkSession, functions as F
sc = SparkContext("local[2]", "found")
print(sc.parallelize([1, 2, 3]).map(lambda x: x + 1).sum(), sc.appName)
spark = SparkSession(sc)
print(spark.range(2).select(F.udf(lambda x: x * 10, "long")("id").alias("x")).agg(F.sum("x")).first()[0])
"""


def test_findspark_finds_a_spark(tmp_path):
    status, out, err = submit(tmp_path, FINDS)
    assert (status, out) == (0, "3 True\n"), err


@pytest.mark.parametrize("exported", [False, True])
def test_a_spark_home_is_laid_out(tmp_path, exported):
    home = tmp_path / "spark"
    status, out, _ = run(["spark-home", str(home)], tmp_path)
    assert (status, out) == (0, f"{home}\n")
    assert "Spark 4.2" in subprocess.run([home / "bin" / "spark-submit", "--version"], capture_output=True, text=True).stderr
    environment = {**servers.environment(), "SPARK_HOME": str(home)}
    if exported:
        # As people have it in their profiles.
        environment["PYTHONPATH"] = str(home / "python")
    ended = subprocess.run([sys.executable, "-c", HOME], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, "9 found\n10\n"), ended.stderr
    status, out, err = submit(tmp_path, FINDS, **{key: environment[key] for key in ("SPARK_HOME", "PYTHONPATH") if key in environment})
    assert (status, out) == (0, "3 True\n"), err


def test_what_cannot_run_is_refused_by_name(tmp_path):
    for options, told in (
        (["--packages", "com.example:nosuch:1.0"], "com.example:nosuch:1.0"),
        (["--master", "yarn"], "yarn"),
        (["--deploy-mode", "cluster"], "cluster"),
        (["--conf", "noequals"], "noequals"),
    ):
        status, out, err = submit(tmp_path, "print('ran')\n", *options)
        assert status == 1 and out == "" and told in err, (options, err)
    status, _, err = run(["submit", "nosuch.py"], tmp_path)
    assert status == 1 and "nosuch.py" in err
    status, _, err = run(["submit", "app.jar"], tmp_path)
    assert status == 1 and "app.jar" in err


def test_known_package_is_accepted(tmp_path):
    status, out, err = submit(tmp_path, "print('ran')\n", "--packages", "org.xerial:sqlite-jdbc:3.50.3.0")
    assert (status, out) == (0, "ran\n"), err


def test_a_jdbc_hint_is_refused_when_it_would_be_sent(tmp_path):
    """As Spark 4.2.1 with SQLite's driver on its class path answers, of which the recorder has none."""
    script = """
import sqlite3
from pyspark.errors import IllegalArgumentException
from pyspark.sql import SparkSession
with sqlite3.connect("t.db") as connection:
    connection.execute("CREATE TABLE t (a INT)")
spark = SparkSession.builder.getOrCreate()
frame = spark.read.format("jdbc").option("url", "jdbc:sqlite:t.db").option("dbtable", "t").option("hint", "/*+ x */").load()
print(frame.columns)
try:
    frame.collect()
except IllegalArgumentException as error:
    print(error.getCondition(), error.getMessageParameters())
spark.stop()
"""
    status, out, err = submit(tmp_path, script)
    assert status == 0, err
    assert out == "['a']\nHINT_UNSUPPORTED_FOR_JDBC_DIALECT {'jdbcDialect': 'NoopDialect$'}\n"


def test_spark_submit_by_its_name(tmp_path):
    link = tmp_path / "spark-submit"
    link.symlink_to(servers.firesteel_binary())
    (tmp_path / "job.py").write_text("print('ran')\n")
    done = subprocess.run([link, "job.py"], cwd=tmp_path, env=servers.environment(), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr


def processes_of(group):
    """Living processes of a process group."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                    parts = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(parts[2]) == group and parts[0] != "Z":
                found.append(int(entry))
    return found


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="asks /proc which processes live")
@pytest.mark.parametrize("to_all", [True, False], ids=["the terminal's Ctrl-C", "a signal to the command alone"])
def test_interrupt_ends_everything(tmp_path, to_all):
    script = PREAMBLE + "print('ready', flush=True)\nimport time\nspark.range(3).count()\ntime.sleep(600)\n"
    (tmp_path / "job.py").write_text(script)
    process = start(["submit", "job.py"], tmp_path)
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(1)
        if to_all:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGTERM)
        process.wait(20)
        assert process.returncode != 0
        end = time.time() + 10
        while processes_of(process.pid) and time.time() < end:
            time.sleep(0.1)
        assert processes_of(process.pid) == []
    finally:
        if processes_of(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.stderr.close()
        process.wait()


def test_sql_prints_rows_with_tabs(tmp_path):
    status, out, err = run(["sql", "-e", "SELECT 1 AS a, 'x' AS b, int(null) AS c; SELECT array(1, 2)"], tmp_path)
    assert (status, out) == (0, "1\tx\tNULL\n[1,2]\n"), err


def test_sql_prints_a_null_without_a_type(tmp_path):
    _, out, _ = run(["sql", "-e", "SELECT null"], tmp_path)
    assert out == "NULL\n"


def test_sql_from_a_file(tmp_path):
    (tmp_path / "q.sql").write_text("-- two statements\nCREATE TEMPORARY VIEW v AS SELECT id FROM range(3);\nSELECT sum(id) FROM v;\n")
    status, out, err = run(["sql", "-f", "q.sql"], tmp_path)
    assert (status, out) == (0, "3\n"), err


def test_sql_errors_have_a_status(tmp_path):
    for text, told in (("SELECT 1 +", "PARSE_SYNTAX_ERROR"), ("SELECT * FROM nosuch", "TABLE_OR_VIEW_NOT_FOUND"), ("SELECT 1/0", "DIVIDE_BY_ZERO")):
        status, out, err = run(["sql", "-e", text], tmp_path)
        assert status == 1 and told in out + err


def test_taken_port(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = run(["connect", "--port", str(port)], tmp_path)
    assert status == 1 and str(port) in err


def test_token_keeps_strangers_out(tmp_path):
    # Clients of their own processes: a session that was refused would stay the active one here.
    ask = "import sys\nfrom pyspark.sql import SparkSession\nprint(SparkSession.builder.remote(sys.argv[1]).getOrCreate().range(2).count())\n"
    with servers.Firesteel(tmp_path, "--token", "secret") as server:
        for token, allowed in (("", False), ("/;token=wrong", False), ("/;token=secret", True)):
            (tmp_path / "ask.py").write_text(ask)
            command = [sys.executable, "ask.py", server.url + token]
            done = subprocess.run(command, env=servers.environment(), capture_output=True, text=True, timeout=120, cwd=tmp_path)
            assert (done.returncode, done.stdout) == ((0, "2\n") if allowed else (1, "")), done.stderr
            assert allowed or re.search("(?i)unauthenticated", done.stderr)


def test_server_stops_in_good_order(tmp_path):
    server = servers.Firesteel(tmp_path)
    server.start()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(20) == 0


def test_the_example_end_to_end(tmp_path):
    people, database = str(tmp_path / "people.json"), str(tmp_path / "people.db")
    subprocess.run([sys.executable, os.path.join(EXAMPLE, "generate.py"), "--rows", "1000", "--output", people], check=True, capture_output=True)
    job = ["submit", os.path.join(EXAMPLE, "job.py"), people, database]
    status, out, err = run(job, tmp_path)
    assert status == 0, err
    expected = cleaned(people)
    assert f"0 rows were there before, {len(expected)} are there now (mode overwrite)." in out
    assert rows_of(database) == expected
    assert "|-- salary: double (nullable = true)" in out

    status, out, err = run(job, tmp_path)
    assert status == 0 and f"{len(expected)} rows were there before, {len(expected)} are there now" in out, err
    status, out, err = run([*job, "append"], tmp_path)
    assert status == 0 and f"{len(expected)} rows were there before, {2 * len(expected)} are there now" in out, err
    assert rows_of(database) == sorted(expected * 2)


def rows_of(database):
    with sqlite3.connect(database) as connection:
        return sorted(connection.execute("SELECT name, age, email, salary FROM people").fetchall())


def cleaned(people):
    """What the job does, in plain Python."""
    import json

    kept = []
    with open(people, encoding="utf-8") as file:
        for one in map(json.loads, file):
            if one["age"] is None or one["age"] < 18 or one["salary"] <= 30000 or one["email"] is None:
                continue
            email = re.sub(r"\.{2,}", ".", re.sub(r"^mailto:|[\s<>;]", "", one["email"].strip(" ").lower()))
            kept.append((one["name"], one["age"], email, one["salary"]))
    return sorted(kept)


def sparks_examples():
    """Where the full PySpark keeps its example programs, if some environment here has it."""
    pattern = os.path.join(servers.ROOT, "target", "python", "oracle", "lib")
    candidates = [os.environ.get("SPARK_EXAMPLES", "")]
    if os.path.isdir(pattern):
        candidates += [
            os.path.join(pattern, version, "site-packages/pyspark/examples/src/main") for version in os.listdir(pattern)
        ]
    return next((path for path in candidates if path and os.path.isdir(os.path.join(path, "python"))), None)
