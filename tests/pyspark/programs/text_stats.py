import sys
from pyspark import SparkContext
import string
sc = SparkContext("local[4]", "stats")
book = sc.textFile(sys.argv[1] + "/book.txt", 6)
print(book.getNumPartitions())
words = book.flatMap(lambda l: l.translate(str.maketrans("", "", string.punctuation)).lower().split())
print(words.count(), words.distinct().count())
bigrams = book.map(lambda l: l.split()).flatMap(lambda ws: zip(ws, ws[1:])).map(lambda b: (b, 1)).reduceByKey(lambda a, b: a + b)
print(bigrams.takeOrdered(5, key=lambda kv: (-kv[1], kv[0])))
print(words.map(lambda w: (len(w), w)).groupByKey().mapValues(lambda ws: len(set(ws))).sortByKey().collect())
stop = sc.broadcast({"the", "a", "and"})
dropped = sc.accumulator(0)
def keep(w):
    if w in stop.value:
        dropped.add(1)
        return False
    return True
print(words.filter(keep).map(lambda w: (w[0], 1)).reduceByKey(lambda a, b: a + b).collect(), dropped.value)
lens = book.map(len)
print(lens.mean(), lens.max(), lens.stats().count(), lens.filter(lambda n: n == 0).count())
print(book.zipWithIndex().filter(lambda t: t[1] in (0, 799)).collect())
print(words.map(lambda w: (w, 1)).reduceByKey(lambda a, b: a + b).map(lambda kv: (kv[1], kv[0])).sortByKey(ascending=False).first())
print(words.countApproxDistinct(0.01), words.takeSample(False, 3, 99))
print(book.map(lambda l: l.count("fox")).sum(), words.filter(lambda w: w == "fox").count())
sc.stop()
