import sys
import re
from operator import add
from pyspark.sql import SparkSession
def computeContribs(urls, rank):
    num_urls = len(urls)
    for url in urls:
        yield (url, rank / num_urls)
def parseNeighbors(urls):
    parts = re.split(r'\s+', urls)
    return parts[0], parts[1]
spark = SparkSession.builder.master("local[4]").appName("PythonPageRank").getOrCreate()
lines = spark.read.text(sys.argv[1] + "/links.txt").rdd.map(lambda r: r[0])
links = lines.map(lambda urls: parseNeighbors(urls)).distinct().groupByKey().cache()
ranks = links.map(lambda url_neighbors: (url_neighbors[0], 1.0))
for iteration in range(4):
    contribs = links.join(ranks).flatMap(lambda u: computeContribs(u[1][0], u[1][1]))
    ranks = contribs.reduceByKey(add).mapValues(lambda rank: rank * 0.85 + 0.15)
for (link, rank) in ranks.collect():
    print("%s has rank: %.6f." % (link, rank))
print(links.getNumPartitions(), ranks.getNumPartitions())
spark.stop()
