import sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import *
from pyspark.sql.types import *
spark = SparkSession.builder.master("local[2]").getOrCreate()
spark.read.option("header", True).option("inferSchema", True).csv(sys.argv[1] + "/ratings.csv").createOrReplaceTempView("ratings")
@udf(returnType=StringType())
def bucket(r):
    return "good" if r >= 4 else "ok" if r >= 2.5 else "bad"
spark.udf.register("bucket", bucket)
spark.sql("select bucket(rating) b, count(*) n, round(avg(rating), 3) a from ratings group by bucket(rating) order by b").show()
spark.sql("select userId, collect_set(bucket(rating)) s from ratings where userId < 4 group by userId order by userId").select("userId", array_sort("s")).show(truncate=False)
spark.sql("select userId, rating, rank() over (partition by userId order by rating desc, movieId) r from ratings where userId <= 2 and bucket(rating) = 'good'").filter("r <= 2").orderBy("userId", "r").show()
spark.sql("create temporary view v as select userId, bucket(rating) b from ratings")
spark.sql("select b, count(distinct userId) from v group by b order by b").show()
d = spark.table("ratings").withColumn("b", bucket("rating")).groupBy("b").pivot("userId", [1, 2, 3]).count().orderBy("b")
d.show()
j = spark.table("ratings").alias("a").join(spark.table("ratings").alias("c"), bucket(col("a.rating")) == bucket(col("c.rating"))).filter("a.userId = 1 and c.userId = 2").count()
print(j)
import builtins
w = udf(lambda xs: builtins.sum(xs), DoubleType())
spark.table("ratings").groupBy("userId").agg(w(collect_list("rating")).alias("t")).orderBy("userId").show(3)
spark.table("ratings").select(when(bucket("rating") == "good", 1).otherwise(0).alias("g")).groupBy().sum().show()
print(spark.catalog.functionExists("bucket"), [f.name for f in spark.catalog.listFunctions() if f.name == "bucket"])
spark.stop()
