"""Graphs with DataFrames only: PageRank, components, label propagation, shortest paths, triangles, degrees, cores, bipartite checks."""
import sys

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.window import Window

data = sys.argv[1]
spark = SparkSession.builder.master("local[2]").appName("ranks").config("spark.sql.shuffle.partitions", 2).getOrCreate()
edges = spark.read.text(data + "/links.txt").select(F.split("value", " ").alias("p")).select(F.substring(F.col("p")[0], 5, 9).cast("int").alias("src"), F.expr("int(substring(p[1], 5))").alias("dst")).where("src <> dst").distinct().cache()
nodes = edges.select("src").union(edges.select("dst")).distinct().withColumnRenamed("src", "id").cache()
print(edges.count(), nodes.count())
degrees = nodes.join(edges.groupBy(F.col("src").alias("id")).agg(F.count("*").alias("out")), "id", "left").join(edges.groupBy(F.col("dst").alias("id")).agg(F.count("*").alias("in")), "id", "left").na.fill(0)
degrees.orderBy(F.desc("in"), "id").show(4)
degrees.select(F.min("out"), F.max("in"), F.round(F.avg("in"), 4)).show(truncate=False)


def page_rank(steps: int, damping: float = 0.85) -> DataFrame:
    n = nodes.count()
    ranks = nodes.withColumn("rank", F.lit(1.0 / n))
    out = edges.groupBy("src").agg(F.count("*").alias("deg"))
    links = edges.join(out, "src").persist()
    for step in range(steps):
        given = links.join(ranks, links.src == ranks.id).groupBy("dst").agg(F.sum(F.col("rank") / F.col("deg")).alias("got"))
        dangling = ranks.join(out, ranks.id == out.src, "left_anti").agg(F.coalesce(F.sum("rank"), F.lit(0.0))).first()[0]
        ranks = nodes.join(given, nodes.id == given.dst, "left").select("id", (F.lit((1 - damping) / n) + F.lit(damping) * (F.coalesce("got", F.lit(0.0)) + F.lit(dangling / n))).alias("rank"))
        if step % 3 == 2:
            ranks = ranks.localCheckpoint()
    links.unpersist()
    return ranks


ranks = page_rank(8)
print(round(ranks.agg(F.sum("rank")).first()[0], 8))
ranks.select("id", F.round("rank", 6).alias("rank")).orderBy(F.desc("rank"), "id").show(5)
both = edges.union(edges.select("dst", "src")).distinct().toDF("a", "b").cache()
labels = nodes.withColumn("label", F.col("id"))
rounds = 0
while True:
    rounds += 1
    smallest = both.join(labels, both.b == labels.id).groupBy("a").agg(F.min("label").alias("m"))
    new = labels.join(smallest, labels.id == smallest.a, "left").select("id", F.least("label", F.coalesce("m", "label")).alias("new"), "label").localCheckpoint()
    changed = new.where("new < label").count()
    labels = new.select("id", F.col("new").alias("label"))
    if not changed:
        break
print("components", labels.select("label").distinct().count(), "rounds", rounds > 1)

dist = spark.createDataFrame([(1, 0, [1])], "id int, d int, path array<int>")
frontier = dist
for d in range(1, 5):
    step = frontier.join(edges, frontier.id == edges.src).select(F.col("dst").alias("id"), F.lit(d).alias("d"), F.concat("path", F.array("dst")).alias("path"))
    frontier = step.join(dist.select("id"), "id", "left_anti").groupBy("id").agg(F.min(F.struct("d", "path")).alias("s")).select("id", "s.*").localCheckpoint()
    dist = dist.unionByName(frontier)
    if frontier.isEmpty():
        break
dist.groupBy("d").agg(F.count("*").alias("n"), F.min("path").alias("example")).orderBy("d").show(truncate=False)
und = both.where("a < b")
triangles = und.alias("x").join(und.alias("y"), F.col("x.b") == F.col("y.a")).join(und.alias("z"), (F.col("x.a") == F.col("z.a")) & (F.col("y.b") == F.col("z.b")))
t = triangles.select(F.explode(F.array("x.a", "x.b", "y.b")).alias("id")).groupBy("id").count()
print(triangles.count(), t.orderBy(F.desc("count"), "id").head(2))
deg = both.groupBy("a").agg(F.count("*").alias("k"))
cc = t.join(deg, t.id == deg.a).withColumn("cc", F.round(2 * F.col("count") / (F.col("k") * (F.col("k") - 1)), 4))
cc.select("id", "cc").orderBy(F.desc("cc"), "id").show(3)
core = both
while True:
    small = core.groupBy("a").count().where("count < 8").select("a")
    if small.isEmpty():
        break
    core = core.join(small, "a", "left_anti").join(small.withColumnRenamed("a", "b"), "b", "left_anti").select("a", "b").localCheckpoint()
print("core", core.select("a").distinct().count())
votes = labels.select("id", F.col("id").alias("label"))
for _ in range(3):
    tally = both.join(votes, both.b == votes.id).groupBy("a", "label").count()
    best = tally.withColumn("r", F.row_number().over(Window.partitionBy("a").orderBy(F.desc("count"), "label"))).where("r = 1")
    votes = best.select(F.col("a").alias("id"), "label").localCheckpoint()
votes.groupBy("label").agg(F.count("*").alias("n"), F.sort_array(F.collect_list("id")).alias("ids")).orderBy(F.desc("n"), "label").show(3, False)
spark.sql("""
  WITH RECURSIVE reach(id, d) AS (SELECT 1, 0 UNION SELECT e.dst, r.d + 1 FROM reach r JOIN {edges} e ON r.id = e.src WHERE r.d < 2)
  SELECT d, count(DISTINCT id) AS n FROM reach GROUP BY d ORDER BY d""".replace("UNION SELECT", "UNION ALL SELECT"), edges=edges).show()
mutual = edges.alias("p").join(edges.alias("q"), (F.col("p.src") == F.col("q.dst")) & (F.col("p.dst") == F.col("q.src"))).where("p.src < p.dst")
print("mutual", mutual.count(), edges.crossJoin(nodes.limit(1)).count(), edges.subtract(both.toDF("src", "dst")).count(), both.intersect(edges.toDF("a", "b")).count())
matrix = edges.where("src <= 4 AND dst <= 4").groupBy("src").pivot("dst", [1, 2, 3, 4]).agg(F.lit(1)).na.fill(0).orderBy("src")
matrix.show()
for frame in (edges, nodes, both):
    frame.unpersist()
spark.stop()
