"""Actions that describe numbers: sums, moments, histograms, approximations."""

import bisect
from math import isinf, isnan

from firesteel.rdd.bounded import BoundedFloat
from firesteel.task.hashing import portable_hash


class Statistics:
    def sum(self):
        import operator

        return self.mapPartitions(lambda records: [sum(records)]).fold(0, operator.add)

    def stats(self):
        from pyspark.statcounter import StatCounter

        def within(records):
            return [StatCounter(records)]

        return self.mapPartitions(within).reduce(lambda one, other: one.mergeStats(other))

    def mean(self):
        return self.stats().mean()

    def variance(self):
        return self.stats().variance()

    def stdev(self):
        return self.stats().stdev()

    def sampleStdev(self):
        return self.stats().sampleStdev()

    def sampleVariance(self):
        return self.stats().sampleVariance()

    def histogram(self, buckets):
        if isinstance(buckets, int):
            if buckets < 1:
                raise ValueError("number of buckets must be >= 1")
            low, high = self._extent()
            if low == high or buckets == 1:
                return [low, high], [self.filter(is_comparable).count()]
            buckets, width = even_buckets(low, high, buckets)
        elif isinstance(buckets, (list, tuple)):
            check_buckets(buckets)
            low, high = buckets[0], buckets[-1]
            width = common_width(buckets)
        else:
            raise TypeError("buckets should be a list or tuple or number(int or long)")

        def counted(records):
            counts = [0] * len(buckets)
            for record in records:
                if not is_comparable(record) or record > high or record < low:
                    continue
                if width is None:
                    counts[bisect.bisect_right(buckets, record) - 1] += 1
                else:
                    counts[int((record - low) / width)] += 1
            # The last bucket includes its upper end.
            last = counts.pop()
            counts[-1] += last
            return [counts]

        def added(one, other):
            return [left + right for left, right in zip(one, other)]

        return buckets, self.mapPartitions(counted).reduce(added)

    def _extent(self):
        def wider(one, other):
            return min(one[0], other[0]), max(one[1], other[1])

        try:
            return self.filter(is_comparable).map(lambda record: (record, record)).reduce(wider)
        except TypeError as error:
            if " empty " in str(error):
                raise ValueError("can not generate buckets from empty RDD") from error
            raise

    # What Spark approximates within a time limit is waited for here: the final value is what it returns too.

    def countApprox(self, timeout, confidence=0.95):
        return int(self.mapPartitions(lambda records: [float(sum(1 for _ in records))]).sumApprox(timeout, confidence))

    def sumApprox(self, timeout, confidence=0.95):
        total = float(sum(self.mapPartitions(lambda records: [float(sum(records))]).collect()))
        return BoundedFloat(total, 1.0, total, total)

    def meanApprox(self, timeout, confidence=0.95):
        mean = self.map(float).stats().mean()
        return BoundedFloat(mean, 1.0, mean, mean)

    def countApproxDistinct(self, relativeSD=0.05):
        from firesteel.task import distinct

        if relativeSD < 0.000017:
            raise ValueError("relativeSD should be greater than 0.000017")
        precision = distinct.precision_for(relativeSD)
        hashes = self.map(lambda record: portable_hash(record) & 0xFFFFFFFF)
        registers = hashes.mapPartitions(lambda records: [distinct.registers(records, precision)]).collect()
        return distinct.estimate(registers, precision)


def is_comparable(value):
    return value is not None and not (type(value) is float and isnan(value))


def even_buckets(low, high, count):
    try:
        width = (high - low) / count
    except TypeError:
        raise TypeError("Can not generate buckets with non-number in RDD") from None
    if isinf(width):
        raise ValueError("Can not generate buckets with infinite value")
    # Whole numbers stay whole where they can.
    width = int(width)
    if width * count != high - low:
        width = (high - low) * 1.0 / count
    return [number * width + low for number in range(count)] + [high], width


def check_buckets(buckets):
    if len(buckets) < 2:
        raise ValueError("buckets should have more than one value")
    if any(bound is None or isinstance(bound, float) and isnan(bound) for bound in buckets):
        raise ValueError("can not have None or NaN in buckets")
    if sorted(buckets) != list(buckets):
        raise ValueError("buckets should be sorted")
    if len(set(buckets)) != len(buckets):
        raise ValueError("buckets should not contain duplicated values")


def common_width(buckets):
    """The width of evenly spaced buckets; None where they are not, or are no numbers."""
    try:
        widths = [high - low for low, high in zip(buckets, buckets[1:])]
    except TypeError:
        return None
    if max(widths) - min(widths) >= 1e-10:
        return None
    return (buckets[-1] - buckets[0]) / (len(buckets) - 1)
