"""Transformations of (key, value) pairs, and sorting."""

from firesteel.rdd import describe, lineage
from firesteel.rdd.partitioner import Partitioner
from firesteel.task import combine, route
from firesteel.task.hashing import portable_hash


def itself(value):
    return value


class Pairs:
    def keys(self):
        return self.map(lambda pair: pair[0])

    def values(self):
        return self.map(lambda pair: pair[1])

    def mapValues(self, f):
        return self.map(lambda pair: (pair[0], f(pair[1])), preservesPartitioning=True)

    def flatMapValues(self, f):
        return self.flatMap(lambda pair: ((pair[0], one) for one in f(pair[1])), preservesPartitioning=True)

    def _defaultReducePartitions(self):
        if self.ctx._conf.contains("spark.default.parallelism"):
            return self.ctx.defaultParallelism
        return self.getNumPartitions()

    def partitionBy(self, numPartitions, partitionFunc=portable_hash):
        if numPartitions is None:
            numPartitions = self._defaultReducePartitions()
        partitioner = Partitioner(numPartitions, partitionFunc)
        if self.partitioner == partitioner:
            return self
        if numPartitions < 1:
            # Nothing is there to run: the result is empty, whatever the data.
            return self._of(lineage.Local([]), self.ctx, partitioner)
        node = lineage.Shuffle([self._node], [route.ByKey(partitionFunc)], numPartitions)
        node.hidden, node.site = describe.BY_KEY, describe.call_site()
        return self._of(node, self.ctx, partitioner)

    def combineByKey(
        self, createCombiner, mergeValue, mergeCombiners, numPartitions=None, partitionFunc=portable_hash
    ):
        if numPartitions is None:
            numPartitions = self._defaultReducePartitions()
        memory = self._memory_limit()

        def combined(index, records):
            return combine.by_key(records, createCombiner, mergeValue, mergeCombiners, memory)

        def merged(index, records):
            return combine.by_key(records, None, mergeCombiners, mergeCombiners, memory)

        return self._step(combined, True).partitionBy(numPartitions, partitionFunc)._step(merged, True)

    def reduceByKey(self, func, numPartitions=None, partitionFunc=portable_hash):
        return self.combineByKey(None, func, func, numPartitions, partitionFunc)

    def aggregateByKey(self, zeroValue, seqFunc, combFunc, numPartitions=None, partitionFunc=portable_hash):
        import copy

        return self.combineByKey(
            lambda value: seqFunc(copy.deepcopy(zeroValue), value), seqFunc, combFunc, numPartitions, partitionFunc
        )

    def foldByKey(self, zeroValue, func, numPartitions=None, partitionFunc=portable_hash):
        return self.aggregateByKey(zeroValue, func, func, numPartitions, partitionFunc)

    def groupByKey(self, numPartitions=None, partitionFunc=portable_hash):
        if numPartitions is None:
            numPartitions = self._defaultReducePartitions()
        memory = self._memory_limit()

        def grouped(index, records):
            return combine.groups(records, memory)

        def merged(index, records):
            from pyspark.resultiterable import ResultIterable

            return ((key, ResultIterable(values)) for key, values in combine.merged_groups(records, memory))

        return self._step(grouped, True).partitionBy(numPartitions, partitionFunc)._step(merged, True)

    # Several RDDs of pairs: PySpark's own joins, which are made of `union` and `groupByKey`.

    def join(self, other, numPartitions=None):
        from pyspark.join import python_join

        return python_join(self, other, numPartitions)

    def leftOuterJoin(self, other, numPartitions=None):
        from pyspark.join import python_left_outer_join

        return python_left_outer_join(self, other, numPartitions)

    def rightOuterJoin(self, other, numPartitions=None):
        from pyspark.join import python_right_outer_join

        return python_right_outer_join(self, other, numPartitions)

    def fullOuterJoin(self, other, numPartitions=None):
        from pyspark.join import python_full_outer_join

        return python_full_outer_join(self, other, numPartitions)

    def groupWith(self, other, *others):
        from pyspark.join import python_cogroup

        return python_cogroup((self, other) + others, numPartitions=None)

    def cogroup(self, other, numPartitions=None):
        from pyspark.join import python_cogroup

        return python_cogroup((self, other), numPartitions)

    def subtractByKey(self, other, numPartitions=None):
        def only_here(pair):
            return pair[1][0] and not pair[1][1]

        return self.cogroup(other, numPartitions).filter(only_here).flatMapValues(lambda groups: groups[0])

    def sampleByKey(self, withReplacement, fractions, seed=None):
        from pyspark.rddsampler import RDDStratifiedSampler

        for fraction in fractions.values():
            assert fraction >= 0.0, "Negative fraction value: %s" % fraction
        return self.mapPartitionsWithIndex(RDDStratifiedSampler(withReplacement, fractions, seed).func, True)

    # Order.

    def _sorted_partitions(self, ascending, keyfunc):
        memory = self._memory_limit()
        return self._step(
            lambda index, records: combine.sorted_by(records, lambda pair: keyfunc(pair[0]), ascending, memory), True
        )

    def repartitionAndSortWithinPartitions(
        self, numPartitions=None, partitionFunc=portable_hash, ascending=True, keyfunc=itself
    ):
        if numPartitions is None:
            numPartitions = self._defaultReducePartitions()
        return self.partitionBy(numPartitions, partitionFunc)._sorted_partitions(ascending, keyfunc)

    def sortByKey(self, ascending=True, numPartitions=None, keyfunc=itself):
        if numPartitions is None:
            numPartitions = self._defaultReducePartitions()
        if numPartitions == 1:
            whole = self.coalesce(1) if self.getNumPartitions() > 1 else self
            return whole._sorted_partitions(ascending, keyfunc)
        # A sample of about 20 keys a partition says where the partitions' ranges end.
        count = self.count()
        if not count:
            return self
        fraction = min(numPartitions * 20.0 / max(count, 1), 1.0)
        sample = sorted(self.sample(False, fraction, 1).keys().collect(), key=keyfunc)
        bounds = [sample[len(sample) * part // numPartitions] for part in range(1, numPartitions)]

        def range_of(key):
            from bisect import bisect_left

            # As Spark: the bounds are keys themselves.
            part = bisect_left(bounds, keyfunc(key))
            return part if ascending else numPartitions - 1 - part

        return self.partitionBy(numPartitions, range_of)._sorted_partitions(ascending, keyfunc)

    def sortBy(self, keyfunc, ascending=True, numPartitions=None):
        return self.keyBy(keyfunc).sortByKey(ascending, numPartitions).values()
