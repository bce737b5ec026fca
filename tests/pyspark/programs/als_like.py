import sys
import numpy as np
from numpy.random import RandomState
from numpy import matrix
from pyspark.sql import SparkSession
LAMBDA = 0.01
def rmse(R, ms, us):
    diff = R - ms * us.T
    return np.sqrt(np.sum(np.power(diff, 2)) / (M * U))
def update(i, mat, ratings):
    uu = mat.shape[0]
    ff = mat.shape[1]
    XtX = mat.T * mat
    Xty = mat.T * ratings[i, :].T
    for j in range(ff):
        XtX[j, j] += LAMBDA * uu
    return np.linalg.solve(XtX, Xty)
spark = SparkSession.builder.master("local[2]").appName("PythonALS").getOrCreate()
sc = spark.sparkContext
M, U, F, ITER, partitions = 10, 12, 3, 3, 2
rs = RandomState(7)
R = matrix(rs.rand(M, F)) * matrix(rs.rand(U, F).T)
ms, us = matrix(rs.rand(M, F)), matrix(rs.rand(U, F))
Rb, msb, usb = sc.broadcast(R), sc.broadcast(ms), sc.broadcast(us)
for i in range(ITER):
    ms_ = sc.parallelize(range(M), partitions).map(lambda x: update(x, usb.value, Rb.value)).collect()
    ms = matrix(np.array(ms_)[:, :, 0])
    msb = sc.broadcast(ms)
    us_ = sc.parallelize(range(U), partitions).map(lambda x: update(x, msb.value, Rb.value.T)).collect()
    us = matrix(np.array(us_)[:, :, 0])
    usb = sc.broadcast(us)
    print("Iteration %d: RMSE %5.4f" % (i, rmse(R, ms, us)))
spark.stop()
