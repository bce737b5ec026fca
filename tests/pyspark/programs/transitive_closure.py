import sys
from random import Random
from pyspark.sql import SparkSession
rand = Random(42)
def generateGraph():
    edges = set()
    while len(edges) < 30:
        src, dst = rand.randrange(0, 15), rand.randrange(0, 15)
        if src != dst:
            edges.add((src, dst))
    return edges
spark = SparkSession.builder.master("local[2]").appName("PythonTransitiveClosure").getOrCreate()
tc = spark.sparkContext.parallelize(sorted(generateGraph()), 2).cache()
edges = tc.map(lambda x_y: (x_y[1], x_y[0]))
oldCount, nextCount = 0, tc.count()
while True:
    oldCount = nextCount
    new_edges = tc.join(edges).map(lambda __a_b: (__a_b[1][1], __a_b[1][0]))
    tc = tc.union(new_edges).distinct().cache()
    nextCount = tc.count()
    if nextCount == oldCount:
        break
print("TC has %i edges" % tc.count(), tc.getNumPartitions(), sorted(tc.collect())[:5])
spark.stop()
