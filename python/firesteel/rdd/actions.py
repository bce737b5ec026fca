"""Actions: what runs a job and gives its result to the program."""

import functools
import heapq

from firesteel.rdd import dataframes, job


class Actions:
    def _parts(self, selection=None):
        """Records by partition, of these partitions or of all."""
        return job.run(self.ctx, self._node, selection)

    def collect(self):
        parts = self._parts()
        return [record for index in sorted(parts) for record in parts[index]]

    def collectWithJobGroup(self, groupId, description, interruptOnCancel=False):
        import warnings

        warnings.warn(
            "Deprecated in 3.1, Use pyspark.InheritableThread with the pinned thread mode enabled.",
            FutureWarning,
            stacklevel=2,
        )
        before = dict(self.ctx._local_properties.__dict__)
        self.ctx.setJobGroup(groupId, description, interruptOnCancel)
        try:
            return self.collect()
        finally:
            self.ctx._local_properties.__dict__.clear()
            self.ctx._local_properties.__dict__.update(before)

    def toLocalIterator(self, prefetchPartitions=False):
        """Partition by partition, each a job of its own when it is reached; the first, and ahead if so asked, at once."""
        count = self.getNumPartitions()
        if not prefetchPartitions:
            first = self._parts({0}) if count else {}

            def one_by_one():
                yield from first.get(0, [])
                for index in range(1, count):
                    yield from self._parts({index}).get(index, [])

            return one_by_one()

        def ahead():
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(1) as pool:
                coming = pool.submit(self._parts, {0}) if count else None
                for index in range(count):
                    part = coming.result()
                    coming = pool.submit(self._parts, {index + 1}) if index + 1 < count else None
                    yield from part.get(index, [])

        return ahead()

    def foreach(self, f):
        def each(records):
            for record in records:
                f(record)
            return iter(())

        self.mapPartitions(each)._parts()

    def foreachPartition(self, f):
        def whole(records):
            result = f(records)
            try:
                return iter(result)
            except TypeError:
                return iter(())

        self.mapPartitions(whole).count()

    def count(self):
        return sum(self.mapPartitions(lambda records: [sum(1 for _ in records)]).collect())

    def isEmpty(self):
        return len(self.take(1)) == 0

    def first(self):
        taken = self.take(1)
        if taken:
            return taken[0]
        raise ValueError("RDD is empty")

    def take(self, num):
        """The first records: partitions are run in growing numbers until there are enough, as Spark does."""
        dataframe = dataframes.behind(self)
        if dataframe is not None and num > 0:
            # Its rows come without a task in Python, and reading stops at the last one wanted.
            return dataframe.take(num)
        taken, scanned, count = [], 0, self.getNumPartitions()
        while len(taken) < num and scanned < count:
            width = 1
            if scanned > 0:
                width = scanned * 4
                if taken:
                    estimate = int(1.5 * num * scanned / len(taken)) - scanned
                    width = min(max(estimate, 1), width)
            left = num - len(taken)
            parts = range(scanned, min(scanned + width, count))
            taken += self.ctx.runJob(self, functools.partial(first_records, left), parts)
            scanned += width
        return taken[:num]

    def takeSample(self, withReplacement, num, seed=None):
        import random

        from firesteel.rdd.transformations import largest_sample

        if num < 0:
            raise ValueError("Sample size cannot be negative.")
        if num > largest_sample():
            raise ValueError("Sample size cannot be greater than %d." % largest_sample())
        if num == 0 or self.getNumPartitions() == 0:
            return []
        total = self.count()
        if total == 0:
            return []
        draw = random.Random(seed)
        if not withReplacement and num >= total:
            everything = self.collect()
            draw.shuffle(everything)
            return everything
        fraction = self._computeFractionForSampleSize(num, total, withReplacement)
        sample = self.sample(withReplacement, fraction, seed).collect()
        while len(sample) < num:
            seed = draw.randint(0, 2**63 - 1)
            sample = self.sample(withReplacement, fraction, seed).collect()
        draw.shuffle(sample)
        return sample[:num]

    @staticmethod
    def _computeFractionForSampleSize(sampleSizeLowerBound, total, withReplacement):
        """The fraction that gives at least that many records with a probability of 99.99 %, as Spark reckons it."""
        from math import log, sqrt

        fraction = float(sampleSizeLowerBound) / total
        if withReplacement:
            deviations = 9 if sampleSizeLowerBound < 12 else 5
            return fraction + deviations * sqrt(fraction / total)
        gamma = -log(0.00005) / total
        return min(1, fraction + gamma + sqrt(gamma * gamma + 2 * gamma * fraction))

    # Records folded into one.

    def reduce(self, f):
        def within(records):
            records = iter(records)
            for first in records:
                yield functools.reduce(f, records, first)

        reduced = self.mapPartitions(within).collect()
        if reduced:
            return functools.reduce(f, reduced)
        raise ValueError("Can not reduce() empty RDD")

    def treeReduce(self, f, depth=2):
        if depth < 1:
            raise ValueError("Depth cannot be smaller than 1 but got %d." % depth)

        def merged(one, other):
            # The flag says that there is no value yet.
            if one[1]:
                return other
            if other[1]:
                return one
            return f(one[0], other[0]), False

        reduced = self.map(lambda record: (record, False)).treeAggregate((None, True), merged, merged, depth)
        if reduced[1]:
            raise ValueError("Cannot reduce empty RDD.")
        return reduced[0]

    def fold(self, zeroValue, op):
        return self.aggregate(zeroValue, op, op)

    def aggregate(self, zeroValue, seqOp, combOp):
        within = functools.partial(folded, zeroValue, seqOp)
        return functools.reduce(combOp, self.mapPartitions(within).collect(), zeroValue)

    def treeAggregate(self, zeroValue, seqOp, combOp, depth=2):
        if depth < 1:
            raise ValueError("Depth cannot be smaller than 1 but got %d." % depth)
        if self.getNumPartitions() == 0:
            return zeroValue
        level = self.mapPartitions(functools.partial(folded, zeroValue, seqOp))
        parts = level.getNumPartitions()
        scale = max(ceil_root(parts, depth), 2)
        # Another level must make the last one smaller.
        while parts > scale + parts / scale:
            parts /= scale
            targets = int(parts)

            def spread(index, records, targets=targets):
                return ((index % targets, record) for record in records)

            level = level.mapPartitionsWithIndex(spread).reduceByKey(combOp, targets).values()
        return level.reduce(combOp)

    # The largest and smallest.

    def max(self, key=None):
        return self.reduce((lambda one, other: max(one, other)) if key is None else greater_by(key))

    def min(self, key=None):
        return self.reduce((lambda one, other: min(one, other)) if key is None else smaller_by(key))

    def top(self, num, key=None):
        return self.mapPartitions(lambda records: [heapq.nlargest(num, records, key=key)]).reduce(
            lambda one, other: heapq.nlargest(num, one + other, key=key)
        )

    def takeOrdered(self, num, key=None):
        if num < 0:
            raise ValueError("top N cannot be negative.")
        if num == 0 or self.getNumPartitions() == 0:
            return []
        return self.mapPartitions(lambda records: [heapq.nsmallest(num, records, key)]).reduce(
            lambda one, other: heapq.nsmallest(num, one + other, key)
        )

    # Of pairs.

    def collectAsMap(self):
        return dict(self.collect())

    def reduceByKeyLocally(self, func):
        def within(records):
            values = {}
            for key, value in records:
                values[key] = func(values[key], value) if key in values else value
            yield values

        def merged(one, other):
            for key, value in other.items():
                one[key] = func(one[key], value) if key in one else value
            return one

        return self.mapPartitions(within).reduce(merged)

    def countByKey(self):
        return self.map(lambda pair: pair[0]).countByValue()

    def countByValue(self):
        def within(records):
            from collections import defaultdict

            counts = defaultdict(int)
            for record in records:
                counts[record] += 1
            yield counts

        def merged(one, other):
            for value, count in other.items():
                one[value] += count
            return one

        return self.mapPartitions(within).reduce(merged)

    def lookup(self, key):
        values = self.filter(lambda pair: pair[0] == key).values()
        if self.partitioner is not None:
            return self.ctx.runJob(values, lambda records: records, [self.partitioner(key)])
        return values.collect()


def first_records(count, records):
    from itertools import islice

    return islice(records, count)


def folded(zero, operation, records):
    value = zero
    for record in records:
        value = operation(value, record)
    yield value


def ceil_root(number, degree):
    from math import ceil

    return int(ceil(pow(number, 1.0 / degree)))


def greater_by(key):
    return lambda one, other: max(one, other, key=key)


def smaller_by(key):
    return lambda one, other: min(one, other, key=key)
