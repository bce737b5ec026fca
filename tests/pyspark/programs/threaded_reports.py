"""Several reports at once from threads, with pools, groups, futures and a queue; results gathered at the end."""
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.pool import ThreadPool

from pyspark import InheritableThread, SparkConf, SparkContext, StorageLevel, inheritable_thread_target
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

conf = SparkConf().setAppName("threads").setMaster("local[4]").set("spark.scheduler.mode", "FAIR").set("spark.sql.shuffle.partitions", "5")
spark = SparkSession.builder.config(conf=conf).getOrCreate()
sc = spark.sparkContext
print(sc.appName, sc.master, sc.getConf().get("spark.scheduler.mode"), sc.defaultParallelism, sc.defaultMinPartitions)
out = sys.argv[2]
sales = spark.range(0, 5000, 1, 4).selectExpr("id", "id % 7 AS shop", "id % 13 * 1.5 AS amount", "date_add(DATE'2024-01-01', CAST(id % 60 AS INT)) AS day").persist(StorageLevel.MEMORY_AND_DISK)
print(sales.count(), sales.rdd.getNumPartitions())


def report(shop):
    sc.setLocalProperty("spark.scheduler.pool", f"pool{shop % 2}")
    frame = sales.filter(F.col("shop") == shop).groupBy("day").agg(F.sum("amount").alias("total"))
    path = os.path.join(out, f"shop={shop}")
    frame.coalesce(1).write.mode("overwrite").parquet(path)
    return shop, frame.count(), round(frame.agg(F.max("total")).first()[0], 2), sc.getLocalProperty("spark.scheduler.pool")


with ThreadPoolExecutor(max_workers=3) as pool:
    futures = {pool.submit(report, shop): shop for shop in range(7)}
    done = sorted(f.result() for f in as_completed(futures))
for line in done:
    print(line)
everything = spark.read.option("basePath", out).parquet(*[os.path.join(out, f"shop={n}") for n in range(7)])
print(everything.count(), everything.columns, everything.select("shop").distinct().count())
print(ThreadPool(4).map(lambda n: sc.parallelize(range(n * 10), 2).map(lambda x: x * x).sum(), range(1, 6)))
results = {}


def counted(name, n):
    sc.setJobGroup(name, f"counts {n}")
    results[name] = (sc.parallelize(range(n)).count(), sc.getLocalProperty("spark.jobGroup.id"), sc.getLocalProperty("spark.job.description"))


threads = [InheritableThread(target=counted, args=(f"group{n}", n * 100)) for n in (1, 2, 3)]
[t.start() for t in threads]
[t.join() for t in threads]
print(sorted(results.items()))
sc.setLocalProperty("mine", "outer")
seen = []
thread = InheritableThread(target=lambda: (seen.append(sc.getLocalProperty("mine")), sc.setLocalProperty("mine", "inner")))
thread.start()
thread.join()
print(seen, sc.getLocalProperty("mine"))


@inheritable_thread_target
def inherited():
    seen.append(sc.getLocalProperty("mine"))


thread = threading.Thread(target=inherited)
thread.start()
thread.join()
print(seen)
slow = threading.Event()
outcome = []


def forever():
    sc.setJobGroup("slow", "to be ended", True)
    try:
        sc.parallelize(range(8), 8).foreach(lambda x: time.sleep(60))
        outcome.append("ended")
    except Exception as error:
        outcome.append("cancelled" if "cancel" in str(error).lower() else type(error).__name__)


thread = InheritableThread(target=forever)
thread.start()
time.sleep(3)
sc.cancelJobGroup("slow")
thread.join(30)
print(outcome, thread.is_alive())
other = spark.newSession()
other.sql("SET spark.sql.shuffle.partitions=3")
sales.createOrReplaceTempView("sales")
sales.createOrReplaceGlobalTempView("all_sales")
print(spark.catalog.tableExists("sales"), other.catalog.tableExists("sales"), other.sql("SELECT count(*) FROM global_temp.all_sales").first()[0])
print(spark.conf.get("spark.sql.shuffle.partitions"), other.conf.get("spark.sql.shuffle.partitions"))
total = sc.accumulator(0)
seen_keys = sc.broadcast({1: "one", 3: "three"})
named = sc.parallelize([1, 2, 3, 3], 2).map(lambda k: (total.add(k), seen_keys.value.get(k, "?"))[1]).collect()
print(named, total.value)
seen_keys.unpersist()
sales.unpersist()
other.catalog.dropGlobalTempView("all_sales")
spark.stop()
print(SparkContext._active_spark_context is None)
