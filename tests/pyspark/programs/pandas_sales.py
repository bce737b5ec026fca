"""pandas API on Spark for a sales report: read_csv, dates, groupby, merge, pivot_table, apply, strings, plotting data."""
import os
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
import pyspark.pandas as ps
from pyspark.sql import SparkSession

data, out = sys.argv[1:3]
spark = SparkSession.builder.master("local[2]").appName("ps sales").config("spark.sql.shuffle.partitions", 2).getOrCreate()
pd.set_option("display.width", 200)
pd.set_option("display.max_columns", 20)
ps.set_option("compute.ops_on_diff_frames", True)
sales = ps.read_csv(data + "/sales.csv")
print(sales.shape, sales.columns.tolist())
sales.columns = [c.lower().replace(" ", "_") for c in sales.columns]
print(sales.dtypes)
sales = sales.dropna(subset=["quantity_ordered"])
sales["quantity_ordered"] = sales["quantity_ordered"].astype(int)
sales["order_date"] = ps.to_datetime(sales["order_date"], format="%m/%d/%y %H:%M")
sales["total"] = sales.quantity_ordered * sales.price_each
sales["month"] = sales.order_date.dt.month
sales["city"] = sales.purchase_address.str.split(", ", n=1).str.get(1)
print(sales.head(3).to_string())
print(sales[["product", "total"]].groupby("product").agg({"total": ["sum", "mean", "count", "max"]}).round(2).sort_index())
print(sales.groupby(["product", "quantity_ordered"]).size().sort_index().head(6))
print(sales.pivot_table(values="total", index=["product"], columns="quantity_ordered", aggfunc="sum").to_pandas().round(0).sort_index())
print(sales.groupby("city").agg({"total": "mean", "price_each": "max"}).to_pandas().round(2).sort_index())
monthly = sales.groupby("month").agg(n=("order_id", "count"), total=("total", "sum"), top=("price_each", "max")).sort_index()
print(monthly.round(2))
print(monthly.total.pct_change().round(3).tolist(), monthly.n.diff().tolist(), monthly.total.cumsum().round(1).tolist()[-1])
print(sales.nlargest(3, "total")[["order_id", "total"]].to_string(index=False))
print(sales.groupby("product").total.transform(lambda s: (s - s.mean()) / s.std()).sort_index().head(4).round(4).tolist())
print(sales.groupby("product").total.rank(method="dense").sort_index().head(4).tolist(), sales.groupby("product").cumcount().sort_index().head(6).tolist())
print(sales.groupby("product").head(1)[["product", "order_id"]].sort_values("order_id").to_string())
print(sales.city.value_counts().sort_index(), sales["product"].value_counts(normalize=True).sort_index().round(4).to_dict())
print(sales.total.describe().round(2).to_dict())
print(sales[["quantity_ordered", "price_each", "total"]].corr().round(3).sort_index())
costs = ps.DataFrame({"product": ["Pen", "Lamp", "Desk", "Sofa"], "cost": [1.0, 20.5, 99.0, 300.0]})
m = sales.merge(costs, on="product", how="outer")
print(len(m), m.cost.isnull().sum(), m.order_id.isnull().sum())
print(m.groupby("product", dropna=False).agg({"cost": "first", "order_id": "nunique"}).sort_index())
print(ps.merge(costs, costs, left_on="product", right_on="product", suffixes=("_l", "_r")).sort_values("product").reset_index(drop=True))
bins = ps.Series([1, 5, 9, 12, None], name="v")
print(bins.fillna(bins.mean()).tolist(), bins.ffill().tolist(), bins.interpolate().tolist(), bins.isna().sum(), bins.where(bins > 4, -1).tolist(), bins.mask(bins > 4).tolist())
print(bins.apply(lambda v: v * 2).tolist(), bins.quantile([0.25, 0.5]).tolist(), bins.mode().tolist(), bins.idxmax())
wide = ps.DataFrame({"k": ["a", "b"], "q1": [1, 2], "q2": [3, 4]})
print(wide.melt(id_vars="k", var_name="q").sort_values(["k", "q"]).reset_index(drop=True))
print(wide.set_index("k").stack().sort_index(), wide.set_index("k").T.sort_index())
text = ps.Series(["  Apple pie", "banana SPLIT ", None, "cherry-12"])
print(text.str.strip().str.title().tolist(), text.str.contains("an", na=False).tolist(), text.str.replace(r"\d+", "#", regex=True).tolist(), text.str.len().tolist(), text.str.findall("[aeiou]").tolist())
days = ps.Series(pd.to_datetime(["2024-01-31", "2024-02-29", "2023-12-25"]))
print(days.dt.quarter.tolist(), days.dt.is_month_end.tolist(), days.dt.day_name().tolist(), days.dt.strftime("%Y/%j").tolist(), days.dt.floor("D").tolist()[0])
multi = sales.groupby(["product", "month"])[["total"]].sum().sort_index()
print(multi.head(4).round(2), multi.loc["Pen"].head(2).round(2), multi.index.names, multi.reset_index().columns.tolist())
print(multi.xs("Lamp").shape)
print(sales.iloc[:2, :3], sales.loc[sales.total > 1500, ["order_id"]].shape, sales.query("product == 'Pen' and total > 900").shape)
print(sales.duplicated(["product", "month"]).sum(), sales.drop_duplicates(["product"]).shape)
print(sales.spark.explain.__name__, sales.to_spark().count())
print(ps.date_range("2024-01-30", periods=4, freq="D").to_series().dt.day.tolist(), ps.timedelta_range(start="1 day", periods=2).tolist())
print(ps.concat([costs, wide.rename(columns={"k": "product"})], join="outer", ignore_index=True).sort_values(["product"]).to_string())
sales[["order_id", "product", "total"]].to_csv(os.path.join(out, "csv"), num_files=1)
again = ps.read_csv(os.path.join(out, "csv"))
print(again.shape, abs(again.total.sum() - sales.total.sum()) < 0.01)
sales[["product", "total"]].groupby("product").sum().reset_index().spark.to_table("ps_totals", mode="overwrite")
print(ps.read_table("ps_totals").sort_values("product")["product"].tolist(), ps.sql("SELECT count(*) AS n FROM ps_totals").n[0])
spark.sql("DROP TABLE ps_totals")
spark.stop()
