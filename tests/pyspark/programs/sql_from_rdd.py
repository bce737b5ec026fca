import sys
from pyspark.sql import SparkSession, Row
from pyspark.sql.types import *
spark = SparkSession.builder.master("local[2]").appName("x").getOrCreate()
sc = spark.sparkContext
lines = sc.textFile(sys.argv[1] + "/fakefriends.csv")
people = lines.map(lambda l: l.split(",")).map(lambda p: Row(id=int(p[0]), name=p[1], age=int(p[2]), friends=int(p[3])))
schemaPeople = spark.createDataFrame(people).cache()
schemaPeople.createOrReplaceTempView("people")
teen = spark.sql("SELECT * FROM people WHERE age >= 13 AND age <= 19")
for t in teen.collect()[:5]:
    print(t)
schemaPeople.groupBy("age").count().orderBy("age").show(5)
schemaString = "name age"
fields = [StructField(n, StringType(), True) for n in schemaString.split()]
s = StructType(fields)
df = spark.createDataFrame(lines.map(lambda l: (l.split(",")[1], l.split(",")[2])), s)
df.show(3)
print(df.rdd.getNumPartitions(), df.rdd.map(lambda r: r.name + "-" + r["age"]).take(3))
print(df.rdd.map(tuple).take(2), df.rdd.map(lambda r: r.asDict()).first())
print(spark.createDataFrame([(1, "a"), (2, "b")], ["n", "s"]).rdd.glom().collect())
print(sc.parallelize([(1, "a", None), (2, None, 2.5)]).toDF(["x", "y", "z"]).collect())
print(sc.parallelize([{"a": 1, "b": "q"}, {"a": 2}]).toDF().collect())
print(sc.parallelize([1, 2, 3]).map(lambda v: (v,)).toDF("v int").schema.simpleString())
try:
    sc.parallelize([1, 2, 3]).toDF()
except Exception as e:
    print(type(e).__name__, e)
print(spark.createDataFrame(sc.parallelize([1, 2, 3]), "int").collect())
spark.createDataFrame(sc.parallelize([Row(a=[1, 2], m={"k": 1.5}, s=Row(x=1, y="z"))])).printSchema()
try:
    spark.createDataFrame(sc.parallelize([("a", 1), ("b", "x")]), "n string, v int").collect()
except Exception as e:
    print(type(e).__name__, [l for l in str(e).split("\n") if "FIELD_DATA" in l or "ACCEPT" in l][:1])
spark.stop()
