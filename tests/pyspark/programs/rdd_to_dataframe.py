from pyspark.sql import SQLContext, Row, SparkSession
from pyspark import SparkContext
from pyspark.sql.types import *
import datetime
import sys
import decimal

sc = SparkContext("local[2]", "schemas")
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
schemaString = "name age"
fields = [StructField(field_name, StringType(), True) for field_name in schemaString.split()]
df = sqlContext.createDataFrame(parts.map(lambda p: (p[0], p[1].strip())), StructType(fields))
df.show()
df.printSchema()
print(df.schema, df.dtypes)
dicts = [{"name": "A", "score": 1.5, "tags": ["x"]}, {"name": "B", "score": None, "tags": []}]
print(sc.parallelize(dicts).map(lambda d: Row(**d)).toDF().collect())
sqlContext.createDataFrame([Row(**d) for d in dicts]).show()
import warnings
warnings.simplefilter("ignore")
print(sqlContext.createDataFrame(dicts).schema.simpleString())
rdd = sc.parallelize([(1, "a", 2.0, True, datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2, 3, 4, 5), decimal.Decimal("1.10"), [1, 2], {"k": 1}, None, bytearray(b"z"))])
typed = rdd.toDF(StructType([
    StructField("i", LongType()), StructField("s", StringType()), StructField("f", DoubleType()), StructField("b", BooleanType()), StructField("d", DateType()),
    StructField("t", TimestampType()), StructField("dec", DecimalType(10, 2)), StructField("l", ArrayType(IntegerType())), StructField("m", MapType(StringType(), IntegerType())),
    StructField("n", NullType()), StructField("bin", BinaryType())]))
typed.show(truncate=False)
print(typed.first())
print(typed.rdd.map(lambda r: (type(r.d).__name__, type(r.dec).__name__, r.t.isoformat(), r.m["k"], r.asDict()["l"])).collect())
nested = sc.parallelize([Row(id=1, inner=Row(a=1, b="x"), many=[Row(q=1), Row(q=2)])]).toDF()
nested.printSchema()
print(nested.select("inner.a", nested.inner.b, nested.many[0].q, nested["many"].getField("q")).collect())
print(nested.rdd.map(lambda r: (r.inner.a, [m.q for m in r.many], r.asDict(recursive=True))).first())
print(sc.parallelize([("a", 1)]).toDF().columns, sc.parallelize([("a", 1)]).toDF("x string, y int").dtypes, sc.parallelize([1, 2]).map(lambda x: (x,)).toDF(["v"]).collect())
print(sqlContext.createDataFrame(sc.parallelize([1, 2, 3]), IntegerType()).collect(), sqlContext.createDataFrame(["a"], "string").collect())
Person = Row("name", "age")
print(sqlContext.createDataFrame(sc.parallelize([("Z", 1), ("Y", 2)]).map(lambda r: Person(*r))).collect(), Person)
for bad in (lambda: sc.parallelize([1, 2]).toDF(), lambda: sc.parallelize([]).toDF(), lambda: sqlContext.createDataFrame(sc.parallelize([("a",)]), "x int").collect(),
            lambda: sqlContext.createDataFrame([(1, 2)], StructType([StructField("a", IntegerType())])).collect(), lambda: sqlContext.createDataFrame([], ["a"])):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__, str(e).split("\n")[0][:150])
json = sc.parallelize(['{"a": 1, "b": {"c": [1, 2]}}', '{"a": 2}'])
print(sqlContext.read.json(json).collect(), sqlContext.read.json(json).schema.simpleString())
print(df.toJSON().collect(), df.rdd.map(tuple).collect(), df.rdd.map(lambda r: r.asDict()).collect(), df.rdd.flatMap(lambda r: r).collect())
print(df.rdd.zipWithIndex().map(lambda t: (t[1],) + tuple(t[0])).toDF(["index"] + df.columns).collect())
print(df.rdd.getNumPartitions(), df.rdd.first().name)
sc.stop()
