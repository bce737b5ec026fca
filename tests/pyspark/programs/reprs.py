"""What `print` shows of the objects that scripts hold."""
import sys
import datetime
from pyspark import SparkContext, SparkConf, StorageLevel
from pyspark.sql import SparkSession, Row, Window, functions as F
from pyspark.sql.types import *

spark = SparkSession.builder.master("local[2]").appName("reprs").getOrCreate()
sc = spark.sparkContext
print(sc)
print(sc.master, sc.appName, sc.defaultParallelism, sc.defaultMinPartitions)
df = spark.createDataFrame([(1, "x", 2.5), (2, "y", None)], ["id", "name", "value"])
print(df, df.schema, df.dtypes)
print(df.id, df["name"], df.id + 1, (df.id > 1) & (df.value < 3), ~df.id.isNull(), -df.id)
print(F.col("a"), F.lit(1), F.lit("x"), F.sum("id"), F.col("a").alias("b"), F.col("a").cast("int"), F.upper(df.name), F.when(df.id > 1, "a").otherwise("b"))
print(F.col("a").desc(), F.col("a").isin(1, 2), F.col("a").like("x%"), F.col("a").between(1, 2), F.col("a.b"), F.col("a")["k"], F.col("a").getItem(0), F.expr("a + 1"))
print(F.count("*"), F.explode("id"), F.concat(F.lit("x"), "name"))
print(F.lit(None), F.lit(True), F.lit(1.5), F.lit(datetime.date(2024, 1, 2)), F.to_date("a", "yyyy"), F.col("a") == 1, F.col("a") != F.col("b"), F.col("a") % 2, F.col("a") ** 2)
print(F.struct("a", "b"), F.array("a", "b"), F.coalesce("a", F.lit(0)), F.max("x").alias("m"))
print(Row(a=1, b="x"), Row("a", "b"), Row(1, 2), Row(a=None, b=[1], c={"k": 2}), Row(d=datetime.date(2024, 1, 2), n=Row(z=1)))
print(df.first(), df.collect(), df.head(), df.take(1))
print(StructType([StructField("a", IntegerType())]), ArrayType(StringType()), MapType(StringType(), LongType(), False), DecimalType(5, 2))
print(repr(df.groupBy("id"))[:11], type(df.groupBy("id")).__name__, type(df).__name__, type(spark).__name__, type(df.id).__name__, type(sc.parallelize([1])).__name__)
print(StorageLevel.MEMORY_AND_DISK, repr(StorageLevel.DISK_ONLY), df.storageLevel)
print(sc.accumulator(3), sc.broadcast([1]).value, SparkConf().set("spark.a", "b").get("spark.a"))
print(isinstance(spark, SparkSession), isinstance(sc, SparkContext), isinstance(df.id, type(F.col("x"))))
from pyspark.sql import DataFrame, Column, GroupedData
print(isinstance(df, DataFrame), isinstance(df.id, Column), DataFrame.__name__, DataFrame.__module__.split(".")[0])
from pyspark.sql.dataframe import DataFrame as D2
from pyspark.sql.column import Column as C2
from pyspark import RDD
from pyspark.rdd import RDD as R2, PipelinedRDD
print(isinstance(df, D2), isinstance(df.id, C2), isinstance(sc.parallelize([1]).map(str), RDD), isinstance(sc.parallelize([1]).map(str), PipelinedRDD), R2 is RDD)
print(df.alias("q"), df.filter("id > 1"), df.groupBy("id").count())
df.show()
df.show(1, False)
df.show(2, 3, True)
df.printSchema()
df.groupBy("name").agg({"id": "sum", "value": "avg"}).orderBy("name").show()
df.groupBy().agg({"id": "sum", "value": "avg", "name": "count", "*": "count"}).show()
df.agg({"value": "max", "id": "min", "name": "first"}).show()
df.select(df.id * 2, F.round(df.value, 1), F.concat_ws("-", "name", df.id), df.name.substr(1, 1), F.sqrt("id"), F.col("id").cast("string"), F.lit(1) + F.lit(2), F.length("name") > 1).show()
df.select(F.when(df.id == 1, "one"), df.id.isNull(), df.name.startswith("x"), df.value.isNotNull() | (df.id == 2), F.expr("CASE WHEN id = 1 THEN 'a' ELSE 'b' END"), -df.id, df.id / 2, df.id % 2).show()
df.select(F.udf(lambda x: x, "int")("id"), F.udf(str)("id"), F.array("id", "id"), F.struct("id", "name"), F.create_map("name", "id"), F.max("id").over(Window.partitionBy("name"))).show()
df.crossJoin(df.select(F.col("id").alias("k"))).orderBy("id", "k").show()
df.describe().show()
df.summary().show()
df.toDF("a", "b", "c").show(truncate=1)
spark.createDataFrame([(datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2, 3, 4, 5, 600), [1, None], {"k": 1}, Row(x=1, y="z"), b"ab", 1e10, 1.0E-5, float("nan"))], ["d", "t", "a", "m", "s", "b", "f", "g", "n"]).show(truncate=False)
spark.stop()
