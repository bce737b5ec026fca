"""`DStream`: what programs do with a stream. Each method makes a node of the graph; nothing runs before the start."""

import operator
from itertools import chain

from firesteel.rdd import class_names
from firesteel.streaming import derived
from firesteel.streaming.pairs import Pairs
from firesteel.streaming.times import from_program, milliseconds
from firesteel.streaming.util import failed, rddToFileName
from firesteel.streaming.windows import Windows

__all__ = ["DStream"]

LINE = "-------------------------------------------"


class DStream(Pairs, Windows):
    def __init__(self, node, ssc):
        self._made = node
        self._ssc = ssc
        self._sc = ssc._sc
        self.is_cached = False
        self.is_checkpointed = False

    @property
    def _node(self):
        return self._made

    @property
    def _slideDuration(self):
        return self._node.slide_ms / 1000.0

    def context(self):
        return self._ssc

    @classmethod
    def __class_getitem__(cls, _):
        """`DStream[int]` in annotations."""
        return cls

    # RDD by RDD.

    def transform(self, func):
        """`func(rdd)` or `func(time, rdd)` of each batch's RDD."""
        wanted = func.__code__.co_argcount
        if wanted == 1:
            return TransformedDStream(self, lambda _time, rdd: func(rdd))
        assert wanted == 2, "func should take one or two arguments"
        return TransformedDStream(self, func)

    def transformWith(self, func, other, keepSerializer=False):
        """`func(rdd, other's rdd)`, or with the time before them."""
        wanted = func.__code__.co_argcount
        if wanted == 2:
            function = lambda _time, one, another: func(one, another)  # noqa: E731
        else:
            assert wanted == 3, "func should take two or three arguments"
            function = func
        return DStream(derived.Combined(self._ssc._graph, [self._node, other._node], function), self._ssc)

    def foreachRDD(self, func):
        """Run `func(rdd)` or `func(time, rdd)` for each batch."""
        function = (lambda _time, rdd: func(rdd)) if func.__code__.co_argcount == 1 else func
        derived.Output(self._ssc._graph, self._node, function)

    # Record by record.

    def mapPartitionsWithIndex(self, f, preservesPartitioning=False):
        return self.transform(lambda rdd: rdd.mapPartitionsWithIndex(f, preservesPartitioning))

    def mapPartitions(self, f, preservesPartitioning=False):
        return self.mapPartitionsWithIndex(lambda _index, records: f(records), preservesPartitioning)

    def map(self, f, preservesPartitioning=False):
        return self.mapPartitions(lambda records: map(f, records), preservesPartitioning)

    def filter(self, f):
        return self.mapPartitions(lambda records: filter(f, records), True)

    def flatMap(self, f, preservesPartitioning=False):
        return self.mapPartitions(lambda records: chain.from_iterable(map(f, records)), preservesPartitioning)

    def glom(self):
        return self.mapPartitions(lambda records: iter([list(records)]))

    def repartition(self, numPartitions):
        return self.transform(lambda rdd: rdd.repartition(numPartitions))

    def union(self, other):
        if self._slideDuration != other._slideDuration:
            raise ValueError("the two DStream should have same slide duration")
        return self.transformWith(lambda one, another: one.union(another), other, True)

    def reduce(self, func):
        return self.map(lambda record: (None, record)).reduceByKey(func, 1).map(lambda pair: pair[1])

    def count(self):
        return self.mapPartitions(lambda records: [sum(1 for _ in records)]).reduce(operator.add)

    def countByValue(self):
        return self.map(lambda record: (record, 1)).reduceByKey(operator.add)

    # What a program sees of it.

    def pprint(self, num=10):
        """Print the first records of each batch, below its time."""

        def print_batch(time, rdd):
            taken = rdd.take(num + 1)
            lines = [LINE, "Time: %s" % time, LINE, *map(str, taken[:num])]
            print("\n".join([*lines, "...", ""] if len(taken) > num else [*lines, ""]))

        self.foreachRDD(print_batch)

    def saveAsTextFiles(self, prefix, suffix=None):
        """Each batch to the directory `prefix-TIME.suffix`. One that is there already (a batch done again) is left."""

        def save(time, rdd):
            try:
                rdd.saveAsTextFile(rddToFileName(prefix, suffix, time))
            except Exception as error:
                if "FileAlreadyExistsException" not in str(error):
                    raise

        self.foreachRDD(save)

    def slice(self, begin, end):
        """The RDDs from one time to another, both included: `datetime`s, or seconds since 1970."""
        if self._node.zero_ms is None:
            raise failed("SparkException", "%s has not been initialized" % self)
        with self._ssc._generator.lock:
            return self._node.slice(from_program(begin), from_program(end))

    # Keeping.

    def cache(self):
        from pyspark.storagelevel import StorageLevel

        return self.persist(StorageLevel.MEMORY_ONLY)

    def persist(self, storageLevel):
        self.is_cached = True
        self._node.storage_level = storage_level(storageLevel)
        return self

    def checkpoint(self, interval):
        self.is_checkpointed = True
        interval_ms = milliseconds(interval)
        node = self._node
        if node.graph.state != "INITIALIZED":
            raise failed("UnsupportedOperationException", "Cannot change checkpoint interval of a DStream after streaming context has started")
        if node.storage_level is None:
            node.storage_level = derived.memory_only()
        node.checkpoint_ms = interval_ms
        return self


class TransformedDStream(DStream):
    """A stream made by a function over each RDD of another. The graph knows it when it is first used."""

    def __init__(self, prev, func):
        super().__init__(None, prev._ssc)
        self.prev, self.func = prev, func

    @property
    def _node(self):
        if self._made is None:
            self._made = derived.Transformed(self._ssc._graph, self.prev._node, self.func)
        return self._made


def storage_level(level):
    from pyspark.storagelevel import StorageLevel

    if not isinstance(level, StorageLevel):
        raise TypeError("storageLevel must be of type pyspark.StorageLevel")
    return level


class_names.own(DStream, "pyspark.streaming.dstream")
TransformedDStream.__module__ = DStream.__module__
