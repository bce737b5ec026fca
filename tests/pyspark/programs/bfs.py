import sys
from pyspark import SparkConf, SparkContext
sc = SparkContext(conf=SparkConf().setMaster("local[2]").setAppName("DegreesOfSeparation"))
start, target = 5, 14
hit = sc.accumulator(0)
edges = sc.textFile(sys.argv[1] + "/links.txt").map(lambda l: tuple(int(x[4:]) for x in l.split()))
graph = edges.flatMap(lambda e: [(e[0], e[1]), (e[1], e[0])]).groupByKey()
def toBFS(n):
    return (n[0], (sorted(set(n[1])), 0 if n[0] == start else 9999, 'GRAY' if n[0] == start else 'WHITE'))
def bfsMap(node):
    cid, (con, dist, color) = node
    out = []
    if color == 'GRAY':
        for c in con:
            if c == target:
                hit.add(1)
            out.append((c, ([], dist + 1, 'GRAY')))
        color = 'BLACK'
    out.append((cid, (con, dist, color)))
    return out
def bfsReduce(a, b):
    order = {'WHITE': 0, 'GRAY': 1, 'BLACK': 2}
    edges = a[0] + b[0]
    return (edges, min(a[1], b[1]), a[2] if order[a[2]] >= order[b[2]] else b[2])
it = graph.map(toBFS)
for i in range(10):
    mapped = it.flatMap(bfsMap)
    print("Processing " + str(mapped.count()) + " values.")
    if hit.value > 0:
        print("Hit the target! From " + str(hit.value) + " different direction(s).")
        break
    it = mapped.reduceByKey(bfsReduce)
print(sorted((k, v[1], v[2]) for k, v in it.collect()))
sc.stop()
