"""Sessions from clicks: lag, a running sum, funnels, and the same by session windows and by RDDs."""
import random
import sys
from datetime import datetime, timedelta

from pyspark.sql import SparkSession, Window
from pyspark.sql.functions import (
    array_join, avg, coalesce, col, collect_list, concat, count, countDistinct, date_format, dayofweek, dense_rank, expr, first, from_unixtime, hour,
    lag, last, lit, max as max_, min as min_, regexp_extract, round as round_, session_window, sha1, struct, sum as sum_, to_timestamp, unix_timestamp, when, window)

spark = SparkSession.builder.master("local[*]").appName("clicks").getOrCreate()
sc = spark.sparkContext
rnd = random.Random(7)
pages = ["/home", "/search?q=shoes", "/product/17", "/product/4", "/cart", "/checkout", "/help"]
start = datetime(2024, 5, 6, 8, 0, 0)
lines = []
for user in range(1, 9):
    at = start + timedelta(minutes=rnd.randint(0, 90))
    for _ in range(rnd.randint(4, 14)):
        lines.append(f"u{user}\t{at:%Y-%m-%d %H:%M:%S}\t{rnd.choice(pages)}\t{rnd.choice([200, 200, 200, 404, 500])}")
        at += timedelta(seconds=rnd.choice([20, 65, 130, 900, 2400, 5000]))
raw = sc.parallelize(lines, 3).map(lambda l: l.split("\t"))
clicks = raw.toDF(["user", "time", "url", "status"]).withColumn("ts", to_timestamp("time", "yyyy-MM-dd HH:mm:ss")).withColumn("status", col("status").cast("int"))
clicks.cache()
print(clicks.count(), clicks.dtypes)
by_user = Window.partitionBy("user").orderBy("ts")
gap = unix_timestamp("ts") - unix_timestamp(lag("ts").over(by_user))
sessions = clicks.withColumn("gap", gap).withColumn("new", when((col("gap") > 1800) | col("gap").isNull(), 1).otherwise(0))
sessions = sessions.withColumn("n", sum_("new").over(by_user.rowsBetween(Window.unboundedPreceding, Window.currentRow)))
sessions = sessions.withColumn("session", concat(col("user"), lit("-"), col("n").cast("string")))
per = sessions.groupBy("session").agg(
    min_("ts").alias("from"), max_("ts").alias("to"), count("*").alias("clicks"), countDistinct("url").alias("pages"),
    sum_(when(col("url") == "/checkout", 1).otherwise(0)).alias("bought"))
per = per.withColumn("seconds", col("to").cast("long") - col("from").cast("long"))
per.orderBy("session").show(50, False)
per.select(round_(avg("seconds"), 2).alias("mean"), expr("percentile(seconds, 0.5)").alias("median"), max_("clicks")).show()
swin = clicks.groupBy("user", session_window("ts", "30 minutes")).agg(count("*").alias("clicks")).select("user", "session_window.start", "session_window.end", "clicks")
swin.orderBy("user", "start").show(8, truncate=False)
clicks.groupBy(window("ts", "1 hour", "30 minutes")).agg(count("*").alias("n"), countDistinct("user").alias("users")).select(date_format("window.start", "HH:mm").alias("start"), "n", "users").orderBy("start").show()
paths = sessions.groupBy("session").agg(array_join(expr("transform(sort_array(collect_list(struct(ts, url))), x -> x.url)"), " > ").alias("path"))
paths.orderBy("session").show(6, truncate=70)
sessions.select("user", first("url").over(by_user).alias("first"), last("url").over(by_user.rowsBetween(0, Window.unboundedFollowing)).alias("last")).distinct().orderBy("user").show()
clicks.withColumn("product", regexp_extract("url", r"^/product/(\d+)$", 1)).filter(col("product") != "").groupBy("product").count().orderBy("product").show()
clicks.groupBy(hour("ts").alias("h")).pivot("status").count().na.fill(0).orderBy("h").show()
clicks.select(dayofweek("ts"), date_format("ts", "EEEE dd MMM yyyy")).distinct().show(truncate=False)
errors = clicks.filter("status >= 400").groupBy("user").agg(count("*").alias("n")).withColumn("place", dense_rank().over(Window.orderBy(col("n").desc())))
errors.orderBy("place", "user").show(4)
# The same sessions by RDDs.
def split(times):
    times, found = sorted(times), []
    for t in times:
        if not found or (t - found[-1][-1]).total_seconds() > 1800:
            found.append([t])
        else:
            found[-1].append(t)
    return [len(s) for s in found]
rdd = raw.map(lambda f: (f[0], datetime.strptime(f[1], "%Y-%m-%d %H:%M:%S"))).groupByKey().mapValues(split)
print(rdd.sortByKey().collect())
print(sorted(r.clicks for r in per.collect()) == sorted(n for _, s in rdd.collect() for n in s))
print(clicks.is_cached, clicks.storageLevel)
clicks.unpersist()
spark.stop()
