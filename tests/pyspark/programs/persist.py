import sys
from pyspark import SparkContext, StorageLevel
sc = SparkContext("local[2]", "persist")
calls = sc.accumulator(0)
def f(x):
    calls.add(1)
    return x * 2
r = sc.parallelize(range(10), 2).map(f)
print(r.getStorageLevel(), r.is_cached)
r.persist(StorageLevel.MEMORY_AND_DISK)
print(r.getStorageLevel(), r.is_cached)
print(r.count(), r.sum(), calls.value)
r.unpersist()
print(r.count(), calls.value, r.is_cached)
sc.setCheckpointDir(sys.argv[2] + "/ckpt")
q = r.map(lambda x: x + 1)
q.checkpoint()
print(q.isCheckpointed(), q.count(), q.isCheckpointed(), q.collect())
print(q.getCheckpointFile() is not None, q.toDebugString().decode().count("\n"))
w = sc.parallelize(range(4)).map(lambda x: x)
w.localCheckpoint()
print(w.collect(), w.isLocallyCheckpointed())
w.setName("mine")
print(w.name(), w.cache().name())
for lv in ("DISK_ONLY", "MEMORY_ONLY", "MEMORY_AND_DISK_2", "OFF_HEAP", "NONE", "DISK_ONLY_3", "MEMORY_AND_DISK_DESER"):
    print(lv, getattr(StorageLevel, lv), repr(getattr(StorageLevel, lv)))
print(r.toDebugString().decode())
sc.stop()
