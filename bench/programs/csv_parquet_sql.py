"""CSV with a header, types inferred, to Parquet; then SQL over the Parquet files."""

import sys

from pyspark.sql import SparkSession

source, target = sys.argv[1:3]
spark = SparkSession.builder.getOrCreate()
events = spark.read.csv(source, header=True, inferSchema=True)
events.write.mode("overwrite").parquet(target)
spark.read.parquet(target).createOrReplaceTempView("events")
spark.sql("""
    SELECT month(day) AS month, kind, count(*) AS events, count(DISTINCT customer) AS customers, round(sum(amount), 2) AS total
    FROM events WHERE kind <> 'visit' GROUP BY month(day), kind ORDER BY month, kind
""").show(50)
spark.sql("""
    SELECT customer, total, rank() OVER (ORDER BY total DESC) AS place
    FROM (SELECT customer, round(sum(amount), 2) AS total FROM events WHERE kind = 'sale' GROUP BY customer)
    ORDER BY place, customer LIMIT 10
""").show()
spark.stop()
