"""The event log, the web UI, REST and the history server."""

import glob
import importlib.util
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
import zipfile

import pytest

from support import browser, servers

_spec = importlib.util.spec_from_file_location("record_rest", os.path.join(servers.TESTS, "oracle", "record_rest.py"))
record_rest = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(record_rest)

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


@pytest.mark.parametrize("codec", ["zstd", "lz4", "snappy"])
def test_a_rolling_log_has_sparks_file_names(tmp_path, codec):
    run_sql(str(tmp_path), str(tmp_path / "logs"), "--conf", f"spark.eventLog.compression.codec={codec}")
    (folder,) = os.listdir(tmp_path / "logs")
    app = folder.removeprefix("eventlog_v2_")
    assert app.startswith("local-")
    assert sorted(os.listdir(tmp_path / "logs" / folder)) == [f"appstatus_{app}", f"events_1_{app}.{codec}"]
    with History(tmp_path / "logs") as history:
        assert len(json.loads(history.get(f"api/v1/applications/{app}/jobs")[1])) > 3


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path):
    told = run_sql(str(tmp_path), str(tmp_path / "logs"), "--conf", f"spark.eventLog.dir={tmp_path}/nowhere", sql="SELECT 1")
    assert "no event log" in told and "does not exist" in told


def test_a_log_in_a_read_only_folder_stops_nobody(tmp_path):
    # A file where the folder should be cannot be written into by anybody, not even by root.
    (tmp_path / "file").write_text("")
    told = run_sql(str(tmp_path), str(tmp_path / "logs"), "--conf", f"spark.eventLog.dir={tmp_path}/file", sql="SELECT 1")
    assert "no event log" in told
    told = run_sql(str(tmp_path), str(tmp_path / "logs"), "--conf", "spark.eventLog.dir=hdfs://name/logs", sql="SELECT 1")
    assert "no event log: hdfs://name/logs is in a store that is not known" in told


def test_what_protects_is_not_ignored(tmp_path):
    told = run_sql(str(tmp_path), str(tmp_path / "logs"), "--conf", "spark.acls.enable=true", sql="SELECT 1")
    assert "no web UI: spark.acls.enable is not supported" in told


def test_secrets_are_not_in_a_log(tmp_path):
    options = ["--conf", "spark.eventLog.compress=false", "--conf", "spark.eventLog.rolling.enabled=false",
               "--conf", "spark.my.password=abracadabra", "--conf", "spark.sql.redaction.string.regex=open [a-z]+"]
    run_sql(str(tmp_path), str(tmp_path / "logs"), *options, sql="SELECT 'open sesame' AS c FROM range(2)")
    (path,) = glob.glob(f"{tmp_path}/logs/*")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert "SQLExecutionStart" in text and "*********(redacted)" in text
    assert "abracadabra" not in text and "sesame" not in text


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


# The web UI of a running server.

PAGES = ["jobs/", "jobs/job/?id=0", "stages/", "stages/stage/?id=0&attempt=0", "storage/", "environment/", "executors/", "SQL/",
         "SQL/execution/?id=0", "StreamingQuery/", "connect/"]


class Application:
    """A server with a client that has run a query of each kind, and runs a stream."""

    def __init__(self, server):
        self.server = server
        self.spark = spark = server.session()
        spark.conf.set("spark.sql.shuffle.partitions", "2")
        self.url = spark.conf.get("firesteel.ui.url", None)
        self.query = record_rest.job(spark, 0)
        end = time.time() + 30
        while not self.query.recentProgress and time.time() < end:
            time.sleep(0.2)
        self.id = json.loads(fetch(f"{self.url}/api/v1/applications")[1])[0]["id"]

    def get(self, path, **options):
        return fetch(f"{self.url}/{path}", **options)

    def rest(self, path):
        status, text = self.get(f"api/v1{path.replace('APP', self.id)}")
        return status, json.loads(text) if status == 200 else text


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ui")
    options = ["--master", "local[2]", "--conf", f"spark.ui.port={free_port()}", "--conf", "spark.app.name=<script>alert(1)</script>"]
    with servers.Firesteel(folder, *options) as server:
        yield Application(server)


def recorded(name):
    with open(os.path.join(servers.TESTS, "ui", "rest_fields.json"), encoding="utf-8") as file:
        return json.load(file)[name]


# What a JVM alone has, and what belongs to queries that Spark plans in another way.
NOT_HERE = {"peakMemoryMetrics", "peakExecutorMetrics", "executorMetricsDistributions", "wholeStageCodegenId", "queryId", "jobGroup",
            "executorResources", "taskResources", "failureReason"}


def missing(want, got, where):
    """Names of Spark's that our answer lacks."""
    if isinstance(want, dict) and isinstance(got, dict):
        own = [f"{where}.{key}" for key in want if key not in got and key not in NOT_HERE]
        return own + [name for key in want if key in got and key not in NOT_HERE
                      for name in missing(want[key], got[key], f"{where}.{key}")]
    if isinstance(want, list) and isinstance(got, list) and want and got:
        return missing(want[0], got[0], f"{where}[]")
    return [] if not want or not got or isinstance(want, type(got)) else [where]


def test_rest_has_sparks_paths_and_names(app):
    lacking = []
    for path, want in recorded("fields").items():
        status, got = app.rest(path)
        assert status == 200, (path, got)
        lacking += missing(want, record_rest.fields(got), path)
    assert lacking == []


def test_rest_says_what_is_not_there_as_spark_does(app):
    for path, (status, text) in recorded("wrong").items():
        got = app.rest(path)
        text = got[1] if text is None else text.replace("oracle job", "<script>alert(1)</script>").replace("APP", app.id)
        assert (path, *got) == (path, status, text)


def test_rest_counts_rows(app):
    jobs = app.rest("/applications/APP/jobs")[1]
    assert {job["status"] for job in jobs} >= {"SUCCEEDED", "FAILED"}
    (query,) = [own for own in app.rest("/applications/APP/sql?length=1000")[1] if own["description"].startswith("SELECT k, count")]
    rows = {node["nodeName"]: [m["value"] for m in node["metrics"] if m["name"] == "number of output rows"] for node in query["nodes"]}
    assert rows["Filter"] == ["989"]
    assert len(query["edges"]) == len(query["nodes"]) - 1
    assert app.rest("/applications/APP/stages/0/0/taskList?length=-1")[0] == 400
    (stream,) = app.rest("/applications/APP/structuredstreaming")[1]
    assert stream["isActive"] and stream["recentProgress"][0]["batchId"] == 0


def test_every_page_is_there_and_escapes_what_it_shows(app):
    for page in [*PAGES, f"StreamingQuery/statistics/?id={app.query.runId}"]:
        status, text = app.get(page)
        assert (page, status) == (page, 200)
        assert "<script>alert" not in text and "&lt;script&gt;alert" in text
    status, text = app.get("jobs/?completedJob.sort=%3Cscript%3Ealert(1)%3C/script%3E&completedJob.page=99999")
    assert status == 200 and "<script>alert" not in text
    for page in ("jobs/job/?id=999", "jobs/job/", "stages/stage/?id=x", "SQL/execution/?id=-1", "nothing", "connect/session/?id=%27"):
        assert app.get(page)[0] == 404


def operators(app, sql):
    """The page of a query that has run."""
    app.spark.sql(sql).collect()
    found = lambda: [own for own in app.rest("/applications/APP/sql?length=100000")[1] if own["description"] == sql and own["nodes"]]
    # The rows may be here before the bus has heard of the end.
    assert until(lambda: [own["status"] for own in found()] == ["COMPLETED"])
    (own,) = found()
    return app.get(f"SQL/execution/?id={own['id']}")[1]


REMARKS = {
    "SELECT count(*) FROM range(1000) WHERE id % 4 = 1": ["250 of 1,000 rows pass (25.0 %)."],
    "SELECT count(*) FROM range(1000) WHERE id % 7 = 9": ["No row is left: check the condition"],
    "SELECT count(*) FROM range(300) a JOIN range(200) b ON a.id = b.id": ["300 rows on the left, 200 on the right, 200 come out."],
    "SELECT count(*) FROM range(300) a JOIN range(300, 400) b ON a.id = b.id": ["No row found a partner"],
    "SELECT count(*) FROM range(400) a JOIN range(400) b ON a.id % 2 = b.id % 2": ["Rows multiply: the keys are not unique"],
    "SELECT try_cast(CASE WHEN id < 40 THEN 'x' ELSE CAST(id AS STRING) END AS INT) AS n FROM range(100)":
        ["40 of 100 values could not be cast and became NULL.", "try_cast(c AS type) IS NULL"],
    "SELECT k, count(*) FROM (SELECT /*+ REPARTITION(4, k) */ IF(id < 99000, 1, id) AS k FROM range(100000)) GROUP BY k LIMIT 1":
        ["Uneven: one task"],
}


@pytest.mark.parametrize("sql", REMARKS)
def test_what_operators_did_is_said_in_words(app, sql):
    page = operators(app, sql)
    assert [text for text in REMARKS[sql] if text.replace("<", "&lt;") not in page] == []


def test_small_files_are_remarked(app, tmp_path):
    out = str(tmp_path / "small")
    app.spark.range(0, 500, 1, 25).repartition(25).write.parquet(out)
    app.spark.read.parquet(out).selectExpr("sum(id) AS sum_of_small_files").collect()
    texts = [app.get(f"SQL/execution/?id={own['id']}")[1] for own in app.rest("/applications/APP/sql?length=100000")[1][-6:]]
    assert any("small files were written" in text for text in texts)
    assert any("small files are read" in text for text in texts)


def test_threads_are_told(app):
    threads = app.rest("/applications/APP/executors/driver/threads")[1]
    assert {"RUNNABLE", "WAITING"} >= {own["threadState"] for own in threads} and any(own["threadName"] == "firesteel-event" for own in threads)
    assert app.rest("/applications/APP/executors/77/threads") == (404, "Executor does not exist.")
    text = app.get("executors/threadDump/?executorId=driver")[1]
    assert "firesteel-event" in text and "Running tasks" in text
    assert app.get("executors/threadDump/?executorId=nobody")[0] == 404


def test_numbers_for_prometheus(app):
    text = app.get("metrics/executors/prometheus")[1]
    assert re.search(r'^metrics_executor_completedTasks_total\{.*executor_id="driver"\} [1-9]', text, re.MULTILINE)


def test_rest_describes_itself(app):
    described = json.loads(app.get("api/v1/openapi.json")[1])
    status, page = app.get("api/v1/")
    assert status == 200 and all(f"GET /api/v1{path}" in page for path in described["paths"])
    for path in described["paths"]:
        if "{" not in path.replace("{app}", "") and not path.endswith("/logs"):
            assert app.rest(path.replace("{app}", "APP"))[0] == 200, path


def test_buttons_are_gone_where_nobody_may_cancel(tmp_path):
    with servers.Firesteel(tmp_path, "--conf", f"spark.ui.port={free_port()}", "--conf", "spark.ui.killEnabled=false",
                           "--conf", "spark.ui.proxyBase=/proxy/app", "--conf", "spark.ui.timelineEnabled=false") as server:
        spark = server.session()
        query = spark.readStream.format("rate").load().writeStream.format("noop").start()
        url = spark.conf.get("firesteel.ui.url", None)
        spark.range(5).count()
        text = fetch(f"{url}/StreamingQuery/")[1]
        assert query.id in text or "RUNNING" in text
        assert "<button" not in text and 'href="/proxy/app/jobs/"' in text and 'href="/proxy/app/static/ui.css"' in text
        assert "Event timeline" not in fetch(f"{url}/jobs/")[1]
        assert fetch(f"{url}/cancel", method="POST", data=f"id={query.runId}".encode())[0] == 403
        query.stop()
        spark.stop()


def test_strangers_and_wrong_methods_are_refused(app):
    assert app.get("jobs/", method="DELETE")[0] == 405
    assert app.get("jobs/", method="POST", data=b"")[0] == 405
    assert app.get("cancel?id=1")[0] == 405
    assert app.get("cancel", method="POST", data=b"id=1", headers={"Origin": "http://example.com"})[0] == 403
    assert app.get("jobs/", headers={"Host": "example.com"})[0] == 421
    assert app.get("cancel", method="POST", data=b"id=nobody")[0] == 404


def test_an_operation_is_cancelled_by_its_button(app):
    spark, failures = app.server.session(), []

    def work():
        try:
            spark.sql("SELECT count(*) FROM range(3000000) a JOIN range(3000000) b ON a.id % 1000 = b.id % 1000").collect()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    statuses, end = [], time.time() + 60
    while thread.is_alive() and time.time() < end:
        # Other operations may be seen first: the one that only reads the SQL text, one of a test before.
        for operation in re.findall(r'name="id" value="([^"]+)"', app.get("connect/")[1]):
            data, origin = f"id={operation}".encode(), {"Origin": app.url}
            statuses.append(app.get("cancel", method="POST", data=data, headers=origin)[0])
        thread.join(0.2)
    assert 200 in statuses, failures
    assert len(failures) == 1 and "OPERATION_CANCELED" in str(failures[0])
    end = time.time() + 30
    while "CANCELED" not in app.get("connect/")[1] and time.time() < end:
        time.sleep(0.2)
    assert "CANCELED" in app.get("connect/")[1]


def test_a_taken_port_leads_to_the_next(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with servers.Firesteel(tmp_path, "--conf", f"spark.ui.port={port}") as server:
            url = server.session().conf.get("firesteel.ui.url", None)
        assert port < int(url.rsplit(":", 1)[1]) <= port + 16


def test_no_ui_where_none_is_wanted(tmp_path):
    with servers.Firesteel(tmp_path, "--conf", "spark.ui.enabled=false") as server:
        spark = server.session()
        assert spark.range(3).count() == 3
        assert spark.conf.get("firesteel.ui.url", None) is None


# The history server.


class History:
    def __init__(self, folder, *options):
        port = free_port()
        command = [servers.firesteel_binary(), "history-server", "--dir", str(folder), "--port", str(port), *options]
        self.process = subprocess.Popen(command, env=servers.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip().rsplit(" ", 1)[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=20)

    def get(self, path):
        return fetch(f"{self.url}/{path}")

    def apps(self):
        return {own["name"]: own for own in json.loads(self.get("api/v1/applications")[1])}


@pytest.fixture(scope="module")
def history(log, tmp_path_factory):
    """Our log, Spark's, a truncated one, one that still grows, and files that are none."""
    folder = tmp_path_factory.mktemp("history")
    (own,) = glob.glob(f"{log}/*")
    shutil.copy(own, folder)
    shutil.copy(os.path.join(servers.TESTS, "ui", "spark_log"), folder)
    with open(own, encoding="utf-8") as file:
        text = file.read()
    cut = text.replace(os.path.basename(own), "local-cut").replace("a <b>log</b>", "cut")
    (folder / "local-cut").write_text(cut[: cut.rindex("SparkListenerJobEnd")] + "\n{nonsense}\n\x00\n")
    growing = text.replace(os.path.basename(own), "local-grows").replace("a <b>log</b>", "grows")
    (folder / "local-grows.inprogress").write_text(growing[: growing.index('{"Event":"SparkListenerJobEnd')])
    (folder / "notes.txt").write_text("this is no log")
    (folder / "damaged.zstd").write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 100)
    with History(folder) as server:
        server.growing, server.folder = growing, folder
        yield server


def test_the_history_server_lists_and_shows_applications(history):
    apps = history.apps()
    assert set(apps) == {"a <b>log</b>", "oracle job", "cut", "grows"}
    for name in ("a <b>log</b>", "oracle job", "cut"):
        base = f"history/{apps[name]['id']}"
        for page in PAGES:
            assert (name, page, history.get(f"{base}/{page}")[0]) == (name, page, 200)
    assert "<b>log" not in history.get("")[1]
    assert "oracle job" in history.get("?q=ORACLE")[1] and "cut" not in history.get("?q=ORACLE")[1]
    assert "grows" in history.get("?showIncomplete=true")[1]
    assert "damaged.zstd" in history.get("")[1] and "notes.txt" in history.get("")[1]
    assert "lines of the log could not be read" in history.get(f"history/{apps['cut']['id']}/jobs/")[1]
    assert history.get("history/nobody/jobs/")[0] == 404


def test_sparks_own_log_gives_sparks_numbers(history):
    rest = f"api/v1/applications/{history.apps()['oracle job']['id']}"
    nodes = json.loads(history.get(f"{rest}/sql/1")[1])["nodes"]
    rows = {node["nodeName"]: {m["name"]: m["value"] for m in node["metrics"]}.get("number of output rows") for node in nodes}
    assert rows["Filter"] == "989" and rows["Range"] == "1,000"
    lacking = []
    for path, want in recorded("fields").items():
        if path not in ("/version", "/applications", "/applications/APP", "/applications/APP/storage/rdd") and "threads" not in path:
            status, got = history.get(path.replace("/applications/APP", rest))
            assert status == 200, (path, got)
            lacking += missing(want, record_rest.fields(json.loads(got)), path)
    assert lacking == []


def test_a_log_is_downloaded_as_zip(history):
    app = history.apps()["oracle job"]["id"]
    with urllib.request.urlopen(f"{history.url}/api/v1/applications/{app}/logs", timeout=30) as answer:
        archive = zipfile.ZipFile(io.BytesIO(answer.read()))
    assert archive.testzip() is None
    with open(os.path.join(servers.TESTS, "ui", "spark_log"), "rb") as file:
        assert archive.read(archive.namelist()[0]) == file.read()


def test_a_growing_log_is_read_on(history):
    rest = f"api/v1/applications/{history.apps()['grows']['id']}"
    assert [job["status"] for job in json.loads(history.get(f"{rest}/jobs")[1])] == ["RUNNING"]
    (history.folder / "local-grows.inprogress").write_text(history.growing)
    statuses = {job["status"] for job in json.loads(history.get(f"{rest}/jobs")[1])}
    assert statuses == {"SUCCEEDED", "FAILED"}


def rolling(folder, files, running=False):
    """The parts of a log as the files of a rolling one."""
    os.makedirs(folder)
    app = os.path.basename(folder).removeprefix("eventlog_v2_")
    open(os.path.join(folder, f"appstatus_{app}" + (".inprogress" if running else "")), "w").close()
    for number, lines in enumerate(files, 1):
        with open(os.path.join(folder, f"events_{number}_{app}"), "w", encoding="utf-8") as file:
            file.writelines(lines)


def until(true, seconds=20):
    end = time.time() + seconds
    while not true() and time.time() < end:
        time.sleep(0.1)
    return true()


def test_a_rolling_log_is_compacted(tmp_path):
    with open(os.path.join(servers.TESTS, "ui", "spark_log"), encoding="utf-8") as file:
        lines = file.readlines()
    app = next(json.loads(line)["App ID"] for line in lines if "ApplicationStart" in line)
    third = len(lines) // 3
    parts = [lines[:third], lines[third:2 * third], lines[2 * third:]]
    folder = tmp_path / f"eventlog_v2_{app}"
    rolling(str(folder), parts)
    options = ["--conf", "spark.history.fs.eventLog.rolling.maxFilesToRetain=1", "--conf", "spark.history.fs.update.interval=1s"]
    with History(tmp_path, *options) as server:
        assert until(lambda: sorted(os.listdir(folder)) == [f"appstatus_{app}", f"events_2_{app}.compact", f"events_3_{app}"])
        assert os.path.getsize(folder / f"events_2_{app}.compact") < sum(len("".join(part)) for part in parts[:2]) / 3
        rest = f"api/v1/applications/{app}"
        assert until(lambda: server.get(f"{rest}/jobs")[0] == 200)
        last = max(json.loads(line)["Job ID"] for line in parts[2] if '"SparkListenerJobEnd"' in line)
        jobs = {job["jobId"]: job["status"] for job in json.loads(server.get(f"{rest}/jobs")[1])}
        assert jobs[last] in ("SUCCEEDED", "FAILED") and 0 not in jobs
        assert json.loads(server.get(rest)[1])["name"] == "oracle job"


def test_old_logs_are_deleted_and_nothing_else(tmp_path):
    with open(os.path.join(servers.TESTS, "ui", "spark_log"), encoding="utf-8") as file:
        text = file.read()
    app = re.search(r'"App ID":"([^"]+)"', text).group(1)
    for name in ("old", "new"):
        (tmp_path / name).write_text(text.replace(app, name))
    (tmp_path / "notes.txt").write_text("this is no log")
    for name in ("old", "notes.txt"):
        os.utime(tmp_path / name, (1, 1))
    options = ["--conf", "spark.history.fs.cleaner.enabled=true", "--conf", "spark.history.fs.cleaner.interval=1s",
               "--conf", "spark.history.fs.update.interval=1s"]
    with History(tmp_path, *options) as server:
        assert until(lambda: not (tmp_path / "old").exists())
        assert (tmp_path / "new").exists() and (tmp_path / "notes.txt").exists()
        assert until(lambda: [own["id"] for own in json.loads(server.get("api/v1/applications")[1])] == ["new"])


def test_thousands_of_logs_are_listed_quickly(tmp_path):
    with open(os.path.join(servers.TESTS, "ui", "spark_log"), encoding="utf-8") as file:
        lines = [line for line in file if "LogStart" in line or "Application" in line]
    text = "".join(lines)
    app = re.search(r'"App ID":"([^"]+)"', text).group(1)
    for number in range(3000):
        (tmp_path / f"app-{number:05}").write_text(text.replace(app, f"app-{number:05}"))
    started = time.time()
    with History(tmp_path) as server:
        assert "3000 logs in" in server.get("")[1]
        # Generous: a loaded machine and a debug build.
        assert time.time() - started < 15
        assert "app-01234" in server.get("?q=app-01234")[1] and "app-01235" not in server.get("?q=app-01234")[1]
        assert len(json.loads(server.get("api/v1/applications?limit=7")[1])) == 7


@pytest.mark.parametrize("option, told", [
    ("spark.history.ui.acls.enable=true", "spark.history.ui.acls.enable"), ("spark.history.kerberos.enabled=true", "kerberos"),
    ("spark.history.provider=com.example.Own", "spark.history.provider"), ("spark.history.fs.logDirectory=hdfs://host/logs", "in a store that is not known"),
    ("spark.history.fs.update.interval=soon", "expected a duration")])
def test_a_history_server_refuses_what_it_cannot_keep(tmp_path, option, told):
    command = [servers.firesteel_binary(), "history-server", "--conf", f"spark.history.fs.logDirectory={tmp_path}", "--conf", option]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, env=servers.environment())
    assert done.returncode == 1 and told in done.stderr


def test_a_history_server_says_what_it_does_not_use(tmp_path):
    with History(tmp_path, "--conf", "spark.history.store.path=/nowhere", "--conf", "spark.history.ui.maxApplications=5") as server:
        assert server.get("api/v1/applications")[0] == 200
        server.process.terminate()
        told = server.process.stderr.read()
    assert "ignoring spark.history.store.path" in told and "maxApplications" not in told


def test_a_large_stage_is_paged(tmp_path):
    """20,000 tasks (bench/run.py events: 100,000): pages come in pieces, sorted by what is asked for."""
    spec = importlib.util.spec_from_file_location("event_log", os.path.join(servers.ROOT, "bench", "programs", "event_log.py"))
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    app = generator.write(str(tmp_path / "large"), 1, 20_000)
    with History(tmp_path) as server:
        status, text = server.get(f"history/{app}/stages/stage/?id=0&attempt=0&tasks.sort=Duration&tasks.desc=true&tasks.page=7")
        assert status == 200 and "Page 7 of 200, 20,000 rows" in text and len(text) < 400_000
        tasks = json.loads(server.get(f"api/v1/applications/{app}/stages/0/0/taskList?sortBy=-runtime&length=3")[1])
        assert [task["duration"] for task in tasks] == [999, 999, 999]
        # All of them at once are written as they are sent: megabytes of JSON, which are never in memory together.
        everything = json.loads(server.get(f"api/v1/applications/{app}/stages/0/0/taskList?length=100000")[1])
        assert len(everything) == 20_000 and everything[7]["taskMetrics"]["shuffleReadMetrics"]
        whole = json.loads(server.get(f"api/v1/applications/{app}/stages/0/0")[1])
        assert list(whole["tasks"].values()) == everything
        with open(f"/proc/{server.process.pid}/status", encoding="utf-8") as file:
            (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", file.read())
        assert int(peak) < 200_000


def test_a_history_server_without_folder_says_so(tmp_path):
    command = [servers.firesteel_binary(), "history-server", "--dir", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "spark.history.fs.logDirectory" in done.stderr


# A real browser.

SHOTS = os.path.join(servers.ROOT, "target", "screenshots")
SHAPES = {"": (1280, 1400, False), "_dark": (1280, 1400, True), "_phone": (400, 900, False)}
needs_browser = pytest.mark.skipif(browser.BROWSER is None, reason="needs Chromium: Debian's package chromium")


def look(window, url, name):
    """Opens a page in each shape: a picture of each, and what is wrong with them."""
    os.makedirs(SHOTS, exist_ok=True)
    wrong = []
    for shape, (width, height, dark) in SHAPES.items():
        window.shape(width, height, dark)
        window.problems.clear()
        window.open(url)
        window.picture(os.path.join(SHOTS, f"{name}{shape}.png"))
        wrong += window.problems + window.script(browser.CONTRAST) + (window.script(browser.BARRIERS) if not shape else [])
        if window.script("document.documentElement.scrollWidth") > width:
            wrong.append("wider than the window")
        assert "<script>alert" not in window.script("document.documentElement.outerHTML")
    return [(name, text) for text in wrong]


@needs_browser
def test_a_browser_shows_every_page(app, history):
    pages = {page.split("?")[0].strip("/").replace("/", "_"): f"{app.url}/{page}" for page in PAGES}
    pages["stream"] = f"{app.url}/StreamingQuery/statistics/?id={app.query.runId}"
    pages["threads"] = f"{app.url}/executors/threadDump/?executorId=driver"
    pages["rest"] = f"{app.url}/api/v1/"
    replayed = f"{history.url}/history/{history.apps()['oracle job']['id']}"
    pages["history"] = f"{history.url}/"
    pages["history_SQL_execution"] = f"{replayed}/SQL/execution/?id=1"
    pages["history_stage"] = f"{replayed}/stages/stage/?id=0&attempt=0"
    with browser.Browser() as window:
        assert [problem for name, url in pages.items() for problem in look(window, url, name)] == []


def links(window):
    """Links of the page that lead to other pages of the same server."""
    return window.script("[...document.querySelectorAll('main a[href], header a[href]')].map(a => a.getAttribute('href'))"
                         ".filter(h => h.startsWith('/') && !h.includes('/logs'))")


def click_through(window, start, most=60):
    """Clicks from page to page until every kind of page was seen; what answered with an error."""
    kind = lambda link: re.sub(r"[?#].*", "", re.sub(r"local-\d+", "app", link))
    window.shape(1280, 1400)
    window.open(start)
    window.problems.clear()
    seen, waiting = {kind(re.sub("^http://[^/]*", "", start))}, [(start, link) for link in links(window)]
    while waiting and len(seen) < most:
        page, link = waiting.pop(0)
        if kind(link) in seen:
            continue
        seen.add(kind(link))
        window.open(page)
        window.script("document.querySelectorAll('details').forEach(d => d.open = true)")
        window.click(f'main a[href="{link}"], header a[href="{link}"]')
        here = window.script("location.href")
        waiting += [(here, own) for own in links(window)]
    return seen, window.problems


@needs_browser
def test_every_page_is_reached_by_clicks(app, history):
    with browser.Browser() as window:
        seen, problems = click_through(window, f"{app.url}/jobs/")
        wanted = {"/jobs/job/", "/stages/", "/stages/stage/", "/storage/", "/storage/rdd/", "/environment/", "/executors/", "/SQL/",
                  "/executors/threadDump/", "/SQL/execution/", "/StreamingQuery/", "/StreamingQuery/statistics/", "/connect/", "/connect/session/"}
        assert (wanted - seen, problems) == (set(), [])
        window.open(f"{history.url}/")
        assert "oracle job" in window.script("document.body.innerText")
        seen, problems = click_through(window, f"{history.url}/history/{history.apps()['oracle job']['id']}/jobs/")
        assert {f"/history/app{page}" for page in wanted if page not in ("/storage/rdd/", "/executors/threadDump/", "/connect/session/")} - seen == set()
        assert problems == []


@needs_browser
def test_a_keyboard_is_enough(app):
    with browser.Browser() as window:
        window.open(f"{app.url}/SQL/")
        window.press("Tab")
        assert window.script("document.activeElement.className") == "skip"
        for _ in range(60):
            window.press("Tab")
            if window.script("document.activeElement.closest('th') !== null"):
                break
        assert window.script("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        window.loaded = False
        window.press("Enter")
        window.wait()
        assert ".sort=" in window.script("location.search")
        assert window.script("document.querySelectorAll('th[aria-sort]').length") > 0


@needs_browser
def test_a_live_page_renews_itself(app):
    with browser.Browser() as window:
        window.open(f"{app.url}/StreamingQuery/statistics/?id={app.query.runId}")
        before = window.script("document.querySelector('main').innerText")
        assert until(lambda: window.script("document.querySelector('main').innerText") != before)
        assert window.problems == []
