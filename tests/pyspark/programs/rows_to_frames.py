import sys, datetime, decimal
from pyspark.sql import SparkSession, Row
from pyspark.sql.types import *
spark = SparkSession.builder.master("local[2]").getOrCreate()
sc = spark.sparkContext
Person = Row("name", "age")
rdd = sc.parallelize([("a", 1), ("b", 2)]).map(lambda x: Person(*x))
print(rdd.collect(), rdd.toDF().schema.simpleString(), rdd.toDF(["x", "y"]).columns, spark.createDataFrame(rdd, "n string, a int").dtypes)
nested = sc.parallelize([Row(id=1, tags=["x"], m={"k": 1.5}, sub=Row(a=1, b=None), when=datetime.date(2020, 1, 1), d=decimal.Decimal("1.50")), Row(id=2, tags=[], m={}, sub=Row(a=None, b="z"), when=None, d=None)])
df = nested.toDF()
df.printSchema()
df.show(truncate=False)
print(df.rdd.map(lambda r: (r.id, r.sub.a, r["m"].get("k"), r.asDict(True)["sub"])).collect())
print(df.select("sub.*").rdd.collect(), df.rdd.first().sub.b, df.rdd.getNumPartitions() >= 1)
schema = StructType([StructField("name", StringType(), False), StructField("score", DoubleType(), True)])
print(spark.createDataFrame(sc.parallelize([["x", 1.0], ("y", None)]), schema).collect())
for data, sch in (([("x", "text")], schema), ([(None, 1.0)], schema), ([("x",)], schema), ([("x", 1)], schema)):
    try:
        print(spark.createDataFrame(sc.parallelize(data), sch).collect())
    except Exception as e:
        print(type(e).__name__, [part for part in ("FIELD_DATA_TYPE_UNACCEPTABLE", "FIELD_NOT_NULLABLE", "LENGTH_SHOULD_BE_THE_SAME", "CANNOT") if part in str(e)])
print(spark.createDataFrame(sc.parallelize([1, 2]), IntegerType()).collect(), spark.createDataFrame(sc.parallelize(["a"]), "string").collect())
print(sc.parallelize([{"a": 1, "b": "x"}, {"b": "y"}]).toDF().orderBy("b").collect())
try:
    sc.parallelize([]).toDF()
except Exception as e:
    print(type(e).__name__, e)
try:
    sc.parallelize([1, 2]).toDF()
except Exception as e:
    print(type(e).__name__, e)
print(sc.parallelize([(1, "x", [1, 2])]).toDF("n int, s string, l array<int>").schema)
print(sc.parallelize([(1, None), (2, 3.5)]).toDF(["a", "b"]).dtypes)
lines = sc.textFile(sys.argv[1] + "/fakefriends.csv")
people = lines.map(lambda l: l.split(",")).map(lambda f: Row(ID=int(f[0]), name=str(f[1].encode("utf-8")), age=int(f[2]), numFriends=int(f[3])))
schemaPeople = spark.createDataFrame(people).cache()
schemaPeople.createOrReplaceTempView("people")
teenagers = spark.sql("SELECT * FROM people WHERE age >= 13 AND age <= 19 ORDER BY ID")
for teen in teenagers.collect()[:3]:
    print(teen)
schemaPeople.groupBy("age").count().orderBy("age").show(5)
r = Row(a=1, b=2)
print(r, r.a, r["b"], r[0], "a" in r, len(r), r == Row(a=1, b=2), r.asDict(), Row("x", "y")(1, 2), list(r), r.__fields__, r.count(1), r.index(2))
try:
    r.c
except AttributeError as e:
    print("AttributeError", e)
print(df.rdd.zipWithIndex().map(lambda ri: (ri[0].id, ri[1])).collect(), df.rdd.map(tuple).map(len).collect(), df.rdd.keys().collect())
print(spark.createDataFrame(df.rdd, df.schema).exceptAll(df).count() if False else spark.createDataFrame(df.rdd, df.schema).count())
spark.stop()
