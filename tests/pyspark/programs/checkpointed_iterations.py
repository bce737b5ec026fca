import os
import sys
import shutil
from pyspark import SparkContext, StorageLevel

sc = SparkContext("local[2]", "iterations")
sc.setCheckpointDir(sys.argv[2] + "/checkpoints")
edges = sc.parallelize([(1, 2), (2, 3), (3, 4), (5, 6), (7, 7), (6, 8)], 2)
both = edges.flatMap(lambda e: [e, (e[1], e[0])]).distinct().persist(StorageLevel.MEMORY_ONLY)
labels = both.keys().distinct().map(lambda v: (v, v))
for i in range(6):
    messages = both.join(labels).map(lambda kv: kv[1])
    newer = labels.union(messages).reduceByKey(min)
    newer.cache()
    if i % 2 == 1:
        newer.checkpoint()
    changed = newer.join(labels).filter(lambda kv: kv[1][0] != kv[1][1]).count()
    print(i, changed, newer.isCheckpointed(), newer.getCheckpointFile() is not None)
    labels.unpersist()
    labels = newer
    if changed == 0:
        break
print(labels.map(lambda kv: (kv[1], kv[0])).groupByKey().mapValues(sorted).sortByKey().collect())
local = sc.parallelize(range(5)).map(lambda x: x + 1)
local.localCheckpoint()
print(local.isLocallyCheckpointed(), local.sum(), local.getStorageLevel())
levels = [StorageLevel.MEMORY_ONLY, StorageLevel.DISK_ONLY, StorageLevel.MEMORY_AND_DISK, StorageLevel.MEMORY_ONLY_2, StorageLevel.OFF_HEAP]
for level in levels:
    r = sc.parallelize([1]).persist(level)
    print(level, r.getStorageLevel(), r.count(), r.is_cached)
    r.unpersist()
try:
    sc.parallelize([1]).persist(StorageLevel.MEMORY_ONLY).persist(StorageLevel.DISK_ONLY)
except Exception as e:
    print(type(e).__name__, "Cannot change storage level" in str(e))
print(len([f for _, _, fs in os.walk(sys.argv[2] + "/checkpoints") for f in fs if f.startswith("part")]) > 0)
shutil.rmtree(sys.argv[2] + "/checkpoints")
sc.stop()
