from __future__ import print_function
import re
import sys
from pyspark import SparkConf, SparkContext

conf = SparkConf().setAppName("stopwords").setMaster("local[*]").setMaster("local[2]")
sc = SparkContext.getOrCreate(conf=conf)

stopwords = set(sc.textFile(sys.argv[1] + "/stopwords.txt").map(lambda w: w.strip().lower()).collect())
stop_b = sc.broadcast(stopwords)
blank_lines = sc.accumulator(0)
dropped = sc.accumulator(0)


def tokenize(line):
    global blank_lines
    if line.strip() == "":
        blank_lines += 1
    for token in re.compile(r"\W+", re.UNICODE).split(line.lower()):
        if not token:
            continue
        if token in stop_b.value:
            dropped.add(1)
        else:
            yield token


tokens = sc.textFile(sys.argv[1] + "/book.txt", 4).flatMap(tokenize)
counts = tokens.countByValue()
for word, n in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))[:10]:
    print("{0:<12}{1}".format(word, n))
print("blank: {}, dropped: {}".format(blank_lines.value, dropped.value))
print(type(counts).__name__, len(counts), type(stop_b).__name__)
print(tokens.getNumPartitions(), tokens.map(len).mean(), tokens.map(len).max())
bigrams = tokens.mapPartitions(lambda it: (lambda ws: zip(ws, ws[1:]))(list(it))).map(lambda b: (b, 1)).reduceByKey(lambda a, b: a + b)
print(bigrams.takeOrdered(5, key=lambda kv: (-kv[1], kv[0])))
print(bigrams.top(3, key=lambda kv: (kv[1], kv[0])))
stop_b.unpersist()
print(sorted(stop_b.value))
stop_b.destroy()
try:
    sc.parallelize([1]).map(lambda x: len(stop_b.value)).collect()
except Exception as e:
    print(type(e).__name__)
sc.stop()
