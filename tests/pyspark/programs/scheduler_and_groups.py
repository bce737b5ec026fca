import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pyspark import SparkContext, SparkConf, InheritableThread, TaskContext

conf = SparkConf().setMaster("local[2]").setAppName("threads").set("spark.scheduler.mode", "FAIR").set("spark.default.parallelism", "3")
sc = SparkContext(conf=conf)
print(sc.defaultParallelism, sc.parallelize(range(9)).getNumPartitions(), sc.parallelize([(1, 1)]).reduceByKey(max).getNumPartitions(), sc.getConf().get("spark.scheduler.mode"))


def work(n):
    return n, sc.parallelize(range(n * 10), 2).map(lambda x: x * n).sum()


with ThreadPoolExecutor(3) as pool:
    print(list(pool.map(work, range(1, 5))))
results = []


def grouped(name):
    sc.setJobGroup(name, "description of " + name)
    sc.setLocalProperty("spark.scheduler.pool", name)
    results.append((name, sc.parallelize([1, 2], 2).map(lambda x: (TaskContext.get().getLocalProperty("spark.scheduler.pool"), x)).collect()))


threads = [InheritableThread(target=grouped, args=("pool%d" % n,)) for n in range(2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(sorted(results))
print(len(sc.statusTracker().getJobIdsForGroup("pool0")), sc.statusTracker().getActiveJobsIds(), sc.statusTracker().getJobIdsForGroup("nobody"))
outcome = []


def long():
    sc.setJobGroup("slow", "to be cancelled", interruptOnCancel=True)
    try:
        sc.parallelize(range(2), 2).map(lambda x: time.sleep(60)).collect()
        outcome.append("finished")
    except Exception as e:
        outcome.append("cancelled" if "cancel" in str(e).lower() or "interrupt" in str(e).lower() else "failed: " + str(e)[:200])


t = threading.Thread(target=long)
t.start()
time.sleep(4)
sc.cancelJobGroup("slow")
t.join(30)
print(outcome, sc.parallelize([1]).count())


def info(index, it):
    c = TaskContext.get()
    yield index, c.partitionId(), c.attemptNumber(), c.stageId() >= 0, c.taskAttemptId() >= 0, list(it)


print(sc.parallelize(range(4), 2).mapPartitionsWithIndex(info).collect())
print(TaskContext.get(), sc.getLocalProperty("nothing"))
barrier = sc.parallelize(range(4), 2).barrier().mapPartitions(lambda it: [sum(it)])
print(barrier.collect())
sc.stop()
