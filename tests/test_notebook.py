"""Notebooks: the `%%sql` magic, and Ctrl-C in a cell. Without IPython: a stand-in holds what a magic touches of it."""

import os
import signal
import sys
import threading
import time

import pytest
from pyspark.sql import functions as F
from support import servers

sys.path.append(os.path.join(os.path.dirname(servers.TESTS), "python"))
from firesteel import notebook  # noqa: E402


class Shell:
    """The two things of IPython's shell that are used."""

    def __init__(self):
        self.user_ns = {"low": 2}

    def register_magic_function(self, function, kind, name):
        assert (kind, name) == ("line_cell", "sql")
        self.sql = function


@pytest.fixture
def shell(server, monkeypatch):
    spark = server.session()
    monkeypatch.setattr(notebook, "session", lambda: spark)
    shell = Shell()
    notebook.load_ipython_extension(shell)
    yield shell
    spark.stop()


def test_a_cell_is_shown_as_a_table(shell):
    shown = shell.sql("", "SELECT id, 'a;b' AS s -- one; two\nFROM range(4) WHERE id > {low};\n")
    assert repr(shown) == "+---+---+\n| id|  s|\n+---+---+\n|  3|a;b|\n+---+---+"
    html = shown._repr_html_()
    assert html.startswith("<table") and "<td>3</td>" in html and "<th>s</th>" in html
    assert shown.dataframe.sparkSession.conf.get("spark.sql.repl.eagerEval.enabled") == "false"


def test_several_statements_and_a_name(shell):
    assert shell.sql("people", "CREATE TEMP VIEW numbers AS SELECT id FROM range(3);\nSELECT sum(id) AS n FROM numbers") is None
    assert shell.user_ns["people"].first().n == 3
    assert repr(shell.sql("SELECT 1 AS a")).splitlines()[3] == "|  1|"
    with pytest.raises(ValueError, match="name of a variable"):
        shell.sql("a b", "SELECT 1")


@pytest.fixture
def interruptible():
    """Ctrl-C as at a prompt: a test run in the background of a shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_interrupting_a_cell_ends_the_work(server, interruptible):
    def sleep(x):
        time.sleep(60)
        return x

    spark = server.session()
    try:
        query = spark.range(1).select(F.udf(sleep, "long")("id"))
        started = time.time()
        threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            query.collect()
        assert time.time() - started < 30
        # The session goes on, and nothing of it waits for the sleeper.
        assert spark.range(2).select(F.udf(lambda x: x + 1, "long")("id")).count() == 2
    finally:
        spark.stop()
