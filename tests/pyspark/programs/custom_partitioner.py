import sys
from pyspark import SparkContext, StorageLevel
from pyspark.rdd import portable_hash

sc = SparkContext(master="local[3]", appName="partitioners")


def show_partitions(rdd):
    print("%d: %s" % (rdd.getNumPartitions(), rdd.glom().map(sorted).collect()))


data = sc.parallelize([(i, i * i) for i in range(12)])
show_partitions(data)
show_partitions(data.partitionBy(4))
show_partitions(data.partitionBy(3, lambda k: k // 5))
show_partitions(data.partitionBy(2, partitionFunc=lambda k: 0 if k < 10 else 1))
print(data.partitionBy(4).partitioner == data.partitionBy(4).partitioner, data.partitioner)
names = sc.parallelize(["ada", "bob", "cy", "dee", "eve", "fay"]).map(lambda n: (n, len(n)))
show_partitions(names.partitionBy(3))
show_partitions(names.partitionBy(3, lambda n: ord(n[0])))
mixed = sc.parallelize([((1, "a"), 1), ((2, None), 2), ((None, 3.5), 3), ((True, b"x"), 4)])
show_partitions(mixed.partitionBy(5).map(lambda kv: str(kv)))
print([portable_hash(x) for x in [0, 1, -1, None, (), (1, 2), "a", 1.5, (None, "x"), True, b"b"]])
kept = data.partitionBy(4).persist(StorageLevel.MEMORY_AND_DISK)
print(kept.getStorageLevel(), kept.is_cached)
print(kept.mapValues(lambda v: v + 1).partitioner == kept.partitioner, kept.map(lambda kv: kv).partitioner)
joined = kept.join(kept.mapValues(str))
print(joined.getNumPartitions(), joined.collect())
print(kept.reduceByKey(lambda a, b: a).getNumPartitions(), data.groupByKey(7).getNumPartitions(), data.cogroup(kept).getNumPartitions())
kept.unpersist()
show_partitions(data.repartitionAndSortWithinPartitions(3, lambda k: k % 3, ascending=False))
print(data.repartitionAndSortWithinPartitions(2, lambda k: k % 2).glom().collect())
show_partitions(data.coalesce(2))
show_partitions(data.coalesce(10))
show_partitions(data.repartition(2))
show_partitions(data.sortByKey(ascending=False, numPartitions=3))
print(data.sortByKey(False, 2).keys().glom().collect(), data.sortBy(lambda kv: kv[1] % 5).values().collect())
print(data.zipWithUniqueId().map(lambda t: t[1]).collect(), data.keys().zip(data.values()).take(2))
print(data.mapPartitionsWithIndex(lambda i, it: ["%d:%d" % (i, sum(1 for _ in it))]).collect())
for bad in (0, -1):
    try:
        print(data.partitionBy(bad).collect())
    except Exception as e:
        print(type(e).__name__)
sc.stop()
