from pyspark.sql import SparkSession
import pyspark.sql.functions as F
spark = SparkSession.builder.master("local[2]").getOrCreate()
sc = spark.sparkContext
rdd = sc.parallelize(range(100), 4)
print(rdd.sample(False, 0.1, 81).collect(), rdd.sample(True, 0.2, 123).collect())
print(rdd.sample(withReplacement=False, fraction=0.05, seed=1).collect())
print(rdd.takeSample(False, 5, 1), rdd.takeSample(True, 5, 1), len(rdd.takeSample(False, 200, 1)), rdd.takeSample(False, 0))
a, b, c = rdd.randomSplit([0.5, 0.3, 0.2], 17)
print(a.count(), b.count(), c.count(), b.collect())
fractions = {"a": 0.2, "b": 0.5}
pairs = sc.parallelize(list(fractions)).cartesian(sc.parallelize(range(0, 30)))
print(sorted(pairs.sampleByKey(False, fractions, 2).groupByKey().mapValues(list).collect()))
print(sorted(pairs.sampleByKey(True, fractions, 2).countByKey().items()))
for bad in (lambda: rdd.sample(False, -0.1), lambda: rdd.takeSample(False, -1), lambda: rdd.randomSplit([]), lambda: rdd.sample(True, -1.0)):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__, e)
df = spark.range(100)
print([r.id for r in df.sample(0.06, 3).collect()], df.sample(True, 0.5, 3).count(), df.sample(withReplacement=False, fraction=0.5, seed=3).count())
dataset = df.select((F.col("id") % 3).alias("key"))
dataset.sampleBy("key", fractions={0: 0.1, 1: 0.2}, seed=0).groupBy("key").count().orderBy("key").show()
train, test = df.randomSplit([0.7, 0.3], seed=42)
print(train.count(), test.count(), [r.id for r in test.limit(5).collect()])
print(df.rdd.sample(False, 0.05, 9).map(lambda r: r.id).collect(), df.rdd.takeSample(False, 2, seed=4))
print([round(x, 6) for x in df.select(F.rand(42)).limit(3).rdd.map(lambda r: r[0]).collect()], [round(r[0], 6) for r in df.select(F.randn(1)).take(2)])
import random
def inside(p):
    r = random.Random(p)
    return r.random() ** 2 + r.random() ** 2 < 1
print(4.0 * sc.parallelize(range(0, 2000)).filter(inside).count() / 2000)
print(sc.parallelize([("x", 1)] * 10, 2).sampleByKey(False, {"x": 1.0}).count(), rdd.sample(False, 1.0).count(), rdd.sample(False, 0.0).count())
spark.stop()
