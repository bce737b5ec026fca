"""Data quality: profiles of columns, rules with scores, observed metrics, duplicates, keys without parents."""
import sys
from dataclasses import dataclass
from functools import reduce
from typing import Callable, List

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

data = sys.argv[1]
spark = SparkSession.builder.master("local[2]").appName("quality").config("spark.sql.shuffle.partitions", 3).getOrCreate()
sales = spark.read.csv(data + "/sales.csv", header=True, inferSchema=True)
sales.printSchema()
for name in sales.columns:
    sales = sales.withColumnRenamed(name, name.lower().replace(" ", "_"))
employees = spark.read.option("header", "true").option("inferSchema", "true").csv(data + "/employees.csv")


def profile(df: DataFrame) -> DataFrame:
    parts = []
    for field in df.schema.fields:
        c = F.col(field.name)
        numeric = isinstance(field.dataType, T.NumericType)
        parts.append(df.agg(
            F.lit(field.name).alias("column"), F.lit(field.dataType.simpleString()).alias("type"),
            F.count("*").alias("rows"), F.sum(c.isNull().cast("int")).alias("nulls"),
            F.countDistinct(c).alias("distinct"), F.min(c.cast("string")).alias("min"), F.max(c.cast("string")).alias("max"),
            (F.round(F.mean(c), 3) if numeric else F.lit(None).cast("double")).alias("mean"),
            (F.round(F.stddev_samp(c), 3) if numeric else F.lit(None).cast("double")).alias("std"),
            F.round(F.count(c) / F.count(F.lit(1)), 4).alias("filled"),
        ))
    return reduce(DataFrame.unionAll, parts)


profile(sales).show(truncate=False)
profile(employees).orderBy(F.desc("distinct"), "column").show(truncate=20)


@dataclass(frozen=True)
class Rule:
    name: str
    check: Callable[[], Column]
    severity: str = "error"


RULES: List[Rule] = [
    Rule("quantity present", lambda: F.col("quantity_ordered").isNotNull()),
    Rule("price positive", lambda: F.col("price_each") > 0),
    Rule("price sane", lambda: F.col("price_each").between(5, 800), "warning"),
    Rule("date parses", lambda: F.try_to_timestamp(F.col("order_date"), F.lit("MM/dd/yy HH:mm")).isNotNull()),
    Rule("address has comma", lambda: F.col("purchase_address").contains(",")),
    Rule("known product", lambda: F.col("product").isin("Pen", "Lamp", "Desk"), "warning"),
    Rule("street number", lambda: F.col("purchase_address").rlike(r"^\d{1,3} Main St")),
]
checked = sales.withColumns({f"r{i}": F.coalesce(rule.check(), F.lit(False)) for i, rule in enumerate(RULES)})
failures = F.array(*[F.when(~F.col(f"r{i}"), F.lit(rule.name)) for i, rule in enumerate(RULES)])
checked = checked.withColumn("failed", F.array_compact(failures)).withColumn("n_failed", F.size("failed"))
metrics = Observation("metrics")
checked = checked.observe(metrics, F.count(F.lit(1)).alias("rows"), F.sum("n_failed").alias("failures"), F.max("n_failed").alias("worst"))
checked.groupBy("n_failed").agg(F.count("*").alias("rows"), F.round(F.avg("price_each"), 2).alias("mean")).orderBy("n_failed").show()
print(dict(sorted(metrics.get.items())))
scores = checked.select([F.round(F.avg(F.col(f"r{i}").cast("double")) * 100, 2).alias(rule.name) for i, rule in enumerate(RULES)])
scores.show(vertical=True)
long = scores.unpivot([], [F.col(f"`{c}`") for c in scores.columns], "rule", "score")
severities = spark.createDataFrame([(rule.name, rule.severity) for rule in RULES], "rule string, severity string")
long.join(severities, "rule").orderBy(F.asc("score"), "rule").show(truncate=False)
scores.transpose().show(truncate=False)
checked.select(F.explode("failed").alias("rule")).groupBy("rule").count().orderBy(F.desc("count"), "rule").show(truncate=False)
for text in checked.filter("n_failed >= 3").select("order_id", "product", "failed").orderBy("order_id").limit(4).toJSON().collect():
    print(text)

# duplicates by key, and by everything but the key
dup = sales.groupBy("product", "quantity_ordered").agg(F.count("*").alias("n"), F.min("order_id").alias("first"), F.sort_array(F.collect_list("order_id")).alias("ids")).filter("n > 1")
dup.select("product", "quantity_ordered", "n", "first", F.slice("ids", 1, 3).alias("ids"), F.size("ids").alias("size")).orderBy("product", F.col("quantity_ordered").desc_nulls_first()).show()
# children without parents
orphans = employees.alias("e").join(employees.alias("m"), F.col("e.manager") == F.col("m.id"), "left_anti").where("manager IS NOT NULL")
print("orphans", orphans.count(), "self managed", employees.where("id = manager").count(), "own", employees.where(F.col("manager").eqNullSafe(None)).count())
stats = employees.summary("count", "min", "25%", "75%", "max").select("summary", "salary", "name", "dept")
stats.show()
print(employees.approxQuantile("salary", [0.0, 0.5, 1.0], 0.0), employees.stat.corr("id", "salary") is not None, employees.stat.freqItems(["dept"], 0.3).columns)
employees.crosstab("dept", "manager").orderBy("dept_manager").show()
lo, hi = employees.approxQuantile("salary", [0.25, 0.75], 0.0)
iqr = hi - lo
print(lo, hi, employees.filter((F.col("salary") < lo - 1.5 * iqr) | (F.col("salary") > hi + 1.5 * iqr)).count())
mode = employees.agg(F.mode("dept"), F.median("salary"), F.kurtosis("salary").alias("k"), F.skewness("salary").alias("s")).first()
print(mode[0], mode[1], round(mode[2], 6), round(mode[3], 6))
zs = employees.crossJoin(employees.agg(F.avg("salary").alias("mu"), F.stddev("salary").alias("sd"))).withColumn("z", F.round((F.col("salary") - F.col("mu")) / F.col("sd"), 3))
zs.select("id", "dept", "salary", "z").orderBy(F.abs("z").desc(), "id").show(5)
zs.select(F.width_bucket("z", F.lit(-2.0), F.lit(2.0), F.lit(4)).alias("b")).groupBy("b").count().orderBy("b").show()
spark.stop()
