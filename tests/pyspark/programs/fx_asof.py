"""Trades and rates: as-of joins in four ways, range joins for validity periods, gaps filled, bars by window."""
import datetime as dt
import sys
from decimal import Decimal

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

spark = SparkSession.builder.master("local[2]").appName("fx").config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", 4).getOrCreate()
T0 = dt.datetime(2024, 3, 4, 9, 0)
quotes = spark.createDataFrame(
    [("EURUSD", T0 + dt.timedelta(minutes=7 * i), Decimal(f"1.0{80 + (i * 13) % 17}")) for i in range(12)]
    + [("GBPUSD", T0 + dt.timedelta(minutes=11 * i + 3), Decimal(f"1.2{60 + (i * 7) % 19}")) for i in range(6)],
    "pair string, at timestamp, rate decimal(8,4)")
trades = spark.createDataFrame(
    [(i, "EURUSD" if i % 3 else "GBPUSD", T0 + dt.timedelta(minutes=5 * i), 100.0 * (i + 1)) for i in range(14)] + [(99, "USDJPY", T0, 5.0)],
    "id int, pair string, at timestamp, qty double")
trades.printSchema()

# 1 union and last ignoring nulls
w = Window.partitionBy("pair").orderBy("at", "kind").rowsBetween(Window.unboundedPreceding, 0)
both = quotes.select("pair", "at", "rate", F.lit(0).alias("kind"), F.lit(None).cast("int").alias("id")).unionByName(
    trades.select("pair", "at", F.lit(None).cast("decimal(8,4)").alias("rate"), F.lit(1).alias("kind"), "id"))
first = both.withColumn("rate", F.last("rate", ignorenulls=True).over(w)).filter("kind = 1").select("id", "rate")
# 2 join and row_number
cond = (F.col("t.pair") == F.col("q.pair")) & (F.col("q.at") <= F.col("t.at"))
ranked = trades.alias("t").join(quotes.alias("q"), cond, "left").withColumn("rn", F.row_number().over(Window.partitionBy("t.id").orderBy(F.col("q.at").desc())))
second = ranked.filter("rn = 1").select("t.id", "q.rate")
# 3 max_by
third = trades.alias("t").join(quotes.alias("q"), cond, "leftouter").groupBy("t.id").agg(F.max_by("q.rate", "q.at").alias("rate"))
# 4 lateral
fourth = trades.alias("t").lateralJoin(
    quotes.alias("q").where((F.col("t.pair").outer() == F.col("q.pair")) & (F.col("q.at") <= F.col("t.at").outer())).orderBy(F.col("q.at").desc()).limit(1).select("rate"), how="left").select("id", "rate")
rows = [sorted(map(tuple, f.collect())) for f in (first, second, third, fourth)]
print(len(rows[0]), rows[0] == rows[1], rows[1] == rows[2], rows[2] == rows[3])
for one in rows[0]:
    print(one)

# 5 intervals of validity and a range join
ends = F.lead("at", 1, dt.datetime(2100, 1, 1)).over(Window.partitionBy("pair").orderBy("at"))
valid = quotes.withColumn("until", ends)
priced = trades.join(valid.withColumnRenamed("at", "since"), ["pair"]).where("at >= since AND at < until").withColumn("usd", F.round(F.col("qty") * F.col("rate"), 2))
priced.orderBy("id").select("id", "pair", "at", "since", "until", "rate", "usd").show(20, False)
print(priced.schema["usd"].dataType, priced.select(F.sum("usd")).first()[0], priced.agg(F.sum(F.col("qty").cast("decimal(12,2)") * F.col("rate")).alias("x")).first().x)

# a grid of five minutes, filled forward
grid = quotes.groupBy("pair").agg(F.min("at").alias("lo"), F.max("at").alias("hi")).select("pair", F.explode(F.sequence(F.col("lo"), F.col("hi"), F.expr("INTERVAL 15 MINUTES"))).alias("at"))
fill = grid.join(quotes, ["pair", "at"], "left")
full = quotes.unionByName(fill).groupBy("pair", "at").agg(F.first("rate", True).alias("rate"))
carried = full.withColumn("rate", F.last("rate", True).over(Window.partitionBy("pair").orderBy("at").rowsBetween(Window.unboundedPreceding, Window.currentRow)))
carried.join(grid, ["pair", "at"], "left_semi").orderBy("pair", "at").show()

# bars
bars = quotes.groupBy("pair", F.window("at", "30 minutes")).agg(
    F.min_by("rate", "at").alias("open"), F.max("rate").alias("high"), F.min("rate").alias("low"), F.max_by("rate", "at").alias("close"), F.count("*").alias("n"), F.avg("rate").alias("mean"))
bars.select("pair", F.date_format("window.start", "HH:mm").alias("from"), F.date_format("window.end", "HH:mm").alias("to"), "open", "high", "low", "close", "n", "mean").orderBy("pair", "from").show()
print(bars.schema["mean"].dataType, bars.schema["window"].dataType.simpleString())
# moving averages by time, not by rows
seconds = Window.partitionBy("pair").orderBy(F.col("at").cast("long")).rangeBetween(-1200, 0)
moving = quotes.withColumn("ma", F.round(F.avg("rate").over(seconds), 5)).withColumn("n", F.count("*").over(seconds)).withColumn("ret", F.round(F.log(F.col("rate") / F.lag("rate").over(Window.partitionBy("pair").orderBy("at"))), 6))
moving.orderBy("pair", "at").show(8)
quotes.createOrReplaceTempView("quotes")
spark.sql("""
  SELECT pair, at, rate, avg(rate) OVER (PARTITION BY pair ORDER BY at RANGE BETWEEN INTERVAL 20 MINUTES PRECEDING AND CURRENT ROW) AS ma,
         rate - first_value(rate) OVER (PARTITION BY pair ORDER BY at) AS since_open,
         percent_rank() OVER (PARTITION BY pair ORDER BY rate) AS pr, nth_value(rate, 2) OVER (PARTITION BY pair ORDER BY at) AS nth
  FROM quotes WHERE pair = 'GBPUSD' ORDER BY at""").show(truncate=False)
spark.sql("SELECT date_trunc('HOUR', at) h, pair, max(rate) - min(rate) AS span, corr(rate, unix_timestamp(at)) > 0 AS rising FROM quotes GROUP BY ALL ORDER BY ALL").show()
spark.catalog.dropTempView("quotes")
spark.stop()
