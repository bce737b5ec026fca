"""pandas API on Spark the way notebooks use it."""
import os
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
import pyspark.pandas as ps
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[2]").appName("ps").getOrCreate()
ps.set_option("compute.ops_on_diff_frames", True)
pdf = pd.DataFrame({"name": ["a", "b", "c", "d", "a", "b"], "x": [1, 2, 3, 4, 5, 6], "y": [0.5, np.nan, 2.5, 1.0, 9.0, 3.0], "day": pd.date_range("2024-01-01", periods=6)})
df = ps.from_pandas(pdf)
print(df.shape, list(df.columns))
print(df.dtypes)
print(df.head(3))
print(df.describe())
print(df.sort_values(by="y", ascending=False)[["name", "y"]])
print(df.groupby("name").agg({"x": "sum", "y": ["mean", "max"]}).sort_index())
print(df["x"].mean(), df.y.isnull().sum(), df.x.nunique(), df["name"].value_counts().sort_index().to_dict())
df["z"] = df.x * 2 + df.y.fillna(0)
print(df[df.z > 5][["name", "z"]].sort_index())
print(df.loc[2:4, ["x", "z"]], df.iloc[0].to_dict())
print(df.dropna().shape, df.fillna({"y": -1}).y.tolist())
other = ps.DataFrame({"name": ["a", "b", "e"], "city": ["Rome", "Oslo", "Lima"]})
print(df.merge(other, on="name", how="left")[["name", "city", "x"]].sort_values(["x"]).to_string(index=False))
print(ps.concat([df[["name"]], other[["name"]]]).drop_duplicates().sort_values("name").name.tolist())
print(df.x.apply(lambda v: v ** 2).tolist(), df.name.str.upper().unique().tolist().sort())
print(df.x.rolling(2).sum().tolist(), df.x.cumsum().tolist(), df.x.shift(1).tolist(), df.y.rank().tolist())
print(df.day.dt.dayofweek.tolist(), df.day.dt.strftime("%d/%m").tolist()[:2])
print(df[["x", "y", "z"]].corr().round(4))
path = os.path.join(sys.argv[2], "frame")
df.to_parquet(path)
back = ps.read_parquet(path)
print(len(back), sorted(back.columns))
print(ps.sql("SELECT name, sum(x) AS s FROM {df} GROUP BY name ORDER BY name", df=df))
print(df.to_spark().schema.simpleString())
sdf = spark.range(4).withColumnRenamed("id", "n")
print(sdf.pandas_api().n.sum(), sdf.pandas_api(index_col="n").index.max())
print(df.melt(id_vars="name", value_vars=["x", "z"]).groupby("variable").value.sum().sort_index())
print(df.set_index("name").x.sort_index().head(2).tolist() != [], df.groupby("name").x.max().sort_index().to_dict())
print(df.apply(lambda row: row.x if row.x > 3 else -row.x, axis=1).tolist(), df.transform({"x": lambda s: s + 1}).x.sum() if False else "")
print(df.query("x > 2 and name != 'd'").index.tolist(), df.eval("x + z").sum())
print(df.x.between(2, 4).tolist(), df.name.isin(["a"]).sum(), df.x.clip(2, 5).tolist(), (df.x % 2 == 0).astype(int).tolist())
print(ps.get_dummies(df[["name"]]).astype(int).sum().to_dict())
print(df.nlargest(2, "x").x.tolist(), df.sample(frac=1.0, random_state=1).shape, df.x.quantile(0.5), df.astype({"x": "float64"}).x.dtype)
print(df.rename(columns={"x": "X"}).columns.tolist(), df.drop(columns=["day"]).columns.tolist(), df.assign(w=df.x / 10).w.max())
print(type(df.to_pandas()).__name__, df.to_numpy().shape, df.empty, df.size, df.ndim)
