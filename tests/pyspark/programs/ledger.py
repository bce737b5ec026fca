"""Accounts to the cent: decimals and their precision, roundings, running balances, interest, islands of dates, reconciliation."""
import sys
from decimal import ROUND_HALF_EVEN, Decimal

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, StringType, StructField, StructType

spark = SparkSession.builder.master("local[2]").appName("ledger").config("spark.sql.shuffle.partitions", 3).getOrCreate()
D = Decimal
schema = StructType([StructField("account", StringType(), False), StructField("day", StringType()), StructField("kind", StringType()), StructField("amount", DecimalType(12, 2))])
rows = [
    ("A", "2024-01-01", "in", D("1000.00")), ("A", "2024-01-02", "out", D("250.35")), ("A", "2024-01-03", "out", D("0.01")), ("A", "2024-01-07", "in", D("99.995").quantize(D("0.01"), ROUND_HALF_EVEN)),
    ("A", "2024-01-08", "fee", None), ("B", "2024-01-01", "in", D("0.10")), ("B", "2024-01-01", "in", D("0.20")), ("B", "2024-01-05", "out", D("9999999999.99")), ("B", "2024-01-06", "in", D("-0.30")), ("C", "2024-02-29", "in", D("5")),
]
tx = spark.createDataFrame(rows, schema).withColumn("day", F.to_date("day")).withColumn("id", F.monotonically_increasing_id() * 0 + F.row_number().over(Window.orderBy("account", "day", "amount")))
signed = F.when(F.col("kind") == "in", F.col("amount")).when(F.col("kind").isin("out", "fee"), -F.col("amount")).otherwise(F.lit(0))
w = Window.partitionBy("account").orderBy("day", "id")
book = tx.withColumn("signed", signed).withColumn("balance", F.sum(F.coalesce("signed", F.lit(D("0.00")))).over(w))
book.printSchema()
book.orderBy("id").show()
arith = book.select("id", (F.col("amount") * F.lit(D("0.0725"))).alias("tax"), (F.col("amount") / 3).alias("third"), (F.col("amount") / F.lit(D("3"))).alias("third2"), (F.col("amount") % F.lit(D("0.07"))).alias("rest"), (F.col("amount") * F.col("amount")).alias("square"), F.round("amount", 1).alias("r1"), F.bround("amount", 1).alias("b1"), F.ceil("amount").alias("up"), F.floor(F.col("amount"), F.lit(1)).alias("down"), F.round("amount", -2).alias("r_2"), F.abs("signed").alias("abs"), F.pmod(F.col("signed"), F.lit(D("7"))).alias("pmod"))
arith.printSchema()
arith.orderBy("id").show(truncate=False)
totals = book.groupBy("account").agg(F.sum("signed").alias("sum"), F.avg("signed").alias("avg"), F.max("balance").alias("peak"), F.min_by("day", "balance").alias("worst"), F.sum(F.col("amount").cast("double")).alias("dbl"), F.count("amount").alias("n"), F.try_sum("amount").alias("ts"), F.percentile_approx("amount", 0.5).alias("p"), F.median("amount").alias("med"), F.stddev_pop("amount").alias("sd"))
totals.printSchema()
totals.orderBy("account").show(truncate=False)
book.rollup("account", "kind").agg(F.sum("amount").alias("amount"), F.grouping_id().alias("gid")).orderBy("gid", "account", "kind").show()
book.groupBy("account").pivot("kind").sum("amount").orderBy("account").show()
book.groupBy("account").pivot("kind", ["in", "out"]).agg(F.sum("amount").alias("s"), F.count("id").alias("n")).na.fill(0).orderBy("account").show()
# interest by day, compound, with a table of rates by tier
rates = spark.sql("SELECT * FROM VALUES (0BD, 500BD, 0.01BD), (500BD, 1000000BD, 0.025BD) AS r(lo, hi, rate)")
days = tx.groupBy("account").agg(F.min("day").alias("a")).select("account", F.explode(F.sequence("a", F.greatest(F.col("a"), F.to_date(F.lit("2024-01-08"))))).alias("day"))
daily = days.join(book.groupBy("account", "day").agg(F.max_by("balance", "id").alias("balance")), ["account", "day"], "left")
carried = daily.withColumn("balance", F.last("balance", True).over(Window.partitionBy("account").orderBy("day")))
interest = carried.join(rates, (F.col("balance") >= F.col("lo")) & (F.col("balance") < F.col("hi")), "left").withColumn("interest", F.round(F.col("balance") * F.coalesce("rate", F.lit(0)) / 365, 4))
interest.orderBy("account", "day").show(30)
interest.groupBy("account").agg(F.sum("interest").cast("decimal(18,2)").alias("interest"), F.format_number(F.max("balance"), 2).alias("max"), F.count_if(F.col("rate").isNull()).alias("no rate")).orderBy("account").show()
factor = carried.filter("account = 'A'").withColumn("f", F.lit(1) + F.lit(0.05) / 365).agg(F.product("f").alias("p"), F.exp(F.sum(F.log("f"))).alias("e")).first()
print(round(factor.p, 10), round(factor.e, 10))
# islands of days without movement
gaps = tx.select("account", "day").distinct().withColumn("grp", F.date_sub("day", F.row_number().over(Window.partitionBy("account").orderBy("day"))))
gaps.groupBy("account", "grp").agg(F.min("day").alias("from"), F.max("day").alias("to"), F.count("*").alias("days")).drop("grp").orderBy("account", "from").show()
# reconciliation with the bank's list
bank = spark.createDataFrame([("A", "2024-01-01", "1000"), ("A", "2024-01-02", "-250.35"), ("A", "2024-01-03", "-0.02"), ("B", "2024-01-05", "-9999999999.99"), ("Z", "2024-01-01", "1e2"), ("A", "2024-01-09", "n/a")], ["account", "day", "text"])
bank = bank.select("account", F.to_date("day").alias("day"), F.expr("try_cast(text AS DECIMAL(14, 2))").alias("amount"), "text")
both = book.select("account", "day", "signed").join(bank, ["account", "day"], "full").withColumn("state", F.when(F.col("signed").isNull() & F.col("text").isNotNull(), "bank only").when(F.col("text").isNull(), "book only").when(F.col("amount").eqNullSafe(F.col("signed")), "same").otherwise("differs"))
both.orderBy("account", "day", "signed").show()
both.groupBy("state").agg(F.count("*").alias("n"), F.sum(F.coalesce("signed", F.lit(0)) - F.coalesce("amount", F.lit(0))).alias("diff")).orderBy("state").show()
for text in ("CAST('12345678901234567890.12' AS DECIMAL(22,2)) * 10", "1.10 + 2.205", "CAST(1 AS DECIMAL(38,10)) / 3", "CAST(99 AS DECIMAL(2,0)) * CAST(99 AS DECIMAL(2,0))", "2.5BD div 1", "CAST(0.1 AS DOUBLE) + 0.2BD", "-7.5BD % 2", "round(2.5), round(-2.5), bround(2.5), round(2.675, 2), round(2.675D, 2)", "CAST(1.005 AS DECIMAL(3,2))", "1e10BD", "sum(x) FROM VALUES (1.1), (2.22BD) t(x)", "CAST(123.456 AS STRING), CAST(1e7 AS STRING), CAST(0.0001D AS STRING), CAST(1.0BD AS STRING)", "to_number('$1,234.50', '$9,999.99'), to_char(1234.5, '9G999D99'), format_number(0.5, 0)", "try_add(9223372036854775807, 1), try_multiply(1.5BD, 2), greatest(1, 2.5BD), CAST(2.999 AS INT), 5 / 2, 5 div 2"):
    frame = spark.sql("SELECT " + text)
    print(text, "->", tuple(frame.first()), [t for _, t in frame.dtypes])
spark.stop()
