"""Delays of flights: what a first look at a CSV file does with describe, pivots, quantiles and cross tables."""
import os
import random
import sys

from pyspark.sql import SparkSession, Window
import pyspark.sql.functions as F
from pyspark.sql.types import DoubleType, IntegerType, StringType, StructField, StructType

out = sys.argv[2]
rnd = random.Random(42)
path = os.path.join(out, "flights.csv")
carriers = ["AA", "DL", "UA", "WN", "B6"]
airports = ["JFK", "LAX", "ORD", "ATL", "SFO", "BOS"]
with open(path, "w") as f:
    f.write("year,month,day,dep_delay,arr_delay,carrier,tailnum,origin,dest,air_time,distance\n")
    for i in range(400):
        a, b = rnd.sample(airports, 2)
        d = rnd.choice(["NA", str(rnd.randint(-15, 120)), str(rnd.randint(-5, 30))])
        arr = "NA" if d == "NA" else str(int(d) + rnd.randint(-20, 20))
        f.write(f"2013,{rnd.randint(1, 12)},{rnd.randint(1, 28)},{d},{arr},{rnd.choice(carriers)},N{rnd.randint(100, 140)},{a},{b},{rnd.randint(40, 380)},{rnd.randint(190, 2600)}\n")

spark = SparkSession.builder.appName("Flights").master("local[*]").config("spark.sql.shuffle.partitions", "4").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")

schema = StructType([
    StructField("year", IntegerType(), True), StructField("month", IntegerType(), True), StructField("day", IntegerType(), True),
    StructField("dep_delay", IntegerType(), True), StructField("arr_delay", IntegerType(), True),
    StructField("carrier", StringType(), True), StructField("tailnum", StringType(), True),
    StructField("origin", StringType(), True), StructField("dest", StringType(), True),
    StructField("air_time", DoubleType(), True), StructField("distance", DoubleType(), True),
])
flights = spark.read.csv(path, header=True, schema=schema, nullValue="NA")
flights.printSchema()
print("Number of records:", flights.count(), "columns:", len(flights.columns))
flights.show(5)
inferred = spark.read.option("header", True).option("inferSchema", True).csv(path)
print(inferred.dtypes)

flights.select("dep_delay", "arr_delay", "distance").describe().show()
flights.select("air_time", "distance").summary("count", "min", "25%", "75%", "max").show()
print({c: flights.filter(F.col(c).isNull()).count() for c in flights.columns})
flights.select([F.count(F.when(F.col(c).isNull(), c)).alias(c) for c in flights.columns]).show()

clean = flights.dropna(subset=["dep_delay", "arr_delay"])
clean = clean.withColumn("km", F.round(clean.distance * 1.60934, 0)).drop("distance")
clean = clean.withColumn("label", (clean.arr_delay >= 15).cast("integer"))
clean = clean.withColumn("speed", F.round(F.col("km") / (F.col("air_time") / 60), 2))
clean.show(5, truncate=False)

clean.groupBy("carrier").agg(F.count("*").alias("n"), F.round(F.avg("arr_delay"), 2).alias("mean"), F.max("speed").alias("fastest")).orderBy(F.desc("n"), "carrier").show()
clean.groupBy("origin").pivot("carrier", carriers).agg(F.sum("label")).orderBy("origin").show()
clean.groupBy("origin").pivot("carrier").avg("km").orderBy("origin").show(truncate=False)
clean.crosstab("origin", "label").orderBy("origin_label").show()
print([round(q, 1) for q in clean.approxQuantile("arr_delay", [0.1, 0.5, 0.9], 0.0)])
print(round(clean.stat.corr("dep_delay", "arr_delay"), 4), round(clean.stat.cov("air_time", "km"), 3))
w = Window.partitionBy("origin").orderBy(F.desc("arr_delay"), "tailnum", "dest", "day")
clean.withColumn("rank", F.rank().over(w)).filter("rank <= 2").select("origin", "dest", "carrier", "arr_delay", "rank").orderBy("origin", "rank", "dest").show()
clean.rollup("origin", "carrier").agg(F.count("*").alias("n")).orderBy(F.col("origin").asc_nulls_last(), F.col("carrier").asc_nulls_last()).show(12)
clean.cube("month").count().orderBy("month").show()
clean.createOrReplaceTempView("flights")
spark.sql("""
    SELECT carrier, percentile_approx(arr_delay, 0.5) AS median, stddev_samp(arr_delay) > 20 AS wild,
           count_if(label = 1) AS late, round(100.0 * count_if(label = 1) / count(*), 2) AS percent
    FROM flights WHERE month BETWEEN 3 AND 9 GROUP BY carrier HAVING count(*) > 10 ORDER BY percent DESC, carrier
""").show()
routes = clean.select(F.array_sort(F.array("origin", "dest")).alias("route")).groupBy(F.concat_ws("-", "route").alias("route")).count()
routes.orderBy(F.desc("count"), "route").show(5)
print(routes.agg({"count": "max"}).collect()[0][0], routes.agg(F.sum("count")).first()[0])
buckets = clean.withColumn("bucket", F.when(F.col("km") < 800, "short").when(F.col("km") < 2500, "medium").otherwise("long"))
buckets.groupBy("bucket").agg(F.collect_set("origin").alias("s"), F.countDistinct("tailnum").alias("planes")).select("bucket", F.size("s"), F.sort_array("s"), "planes").orderBy("bucket").show(truncate=60)
buckets.coalesce(1).write.mode("overwrite").partitionBy("bucket").option("header", "true").csv(os.path.join(out, "buckets"))
print(sorted(d for d in os.listdir(os.path.join(out, "buckets")) if d.startswith("bucket")))
back = spark.read.option("header", "true").option("inferSchema", "true").csv(os.path.join(out, "buckets"))
print(back.count(), back.columns[-1], sorted(r[0] for r in back.select("bucket").distinct().collect()))
back.filter("bucket = 'short'").select("origin", "label").groupBy("label").count().orderBy("label").show()
spark.stop()
