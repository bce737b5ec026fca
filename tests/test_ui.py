"""The event log, the web UI, REST and the history server."""

import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from support import servers

# A query with two exchanges, a write, and one that fails.
SQL = """
SELECT k, count(*) AS c FROM (SELECT id, id % 7 AS k FROM range(0, 1000, 1, 2)) WHERE id > 10 GROUP BY k ORDER BY k;
CREATE TABLE t USING parquet AS SELECT id, id % 3 AS k FROM range(100);
SELECT a.k, count(*) FROM t a JOIN t b ON a.k = b.k GROUP BY a.k;
SELECT '<script>alert(1)</script>' AS hostile, count(*) FROM range(10);
SELECT assert_true(id < 5) FROM range(10);
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def run_sql(folder, log, *options, sql=SQL):
    """Runs statements with an event log; what firesteel said on standard error."""
    os.makedirs(log, exist_ok=True)
    conf = ["--conf", "spark.eventLog.enabled=true", "--conf", f"spark.eventLog.dir=file://{log}"]
    command = [servers.firesteel_binary(), "sql", "--master", "local[2]", "--name", "a <b>log</b>", *conf, *options]
    done = subprocess.run(
        [*command, "-e", sql], cwd=folder, env=servers.environment(), capture_output=True, text=True, timeout=60
    )
    return done.stderr


def events_of(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def short(event):
    return event["Event"].rsplit(".", 1)[-1].removeprefix("SparkListener")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A folder with the log of one application, as plain text."""
    folder = tmp_path_factory.mktemp("log")
    options = ["--conf", "spark.eventLog.compress=false", "--conf", "spark.eventLog.rolling.enabled=false"]
    run_sql(str(folder), str(folder / "logs"), *options)
    return folder / "logs"


def test_a_log_has_sparks_events(log):
    (path,) = glob.glob(f"{log}/*")
    assert not path.endswith(".inprogress")
    events = events_of(path)
    names = [short(event) for event in events]
    assert names[0] == "LogStart" and names[-1] == "ApplicationEnd"
    for name in ("ApplicationStart", "EnvironmentUpdate", "ExecutorAdded", "BlockManagerAdded", "JobStart", "JobEnd",
                 "StageSubmitted", "StageCompleted", "TaskStart", "TaskEnd", "SQLExecutionStart", "SQLExecutionEnd"):
        assert name in names
    assert names.count("TaskStart") == names.count("TaskEnd")
    assert names.count("JobStart") == names.count("JobEnd") == names.count("SQLExecutionStart")


def test_numbers_in_a_log_are_measured(log):
    (path,) = glob.glob(f"{log}/*")
    events = events_of(path)
    start = next(event for event in events if short(event) == "SQLExecutionStart")
    nodes, rows = {}, {}

    def walk(node):
        nodes[node["nodeName"]] = node
        for child in node["children"]:
            walk(child)

    walk(start["sparkPlanInfo"])
    for event in events:
        if short(event) == "TaskEnd":
            for own in event["Task Info"]["Accumulables"]:
                if own["Name"] == "number of output rows":
                    rows[own["ID"]] = rows.get(own["ID"], 0) + int(own["Update"])
    accumulator = {m["name"]: m["accumulatorId"] for m in nodes["Filter"]["metrics"]}
    assert rows[accumulator["number of output rows"]] == 989
    job = next(event for event in events if short(event) == "JobStart")
    assert [info["Number of Tasks"] for info in job["Stage Infos"]] == [2, 2, 1]
    assert [info["Parent IDs"] for info in job["Stage Infos"]] == [[], [0], [1]]
    failed = [event for event in events if short(event) == "JobEnd" and event["Job Result"]["Result"] == "JobFailed"]
    assert len(failed) == 1 and "USER_RAISED_EXCEPTION" in failed[0]["Job Result"]["Exception"]["Message"]


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_a_rolling_log_has_sparks_file_names(tmp_path, codec):
    run_sql(str(tmp_path), str(tmp_path / "logs"), "--conf", f"spark.eventLog.compression.codec={codec}")
    (folder,) = os.listdir(tmp_path / "logs")
    app = folder.removeprefix("eventlog_v2_")
    assert app.startswith("local-")
    assert sorted(os.listdir(tmp_path / "logs" / folder)) == [f"appstatus_{app}", f"events_1_{app}.{codec}"]


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path):
    told = run_sql(str(tmp_path), str(tmp_path / "logs"), "--conf", f"spark.eventLog.dir={tmp_path}/nowhere", sql="SELECT 1")
    assert "no event log" in told and "does not exist" in told


def spark_jars():
    homes = [os.environ.get("SPARK_HOME", "")]
    homes += glob.glob(os.path.join(servers.ROOT, "target/python/oracle/lib/python3*/site-packages/pyspark"))
    return next((jars for jars in (os.path.join(home, "jars") for home in homes) if glob.glob(f"{jars}/spark-core*")), None)


OPENED = [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in ("java.lang", "java.nio", "java.util", "sun.nio.ch")]


def fetch(url, **options):
    """Status and text of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **options), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")
@pytest.mark.skipif(spark_jars() is None, reason="needs Apache Spark's jars: SPARK_HOME, or cargo xtask bless once")
def test_sparks_history_server_shows_a_log(tmp_path):
    logs = tmp_path / "logs"
    run_sql(str(tmp_path), str(logs))
    port = free_port()
    command = ["java", "-Xmx600m", *OPENED, f"-Dspark.history.fs.logDirectory=file://{logs}", "-cp", f"{spark_jars()}/*",
               f"-Dspark.history.ui.port={port}", "org.apache.spark.deploy.history.HistoryServer"]
    with open(tmp_path / "spark.log", "wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env=servers.environment())
    try:
        base, apps, end = f"http://127.0.0.1:{port}", [], time.time() + 60
        while not apps and time.time() < end:
            time.sleep(0.5)
            try:
                apps = json.loads(fetch(f"{base}/api/v1/applications")[1])
            except (OSError, ValueError):
                pass
        (app,) = apps
        assert app["name"] == "a <b>log</b>" and app["attempts"][0]["completed"] is True
        pages = ["jobs/", "jobs/job/?id=0", "stages/", "stages/stage/?id=0&attempt=0", "SQL/", "SQL/execution/?id=0",
                 "environment/", "executors/", "storage/"]
        assert [(page, fetch(f"{base}/history/{app['id']}/{page}")[0]) for page in pages] == [(page, 200) for page in pages]
        rest = f"{base}/api/v1/applications/{app['id']}"
        statuses = {job["status"] for job in json.loads(fetch(f"{rest}/jobs")[1])}
        assert statuses == {"SUCCEEDED", "FAILED"}
        nodes = json.loads(fetch(f"{rest}/sql/0")[1])["nodes"]
        rows = {node["nodeName"]: {m["name"]: m["value"] for m in node["metrics"]}.get("number of output rows") for node in nodes}
        assert rows["Filter"] == "989"
        assert len(json.loads(fetch(f"{rest}/stages/0/0/taskList")[1])) == 2
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
