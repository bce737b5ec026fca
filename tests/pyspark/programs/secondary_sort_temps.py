import sys
import itertools
from pyspark import SparkContext, SparkConf

conf = SparkConf()
conf.setMaster("local[2]").setAppName("secondary sort")
sc = SparkContext(conf=conf)
lines = sc.textFile(sys.argv[1] + "/stocks.csv")
header = lines.first()
rows = lines.filter(lambda l: l != header).map(lambda l: l.split(",")).map(lambda f: ((f[1], f[0]), float(f[3])))
ordered = rows.repartitionAndSortWithinPartitions(numPartitions=2, partitionFunc=lambda k: 0 if k[0] == "AAA" else 1)
print([p[:2] for p in ordered.glom().collect()])


def moving(it, n=3):
    window = []
    for (symbol, day), close in it:
        window.append(close)
        if len(window) > n:
            window.pop(0)
        yield symbol, day, round(sum(window) / len(window), 3)


print(ordered.mapPartitions(moving).take(4))
by_symbol = rows.map(lambda kv: (kv[0][0], (kv[0][1], kv[1]))).groupByKey().mapValues(lambda vs: sorted(vs)[-1])
print(by_symbol.collect())
change = rows.map(lambda kv: (kv[0][0], kv)).groupByKey().flatMap(lambda g: [(g[0], b[0][1], round(b[1] - a[1], 2)) for a, b in itertools.pairwise(sorted(g[1]))])
print(change.filter(lambda t: abs(t[2]) > 15).sortBy(lambda t: (t[0], t[1])).take(5))
monthly = rows.map(lambda kv: ((kv[0][0], kv[0][1][:7]), (kv[1], kv[1], kv[1], 1))).reduceByKey(lambda a, b: (min(a[0], b[0]), max(a[1], b[1]), a[2] + b[2], a[3] + b[3]))
for (symbol, month), (low, high, total, n) in sorted(monthly.collect()):
    print("%s %s low=%.2f high=%.2f mean=%.3f" % (symbol, month, low, high, total / n))
aaa = rows.filter(lambda kv: kv[0][0] == "AAA").map(lambda kv: (kv[0][1], kv[1]))
bbb = rows.filter(lambda kv: kv[0][0] == "BBB").map(lambda kv: (kv[0][1], kv[1]))
print(aaa.join(bbb).sortByKey().take(2), aaa.leftOuterJoin(bbb.filter(lambda kv: kv[0] > "2024-02")).sortByKey().take(2))
print(aaa.fullOuterJoin(bbb).count(), aaa.rightOuterJoin(bbb).sortByKey(ascending=False).first(), aaa.cogroup(bbb).mapValues(lambda v: [len(x) for x in v]).sortByKey().first())
print(aaa.groupWith(bbb, aaa).mapValues(lambda v: [len(list(x)) for x in v]).sortByKey().first(), aaa.subtractByKey(bbb.sample(False, 0.5, 1)).count())
n, mean = aaa.count(), aaa.values().mean()
cov = aaa.join(bbb).values().map(lambda v: (v[0] - mean) * (v[1] - mean)).sum() / n
print(round(cov, 4), round(aaa.values().stdev(), 6), aaa.values().takeOrdered(1), aaa.sortBy(lambda kv: kv[1]).first(), aaa.values().histogram(3))
sc.stop()
