import re, sys
from operator import add
from pyspark.sql import SparkSession
def computeContribs(urls, rank):
    num_urls = len(urls)
    for url in urls:
        yield (url, rank / num_urls)
def parseNeighbors(urls):
    parts = re.split(r'\s+', urls)
    return parts[0], parts[1]
spark = SparkSession.builder.appName("PythonPageRank").master("local[2]").getOrCreate()
lines = spark.read.text(sys.argv[1] + "/links.txt").rdd.map(lambda r: r[0])
links = lines.map(lambda urls: parseNeighbors(urls)).distinct().groupByKey().cache()
ranks = links.map(lambda url_neighbors: (url_neighbors[0], 1.0))
for iteration in range(4):
    contribs = links.join(ranks).flatMap(lambda url_urls_rank: computeContribs(url_urls_rank[1][0], url_urls_rank[1][1]))
    ranks = contribs.reduceByKey(add).mapValues(lambda rank: rank * 0.85 + 0.15)
for (link, rank) in ranks.sortBy(lambda kv: (-round(kv[1], 9), kv[0])).collect():
    print("%s has rank: %.8f." % (link, rank))
print(ranks.getNumPartitions(), links.getNumPartitions(), round(ranks.values().sum(), 6))
# the partitioned kind
links = sc_links = lines.map(parseNeighbors).distinct().groupByKey(4).mapValues(list).partitionBy(4).persist()
ranks = links.mapValues(lambda v: 1.0)
for i in range(3):
    ranks = links.join(ranks, 4).flatMap(lambda p: [(d, p[1][1] / len(p[1][0])) for d in p[1][0]]).reduceByKey(lambda x, y: x + y, 4).mapValues(lambda v: 0.15 + 0.85 * v)
print([(k, round(v, 6)) for k, v in ranks.takeOrdered(5, key=lambda kv: (-round(kv[1], 9), kv[0]))])
# connected components by label propagation
edges = lines.map(parseNeighbors).flatMap(lambda e: [e, (e[1], e[0])]).distinct().cache()
labels = edges.keys().distinct().map(lambda n: (n, n))
while True:
    new = edges.join(labels).map(lambda kv: kv[1]).union(labels).reduceByKey(min)
    changed = new.join(labels).filter(lambda kv: kv[1][0] != kv[1][1]).count()
    labels = new
    if changed == 0:
        break
print(labels.map(lambda kv: (kv[1], 1)).reduceByKey(add).collect())
degrees = edges.map(lambda e: (e[0], 1)).reduceByKey(add)
print(degrees.map(lambda kv: (kv[1], 1)).reduceByKey(add).sortByKey().collect(), degrees.values().stats())
spark.stop()
