# the quick start and programming guides, as people type them
import sys
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf
from pyspark import StorageLevel, SparkFiles, TaskContext
spark = SparkSession.builder.appName("SimpleApp").master("local[2]").getOrCreate()
sc = spark.sparkContext
logFile = sys.argv[1] + "/book.txt"
logData = spark.read.text(logFile).cache()
numAs = logData.filter(logData.value.contains('a')).count()
numBs = logData.filter(logData.value.contains('b')).count()
print("Lines with a: %i, lines with b: %i" % (numAs, numBs))
textFile = spark.read.text(logFile)
print(textFile.first(), textFile.select(sf.size(sf.split(textFile.value, r"\s+")).name("numWords")).agg(sf.max(sf.col("numWords"))).collect())
wordCounts = textFile.select(sf.explode(sf.split(textFile.value, r"\s+")).alias("word")).groupBy("word").count()
print(sorted(wordCounts.collect())[:3])
lines = sc.textFile(logFile)
lineLengths = lines.map(lambda s: len(s))
print(lineLengths.reduce(lambda a, b: a + b))
lineLengths.persist()
counter = 0
rdd = sc.parallelize([1, 2, 3, 4, 5])
def increment_counter(x):
    global counter
    counter += x
rdd.foreach(increment_counter)
print("Counter value: ", counter)
class MyClass(object):
    def __init__(self):
        self.field = "Hello"
    def func(self, s):
        return s.upper()
    def doStuff(self, rdd):
        return rdd.map(self.func)
    def doOther(self, rdd):
        field = self.field
        return rdd.map(lambda s: field + s)
print(MyClass().doStuff(sc.parallelize(["a"])).collect(), MyClass().doOther(sc.parallelize(["a"])).collect())
pairs = lines.map(lambda s: (s, 1))
print(sorted(pairs.reduceByKey(lambda a, b: a + b).collect())[:2])
broadcastVar = sc.broadcast([1, 2, 3])
print(broadcastVar.value, sc.parallelize([0, 2]).map(lambda i: broadcastVar.value[i]).collect())
accum = sc.accumulator(0)
sc.parallelize([1, 2, 3, 4]).foreach(lambda x: accum.add(x))
print(accum.value, accum)
def g(x):
    accum.add(x)
    return x
sc.parallelize([1, 2]).map(g)
print(accum.value)
def where(it):
    tc = TaskContext.get()
    yield tc.partitionId(), tc.attemptNumber(), tc.stageId() >= 0, len(list(it)), tc.resources(), tc.cpus()
print(sc.parallelize(range(5), 2).mapPartitions(where).collect(), TaskContext.get())
path = sys.argv[2] + "/extra.txt"
with open(path, "w") as f:
    f.write("100\n")
sc.addFile(path)
def func(iterator):
    with open(SparkFiles.get("extra.txt")) as testFile:
        fileVal = int(testFile.readline())
        return [x * fileVal for x in iterator]
print(sc.parallelize([1, 2, 3, 4]).mapPartitions(func).collect(), open(SparkFiles.get("extra.txt")).read().strip())
with open(sys.argv[2] + "/helper_mod.py", "w") as f:
    f.write("def triple(x):\n    return 3 * x\n")
sc.addPyFile(sys.argv[2] + "/helper_mod.py")
import helper_mod
print(sc.parallelize([1, 2]).map(helper_mod.triple).collect())
sc.setJobDescription("described"); sc.setJobGroup("g1", "group", True)
print(sc.getLocalProperty("spark.jobGroup.id"), sc.getLocalProperty("spark.job.description"), rdd.count())
sc.setJobGroup("other", "d"); print(list(sc.statusTracker().getJobIdsForGroup("nope")), len(sc.statusTracker().getJobIdsForGroup("g1")))
sc.addJobTag("t1"); print(sc.getJobTags()); sc.clearJobTags()
print(rdd.pipe("cat").collect(), rdd.barrier().mapPartitions(lambda it: [sum(it)]).collect() if rdd.getNumPartitions() <= 2 else "many")
print(sc.range(5).collect(), sc.range(2, 9, 3).collect(), sc.emptyRDD().isEmpty(), sc.union([rdd, rdd]).count(), sc.parallelize("abc").collect())
print(sc.runJob(rdd, lambda it: [x * x for x in it]), sc.runJob(rdd, lambda it: [sum(it)], [0]))
words = lines.flatMap(lambda x: x.split(' ')); words.persist(StorageLevel.MEMORY_AND_DISK); print(words.countApprox(1000, 0.9), words.countApproxDistinct(0.01)); words.unpersist()
spark.stop()
