"""Records what real Spark's REST and event log look like: `python tests/oracle/record_rest.py`, with Spark's own Python.

Writes `tests/ui/rest_fields.json` (the names in each answer, with their kinds) and `tests/ui/spark_log` (the log of the same
small application, which our history server must show; without what tells of the machine).
"""

import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(os.path.dirname(HERE), "ui")
PATHS = [
    "/version", "/applications", "/applications/APP", "/applications/APP/jobs", "/applications/APP/jobs/0",
    "/applications/APP/stages", "/applications/APP/stages/0?withSummaries=true", "/applications/APP/stages/0/0",
    "/applications/APP/stages/0/0/taskList", "/applications/APP/stages/0/0/taskSummary", "/applications/APP/executors",
    "/applications/APP/allexecutors", "/applications/APP/storage/rdd", "/applications/APP/environment", "/applications/APP/sql",
    "/applications/APP/sql/1", "/applications/APP/executors/driver/threads", "/applications/APP/stages/0/0/taskList?sortBy=-runtime",
    "/applications/APP/stages?details=true&withSummaries=true",
]
WRONG = [
    "/applications/nope", "/applications/nope/jobs", "/applications/APP/jobs/999", "/applications/APP/stages/999",
    "/applications/APP/stages/0/7", "/applications/APP/sql/999", "/applications/APP/storage/rdd/999",
    "/applications/APP/streaming/statistics", "/applications/APP/executors/nobody/threads", "/applications/APP/jobs/x",
    "/applications/APP/stages/0/0/taskSummary?quantiles=a",
    "/applications/APP/stages/x", "/applications/APP/sql/x", "/applications/APP/storage/rdd/x", "/applications/APP/nothing",
    "/applications/APP/jobs?status=nonsense", "/applications/APP/stages?status=nonsense",
    "/applications/APP/stages/0/0/taskList?sortBy=nonsense",
    "/applications?minDate=nonsense",
]


def job(spark, wait):
    """The application: a query with shuffles, a write, kept rows, a failure, a stream."""
    # Tasks of some milliseconds: those of none have no duration.
    spark.range(0, 1000, 1, 2).selectExpr("id", "length(repeat('x', 10000 + CAST(id % 7 AS INT))) - 10000 AS k").createOrReplaceTempView("t")
    spark.sql("SELECT k, count(*) c, sum(id) s FROM t WHERE id > 10 GROUP BY k ORDER BY k").collect()
    with tempfile.TemporaryDirectory() as folder:
        spark.table("t").repartition(2, "k").write.parquet(folder + "/out")
    kept = spark.table("t").cache()
    kept.count()
    kept.count()
    try:
        spark.sql("SELECT '<script>alert(1)</script>' AS hostile, assert_true(id < 5) FROM t").collect()
    except Exception:
        pass
    stream = spark.readStream.format("rate").load().groupBy("value").count()
    query = stream.writeStream.outputMode("complete").format("memory").queryName("counts").start()
    time.sleep(wait)
    return query


def fields(value):
    """The names in an answer: of objects, and of all that a list holds together."""
    if isinstance(value, dict):
        numbered = value and all(key.isdigit() or key == "driver" for key in value)
        return {"*": together(value.values())} if numbered else {key: fields(own) for key, own in value.items()}
    if isinstance(value, list):
        return [together(value)] if value else []
    return type(value).__name__


def together(values):
    """The names of several: what one leaves out (a task without a duration), another has."""
    merged = None
    for own in values:
        merged = merge(merged, fields(own))
    return merged


def merge(one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: merge(one.get(key), other.get(key)) for key in [*one, *(key for key in other if key not in one)]}
    if isinstance(one, list) and isinstance(other, list):
        return [merge(*(own[0] if own else None for own in (one, other)))] if one or other else []
    return one or other


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def told(status, text):
    """Status and words of a refusal; words of the server below Spark are not Spark's."""
    return [status, None if text.startswith(("<html", "/api")) else text]


def shortened(key, value):
    if key == "physicalPlanDescription":
        return value[:300]
    if key == "Properties":
        kept = ("spark.sql.execution.id", "spark.job.description", "spark.jobGroup.id", "spark.job.tags")
        return {name: text for name, text in value.items() if name in kept}
    return type(value)()


def cleaned(line):
    """A line of the log without paths, call stacks and settings of this machine."""
    event = json.loads(line.replace(os.path.dirname(HERE), "tests"))
    if event["Event"] in ("SparkListenerStageSubmitted", "SparkListenerStageCompleted"):
        # The job has said it before.
        event["Stage Info"]["RDD Info"] = []
    if event["Event"] == "SparkListenerEnvironmentUpdate":
        for group in ("Hadoop Properties", "System Properties", "Classpath Entries", "Metrics Properties"):
            event[group] = dict(list(event[group].items())[:1] if group == "Hadoop Properties" else [("a.key", "a value")])
        kept = ("spark.app.name", "spark.app.id", "spark.master", "spark.sql.shuffle.partitions")
        event["Spark Properties"] = {key: text for key, text in event["Spark Properties"].items() if key in kept}
        event["JVM Information"]["Java Home"] = "/usr/lib/jvm/java-17"

    def walk(value):
        if isinstance(value, dict):
            for key, own in value.items():
                if key in ("Details", "details", "callSite.long", "Full Stack Trace"):
                    value[key] = str(own).split("\n")[0]
                elif key in ("Stack Trace", "Task Executor Metrics", "physicalPlanDescription", "Properties"):
                    value[key] = shortened(key, own)
                elif key == "Accumulables":
                    value[key] = [each for each in own if each.get("Metadata") == "sql"]
                else:
                    walk(own)
        elif isinstance(value, list):
            for own in value:
                walk(own)

    walk(event)
    # As Spark writes it: the event's name first, no spaces.
    return json.dumps(event, separators=(",", ":")) + "\n"


def main():
    from pyspark.sql import SparkSession

    with tempfile.TemporaryDirectory() as logs:
        conf = {
            "spark.eventLog.enabled": "true", "spark.eventLog.dir": "file://" + logs, "spark.eventLog.compress": "false",
            "spark.eventLog.rolling.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.ui.port": "0",
            "spark.ui.showConsoleProgress": "false", "spark.driver.host": "127.0.0.1",
        }
        spark = SparkSession.builder.master("local[2]").appName("oracle job").config(map=conf).getOrCreate()
        query = job(spark, 3)
        app, base = spark.sparkContext.applicationId, spark.sparkContext.uiWebUrl + "/api/v1"
        answers = {path: fields(fetch(base + path.replace("APP", app))[1]) for path in PATHS}
        wrong = {path: told(*fetch(base + path.replace("APP", app))) for path in WRONG}
        query.stop()
        spark.stop()
        (log,) = os.listdir(logs)
        with open(os.path.join(logs, log), encoding="utf-8") as source:
            lines = [cleaned(line) for line in source]
        with open(os.path.join(TARGET, "spark_log"), "w", encoding="utf-8") as target:
            target.writelines(lines)
    text = json.dumps({"fields": answers, "wrong": wrong}, indent=1, sort_keys=True).replace(app, "APP")
    with open(os.path.join(TARGET, "rest_fields.json"), "w", encoding="utf-8") as target:
        target.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
