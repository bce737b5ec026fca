"""Raw, trusted and refined zones: bad records kept, types cast, late partitions overwritten, files compacted, schemas merged."""
import glob
import json
import os
import sys

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, IntegerType, StringType, StructField, StructType
from pyspark.sql.window import Window

out = sys.argv[2]
spark = (
    SparkSession.builder.appName("zones").master("local[2]")
    .config("spark.sql.shuffle.partitions", "4")
    .config("spark.sql.sources.partitionOverwriteMode", "dynamic")
    .getOrCreate()
)
RAW, TRUSTED, REFINED = (os.path.join(out, zone) for zone in ("raw", "trusted", "refined"))
os.makedirs(RAW)
days = {
    "2024-01-01": "id;customer;amount;currency;at\n1;ann;10.50;EUR;2024-01-01 08:00:00\n2;bob;x;USD;2024-01-01 09:30:00\n3;cy;7;EUR\n3;cy;7;EUR;2024-01-01 11:00:00;extra\n",
    "2024-01-02": 'id;customer;amount;currency;at\n4;"d;i";99.999;GBP;2024-01-02 00:00:01\n5;;0;EUR;2024-01-02 23:59:59\nsix;eve;1.0;USD;2024-01-02 12:00:00\n',
    "2024-01-03": "id;customer;amount;currency;at\n7;ann;-3.20;EUR;2024-01-02 22:00:00\n7;ann;-3.20;EUR;2024-01-02 22:00:00\n8;zoe;12e1;usd;2024-01-03 05:06:07.89\n",
}
for day, text in days.items():
    with open(os.path.join(RAW, f"sales_{day}.csv"), "w") as f:
        f.write(text)

schema = StructType([
    StructField("id", IntegerType()), StructField("customer", StringType()), StructField("amount", DoubleType()),
    StructField("currency", StringType()), StructField("at", StringType()), StructField("_corrupt", StringType()),
])


def read_raw(path: str) -> DataFrame:
    return (
        spark.read.option("header", True).option("sep", ";").option("mode", "PERMISSIVE")
        .option("columnNameOfCorruptRecord", "_corrupt").schema(schema).csv(path)
        .withColumn("source_file", F.element_at(F.split(F.input_file_name(), "/"), -1))
    )


def audit(df: DataFrame, batch: str) -> DataFrame:
    return df.withColumns({"batch_id": F.lit(batch), "row_key": F.md5(F.concat_ws("|", "id", "customer", "at")), "loaded": F.lit("2024-02-01").cast("timestamp")})


raw = read_raw(RAW).cache()
raw.orderBy("source_file", "id", "at").show(truncate=False)
bad = raw.filter(F.col("_corrupt").isNotNull())
print("bad records:", bad.count())
for row in bad.select("source_file", "_corrupt").orderBy("source_file", "_corrupt").collect():
    print("  ", row.source_file, repr(row["_corrupt"]))
bad.groupBy("source_file").count().orderBy("source_file").show()

good = raw.filter("_corrupt IS NULL").drop("_corrupt")
newest = Window.partitionBy("id").orderBy(F.col("source_file").desc())
trusted = (
    good.transform(lambda df: audit(df, "b1"))
    .withColumn("at", F.to_timestamp("at")).withColumn("day", F.to_date("at"))
    .withColumn("currency", F.upper("currency")).withColumn("customer", F.coalesce("customer", F.lit("unknown")))
    .withColumn("rn", F.row_number().over(newest)).filter("rn = 1").drop("rn")
    .withColumn("amount", F.col("amount").cast("decimal(10,2)"))
)
trusted.printSchema()
trusted.repartition(3).write.mode("overwrite").partitionBy("day", "currency").parquet(TRUSTED)
print(sorted(os.path.relpath(p, TRUSTED) for p in glob.glob(TRUSTED + "/*/*") if os.path.isdir(p)))
spark.read.parquet(TRUSTED).orderBy("id").drop("loaded").show(truncate=12)

# a late file touches one day only: the others stay
late = spark.createDataFrame([(9, "ann", "5.00", "EUR", "2024-01-02 10:00:00")], "id int, customer string, amount string, currency string, at string")
late = late.transform(lambda df: audit(df, "b2")).withColumn("at", F.to_timestamp("at")).withColumn("day", F.to_date("at")).withColumn("amount", F.col("amount").cast("decimal(10,2)"))
late.withColumn("source_file", F.lit("late")).write.mode("overwrite").partitionBy("day", "currency").parquet(TRUSTED)
spark.read.parquet(TRUSTED).groupBy("day", "currency").agg(F.count("*").alias("n"), F.sum("amount").alias("total"), F.collect_set("batch_id").alias("b")).orderBy("day", "currency").show()

# the producer adds a column: schemas are merged
extra = late.withColumn("source_file", F.lit("new")).withColumn("channel", F.lit("web")).withColumn("day", F.lit("2024-01-05").cast("date")).withColumn("id", F.lit(10))
extra.write.mode("append").partitionBy("day", "currency").parquet(TRUSTED)
merged = spark.read.option("mergeSchema", True).parquet(TRUSTED)
print(len(spark.read.parquet(TRUSTED).columns) in (9, 10), len(merged.columns), merged.schema["channel"].simpleString())
merged.groupBy("channel").agg(F.count(F.lit(1)).alias("n")).orderBy(F.col("channel").asc_nulls_last()).show()

# compaction: one file a partition
compact = os.path.join(out, "compact")
merged.repartition("day", "currency").sortWithinPartitions("id").write.partitionBy("day", "currency").option("compression", "gzip").parquet(compact)
files = glob.glob(compact + "/*/*/*.parquet")
print(len(files), all(name.endswith(".gz.parquet") for name in files), os.path.exists(compact + "/_SUCCESS"))

facts = spark.read.parquet(compact)
print(facts.schema["day"].dataType, facts.schema["currency"].dataType, facts.filter("day = '2024-01-02' and currency = 'EUR'").count())
rates = spark.createDataFrame([("EUR", "1.0"), ("USD", "0.9"), ("GBP", "1.2")], ["currency", "rate"]).withColumn("rate", F.col("rate").cast("decimal(6,4)"))
refined = facts.join(F.broadcast(rates), "currency", "left").withColumn("eur", F.round(F.col("amount") * F.col("rate"), 2))
report = refined.groupBy("customer").pivot("currency", ["EUR", "USD", "GBP"]).agg(F.sum("eur").alias("eur"), F.count("id").alias("n")).orderBy("customer")
report.show()
report.printSchema()
report.write.mode("overwrite").orc(os.path.join(REFINED, "orc"))
report.fillna(0, subset=["EUR_n", "USD_n", "GBP_n"]).coalesce(1).write.mode("overwrite").option("header", True).option("nullValue", "-").csv(os.path.join(REFINED, "csv"))
back = spark.read.orc(os.path.join(REFINED, "orc"))
print(back.schema == report.schema, back.dtypes)
print(open(glob.glob(os.path.join(REFINED, "csv", "part-*"))[0]).read())
refined.groupBy("day").agg(F.sum("eur").alias("eur")).orderBy("day").coalesce(1).write.json(os.path.join(REFINED, "json"))
print([json.loads(line) for line in open(glob.glob(os.path.join(REFINED, "json", "part-*"))[0])])
raw.unpersist()
spark.stop()
