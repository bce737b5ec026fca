import sys
import time
import warnings
warnings.simplefilter("ignore")
from pyspark import SparkContext
from pyspark.streaming import StreamingContext
sc = SparkContext("local[2]", "PythonStreamingQueueStream")
ssc = StreamingContext(sc, 1)
rddQueue = []
for i in range(5):
    rddQueue += [ssc.sparkContext.parallelize([j for j in range(1, 1001)], 10)]
inputStream = ssc.queueStream(rddQueue)
mappedStream = inputStream.map(lambda x: (x % 10, 1))
reducedStream = mappedStream.reduceByKey(lambda a, b: a + b)
seen, windows, joined, counts = [], [], [], []
reducedStream.foreachRDD(lambda rdd: seen.append(sorted(rdd.collect())))
inputStream.window(2, 1).count().foreachRDD(lambda rdd: windows.append(rdd.collect()))
reducedStream.join(reducedStream.mapValues(lambda v: -v)).transform(lambda rdd: rdd.filter(lambda kv: kv[0] < 2)).foreachRDD(lambda t, rdd: joined.append(sorted(rdd.collect())))
inputStream.countByValue().map(lambda kv: kv[1]).reduce(max).foreachRDD(lambda rdd: counts.append(rdd.collect()))
ssc.start()
end = time.time() + 90
while min(map(len, (seen, windows, joined, counts))) < 5 and time.time() < end:
    time.sleep(0.1)
ssc.stop(stopSparkContext=True, stopGraceFully=False)
print(len(seen) >= 5, seen[0], all(one == seen[0] for one in seen[:5]))
print(windows[:4])
print(joined[0], counts[:2])
