import sys
from pyspark import SparkContext
from pyspark.rdd import portable_hash
sc = SparkContext("local[4]", "ss")
data = [("x", 2, 9), ("y", 2, 5), ("x", 1, 3), ("y", 1, 7), ("y", 3, 1), ("x", 3, 6), ("z", 1, 4), ("z", 2, 8)]
rdd = sc.parallelize(data, 3).map(lambda t: ((t[0], t[1]), t[2]))
r = rdd.repartitionAndSortWithinPartitions(numPartitions=3, partitionFunc=lambda k: portable_hash(k[0]))
print(r.glom().collect())
print(r.map(lambda t: (t[0][0], (t[0][1], t[1]))).groupByKey().mapValues(list).collect())
print([portable_hash(v) for v in (None, 1, (None, 2), 1.5, True, frozenset([1]), -1, 2**70)])
try:
    portable_hash([1])
except Exception as e:
    print(type(e).__name__, e)
print(rdd.partitioner, r.partitioner is not None, rdd.partitionBy(2).partitioner.numPartitions)
print(rdd.partitionBy(2).mapValues(lambda v: v).partitioner is not None, rdd.partitionBy(2).map(lambda v: v).partitioner)
sc.stop()
