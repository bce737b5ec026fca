import sys
from typing import Iterator, Tuple
import pandas as pd
from pyspark.sql import SparkSession, Window
from pyspark.sql.functions import pandas_udf, col, PandasUDFType
spark = SparkSession.builder.master("local[2]").config("spark.sql.shuffle.partitions", 3).getOrCreate()
@pandas_udf("string")
def to_upper(s: pd.Series) -> pd.Series:
    return s.str.upper()
@pandas_udf("first string, last string")
def split_expand(s: pd.Series) -> pd.DataFrame:
    return s.str.split(expand=True)
df = spark.createDataFrame([("John Doe",), ("Ann Lee",)], ("name",))
df.select(to_upper("name"), split_expand("name")).show()
@pandas_udf("long")
def plus_one(it: Iterator[pd.Series]) -> Iterator[pd.Series]:
    for s in it:
        yield s + 1
@pandas_udf("long")
def mul2(it: Iterator[Tuple[pd.Series, pd.Series]]) -> Iterator[pd.Series]:
    for a, b in it:
        yield a * b
d = spark.range(6)
d.select(plus_one("id"), mul2("id", "id")).show()
@pandas_udf("double")
def mean_udf(v: pd.Series) -> float:
    return v.mean()
g = spark.createDataFrame([(1, 1.0), (1, 2.0), (2, 3.0), (2, 5.0), (2, 10.0)], ("id", "v"))
g.groupby("id").agg(mean_udf(g["v"])).orderBy("id").show()
g.select(mean_udf("v")).show()
w = Window.partitionBy("id").rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
g.withColumn("mean_v", mean_udf("v").over(w)).orderBy("id", "v").show()
w2 = Window.partitionBy("id").orderBy("v").rowsBetween(-1, 0)
g.withColumn("m", mean_udf("v").over(w2)).orderBy("id", "v").show()
def subtract_mean(pdf):
    return pdf.assign(v=pdf.v - pdf.v.mean())
g.groupby("id").applyInPandas(subtract_mean, schema="id long, v double").orderBy("id", "v").show()
def key_mean(key, pdf):
    return pd.DataFrame([key + (pdf.v.mean(), len(pdf))])
g.groupby("id").applyInPandas(key_mean, "id long, m double, n long").orderBy("id").show()
def filter_func(it):
    for pdf in it:
        yield pdf[pdf.id == 1]
g.mapInPandas(filter_func, schema=g.schema).show()
h = spark.createDataFrame([(1, "x"), (2, "y")], ("id", "s"))
def asof(l, r):
    return pd.merge(l, r, on="id")
g.groupby("id").cogroup(h.groupby("id")).applyInPandas(asof, "id long, v double, s string").orderBy("id", "v").show()
try:
    g.groupby("id").applyInPandas(lambda p: p[["v"]], "id long, v double").collect()
except Exception as e:
    print(type(e).__name__, [l for l in str(e).split("\n") if "RESULT" in l][:1])
try:
    d.select(pandas_udf(lambda s: s[:1], "long")("id")).collect()
except Exception as e:
    print(type(e).__name__, [l for l in str(e).split("\n") if "LENGTH" in l or "length" in l][:1])
@pandas_udf("id long, v double", PandasUDFType.GROUPED_MAP)
def norm(pdf):
    return pdf.assign(v=(pdf.v - pdf.v.mean()) / pdf.v.std())
g.groupby("id").apply(norm).orderBy("id", "v").show()
print(g.toPandas().describe().to_string())
spark.createDataFrame(pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.to_datetime(["2024-01-01", None])})).show()
spark.stop()
