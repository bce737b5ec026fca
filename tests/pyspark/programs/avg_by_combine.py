import sys
from pyspark import SparkContext, SparkConf
sc = SparkContext.getOrCreate(SparkConf().setMaster("local[2]"))
data = sc.parallelize([("coffee", 1), ("coffee", 2), ("panda", 3), ("coffee", 9), ("tea", 4.5)], 3)
sumCount = data.combineByKey((lambda x: (x, 1)), (lambda x, y: (x[0] + y, x[1] + 1)), (lambda x, y: (x[0] + y[0], x[1] + y[1])))
print(sumCount.collect())
print(sumCount.map(lambda kv: (kv[0], kv[1][0] / kv[1][1])).collectAsMap())
averages = data.mapValues(lambda v: (v, 1)).reduceByKey(lambda a, b: (a[0] + b[0], a[1] + b[1])).mapValues(lambda s: s[0] / s[1])
print(averages.sortByKey().collect(), averages.sortBy(lambda kv: kv[1], ascending=False).keys().collect())
agg = data.aggregateByKey((0, 0), lambda acc, v: (acc[0] + v, acc[1] + 1), lambda a, b: (a[0] + b[0], a[1] + b[1]), 2)
print(agg.glom().collect(), agg.getNumPartitions())
print(data.values().aggregate((0, 0), lambda acc, v: (acc[0] + v, acc[1] + 1), lambda a, b: (a[0] + b[0], a[1] + b[1])))
print(data.groupByKey().mapValues(list).collect(), data.groupByKey(2).mapValues(sorted).glom().collect())
print(data.groupBy(lambda kv: kv[0][0]).mapValues(lambda vs: sorted(vs)).collect())
print(data.reduceByKeyLocally(max), data.countByKey(), data.keys().distinct().count())
friends = sc.textFile(sys.argv[1] + "/fakefriends.csv").map(lambda l: l.split(",")).map(lambda f: (int(f[2]), int(f[3])))
byAge = friends.mapValues(lambda x: (x, 1)).reduceByKey(lambda x, y: (x[0] + y[0], x[1] + y[1]))
for age, avg in byAge.mapValues(lambda x: round(x[0] / x[1], 2)).sortByKey().collect()[:10]:
    print(age, avg)
def stddev(values):
    values = list(values)
    m = sum(values) / len(values)
    return (sum((v - m) ** 2 for v in values) / len(values)) ** .5
print(friends.groupByKey().mapValues(stddev).mapValues(lambda s: round(s, 3)).takeOrdered(4))
print(friends.sampleByKey(False, {k: 0.5 for k in range(18, 70)}, 7).count(), friends.subtractByKey(friends.filter(lambda kv: kv[0] > 20)).count())
sc.stop()
