import sys
import warnings
import pandas as pd
from pyspark.sql import SparkSession, Window
from pyspark.sql.functions import pandas_udf, PandasUDFType, udf, col, mean, lit
from pyspark.sql.types import *

warnings.filterwarnings("ignore")
spark = SparkSession.builder.master("local[2]").appName("pandas_udf").getOrCreate()
spark.conf.set("spark.sql.execution.arrow.enabled", "true")
spark.conf.set("spark.sql.execution.arrow.pyspark.enabled", "true")
df = spark.createDataFrame([(1, 1.0), (1, 2.0), (2, 3.0), (2, 5.0), (2, 10.0)], ("id", "v"))


@pandas_udf('double', PandasUDFType.SCALAR)
def plus_one(v):
    return v + 1


@pandas_udf("id long, v double", PandasUDFType.GROUPED_MAP)
def subtract_mean(pdf):
    v = pdf.v
    return pdf.assign(v=v - v.mean())


@pandas_udf("double", PandasUDFType.GROUPED_AGG)
def mean_udf(v):
    return v.mean()


@pandas_udf(returnType=LongType())
def lengths(s: pd.Series) -> pd.Series:
    return s.str.len()


df.withColumn('v2', plus_one(df.v)).show()
df.groupby("id").apply(subtract_mean).orderBy("id", "v").show()
df.groupby("id").agg(mean_udf(df['v'])).orderBy("id").show()
w = Window.partitionBy('id').rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
df.withColumn('mean_v', mean_udf(df['v']).over(w)).orderBy("id", "v").show()
df.select(plus_one(col("v")).alias("a"), (plus_one("v") * 2).alias("b"), plus_one(plus_one("v"))).show()
spark.udf.register("plus_one_sql", plus_one)
spark.udf.register("mean_sql", mean_udf)
df.createOrReplaceTempView("t")
spark.sql("SELECT id, mean_sql(v) FROM t GROUP BY id ORDER BY id").show()
spark.sql("SELECT plus_one_sql(v) AS p FROM t WHERE plus_one_sql(v) > 3").show()
spark.createDataFrame([("John Doe",), ("",), ("Æ",)], ("name",)).select(lengths("name")).show()
print(plus_one.evalType, mean_udf.returnType, subtract_mean.returnType.simpleString())
pdf = df.toPandas()
print(pdf.dtypes.to_dict(), pdf.groupby("id").v.sum().to_dict())
print(spark.createDataFrame(pdf).schema.simpleString())


@udf(returnType="array<string>")
def words(s):
    return s.split() if s else []


@udf("struct<a:int,b:string>")
def pair(x):
    return (x, str(x))


@udf
def default_type(x):
    return x


spark.range(2).select(words(lit("a b c")), pair("id"), default_type("id"), udf(lambda x: x * 2, IntegerType())(col("id").cast("int")).alias("d")).show(truncate=False)
spark.range(2).select(pair("id").alias("p")).select("p.*").printSchema()


def normalize(df):
    df["z"] = (df.v - df.v.mean()) / (df.v.std() or 1)
    return df


df.groupBy("id").applyInPandas(normalize, schema="id long, v double, z double").sort("id", "v").show()
df.mapInPandas(lambda it: (p[p.v > 2] for p in it), df.schema).show()
spark.stop()
