"""A slowly changing dimension of type 2: closing rows that changed, adding their new versions, run three times."""
import os
import sys
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.window import Window

spark = SparkSession.builder.appName("scd2").master("local[2]").getOrCreate()
base = os.path.join(sys.argv[2], "dim_customer")
KEYS = ["customer_id"]
TRACKED = ["name", "city", "tier"]
FAR = "9999-12-31"


def with_hash(df: DataFrame) -> DataFrame:
    return df.withColumn("row_hash", F.sha2(F.concat_ws("||", *[F.coalesce(F.col(c).cast("string"), F.lit("")) for c in TRACKED]), 256))


def load(batch, day):
    rows = [Row(customer_id=i, name=n, city=c, tier=t) for i, n, c, t in batch]
    return with_hash(spark.createDataFrame(rows)).withColumn("batch_date", F.lit(day).cast("date"))


def merge(current, updates):
    active = current.filter("is_current")
    history = current.filter(~F.col("is_current"))
    joined = active.alias("t").join(updates.alias("s"), KEYS, "full_outer")
    changed = joined.filter(F.col("t.row_hash").isNotNull() & F.col("s.row_hash").isNotNull() & (F.col("t.row_hash") != F.col("s.row_hash")))
    same = joined.filter(F.col("s.row_hash").isNull() | (F.col("t.row_hash") == F.col("s.row_hash")))
    new = joined.filter(F.col("t.row_hash").isNull())
    columns = KEYS + TRACKED + ["row_hash", "valid_from", "valid_to", "is_current"]
    closed = changed.select(*KEYS, *[F.col(f"t.{c}") for c in TRACKED + ["row_hash", "valid_from"]], F.date_sub(F.col("s.batch_date"), 1).alias("valid_to"), F.lit(False).alias("is_current"))
    kept = same.select(*KEYS, *[F.col(f"t.{c}") for c in TRACKED + ["row_hash", "valid_from", "valid_to", "is_current"]])
    opened = changed.union(new).select(
        *KEYS, *[F.col(f"s.{c}") for c in TRACKED + ["row_hash"]], F.col("s.batch_date").alias("valid_from"), F.to_date(F.lit(FAR)).alias("valid_to"), F.lit(True).alias("is_current"))
    return reduce(DataFrame.unionByName, [history.select(columns), closed, kept, opened])


batches = [
    ("2024-01-01", [(1, "Ann", "Rome", "gold"), (2, "Bob", "Oslo", None), (3, "Cy", "Lima", "basic")]),
    ("2024-02-10", [(1, "Ann", "Milan", "gold"), (2, "Bob", "Oslo", None), (4, "Di", "Cairo", "basic")]),
    ("2024-03-05", [(1, "Ann", "Milan", "basic"), (2, "Bob", "Oslo", "gold"), (3, "Cy", "Lima", "basic"), (4, "Di", "Giza", "basic")]),
]
for number, (day, rows) in enumerate(batches):
    updates = load(rows, day)
    if number == 0:
        result = updates.withColumn("valid_from", F.col("batch_date")).withColumn("valid_to", F.to_date(F.lit(FAR))).withColumn("is_current", F.lit(True)).drop("batch_date")
    else:
        result = merge(spark.read.parquet(os.path.join(base, f"v{number - 1}")), updates)
    result.write.mode("overwrite").parquet(os.path.join(base, f"v{number}"))
    now = spark.read.parquet(os.path.join(base, f"v{number}"))
    print(day, "rows", now.count(), "current", now.filter("is_current").count())
    now.drop("row_hash").orderBy("customer_id", "valid_from").show(truncate=False)

final = spark.read.parquet(os.path.join(base, "v2"))
final.printSchema()
final.createOrReplaceTempView("dim")
spark.sql("SELECT name, city, tier FROM dim WHERE DATE'2024-02-20' BETWEEN valid_from AND valid_to ORDER BY customer_id").show()
overlaps = final.alias("a").join(final.alias("b"), (F.col("a.customer_id") == F.col("b.customer_id")) & (F.col("a.valid_from") < F.col("b.valid_from")) & (F.col("a.valid_to") >= F.col("b.valid_from")))
print("overlaps", overlaps.count())
w = Window.partitionBy("customer_id").orderBy("valid_from")
gaps = final.withColumn("next", F.lead("valid_from").over(w)).withColumn("days", F.datediff("next", "valid_to")).filter("days > 1")
print("gaps", gaps.select("customer_id", "days").collect())
print(final.filter(F.col("valid_to") == F.lit(date(9999, 12, 31))).select(F.max("valid_to")).first())
print([r.asDict() for r in final.filter("customer_id = 1").drop("row_hash").orderBy("valid_from").collect()][0])
spark.stop()
