import sys
from pyspark import SparkConf, SparkContext
conf = SparkConf().setMaster("local").setAppName("FriendsByAge")
sc = SparkContext(conf = conf)
def parseLine(line):
    fields = line.split(',')
    return (int(fields[2]), int(fields[3]))
lines = sc.textFile("file://" + sys.argv[1] + "/fakefriends.csv")
rdd = lines.map(parseLine)
totalsByAge = rdd.mapValues(lambda x: (x, 1)).reduceByKey(lambda x, y: (x[0] + y[0], x[1] + y[1]))
averagesByAge = totalsByAge.mapValues(lambda x: x[0] / x[1])
results = averagesByAge.collect()
for result in results:
    print(result)
print(rdd.keys().countByValue())
print(sorted(rdd.countByKey().items())[:5])
sc.stop()
