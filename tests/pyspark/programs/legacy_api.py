# Spark 1.x habits: registerTempTable, unionAll, SQLContext, jsonRDD-like reading, saveAs*, dropDuplicates
from __future__ import print_function
import sys
from pyspark import SparkConf, SparkContext
from pyspark.sql import SQLContext, Row
import pyspark.sql.functions as F
from pyspark.sql.types import *

conf = (SparkConf().setMaster("local[2]").setAppName("My app").set("spark.executor.memory", "1g"))
sc = SparkContext(conf = conf)
sqlContext = SQLContext(sc)

lines = sc.textFile(sys.argv[1] + "/people.txt")
parts = lines.map(lambda l: l.split(","))
people = parts.map(lambda p: Row(name=p[0], age=int(p[1])))
schemaPeople = sqlContext.createDataFrame(people)
schemaPeople.registerTempTable("people")
teenagers = sqlContext.sql("SELECT name FROM people WHERE age >= 13 AND age <= 19")
teenNames = teenagers.rdd.map(lambda p: "Name: " + p.name)
for teenName in teenNames.collect():
    print(teenName)
try:
    print(teenagers.map(lambda p: p.name).collect())
except Exception as e:
    print(type(e).__name__, str(e)[:80])
both = schemaPeople.unionAll(schemaPeople.limit(1))
print(both.count(), both.dropDuplicates().count(), both.distinct().count())
schemaString = "name age"
fields = [StructField(field_name, StringType(), True) for field_name in schemaString.split()]
schema = StructType(fields)
df = sqlContext.createDataFrame(parts.map(lambda p: (p[0], p[1].strip())), schema)
df.registerTempTable("people2")
results = sqlContext.sql("SELECT name FROM people2")
for n in results.rdd.map(lambda p: "Name: " + p.name).collect():
    print(n)
anotherPeopleRDD = sc.parallelize(['{"name":"Yin","address":{"city":"Columbus","state":"Ohio"}}'])
try:
    print(sqlContext.jsonRDD(anotherPeopleRDD).collect())
except Exception as e:
    print(type(e).__name__, e)
print(sqlContext.read.json(anotherPeopleRDD).collect())
sqlContext.read.json(anotherPeopleRDD).printSchema()
print(sqlContext.table("people").orderBy(F.desc("age")).take(2))
print(sqlContext.tables().collect())
print(sqlContext.udf.register("slen", lambda s: len(s), IntegerType())("x") is not None)
sqlContext.sql("select slen(name), name from people order by 1, 2").show()
sqlContext.registerDataFrameAsTable(df, "people3")
print(sorted(sqlContext.tableNames()))
print(sqlContext.getConf("spark.sql.nothing", "7"), sqlContext.getConf("nothing.here", "x"))
print(df.toJSON().collect())
try:
    df.save("x")
except AttributeError as e:
    print(e)
try:
    sqlContext.parquetFile("x")
except AttributeError as e:
    print(e)
try:
    df.groupBy("name").agg(F.rowNumber())
except AttributeError as e:
    print(e)
print(schemaPeople.select(F.monotonicallyIncreasingId() if hasattr(F, "monotonicallyIncreasingId") else F.lit("gone")).first())
print(df.na.fill("x").stat.crosstab("name", "age").columns)
sc.stop()
