"""A task: read a partition's records, take them through the fused steps, write rows. What `mapInArrow` calls.

What a task adds to accumulators leaves with its end, as that of a DataFrame's functions does: it counts when the task has
succeeded, whatever becomes of the others.
"""

from firesteel.task import barrier, frame


def run(payload, batches):
    """All partitions that this task was given. `payload` is a pickled `Stage`."""
    from pickle import loads

    from pyspark import accumulators

    collect_rarely()
    output = frame.Output()
    # What the partitions that are done have added to accumulators.
    told = []

    def unpickled():
        # Each partition gets its own copy of the functions, and of the accumulators that they hold.
        accumulators._accumulatorRegistry.clear()
        stage = loads(payload)
        held = dict(accumulators._accumulatorRegistry)
        accumulators._accumulatorRegistry.clear()
        return stage, held

    stage, held = unpickled()
    stage.prepare_imports()
    fresh = True
    for index, records in stage.source.partitions(batches):
        if not fresh:
            stage, held = unpickled()
        fresh = False
        stage.enter_task(index)
        try:
            if stage.profiler is None:
                written = stage.written(index, records)
            else:
                written = stage.profiler.profile(lambda: list(stage.written(index, records)))
            if stage.writer.writes_batches:
                yield from written
            else:
                for row in written:
                    output.add(row)
                    if output.is_full:
                        yield output.take()
        except Exception as error:
            raise explained(error, index)
        told.extend((identity, one._value) for identity, one in held.items())
    if output.part:
        yield output.take()
    if told:
        from firesteel.connect_client import SEVERAL

        accumulators._accumulatorRegistry[SEVERAL] = Told(told)


class Told:
    """Stands where a worker looks for accumulators."""

    def __init__(self, pairs):
        self._value = pairs


def collect_rarely():
    """Records are many and seldom in cycles: with Python's own threshold, a tenth of the time goes to the collector."""
    import gc

    first, *others = gc.get_threshold()
    if 0 < first < 50_000:
        gc.set_threshold(50_000, *others)


def explained(error, index):
    """The user's exception, its traceback begun at the user's first frame, with the task's partition noted."""
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
        from pyspark.errors import PySparkRuntimeError

        stopped = error.__cause__
        error = PySparkRuntimeError(
            errorClass="STOP_ITERATION_OCCURRED", messageParameters={"exc": str(stopped)}
        ).with_traceback(stopped.__traceback__)
        error.__cause__ = stopped
    traceback = error.__traceback__
    while traceback is not None and "firesteel" in traceback.tb_frame.f_code.co_filename:
        traceback = traceback.tb_next
    if traceback is not None:
        error = error.with_traceback(traceback)
    if hasattr(error, "add_note"):
        error.add_note("(in the task of partition %d)" % index)
    return error


class Stage:
    """What a task does: where records come from, the steps over them, and how they leave."""

    def __init__(self, source, steps, writer, number, properties, paths, barrier=None):
        self.source = source
        self.steps = steps
        self.writer = writer
        # The stage's number and the job's local properties, as TaskContext tells them.
        self.number = number
        self.properties = properties
        # Where the driver found added Python files.
        self.paths = paths
        # (number of tasks, shared directory) of a barrier stage.
        self.barrier = barrier
        # PySpark's profiler of this stage, where the application wants profiles.
        self.profiler = None

    def written(self, index, records):
        """What the writer makes of a partition's records after all steps."""
        for step in self.steps:
            records = step(index, records)
        return self.writer(index, records)

    def prepare_imports(self):
        import os
        import sys

        for path in self.paths:
            if path not in sys.path and os.path.exists(path):
                sys.path.insert(1, path)
        # In Spark's own workers its class knows where files are; the user's function may hold ours.
        theirs = sys.modules.get("pyspark.core.files")
        if theirs is not None and theirs.SparkFiles._is_running_on_worker:
            from firesteel.files import SparkFiles

            SparkFiles._root_directory = theirs.SparkFiles._root_directory

    def enter_task(self, index):
        from pyspark import TaskContext

        barrier.leave()
        if self.barrier is not None:
            barrier.enter(index, *self.barrier)
        context = TaskContext._getOrCreate()
        context._partitionId = index
        context._stageId = self.number
        context._attemptNumber = context._attemptNumber or 0
        if context._taskAttemptId is None:
            context._taskAttemptId = index
        context._localProperties = {**(context._localProperties or {}), **self.properties}
        context._resources = context._resources or {}
        context._cpus = context._cpus or 1
