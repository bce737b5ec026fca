import sys
from operator import add
from pyspark import SparkContext, SparkConf
conf = SparkConf().setAppName("wc").setMaster("local[4]")
sc = SparkContext(conf=conf)
sc.setLogLevel("ERROR")
lines = sc.textFile(sys.argv[1] + "/book.txt")
print(lines.getNumPartitions(), lines.count(), lines.first())
counts = lines.flatMap(lambda x: x.split(' ')).map(lambda x: (x, 1)).reduceByKey(add)
for w, c in counts.collect():
    print("%s: %i" % (w, c))
print(counts.getNumPartitions(), counts.takeOrdered(5, key=lambda x: (-x[1], x[0])))
print(counts.map(lambda p: (p[1], p[0])).sortByKey(False).take(5))
sc.stop()
