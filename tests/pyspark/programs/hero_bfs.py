# Degrees of separation between two heroes, breadth-first search with an accumulator that tells when it is found
import sys
from pyspark import SparkConf, SparkContext

conf = SparkConf().setMaster("local[2]").setAppName("DegreesOfSeparation")
sc = SparkContext(conf=conf)

START, TARGET = 5, 14
hitCounter = sc.accumulator(0)


def convertToBFS(line):
    fields = line.split()
    heroID = int(fields[0])
    connections = [int(c) for c in fields[1:]]
    color, distance = 'WHITE', 9999
    if heroID == START:
        color, distance = 'GRAY', 0
    return (heroID, (connections, distance, color))


def bfsMap(node):
    characterID, (connections, distance, color) = node
    results = []
    if color == 'GRAY':
        for connection in connections:
            if TARGET == connection:
                hitCounter.add(1)
            results.append((connection, ([], distance + 1, 'GRAY')))
        color = 'BLACK'
    results.append((characterID, (connections, distance, color)))
    return results


def bfsReduce(data1, data2):
    edges = list(data1[0]) + list(data2[0])
    order = {'WHITE': 0, 'GRAY': 1, 'BLACK': 2}
    return (edges, min(data1[1], data2[1]), max(data1[2], data2[2], key=order.get))


def parse_name(line):
    fields = line.split('"')
    return (int(fields[0]), fields[1].encode("utf8"))


iterationRdd = sc.textFile(sys.argv[1] + "/heroes.txt").map(convertToBFS)
for iteration in range(0, 10):
    print("Running BFS iteration# " + str(iteration + 1))
    mapped = iterationRdd.flatMap(bfsMap)
    print("Processing " + str(mapped.count()) + " values.")
    if hitCounter.value > 0:
        print("Hit the target! From " + str(hitCounter.value) + " different direction(s).")
        break
    iterationRdd = mapped.reduceByKey(bfsReduce)

namesRdd = sc.textFile(sys.argv[1] + "/heroes_names.txt").map(parse_name)
pairings = sc.textFile(sys.argv[1] + "/heroes.txt").map(lambda l: (int(l.split()[0]), len(l.split()) - 1))
flipped = pairings.reduceByKey(lambda x, y: x + y).map(lambda xy: (xy[1], xy[0]))
most = flipped.max()
print(namesRdd.lookup(most[1])[0], most[0])
print(flipped.groupByKey().mapValues(lambda v: sorted(v)[:3]).sortByKey().collect())
sc.stop()
