"""Graphs by joins and by RDDs: components, shortest paths, degrees, two-hop neighbours, with checkpoints between rounds."""
import os
import sys

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession
import pyspark.sql.functions as F

sc = SparkContext(conf=SparkConf().setMaster("local[2]").setAppName("graph"))
sc.setCheckpointDir(os.path.join(sys.argv[2], "checkpoints"))
spark = SparkSession(sc)
edges = spark.createDataFrame([(1, 2), (2, 3), (3, 1), (4, 5), (6, 6), (7, 8), (8, 9), (9, 10), (10, 7), (5, 11)], ["src", "dst"])
both = edges.union(edges.select(F.col("dst").alias("src"), F.col("src").alias("dst"))).distinct().cache()
labels = both.select(F.col("src").alias("id")).distinct().withColumn("label", F.col("id"))
rounds = 0
while True:
    rounds += 1
    neighbours = both.join(labels, both.dst == labels.id).groupBy("src").agg(F.min("label").alias("near"))
    new = labels.join(neighbours, labels.id == neighbours.src, "left").select("id", F.least("label", F.coalesce("near", "label")).alias("label")).checkpoint()
    changed = new.alias("n").join(labels.alias("o"), "id").filter(F.col("n.label") != F.col("o.label")).count()
    labels = new
    if changed == 0:
        break
print("rounds", rounds)
labels.groupBy("label").agg(F.count("*").alias("size"), F.sort_array(F.collect_list("id")).alias("members")).orderBy("label").show(truncate=False)
degrees = edges.groupBy(F.col("src").alias("id")).count().withColumnRenamed("count", "out").join(edges.groupBy(F.col("dst").alias("id")).agg(F.count("*").alias("in")), "id", "full").na.fill(0)
degrees.orderBy(F.desc(F.col("out") + F.col("in")), "id").show(4)
two = edges.alias("a").join(edges.alias("b"), F.col("a.dst") == F.col("b.src")).where("a.src <> b.dst").select(F.col("a.src").alias("x"), F.col("b.dst").alias("z")).distinct()
direct = edges.select(F.col("src").alias("x"), F.col("dst").alias("z"))
print(sorted(map(tuple, two.subtract(direct).collect())), two.intersect(direct).count(), two.join(direct, ["x", "z"], "left_anti").count())
adjacency = sc.parallelize([tuple(r) for r in both.collect()], 3).groupByKey().mapValues(lambda v: sorted(set(v))).cache()
frontier = sc.parallelize([(7, 0)])
distance = frontier
while not frontier.isEmpty():
    frontier = frontier.join(adjacency).flatMap(lambda kv: [(n, kv[1][0] + 1) for n in kv[1][1]]).reduceByKey(min).subtractByKey(distance)
    frontier.cache()
    distance = distance.union(frontier)
print(distance.sortByKey().collect())
path = spark.sql("""
WITH RECURSIVE walk(node, path, steps) AS (
  SELECT 1, array(1), 0 UNION ALL
  SELECT e.dst, array_append(w.path, CAST(e.dst AS INT)), w.steps + 1 FROM walk w JOIN (SELECT CAST(dst AS INT) dst, src FROM edges_view) e ON w.node = e.src WHERE NOT array_contains(w.path, CAST(e.dst AS INT)) AND w.steps < 5
) SELECT * FROM walk ORDER BY steps
""") if edges.createOrReplaceTempView("edges_view") is None else None
path.show()
ranks = adjacency.mapValues(lambda _: 1.0)
for i in range(4):
    ranks = adjacency.join(ranks).flatMap(lambda kv: [(n, kv[1][1] / len(kv[1][0])) for n in kv[1][0]]).reduceByKey(lambda a, b: a + b).mapValues(lambda r: round(0.15 + 0.85 * r, 6))
print(ranks.sortByKey().collect())
triangles = edges.alias("a").join(edges.alias("b"), F.expr("a.dst = b.src")).join(edges.alias("c"), F.expr("b.dst = c.src AND c.dst = a.src")).filter("a.src < b.src AND a.src < c.src")
print(triangles.select("a.src", "b.src", "c.src").collect())
print(labels.rdd.isCheckpointed(), adjacency.is_cached, adjacency.getNumPartitions(), labels.rdd.toDebugString() is not None)
ranked = ranks.toDF(["node", "rank"]).withColumn("share", F.round(F.col("rank") / F.lit(ranks.values().sum()), 4))
ranked.orderBy(F.desc("rank"), "node").limit(3).show()
matrix = edges.groupBy("src").pivot("dst", list(range(1, 6))).count().na.fill(0).orderBy("src")
matrix.show()
print(ranks.values().stats(), ranks.keys().max(), ranks.values().histogram(3)[1], ranks.lookup(7) == ranks.filter(lambda kv: kv[0] == 7).values().collect())
sc.stop()
