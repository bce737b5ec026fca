from pyspark import SparkConf, SparkContext
import sys
import json

config = json.loads('{"master": "local[2]", "name": "graph"}')
sc = SparkContext(conf=SparkConf().setMaster(config["master"]).setAppName(config["name"]))
edges = sc.textFile(sys.argv[1] + "/links.txt").map(lambda l: tuple(l.split())).filter(lambda e: e[0] != e[1]).map(lambda e: tuple(sorted(e))).distinct().cache()
print(edges.count(), edges.getNumPartitions(), edges.first())
degrees = edges.flatMap(lambda e: [(e[0], 1), (e[1], 1)]).reduceByKey(lambda a, b: a + b)
print(degrees.collect()[:5])
print(degrees.map(lambda d: (d[1], 1)).reduceByKey(lambda a, b: a + b).sortByKey().collect())
neighbours = edges.groupByKey().mapValues(set)
wedges = edges.groupByKey().flatMap(lambda kv: [((a, b), kv[0]) for a in kv[1] for b in kv[1] if a < b])
triangles = wedges.join(edges.map(lambda e: (e, 1)))
print(triangles.count(), sorted(triangles.map(lambda t: (t[1][0],) + t[0]).collect())[:3])
start = edges.keys().min()
distances = {start: 0}
frontier, links = sc.parallelize([start]), edges.flatMap(lambda e: [e, e[::-1]]).cache()
step = 0
while not frontier.isEmpty() and step < 10:
    step += 1
    known = sc.broadcast(set(distances))
    found = frontier.map(lambda v: (v, None)).join(links).map(lambda kv: kv[1][1]).distinct().filter(lambda v: v not in known.value)
    for v in found.collect():
        distances[v] = step
    frontier = found
print(sorted(distances.items())[:5], max(distances.values()))
weights = edges.map(lambda e: (e, (int(e[0][4:]) + int(e[1][4:])) % 5 + 1))
best = weights.map(lambda kv: (kv[0][0], (kv[1], kv[0][1]))).reduceByKey(min)
print(best.sortByKey().take(4), best.mapValues(lambda v: v[0]).values().sum())
common = neighbours.cartesian(neighbours).filter(lambda p: p[0][0] < p[1][0]).map(lambda p: (len(p[0][1] & p[1][1]), p[0][0], p[1][0]))
print(common.top(3), common.filter(lambda c: c[0] == 0).count())
adjacency = links.groupByKey(3).mapValues(lambda vs: sorted(set(vs))).persist()
print(adjacency.mapValues(len).collect()[:4], [len(p) for p in adjacency.glom().collect()])
print(adjacency.lookup(start)[0][:3], adjacency.keys().max(), adjacency.filter(lambda kv: len(kv[1]) > 11).collectAsMap().keys() and True)
sc.stop()
