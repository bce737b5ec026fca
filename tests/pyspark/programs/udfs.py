import sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf, col, pandas_udf, PandasUDFType, lit, struct, array
from pyspark.sql.types import *
import pandas as pd
spark = SparkSession.builder.master("local[2]").getOrCreate()
df = spark.createDataFrame([(1, "John Doe", 21), (2, "jane roe", None), (3, None, 45)], ("id", "name", "age"))
slen = udf(lambda s: len(s) if s else None, IntegerType())
@udf
def to_upper(s):
    if s is not None:
        return s.upper()
@udf(returnType=IntegerType())
def add_one(x):
    if x is not None:
        return x + 1
df.select(slen("name").alias("slen(name)"), to_upper("name"), add_one("age")).show()
df.select(slen("name"), add_one(add_one("age")), add_one(slen(to_upper("name")))).show()
spark.udf.register("to_up", to_upper)
spark.udf.register("plus", lambda a, b: None if a is None or b is None else a + b, "int")
spark.sql("select to_up('abc'), plus(3, 4), plus(null, 1)").show()
df.createOrReplaceTempView("t")
spark.sql("select id, plus(id, age) p from t where plus(id, 1) > 2 order by to_up(name)").show()
st = udf(lambda i: (i, str(i)), StructType([StructField("a", IntegerType()), StructField("b", StringType())]))
df.select(st("id").alias("s")).select("s.*").show()
arr = udf(lambda x: [x] * 3, ArrayType(LongType()))
mp = udf(lambda x: {str(x): x}, "map<string,bigint>")
df.select(arr("id"), mp("id")).show(truncate=False)
df.select(udf(lambda r: r.id + len(r), "int")(struct("id", "name")).alias("r")).show()
df.select(udf(lambda x: x, "int")(lit(1.5)).alias("wrong type")).show(1)
df.select(udf(lambda x: str(x), "string")("age")).show()
print(add_one.__name__, add_one.returnType, slen.deterministic, slen.asNondeterministic().deterministic)
df.filter(udf(lambda x: x is not None and x > 30, "boolean")("age")).show()
df.withColumn("z", slen(col("name"))).groupBy("z").count().orderBy("z").show()
df.groupBy(slen("name").alias("l")).agg({"age": "max"}).orderBy("l").show()
try:
    df.select(udf(lambda x: 1 / 0)("id")).collect()
except Exception as e:
    print(type(e).__name__, "ZeroDivisionError: division by zero" in str(e))
@udf("double")
def default(x, y=2.0, *, z=1.0):
    return x * y + z
df.select(default("id"), default("id", lit(3.0)), default("id", z=lit(5.0))).show()
spark.stop()
