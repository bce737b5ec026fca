"""What a program leaves behind in the system's folder for temporary files: nothing, however it ends."""

import os
import signal
import subprocess
import sys
import time

import pytest
from support import classic, servers

PROGRAM = """
import os, sys
from pyspark import StorageLevel
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
spark = SparkSession.builder.getOrCreate()
print(spark.range(3).select(udf(lambda x: x + 1, "long")("id").alias("y")).agg({"y": "sum"}).first()[0])
spark.sparkContext.addFile(sys.argv[1])
shared = spark.sparkContext.broadcast(list(range(100000)))
print(spark.sparkContext.parallelize([1]).map(lambda x: len(shared.value)).persist(StorageLevel.DISK_ONLY).collect())
print(spark.range(100000).selectExpr("uuid() u").persist(StorageLevel.DISK_ONLY).count(), flush=True)
"""
ENDS = {
    "as it is": "",
    "stopped": "spark.stop()",
    "failed": "raise ValueError('x')",
    "left": "os._exit(3)",
    "streaming": "spark.readStream.format('rate').load().writeStream.format('noop').start(); __import__('time').sleep(1)",
}
WAITING = "print('ready', flush=True)\n__import__('time').sleep(100)"


def started(arguments, folder):
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = {**servers.environment(), "TMPDIR": str(temporary)}
    return subprocess.Popen(
        arguments, cwd=folder, env=environment, text=True, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )


def left(folder, patience=5):
    """What is still there after some seconds: processes that end with the program take their time."""
    end = time.monotonic() + patience
    while os.listdir(folder / "tmp") and time.monotonic() < end:
        time.sleep(0.05)
    return os.listdir(folder / "tmp")


def script(folder, end):
    path = folder / "program.py"
    path.write_text(PROGRAM + end + "\n")
    return [str(path), str(path)]


@pytest.mark.parametrize("end", ENDS)
def test_after_a_program(tmp_path, end):
    out, _ = started([servers.firesteel_binary(), "submit", *script(tmp_path, ENDS[end])], tmp_path).communicate(timeout=60)
    assert out.split() == ["6", "[100000]", "100000"]
    assert left(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_after_a_signal(tmp_path, number):
    process = started([servers.firesteel_binary(), "submit", *script(tmp_path, WAITING)], tmp_path)
    while "ready" not in process.stdout.readline():
        assert process.poll() is None
    # Python does not look for signals between a program's last line and its sleep, and other threads can make that long.
    time.sleep(0.5)
    # As from a terminal: to the program, too.
    os.killpg(process.pid, number)
    process.communicate(timeout=30)
    assert left(tmp_path) == []


def test_after_a_shell(tmp_path):
    process = started([servers.firesteel_binary(), "shell"], tmp_path)
    out, _ = process.communicate("print(sc.parallelize([1, 2]).map(lambda x: x + 1).collect())\n", timeout=60)
    assert "[2, 3]" in out
    assert left(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_after_a_server(tmp_path, number):
    server = started([servers.firesteel_binary(), "connect", "--port", "0"], tmp_path)
    url = servers.LISTENS.search(server.stdout.readline()).group(1)
    program = [sys.executable, classic.RUN, "submit", *script(tmp_path, "spark.stop()")]
    subprocess.run(program, env={**servers.environment(), "SPARK_REMOTE": url}, check=True, stdout=subprocess.DEVNULL, timeout=60)
    server.send_signal(number)
    server.communicate(timeout=30)
    # A server that is killed cannot clear up; its workers' parent does it for them.
    assert [name for name in left(tmp_path) if number == signal.SIGTERM or "python" in name] == []


def test_after_a_kill(tmp_path):
    """What a killed program leaves, the next start removes; what a running one has, it leaves alone."""
    program = started([servers.firesteel_binary(), "submit", *script(tmp_path, WAITING)], tmp_path)
    running = started([servers.firesteel_binary(), "submit", *script(tmp_path, WAITING)], tmp_path)
    for process in (program, running):
        while "ready" not in process.stdout.readline():
            assert process.poll() is None
    both = set(os.listdir(tmp_path / "tmp"))
    program.kill()
    program.communicate(timeout=30)
    after_kill = set(os.listdir(tmp_path / "tmp"))
    started([servers.firesteel_binary(), "sql", "-e", "SELECT 1"], tmp_path).communicate(timeout=60)
    still = set(os.listdir(tmp_path / "tmp"))
    assert still < after_kill <= both and len(still) == len(both) / 2
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=30)
    assert left(tmp_path) == []
