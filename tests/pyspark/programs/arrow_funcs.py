import sys
import pyarrow as pa, pyarrow.compute as pc
import pandas as pd
from typing import Iterator
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.master("local[2]").getOrCreate()
df = spark.createDataFrame([(i % 3, float(i), "s%d" % (i % 2)) for i in range(9)], "k long, v double, s string").coalesce(1)
def up(it):
    for b in it:
        yield pa.RecordBatch.from_arrays([b.column("k"), pc.multiply(b.column("v"), 2)], ["k", "v"])
df.mapInArrow(up, "k long, v double").show(3)
df.groupBy("k").applyInArrow(lambda t: t.append_column("n", pa.array([t.num_rows] * t.num_rows)), "k long, v double, s string, n long").orderBy("k", "v").show(4)
df.groupBy("k").applyInArrow(lambda key, t: pa.table({"k": [key[0].as_py()], "m": [pc.max(t["v"]).as_py()]}), "k long, m double").orderBy("k").show()
df.groupBy("k").cogroup(df.filter("v > 4").groupBy("k")).applyInArrow(lambda l, r: pa.table({"a": [l.num_rows], "b": [r.num_rows]}), "a long, b long").orderBy("b").show()
@F.arrow_udf("double")
def twice(v: pa.Array) -> pa.Array:
    return pc.multiply(v, 2)
@F.arrow_udf("double")
def total(v: pa.Array) -> float:
    return pc.sum(v).as_py()
df.select("v", twice("v")).show(2)
df.groupBy("k").agg(total("v")).orderBy("k").show()
df.mapInPandas(lambda it: (p.assign(v=p.v.cumsum()) for p in it), df.schema).show(3)
@F.pandas_udf("struct<a:double,b:string>")
def st(v: pd.Series, s: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"a": v + 1, "b": s.str.upper()})
df.select(st("v", "s").alias("o")).select("o.a", "o.b").show(2)
@F.pandas_udf("long")
def cnt(s: pd.Series) -> int:
    return s.nunique()
df.groupBy("k").agg(cnt("s"), F.sum("v"), F.max("s")).orderBy("k").show() if False else df.groupBy("k").agg(cnt("s").alias("c")).orderBy("k").show()
try:
    df.groupBy("k").agg(cnt("s"), F.sum("v")).show()
except Exception as e:
    print(type(e).__name__, str(e).split("\n")[0][:150])
spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 4)
print([r.n for r in df.mapInPandas(lambda it: (pd.DataFrame({"n": [len(p)]}) for p in it), "n long").collect()])
print(df.toArrow().num_rows, df.toPandas().v.sum(), df.toPandas().dtypes.to_dict())
spark.stop()
