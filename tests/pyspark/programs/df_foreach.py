import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[2]").getOrCreate()
sc = spark.sparkContext
acc, parts = sc.accumulator(0), sc.accumulator(0)
df = spark.range(0, 100, 1, 4)
df.foreach(lambda r: acc.add(r.id))
def fp(rows):
    parts.add(1)
    for r in rows:
        acc.add(1)
df.foreachPartition(fp)
print(acc.value, parts.value)
df.rdd.foreach(lambda r: acc.add(1))
print(acc.value, df.rdd.getNumPartitions(), [len(x) for x in df.rdd.glom().collect()])
print(df.repartition(3).rdd.glom().map(len).collect(), df.coalesce(2).rdd.glom().map(len).collect())
print([sorted(r.id for r in x)[:5] for x in df.repartition(3, "id").rdd.glom().collect()])
print([[r.id for r in x] for x in spark.range(0, 20, 1, 2).repartition(3).rdd.glom().collect()])
print([[r.id for r in x] for x in spark.range(0, 20, 1, 2).repartitionByRange(3, "id").rdd.glom().collect()])
print([[r.a for r in x] for x in spark.createDataFrame([(i,) for i in range(7)], ["a"]).rdd.glom().collect()])
print(spark.createDataFrame([(i,) for i in range(7)], ["a"]).rdd.getNumPartitions(), spark.sql("select 1").rdd.getNumPartitions())
print(df.rdd.mapPartitionsWithIndex(lambda i, it: [(i, sum(r.id for r in it))]).collect())
print([r.id for r in df.toLocalIterator()][:5], df.rdd.map(lambda r: r[0]).filter(lambda v: v % 33 == 0).collect())
try:
    df.foreach(lambda r: 1 / (r.id - 5))
except Exception as e:
    print(type(e).__name__, "ZeroDivisionError" in str(e))
print(df.rdd.isEmpty(), spark.createDataFrame([], "a int").rdd.isEmpty())
spark.stop()
