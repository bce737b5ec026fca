# what the profilers of RDDs and functions print; numbers vary, so lines are named only
import os
import re
import sys
from pyspark import SparkConf, SparkContext, BasicProfiler
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
import contextlib
import io

def lines(action):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            result = action()
        except Exception as error:
            return type(error).__name__ + ": " + str(error)[:160]
    text = re.sub(r"id=\d+", "id=N", re.sub(r"\d+\.\d+", "N", out.getvalue()))
    return result, [line.strip() for line in text.splitlines() if line.strip().startswith(("=", "Profile", "Ordered", "ncalls", "My"))]

sc = SparkContext("local[1]", "off")
print(lines(lambda: sc.show_profiles()))
print(lines(lambda: sc.dump_profiles(sys.argv[2])))
sc.stop()

class MyCustomProfiler(BasicProfiler):
    def show(self, id):
        print("My custom profiles for RDD:%s" % id)

conf = SparkConf().set("spark.python.profile", "true")
sc = SparkContext("local[1]", "test", conf=conf, profiler_cls=MyCustomProfiler)
print(sc.parallelize(range(1000)).map(lambda x: 2 * x).take(10))
print(sc.parallelize(range(1000)).count())
print(lines(lambda: sc.show_profiles()))
print(lines(lambda: sc.show_profiles()))
sc.stop()

sc = SparkContext("local[1]", "basic", conf=SparkConf().set("spark.python.profile", "true"))
rdd = sc.parallelize(range(100), 2).map(lambda x: str(x))
print(rdd.count())
print(lines(lambda: sc.show_profiles()))
print(sc.parallelize(range(10)).map(str).collect()[:2], lines(lambda: sc.dump_profiles(sys.argv[2] + "/stats")), [re.sub(r"\d+", "N", f) for f in os.listdir(sys.argv[2] + "/stats")])
import pstats
stats = pstats.Stats(os.path.join(sys.argv[2], "stats", os.listdir(sys.argv[2] + "/stats")[0]))
print(stats.total_calls > 0)
spark = SparkSession(sc)
plus_one = udf(lambda x: x + 1, "long")
print(spark.range(5).select(plus_one("id").alias("y")).collect()[:1])
print(lines(lambda: sc.show_profiles()))
spark.stop()

sc = SparkContext("local[1]", "session")
spark = SparkSession(sc)
print(lines(lambda: spark.profile.show()))
@udf("long")
def add1(x):
    return x + 1
@udf("long")
def add2(x):
    return x + 2
spark.conf.set("spark.sql.pyspark.udf.profiler", "perf")
print(spark.range(5).select(add1("id"), add2("id"), add1("id")).count(), len(spark.range(5).select(add1("id"), add2("id"), add1("id")).collect()))
print(lines(lambda: spark.profile.show(type="perf")))
print(lines(lambda: spark.profile.show(type="memory")))
print(lines(lambda: spark.profile.show()))
print(lines(lambda: spark.profile.dump(sys.argv[2] + "/perf", type="perf")), sorted(re.sub(r"\d+", "N", f) for f in os.listdir(sys.argv[2] + "/perf")))
print(lines(lambda: spark.profile.show(987654)), lines(lambda: spark.profile.clear(987654)))
print(lines(lambda: spark.profile.clear(type="perf")), lines(lambda: spark.profile.show()))
spark.range(5).mapInPandas(lambda it: it, "id long").collect()
print(lines(lambda: spark.profile.show()))
spark.profile.clear()
spark.range(4).groupBy("id").applyInPandas(lambda pdf: pdf, "id long").collect()
print(lines(lambda: spark.profile.show()))
spark.profile.clear()
print(lines(lambda: spark.profile.show(type="cpu")), lines(lambda: spark.profile.dump("x", type="cpu")), lines(lambda: spark.profile.clear(type="cpu")))
print(lines(lambda: spark.conf.set("spark.sql.pyspark.udf.profiler", "cpu")))
spark.conf.unset("spark.sql.pyspark.udf.profiler")
spark.range(5).select(add1("id")).collect()
print(lines(lambda: spark.profile.show()))
spark.stop()
