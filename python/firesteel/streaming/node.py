"""A stream as the graph knows it: when it has an RDD, which RDDs it remembers, which are kept or checkpointed."""

from firesteel.streaming.util import failed

# A stream that needs checkpoints gets one at the first multiple of its slide that is no shorter.
SHORTEST_CHECKPOINT_MS = 10_000


class Node:
    """One stream of a graph. Its kinds say in `compute(time_ms)` what the RDD of a batch is; None where there is none."""

    must_checkpoint = False

    def __init__(self, graph, parents=()):
        graph.check_open()
        self.graph = graph
        self.parents = tuple(parents)
        # RDDs by the time of their batch, as far back as somebody may ask for them.
        self.generated = {}
        self.zero_ms = None
        self.remember_ms = None
        self.checkpoint_ms = None
        self.storage_level = None
        # Where checkpointed RDDs lie, by time: what a graph read from disk begins with.
        self.saved = {}

    def __getstate__(self):
        return {**self.__dict__, "generated": {}}

    @property
    def slide_ms(self):
        return self.parents[0].slide_ms

    @property
    def parent_remember_ms(self):
        return self.remember_ms

    def compute(self, time_ms):
        raise NotImplementedError

    # Before the first batch.

    def initialize(self, time_ms):
        if self.zero_ms is not None and self.zero_ms != time_ms:
            raise failed("SparkException", "ZeroTime is already initialized to %d ms, cannot initialize it again to %d ms"
                         % (self.zero_ms, time_ms))
        self.zero_ms = time_ms
        if self.must_checkpoint and self.checkpoint_ms is None:
            self.checkpoint_ms = self.slide_ms * -(-SHORTEST_CHECKPOINT_MS // self.slide_ms)
        shortest = self.slide_ms
        if self.checkpoint_ms is not None and shortest <= self.checkpoint_ms:
            shortest = self.checkpoint_ms * 2
        self.remember_ms = max(self.remember_ms or 0, shortest)
        for parent in self.parents:
            parent.initialize(time_ms)

    def remember(self, duration_ms):
        if duration_ms is not None and (self.remember_ms is None or duration_ms > self.remember_ms):
            self.remember_ms = duration_ms
        for parent in self.parents:
            parent.remember(self.parent_remember_ms)

    def validate(self):
        name = type(self).__name__
        if self.checkpoint_ms is not None:
            require(self.graph.spark.getCheckpointDir() is not None,
                    "The checkpoint directory has not been set. Please set it by StreamingContext.checkpoint().")
            require(self.checkpoint_ms >= self.slide_ms,
                    "The checkpoint interval for %s has been set to  %d ms which is lower than its slide time (%d ms). "
                    "Please set it to at least %d ms." % (name, self.checkpoint_ms, self.slide_ms, self.slide_ms))
            require(self.checkpoint_ms % self.slide_ms == 0,
                    "The checkpoint interval for %s has been set to  %d ms which not a multiple of its slide time "
                    "(%d ms). Please set it to a multiple of %d ms."
                    % (name, self.checkpoint_ms, self.slide_ms, self.slide_ms))
            require(self.storage_level is not None,
                    "%s has been marked for checkpointing but the storage level has not been set to enable persisting. "
                    "Please use DStream.persist() to set the storage level to use memory for better checkpointing "
                    "performance." % name)
        for parent in self.parents:
            parent.validate()

    # While it runs.

    def has_batch(self, time_ms):
        if self.zero_ms is None:
            raise failed("SparkException", "%s has not been initialized" % self)
        return time_ms > self.zero_ms and (time_ms - self.zero_ms) % self.slide_ms == 0

    def rdd(self, time_ms):
        """The RDD of a batch, made when it is first asked for."""
        if time_ms in self.generated:
            return self.generated[time_ms]
        if not self.has_batch(time_ms):
            return None
        rdd = self.compute(time_ms)
        if rdd is not None:
            if self.storage_level is not None and rdd._node.storage_level is None:
                rdd.persist(self.storage_level)
            if self.checkpoint_ms is not None and (time_ms - self.zero_ms) % self.checkpoint_ms == 0:
                rdd.checkpoint()
            self.generated[time_ms] = rdd
        return rdd

    def slice(self, first_ms, last_ms):
        """The RDDs of the batches from one time to another, both included."""
        first, last = ((at - self.zero_ms) // self.slide_ms * self.slide_ms + self.zero_ms for at in (first_ms, last_ms))
        times = range(first, last + self.slide_ms, self.slide_ms)
        found = [self.rdd(at) for at in times if at >= self.zero_ms]
        return [rdd for rdd in found if rdd is not None]

    def forget(self, time_ms):
        """Drop the RDDs that nobody asks for after the batch of this time."""
        for old in [at for at in self.generated if at <= time_ms - self.remember_ms]:
            rdd = self.generated.pop(old)
            if self.graph.unpersists and self.storage_level is not None:
                rdd.unpersist()
        for parent in self.parents:
            parent.forget(time_ms)

    # On disk.

    def save(self, time_ms):
        """Note which RDDs have been checkpointed, for the graph's own checkpoint."""
        if self.checkpoint_ms is not None:
            saved = {at: (rdd.getCheckpointFile(), rdd.getNumPartitions())
                     for at, rdd in self.generated.items() if rdd.isCheckpointed()}
            self.saved = saved or self.saved
        for parent in self.parents:
            parent.save(time_ms)

    def restore(self):
        from firesteel.rdd.checkpoint import read_checkpoint

        for at, (path, count) in self.saved.items():
            self.generated.setdefault(at, read_checkpoint(self.graph.spark, path, count))
        for parent in self.parents:
            parent.restore()


def require(holds, message):
    if not holds:
        raise failed("IllegalArgumentException", "requirement failed: " + message)
