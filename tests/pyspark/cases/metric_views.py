"""Metric views by the DataFrame API and in spark.catalog."""

import json

from pyspark.sql import functions as F
from support.cases import failure

VIEW = """CREATE VIEW mv WITH METRICS LANGUAGE YAML AS $$
version: 0.1
source: shop
dimensions:
  - name: r
    expr: upper(region)
measures:
  - name: total
    expr: sum(amount)
$$"""


def case_frames(spark, tmp):
    spark.sql("CREATE DATABASE mvf")
    spark.sql("USE mvf")
    try:
        spark.sql("CREATE TABLE shop AS SELECT * FROM VALUES ('a', 1), ('b', 2), ('a', 5) t(region, amount)")
        spark.sql(VIEW)
        view = spark.table("mv")
        by = view.groupBy("r")
        return [
            json.loads(view.schema.json()),
            [list(row) for row in by.agg(F.expr("measure(total) AS t")).sort("r").collect()],
            by.agg({"total": "measure"}).sort("r").toPandas().values.tolist(),
            view.filter("r = 'A'").agg(F.call_function("measure", F.col("total"))).collect()[0].asDict(),
            view.selectExpr("measure(total) * 2").collect()[0][0],
            view.count(),
            [(one.name, one.tableType, one.isTemporary) for one in spark.catalog.listTables()],
            [(one.name, one.dataType, one.nullable) for one in spark.catalog.listColumns("mv")],
            spark.catalog.tableExists("mv"),
            failure(lambda: view.collect()),
            failure(lambda: view.select("r").distinct().collect()),
        ]
    finally:
        spark.sql("USE default")
        spark.sql("DROP DATABASE mvf CASCADE")
