import sys
from pyspark import SparkContext
from operator import add, mul
sc = SparkContext("local[2]", "aggs")
n = sc.parallelize([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5], 3)
print(n.reduce(add), n.fold(0, add), n.fold(1, mul), n.aggregate((0, 0), lambda a, v: (a[0]+v, a[1]+1), lambda a, b: (a[0]+b[0], a[1]+b[1])))
print(n.treeReduce(add), n.treeAggregate(0, add, add, 3), n.sum(), n.mean(), n.stdev(), n.variance(), n.sampleStdev(), n.sampleVariance())
print(n.max(), n.min(), n.max(key=lambda v: -v), n.top(3), n.top(3, key=lambda v: -v), n.takeOrdered(4))
print(n.stats().asDict(), n.stats().asDict(sample=True))
print(sorted(n.countByValue().items()), n.countApprox(1000), n.countApproxDistinct(), n.sumApprox(1000), n.meanApprox(1000))
print(n.histogram(3), n.histogram([0, 4, 10]))
kv = sc.parallelize([("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5)], 2)
print(kv.reduceByKeyLocally(add), kv.foldByKey(0, add).collect(), kv.combineByKey(lambda v: [v], lambda c, v: c + [v], lambda c, d: c + d).collect())
print(kv.sampleByKey(False, {"a": 0.5, "b": 1.0, "c": 1.0}, 3).collect(), kv.flatMapValues(range).collect())
print(kv.groupByKey(1).mapValues(sorted).collect(), kv.sortBy(lambda t: -t[1]).collect(), kv.mapValues(str).values().collect())
try:
    sc.parallelize([]).reduce(add)
except ValueError as e:
    print("VE", e)
try:
    sc.parallelize([]).max()
except ValueError as e:
    print("VE", e)
print(sc.parallelize([]).sum(), sc.parallelize([], 3).fold(7, add), sc.parallelize(["b", "a"]).histogram(1))
try:
    sc.parallelize([]).first()
except ValueError as e:
    print("VE", e)
sc.stop()
