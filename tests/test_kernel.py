"""A real Jupyter kernel that `firesteel shell` starts, as people start notebooks: PYSPARK_DRIVER_PYTHON and its options."""

import json
import os

import pytest
from support import kernel
from test_cli import run

SLEEPER = """
import time
from pyspark.sql.functions import udf

@udf("long")
def slow(x):
    time.sleep({seconds})
    return x
"""

CELLS = [
    "print(spark.version, sc.master, sc.parallelize(range(10), 2).map(lambda x: x * 2).sum())",
    "%%sql\nSELECT id, 'a<b' AS s FROM range(3) WHERE id > 1",
    "%%sql people\nSELECT id AS n FROM range(4)",
    "people.count()",
    "spark.conf.set('spark.sql.repl.eagerEval.enabled', True)\nspark.range(2)",
    "import sys\nprint('to stdout')\nprint('to stderr', file=sys.stderr)",
    "spark.sql('SELECT nope')",
    SLEEPER.format(seconds=6) + "print(spark.range(0, 2, 1, 2).select(slow('id').alias('s')).collect())",
    {"code": SLEEPER.format(seconds=60) + "spark.range(1).select(slow('id')).collect()", "interrupt after": 3},
    {"code": "sc.parallelize([60], 1).map(__import__('time').sleep).collect()", "interrupt after": 3},
    "spark.range(5).count(), sc.parallelize([1, 2]).count()",
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    python = os.environ.get("FIRESTEEL_TEST_NOTEBOOK", kernel.PYTHON)
    if not os.path.exists(python):
        pytest.skip("needs ipykernel: an environment of tests/requirements-notebook.txt in target/python/notebook")
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "cells.json").write_text(json.dumps(CELLS))
    options = f"{kernel.__file__} {folder / 'cells.json'} {folder / 'answers.json'}"
    environment = {"PYSPARK_DRIVER_PYTHON": python, "PYSPARK_PYTHON": python, "PYSPARK_DRIVER_PYTHON_OPTS": options}
    status, out, err = run(["shell", "--master", "local[2]"], folder, timeout=280, **environment)
    assert status == 0, (out, err)
    return json.loads((folder / "answers.json").read_text())


def test_a_session_is_ready(answers):
    # A bar of progress may have been there before.
    told = answers[0]["stdout"].split("\r")[-1]
    assert told.startswith("4.2") and told.endswith(" local[2] 90\n"), answers[0]


def test_sql_cells_show_tables(answers):
    assert "<td>2</td>" in answers[1]["result"]["text/html"] and "a&lt;b" in answers[1]["result"]["text/html"]
    assert "|  2|a<b|" in answers[1]["result"]["text/plain"]
    assert answers[2]["result"] == {} and answers[3]["result"]["text/plain"] == "4"


def test_dataframes_show_tables(answers):
    assert "<th>id</th>" in answers[4]["result"]["text/html"]


def test_streams_are_kept_apart(answers):
    assert (answers[5]["stdout"], answers[5]["stderr"]) == ("to stdout\n", "to stderr\n")
    assert all("Traceback" not in answer["stderr"] for answer in answers)


def test_errors_are_the_cells(answers):
    assert answers[6]["error"][0] == "AnalysisException" and "UNRESOLVED_COLUMN" in answers[6]["error"][1]


def test_progress_is_shown(answers):
    told = answers[7]["stdout"] + answers[7]["stderr"]
    assert "% Complete" in told and "[Row(s=0), Row(s=1)]" in told, answers[7]


def test_interrupts_cancel_the_work(answers):
    for interrupted in answers[8:10]:
        assert interrupted["error"][0] == "KeyboardInterrupt", interrupted
    assert answers[10]["result"]["text/plain"] == "(5, 2)"
