"""`RDD`: an immutable, partitioned collection, known by its lineage. Nothing runs before an action."""

from firesteel.rdd import class_names, lineage
from firesteel.rdd.actions import Actions
from firesteel.rdd.keeping import Keeping
from firesteel.rdd.pairs import Pairs
from firesteel.rdd.saving import Saving
from firesteel.rdd.statistics import Statistics
from firesteel.rdd.transformations import Transformations

__all__ = ["RDD", "PipelinedRDD"]


class RDD(Transformations, Pairs, Actions, Statistics, Saving, Keeping):
    def __init__(self, node, ctx, partitioner=None):
        self._node = node
        self.ctx = ctx
        self.partitioner = partitioner
        self.has_resource_profile = False
        self._profile = None
        # What the JVM makes at once has its number at once; Python's own steps when the JVM first hears of them.
        if not isinstance(node, lineage.Step):
            node.first_number(ctx)

    @property
    def context(self):
        return self.ctx

    def id(self):
        return self._node.first_number(self.ctx)

    def name(self):
        return self._node.name

    def setName(self, name):
        self.id()
        self._node.name = name
        return self

    def getNumPartitions(self):
        from firesteel.rdd.errors import task_errors

        with task_errors():
            return self._node.partition_count()

    def _is_pipelinable(self):
        return not (self.is_cached or self.is_checkpointed)

    def _is_barrier(self):
        return self._node.is_barrier

    def _step(self, function, preserves_partitioning=False):
        """The RDD of a function over each partition: `function(index, records)`."""
        step = PipelinedRDD(
            lineage.Step(self._node, function), self.ctx, self.partitioner if preserves_partitioning else None
        )
        step.has_resource_profile, step._profile = self.has_resource_profile, self._profile
        return step

    def barrier(self):
        from firesteel.rdd.barrier import RDDBarrier

        return RDDBarrier(self)

    def withResources(self, profile):
        """The profile is kept with the RDD. Every task of one machine has that machine's resources."""
        self.has_resource_profile = True
        self._profile = profile
        return self

    def getResourceProfile(self):
        return self._profile

    def toDF(self, schema=None, sampleRatio=None):
        return self.ctx._session.createDataFrame(self, schema, sampleRatio)

    def toDebugString(self):
        from firesteel.rdd.describe import debug_string

        return debug_string(self).encode()

    def __repr__(self):
        from firesteel.rdd.describe import title

        return title(self._node, self.id())

    def __add__(self, other):
        if not isinstance(other, RDD):
            raise TypeError
        return self.union(other)

    def __getnewargs__(self):
        raise not_on_workers()

    def __reduce_ex__(self, protocol):
        raise not_on_workers()

    @classmethod
    def __class_getitem__(cls, _):
        """`RDD[int]` in annotations."""
        return cls


class_names.own(RDD, "pyspark.core.rdd")


class PipelinedRDD(RDD):
    """An RDD made by a step over another; `isinstance` checks know it by this name."""

    __module__ = RDD.__module__


def not_on_workers():
    from pyspark.errors import PySparkRuntimeError

    return PySparkRuntimeError(errorClass="RDD_TRANSFORM_ONLY_VALID_ON_DRIVER", messageParameters={})
