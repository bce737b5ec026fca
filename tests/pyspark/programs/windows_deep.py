"""Window functions in depth: frames of every kind, ties, nulls, ranges of dates and intervals, top and bottom, streaks, medians, shares."""
import sys
from datetime import date

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

data = sys.argv[1]
spark = SparkSession.builder.master("local[2]").appName("windows").config("spark.sql.shuffle.partitions", 3).config("spark.sql.session.timeZone", "UTC").getOrCreate()
emp = spark.read.csv(data + "/employees.csv", header=True, schema="id INT, name STRING, dept STRING, salary INT, hired DATE, manager INT")
dept = Window.partitionBy("dept")
by_pay = dept.orderBy(F.desc("salary"), "id")
ties = dept.orderBy(F.desc("salary"))
emp.select("dept", "id", "salary", F.row_number().over(by_pay).alias("rn"), F.rank().over(ties).alias("rk"), F.dense_rank().over(ties).alias("dr"), F.round(F.percent_rank().over(ties), 3).alias("pr"), F.round(F.cume_dist().over(ties), 3).alias("cd"), F.ntile(4).over(by_pay).alias("nt")).orderBy("dept", "rn").show(40)
frames = {
    "running": by_pay.rowsBetween(Window.unboundedPreceding, Window.currentRow), "peers": ties.rangeBetween(Window.unboundedPreceding, Window.currentRow), "around": by_pay.rowsBetween(-1, 1), "after": by_pay.rowsBetween(1, 2), "before": by_pay.rowsBetween(-3, -2), "rest": by_pay.rowsBetween(0, Window.unboundedFollowing),
    "near": ties.rangeBetween(-10000, 10000), "above": ties.rangeBetween(Window.unboundedPreceding, -5000), "all": dept, "default": ties,
}
summed = emp.select("dept", "id", "salary", *[F.sum("salary").over(w).alias(n) for n, w in frames.items()])
summed.orderBy("dept", F.desc("salary"), "id").show(40)
emp.select("dept", "id", *[f.over(frames["around"]).alias(n) for n, f in {"first": F.first("name"), "last": F.last("manager", True), "nth": F.nth_value("salary", 2), "n": F.count("manager"), "lo": F.min("salary"), "list": F.collect_list("id"), "set": F.approx_count_distinct("manager"), "sd": F.stddev_pop(F.lit(2) * F.col("salary")), "any": F.bool_or(F.col("salary") > 90000), "maxby": F.max_by("id", "salary")}.items()]).orderBy("dept", "id").show(15, False)
emp.select("id", "dept", "manager", F.lag("manager", 1, -1).over(dept.orderBy("id")).alias("lag"), F.lead("manager", 2).over(dept.orderBy("id")).alias("lead"), F.last("manager", ignorenulls=True).over(dept.orderBy("id").rowsBetween(Window.unboundedPreceding, -1)).alias("carried"), F.first("manager", True).over(dept.orderBy("id").rowsBetween(0, Window.unboundedFollowing)).alias("next")).orderBy("dept", "id").show(15)
spark.sql("""
  SELECT dept, id, hired, count(*) OVER (PARTITION BY dept ORDER BY hired RANGE BETWEEN INTERVAL 1 YEAR PRECEDING AND CURRENT ROW) AS year_back,
    sum(salary) OVER (PARTITION BY dept ORDER BY hired RANGE BETWEEN 365 PRECEDING AND 365 FOLLOWING) AS around,
    avg(salary) OVER (ORDER BY hired ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS ma,
    lag(hired) IGNORE NULLS OVER (PARTITION BY dept ORDER BY hired, id) AS prev, any_value(name) OVER (PARTITION BY dept ORDER BY hired, id) AS first,
    hired - lag(hired) OVER (PARTITION BY dept ORDER BY hired, id) AS gap, months_between(hired, min(hired) OVER (PARTITION BY dept)) AS months
  FROM {emp} ORDER BY hired, id""", emp=emp).show(40, False)
medians = emp.select("dept", "salary", F.median("salary").over(dept).alias("med"), F.percentile("salary", 0.9).over(dept).alias("p90"), F.expr("percentile_approx(salary, 0.5) OVER (PARTITION BY dept)").alias("pa"), F.mode("manager").over(Window.partitionBy(F.lit(1))).isNotNull().alias("m")).distinct()
medians.groupBy("dept", "med", "p90", "pa", "m").agg(F.max("salary")).orderBy("dept").show()
share = emp.withColumn("share", F.round(F.col("salary") / F.sum("salary").over(dept) * 100, 2)).withColumn("cum", F.round(F.sum("share").over(by_pay), 2)).where("cum <= 50")
share.select("dept", "id", "share", "cum").orderBy("dept", "cum").show()
grouped = emp.groupBy("dept", F.year("hired").alias("y")).agg(F.sum("salary").alias("s"), F.rank().over(Window.partitionBy("dept").orderBy(F.desc(F.sum("salary")))).alias("r")).where("r <= 2")
grouped.orderBy("dept", "r", "y").show()
days = spark.sql("SELECT explode(sequence(DATE'2024-01-01', DATE'2024-01-20')) AS d").withColumn("up", (F.dayofyear("d") * 7 % 5) > 1)
streaks = days.withColumn("g", F.row_number().over(Window.orderBy("d")) - F.row_number().over(Window.partitionBy("up").orderBy("d"))).groupBy("up", "g").agg(F.min("d").alias("from"), F.count("*").alias("n")).orderBy(F.desc("n"), "from")
streaks.show(6)
changes = days.withColumn("c", F.coalesce((F.col("up") != F.lag("up").over(Window.orderBy("d"))).cast("int"), F.lit(0))).withColumn("run", F.sum("c").over(Window.orderBy("d"))).groupBy("run").agg(F.sum(F.col("up").cast("int")).alias("ups"), F.max("d").alias("last"))
changes.orderBy("run").show(5)
last = emp.withColumn("latest", F.max(F.struct("hired", "id")).over(dept)).where("latest.id = id").select("dept", "id", "hired")
last.orderBy("dept").show()
dedup = emp.withColumn("n", F.count("*").over(Window.partitionBy("name", "dept"))).where("n > 1").select("name", "dept", "n").distinct().orderBy("name", "dept")
dedup.show()
print(emp.select(F.sum("salary").over(Window.partitionBy())).distinct().count(), emp.select(F.row_number().over(Window.orderBy(F.lit(1)))).count(), emp.where(F.col("hired") > date(2015, 1, 1)).select(F.count("*").over(Window.partitionBy(F.year("hired")))).distinct().count())
nulls = spark.createDataFrame([(1, None), (2, 5), (3, None), (4, 1), (5, 5)], "i int, v int")
for name, order in {"asc": F.asc("v"), "desc": F.desc("v"), "asc_nulls_last": F.asc_nulls_last("v"), "desc_nulls_first": F.desc_nulls_first("v")}.items():
    w = Window.orderBy(order)
    print(name, [tuple(r) for r in nulls.select("i", F.rank().over(w).alias("r"), F.sum("v").over(w).alias("s"), F.count("v").over(w.rangeBetween(-4, 0)).alias("c")).orderBy("i").collect()])
for work in (lambda: emp.select(F.sum("salary").over(dept.orderBy("hired").rangeBetween(-1, 1))).collect(), lambda: emp.where(F.row_number().over(by_pay) == 1).collect(), lambda: emp.select(F.rank().over(by_pay.rowsBetween(-1, 1))).collect(), lambda: emp.select(F.sum("salary").over(dept.rowsBetween(-1, 1))).count(), lambda: emp.select(F.countDistinct("manager").over(dept)).collect(), lambda: emp.select(F.sum(F.row_number().over(by_pay)).over(dept)).collect(), lambda: emp.select(F.sum("salary").over(dept.orderBy("name").rangeBetween(-1, 1))).collect(), lambda: emp.groupBy("dept").agg(F.row_number().over(Window.orderBy("salary"))).collect()):
    try:
        print("went", len(work()) if work else 0)
    except Exception as error:
        print(type(error).__name__, getattr(error, "getCondition", lambda: None)())
spark.stop()
