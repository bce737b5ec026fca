"""What the event log and its readers tell of spills, and of the groups, descriptions and tags of jobs."""

import glob
import json
import subprocess

import pytest

from support import servers
from test_ui import History, events_of, run_sql, short

PLAIN = ["--conf", "spark.eventLog.compress=false", "--conf", "spark.eventLog.rolling.enabled=false"]
SPILLS = """SELECT max(r), max(p) FROM (SELECT row_number() OVER (ORDER BY x) AS r, p FROM
  (SELECT id, hash(id) AS x, concat(repeat('a', 50), id) AS p FROM range(1500000)))"""


def test_what_did_not_fit_into_memory_is_told_everywhere(tmp_path):
    run_sql(str(tmp_path), str(tmp_path / "logs"), *PLAIN, "--conf", "spark.driver.memory=64m", sql=SPILLS)
    (path,) = glob.glob(f"{tmp_path}/logs/*")
    ends = [event["Task Metrics"] for event in events_of(path) if short(event) == "TaskEnd"]
    disk = sum(own["Disk Bytes Spilled"] for own in ends)
    assert disk > 10_000_000 and sum(own["Memory Bytes Spilled"] for own in ends) == disk
    with History(tmp_path / "logs") as history:
        (app,) = (own["id"] for own in history.apps().values())
        rest = lambda where: json.loads(history.get(f"api/v1/applications/{app}/{where}")[1])  # noqa: E731
        stages = rest("stages")
        assert sum(own["diskBytesSpilled"] for own in stages) == sum(own["memoryBytesSpilled"] for own in stages) == disk
        (stage,) = (own["stageId"] for own in stages if own["diskBytesSpilled"])
        summary = rest(f"stages/{stage}/0/taskSummary")
        assert summary["diskBytesSpilled"][-1] == max(own["Disk Bytes Spilled"] for own in ends) == summary["memoryBytesSpilled"][-1]
        (executor,) = rest(f"stages/{stage}/0")["executorSummary"].values()
        assert executor["memoryBytesSpilled"] == disk
        text = history.get(f"history/{app}/stages/stage/?id={stage}&attempt=0")[1]
        assert "Spill (Memory)" in text and "Spill (Disk)" in text
        (query,) = rest("sql")
        metrics = {metric["name"]: metric["value"] for node in query["nodes"] for metric in node["metrics"]}
        assert {"spill size", "number of spills", "spilled rows"} <= set(metrics)
        page = history.get(f"history/{app}/SQL/execution/?id={query['id']}")[1]
        assert "Memory ran out: " in page and "Raise spark.driver.memory" in page


JOB = """
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
sc = spark.sparkContext
sc.setJobGroup("g, <1>", "about <b>g</b>", True)
spark.range(5).groupBy().count().collect()
sc.parallelize([1, 2]).count()
sc.setJobDescription("only text")
sc.setLocalProperty("my.password", "hunter2")
spark.range(6).collect()
sc.setLocalProperty("spark.jobGroup.id", None)
sc.setJobDescription(None)
sc.addJobTag("t1")
spark.range(7).collect()
spark.addTag("st")
spark.sql("select 8").collect()
spark.stop()
"""


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """The log of a job with groups, descriptions and tags."""
    folder = tmp_path_factory.mktemp("grouped")
    (folder / "job.py").write_text(JOB)
    (folder / "logs").mkdir()
    conf = ["--conf", "spark.eventLog.enabled=true", "--conf", f"spark.eventLog.dir={folder}/logs", *PLAIN]
    command = [servers.firesteel_binary(), "submit", *conf, "job.py"]
    subprocess.run(command, cwd=folder, env=servers.environment(), capture_output=True, timeout=60, check=True)
    return folder / "logs"


def test_jobs_have_their_groups_descriptions_and_tags(grouped):
    (path,) = glob.glob(f"{grouped}/*")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert "firesteel-" not in "".join(line for line in text.splitlines() if "EnvironmentUpdate" not in line) and "hunter2" not in text
    starts = [event for event in events_of(path) if short(event) == "JobStart"]
    told = [(own["Properties"].get("spark.jobGroup.id"), own["Properties"]["spark.job.description"]) for own in starts]
    assert told[0] == told[1] == ("g, <1>", "about <b>g</b>") and ("g, <1>", "only text") in told
    assert starts[0]["Properties"]["spark.job.interruptOnCancel"] == "true"
    with History(grouped) as history:
        (app,) = (own["id"] for own in history.apps().values())
        jobs = json.loads(history.get(f"api/v1/applications/{app}/jobs")[1])[::-1]
        assert (jobs[0]["jobGroup"], jobs[0]["description"]) == ("g, <1>", "about <b>g</b>")
        assert "jobGroup" not in jobs[-1]
        user_tags = lambda job: {tag for tag in job["jobTags"] if not tag.startswith("SparkConnect_")}  # noqa: E731
        assert (user_tags(jobs[0]), user_tags(jobs[-2]), user_tags(jobs[-1])) == (set(), {"t1"}, {"t1", "st"})
        described = [own["description"] for own in json.loads(history.get(f"api/v1/applications/{app}/sql")[1])]
        assert described[0] == "about <b>g</b>" and "only text" in described
        listed = history.get(f"history/{app}/jobs/")[1]
        assert "g, &lt;1&gt;" in listed and "about &lt;b&gt;g&lt;/b&gt;" in listed and "<b>g</b>" not in listed
        page = history.get(f"history/{app}/jobs/job/?id={jobs[0]['jobId']}")[1]
        assert "g, &lt;1&gt;" in page and "about &lt;b&gt;g" in page
        assert "t1" in history.get(f"history/{app}/jobs/job/?id={jobs[-1]['jobId']}")[1]
