"""Recency, frequency, money; cohorts of customers; items bought together."""
import random
import sys
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations

import pyspark.sql.functions as F
import pyspark.sql.types as T
from pyspark.sql import SparkSession
from pyspark.sql.window import Window

spark = (SparkSession.builder.appName("rfm").config("spark.sql.session.timeZone", "UTC").config("spark.default.parallelism", 2).getOrCreate())
rnd = random.Random(99)
items = ["bread", "milk", "eggs", "tea", "jam", "rice"]
orders = []
for n in range(1, 121):
    day = date(2023, 1, 1) + timedelta(days=rnd.randint(0, 300))
    for item in rnd.sample(items, rnd.randint(1, 4)):
        orders.append((n, f"C{rnd.randint(1, 15):02d}" if item == "never" else f"C{n % 15 + 1:02d}", item, rnd.randint(1, 5), Decimal(rnd.randint(99, 1999)) / 100, day))
schema = T.StructType().add("order_id", T.LongType(), False).add("customer", "string").add("item", T.StringType()).add("quantity", T.ShortType()).add("price", T.DecimalType(8, 2)).add("day", T.DateType())
df = spark.createDataFrame(orders, schema)
df.printSchema()
df = df.withColumn("amount", F.col("quantity") * F.col("price"))
print(df.schema["amount"].simpleString(), df.select(F.sum("amount")).first()[0])
now = df.agg(F.date_add(F.max("day"), 1).alias("d")).first().d
rfm = df.groupBy("customer").agg(F.datediff(F.lit(now), F.max("day")).alias("recency"), F.countDistinct("order_id").alias("frequency"), F.sum("amount").alias("money"))
for name, up in (("recency", False), ("frequency", True), ("money", True)):
    order = F.col(name).asc() if up else F.col(name).desc()
    rfm = rfm.withColumn(name[0], F.ntile(4).over(Window.orderBy(order, "customer")))
rfm = rfm.withColumn("score", F.concat(*[F.col(c).cast(T.StringType()) for c in "rfm"])).withColumn(
    "segment", F.when(F.col("score").rlike("^[34][34]"), "champion").when(F.col("r") == 1, "lost").otherwise("other"))
rfm.orderBy("customer").show()
rfm.groupBy("segment").agg(F.count(F.lit(1)).alias("customers"), F.avg("money").alias("mean"), F.sum("money").alias("total")).orderBy("segment").show()
first = df.groupBy("customer").agg(F.trunc(F.min("day"), "month").alias("cohort"))
cohorts = df.join(F.broadcast(first), "customer").withColumn("months", F.months_between(F.trunc("day", "month"), "cohort").cast("int"))
cohorts.groupBy("cohort").pivot("months", list(range(5))).agg(F.countDistinct("customer")).orderBy("cohort").na.fill(0).show()
pairs = (df.select("order_id", "item").rdd.map(tuple).groupByKey().flatMap(lambda kv: [(p, 1) for p in combinations(sorted(set(kv[1])), 2)]).reduceByKey(lambda a, b: a + b))
for (a, b), n in pairs.sortBy(lambda kv: (-kv[1], kv[0])).take(5):
    print(a, b, n)
basket = df.alias("l").join(df.alias("r"), (F.col("l.order_id") == F.col("r.order_id")) & (F.col("l.item") < F.col("r.item"))).groupBy(F.col("l.item").alias("a"), F.col("r.item").alias("b")).agg(F.countDistinct("l.order_id").alias("together"))
total = df.select("order_id").distinct().count()
basket.withColumn("support", F.round(F.col("together") / total, 4)).orderBy(F.desc("together"), "a", "b").show(5)
w = Window.partitionBy("customer").orderBy("day").rangeBetween(-30, 0)
seconds = Window.partitionBy("customer").orderBy(F.col("day").cast("timestamp").cast("long")).rangeBetween(-30 * 86400, 0)
df.withColumn("last30", F.sum("amount").over(seconds)).orderBy("customer", "day", "item").select("customer", "day", "item", "amount", "last30").show(8)
monthly = df.groupBy(F.date_format("day", "yyyy-MM").alias("month")).agg(F.sum("amount").alias("total"))
o = Window.orderBy("month")
monthly.withColumn("before", F.lag("total", 1).over(o)).withColumn("change", F.round((F.col("total") - F.col("before")) / F.col("before") * 100, 1)).withColumn("running", F.sum("total").over(o.rowsBetween(Window.unboundedPreceding, 0))).show()
df.select(F.expr("stack(2, 'a', int(quantity), 'b', quantity * 2) AS (k, v)")).groupBy("k").sum("v").orderBy("k").show()
df.groupBy("item").agg(F.map_from_entries(F.sort_array(F.collect_set(F.struct("customer", F.lit(1))))).alias("m")).select("item", F.size("m"), F.element_at("m", "C01")).orderBy("item").show()
print(df.selectExpr("max_by(item, amount) AS best", "min_by(item, amount) AS least", "mode(quantity) > 0 AS ok", "kurtosis(quantity) < 0 AS flat").first())
try:
    w_rows = df.withColumn("x", F.sum("amount").over(w)).count()
except Exception as error:
    print(type(error).__name__, error.getErrorClass() if hasattr(error, "getErrorClass") else "")
spark.stop()
