"""Streams of pairs: by key within each batch, joined with another stream, and with a state over all batches."""

from itertools import chain


class Pairs:
    def _partitions(self, wanted):
        return self._sc.defaultParallelism if wanted is None else wanted

    def mapValues(self, f):
        return self.map(lambda pair: (pair[0], f(pair[1])), True)

    def flatMapValues(self, f):
        return self.flatMap(lambda pair: ((pair[0], value) for value in f(pair[1])), True)

    def reduceByKey(self, func, numPartitions=None):
        return self.combineByKey(lambda value: value, func, func, numPartitions)

    def combineByKey(self, createCombiner, mergeValue, mergeCombiners, numPartitions=None):
        count = self._partitions(numPartitions)
        return self.transform(lambda rdd: rdd.combineByKey(createCombiner, mergeValue, mergeCombiners, count))

    def partitionBy(self, numPartitions, partitionFunc=None):
        from firesteel.task.hashing import portable_hash

        by = portable_hash if partitionFunc is None else partitionFunc
        return self.transform(lambda rdd: rdd.partitionBy(numPartitions, by))

    def groupByKey(self, numPartitions=None):
        count = self._partitions(numPartitions)
        return self.transform(lambda rdd: rdd.groupByKey(count))

    def cogroup(self, other, numPartitions=None):
        count = self._partitions(numPartitions)
        return self.transformWith(lambda one, another: one.cogroup(another, count), other)

    def join(self, other, numPartitions=None):
        count = self._partitions(numPartitions)
        return self.transformWith(lambda one, another: one.join(another, count), other)

    def leftOuterJoin(self, other, numPartitions=None):
        count = self._partitions(numPartitions)
        return self.transformWith(lambda one, another: one.leftOuterJoin(another, count), other)

    def rightOuterJoin(self, other, numPartitions=None):
        count = self._partitions(numPartitions)
        return self.transformWith(lambda one, another: one.rightOuterJoin(another, count), other)

    def fullOuterJoin(self, other, numPartitions=None):
        count = self._partitions(numPartitions)
        return self.transformWith(lambda one, another: one.fullOuterJoin(another, count), other)

    def updateStateByKey(self, updateFunc, numPartitions=None, initialRDD=None):
        """The state of each key: `updateFunc(its new values, its state or None)`; None removes the key."""
        from firesteel.rdd.rdd import RDD
        from firesteel.streaming import derived
        from firesteel.streaming.dstream import DStream

        count = self._partitions(numPartitions)
        if initialRDD and not isinstance(initialRDD, RDD):
            initialRDD = self._sc.parallelize(initialRDD)

        def update(_time, states, new):
            if states is None:
                grouped = new.groupByKey(count).mapValues(lambda values: (list(values), None))
            else:
                both = states.cogroup(new.partitionBy(count), count)
                grouped = both.mapValues(lambda pair: (list(pair[1]), next(chain(pair[0]), None)))
            updated = grouped.mapValues(lambda pair: updateFunc(pair[0], pair[1]))
            return updated.filter(lambda pair: pair[1] is not None)

        node = derived.Stateful(self._ssc._graph, self._node, update, initialRDD or None)
        return DStream(node, self._ssc)
