"""An extract-transform-load job in plain PySpark: people from JSON, cleaned, into a SQLite table.

    firesteel submit job.py [PEOPLE.json [PEOPLE.db [MODE]]]
    spark-submit --packages org.xerial:sqlite-jdbc:3.50.3.0 job.py [PEOPLE.json [PEOPLE.db [MODE]]]

MODE is overwrite (the default) or append. Without an input file it makes a small one first.
"""

import os
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, IntegerType, StringType, StructField, StructType

TABLE = "people"
SCHEMA = StructType(
    [
        StructField("name", StringType(), True),
        StructField("age", IntegerType(), True),
        StructField("email", StringType(), True),
        StructField("salary", DoubleType(), True),
        StructField("city", StringType(), True),
    ]
)


def extract(spark, path):
    people = spark.read.schema(SCHEMA).json(path)
    people.printSchema()
    return people


def transform(people):
    """Adults with a real salary and an address, the address cleaned; the city is not wanted."""
    wanted = people.drop("city").filter(
        (F.col("age") >= 18) & (F.col("salary") > 30000) & F.col("email").isNotNull()
    )
    cleaned = F.lower(F.trim(F.col("email")))
    cleaned = F.regexp_replace(cleaned, r"^mailto:|[\s<>;]", "")
    cleaned = F.regexp_replace(cleaned, r"\.{2,}", ".")
    return wanted.withColumn("email", cleaned)


def count_loaded(spark, url):
    """Rows that earlier runs have left in the table."""
    try:
        return spark.read.jdbc(url, TABLE, properties={"driver": "org.sqlite.JDBC"}).count()
    except Exception:
        # The first run: there is no such table yet.
        return 0


def load(people, url, mode):
    people.write.jdbc(url, TABLE, mode=mode, properties={"driver": "org.sqlite.JDBC"})


def report(spark, url):
    loaded = spark.read.jdbc(url, TABLE, properties={"driver": "org.sqlite.JDBC"})
    loaded.orderBy(F.desc("salary"), "email").show(5, truncate=False)
    loaded.agg(
        F.count("*").alias("people"),
        F.round(F.avg("age"), 2).alias("average_age"),
        F.round(F.avg("salary"), 2).alias("average_salary"),
        F.sum(F.when(F.col("email").rlike(r"^[a-z0-9.]+@[a-z.]+$"), 0).otherwise(1)).alias("dirty_emails"),
    ).show()


def main(source="people.json", database="people.db", mode="overwrite"):
    if not os.path.exists(source):
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        import generate

        generate.generate(source, rows=100_000, seed=7)
    url = "jdbc:sqlite:" + os.path.abspath(database)

    spark = SparkSession.builder.appName("etl_json_sqlite").master("local[*]").getOrCreate()
    started = time.time()
    people = transform(extract(spark, os.path.abspath(source)))
    if people.rdd.isEmpty():
        print("Nothing to load.")
    else:
        before = count_loaded(spark, url)
        load(people, url, mode)
        print("%d rows were there before, %d are there now (mode %s)." % (before, count_loaded(spark, url), mode))
        report(spark, url)
    print("Took %.1f seconds." % (time.time() - started))
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
