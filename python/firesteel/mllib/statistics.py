"""Statistics of columns and their correlations, and vectors in text files, as MLlib reckons them."""

import numpy

from firesteel.rdd.errors import java_error


class Summary:
    """Column by column: count, mean, variance, extremes, norms. Zeros are counted, not added, as in Spark's summarizer."""

    def __init__(self, size):
        self.seen = 0
        self.nonzeros, self.average, self.squares_about, self.squares, self.absolute = numpy.zeros((5, size))
        self.largest, self.smallest = numpy.full(size, -numpy.inf), numpy.full(size, numpy.inf)

    def add(self, values):
        if len(values) != len(self.average):
            raise ValueError(
                "requirement failed: Dimensions mismatch when adding new sample. Expecting %d but got %d."
                % (len(self.average), len(values))
            )
        self.seen += 1
        at = numpy.flatnonzero(values)
        some = values[at]
        self.nonzeros[at] += 1
        away = some - self.average[at]
        self.average[at] += away / self.nonzeros[at]
        self.squares_about[at] += (some - self.average[at]) * away
        self.squares[at] += some * some
        self.absolute[at] += numpy.abs(some)
        self.largest[at] = numpy.maximum(self.largest[at], some)
        self.smallest[at] = numpy.minimum(self.smallest[at], some)
        return self

    def merge(self, other):
        total = self.nonzeros + other.nonzeros
        share = numpy.divide(other.nonzeros, total, out=numpy.zeros_like(total), where=total > 0)
        away = other.average - self.average
        self.average = self.average + away * share
        self.squares_about = self.squares_about + other.squares_about + away * away * self.nonzeros * share
        self.squares, self.absolute = self.squares + other.squares, self.absolute + other.absolute
        self.largest, self.smallest = numpy.maximum(self.largest, other.largest), numpy.minimum(self.smallest, other.smallest)
        self.nonzeros, self.seen = total, self.seen + other.seen
        return self

    # As Java's object is asked.

    def count(self):
        return self.seen

    def mean(self):
        return dense(self.average * (self.nonzeros / self.seen))

    def variance(self):
        if self.seen < 2:
            return dense(numpy.zeros_like(self.average))
        zeros = self.seen - self.nonzeros
        about = self.squares_about + self.average * self.average * self.nonzeros * zeros / self.seen
        return dense(numpy.maximum(about / (self.seen - 1), 0.0))

    def numNonzeros(self):
        return dense(self.nonzeros)

    def max(self):
        return dense(numpy.where((self.nonzeros < self.seen) & (self.largest < 0), 0.0, self.largest))

    def min(self):
        return dense(numpy.where((self.nonzeros < self.seen) & (self.smallest > 0), 0.0, self.smallest))

    def normL1(self):
        return dense(self.absolute)

    def normL2(self):
        return dense(numpy.sqrt(self.squares))


def dense(values):
    from pyspark.mllib.linalg import DenseVector

    return DenseVector(values)


def column_statistics(vectors):
    def of_partition(records):
        summary = None
        for record in records:
            values = record.toArray()
            summary = (summary or Summary(len(values))).add(values)
        return iter(()) if summary is None else iter([summary])

    parts = vectors.mapPartitions(of_partition).collect()
    if not parts:
        raise java_error("java.util.NoSuchElementException", "next on empty iterator")
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.merge(part)
    return whole


def correlations(vectors, method):
    """The matrix of the correlations of columns; NaN where a column has one value only."""
    from pyspark.mllib.linalg import DenseMatrix

    vectors = by_rank(vectors) if checked(method) == "spearman" else vectors
    summary = column_statistics(vectors)
    average = summary.mean().toArray()

    def of_partition(records):
        rows = [record.toArray() - average for record in records]
        return iter([numpy.transpose(rows) @ numpy.array(rows)] if rows else [])

    if summary.count() < 2:
        text = "RowMatrix.computeCovariance called on matrix with only %d rows. Cannot compute the covariance of a RowMatrix with <= 1 row."
        raise java_error("java.lang.RuntimeException", text % summary.count())
    covariance = sum(vectors.mapPartitions(of_partition).collect()) / (summary.count() - 1)
    spread = numpy.sqrt(numpy.diagonal(covariance))
    with numpy.errstate(divide="ignore", invalid="ignore"):
        found = covariance / numpy.outer(spread, spread)
    found[(spread < 1e-12), :] = numpy.nan
    found[:, (spread < 1e-12)] = numpy.nan
    numpy.fill_diagonal(found, 1.0)
    size = len(average)
    return DenseMatrix(size, size, found.flatten(order="F"))


def by_rank(vectors):
    """Each value's place among its column's, ties at the middle of theirs."""

    def cells(pair):
        vector, row = pair
        return [((column, float(value)), row) for column, value in enumerate(vector.toArray())]

    def middle(pair):
        (column, _value), placed = pair
        placed = list(placed)
        place = sum(at for _row, at in placed) / len(placed)
        return [(row, (column, place)) for row, _at in placed]

    placed = vectors.zipWithUniqueId().flatMap(cells).sortByKey().zipWithIndex().map(lambda pair: (pair[0][0], (pair[0][1], pair[1])))
    rows = placed.groupByKey().flatMap(middle).groupByKey()
    return rows.mapValues(lambda places: dense([place for _column, place in sorted(places)])).values()


def checked(method):
    if method not in (None, "pearson", "spearman"):
        raise java_error(
            "java.lang.IllegalArgumentException", "Unrecognized method name. Supported correlations: pearson, spearman"
        )
    return method


def correlation(x, y, method=None):
    """Of the columns of vectors; of two series, if `y` is one."""
    if y is None or isinstance(y, str):
        return correlations(x, y or method)
    checked(method)
    return float(correlations(x.zip(y).map(dense), method).toArray()[0, 1])


def load_vectors(sc, path, *_partitions):
    from pyspark.mllib.linalg import Vectors

    return sc.textFile(path).map(Vectors.parse)


def load_labeled_points(sc, path, partitions):
    return sc.textFile(path, partitions).map(labeled_point)


def labeled_point(line):
    """`(1.0,[2.0,3.0])`, or of older files `1.0,2.0 3.0`."""
    from pyspark.mllib.linalg import Vectors
    from pyspark.mllib.regression import LabeledPoint

    if line.startswith("("):
        label, _, features = line[1:-1].partition(",")
        return LabeledPoint(float(label), Vectors.parse(features))
    label, _, features = line.partition(",")
    return LabeledPoint(float(label), [float(value) for value in features.split()])


# MLlib's functions by their names.
FUNCTIONS = {
    "colStats": column_statistics,
    "corr": correlation,
    "loadVectors": load_vectors,
    "loadLabeledPoints": load_labeled_points,
}
