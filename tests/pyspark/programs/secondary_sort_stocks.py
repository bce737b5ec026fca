import sys
from pyspark import SparkContext
from pyspark.rdd import portable_hash
sc = SparkContext("local[2]", "secondary")
lines = sc.textFile(sys.argv[1] + "/stocks.csv")
head = lines.first()
rows = lines.filter(lambda l: l != head).map(lambda l: l.split(","))
keyed = rows.map(lambda r: ((r[1], r[0]), float(r[3])))
def part(key):
    return portable_hash(key[0])
ordered = keyed.repartitionAndSortWithinPartitions(numPartitions=2, partitionFunc=part, ascending=True)
print(ordered.getNumPartitions(), [len(p) for p in ordered.glom().collect()])
print(ordered.map(lambda kv: kv[0]).glom().map(lambda p: p == sorted(p)).collect())
def moving(it):
    last = {}
    for (symbol, day), close in it:
        if symbol in last:
            yield symbol, day, round(close - last[symbol], 2)
        last[symbol] = close
changes = ordered.mapPartitions(moving)
print(changes.map(lambda c: (c[0], c[2])).groupByKey().mapValues(lambda v: [x for x in v][:5]).sortByKey().collect())
down = keyed.repartitionAndSortWithinPartitions(3, part, ascending=False, keyfunc=lambda k: k[1])
print([p[0] for p in down.glom().collect() if p])
print(keyed.sortByKey(ascending=False, numPartitions=3).keys().take(3), keyed.sortByKey(True, 4, keyfunc=lambda k: (k[1], k[0])).keys().glom().map(len).collect())
print(keyed.partitionBy(5, part).glom().map(len).collect(), keyed.partitionBy(3, lambda k: int(k[1][-2:])).map(lambda kv: kv[0][1]).glom().map(lambda p: len(set(p))).collect())
p = keyed.partitionBy(4, part)
print(p.partitioner.numPartitions, p.mapValues(lambda x: x).partitioner == p.partitioner, p.map(lambda x: x).partitioner, p.filter(lambda x: True).partitioner == p.partitioner)
print(keyed.max(lambda kv: kv[1]), keyed.min(lambda kv: kv[1]), rows.map(lambda r: int(r[4])).sum())
print(rows.map(lambda r: (r[1], (r[0], float(r[2])))).groupByKey().mapValues(lambda v: sorted(v, key=lambda t: t[1])[-1]).collect())
top3 = rows.map(lambda r: (r[1], float(r[3]))).combineByKey(lambda v: [v], lambda c, v: sorted(c + [v])[-3:], lambda a, b: sorted(a + b)[-3:])
print(top3.sortByKey().collect())
sc.stop()
