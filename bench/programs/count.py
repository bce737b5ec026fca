"""The least that a program can ask."""

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
assert spark.range(1).count() == 1
spark.stop()
