"""Event logs in buckets: written there, and read by the history server."""

import io
import json
import os
import re
import shutil
import subprocess
import urllib.request
import zipfile

import pytest

from support import servers
from support import store as stores
from test_ui import SQL, History, free_port, run_sql, until

pytestmark = pytest.mark.skipif(not os.path.exists(stores.PROGRAM), reason="needs tests/requirements-store.txt in target/python/store")


@pytest.fixture(scope="module")
def store():
    with stores.Store(free_port()) as running:
        yield running


def spark_log():
    with open(os.path.join(servers.TESTS, "ui", "spark_log"), encoding="utf-8") as file:
        text = file.read()
    return text, re.search(r'"App ID":"([^"]+)"', text).group(1)


def write(store, folder, bucket, *options, sql=SQL):
    return run_sql(str(folder), str(folder / "logs"), *store.conf(), "--conf", f"spark.eventLog.dir=s3a://{bucket}/some/logs", *options, sql=sql)


def test_a_rolling_log_comes_to_a_bucket_and_is_read_there(store, tmp_path):
    bucket = store.make("rolling")
    assert "event log" not in write(store, tmp_path, bucket)
    names = sorted(store.names(bucket))
    app = names[0].split("/")[-1].removeprefix("appstatus_")
    folder = f"some/logs/eventlog_v2_{app}"
    assert names == [f"{folder}/appstatus_{app}", f"{folder}/events_1_{app}.zstd"]
    with History(f"s3a://{bucket}/some/logs", *store.conf()) as history:
        assert f"s3a://{bucket}/some/logs/" in history.get("")[1]
        assert [own["id"] for own in history.apps().values()] == [app]
        statuses = [job["status"] for job in json.loads(history.get(f"api/v1/applications/{app}/jobs")[1])]
        assert set(statuses) == {"SUCCEEDED", "FAILED"}
        assert history.get(f"history/{app}/SQL/")[0] == 200
        with zipfile.ZipFile(io.BytesIO(store_download(history, app))) as archive:
            assert archive.testzip() is None
            assert sorted(archive.namelist()) == [f"eventlog_v2_{app}/events_1_{app}.zstd"]


def store_download(history, app):
    with urllib.request.urlopen(f"{history.url}/api/v1/applications/{app}/logs", timeout=20) as answer:
        return answer.read()


def test_a_log_in_one_file_goes_in_pieces_where_it_is_long(store, tmp_path):
    bucket = store.make("single")
    # Longer than what is sent in one piece.
    sql = "".join(f"SELECT {number}, length('{'x' * 3_000_000}');\n" for number in range(4))
    (tmp_path / "long.sql").write_text(sql)
    conf = ["spark.eventLog.enabled=true", f"spark.eventLog.dir=s3a://{bucket}", "spark.eventLog.compress=false", "spark.eventLog.rolling.enabled=false"]
    options = [part for text in conf for part in ("--conf", text)]
    command = [servers.firesteel_binary(), "sql", *store.conf(), *options, "-f", str(tmp_path / "long.sql")]
    done = subprocess.run(command, cwd=tmp_path, env=servers.environment(), capture_output=True, text=True, timeout=60, check=True)
    assert "event log" not in done.stderr
    ((name, size),) = store.names(bucket).items()
    assert size > 12_000_000 and not name.endswith(".inprogress")
    with History(f"s3a://{bucket}", *store.conf()) as history:
        assert len(json.loads(history.get(f"api/v1/applications/{name}/sql")[1])) == 4


def test_a_running_application_is_seen_in_the_bucket(store, tmp_path):
    bucket = store.make("running")
    (tmp_path / "job.py").write_text(
        "import os, time\nfrom pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n"
        "spark.range(10).count()\nwhile not os.path.exists('go'):\n    time.sleep(0.1)\nspark.range(20).count()\nspark.stop()\n"
    )
    conf = ["--conf", "spark.eventLog.enabled=true", "--conf", f"spark.eventLog.dir=s3a://{bucket}/"]
    command = [servers.firesteel_binary(), "submit", *store.conf(), *conf, "job.py"]
    job = subprocess.Popen(command, cwd=tmp_path, env=servers.environment(), stderr=subprocess.PIPE, text=True)
    try:
        options = [*store.conf(), "--conf", "spark.history.fs.update.interval=1s"]
        with History(f"s3a://{bucket}", *options) as history:
            running = lambda: json.loads(history.get("api/v1/applications?status=running")[1])  # noqa: E731
            assert until(running, 40)
            app = running()[0]["id"]
            jobs = lambda: len(json.loads(history.get(f"api/v1/applications/{app}/jobs")[1]))  # noqa: E731
            assert until(lambda: jobs() == 1, 30)
            (tmp_path / "go").write_text("")
            assert job.wait(60) == 0
            assert until(lambda: not running())
            assert jobs() == 2
    finally:
        job.kill()
        said = job.communicate()[1]
    assert "event log" not in said
    assert not any(name.endswith(".inprogress") for name in store.names(bucket))


def test_a_store_that_fails_stops_nobody(store, tmp_path):
    told = write(store, tmp_path, "nobodys", sql="SELECT 1 + 1 AS two")
    assert "NoSuchBucket" in told
    (kept,) = re.findall(r"did not come to s3a://nobodys/some/logs/: it is in (\S+)", told)
    assert os.listdir(kept)
    shutil.rmtree(kept)
    told = write(store, tmp_path, "nobodys", "--conf", f"spark.hadoop.fs.s3a.endpoint=http://127.0.0.1:{free_port()}", sql="SELECT 1")
    assert "the store cannot be reached" in told and "did not come to s3a://nobodys" in told
    shutil.rmtree(told.rsplit("it is in ", 1)[1].split()[0])
    told = write(store, tmp_path, "b", "--conf", "spark.hadoop.fs.s3a.encryption.algorithm=SSE-KMS", sql="SELECT 1")
    assert "no event log: spark.hadoop.fs.s3a.encryption.algorithm (SSE-KMS) is not supported" in told
    told = write(store, tmp_path, "b", "--conf", "spark.hadoop.fs.s3a.aws.credentials.provider=com.example.Own", sql="SELECT 1")
    assert "no event log: " in told and "com.example.Own" in told


def test_old_logs_in_a_bucket_are_deleted_and_rolling_ones_compacted(store):
    text, app = spark_log()
    bucket = store.make("clean")
    lines = text.splitlines(keepends=True)
    third = len(lines) // 3
    for number in range(3):
        part = lines[number * third:(number + 1) * third if number < 2 else None]
        store.ask("PUT", f"{bucket}/eventlog_v2_{app}/events_{number + 1}_{app}", "".join(part).encode())
    store.ask("PUT", f"{bucket}/eventlog_v2_{app}/appstatus_{app}", b"")
    for number in range(3):
        store.ask("PUT", f"{bucket}/one-{number}", text.replace(app, f"one-{number}").encode())
    store.ask("PUT", f"{bucket}/notes.txt", b"this is no log")
    conf = {"eventLog.rolling.maxFilesToRetain": 1, "update.interval": "1s"}
    options = [part for key, value in conf.items() for part in ("--conf", f"spark.history.fs.{key}={value}")]
    with History(f"s3a://{bucket}", *store.conf(), *options) as history:
        inner = lambda: sorted(name.split("/")[1] for name in store.names(bucket) if "/" in name)  # noqa: E731
        assert until(lambda: inner() == [f"appstatus_{app}", f"events_2_{app}.compact", f"events_3_{app}"])
        assert until(lambda: history.get(f"api/v1/applications/{app}/jobs")[0] == 200)
    options += ["--conf", "spark.history.fs.cleaner.enabled=true", "--conf", "spark.history.fs.cleaner.maxNum=1"]
    with History(f"s3a://{bucket}", *store.conf(), *options) as history:
        assert until(lambda: len(history.apps()) == 1)
        assert "notes.txt" in store.names(bucket)
