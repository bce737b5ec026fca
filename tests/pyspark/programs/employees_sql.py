from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType, StructField, IntegerType, StringType, DateType, DoubleType
from pyspark.sql.window import Window
import sys

spark = SparkSession.builder.appName("employees").master("local[*]").getOrCreate()
spark.sparkContext.setLogLevel("WARN")
schema = StructType([
    StructField("id", IntegerType(), True),
    StructField("name", StringType(), True),
    StructField("dept", StringType(), True),
    StructField("salary", DoubleType(), True),
    StructField("hired", DateType(), True),
    StructField("manager", IntegerType(), True),
])
df = spark.read.format("csv").option("header", "true").option("dateFormat", "yyyy-MM-dd").schema(schema).load(sys.argv[1] + "/employees.csv")
df.printSchema()
df.show(5)
df.describe("salary").show()
df.select("dept", "salary").summary("count", "min", "50%", "max").show()
inferred = spark.read.csv(sys.argv[1] + "/employees.csv", header=True, inferSchema=True)
print(inferred.dtypes, df.count(), len(df.columns))
df.groupBy("dept").agg(F.count("*").alias("n"), F.avg("salary").alias("avg"), F.collect_set("manager").alias("m")).withColumn("m", F.sort_array("m")).orderBy("dept").show(truncate=False)
w = Window.partitionBy("dept").orderBy(F.col("salary").desc(), "id")
ranked = df.withColumn("rank", F.rank().over(w)).withColumn("dense", F.dense_rank().over(w)).withColumn("prev", F.lag("salary", 1).over(w)).withColumn("run", F.sum("salary").over(w))
ranked.filter("rank <= 2").select("dept", "name", "salary", "rank", "dense", "prev", "run").show()
df.createOrReplaceTempView("employees")
spark.sql("""
    SELECT m.name AS manager, count(e.id) AS reports, round(avg(e.salary), 2) AS pay
    FROM employees e JOIN employees m ON e.manager = m.id
    GROUP BY m.name ORDER BY reports DESC, manager
""").show()
spark.sql("SELECT dept, year(hired) y, count(1) FROM employees GROUP BY dept, year(hired) WITH ROLLUP ORDER BY 1 NULLS FIRST, 2 NULLS FIRST LIMIT 8").show()
df.groupBy(F.year("hired").alias("year")).pivot("dept", ["HR", "IT"]).agg(F.sum("salary")).orderBy("year").show(4)
df.withColumn("band", F.when(F.col("salary") > 80000, "high").when(F.col("salary") > 50000, "mid").otherwise("low")).groupBy("band").count().orderBy("band").show()
df.na.fill({"manager": 0}).filter(F.col("manager") == 0).select(F.count("*")).show()
df.dropna(subset=["manager"]).dropDuplicates(["dept", "manager"]).select(F.countDistinct("dept", "manager")).show()
left = df.alias("l").join(df.alias("r"), F.col("l.manager") == F.col("r.id"), "left_anti")
print(left.count(), df.filter(df.name.like("A%") & df.dept.isin("IT", "HR")).count(), df.where(F.col("name").rlike("ay$")).count())
df.select(F.split("name", " ").getItem(0).alias("first"), F.upper("dept"), F.date_format("hired", "dd.MM.yyyy"), F.datediff(F.to_date(F.lit("2024-01-01")), "hired")).orderBy("first", "id").show(3)
df.stat.crosstab("dept", "manager").orderBy("dept_manager").show()
print(df.stat.corr("id", "salary") < 1, df.approxQuantile("salary", [0.5], 0.0), df.agg({"salary": "max", "id": "sum"}).collect())
print(df.orderBy(F.desc("salary"), "id").first().asDict(), df.head(1)[0].name, df.take(2)[1]["dept"])
df.select("name").distinct().sort("name").limit(3).show(vertical=True)
print(df.rdd.map(lambda row: (row.dept, row["salary"])).reduceByKey(max).sortByKey().collect())
df.selectExpr("cast(salary as int) as s", "id % 2 as odd").groupBy("odd").sum("s").orderBy("odd").show()
spark.stop()
