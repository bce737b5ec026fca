"""Jobs: what an action runs. First the shuffles and the kept RDDs that are not there yet, then the action's own tasks."""

import contextlib
import pickle
import tempfile

from firesteel.rdd import lineage
from firesteel.rdd.errors import java_error, java_error_class, task_errors
from firesteel.task import frame
from firesteel.task.frame import Encode
from firesteel.task.route import Route
from firesteel.task.stage import Stage
from firesteel.unsupported import unsupported


class Compiler:
    """Turns nodes into DataFrames for one job of a context."""

    def __init__(self, context, job):
        self.context = context
        self.session = context._session
        self.job = job
        context._ship_code()

    def compiled(self, node, selection=None):
        """(frame, reader, steps) of a node: what one task reads and does."""
        base, steps = lineage.fused(node)
        rows, reader = self.base(base, selection)
        return rows, reader, steps

    def base(self, node, selection):
        if node.is_kept:
            rows = node.kept
            if selection is not None:
                # Few tasks: they read few partitions each, or none.
                rows = lineage.selected(rows, "part", selection).coalesce(
                    min(len(selection), lineage.MOST_TASKS)
                )
            rows = lineage.known(rows, lineage.FRAME)
            return rows, node.reader() if isinstance(node, lineage.Shuffle) else frame.EncodedSource()
        if isinstance(node, lineage.Union):
            return self.union(node, selection), frame.EncodedSource()
        return node.frame(self.session, selection)

    def union(self, node, selection):
        parts, offset = [], 0
        for parent in node.parts():
            count = parent.partition_count()
            wanted = None if selection is None else {part - offset for part in selection if 0 <= part - offset < count}
            if count and (wanted is None or wanted):
                parts.append(self.written(parent, Encode(offset), wanted))
            offset += count
        # Two by two, so that the plan is as flat as can be.
        while len(parts) > 1:
            parts = [parts[at].union(parts[at + 1]) if at + 1 < len(parts) else parts[at] for at in range(0, len(parts), 2)]
        whole = parts[0] if parts else self.session.createDataFrame([], lineage.frame_schema())
        if offset > lineage.MOST_TASKS:
            whole = whole.coalesce(lineage.MOST_TASKS)
        return lineage.known(whole, lineage.FRAME)

    def written(self, node, writer, selection=None, schema=None, number=None):
        """The DataFrame of a node's records as `writer` writes them: a frame, unless it has another schema.

        The number is that of the RDD that runs, where it is another than the node's: its profile is told by it.
        """
        rows, reader, steps = self.compiled(node, selection)
        barrier = self.barrier(node, selection) if node.is_barrier else None
        number = node.first_number(self.context) if number is None and self.context.profiler_collector else number
        return self.mapped(rows, self.stage(reader, steps, writer, barrier, number), schema, node.is_barrier)

    def barrier(self, node, selection):
        """Where the tasks of a barrier stage meet. They must all run, and all at once."""
        from firesteel import submitted

        count = node.partition_count()
        if selection is not None and len(selection) != count:
            raise java_error(
                "org.apache.spark.SparkException",
                "[SPARK-24820][SPARK-24821]: Barrier execution mode does not allow the following pattern of RDD chain "
                "within a barrier stage: actions that run on some of the partitions only, such as first() and take().",
            )
        if count > self.context.defaultParallelism:
            raise java_error(
                "org.apache.spark.SparkException",
                "[SPARK-24819]: Barrier execution mode does not allow run a barrier stage that requires more slots than "
                "the total number of slots in the cluster currently.",
            )
        base, _ = lineage.fused(node)
        if count > 1 and not isinstance(base, lineage.Made) and not lineage.places_by_number(self.session):
            # Two partitions could meet in one task, and would wait for each other without end.
            raise unsupported("A barrier stage of these data on this server", "repartition(1), or sc.range(...) as its data.")
        return count, tempfile.mkdtemp(dir=submitted.private_directory("barriers"))

    def stage(self, reader, steps, writer, barrier, number):
        from pyspark.serializers import CPickleSerializer

        properties = dict(self.context._local_properties.__dict__)
        stage = Stage(reader, steps, writer, self.job.new_stage(), properties, self.context._python_paths, barrier)
        profilers = self.context.profiler_collector
        if profilers is not None and steps:
            stage.profiler = profilers.new_profiler(self.context)
            profilers.add_profiler(number, stage.profiler)
        try:
            payload = CPickleSerializer().dumps(stage)
        except pickle.PicklingError as error:
            # What classic PySpark finds out when the job begins: a broadcast value that is destroyed.
            if isinstance(error.__context__, java_error_class()):
                raise error.__context__ from None
            raise
        return payload

    def mapped(self, rows, payload, schema, barrier=False):
        from firesteel.task.stage import run

        def task(batches):
            return run(payload, batches)

        barrier = {"barrier": True} if barrier else {}
        if schema is not None:
            return rows.mapInArrow(task, schema, **barrier)
        return lineage.known(rows.mapInArrow(task, lineage.frame_schema(), **barrier), lineage.FRAME)

    def exchanged(self, node):
        """The frame of a shuffle: each parent's records sent to their targets, in the order of the parents' partitions."""
        whole = None
        for tag, (parent, place) in enumerate(zip(node.parents, node.places)):
            if parent.partition_count() == 0:
                continue
            lowest = None if node.number is None else node.number - node.hidden
            rows = self.written(parent, Route(node.targets, place, tag), number=lowest)
            whole = rows if whole is None else whole.union(rows)
        if whole is None:
            rows, _ = lineage.Local([[]] * node.targets).frame(self.session, None)
            return rows
        # Markers come first, then parent after parent.
        return lineage.placed(whole, node.targets)

    def keep(self, node):
        """Compute a node and keep its frame on the server."""
        if isinstance(node, lineage.Shuffle):
            rows = self.exchanged(node)
        else:
            rows = self.written(node, Encode())
        node.kept, node.kept_bytes = rows.localCheckpoint(eager=True), None


@contextlib.contextmanager
def running(context):
    """A job of a context: told to the status tracker, tagged with the thread's group, its errors worded."""
    context._check_running("setCallSite")
    job = context._jobs.begin(context.getLocalProperty("spark.jobGroup.id"))
    tag = context._group_tag()
    if tag is not None:
        context._session.addTag(tag)
    outer = getattr(context._jobs.thread, "busy", False)
    context._jobs.thread.busy = True
    try:
        with task_errors():
            yield job
        job.end("SUCCEEDED")
    except BaseException:
        job.end("FAILED")
        raise
    finally:
        context._jobs.thread.busy = outer
        if tag is not None:
            context._session.removeTag(tag)


def prepare(context, compiler, node):
    for one in lineage.uncomputed(node):
        one.partition_count()
        compiler.keep(one)


def run(context, node, selection=None):
    """Run a node's tasks: the list of records of each partition, by index. Then write the checkpoints that it waited for."""
    node.first_number(context)
    parts = run_tasks(context, node, selection)
    checkpoint(context, node)
    return parts


def run_tasks(context, node, selection=None):
    with running(context) as job:
        compiler = Compiler(context, job)
        prepare(context, compiler, node)
        count = node.partition_count() if selection is None else len(selection)
        if count == 0:
            return {}
        job.tasks = count
        table = compiler.written(node, Encode(), selection).toArrow()
        parts = {}
        columns = (table.column(name).to_pylist() for name in ("part", "tag", "seq"))
        data = table.column("data")
        order = sorted(zip(*columns, range(table.num_rows)))
        for part, tag, _, position in order:
            records = parts.setdefault(part, [])
            if tag >= 0:
                records.extend(pickle.loads(data[position].as_buffer()))
    return parts


def checkpoint(context, node):
    """After a job: write the reliable checkpoints that were asked for among what it comes from, kept or not."""
    asked = context._checkpoints_asked
    stack = [node] if asked else []
    while stack:
        one = stack.pop()
        if one.looked_at == asked:
            # Nothing was asked for since a job has seen it.
            continue
        one.looked_at = asked
        if one.checkpoint_path is not None and one.checkpoint is None:
            from firesteel.rdd.checkpoint import write_checkpoint

            write_checkpoint(context, one)
        stack.extend(one.parents if one.checkpoint is None else ())


def arrow_frame(context, node, writer, schema):
    """A DataFrame of a node's records, made when the DataFrame runs; shuffles below it run now."""
    with running(context) as job:
        compiler = Compiler(context, job)
        prepare(context, compiler, node)
        return compiler.written(node, writer, None, schema)
