"""The graph: all streams of a context, from its inputs to its outputs, and what is true of the whole of it."""

from firesteel.streaming.node import require
from firesteel.streaming.util import failed

OPEN, STARTED, STOPPED = "INITIALIZED", "ACTIVE", "STOPPED"


class Graph:
    def __init__(self, spark, batch_ms):
        self.spark = spark
        self.batch_ms = batch_ms
        self.state = OPEN
        # What tells the listeners, once it has started.
        self.events = None
        self.inputs = []
        self.outputs = []
        self.remember_ms = None
        self.checkpoint_directory = None
        # The time before the first batch of all, and that of the first batch since the last start.
        self.zero_ms = None
        self.start_ms = None

    def __getstate__(self):
        return {**self.__dict__, "spark": None, "events": None, "state": OPEN}

    def check_open(self):
        if self.state != OPEN:
            raise failed(
                "IllegalStateException",
                "Adding new inputs, transformations, and output operations after %s a context is not supported"
                % ("starting" if self.state == STARTED else "stopping"),
            )

    @property
    def unpersists(self):
        return self.spark._conf.get("spark.streaming.unpersist", "true") == "true"

    def validate(self):
        require(self.batch_ms > 0, "Batch duration must be positive")
        require(self.outputs, "No output operations registered, so nothing to execute")

    def start(self, time_ms):
        """Begin with the batch after this time. Inputs that nobody reads are there too, and start."""
        self.zero_ms, self.start_ms = time_ms, time_ms + self.batch_ms
        for output in self.outputs:
            output.initialize(time_ms)
        for output in self.outputs:
            output.remember(self.remember_ms)
        for output in self.outputs:
            output.validate()
        for source in self.inputs:
            source.start()

    def restart(self, time_ms):
        """Go on after this graph was read from disk."""
        self.start_ms = time_ms
        for output in self.outputs:
            output.restore()
        for source in self.inputs:
            source.start()

    def stop_inputs(self):
        for source in self.inputs:
            source.stop()

    def allocate(self, time_ms):
        """What has been received belongs to this batch."""
        for source in self.inputs:
            source.allocate(time_ms)

    @property
    def has_unallocated(self):
        return any(source.has_unallocated for source in self.inputs)

    def jobs(self, time_ms):
        """(number of the output, job) of those that have an RDD in this batch."""
        jobs = ((number, output.job(time_ms)) for number, output in enumerate(self.outputs))
        return [(number, job) for number, job in jobs if job is not None]

    def forget(self, time_ms):
        for output in self.outputs:
            output.forget(time_ms)

    def save(self, time_ms):
        for output in self.outputs:
            output.save(time_ms)
