"""Checkpoints of the graph: `checkpoint-TIME` files, of which the last good one is where a program goes on.

A file holds the settings of the application, the streams with their functions, the files read, where states lie, and
which batches were not done.
"""

import io
import os
import pickle
import re
import traceback

from firesteel.jvm import Logger
from firesteel.rdd.errors import java_error
from firesteel.rdd.hadoop_files import local_path

FILE = re.compile(r"checkpoint-(\d+)$")
KEPT_FILES = 10
# What belongs to one run of an application.
OF_ONE_RUN = ("spark.app.id", "spark.app.startTime", "spark.driver.host", "spark.driver.port", "spark.executor.id")


class Recovered:
    """A checkpoint as it was read."""

    def __init__(self, state):
        self.graph = state["graph"]
        self.settings = state["settings"]
        self.time_ms = state["time_ms"]
        self.pending = state["pending"]

    def missed(self, restart_ms, batch_ms):
        """Times of the batches that were not done, and of those that would have come while nothing ran."""
        down = range(self.time_ms, restart_ms, batch_ms)
        return sorted(at for at in {*self.pending, *down} if at < restart_ms)


def encoded(graph, time_ms, pending):
    from pyspark import cloudpickle

    settings = [pair for pair in graph.spark.getConf().getAll() if pair[0] not in OF_ONE_RUN]
    stream = io.BytesIO()
    state = {"graph": graph, "settings": settings, "time_ms": time_ms, "pending": pending}
    cloudpickle.CloudPickler(stream).dump(state)
    return stream.getvalue()


def check(graph, time_ms):
    """Raise, before the streams start, for functions that cannot be written."""
    try:
        encoded(graph, time_ms, [])
    except Exception:
        told = "org.apache.spark.SparkException: An exception was raised by Python:\n" + traceback.format_exc()
    else:
        return
    raise java_error("java.io.IOException", told)


def write(graph, time_ms, pending):
    directory = local_path(graph.checkpoint_directory)
    os.makedirs(directory, exist_ok=True)
    content = encoded(graph, time_ms, pending)
    temporary = os.path.join(directory, ".checkpoint-new")
    with open(temporary, "wb") as file:
        file.write(content)
    os.replace(temporary, os.path.join(directory, "checkpoint-%d" % time_ms))
    for old in files(directory)[KEPT_FILES:]:
        os.remove(old)


def files(directory):
    """The checkpoints of a directory, the latest first."""
    found = [(int(match.group(1)), match.group(0)) for match in map(FILE.match, os.listdir(directory)) if match]
    return [os.path.join(directory, name) for _, name in sorted(found, reverse=True)]


def read(path):
    """The last checkpoint of a directory, or None where there is none."""
    directory = local_path(path)
    found = files(directory) if os.path.isdir(directory) else []
    for name in found:
        try:
            with open(name, "rb") as file:
                return Recovered(pickle.load(file))
        except Exception as error:
            Logger.getLogger("CheckpointReader").warn("Error reading checkpoint from file %s: %s" % (name, error))
    if found:
        raise java_error("org.apache.spark.SparkException", "Failed to read checkpoint from directory %s" % path)
    return None
