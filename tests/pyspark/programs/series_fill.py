"""Time series: gaps filled, carried forward, moving averages, time zones, calendars."""
import datetime as dt
import sys

from pyspark.sql import SparkSession, Window, functions as F, types as T

spark = SparkSession.builder.master("local[3]").appName("series").config("spark.sql.session.timeZone", "Europe/Berlin").getOrCreate()
rows = [("a", "2024-03-30 22:15:00", 1.0), ("a", "2024-03-31 03:30:00", 4.0), ("a", "2024-03-31 06:00:00", None), ("b", "2024-03-30 23:59:59", 7.5), ("b", "2024-03-31 05:10:00", -2.0)]
df = spark.createDataFrame(rows, "sensor string, at string, value double").withColumn("at", F.to_timestamp("at"))
df.show()
hours = df.groupBy("sensor").agg(F.date_trunc("hour", F.min("at")).alias("lo"), F.date_trunc("hour", F.max("at")).alias("hi")).select("sensor", F.explode(F.expr("sequence(lo, hi, interval 1 hour)")).alias("hour"))
hours.groupBy("sensor").count().orderBy("sensor").show()
full = hours.join(df.withColumn("hour", F.date_trunc("hour", "at")).groupBy("sensor", "hour").agg(F.avg("value").alias("value")), ["sensor", "hour"], "left")
forward = Window.partitionBy("sensor").orderBy("hour").rowsBetween(Window.unboundedPreceding, 0)
back = Window.partitionBy("sensor").orderBy("hour").rowsBetween(0, Window.unboundedFollowing)
filled = full.withColumn("ffill", F.last("value", ignorenulls=True).over(forward)).withColumn("bfill", F.first("value", True).over(back)).withColumn("mean", F.coalesce("value", (F.col("ffill") + F.col("bfill")) / 2))
filled.orderBy("sensor", "hour").show(30, truncate=False)
moving = Window.partitionBy("sensor").orderBy(F.col("hour").cast("long")).rangeBetween(-7200, 0)
filled.withColumn("m", F.round(F.avg("ffill").over(moving), 3)).orderBy("sensor", "hour").select("sensor", "hour", "m").show(5)
filled.createOrReplaceTempView("filled")
spark.sql("SELECT sensor, hour, sum(ffill) OVER (PARTITION BY sensor ORDER BY hour RANGE BETWEEN INTERVAL 2 HOURS PRECEDING AND CURRENT ROW) AS s FROM filled ORDER BY 1, 2").show(5)
df.select("at", F.to_utc_timestamp("at", "Europe/Berlin").alias("utc"), F.from_utc_timestamp("at", "Asia/Tokyo").alias("tokyo"), F.unix_timestamp("at").alias("unix"), F.date_format("at", "yyyy-MM-dd'T'HH:mm:ssXXX z").alias("text")).show(truncate=False)
cal = spark.sql("SELECT explode(sequence(DATE'2024-01-29', DATE'2024-02-05')) AS day")
cal.select("day", F.dayofweek("day").alias("dow"), F.weekday("day").alias("wd"), F.weekofyear("day").alias("week"), F.quarter("day").alias("q"), F.last_day("day").alias("last"), F.next_day("day", "Mon").alias("monday"), F.date_format("day", "E").alias("e"), F.dayofyear("day").alias("doy"), F.add_months("day", 1).alias("month")).show()
cal.filter(~F.dayofweek("day").isin(1, 7)).agg(F.count("*").alias("workdays"), F.collect_list(F.dayofmonth("day"))).show(truncate=False)
births = spark.createDataFrame([("x", dt.date(1990, 5, 17)), ("y", dt.date(2000, 2, 29)), ("z", None)], ["who", "born"])
births.select("who", F.floor(F.months_between(F.lit("2024-02-28").cast("date"), "born") / 12).alias("age"), F.datediff(F.lit(dt.date(2024, 1, 1)), "born").alias("days"), F.make_date(F.lit(2024), F.month("born"), F.lit(1)).alias("m"), F.to_date(F.lit("05/17/1990"), "MM/dd/yyyy").alias("p"), (F.col("born") + F.expr("INTERVAL 1 YEAR 2 MONTHS")).alias("later")).show()
df.groupBy(F.window("at", "3 hours", "3 hours", "1 hour").alias("w")).agg(F.sum("value").alias("s")).select("w.start", "w.end", "s").orderBy("start").show(truncate=False)
print(df.select(F.max("at")).first()[0], df.select(F.current_timestamp().cast("date") >= F.lit("2024-01-01")).first()[0])
tz_aware = spark.createDataFrame([(dt.datetime(2024, 1, 1, 12, tzinfo=dt.timezone.utc),), (dt.datetime(2024, 7, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=-5))),)], ["t"])
tz_aware.show()
for text, pattern in (("2024-01-05 10:11", "yyyy-MM-dd HH:mm"), ("5 Jan 2024", "d MMM yyyy"), ("20240105", "yyyyMMdd"), ("10.5.24", "d.M.yy"), ("2024-01-05T10:11:12.345Z", None)):
    v = F.lit(text)
    print(text, spark.range(1).select(F.to_timestamp(v, pattern) if pattern else F.to_timestamp(v)).first()[0])
events = spark.createDataFrame([(1, 0), (2, 5), (3, 9), (4, 30), (5, 31)], "id int, second int")
o = Window.orderBy("second")
islands = events.withColumn("g", F.sum(F.when(F.col("second") - F.lag("second", 1, -100).over(o) > 10, 1).otherwise(0)).over(o))
islands.groupBy("g").agg(F.min("second").alias("from"), F.max("second").alias("to"), F.count("*").alias("n")).orderBy("g").show()
islands.select("id", F.percent_rank().over(o).alias("pr"), F.cume_dist().over(o).alias("cd"), F.nth_value("id", 2).over(o).alias("nth"), F.lead("id", 2, -1).over(o).alias("lead")).show()
spark.stop()
