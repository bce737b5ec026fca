"""Answers of the history server beside those of Spark's own, of the same logs, in the same run."""

import glob
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from support import servers
from test_ui import OPENED, History, fetch, free_port, run_sql, spark_jars

pytestmark = [
    pytest.mark.skipif(shutil.which("java") is None, reason="needs Java"),
    pytest.mark.skipif(spark_jars() is None, reason="needs Apache Spark's jars: SPARK_HOME, or cargo xtask bless once"),
]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The two servers, and the applications in their folder: one of Spark's, one of ours."""
    folder = tmp_path_factory.mktemp("compare")
    logs = folder / "logs"
    run_sql(str(folder), str(logs))
    with open(os.path.join(servers.TESTS, "ui", "spark_log"), encoding="utf-8") as file:
        events = file.readlines()
    # Tasks that end behind their application, or never, are told by Spark in some numbers and not in others.
    last = next(at for at, line in enumerate(events) if "SparkListenerApplicationEnd" in line)
    task = [json.loads(line).get("Task Info", {}).get("Task ID") for line in events]
    ended = {None} | {own for own, line in zip(task[:last], events) if "SparkListenerTaskEnd" in line}
    (logs / "spark_log").write_text("".join(line for own, line in zip(task, events) if own in ended))
    port = free_port()
    command = ["java", "-Xmx600m", "-Duser.timezone=UTC", *OPENED, f"-Dspark.history.fs.logDirectory=file://{logs}", "-cp",
               f"{spark_jars()}/*", f"-Dspark.history.ui.port={port}", "org.apache.spark.deploy.history.HistoryServer"]
    with open(folder / "spark.log", "wb") as out:
        spark = subprocess.Popen(command, stdout=out, stderr=out, env=servers.environment())
    try:
        base, apps, end = f"http://127.0.0.1:{port}", [], time.time() + 60
        while len(apps) < 2 and time.time() < end:
            time.sleep(0.5)
            try:
                apps = json.loads(fetch(f"{base}/api/v1/applications")[1])
            except (OSError, ValueError):
                pass
        with History(logs) as ours:
            yield base, ours.url, {own["name"]: own["id"] for own in apps}
    finally:
        spark.send_signal(signal.SIGTERM)
        spark.wait(20)


def get(base, path):
    status, text = fetch(f"{base}/api/v1{path}")
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


def differences(want, got, where=""):
    if isinstance(want, dict) and isinstance(got, dict):
        out = [f"{where}.{key}: {'lacks' if key in want else 'too much'}" for key in sorted(want.keys() ^ got.keys())]
        return out + [line for key in want.keys() & got.keys() for line in differences(want[key], got[key], f"{where}.{key}")]
    if where.endswith(".jobTags"):
        want, got = sorted(want), sorted(got)
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return [line for at, (one, two) in enumerate(zip(want, got)) for line in differences(one, two, f"{where}[{at}]")]
    return [] if want == got else [f"{where}: Spark {str(want)[:200]!r}, here {str(got)[:200]!r}"]


def paths(base, app):
    """What there is to ask of an application, by what Spark knows of it."""
    own = f"/applications/{app}"
    yield from (own, f"{own}/jobs", f"{own}/jobs?status=failed", f"{own}/stages", f"{own}/stages?status=complete", f"{own}/executors",
                f"{own}/allexecutors", f"{own}/storage/rdd", f"{own}/environment", f"{own}/sql?length=1000",
                f"{own}/sql?offset=1&length=1&planDescription=false", f"{own}/sql?details=false", f"{own}/stages?details=true&withSummaries=true")
    for job in get(base, f"{own}/jobs")[1]:
        yield f"{own}/jobs/{job['jobId']}"
    for query in get(base, f"{own}/sql?length=1000")[1]:
        yield f"{own}/sql/{query['id']}"
    for stage in get(base, f"{own}/stages")[1]:
        at = f"{own}/stages/{stage['stageId']}"
        for question in ("", "?details=false", "/0", "/0?withSummaries=true", "/0/taskSummary?quantiles=0.1,0.5,1.0", "/0/taskList?length=3",
                         "/0/taskList?status=success&offset=1", "/0/taskList?sortBy=ID", "/7"):
            yield at + question
    yield from (f"{own}/jobs/999", f"{own}/stages/999", f"{own}/sql/999", f"{own}/storage/rdd/999", f"{own}/executors/nobody/threads", f"{own}/jobs?status=nonsense")


@pytest.mark.parametrize("name", ["oracle job", "a <b>log</b>"])
def test_rest_answers_are_sparks(both, name):
    spark, ours, apps = both
    asked, wrong = 0, []
    for path in paths(spark, apps[name]):
        want, got = get(spark, path), get(ours, path)
        asked += 1
        wrong += [f"{path} status: Spark {want[0]}, here {got[0]}"] if want[0] != got[0] else []
        # Where Jetty answers, not Spark, its page is HTML.
        page = isinstance(want[1], str) and want[1].lower().startswith("<html")
        wrong += [] if page else [f"{path} {line}" for line in differences(want[1], got[1])]
    assert asked > 40
    assert wrong == [], "\n".join(wrong)
