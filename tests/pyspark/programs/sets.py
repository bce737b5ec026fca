import sys
from pyspark import SparkContext
sc = SparkContext("local[4]", "sets")
a = sc.parallelize([1, 2, 2, 3, 5, 8, 13, None], 3)
b = sc.parallelize([2, 3, 4, 8, 8], 2)
print(a.union(b).glom().collect())
print(a.intersection(b).collect(), a.intersection(b).getNumPartitions())
print(a.subtract(b).collect(), a.subtract(b, 2).glom().collect())
print(a.distinct().glom().collect(), a.distinct(2).glom().collect())
print(b.cartesian(a).glom().collect())
print(sc.union([a, b, a]).getNumPartitions(), (a + b).count())
x = sc.parallelize([("a", 1), ("b", 4), ("c", 9)], 2)
y = sc.parallelize([("a", 2), ("a", 3), ("d", 7)], 3)
print(x.join(y).collect(), x.leftOuterJoin(y).collect(), x.rightOuterJoin(y).collect(), x.fullOuterJoin(y).collect())
print([(k, tuple(map(list, v))) for k, v in x.cogroup(y).collect()])
print([(k, tuple(map(list, v))) for k, v in x.groupWith(y, x).collect()])
print(x.join(y).getNumPartitions(), x.fullOuterJoin(y, 2).glom().collect())
print(x.zip(sc.parallelize([10, 20, 30], 2)).collect())
try:
    x.zip(sc.parallelize([10, 20, 30, 40], 2)).collect()
except Exception as e:
    print(type(e).__name__)
try:
    x.zip(sc.parallelize([10, 20, 30], 3)).collect()
except Exception as e:
    print(type(e).__name__, str(e))
print(a.groupBy(lambda v: v is None or v % 2).mapValues(list).collect())
print(a.keyBy(lambda v: v).collect(), x.keys().collect(), x.values().collect(), x.collectAsMap())
print(x.subtractByKey(y).collect(), a.isEmpty(), sc.parallelize([]).isEmpty())
sc.stop()
