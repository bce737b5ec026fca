import sys
from pyspark import SparkContext
import heapq
sc = SparkContext("local[3]", "topn")
lines = sc.textFile(sys.argv[1] + "/ratings.csv", 4)
data = lines.mapPartitionsWithIndex(lambda i, it: (next(it, None), it)[1] if i == 0 else it)
r = data.map(lambda l: l.split(",")).map(lambda f: (int(f[0]), (float(f[2]), int(f[1]))))
def seq(h, v):
    heapq.heappush(h, v)
    return heapq.nlargest(3, h)
top = r.aggregateByKey([], seq, lambda a, b: heapq.nlargest(3, a + b), 5)
print(top.getNumPartitions(), top.sortByKey().take(3))
print(r.combineByKey(lambda v: [v[0]], lambda c, v: c + [v[0]], lambda a, b: a + b, 3).mapValues(lambda l: round(sum(l) / len(l), 3)).glom().map(sorted).collect()[0][:4])
print(r.values().map(lambda v: v[0]).histogram(5))
print(r.mapValues(lambda v: v[0]).foldByKey(0.0, lambda a, b: a + b).sortBy(lambda t: (-t[1], t[0])).take(3))
print(r.keys().distinct().sortBy(lambda x: x).zipWithIndex().filter(lambda t: t[1] % 10 == 0).collect())
print(r.groupBy(lambda t: t[0] % 3, 2).mapValues(len).collect())
pairs = r.map(lambda t: (t[0] % 4, t[0])).partitionBy(4)
print(pairs.glom().map(lambda p: sorted(set(k for k, _ in p))).collect(), pairs.mapPartitions(lambda it: [len(list(it))]).collect())
print(pairs.reduceByKey(lambda a, b: a + b).collect(), pairs.join(pairs.reduceByKey(max)).count())
print(r.sampleByKey(False, {k: 0.2 for k in range(1, 41)}, seed=11).count(), r.sample(False, 0.1, 5).map(lambda t: t[0]).collect()[:10])
sc.stop()
