from pyspark.sql import SparkSession
from pyspark.sql.functions import udf, col, lit, when, struct, array, create_map
from pyspark.sql.types import *
spark = SparkSession.builder.master("local[2]").appName("nulls").getOrCreate()
df = spark.createDataFrame([("john doe", 1, 2.5), (None, None, None), ("", 3, float("nan"))], "name string, n int, x double")
def convertCase(str):
    resStr = ""
    arr = str.split(" ")
    for x in arr:
        resStr = resStr + x[0:1].upper() + x[1:len(x)] + " "
    return resStr
convertUDF = udf(lambda z: convertCase(z) if z is not None else "", StringType())
df.select(col("n"), convertUDF(col("name")).alias("name")).show(truncate=False)
try:
    df.select(udf(convertCase)("name")).collect()
except Exception as e:
    text = str(e)
    print(type(e).__name__, "AttributeError: 'NoneType' object has no attribute 'split'" in text)
# the return type is string by default: whatever comes is made a string
df.select(udf(lambda n: n)("n").alias("int"), udf(lambda x: x)("x").alias("dbl"), udf(lambda n: [n, 1])("n").alias("list"),
          udf(lambda n: {"k": n})("n").alias("map"), udf(lambda n: n is None)("n").alias("bool"), udf(lambda n: (n, "a"))("n").alias("tuple")).show(truncate=False)
# wrong types: an error or another value, each by itself
import datetime, decimal
def tried(name, function, returned, column="n"):
    try:
        print(name, [r[0] for r in df.select(udf(function, returned)(column)).collect()])
    except Exception as e:
        print(name, type(e).__name__, [line.strip()[:120] for line in str(e).splitlines() if line.startswith(("pyarrow", "TypeError", "ValueError", "OverflowError", "AttributeError"))])
tried("text as int", lambda n: str(n), IntegerType())
tried("int as double", lambda n: 1, DoubleType())
tried("float as int", lambda n: 1.9, IntegerType())
tried("whole float as int", lambda n: 2.0, IntegerType())
tried("text as boolean", lambda n: "true", BooleanType())
tried("int as boolean", lambda n: 1, BooleanType())
tried("boolean as int", lambda n: True, IntegerType())
tried("too large byte", lambda n: 300, ByteType())
tried("too large int", lambda n: 2 ** 40, IntegerType())
tried("too large long", lambda n: 2 ** 70, LongType())
tried("bytes as text", lambda n: b"ab", StringType())
tried("text as bytes", lambda n: "ab", BinaryType())
tried("date", lambda n: datetime.date(2020, 1, 2), DateType())
tried("date as text", lambda n: datetime.date(2020, 1, 2), StringType())
tried("time as date", lambda n: datetime.datetime(2020, 1, 2, 3), DateType())
tried("date as time", lambda n: datetime.date(2020, 1, 2), TimestampType())
tried("text as date", lambda n: "2020-01-02", DateType())
tried("time", lambda n: datetime.datetime(2020, 1, 2, 3), TimestampType())
tried("delta", lambda n: datetime.timedelta(1, 2), DayTimeIntervalType())
tried("decimal", lambda n: decimal.Decimal("1.5"), DecimalType(5, 2))
tried("decimal as text", lambda n: decimal.Decimal("1.5"), StringType())
tried("int as decimal", lambda n: 3, DecimalType(5, 2))
tried("float as decimal", lambda n: 3.5, DecimalType(5, 2))
tried("too long decimal", lambda n: decimal.Decimal("12345.678"), DecimalType(5, 2))
tried("tuple as list", lambda n: (1, 2), ArrayType(IntegerType()))
tried("set as list", lambda n: {1}, ArrayType(IntegerType()))
tried("list as struct", lambda n: [1, "a"], "a int, b string")
tried("short tuple", lambda n: (1,), "a int, b string")
tried("dict as struct", lambda n: {"b": "x", "a": 5}, "a int, b string")
tried("texts in list", lambda n: ["1", 2], "array<int>")
tried("dict", lambda n: {1: "a"}, "map<int,string>")
tried("dict of other keys", lambda n: {"1": "a"}, "map<int,string>")
tried("numpy", lambda n: __import__("numpy").int64(3), LongType())
tried("numpy as float", lambda n: __import__("numpy").float32(1.5), DoubleType())
tried("array as list", lambda n: __import__("numpy").array([1, 2]), ArrayType(LongType()))
tried("nan", lambda n: float("nan"), FloatType())
tried("none", lambda n: None, LongType())
tried("object", lambda n: type("Own", (), {"__str__": lambda self: "own"})(), StringType())
@udf(returnType=ArrayType(StringType()))
def letters(s):
    return list(s) if s else None
@udf("struct<first:string,n:int>")
def pair(s):
    return (s[:1], len(s)) if s is not None else None
@udf("map<string,int>")
def counted(s):
    return {c: s.count(c) for c in sorted(set(s))} if s else {}
df.select(letters("name"), pair("name"), pair("name")["n"].alias("n"), counted("name")).show(truncate=False)
df.filter(udf(lambda s: bool(s), BooleanType())(col("name"))).show()
df.withColumn("len", udf(lambda s: len(s or ""), "int")("name")).orderBy("len").select("len").show()
df.select(udf(lambda a, b: "%s-%s" % (a, b))("name", "n").alias("joined"), udf(lambda r: r["name"] or r.n)(struct("name", "n")).alias("row"), udf(lambda a: sum(x or 0 for x in a), "long")(array("n", lit(5))).alias("arr"),
          udf(lambda m: sorted(m), "array<string>")(create_map(lit("b"), "n", lit("a"), lit(1))).alias("keys")).show(truncate=False)
df.groupBy(udf(lambda s: s is None, "boolean")("name").alias("missing")).count().orderBy("missing").show()
safe = udf(lambda s: s.upper(), StringType())
df.select(when(col("name").isNotNull(), col("name")).otherwise(lit("?")).alias("name")).select(safe("name")).show()
print(safe.returnType, safe.deterministic, safe.asNondeterministic().deterministic, df.select(safe("name")).columns, convertUDF.__name__)
random_like = udf(lambda: 7, IntegerType()).asNondeterministic()
df.select(random_like().alias("seven")).show(1)
try:
    udf(lambda x: x, "nonsense")
    df.select(udf(lambda x: x, "nonsense")("n"))
except Exception as e:
    print(type(e).__name__)
spark.stop()
