import sys
import warnings
warnings.simplefilter("ignore")
from pyspark import SparkContext, SparkConf
from pyspark.sql import HiveContext, SQLContext, SparkSession
from pyspark.sql.functions import col, udf, explode, split, lower
from pyspark.sql.types import StringType
sc = SparkContext(conf=SparkConf().setAppName("hive-like").setMaster("local[2]"))
try:
    sqlContext = HiveContext(sc)
    print(type(sqlContext).__name__, isinstance(sqlContext, SQLContext))
except Exception as e:
    print(type(e).__name__)
spark = SparkSession(sc)
print(spark.sparkContext is sc, spark.version[:2], sc.version[:2])
employee = spark.read.csv(sys.argv[1] + "/employees.csv", header=True, inferSchema=True)
employee.createOrReplaceTempView("employee")
sqlContext = SQLContext(sc)
sqlContext.sql("CREATE TEMPORARY VIEW it AS SELECT * FROM employee WHERE dept = 'IT'")
print(sqlContext.sql("SELECT count(*) FROM it").collect())
bonus = udf(lambda d: {"IT": "high", "HR": "low"}.get(d), StringType())
sqlContext.sql("SELECT dept, salary FROM employee").withColumn("bonus", bonus(col("dept"))).groupBy("bonus").count().orderBy("bonus").show()
sqlContext.registerFunction("grade", lambda s: "A" if s and s > 70000 else "B", StringType())
sqlContext.sql("select grade(salary) g, count(1) n, min(salary) lo from employee group by grade(salary) order by g").show()
top = sqlContext.sql("select name, salary, rank() over (partition by dept order by salary desc, id) r, dept from employee").where("r <= 2")
for row in top.orderBy("dept", "r").collect():
    print(row.dept, row["name"], row.salary, row.r)
sqlContext.cacheTable("employee")
print(sqlContext.sql("select avg(salary) from employee").first()[0], spark.catalog.isCached("employee"))
sqlContext.uncacheTable("employee")
sqlContext.clearCache()
print(sqlContext.newSession().tableNames(), sqlContext.sparkSession is not None)
print(employee.rdd.map(lambda r: (r.dept, r.salary)).groupByKey().mapValues(lambda v: (len(v), max(v), min(v))).sortByKey().collect())
print(employee.rdd.map(lambda r: r.asDict()).filter(lambda d: d["manager"] is None).map(lambda d: d["id"]).collect())
sc.stop()
