import sys, re
from pyspark import SparkContext, StorageLevel
sc = SparkContext("local[2]", "debug")
def shown(rdd):
    text = rdd.toDebugString()
    text = text.decode("utf-8") if isinstance(text, bytes) else text
    return re.sub(r"\[\d+\]|at \S+:\d+", "", text.replace(__file__, "F"))
lines = sc.textFile(sys.argv[1] + "/book.txt", 2)
pairs = lines.flatMap(lambda l: l.split()).map(lambda w: (w, 1))
counts = pairs.reduceByKey(lambda a, b: a + b)
print(shown(counts))
print(shown(counts.sortByKey()))
print(shown(counts.join(counts)))
print(counts.getStorageLevel())
print(counts.cache().getStorageLevel(), counts.is_cached)
counts.count()
try:
    counts.persist(StorageLevel.DISK_ONLY)
except Exception as e:
    print("Cannot change storage level of an RDD" in str(e))
print(counts.unpersist().getStorageLevel(), counts.is_cached)
for level in ("MEMORY_ONLY", "MEMORY_AND_DISK", "MEMORY_ONLY_2", "DISK_ONLY", "DISK_ONLY_3", "MEMORY_AND_DISK_2", "OFF_HEAP", "NONE", "MEMORY_AND_DISK_DESER"):
    level_of = getattr(StorageLevel, level)
    print(level, "|", level_of, "|", repr(level_of))
r = sc.parallelize(range(4), 2).setName("mine")
print(r.name(), r, r.map(str).name(), sc.parallelize([1]).name())
r.persist(StorageLevel.MEMORY_AND_DISK)
print(r.count(), r.getStorageLevel() == StorageLevel.MEMORY_AND_DISK, r.getStorageLevel().useMemory, r.getStorageLevel().replication)
print(r.getCheckpointFile(), r.isCheckpointed(), r.isLocallyCheckpointed())
sc.setCheckpointDir(sys.argv[2] + "/ck")
c = sc.parallelize(range(10), 2).map(lambda x: x * x)
c.checkpoint(); print(c.isCheckpointed()); print(c.sum(), c.isCheckpointed(), c.getCheckpointFile() is not None)
print(re.sub(r"\[\d+\]|at \S+:\d+|DATA\S*|OUT\S*", "", c.toDebugString().decode()).count("ReliableCheckpointRDD"))
print(sc.defaultParallelism, sc.defaultMinPartitions, sc.master, sc.appName, sc.startTime > 0, sc.sparkUser() != "", sc.pythonVer)
print(sc.applicationId.startswith("local-"), sc.resources, sc.listArchives, sc.getLocalProperty("x"))
print(sc.statusTracker().getActiveJobsIds(), sc.statusTracker().getActiveStageIds(), sc.statusTracker().getJobInfo(99))
sc.setLocalProperty("spark.scheduler.pool", "p1"); print(sc.getLocalProperty("spark.scheduler.pool"))
print(sc.getConf().get("spark.app.name"), sc.getConf().get("spark.master"), repr(sc))
sc.stop()
