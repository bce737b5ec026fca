import sys
from pyspark import SparkConf, SparkContext
import collections
sc = SparkContext(conf=SparkConf().setMaster("local").setAppName("RatingsHistogram"))
lines = sc.textFile(sys.argv[1] + "/ratings.csv")
header = lines.first()
lines = lines.filter(lambda row: row != header)
ratings = lines.map(lambda x: x.split(',')[2])
result = ratings.countByValue()
for key, value in collections.OrderedDict(sorted(result.items())).items():
    print("%s %i" % (key, value))
movies = sc.textFile(sys.argv[1] + "/movies.csv").map(lambda l: l.split("::")).map(lambda m: (int(m[0]), m[1]))
nameDict = sc.broadcast(dict(movies.collect()))
counts = lines.map(lambda x: (int(x.split(',')[1]), 1)).reduceByKey(lambda x, y: x + y)
flipped = counts.map(lambda xy: (xy[1], xy[0])).sortByKey()
named = flipped.map(lambda c: (nameDict.value[c[1]], c[0]))
for r in named.collect()[-10:]:
    print(r)
both = movies.leftOuterJoin(counts)
print(sorted(both.collect())[:4], both.getNumPartitions())
print(movies.subtractByKey(counts).collect(), movies.lookup(7))
sc.stop()
