"""Streams over windows of time: the records of the last so many batches, or a value reduced from them."""

import operator

from firesteel.streaming import derived
from firesteel.streaming.times import milliseconds


class Windows:
    def _check_window(self, window, slide):
        batch_ms = self._node.slide_ms
        for name, duration in (("windowDuration", window), ("slideDuration", slide)):
            if (duration or name == "windowDuration") and int(duration * 1000) % batch_ms != 0:
                raise ValueError(
                    "%s must be multiple of the parent dstream's slide (batch) duration (%d ms)" % (name, batch_ms)
                )

    def window(self, windowDuration, slideDuration=None):
        """All records of the last `windowDuration` seconds, every `slideDuration` seconds or each batch."""
        from firesteel.streaming.dstream import DStream

        self._check_window(windowDuration, slideDuration)
        slide_ms = self._node.slide_ms if slideDuration is None else milliseconds(slideDuration)
        return DStream(derived.Windowed(self._ssc._graph, self._node, milliseconds(windowDuration), slide_ms), self._ssc)

    def reduceByWindow(self, reduceFunc, invReduceFunc, windowDuration, slideDuration):
        keyed = self.map(lambda record: (1, record))
        reduced = keyed.reduceByKeyAndWindow(reduceFunc, invReduceFunc, windowDuration, slideDuration, 1)
        return reduced.map(lambda pair: pair[1])

    def countByWindow(self, windowDuration, slideDuration):
        return self.map(lambda _record: 1).reduceByWindow(operator.add, operator.sub, windowDuration, slideDuration)

    def countByValueAndWindow(self, windowDuration, slideDuration, numPartitions=None):
        keyed = self.map(lambda record: (record, 1))
        counted = keyed.reduceByKeyAndWindow(operator.add, operator.sub, windowDuration, slideDuration, numPartitions)
        return counted.filter(lambda pair: pair[1] > 0)

    def groupByKeyAndWindow(self, windowDuration, slideDuration, numPartitions=None):
        from pyspark.resultiterable import ResultIterable

        def append(values, more):
            values.extend(more)
            return values

        def drop(values, oldest):
            return values[len(oldest) :]

        lists = self.mapValues(lambda value: [value])
        grouped = lists.reduceByKeyAndWindow(append, drop, windowDuration, slideDuration, numPartitions)
        return grouped.mapValues(ResultIterable)

    def reduceByKeyAndWindow(
        self, func, invFunc, windowDuration, slideDuration=None, numPartitions=None, filterFunc=None
    ):
        """A value of each key over a window; with `invFunc`, from the last window's value and what has changed since."""
        from firesteel.streaming.dstream import DStream

        self._check_window(windowDuration, slideDuration)
        count = self._partitions(numPartitions)
        reduced = self.reduceByKey(func, numPartitions)
        if not invFunc:
            return reduced.window(windowDuration, slideDuration).reduceByKey(func, numPartitions)

        def added(_time, last, new):
            new = new.reduceByKey(func, count)
            whole = last.union(new).reduceByKey(func, count) if last else new
            return whole.filter(filterFunc) if filterFunc else whole

        def taken_away(_time, last, old):
            joined = last.leftOuterJoin(old.reduceByKey(func, count), count)
            return joined.mapValues(lambda pair: pair[0] if pair[1] is None else invFunc(pair[0], pair[1]))

        slide = self._slideDuration if slideDuration is None else slideDuration
        node = derived.Reduced(
            self._ssc._graph, reduced._node, milliseconds(windowDuration), milliseconds(slide), added, taken_away
        )
        return DStream(node, self._ssc)
