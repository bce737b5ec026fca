import sys
import warnings
warnings.simplefilter("ignore")
import pandas as pd
import numpy as np
from typing import Iterator, Tuple
from pyspark.sql import SparkSession, Window
from pyspark.sql.functions import pandas_udf, PandasUDFType, col, lit, struct, udf
spark = SparkSession.builder.master("local[2]").config("spark.sql.execution.arrow.pyspark.enabled", "true").getOrCreate()
iris = spark.read.csv(sys.argv[1] + "/iris.csv").toDF("a", "b", "c", "d", "kind").selectExpr("double(a) a", "double(b) b", "double(c) c", "double(d) d", "kind")
helpers = sys.argv[2] + "/nearest.py"
with open(helpers, "w") as f:
    f.write('''import numpy as np
class Nearest:
    def fit(self, X, y):
        self.centers = {k: X[y == k].mean(axis=0) for k in sorted(set(y))}
        return self
    def predict(self, X):
        names = list(self.centers)
        dist = np.stack([((X - self.centers[n]) ** 2).sum(axis=1) for n in names], axis=1)
        return np.array(names)[dist.argmin(axis=1)]
''')
spark.sparkContext.addPyFile(helpers)
from nearest import Nearest
pdf = iris.toPandas()
model = Nearest().fit(pdf[["a", "b", "c", "d"]].values, pdf["kind"].values)
shared = spark.sparkContext.broadcast(model)
@pandas_udf("string")
def predict(a: pd.Series, b: pd.Series, c: pd.Series, d: pd.Series) -> pd.Series:
    return pd.Series(shared.value.predict(pd.concat([a, b, c, d], axis=1).values))
@pandas_udf("string")
def predict_iter(it: Iterator[Tuple[pd.Series, ...]]) -> Iterator[pd.Series]:
    m = shared.value
    for cols in it:
        yield pd.Series(m.predict(pd.concat(cols, axis=1).values))
@pandas_udf("string")
def predict_struct(df: pd.DataFrame) -> pd.Series:
    return pd.Series(shared.value.predict(df.values))
scored = iris.select("kind", predict("a", "b", "c", "d").alias("p"), predict_iter("a", "b", "c", "d").alias("q"), predict_struct(struct("a", "b", "c", "d")).alias("r"))
scored.groupBy("kind", "p").count().orderBy("kind", "p").show()
print(scored.where("p = q and q = r").count(), scored.count())
def standardize(g):
    return g.assign(a=(g.a - g.a.mean()).round(6))
iris.groupBy("kind").applyInPandas(standardize, iris.schema).groupBy("kind").agg({"a": "sum"}).selectExpr("kind", "round(`sum(a)`, 3) + 0.0 s").orderBy("kind").show()
def ols(key, g):
    slope, inter = np.polyfit(g["a"], g["b"], 1)
    return pd.DataFrame([[key[0], round(float(slope), 4), len(g)]])
iris.groupBy("kind").applyInPandas(ols, "kind string, slope double, n long").orderBy("kind").show()
@pandas_udf("double")
def mean_udf(v: pd.Series) -> float:
    return v.mean()
iris.groupBy("kind").agg(mean_udf("a").alias("m"), mean_udf("b")).selectExpr("kind", "round(m, 4)").orderBy("kind").show()
w = Window.partitionBy("kind").orderBy("a").rowsBetween(-1, 1)
iris.select("kind", "a", mean_udf("a").over(w).alias("near")).orderBy("kind", "a", "near").selectExpr("kind", "round(near, 4) n").show(4)
def batches(it):
    for b in it:
        yield b[b.a > 3][["kind", "a"]]
print(iris.mapInPandas(batches, "kind string, a double").groupBy("kind").count().orderBy("kind").collect())
@pandas_udf("kind string, total double", PandasUDFType.GROUPED_MAP)
def old_style(g):
    return pd.DataFrame({"kind": [g.kind.iloc[0]], "total": [round(g.d.sum(), 3)]})
iris.groupBy("kind").apply(old_style).orderBy("kind").show()
@pandas_udf("double", PandasUDFType.SCALAR)
def plus_one(v):
    return v + 1
iris.select(plus_one("d")).distinct().orderBy(1).show()
@pandas_udf("first string, last string")
def split_name(s: pd.Series) -> pd.DataFrame:
    return s.str.split("-", expand=True)
iris.select(split_name("kind").alias("n")).select("n.first", "n.last").distinct().orderBy("last").show()
l = spark.createDataFrame([(1, 1.0), (1, 2.0), (2, 3.0)], ("id", "v1")); r = spark.createDataFrame([(1, "x"), (3, "y")], ("id", "v2"))
l.groupby("id").cogroup(r.groupby("id")).applyInPandas(lambda a, b: pd.merge(a, b, on="id", how="outer"), "id long, v1 double, v2 string").orderBy("id", "v1").show()
spark.udf.register("plus_one", plus_one)
spark.sql("select plus_one(cast(id as double)) p from range(2)").show()
spark.stop()
