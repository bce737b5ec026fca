"""Lineage: how an RDD's partitions come about, and the DataFrame that computes them.

A node is a source, a step over one parent, a shuffle or a union. `compiled` turns a node into a frame, a reader and the
steps that one task runs over it; steps in a row are one task. Shuffles and kept nodes are computed once, by `job`, and kept
on the server.
"""

import os

from firesteel.task import frame
from firesteel.task.frame import Encode, EncodedSource, IndexSource, RowSource, TaggedSource


class Node:
    """What all kinds share: a name, and the kept frame once there is one."""

    parents = ()
    # Kept because a shuffle's output is always reused, as Spark reuses its shuffle files.
    always_kept = False

    def __init__(self):
        self.name = None
        # Asked to be kept (persist, localCheckpoint), and on which level.
        self.storage_level = None
        # The frame on the server, when it has been computed.
        self.kept = None
        # How many bytes that frame holds, once somebody asks.
        self.kept_bytes = None
        # Where a reliable checkpoint goes, and once it is there, the source that reads it back.
        self.checkpoint_path = None
        self.checkpoint = None
        self.is_locally_checkpointed = False
        # How many checkpoints had been asked for when a job last looked for them here.
        self.looked_at = 0
        self.is_barrier = False
        self._count = None
        self.number = None

    def partition_count(self):
        if self._count is None:
            self._count = self.count_partitions()
        return self._count

    @property
    def is_kept(self):
        return self.kept is not None

    @property
    def wants_keeping(self):
        return self.kept is None and (self.always_kept or self.storage_level is not None)

    # How many RDDs Spark has below the one of this node, which belong to it.
    hidden = 0
    # The program's call that made the node, where Spark shows it.
    site = None

    def first_number(self, context):
        """The number of this node's RDD, given when Spark makes one: what it is made of has its own by then."""
        if self.number is None:
            stack = [self]
            while stack:
                node = stack[-1]
                waiting = () if isinstance(node, Step) or node.hidden else [one for one in node.parents if one.number is None]
                if waiting:
                    stack.extend(reversed(waiting))
                    continue
                stack.pop()
                if isinstance(node, Step) and node.is_same:
                    node.number = node.parents[0].first_number(context)
                if node.number is None:
                    for _ in range(node.hidden):
                        context._next_rdd_id()
                    node.number = context._next_rdd_id()
        return self.number

    def dependencies(self):
        """The nodes that this one is computed from, as lineage stands after checkpoints."""
        return () if self.is_kept or self.checkpoint is not None else self.parents


class Local(Node):
    """Records that the driver had, one pickled list or several a partition."""

    kind = "ParallelCollectionRDD"
    where = "readRDDFromFile at PythonRDD.scala:326"

    def __init__(self, slices, batch=None):
        super().__init__()
        self.slices = slices
        # Records that travel together in Spark.
        self.batch = batch
        self._table = None

    def count_partitions(self):
        return len(self.slices)

    def frame(self, session, selection):
        import pyarrow

        if self._table is None:
            output, batches = frame.Output(), []
            for index, records in enumerate(self.slices):
                for row in Encode(dumps=frame.dumps)(index, records):
                    output.add(row)
                    if output.is_full:
                        batches.append(output.take())
            self._table = pyarrow.Table.from_batches([*batches, output.take()])
            self.slices = range(len(self.slices))
        table, first, count = self._table, 0, self.partition_count()
        if selection is not None:
            table = table.filter(pyarrow.array([part in selection for part in table["part"].to_pylist()], pyarrow.bool_()))
            first, count = min(selection), len(selection)
        rows = known(local_rows(session, table), FRAME)
        if count > 1:
            return placed(rows, count, first), EncodedSource()
        # The rows of one partition stay together, and in their order.
        return known(rows.coalesce(1), FRAME) if table.num_rows > 1 else rows, EncodedSource()


class Made(Node):
    """Records that tasks make or read themselves: `make(index)` gives partition index's."""

    def __init__(self, count, make, kind="HadoopRDD", where="textFile at NativeMethodAccessorImpl.java:0"):
        super().__init__()
        # A number, or a function that finds it out when first needed and may fail.
        self.count = count
        self.make = make
        self.kind, self.where = kind, where
        # The files are an RDD, and their records another.
        self.hidden = int(kind == "MapPartitionsRDD")

    def count_partitions(self):
        return self.count() if callable(self.count) else self.count

    def frame(self, session, selection):
        count = self.partition_count()
        first, end = (0, count) if selection is None else (min(selection), max(selection) + 1)
        indices = session.range(first, end, 1, min(max(end - first, 1), MOST_TASKS))
        if selection is not None and len(selection) < end - first:
            indices = selected(indices, "id", selection)
        return known(indices, "id"), IndexSource(self.make())


class Rows(Node):
    """The rows of a DataFrame."""

    kind = "MapPartitionsRDD"
    where = "javaToPython at NativeMethodAccessorImpl.java:0"

    def __init__(self, dataframe):
        super().__init__()
        self.dataframe = dataframe

    def numbered(self):
        from pyspark.sql import functions

        # Names may repeat in a DataFrame, and the columns go to Python by name.
        names = ["c%d" % position for position in range(len(self.dataframe.columns))]
        return self.dataframe.toDF(*names).select("*", functions.spark_partition_id().alias("part"))

    def count_partitions(self):
        """Asked of the server by running: the protocol has no question for it."""

        def index_of(batches):
            from pyspark import TaskContext

            parts = set()
            for batch in batches:
                parts.update(batch.column(batch.num_columns - 1).to_pylist())
            context = TaskContext.get()
            if not parts and context is not None:
                parts.add(context.partitionId())
            import pyarrow

            yield pyarrow.RecordBatch.from_arrays([pyarrow.array(sorted(parts), pyarrow.int32())], ["part"])

        counted = self.numbered().mapInArrow(index_of, "part int").toArrow()["part"].to_pylist()
        return max(counted) + 1 if counted else 0

    def frame(self, session, selection):
        return self.numbered(), RowSource(self.dataframe.schema.json(), selection)


class Step(Node):
    """A function over each partition of one parent: `function(index, records)`."""

    kind = "PythonRDD"
    where = "RDD at PythonRDD.scala:59"

    def __init__(self, parent, function):
        super().__init__()
        self.parents = (parent,)
        self.function = function
        self.is_barrier = parent.is_barrier
        # One RDD with its parent, of which it is the readable form.
        self.is_same = False

    def count_partitions(self):
        node = self
        while isinstance(node, Step) and node._count is None:
            node = node.parents[0]
        return node.partition_count()


class Shuffle(Node):
    """Records sent to other partitions: `places[i](index, records, targets)` for those of parent i.

    With `apart`, the only record of a partition is the list of each parent's records; else they follow one another.
    """

    kind = "ShuffledRDD"
    where = "partitionBy at NativeMethodAccessorImpl.java:0"
    always_kept = True

    def __init__(self, parents, places, count, apart=False):
        super().__init__()
        self.parents = tuple(parents)
        self.places = tuple(places)
        self.targets = count
        self.apart = apart

    def count_partitions(self):
        return self.targets

    def reader(self):
        return TaggedSource(len(self.parents)) if self.apart else EncodedSource()


class Union(Node):
    """The partitions of several parents, one after the other."""

    kind = "UnionRDD"
    where = "union at NativeMethodAccessorImpl.java:0"

    def __init__(self, parents):
        super().__init__()
        self.parents = tuple(parents)

    def count_partitions(self):
        return sum(part.partition_count() for part in self.parts(lambda _: True))

    def parts(self, is_open=lambda union: not union.is_kept and union.checkpoint is None):
        """What it puts together, in order; the parts of a union that is one of its parents are its own, where it is open.

        Not recursive: a loop that adds to a union makes it as deep as the loop is long.
        """
        found, stack = [], list(reversed(self.parents))
        while stack:
            one = stack.pop()
            if isinstance(one, Union) and is_open(one):
                stack.extend(reversed(one.parents))
            else:
                found.append(one)
        return found


def batch_size(node):
    """How many of a node's records travel together in Spark; None where it adapts to their size."""
    if isinstance(node, Local):
        return node.batch
    return 1 if isinstance(node, Made) and node.kind == "MapPartitionsRDD" else None


FRAME = "frame"
SMALL_TABLE_BYTES = 1 << 20


def frame_schema(kind=FRAME):
    """The columns of a frame, or of a range whose only column is named so."""
    from pyspark.sql.types import BinaryType, IntegerType, LongType, StructType

    if kind != FRAME:
        return StructType().add(kind, LongType(), False)
    schema = StructType().add("part", IntegerType()).add("tag", IntegerType())
    return schema.add("seq", LongType()).add("data", BinaryType())


def known(dataframe, kind):
    """The same DataFrame, which need not ask the server what its columns are."""
    if hasattr(dataframe, "_cached_schema"):
        dataframe._cached_schema = frame_schema(kind)
    return dataframe


def local_rows(session, table):
    """A small table travels in the plan; a large one is uploaded, once."""
    if table.nbytes > SMALL_TABLE_BYTES:
        return session.createDataFrame(table)
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.connect.plan import LocalRelation

    return DataFrame(LocalRelation(table), session)


def selected(dataframe, column, selection):
    from pyspark.sql import functions

    return dataframe.filter(functions.col(column).isin(sorted(selection)))


# A task takes several partitions, one after the other, where there are more of them than keep the cores busy.
MOST_TASKS = max(16, 4 * (os.cpu_count() or 1))


def places_by_number(session):
    """Whether client and server know `repartitionById`, which came with Spark 4.1. Asked once a session."""
    from pyspark.sql import functions

    known_answer = getattr(session, "_places_by_number", None)
    if known_answer is None:
        try:
            session.range(1).repartitionById(1, functions.col("id").cast("int")).schema
            known_answer = True
        except Exception:
            known_answer = False
        session._places_by_number = known_answer
    return known_answer


def placed(rows, count, first=0):
    """Rows in the tasks of their partitions, counted from the first; in order, marks first."""
    from pyspark.sql import functions

    tasks = min(count, MOST_TASKS)
    target = functions.expr("cast((part - %d) * %dL div %d as int)" % (first, tasks, count))
    if places_by_number(rows.sparkSession):
        exchanged = rows.repartitionById(tasks, target)
    else:
        # Which partitions meet in a task is left to chance; each task still takes them one after the other.
        exchanged = rows.repartition(tasks, target)
    return known(exchanged.sortWithinPartitions("part", "tag", "seq"), FRAME)


def fused(node):
    """The node whose frame a task reads, and the steps over it."""
    steps = []
    while True:
        if node.checkpoint is not None:
            node = node.checkpoint
        elif isinstance(node, Step) and not node.is_kept:
            steps.append(node.function)
            node = node.parents[0]
        else:
            return node, steps[::-1]


# Plans that lie deeper in each other than about a hundred messages cannot be sent; a union adds a few.
DEEPEST_UNION = 12


def depth_of(node, depths):
    """How many unions lie in each other in a node's plan, given those of its parents."""
    below = [(parent, depths.get(id(parent), 0)) for parent in node.dependencies()]
    if isinstance(node, Union):
        return max((depth + (not isinstance(parent, Union)) for parent, depth in below), default=0)
    return max((depth for _, depth in below), default=0)


def uncomputed(node):
    """The nodes that must be computed and kept before this one can be, in order; itself too if it wants it.

    Not recursive: lineage of a program that loops is as deep as its loop is long.
    """
    order, done, stack = [], set(), [(node, False)]
    depths = {}
    while stack:
        one, parents_are_done = stack.pop()
        if parents_are_done:
            depth = depth_of(one, depths)
            if one.wants_keeping and one.checkpoint is None or depth > DEEPEST_UNION:
                order.append(one)
                depth = 0
            depths[id(one)] = depth
        elif id(one) not in done:
            done.add(id(one))
            stack.append((one, True))
            stack.extend((parent, False) for parent in one.dependencies())
    return order
