import sys
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession
conf = SparkConf().setAll([("spark.app.name", "c"), ("spark.master", "local[3]"), ("spark.executor.memory", "1g"), ("spark.ui.enabled", "false"), ("x.y", "z"), ("spark.my", "1")])
print(conf.get("spark.my"), conf.get("none", "dflt"), conf.contains("spark.my"), "spark.my=1" in conf.toDebugString())
conf.setIfMissing("spark.my", "2").setExecutorEnv("A", "B").setSparkHome("/h")
spark = SparkSession.builder.config(conf=conf).getOrCreate()
sc = spark.sparkContext
print(sc.defaultParallelism, sc.getConf().get("spark.executor.memory"), sc.getConf().get("spark.executorEnv.A"), spark.conf.get("spark.executor.memory"), spark.conf.get("spark.my"))
for k, v in [("spark.executor.memory", "2g"), ("spark.driver.memory", "2g"), ("spark.executor.cores", "2"), ("spark.sql.shuffle.partitions", "7"), ("spark.sql.warehouse.dir", "/x"), ("spark.foo.bar", "1"), ("spark.default.parallelism", "5"), ("spark.app.name", "new"), ("spark.master", "local"), ("spark.python.worker.reuse", "false"), ("spark.serializer", "s"), ("spark.executor.pyspark.memory", "1g"), ("spark.ui.enabled", "true"), ("spark.hadoop.a", "b"), ("spark.task.cpus", "1"), ("spark.sql.catalogImplementation", "hive"), ("spark.local.dir", "/x"), ("spark.eventLog.enabled", "true"), ("spark.jars", "x"), ("spark.submit.pyFiles", "x"), ("spark.python.worker.memory", "1g"), ("spark.pyspark.python", "python3"), ("spark.dynamicAllocation.enabled", "true"), ("spark.sql.extensions", "x"), ("spark.yarn.queue", "q"), ("spark.speculation", "true"), ("spark.rdd.compress", "false")]:
    try:
        spark.conf.set(k, v)
        print(k, "ok", spark.conf.get(k))
    except Exception as e:
        print(k, type(e).__name__, str(e).split("\n")[0][:160])
print(spark.conf.isModifiable("spark.executor.memory"), spark.conf.isModifiable("spark.sql.shuffle.partitions"), spark.conf.isModifiable("none"))
try:
    spark.range(1).checkpoint()
except Exception as e:
    print("Checkpoint directory has not been set in the SparkContext" in str(e))
try:
    sc.parallelize([1]).checkpoint()
except Exception as e:
    print(type(e).__name__, [l for l in str(e).split("\n") if "heckpoint directory" in l][:1])
sc.setCheckpointDir(sys.argv[2] + "/ck30")
print(spark.range(3).checkpoint().count(), spark.range(3).localCheckpoint().count())
spark.stop()
