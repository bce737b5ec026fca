import sys
import numpy as np
from operator import add
from pyspark.sql import SparkSession
D = 3
def readPointBatch(iterator):
    strs = list(iterator)
    matrix = np.zeros((len(strs), D))
    for i, s in enumerate(strs):
        matrix[i] = np.fromstring(s, dtype=np.float64, sep=' ')
    yield matrix
spark = SparkSession.builder.master("local[2]").appName("PythonLR").getOrCreate()
points = spark.read.text(sys.argv[1] + "/points.txt").rdd.map(lambda r: r[0]).mapPartitions(readPointBatch).cache()
w = np.array([0.1, -0.2, 0.3])
def gradient(matrix, w):
    Y = np.sign(matrix[:, 0] - 5)
    X = matrix
    return ((1.0 / (1.0 + np.exp(-Y * X.dot(w))) - 1.0) * Y * X.T).sum(1)
def add2(x, y):
    x += y
    return x
for i in range(4):
    w -= 0.01 * points.map(lambda m: gradient(m, w)).reduce(add2)
    print("iteration %i" % (i + 1), np.round(w, 6))
spark.stop()
