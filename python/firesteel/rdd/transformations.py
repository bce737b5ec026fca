"""Transformations: partitions from partitions. Those of pairs are in `pairs`."""

import random
import sys

from firesteel.rdd import describe, lineage
from firesteel.task import route
from firesteel.task.hashing import portable_hash


class Transformations:
    def map(self, f, preservesPartitioning=False):
        from firesteel.task.apply import mapped

        return self._step(lambda index, records: mapped(f, records), preservesPartitioning)

    def flatMap(self, f, preservesPartitioning=False):
        from firesteel.task.apply import flattened

        return self._step(lambda index, records: flattened(f, records), preservesPartitioning)

    def filter(self, f):
        from firesteel.task.apply import filtered

        return self._step(lambda index, records: filtered(f, records), True)

    def mapPartitions(self, f, preservesPartitioning=False):
        return self._step(lambda index, records: f(records), preservesPartitioning)

    def mapPartitionsWithIndex(self, f, preservesPartitioning=False):
        return self._step(lambda index, records: f(index, records), preservesPartitioning)

    def mapPartitionsWithSplit(self, f, preservesPartitioning=False):
        import warnings

        warnings.warn(
            "mapPartitionsWithSplit is deprecated; use mapPartitionsWithIndex instead", FutureWarning, stacklevel=2
        )
        return self.mapPartitionsWithIndex(f, preservesPartitioning)

    def glom(self):
        return self.mapPartitions(lambda records: [list(records)])

    def keyBy(self, f):
        return self.map(lambda record: (f(record), record))

    def distinct(self, numPartitions=None):
        return self.map(lambda record: (record, None)).reduceByKey(first_of, numPartitions).keys()

    def groupBy(self, f, numPartitions=None, partitionFunc=portable_hash):
        return self.map(lambda record: (f(record), record)).groupByKey(numPartitions, partitionFunc)

    def pipe(self, command, env=None, checkCode=False):
        from firesteel.task.pipe import piped

        environment = dict(env) if env is not None else {}
        return self.mapPartitions(lambda records: piped(records, command, environment, checkCode))

    # Samples: the draws are those of PySpark's own samplers.

    def sample(self, withReplacement, fraction, seed=None):
        from pyspark.rddsampler import RDDSampler

        if not fraction >= 0:
            raise ValueError("Fraction must be nonnegative.")
        return self.mapPartitionsWithIndex(RDDSampler(withReplacement, fraction, seed).func, True)

    def randomSplit(self, weights, seed=None):
        from pyspark.rddsampler import RDDRangeSampler

        if not all(weight >= 0 for weight in weights):
            raise ValueError("Weights must be nonnegative")
        total = float(sum(weights))
        if not total > 0:
            raise ValueError("Sum of weights must be positive")
        bounds = [0.0]
        for weight in weights:
            bounds.append(bounds[-1] + weight / total)
        if seed is None:
            seed = random.randint(0, 2**32 - 1)
        return [
            self.mapPartitionsWithIndex(RDDRangeSampler(low, high, seed).func, True)
            for low, high in zip(bounds, bounds[1:])
        ]

    # Several RDDs.

    def union(self, other):
        if self.partitioner is not None and self.partitioner == other.partitioner:
            return self._aligned(other)
        union = type(self)._of(lineage.Union([self._node, other._node]), self.ctx)
        return union

    @staticmethod
    def _of(node, context, partitioner=None):
        from firesteel.rdd.rdd import RDD

        return RDD(node, context, partitioner)

    def _aligned(self, other):
        """The union of two RDDs that are partitioned alike: partition by partition."""
        count = self.getNumPartitions()
        in_place = route.ToFixed(lambda index: (index,))
        node = lineage.Shuffle([self._node, other._node], [in_place, in_place], count)
        node.kind, node.where = "PartitionerAwareUnionRDD", "union at NativeMethodAccessorImpl.java:0"
        return self._of(node, self.ctx, self.partitioner if count == other.getNumPartitions() else None)

    def intersection(self, other):
        def in_both(groups):
            return all(groups[1])

        pairs = self.map(lambda record: (record, None)).cogroup(other.map(lambda record: (record, None)))
        return pairs.filter(in_both).keys()

    def subtract(self, other, numPartitions=None):
        marked = other.map(lambda record: (record, True))
        return self.map(lambda record: (record, True)).subtractByKey(marked, numPartitions).keys()

    def cartesian(self, other):
        rights = other.getNumPartitions()
        lefts = self.getNumPartitions()
        to_left = route.ToFixed(lambda index: range(index * rights, (index + 1) * rights))
        to_right = route.ToFixed(lambda index: range(index, lefts * rights, rights))
        node = lineage.Shuffle([self._node, other._node], [to_left, to_right], lefts * rights, apart=True)
        node.kind, node.where = "CartesianRDD", "cartesian at NativeMethodAccessorImpl.java:0"

        one_side, other_side = (lineage.batch_size(side) for side in (self._node, other._node))

        def pairs(index, records):
            from firesteel.task.frame import batches

            # Spark pairs the batches in which the records travel, and then the records of each two batches.
            for left, right in records:
                rights = list(batches(right, other_side))
                for batch in batches(left, one_side):
                    for another in rights:
                        yield from ((one, two) for one in batch for two in another)

        return self._readable(node, pairs)

    def zip(self, other):
        count = self.getNumPartitions()
        if count != other.getNumPartitions():
            raise ValueError("Can only zip with RDD which has the same number of partitions")
        in_place = route.ToFixed(lambda index: (index,))
        node = lineage.Shuffle([self._node, other._node], [in_place, in_place], count, apart=True)
        node.kind, node.where = "ZippedPartitionsRDD2", "zip at NativeMethodAccessorImpl.java:0"

        def zipped(index, records):
            for left, right in records:
                if len(left) != len(right):
                    raise ValueError("Can only zip RDDs with same number of elements in each partition")
                yield from zip(left, right)

        return self._readable(node, zipped)

    def _readable(self, node, function):
        """The RDD of a node whose records are not yet what the program sees."""
        rdd = self._of(node, self.ctx)._step(function)
        rdd._node.is_same = True
        return rdd

    def zipWithIndex(self):
        starts = [0]
        if self.getNumPartitions() > 1:
            counts = self.mapPartitions(lambda records: [sum(1 for _ in records)]).collect()
            for count in counts[:-1]:
                starts.append(starts[-1] + count)
        return self.mapPartitionsWithIndex(
            lambda index, records: ((record, number) for number, record in enumerate(records, starts[index]))
        )

    def zipWithUniqueId(self):
        count = self.getNumPartitions()
        return self.mapPartitionsWithIndex(
            lambda index, records: ((record, number * count + index) for number, record in enumerate(records))
        )

    # Other partitions for the same records.

    def repartition(self, numPartitions):
        return self.coalesce(numPartitions, shuffle=True)

    def coalesce(self, numPartitions, shuffle=False):
        if not numPartitions > 0:
            raise ValueError("Number of partitions must be positive.")
        if shuffle:
            node = lineage.Shuffle([self._node], [route.deal], numPartitions)
            node.kind, node.where = "MapPartitionsRDD", "coalesce at NativeMethodAccessorImpl.java:0"
            node.hidden = describe.DEALT
            return self._of(node, self.ctx)
        count = self.getNumPartitions()
        targets = min(numPartitions, count)
        if targets == count or count == 0:
            return self.mapPartitions(same)
        ends = [(target + 1) * count // targets for target in range(targets)]

        def target_of(index):
            from bisect import bisect_right

            return (bisect_right(ends, index),)

        node = lineage.Shuffle([self._node], [route.ToFixed(target_of)], targets)
        node.kind, node.where = "CoalescedRDD", "coalesce at NativeMethodAccessorImpl.java:0"
        return self._of(node, self.ctx)

    def _memory_limit(self):
        """Megabytes that a task may use before it spills: `spark.python.worker.memory`."""
        return parse_memory(self.ctx._conf.get("spark.python.worker.memory", "512m"))


def parse_memory(text):
    units = {"g": 1024, "m": 1, "t": 1 << 20, "k": 1.0 / 1024}
    if text[-1].lower() not in units:
        raise ValueError("invalid format: " + text)
    return int(float(text[:-1]) * units[text[-1].lower()])


def first_of(one, _other):
    return one


def same(records):
    return records


def largest_sample():
    """More than this many records cannot be sampled for sure."""
    deviations = 10.0
    return sys.maxsize - int(deviations * sys.maxsize**0.5)
