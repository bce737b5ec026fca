"""Streams that begin here: RDDs that the program has queued, and new files of a directory."""

import glob
import os

from firesteel.rdd import hadoop_files
from firesteel.streaming.node import Node
from firesteel.streaming.times import now_ms, setting_ms
from firesteel.streaming.util import failed


# By so much the clock that stamps files may be behind the other.
FILE_CLOCK_MS = 10


class Input(Node):
    """A stream without parents: one RDD each batch."""

    def __init__(self, graph):
        super().__init__(graph)
        self.number = len(graph.inputs)
        graph.inputs.append(self)

    @property
    def slide_ms(self):
        return self.graph.batch_ms

    def start(self):
        pass

    def stop(self):
        pass

    # Of receivers: what came since the last batch.

    def allocate(self, time_ms):
        pass

    has_unallocated = False

    def records_of(self, time_ms):
        """How many records a batch got, 0 where that is known by reading only; None of what listeners are not told."""
        return None


class QueueInput(Input):
    """The RDDs of a queue, one each batch or all at once; when it is empty, the default."""

    def __init__(self, graph, rdds, one_at_a_time, default):
        super().__init__(graph)
        self.queue = list(rdds)
        self.one_at_a_time = one_at_a_time
        self.default = default

    def __getstate__(self):
        return {**super().__getstate__(), "queue": None, "default": None}

    def compute(self, time_ms):
        taken = 1 if self.one_at_a_time else len(self.queue)
        rdds, self.queue = self.queue[:taken], self.queue[taken:]
        if not rdds:
            return self.graph.spark.parallelize([], 1) if self.default is None else self.default
        return rdds[0] if self.one_at_a_time else self.graph.spark.union(rdds)

    def restore(self):
        raise failed(
            "UnsupportedOperationException",
            "queueStream doesn't support checkpointing. Please don't use queueStream when checkpointing is enabled.",
        )


class FileInput(Input):
    """The files that have come into a directory since the last batch; `reader(spark, files)` makes their RDD."""

    def __init__(self, graph, directory, reader):
        super().__init__(graph)
        self.directory = hadoop_files.local_path(directory)
        self.reader = reader
        shortest = setting_ms(graph.spark._conf, "spark.streaming.fileStream.minRememberDuration", "60s", "s")
        # Files older than the stream are not new, and those older than this are no longer looked for.
        self.began_ms = now_ms() - FILE_CLOCK_MS
        self.lookback_ms = graph.batch_ms * -(-shortest // max(graph.batch_ms, 1))
        self.remember_ms = self.lookback_ms
        # Files by the time of the batch that read them.
        self.selected = {}

    def compute(self, time_ms):
        found = self.new_files(time_ms)
        self.selected[time_ms] = found
        return self.rdd_of(found)

    def records_of(self, time_ms):
        return 0

    def rdd_of(self, files):
        return self.reader(self.graph.spark, [(path, os.path.getsize(path)) for path in files])

    def new_files(self, time_ms):
        """By when they were last changed, no later than the batch; each file once."""
        oldest_ms = max(self.began_ms, time_ms - self.lookback_ms)
        known = {path for files in self.selected.values() for path in files}
        found = []
        for directory in sorted(glob.glob(self.directory)) if os.path.basename(self.directory) else [self.directory]:
            for entry in os.scandir(directory) if os.path.isdir(directory) else ():
                if entry.name.startswith(".") or entry.path in known or not entry.is_file():
                    continue
                if oldest_ms < entry.stat().st_mtime_ns // 1_000_000 <= time_ms:
                    found.append(entry.path)
        return sorted(found)

    def forget(self, time_ms):
        super().forget(time_ms)
        self.selected = {at: files for at, files in self.selected.items() if at >= time_ms - self.remember_ms}

    def restore(self):
        for at, files in self.selected.items():
            self.generated[at] = self.rdd_of([path for path in files if os.path.exists(path)])


def text_files(spark, listed):
    """Lines of files of (path, bytes), split as Hadoop splits each."""

    def textFileStream(parts):
        from firesteel.task.lines import LineReader

        return LineReader(parts, True)

    return spark._files_rdd(None, lambda: hadoop_files.splits(listed, 1), textFileStream)


class FixedRecordFiles:
    """Records of so many bytes each."""

    def __init__(self, record_bytes):
        self.record_bytes = record_bytes

    def __call__(self, spark, listed):
        length = self.record_bytes

        def binaryRecordsStream(parts):
            from firesteel.task.binary import FixedRecords

            return FixedRecords(parts, length)

        return spark._files_rdd(None, lambda: hadoop_files.fixed_splits(listed, length), binaryRecordsStream)
