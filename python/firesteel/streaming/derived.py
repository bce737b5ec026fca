"""Streams made of other streams: by functions over their RDDs, over windows of time, and with a state."""

from firesteel.streaming.node import Node
from firesteel.streaming.times import as_datetime
from firesteel.streaming.util import called, failed, rdd_of


class Transformed(Node):
    """`function(time, rdd)` of the parent's batches that have an RDD."""

    def __init__(self, graph, parent, function):
        super().__init__(graph, [parent])
        self.function = function

    def compute(self, time_ms):
        rdd = self.parents[0].rdd(time_ms)
        return None if rdd is None else rdd_of(self.function, as_datetime(time_ms), rdd)


class Combined(Node):
    """`function(time, rdd, rdd, ...)` of the same batch of several parents; a missing RDD is an empty one."""

    def __init__(self, graph, parents, function):
        super().__init__(graph, parents)
        self.function = function

    def compute(self, time_ms):
        rdds = [parent.rdd(time_ms) for parent in self.parents]
        rdds = [self.graph.spark.emptyRDD() if rdd is None else rdd for rdd in rdds]
        return rdd_of(self.function, as_datetime(time_ms), *rdds)


class United(Node):
    def compute(self, time_ms):
        rdds = [parent.rdd(time_ms) for parent in self.parents]
        if any(rdd is None for rdd in rdds):
            raise failed("SparkException", "Could not generate RDD from a parent for unifying at time %d ms" % time_ms)
        return self.graph.spark.union(rdds)


class Windowed(Node):
    """All records of the parent's batches within a window, every `slide_ms`."""

    def __init__(self, graph, parent, window_ms, slide_ms):
        super().__init__(graph, [parent])
        check_window(window_ms, slide_ms, parent.slide_ms, "windowed DStream")
        self.window_ms = window_ms
        self._slide_ms = slide_ms
        parent.storage_level = parent.storage_level or memory_only()

    @property
    def slide_ms(self):
        return self._slide_ms

    @property
    def parent_remember_ms(self):
        return self.remember_ms + self.window_ms

    def compute(self, time_ms):
        parent = self.parents[0]
        rdds = parent.slice(time_ms - self.window_ms + parent.slide_ms, time_ms)
        return self.graph.spark.union(rdds) if rdds else self.graph.spark.emptyRDD()


class Reduced(Node):
    """A value by key over a window, from the last window's: less what left it, and with what came."""

    must_checkpoint = True

    def __init__(self, graph, parent, window_ms, slide_ms, reduced, inverse):
        super().__init__(graph, [parent])
        check_window(window_ms, slide_ms, parent.slide_ms, "reduced windowed DStream")
        self.window_ms = window_ms
        self._slide_ms = slide_ms
        self.reduced, self.inverse = reduced, inverse
        self.storage_level = memory_only()
        parent.storage_level = parent.storage_level or memory_only()

    slide_ms = Windowed.slide_ms
    parent_remember_ms = Windowed.parent_remember_ms

    def compute(self, time_ms):
        parent, at = self.parents[0], as_datetime(time_ms)
        began = time_ms - self.window_ms
        last = self.rdd(time_ms - self._slide_ms)
        # Over few slides, reducing all of the window anew is less work.
        if last is None or self.window_ms < 5 * self._slide_ms:
            return self.added(at, None, parent.slice(began + parent.slide_ms, time_ms))
        left = parent.slice(began - self._slide_ms + parent.slide_ms, began)
        if left:
            last = rdd_of(self.inverse, at, last, self.graph.spark.union(left))
        return self.added(at, last, parent.slice(time_ms - self._slide_ms + parent.slide_ms, time_ms))

    def added(self, at, last, rdds):
        return rdd_of(self.reduced, at, last, self.graph.spark.union(rdds)) if rdds else last


class Stateful(Node):
    """`function(time, last state or None, rdd)` is the state after a batch."""

    must_checkpoint = True

    def __init__(self, graph, parent, function, initial=None):
        super().__init__(graph, [parent])
        self.function = function
        self.initial = initial
        self.storage_level = memory_only()

    def __getstate__(self):
        # An RDD stays in its program; a graph read from disk begins with the states that were saved.
        return {**super().__getstate__(), "initial": None}

    def compute(self, time_ms):
        last = self.rdd(time_ms - self.slide_ms)
        last = self.initial if last is None else last
        rdd = self.parents[0].rdd(time_ms)
        return last if rdd is None else rdd_of(self.function, as_datetime(time_ms), last, rdd)


class Output(Node):
    """What a batch's RDD is for: `function(time, rdd)`, run as a job of the batch."""

    def __init__(self, graph, parent, function):
        super().__init__(graph, [parent])
        self.function = function
        graph.outputs.append(self)

    def job(self, time_ms):
        """The job of a batch, or None where its RDD is missing."""
        rdd = self.parents[0].rdd(time_ms)
        return None if rdd is None else lambda: called(self.function, as_datetime(time_ms), rdd)


def memory_only():
    from pyspark.storagelevel import StorageLevel

    return StorageLevel.MEMORY_ONLY


def check_window(window_ms, slide_ms, parent_ms, what):
    for name, duration_ms in (("window", window_ms), ("slide", slide_ms)):
        if duration_ms % parent_ms != 0:
            raise failed(
                "Exception",
                "The %s duration of %s (%d ms) must be multiple of the slide duration of parent DStream (%d ms)"
                % (name, what, duration_ms, parent_ms),
            )
