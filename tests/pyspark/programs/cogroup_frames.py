import pandas as pd
import pyarrow as pa
from pyspark.sql import SparkSession
import pyspark.sql.functions as F
spark = SparkSession.builder.master("local[2]").getOrCreate()
trades = spark.createDataFrame([(20000101, 1, 1.0), (20000101, 2, 2.0), (20000102, 1, 3.0), (20000102, 2, 4.0)], ("time", "id", "v1"))
quotes = spark.createDataFrame([(20000101, 1, "x"), (20000101, 2, "y"), (20000103, 3, "z")], ("time", "id", "v2"))
def asof_join(l, r):
    return pd.merge_asof(l.sort_values("time"), r.sort_values("time"), on="time", by="id")
trades.groupby("id").cogroup(quotes.groupby("id")).applyInPandas(asof_join, schema="time long, id long, v1 double, v2 string").orderBy("time", "id").show()
def with_key(key, l, r):
    return pd.DataFrame({"id": [key[0]], "l": [len(l)], "r": [len(r)]})
trades.groupby("id").cogroup(quotes.groupby("id")).applyInPandas(with_key, "id long, l long, r long").orderBy("id").show()
def arrow(l, r):
    return pa.table({"n": [l.num_rows * 10 + r.num_rows]})
trades.groupby("id").cogroup(quotes.groupby("id")).applyInArrow(arrow, "n long").orderBy("n").show()
trades.groupby("id").applyInArrow(lambda t: t.append_column("rank", pa.array(range(t.num_rows), pa.int64())), "time long, id long, v1 double, rank long").orderBy("time", "id").show()
trades.groupby(F.col("id") % 2).applyInPandas(lambda k, g: pd.DataFrame({"k": [k[0]], "sum": [g.v1.sum()]}), "k long, sum double").orderBy("k").show()
trades.groupby().applyInPandas(lambda g: pd.DataFrame({"n": [len(g)]}), "n long").show()
for wrong in (lambda g: g[["time"]], lambda g: g.rename(columns={"v1": "vv"}), lambda g: 5, lambda g: g.assign(v1="text")):
    try:
        trades.groupby("id").applyInPandas(wrong, "time long, id long, v1 double").collect()
    except Exception as e:
        lines = [l for l in str(e).splitlines() if "Error" in l or "RESULT" in l]
        print(type(e).__name__, "RESULT" in str(e), len(lines) > 0)
def upper(it):
    for b in it:
        yield pa.RecordBatch.from_pydict({"n": [b.num_rows]})
trades.coalesce(1).mapInArrow(upper, "n long").show()
trades.mapInPandas(lambda it: (b.assign(v1=b.v1 * 2) for b in it), trades.schema).orderBy("time", "id").show()
print(trades.groupby("id").agg(F.collect_list("v1")).rdd.map(lambda r: (r[0], sorted(r[1]))).sortByKey().collect())
spark.stop()
