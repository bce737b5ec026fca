import sys
import numpy as np
from pyspark import SparkContext, SparkConf

sc = SparkContext(conf=SparkConf().setAppName("matrices").setMaster("local[2]"))
A = [[1, 2, 0], [0, 3, 4]]
B = [[5, 0], [0, 6], [7, 8]]
entries = lambda m: [(i, j, v) for i, row in enumerate(m) for j, v in enumerate(row) if v != 0]
a = sc.parallelize(entries(A)).map(lambda t: (t[1], (t[0], t[2])))
b = sc.parallelize(entries(B)).map(lambda t: (t[0], (t[1], t[2])))
product = a.join(b).map(lambda kv: ((kv[1][0][0], kv[1][1][0]), kv[1][0][1] * kv[1][1][1])).reduceByKey(lambda x, y: x + y)
print(product.collect())
print(sorted(product.collect()) == sorted(((i, j), int(v)) for (i, j), v in np.ndenumerate(np.dot(A, B))))
rows = sc.parallelize(list(enumerate(np.arange(12).reshape(4, 3))), 2)
v = sc.broadcast(np.array([1, 0, 2]))
print(rows.map(lambda r: (r[0], int(r[1].dot(v.value)))).collect())
gram = rows.map(lambda r: np.outer(r[1], r[1])).reduce(np.add)
print(gram.tolist(), type(gram).__name__)
cart = sc.parallelize(range(3)).cartesian(sc.parallelize("ab"))
print(cart.collect(), cart.getNumPartitions())
print(rows.map(lambda r: r[1]).sum().tolist(), rows.map(lambda r: r[1]).mean().tolist(), rows.map(lambda r: float(r[1].mean())).stats().mean())
print(rows.values().map(lambda x: x.astype(float)).treeAggregate(np.zeros(3), lambda acc, x: acc + x, np.add, depth=2).tolist())
print(rows.values().aggregate((np.zeros(3), 0), lambda acc, x: (acc[0] + x, acc[1] + 1), lambda p, q: (p[0] + q[0], p[1] + q[1]))[1])
print(rows.values().treeReduce(lambda x, y: np.maximum(x, y)).tolist(), rows.values().fold(np.zeros(3), lambda x, y: x + y).tolist())


def power_iteration(m, steps):
    x = np.ones(m.shape[1])
    parts = sc.parallelize(list(m), 2).zipWithIndex().cache()
    for _ in range(steps):
        y = parts.map(lambda r: (r[1], float(r[0] @ x))).collectAsMap()
        x = np.array([y[i] for i in range(len(y))])
        x /= np.linalg.norm(x)
    return x


print(np.round(power_iteration(np.array([[2.0, 1.0], [1.0, 3.0]]), 15), 6).tolist())
sc.stop()
