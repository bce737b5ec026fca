"""Looking at plans and partitions as people do: explain as text, hints, caches, observed frames, buckets, salts, semantic hashes."""
import contextlib
import io
import os
import re
import sys

from pyspark import StorageLevel
from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as F

out = sys.argv[2]
spark = SparkSession.builder.master("local[4]").appName("plans").config("spark.sql.shuffle.partitions", 6).config("spark.sql.adaptive.enabled", False).getOrCreate()
sc = spark.sparkContext
big = spark.range(0, 20000, 1, 4).select("id", (F.col("id") % 7).alias("k"), F.when(F.col("id") % 10 < 8, 0).otherwise(F.col("id") % 5).alias("hot"))
small = spark.createDataFrame([(i, f"n{i}") for i in range(7)], "k long, name string")


def explained(df, *args, **kwargs):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        df.explain(*args, **kwargs)
    return text.getvalue()


print(explained(big.limit(1)).startswith("== Physical Plan =="), "== Analyzed Logical Plan ==" in explained(big, True), "== Optimized Logical Plan ==" in explained(big, mode="extended"), "(1) " in explained(big, mode="formatted"))
for mode in ("simple", "extended", "codegen", "cost", "formatted"):
    print(mode, len(explained(small, mode=mode)) > 20)
names = set(re.findall(r"(BroadcastHashJoin|SortMergeJoin|BroadcastExchange)", explained(big.join(F.broadcast(small), "k"))))
print("Broadcast" in " ".join(names))
print(big.rdd.getNumPartitions(), big.repartition(3).rdd.getNumPartitions(), big.coalesce(2).rdd.getNumPartitions(), big.coalesce(9).rdd.getNumPartitions(), big.repartition("k").rdd.getNumPartitions(), big.repartition(5, "k").rdd.getNumPartitions(), big.union(big).rdd.getNumPartitions(), big.distinct().coalesce(1).rdd.getNumPartitions())
by_key = big.repartition(4, "k").withColumn("p", F.spark_partition_id())
print(by_key.groupBy("k").agg(F.countDistinct("p").alias("n")).agg(F.max("n")).first()[0])
print(sorted((r.p, r.n, r.ks) for r in by_key.groupBy("p").agg(F.count("*").alias("n"), F.sort_array(F.collect_set("k")).alias("ks")).collect()))
ranged = big.repartitionByRange(4, F.desc("id")).withColumn("p", F.spark_partition_id()).groupBy("p").agg(F.min("id").alias("lo"), F.max("id").alias("hi")).orderBy("p").collect()
print(len(ranged), all(a.lo > b.hi for a, b in zip(ranged, ranged[1:])))
sizes = big.rdd.mapPartitionsWithIndex(lambda i, it: [(i, sum(1 for _ in it))]).collect()
print(sizes, [len(p) for p in big.limit(10).coalesce(1).rdd.glom().collect()])
print(big.sortWithinPartitions(F.desc("id")).rdd.mapPartitions(lambda it: [next(it).id]).collect())

# salting
salted = big.withColumn("salt", (F.col("id") % 4).cast("int"))
copies = small.withColumn("salt", F.explode(F.array(*[F.lit(i) for i in range(4)])))
direct = big.join(small, big.hot == small.k).groupBy("name").count()
via = salted.join(copies, (salted.hot == copies.k) & (salted.salt == copies.salt)).groupBy("name").count()
print(direct.exceptAll(via).count(), sorted(map(tuple, via.collect())))
for hint in ("broadcast", "merge", "shuffle_hash", "shuffle_replicate_nl"):
    print(hint, big.join(small.hint(hint), "k").count())
print(big.hint("repartition", 3).rdd.getNumPartitions(), big.hint("coalesce", 2).rdd.getNumPartitions(), big.hint("rebalance").count(), big.hint("no_such_hint", 1).count())
print(spark.sql("SELECT /*+ REPARTITION(2) */ * FROM {b}", b=big).rdd.getNumPartitions())

# caches and levels
cached = big.groupBy("k").count().persist(StorageLevel.MEMORY_ONLY)
print(cached.storageLevel, cached.is_cached, cached.count(), big.storageLevel, big.cache().storageLevel)
print("InMemoryTableScan" in explained(cached) or "LocalTableScan" in explained(cached), cached.unpersist().is_cached, big.unpersist(blocking=True).is_cached)
sc.setCheckpointDir(os.path.join(out, "cp"))
cut = big.filter("k = 1").checkpoint()
local = big.filter("k = 2").localCheckpoint(eager=False)
print(cut.count(), local.count(), cut.columns, os.path.isdir(os.path.join(out, "cp")))
print(big.sameSemantics(big.select("*")), big.filter("k = 1").sameSemantics(big.filter("k = 1")), big.filter("k = 1").semanticHash() == big.filter("k = 1").semanticHash(), big.sameSemantics(small))
# observed
seen = Observation("seen")
watched = big.observe(seen, F.count(F.lit(1)).alias("rows"), F.sum("k").alias("k"), F.max("hot").alias("hot"), F.count_if(F.col("k") == 0).alias("zeros"))
watched.write.mode("overwrite").parquet(os.path.join(out, "watched"))
print(seen.get)
again = Observation()
print(big.filter("k > 3").observe(again, F.avg("id").alias("mean"), F.collect_set("k").alias("ks")).filter("id < 5").count(), sorted(again.get["ks"]), again.get["mean"])
try:
    big.observe(seen, F.count("*"))
except Exception as error:
    print(type(error).__name__, str(error)[:80])
# buckets
for name, df in (("b1", big), ("b2", small)):
    df.write.bucketBy(4, "k").sortBy("k").mode("overwrite").saveAsTable(name)
print(spark.table("b1").join(spark.table("b2"), "k").groupBy("name").count().orderBy("name").collect()[:2], spark.table("b1").rdd.getNumPartitions() >= 1)
for name in ("b1", "b2"):
    spark.sql(f"DROP TABLE {name}")
print(big.isLocal(), small.limit(2).isEmpty(), big.isStreaming, small.tail(2), small.take(1), small.head(), small.first(), len(small.inputFiles()), spark.range(3).toLocalIterator().__next__(), [r.id for r in spark.range(5).toLocalIterator(prefetchPartitions=True)])
parts = big.randomSplit([0.7, 0.3], seed=3)
print(sum(p.count() for p in parts), big.sample(0.1, 5).count() == big.sample(0.1, 5).count(), big.sampleBy("k", {0: 1.0, 1: 0.0}, 1).groupBy("k").count().collect())
print(small._jdf.showString(2, 20, False))
print(small._jdf.schema().treeString(), small._jdf.count(), len(small._jdf.queryExecution().toString().split("==")))
print(spark.conf.get("spark.sql.shuffle.partitions"), sc.defaultParallelism, sc.statusTracker().getActiveStageIds() is not None, small.sparkSession is spark)
spark.stop()
