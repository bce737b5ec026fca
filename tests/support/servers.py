"""Spark Connect servers for tests: Firesteel, or real Apache Spark when expectations are recorded."""

import os
import re
import select
import socket
import subprocess
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
LISTENS = re.compile(r"on (sc://\S+)")


def firesteel_binary():
    given = os.environ.get("FIRESTEEL")
    for path in [given] if given else [os.path.join(ROOT, "target", kind, "firesteel") for kind in ("debug", "release")]:
        if os.path.exists(path):
            return os.path.abspath(path)
    raise FileNotFoundError("no firesteel binary: set FIRESTEEL, or run `cargo build`")


def environment():
    """Our own environment without what would lead a program elsewhere."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_"))}
    kept.update(TZ="UTC", PYSPARK_PYTHON=sys.executable, PYSPARK_DRIVER_PYTHON=sys.executable)
    return kept


class Server:
    """A process that listens for Connect clients; restarted when a test has killed it."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.process = None
        self.url = None
        self.sessions = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if self.process is None:
            return
        # Clients release their results on threads that all of them share, and retry for minutes where no server is left.
        for spark in self.sessions if self.alive() else []:
            spark.stop()
        self.sessions.clear()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def was_killed(self):
        """Forgets a process that is gone, and has PySpark forget its sessions: they are the ones that it falls back to."""
        from pyspark.sql.connect.session import SparkSession

        self.process.wait(20)
        for spark in self.sessions:
            if SparkSession._default_session is spark:
                SparkSession._default_session = None
            if getattr(SparkSession._active_session, "session", None) is spark:
                SparkSession._active_session.session = None
        self.sessions.clear()
        self.process = None

    def session(self, timezone="America/Los_Angeles"):
        """A new session of its own."""
        from pyspark.sql import SparkSession

        if not self.alive():
            self.start()
        spark = SparkSession.builder.remote(self.url).create()
        self.sessions.append(spark)
        spark.conf.set("spark.sql.session.timeZone", timezone)
        return spark


class Firesteel(Server):
    def __init__(self, folder, *options):
        super().__init__(folder)
        self.options = options

    def start(self):
        log = open(os.path.join(self.folder, "server.log"), "ab")
        self.process = subprocess.Popen(
            # As Spark's server below.
            [firesteel_binary(), "connect", "--port", "0", "--conf", "spark.sql.shuffle.partitions=1", *self.options],
            cwd=self.folder, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
        )
        log.close()
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if ready else ""
        found = LISTENS.search(line)
        if not found:
            self.stop()
            raise RuntimeError(f"the server did not say where it listens, but {line!r}")
        self.url = found.group(1)


class Spark(Server):
    """Apache Spark's own Connect server, from the `pyspark` package, with more jars if they are given."""

    def __init__(self, folder, *jars):
        super().__init__(folder)
        self.jars = jars

    def start(self):
        import pyspark

        home = os.path.dirname(pyspark.__file__)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        conf = {
            "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false",
            "spark.connect.grpc.binding.address": "127.0.0.1", "spark.connect.grpc.binding.port": str(port),
            "spark.sql.shuffle.partitions": "1", "spark.sql.catalogImplementation": "in-memory",
        }
        command = [os.path.join(home, "bin", "spark-submit"), "--master", "local[1]"]
        command += ["--jars", ",".join(self.jars)] if self.jars else []
        command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
        for key, text in conf.items():
            command += ["--conf", f"{key}={text}"]
        with open(os.path.join(self.folder, "server.log"), "ab") as log:
            self.process = subprocess.Popen(
                [*command, "spark-internal"], cwd=self.folder, env={**environment(), "SPARK_HOME": home},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        self.url = f"sc://127.0.0.1:{port}"
        end = time.time() + 120
        while time.time() < end and self.alive():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.3)
        raise RuntimeError(f"Spark's server did not start; see server.log in {self.folder}")
