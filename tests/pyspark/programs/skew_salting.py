"""Skewed keys salted, small sides broadcast, partitions looked at, range partitioning, buckets, caches and hints."""
import random
import sys
from collections import Counter

from pyspark import StorageLevel
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.functions import broadcast, spark_partition_id

spark = SparkSession.builder.appName("skew").master("local[2]").config("spark.sql.shuffle.partitions", "6").config("spark.sql.adaptive.enabled", "false").config("spark.sql.autoBroadcastJoinThreshold", -1).getOrCreate()
sc = spark.sparkContext
facts = spark.range(0, 1000, 1, 4).select(F.when(F.col("id") < 900, "hot").otherwise(F.concat(F.lit("k"), F.col("id") % 5)).alias("key"), "id")
dims = spark.createDataFrame([("hot", "H"), ("k0", "zero"), ("k1", "one"), ("k2", "two"), ("k9", "nine")], ["key", "name"])
print(facts.rdd.getNumPartitions(), dims.rdd.getNumPartitions(), facts.repartition("key").rdd.getNumPartitions())
sizes = facts.repartition("key").groupBy(spark_partition_id().alias("p")).count()
print(sorted(r["count"] for r in sizes.collect()))
print(facts.repartition(3, "key").rdd.glom().map(len).collect())
print(facts.repartitionByRange(4, "id").rdd.glom().map(lambda p: (p[0].id, p[-1].id, len(p)) if p else None).collect())
print(facts.coalesce(2).rdd.glom().map(len).collect(), facts.repartition(5).rdd.glom().map(len).collect())
SALTS = 4
salted = facts.withColumn("salt", F.pmod(F.col("id"), F.lit(SALTS)))
spread = dims.crossJoin(spark.range(SALTS).withColumnRenamed("id", "salt"))
joined = salted.join(spread, ["key", "salt"]).drop("salt")
print(joined.count(), facts.join(dims, "key").count(), facts.join(broadcast(dims), "key", "left").filter("name IS NULL").count())
two_steps = salted.groupBy("key", "salt").agg(F.sum("id").alias("s"), F.count("*").alias("n")).groupBy("key").agg(F.sum("s").alias("s"), F.sum("n").alias("n"))
two_steps.orderBy("key").show()
for how in ("inner", "left_outer", "right", "full", "left_semi", "leftanti", "cross"):
    j = facts.limit(0).union(facts.filter("id % 300 = 0 OR id > 996")).join(dims, "key", how) if how != "cross" else facts.filter("id > 997").crossJoin(dims)
    print(how, j.count(), j.columns)
print(facts.hint("merge").join(dims.hint("shuffle_hash"), "key").count(), spark.sql("SELECT /*+ BROADCAST(d) */ count(*) FROM range(10) f JOIN range(3) d USING (id)").first()[0])
pairs = facts.rdd.map(lambda r: (r.key, r.id))
print(sorted(pairs.countByKey().items()), pairs.partitionBy(3).glom().map(lambda p: sorted(set(k for k, _ in p))).collect())
print(pairs.partitionBy(4, lambda k: 0 if k == "hot" else 1).glom().map(len).collect())
print(sorted(pairs.map(lambda kv: ((kv[0], random.Random(kv[1]).randint(0, 3)), 1)).reduceByKey(lambda a, b: a + b).map(lambda kv: (kv[0][0], kv[1])).reduceByKey(lambda a, b: a + b).collect()))
print(pairs.sampleByKey(False, {"hot": 0.0, **{f"k{n}": 1.0 for n in range(5)}}, 3).countByKey(), pairs.aggregateByKey((0, 0), lambda a, v: (a[0] + v, a[1] + 1), lambda a, b: (a[0] + b[0], a[1] + b[1])).mapValues(lambda t: round(t[0] / t[1], 2)).sortByKey().collect())
print(pairs.foldByKey(0, max).sortBy(lambda kv: -kv[1]).first(), pairs.combineByKey(lambda v: [v], lambda c, v: (c + [v])[:2], lambda a, b: (a + b)[:2]).mapValues(len).sortByKey().collect()[:2])
left, right = sc.parallelize([(1, "a"), (2, "b"), (2, "c")], 2), sc.parallelize([(2, "x"), (3, "y")], 2)
print(sorted(left.leftOuterJoin(right).collect()), sorted(left.fullOuterJoin(right).collect(), key=str), sorted((k, tuple(map(list, v))) for k, v in left.cogroup(right).collect()))
cached = facts.persist(StorageLevel.DISK_ONLY)
print(cached.storageLevel, cached.count(), spark.catalog.isCached("nothing") if spark.catalog.tableExists("nothing") else None)
cached.unpersist()
facts.createOrReplaceTempView("facts")
spark.catalog.cacheTable("facts")
print(spark.catalog.isCached("facts"), spark.sql("SELECT count(DISTINCT key) FROM facts").first()[0])
spark.catalog.uncacheTable("facts")
print(spark.catalog.isCached("facts"))
facts.write.mode("overwrite").bucketBy(3, "key").sortBy("id").saveAsTable("bucketed")
print(spark.table("bucketed").filter("key = 'k1'").count(), [(r.col_name, r.data_type) for r in spark.sql("DESCRIBE FORMATTED bucketed").collect() if r.col_name in ("Num Buckets", "Bucket Columns", "Sort Columns")])
spark.sql("DROP TABLE bucketed")
print(Counter(facts.sample(False, 0.1, seed=3).rdd.map(lambda r: r.key).collect()).most_common(1)[0][0], [s.count() for s in facts.randomSplit([0.5, 0.5], 11)])
print(facts.stat.sampleBy("key", {"hot": 0.01, "k1": 0.5}, seed=0).groupBy("key").count().orderBy("key").collect())
spark.stop()
