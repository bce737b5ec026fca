"""What is bought together, and whom to recommend what: pairs with lift, similar users by cosine, top by group, trees of categories."""
import itertools
import random
import sys

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.window import Window

data = sys.argv[1]
spark = SparkSession.builder.master("local[2]").appName("basket").config("spark.sql.shuffle.partitions", 4).config("spark.sql.autoBroadcastJoinThreshold", "-1").getOrCreate()
sc = spark.sparkContext
rng = random.Random(11)
items = ["bread", "milk", "beer", "nappies", "eggs", "cola"]
baskets = [(n, item) for n in range(200) for item in rng.sample(items, rng.randint(1, 4))]
lines = spark.createDataFrame(baskets, ["basket", "item"])
total = lines.select("basket").distinct().count()
support = lines.groupBy("item").agg(F.countDistinct("basket").alias("n")).withColumn("support", F.round(F.col("n") / total, 4))
support.orderBy(F.desc("n"), "item").show()
a, b = lines.alias("a"), lines.alias("b")
pairs = a.join(b, (F.col("a.basket") == F.col("b.basket")) & (F.col("a.item") < F.col("b.item"))).groupBy(F.col("a.item").alias("x"), F.col("b.item").alias("y")).count()
sx, sy = support.select(F.col("item").alias("x"), F.col("n").alias("nx")), support.select(F.col("item").alias("y"), F.col("n").alias("ny"))
rules = pairs.join(sx, "x").join(sy, "y").select("x", "y", "count", F.round(F.col("count") / F.col("nx"), 4).alias("confidence"), F.round(F.col("count") * F.lit(total) / (F.col("nx") * F.col("ny")), 4).alias("lift"))
rules.orderBy(F.desc("lift"), "x", "y").show()
triples = lines.groupBy("basket").agg(F.sort_array(F.collect_set("item")).alias("items")).rdd.flatMap(lambda r: [(t, 1) for t in itertools.combinations(r["items"], 3)]).reduceByKey(lambda p, q: p + q)
print(triples.takeOrdered(3, key=lambda kv: (-kv[1], kv[0])))
together = lines.groupBy("basket").agg(F.array_sort(F.collect_list("item")).alias("items")).groupBy("items").count()
together.orderBy(F.desc("count"), F.col("items").cast("string")).show(5, False)

ratings = spark.read.csv(data + "/ratings.csv", header=True, schema="userId INT, movieId INT, rating DOUBLE, timestamp LONG").dropDuplicates(["userId", "movieId"]).cache()
movies = spark.read.option("sep", "::").csv(data + "/movies.csv").toDF("movieId", "title", "genres").withColumn("movieId", F.col("movieId").cast("int"))
genres = movies.select("movieId", F.explode(F.split("genres", r"\|")).alias("genre"))
means = ratings.join(genres, "movieId").groupBy("genre").agg(F.round(F.avg("rating"), 3).alias("mean"), F.count("*").alias("n"), F.round(F.stddev("rating"), 3).alias("sd"))
print([g for g, in means.select("genre").orderBy("genre").collect()], means.agg(F.sum("n")).first()[0] >= ratings.count())
norm = ratings.groupBy("movieId").agg(F.sqrt(F.sum(F.col("rating") ** 2)).alias("norm"))
left = ratings.select("userId", F.col("movieId").alias("m1"), F.col("rating").alias("r1"))
right = ratings.select("userId", F.col("movieId").alias("m2"), F.col("rating").alias("r2"))
dot = left.join(right, "userId").where("m1 < m2").groupBy("m1", "m2").agg(F.sum(F.expr("r1 * r2")).alias("dot"), F.count("*").alias("common"))
cosine = dot.join(norm.withColumnsRenamed({"movieId": "m1", "norm": "n1"}), "m1").join(norm.withColumnsRenamed({"movieId": "m2", "norm": "n2"}), "m2").withColumn("cos", F.round(F.col("dot") / (F.col("n1") * F.col("n2")), 5))
best = cosine.where("common >= 8").orderBy(F.desc("cos"), "m1", "m2")
best.select("m1", "m2", "common", "cos").show(5)
top = Window.partitionBy("m1").orderBy(F.desc("cos"), "m2")
near = cosine.withColumn("k", F.row_number().over(top)).where("k <= 2 AND m1 <= 3")
near.groupBy("m1").pivot("k", [1, 2]).agg(F.first("m2").alias("m"), F.first("cos").alias("c")).orderBy("m1").show()
seen = ratings.where("userId = 7").select("movieId")
advice = cosine.join(seen.withColumnRenamed("movieId", "m1"), "m1", "left_semi").join(seen.withColumnRenamed("movieId", "m2"), "m2", "left_anti").groupBy("m2").agg(F.round(F.sum("cos"), 4).alias("score")).join(movies, F.col("m2") == F.col("movieId")).select("title", "score")
advice.orderBy(F.desc("score"), "title").show(3, False)
bias = ratings.withColumn("centered", F.col("rating") - F.avg("rating").over(Window.partitionBy("userId")))
print(bias.groupBy("userId").agg(F.round(F.sum("centered"), 6).alias("z")).where("abs(z) > 1e-5").count(), bias.select(F.round(F.corr("rating", "centered"), 6)).first()[0])
histogram = ratings.select("rating").rdd.flatMap(lambda r: r).histogram([0, 1, 2, 3, 4, 5])
print(histogram)
print(ratings.groupBy("rating").count().orderBy("rating").rdd.map(tuple).collectAsMap() == dict(ratings.rdd.map(lambda r: r.rating).countByValue()))

# a tree of categories, walked down
tree = spark.createDataFrame([(1, None, "all"), (2, 1, "food"), (3, 1, "drink"), (4, 2, "bread"), (5, 2, "eggs"), (6, 3, "milk"), (7, 3, "alcohol"), (8, 7, "beer"), (9, 3, "cola"), (10, 2, "nappies")], "id int, parent int, name string")


def closure(tree: DataFrame) -> DataFrame:
    found = tree.select("id", F.col("id").alias("ancestor"), F.lit(0).alias("depth"))
    level = found
    while True:
        level = level.alias("l").join(tree.alias("t"), F.col("l.ancestor") == F.col("t.id")).where("t.parent IS NOT NULL").select("l.id", F.col("t.parent").alias("ancestor"), (F.col("l.depth") + 1).alias("depth"))
        if level.isEmpty():
            return found
        found = found.union(level)


up = closure(tree)
sums = lines.join(tree, lines.item == tree.name).join(up, "id").groupBy("ancestor").agg(F.count("*").alias("sold")).join(tree, F.col("ancestor") == F.col("id")).select("name", "sold")
sums.orderBy(F.desc("sold"), "name").show()
paths = up.join(tree.select(F.col("id").alias("ancestor"), "name"), "ancestor").groupBy("id").agg(F.array_join(F.transform(F.sort_array(F.collect_list(F.struct((-F.col("depth")).alias("d"), "name"))), lambda s: s["name"]), "/").alias("path"))
paths.orderBy("path").show(20, False)
ratings.unpersist()
spark.stop()
