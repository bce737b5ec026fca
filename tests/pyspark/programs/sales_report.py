import sys, csv
from datetime import datetime
from io import StringIO
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, count, desc, expr, hour, round, row_number, sum, udf
from pyspark.sql.types import *
from pyspark.sql.window import Window
spark = SparkSession.builder.master("local[*]").appName("sales").getOrCreate()
spark.sparkContext.setLogLevel("WARN")
raw = spark.sparkContext.textFile(sys.argv[1] + "/sales.csv")
header = raw.first()
def split_line(line):
    return next(csv.reader(StringIO(line)))
rows = raw.filter(lambda l: l != header).map(split_line).filter(lambda f: f[2] != "")
def clean(f):
    when = datetime.strptime(f[4], "%m/%d/%y %H:%M")
    city = f[5].split(",")[1].strip()
    return int(f[0]), f[1], int(f[2]), float(f[3]), when, city
sales = rows.map(clean)
print(sales.count(), sales.map(lambda s: s[5]).distinct().sortBy(lambda c: c).collect())
byMonth = sales.map(lambda s: (s[4].month, s[2] * s[3])).reduceByKey(lambda a, b: a + b).sortByKey()
for m, total in byMonth.collect():
    print("%02d %10.2f" % (m, total))
best = sales.map(lambda s: ((s[5], s[1]), s[2])).reduceByKey(lambda a, b: a + b).map(lambda kv: (kv[0][0], (kv[0][1], kv[1]))).reduceByKey(lambda a, b: max(a, b, key=lambda x: (x[1], x[0])))
print(sorted(best.collect()))
schema = StructType([StructField("id", IntegerType()), StructField("product", StringType()), StructField("quantity", IntegerType()), StructField("price", DoubleType()), StructField("at", TimestampType()), StructField("city", StringType())])
df = spark.createDataFrame(sales, schema)
df.printSchema()
@udf("string")
def part_of_day(t):
    return "night" if t.hour < 6 else "morning" if t.hour < 12 else "afternoon" if t.hour < 18 else "evening"
df.groupBy(part_of_day("at").alias("when")).agg(count("*").alias("n"), round(sum(col("quantity") * col("price")), 2).alias("total")).orderBy("when").show()
w = Window.partitionBy("city").orderBy(desc("revenue"))
df.groupBy("city", "product").agg(round(sum(expr("quantity * price")), 2).alias("revenue")).withColumn("rank", row_number().over(w)).filter("rank <= 2").orderBy("city", "rank").show(truncate=False)
df.withColumn("hour", hour("at")).groupBy("hour").count().orderBy(desc("count"), "hour").show(3)
pairs = sales.map(lambda s: ((s[4].date(), s[5]), s[1])).groupByKey().mapValues(lambda ps: sorted(set(ps))).filter(lambda kv: len(kv[1]) > 1)
print(sorted(pairs.map(lambda kv: (str(kv[0][0]), kv[0][1], kv[1])).collect())[:3])
df.write.mode("overwrite").partitionBy("city").json(sys.argv[2] + "/by_city")
print(spark.read.json(sys.argv[2] + "/by_city").count())
print(df.rdd.map(lambda r: (r.product, r.quantity)).aggregateByKey((0, 0), lambda a, q: (a[0] + q, a[1] + 1), lambda a, b: (a[0] + b[0], a[1] + b[1])).mapValues(lambda t: t[0] / t[1]).mapValues(lambda x: __import__("builtins").round(x, 3)).sortByKey().collect())
spark.stop()
