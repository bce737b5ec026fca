from pyspark import SparkConf, SparkContext
import collections
import sys
import time

start = time.time()
conf = SparkConf().setMaster("local").setAppName("SpendByCustomer")
sc = SparkContext(conf = conf)

def extractCustomerPricePairs(line):
    fields = line.split(',')
    return (int(fields[0]), float(fields[2]))

input = sc.textFile("file://" + sys.argv[1] + "/orders.txt")
mappedInput = input.map(extractCustomerPricePairs)
totalByCustomer = mappedInput.reduceByKey(lambda x, y: x + y)
flipped = totalByCustomer.map(lambda x: (x[1], x[0]))
totalByCustomerSorted = flipped.sortByKey()
results = totalByCustomerSorted.collect();
for result in results:
    print(result)

ratings = sc.textFile(sys.argv[1] + "/ratings.csv").filter(lambda l: not l.startswith("user")).map(lambda x: x.split(",")[2])
result = ratings.countByValue()
sortedResults = collections.OrderedDict(sorted(result.items()))
for key, value in sortedResults.items():
    print("%s %i" % (key, value))

stats = mappedInput.values().stats()
print(stats.count(), round(stats.mean(), 6), round(stats.stdev(), 6), stats.max(), stats.min(), round(stats.sampleVariance(), 4), stats)
print(mappedInput.aggregateByKey((0, 0), lambda a, v: (a[0] + 1, max(a[1], v)), lambda a, b: (a[0] + b[0], max(a[1], b[1]))).take(3))
print(mappedInput.foldByKey(0, lambda a, b: max(a, b)).sortByKey().take(3))
print(mappedInput.combineByKey(lambda v: [v], lambda l, v: l + [v], lambda a, b: a + b).mapValues(len).takeOrdered(3))
print(sorted(mappedInput.countByKey().items())[:5])
print(mappedInput.reduceByKeyLocally(max)[7], mappedInput.lookup(3)[:2])
print(mappedInput.sampleByKey(False, {k: 0.1 for k in range(30)}, 7).count(), mappedInput.sample(False, 0.05, 81).collect()[:4])
print(mappedInput.takeSample(False, 5, 3), mappedInput.takeSample(True, 3, seed=1))
first, second = mappedInput.randomSplit([0.7, 0.3], seed=17)
print(first.count(), second.count())
print(mappedInput.values().map(int).histogram(5), mappedInput.keys().distinct().count(), mappedInput.values().sum() > 0)
elapsed = time.time() - start
print("elapsed", elapsed >= 0)
