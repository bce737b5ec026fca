"""Functions in Python of every kind in one report: scalar, vectorized, iterators, grouped, windows, maps, Arrow, tables, typed by hints."""
import sys
from typing import Any, Iterator, Tuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.functions import PandasUDFType, arrow_udf, pandas_udf, udf, udtf
from pyspark.sql.types import ArrayType, DoubleType, IntegerType, LongType, MapType, StringType, StructField, StructType

data = sys.argv[1]
spark = SparkSession.builder.master("local[2]").appName("functions").config("spark.sql.shuffle.partitions", 2).config("spark.sql.execution.arrow.maxRecordsPerBatch", 50).getOrCreate()
stocks = spark.read.csv(data + "/stocks.csv", header=True, inferSchema=True).withColumn("Date", F.to_date("Date")).cache()
stocks.printSchema()


@udf("struct<lo: double, hi: double, tags: array<string>>")
def describe(a, b):
    return {"lo": min(a, b), "hi": max(a, b), "tags": ["up"] if b > a else ["down", None]}


@udf(returnType=MapType(StringType(), IntegerType()))
def letters(s: str):
    return {c: s.count(c) for c in s}


class Scaler:
    def __init__(self, by):
        self.by = by

    def __call__(self, x):
        return None if x is None else x * self.by


scale = udf(Scaler(2.5), DoubleType())
counter = spark.sparkContext.accumulator(0)
names = spark.sparkContext.broadcast({"AAA": "Alpha", "BBB": "Beta"})


@udf
def named(s):
    counter.add(1)
    return names.value.get(s)


stocks.select("Symbol", describe("Open", "Close").alias("d"), letters("Symbol").alias("l"), scale("Open").alias("s"), named("Symbol").alias("n")).orderBy("s").show(4, False)
print(counter.value >= 4)


@pandas_udf("double")
def change(o: pd.Series, c: pd.Series) -> pd.Series:
    return (c - o) / o


@pandas_udf("lo double, day timestamp")
def pair(o: pd.Series, d: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"lo": o.round(), "day": pd.to_datetime(d)})


@pandas_udf(LongType())
def batches(it: Iterator[pd.Series]) -> Iterator[pd.Series]:
    total = 0
    for s in it:
        total += len(s)
        yield s * 0 + len(s)


@pandas_udf("double")
def two(it: Iterator[Tuple[pd.Series, pd.Series]]) -> Iterator[pd.Series]:
    for a, b in it:
        yield a + b


@pandas_udf("double")
def spread(o: pd.Series, c: pd.Series) -> float:
    return float((c - o).abs().max())


@pandas_udf("long")
def of_struct(s: pd.DataFrame) -> pd.Series:
    return s["Open"].astype("int64") + s.shape[1]


@pandas_udf("array<double>")
def ends(v: pd.Series) -> np.ndarray:
    return np.array([v.min(), v.max()])


stocks.select(F.round(change("Open", "Close"), 4).alias("c"), pair("Open", "Date").alias("p"), batches("Volume").alias("b"), two("Open", "Close").alias("t"), of_struct(F.struct("Open", "Close")).alias("o")).orderBy("t").show(3, False)
stocks.groupBy("Symbol").agg(spread("Open", "Close").alias("s")).orderBy("Symbol").show()
w = Window.partitionBy("Symbol").orderBy("Date").rowsBetween(-2, 0)
whole = Window.partitionBy("Symbol")
stocks.select("Symbol", "Date", F.round(spread("Open", "Close").over(w), 3).alias("s3"), spread("Open", "Close").over(whole).alias("all")).orderBy("Symbol", "Date").show(4)


def normalise(pdf: pd.DataFrame) -> pd.DataFrame:
    v = pdf["Volume"]
    return pdf.assign(z=((v - v.mean()) / v.std()).round(4))[["Symbol", "Date", "z"]]


def fit(key: Tuple[str, int], pdf: pd.DataFrame) -> pd.DataFrame:
    slope, base = np.polyfit(np.arange(len(pdf)), pdf.sort_values("Date")["Close"], 1)
    return pd.DataFrame([(key[0], key[1], len(pdf), round(float(slope), 5), round(float(base), 3))])


stocks.groupBy("Symbol").applyInPandas(normalise, "Symbol string, Date date, z double").orderBy("z", "Symbol", "Date").show(4)
stocks.groupBy("Symbol", F.month("Date").alias("m")).applyInPandas(fit, "s string, m int, n int, slope double, base double").orderBy("s", "m").show()
other = spark.createDataFrame([("AAA", "2024-01-05", 2.0), ("BBB", "2024-01-10", 0.5), ("CCC", "2024-01-01", 9.0)], ["Symbol", "d", "split"]).withColumn("d", F.to_date("d"))


def asof(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    if left.empty or right.empty:
        return pd.DataFrame({"Symbol": right["Symbol"], "n": [len(left)] * len(right), "adjusted": [None] * len(right)})
    left, right = left.assign(Date=pd.to_datetime(left["Date"])).sort_values("Date"), right.assign(d=pd.to_datetime(right["d"]))
    m = pd.merge_asof(left, right, left_on="Date", right_on="d", by="Symbol")
    return pd.DataFrame({"Symbol": [left["Symbol"].iloc[0]], "n": [len(m)], "adjusted": [int(m["split"].notna().sum())]})


stocks.groupBy("Symbol").cogroup(other.groupBy("Symbol")).applyInPandas(asof, "Symbol string, n long, adjusted long").orderBy("Symbol").show()


def filtered(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for pdf in frames:
        yield pdf[pdf.Volume > 90000][["Symbol", "Volume"]]


def arrow_batches(it: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in it:
        yield pa.RecordBatch.from_arrays([batch.column("Symbol"), pc.add(batch.column("Open"), 1.0)], names=["Symbol", "o"])


def arrow_groups(table: pa.Table) -> pa.Table:
    return pa.table({"Symbol": [table["Symbol"][0].as_py()], "mean": [round(pc.mean(table["Close"]).as_py(), 4)]})


stocks.mapInPandas(filtered, "Symbol string, Volume int").groupBy("Symbol").count().orderBy("Symbol").show()
stocks.mapInArrow(arrow_batches, "Symbol string, o double").agg(F.round(F.sum("o"), 2).alias("s")).show()
stocks.groupBy("Symbol").applyInArrow(arrow_groups, "Symbol string, mean double").orderBy("Symbol").show()


@arrow_udf("int")
def year_of(d: pa.Array) -> pa.Array:
    return pc.cast(pc.year(d), pa.int32())


@arrow_udf("double")
def arrow_max(v: pa.Array) -> float:
    return pc.max(v).as_py()


stocks.groupBy(year_of("Date").alias("y")).agg(arrow_max("Close").alias("m")).show()


@udtf(returnType="word: string, at: int")
class Words:
    def __init__(self):
        self.n = 0

    def eval(self, text: str):
        for i, c in enumerate(text):
            self.n += 1
            yield c, i

    def terminate(self):
        yield "total", self.n


spark.udtf.register("words_of", Words)
spark.sql("SELECT s.Symbol, w.* FROM (SELECT DISTINCT Symbol FROM {s} WHERE Symbol = 'AAA') s, LATERAL words_of(s.Symbol) w ORDER BY 1, 3, 2", s=stocks).show()
Words(F.lit("ab")).show()


@udf("int", useArrow=True)
def plus_one(x: int) -> int:
    return x + 1


spark.udf.register("plus_two", lambda x: x + 2, "int")
spark.udf.register("change_of", change)
spark.range(3).selectExpr("plus_two(CAST(id AS INT)) AS p", "id").select("p", plus_one("p").alias("q"), F.call_function("plus_two", F.col("p")).alias("r")).show()
print(spark.sql("SELECT round(sum(change_of(Open, Close)), 5) AS c FROM {s} WHERE plus_two(Volume) > 50000", s=stocks).first())
print(describe.returnType.simpleString(), change.evalType == PandasUDFType.SCALAR, plus_one.__name__, scale.deterministic, scale.asNondeterministic().deterministic)
long = spark.range(120).repartition(1).select(batches("id").alias("b")).groupBy("b").count().orderBy("b")
long.show()


@udf("array<struct<k: string, v: double>>")
def summary(rows):
    return [(r["Symbol"], float(r.Close)) for r in sorted(rows, key=lambda r: -r.Close)[:2]]


stocks.groupBy(F.month("Date").alias("m")).agg(F.collect_list(F.struct("Symbol", "Close")).alias("rows")).select("m", summary("rows").alias("top"), F.size("rows").alias("n")).orderBy("m").show(truncate=False)
spark.sql("DROP TEMPORARY FUNCTION plus_two")
stocks.unpersist()
spark.stop()
