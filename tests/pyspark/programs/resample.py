import sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, rand, randn, udf
spark = SparkSession.builder.master("local[2]").getOrCreate()
sc = spark.sparkContext
df = spark.range(0, 1000, 1, 4)
print(df.sample(fraction=0.05, seed=3).count(), [r.id for r in df.sample(False, 0.01, 3).collect()])
a, b = df.randomSplit([0.7, 0.3], 42)
print(a.count(), b.count())
print([round(r[0], 6) for r in spark.range(0, 4, 1, 2).select(rand(7)).collect()], [round(r[0], 6) for r in spark.range(0, 3, 1, 1).select(randn(7)).collect()])
print(df.rdd.sample(False, 0.01, 3).map(lambda r: r.id).collect(), df.rdd.takeSample(False, 3, 5))
print(sc.parallelize(range(100), 3).sample(False, 0.1, 81).collect())
print(sc.parallelize(range(20), 2).sample(True, 1.0, 4).collect())
print([r.collect() for r in sc.parallelize(range(20), 2).randomSplit([1, 1, 2], 9)])
print(df.sampleBy(col("id") % 3, {0: 0.01, 1: 0.02}, 5).count())
print(sc.parallelize(range(1000), 3).takeSample(True, 4, 17), sc.parallelize(range(10)).takeSample(False, 20, 1))
x = spark.createDataFrame(sc.parallelize([(i, None if i < 150 else "v") for i in range(200)], 4), ["a", "b"], samplingRatio=1.0)
print(x.dtypes)
try:
    print(spark.createDataFrame(sc.parallelize([(i, None if i < 150 else "v") for i in range(200)], 4), ["a", "b"]).dtypes)
except Exception as e:
    print(type(e).__name__, str(e)[:100])
print(sc.parallelize([{"a": 1}, {"b": "x"}, {"a": 2, "c": 1.5}], 3).toDF(sampleRatio=1.0).dtypes)
spark.stop()
