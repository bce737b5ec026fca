import sys
from pyspark import TaskContext, SparkContext, SparkFiles, BarrierTaskContext
import os
sc = SparkContext("local[2]", "tc")
def f(it):
    c = TaskContext.get()
    yield (c.partitionId(), c.attemptNumber(), c.stageId() >= 0, c.taskAttemptId() >= 0, c.getLocalProperty("my.prop"), c.cpus(), c.resources())
sc.setLocalProperty("my.prop", "v1")
print(sc.parallelize(range(4), 2).mapPartitions(f).collect(), TaskContext.get())
p = sys.argv[2] + "/side.txt"
open(p, "w").write("side data")
sc.addFile(p)
print(sc.parallelize([1], 1).map(lambda _: open(SparkFiles.get("side.txt")).read()).collect(), os.path.basename(SparkFiles.get("side.txt")))
open(sys.argv[2] + "/mymod.py", "w").write("def g(x):\n    return x * 11\n")
sc.addPyFile(sys.argv[2] + "/mymod.py")
def use(x):
    import mymod
    return mymod.g(x)
print(sc.parallelize([1, 2]).map(use).collect())
def b(it):
    c = BarrierTaskContext.get()
    c.barrier()
    return [(c.partitionId(), c.allGather(str(c.partitionId())), len(c.getTaskInfos()))]
print(sc.parallelize(range(4), 2).barrier().mapPartitions(b).collect())
sc.setJobGroup("g1", "desc")
sc.parallelize([1]).count()
t = sc.statusTracker()
ids = t.getJobIdsForGroup("g1")
print(len(ids), t.getJobInfo(ids[0]).status, t.getActiveJobsIds(), t.getActiveStageIds())
print(sc.getLocalProperty("spark.jobGroup.id"), sc.getLocalProperty("none"))
print(sc.appName, sc.master, sc.version[:2], sc.sparkUser() != "", sc.applicationId.startswith("local-"), sc.getConf().get("spark.app.name"))
print(sorted(os.path.basename(x) for x in sc.listFiles), sc.pythonVer, sc.uiWebUrl is None or sc.uiWebUrl.startswith("http"))
sc.stop()
