from __future__ import print_function
import sys
import time
from pyspark import SparkContext
from pyspark.streaming import StreamingContext

sc = SparkContext("local[2]", "QueueStream")
ssc = StreamingContext(sc, 1)
ssc.checkpoint(sys.argv[2] + "/ck")
queue = [sc.parallelize(["a b a", "c"]), sc.parallelize(["b"]), sc.parallelize(["c c"])]
words = ssc.queueStream(queue).flatMap(lambda l: l.split(" "))
seen, totals = [], []
words.map(lambda w: (w, 1)).reduceByKey(lambda a, b: a + b).foreachRDD(lambda t, rdd: seen.append(sorted(rdd.collect())))
state = words.map(lambda w: (w, 1)).updateStateByKey(lambda new, old: sum(new) + (old or 0))
state.foreachRDD(lambda rdd: totals.append(sorted(rdd.collect())))
ssc.start()
end = time.time() + 60
while len(totals) < 3 and time.time() < end:
    time.sleep(0.1)
ssc.stop(stopSparkContext=False, stopGraceFully=False)
print(seen[:3])
print(totals[:3])
print(sc.parallelize([1, 2]).sum())
sc.stop()
