import sys
from pyspark import SparkContext
import numpy as np
sc = SparkContext("local[2]", "matrix")
A = {(i, j): i + j for i in range(4) for j in range(3)}
B = {(i, j): i * j + 1 for i in range(3) for j in range(2)}
a = sc.parallelize([(j, (i, v)) for (i, j), v in A.items()], 2)
b = sc.parallelize([(i, (j, v)) for (i, j), v in B.items()], 2)
c = a.join(b).map(lambda t: ((t[1][0][0], t[1][1][0]), t[1][0][1] * t[1][1][1])).reduceByKey(lambda x, y: x + y)
print(sorted(c.collect()))
r = sc.parallelize([np.arange(3) * k for k in range(5)], 3)
print(r.reduce(lambda x, y: x + y), r.map(np.sum).collect(), r.map(lambda v: float(v.sum())).mean())
v = sc.parallelize([np.float64(1.5), np.float64(2.5)])
print(v.sum(), v.stats().mean())
print(r.mapPartitions(lambda it: [np.vstack(list(it)).shape]).collect())
sc.stop()
