"""DStreams as programs: PySpark's own examples untouched, fed by a text server or with files, and going on after an end.

What each operation gives is compared with Spark in `pyspark/classic/dstreams.py`.
"""

import os
import re
import signal
import socket
import threading
import time

import pytest
from test_cli import run, sparks_examples, start


class TextServer:
    """Sends every connection the same lines, and keeps it open."""

    def __init__(self, text):
        self.text = text.encode()
        self.listening = socket.create_server(("localhost", 0))
        self.port = self.listening.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.connections.append(connection)
            connection.sendall(self.text)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.listening.close()
        for connection in self.connections:
            connection.close()


def printed_until(arguments, folder, wanted, timeout=90, then=None, signal_number=signal.SIGINT):
    """What a program that runs without end has printed once all of `wanted` was there; then it is interrupted."""
    process = start(arguments, folder)
    found = []

    # Lines are taken as they come, so that the program never waits for its reader.
    reader = threading.Thread(target=lambda: [found.append(line) for line in iter(process.stdout.readline, "")], daemon=True)
    reader.start()
    errors = []
    threading.Thread(target=lambda: errors.extend(process.stderr), daemon=True).start()
    deadline = time.monotonic() + timeout
    while not all(one in "".join(found) for one in wanted):
        if then is not None and len(found) > 2:
            then, _ = None, then()
        assert process.poll() is None and time.monotonic() < deadline, ("".join(found), "".join(errors))
        time.sleep(0.1)
    # A terminal's interrupt goes to the whole group.
    os.killpg(process.pid, signal_number)
    process.wait(30)
    reader.join(5)
    return "".join(found), "".join(errors)


@pytest.fixture(scope="module")
def examples():
    found = sparks_examples()
    if found is None:
        pytest.skip("needs the full pyspark: cargo xtask bless, or SPARK_EXAMPLES=.../examples/src/main")
    return os.path.join(found, "python", "streaming")


def test_network_word_count(examples, tmp_path):
    with TextServer("hello world\nhello spark\n") as server:
        program = os.path.join(examples, "network_wordcount.py")
        out, _ = printed_until(["submit", program, "localhost", str(server.port)], tmp_path, ["('hello', 2)", "('spark', 1)"])
    assert re.search(r"^-{43}\nTime: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n-{43}\n", out, re.MULTILINE), out


def test_state_over_batches(examples, tmp_path):
    with TextServer("hello world\nnew\n") as server:
        program = os.path.join(examples, "stateful_network_wordcount.py")
        printed_until(["submit", program, "localhost", str(server.port)], tmp_path, ["('hello', 2)", "('world', 2)", "('new', 1)"])
    assert any(name.startswith("checkpoint-") for name in os.listdir(tmp_path / "checkpoint"))


def test_sql_over_batches(examples, tmp_path):
    with TextServer("a b a\n") as server:
        program = os.path.join(examples, "sql_network_wordcount.py")
        out, _ = printed_until(["submit", program, "localhost", str(server.port)], tmp_path, ["|   a|    2|", "|   b|    1|"])
    assert re.search(r"^========= \d{4}-\d\d-\d\d \d\d:\d\d:\d\d =========$", out, re.MULTILINE), out


def test_a_join_with_other_data(examples, tmp_path):
    os.makedirs(tmp_path / "data/streaming")
    (tmp_path / "data/streaming/AFINN-111.txt").write_text("good 3\nbad -3\ncan't stand -3\n")
    with TextServer("good good bad thing\n") as server:
        program = os.path.join(examples, "network_wordjoinsentiments.py")
        wanted = ["Happiest topics in the last 5 seconds (2 total):\ngood (6 happiness)\nbad (-3 happiness)\n"]
        printed_until(["submit", program, "localhost", str(server.port)], tmp_path, wanted)


def test_queued_rdds(examples, tmp_path):
    status, out, err = run(["submit", os.path.join(examples, "queue_stream.py")], tmp_path)
    assert status == 0, err
    assert out.count("(7, 100)") == 5, out


def test_new_files(examples, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "old.txt").write_text("old\n")
    os.utime(folder / "old.txt", (1, 1))

    def arrive():
        (tmp_path / "new.txt").write_text("one two\none\n")
        os.rename(tmp_path / "new.txt", folder / "new.txt")

    program = os.path.join(examples, "hdfs_wordcount.py")
    out, _ = printed_until(["submit", program, str(folder)], tmp_path, ["('one', 2)", "('two', 1)"], then=arrive)
    assert "old" not in out


def test_a_program_goes_on_from_its_checkpoint(examples, tmp_path):
    program = os.path.join(examples, "recoverable_network_wordcount.py")
    with TextServer("a hello world\n") as server:
        arguments = ["submit", program, "localhost", str(server.port), str(tmp_path / "checkpoint"), str(tmp_path / "out.txt")]
        first, _ = printed_until(arguments, tmp_path, ["Creating new context", "('hello', 1)", "Dropped 1 word(s) totally"])
        again, _ = printed_until(arguments, tmp_path, ["('hello', 1)", "Dropped 1 word(s) totally"])
    assert "Creating new context" in first and "Creating new context" not in again
    assert (tmp_path / "out.txt").read_text().count("('hello', 1)") == 2


RECOVERED_STATE = """
import sys, time
from pyspark import SparkContext
from pyspark.streaming import StreamingContext

folder = sys.argv[1]

def create():
    print("new", flush=True)
    ssc = StreamingContext(SparkContext(appName="totals"), 0.5)
    words = ssc.textFileStream(folder + "/in").map(lambda line: (line, 1))
    totals = words.updateStateByKey(lambda values, state: sum(values) + (state or 0)).checkpoint(0.5)
    totals.foreachRDD(lambda rdd: print("totals", sorted(rdd.collect()), flush=True))
    return ssc

ssc = StreamingContext.getOrCreate(folder + "/checkpoint", create)
ssc.start()
ssc.awaitTermination()
"""


def test_states_go_on_after_a_kill(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "job.py").write_text(RECOVERED_STATE)
    arguments = ["submit", str(tmp_path / "job.py"), str(tmp_path)]

    def arrive(name, text):
        (tmp_path / name).write_text(text)
        os.rename(tmp_path / name, tmp_path / "in" / name)

    wanted = ["new", "totals [('a', 2), ('b', 1)]\ntotals [('a', 2), ('b', 1)]\ntotals"]
    printed_until(arguments, tmp_path, wanted, then=lambda: arrive("1.txt", "a\nb\na\n"), signal_number=signal.SIGKILL)
    out, _ = printed_until(arguments, tmp_path, ["totals [('a', 3), ('b', 1), ('c', 1)]"], then=lambda: arrive("2.txt", "a\nc\n"))
    assert "new" not in out and "totals [('a', 2), ('b', 1)]" in out


def test_an_error_of_a_batch_ends_the_program(tmp_path):
    script = """
from pyspark import SparkContext
from pyspark.streaming import StreamingContext

ssc = StreamingContext(SparkContext(), 0.5)
ssc.queueStream([[1, 0]]).map(lambda x: 1 // x).pprint()
ssc.start()
ssc.awaitTermination()
"""
    (tmp_path / "job.py").write_text(script)
    status, _, err = run(["submit", str(tmp_path / "job.py")], tmp_path)
    assert status == 1
    assert "ZeroDivisionError" in err and "ERROR JobScheduler: Error running job streaming job" in err


def test_what_cannot_be_done_says_so(tmp_path):
    script = """
from pyspark import SparkConf, SparkContext
from pyspark.streaming import StreamingContext
from pyspark.streaming.kinesis import InitialPositionInStream, KinesisUtils

conf = SparkConf().set("spark.streaming.receiver.writeAheadLog.enable", "true")
ssc = StreamingContext(SparkContext(conf=conf), 1)
for attempt in (
    lambda: ssc.socketTextStream("localhost", 9),
    lambda: KinesisUtils.createStream(ssc, "a", "b", "c", "d", InitialPositionInStream.LATEST, 2),
    lambda: ssc.textFileStream("ftp://host/folder"),
    lambda: ssc._jssc,
):
    try:
        attempt()
    except Exception as error:
        print(error)
"""
    (tmp_path / "job.py").write_text(script)
    status, out, err = run(["submit", str(tmp_path / "job.py")], tmp_path)
    assert status == 0, err
    for told in ("writeAheadLog", "KinesisUtils.createStream", "ftp://host/folder", "_jssc"):
        assert told in out, out
    assert out.count("Way round") == 4, out
