"""What of `pyspark.mllib` runs without its algorithms: vectors, matrices, files of labelled points, statistics."""

import math

from pyspark.mllib.linalg import DenseMatrix, Matrices, SparseVector, Vectors
from pyspark.mllib.random import RandomRDDs
from pyspark.mllib.regression import LabeledPoint, LinearModel
from pyspark.mllib.stat import MultivariateGaussian, Statistics
from pyspark.mllib.util import LinearDataGenerator, MLUtils  # noqa: F401

ROWS = [[2.0, 0.0, 0.0, -2.5], [4.0, 5.0, 0.0, 3.0], [6.0, 7.0, 0.0, 8.0], [0.0, 1.0, 0.0, 1.0], [4.0, -1.0, 0.0, 1.0]]


def rounded(values):
    return [None if math.isnan(value) else round(float(value), 10) for value in values]


def case_linear_algebra(spark, tmp):
    dense, sparse = Vectors.dense([1.0, 0.0, 3.0]), Vectors.sparse(3, {0: 1.0, 2: 3.0})
    matrix = DenseMatrix(2, 2, [1.0, 2.0, 3.0, 4.0])
    return {
        "equal": [dense == sparse, str(dense), str(sparse), repr(sparse)],
        "dot": [dense.dot(sparse), sparse.dot([1, 2, 3]), sparse.norm(2), dense.squared_distance([0, 0, 0])],
        "parsed": [str(Vectors.parse("[1.5, 2]")), str(Vectors.parse("(3,[0],[2.5])"))],
        "matrix": [matrix.toArray().tolist(), str(Matrices.sparse(2, 2, [0, 1, 2], [0, 1], [5.0, 6.0]).toDense())],
        "new": [str(sparse.asML()), type(SparseVector(2, [0], [1.0]).asML()).__module__],
        "in tasks": spark.sparkContext.parallelize([dense, sparse], 2).map(lambda v: float(v.dot(v))).collect(),
        "gaussian": MultivariateGaussian(dense, matrix)[0] == dense,
    }


def case_labelled_points(spark, tmp):
    sc = spark.sparkContext
    points = [LabeledPoint(1.0, Vectors.sparse(6, [(0, 1.0), (2, 2.5), (4, 3.0)])), LabeledPoint(0.0, Vectors.dense([1.01, 2.02]))]
    (tmp / "libsvm.txt").write_text("+1 1:1.0 3:2.0 5:3.0\n-1\n-1 2:4.0 4:5.0 6:6.0\n")
    MLUtils.saveAsLibSVMFile(sc.parallelize(points, 1), str(tmp / "saved"))
    sc.parallelize(points, 1).map(str).saveAsTextFile(str(tmp / "points"))
    sc.parallelize([str(Vectors.dense(row)) for row in ROWS], 1).saveAsTextFile(str(tmp / "vectors"))
    return {
        "read": [str(one) for one in MLUtils.loadLibSVMFile(sc, str(tmp / "libsvm.txt")).collect()],
        "wider": [one.features.size for one in MLUtils.loadLibSVMFile(sc, str(tmp / "libsvm.txt"), 10, 1).collect()],
        "written": sorted(line for part in (tmp / "saved").glob("part-*") for line in part.read_text().split("\n")),
        "points": [str(one) for one in MLUtils.loadLabeledPoints(sc, str(tmp / "points"), 1).collect()],
        "vectors": [str(one) for one in MLUtils.loadVectors(sc, str(tmp / "vectors")).collect()],
        "bias": str(MLUtils.appendBias(Vectors.dense([1.0, 2.0]))),
        "model": LinearModel([1.0, 2.0], 0.5).intercept,
    }


def case_column_statistics(spark, tmp):
    found = {}
    sc = spark.sparkContext
    for name, rows in {"rows": ROWS, "one": ROWS[1:2], "zeros": [[0.0, -1.0], [0.0, -2.0], [3.0, 0.0]]}.items():
        summary = Statistics.colStats(sc.parallelize(rows, 2))
        found[name] = [
            summary.count(), rounded(summary.mean()), rounded(summary.variance()), rounded(summary.numNonzeros()),
            rounded(summary.max()), rounded(summary.min()), rounded(summary.normL1()), rounded(summary.normL2()),
        ]
    sparse = sc.parallelize([Vectors.sparse(3, {1: 2.0}), Vectors.dense([1.0, 2.0, 3.0])])
    found["sparse"] = [rounded(Statistics.colStats(sparse).mean()), type(Statistics.colStats(sparse)).__name__]
    return found


def case_correlations(spark, tmp):
    sc = spark.sparkContext
    rows = sc.parallelize(ROWS, 2).map(Vectors.dense)
    one, other = sc.parallelize([1.0, 0.0, -2.0, 5.0], 2), sc.parallelize([4.0, 5.0, 3.0, 3.0], 2)

    def failing(action):
        try:
            return repr(action())
        except Exception as error:
            return "supported correlations" in str(error).lower() or type(error).__name__

    return {
        "pearson": [rounded(row) for row in Statistics.corr(rows)],
        "spearman": [rounded(row) for row in Statistics.corr(rows, method="spearman")],
        "two": [rounded([Statistics.corr(one, other)]), rounded([Statistics.corr(one, other, "spearman")])],
        "constant": rounded([Statistics.corr(one, sc.parallelize([1.0] * 4, 2))]),
        "wrong": [failing(lambda: Statistics.corr(rows, "spearman")), failing(lambda: Statistics.corr(rows, method="kendall"))],
    }


def case_random_numbers(spark, tmp):
    sc = spark.sparkContext
    found = {
        "uniform": RandomRDDs.uniformRDD(sc, 5, 2, 1),
        "normal": RandomRDDs.normalRDD(sc, 5, 2, 1),
        "log normal": RandomRDDs.logNormalRDD(sc, 0.5, 1.5, 5, 2, 1),
        "poisson": RandomRDDs.poissonRDD(sc, 3.0, 8, 2, 1),
        "poisson of many": RandomRDDs.poissonRDD(sc, 100.5, 12, 2, 1),
        "exponential": RandomRDDs.exponentialRDD(sc, 2.0, 8, 2, 1),
        "gamma": RandomRDDs.gammaRDD(sc, 2.0, 3.0, 8, 2, 1),
        "gamma below 1": RandomRDDs.gammaRDD(sc, 0.5, 3.0, 8, 2, 1),
        "vectors": RandomRDDs.normalVectorRDD(sc, 3, 2, 2, -5).map(lambda row: row.tolist()),
        "vectors of gamma": RandomRDDs.gammaVectorRDD(sc, 2.0, 1.0, 2, 2, 1, 7).map(lambda row: row.tolist()),
    }
    return {
        **{name: rdd.map(lambda value: [float(one) for one in value] if isinstance(value, list) else float(value)).collect() for name, rdd in found.items()},
        "partitions": RandomRDDs.uniformRDD(sc, 3, 5, 3).glom().map(len).collect(),
    }
