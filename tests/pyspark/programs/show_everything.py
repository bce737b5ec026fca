"""How frames are shown: widths, nulls, nested values, binary, wide characters, vertical, numbers of rows, printSchema with levels."""
import datetime as dt
import sys
from decimal import Decimal

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import *

spark = SparkSession.builder.master("local[2]").appName("show").config("spark.sql.session.timeZone", "America/New_York").getOrCreate()
schema = StructType([
    StructField("i", ByteType()), StructField("d", DoubleType()), StructField("f", FloatType()), StructField("dec", DecimalType(20, 5)),
    StructField("s", StringType()), StructField("b", BinaryType()), StructField("day", DateType()), StructField("ts", TimestampType()),
    StructField("ntz", TimestampNTZType()), StructField("iv", DayTimeIntervalType()), StructField("y", ShortType()), StructField("ok", BooleanType()),
    StructField("a", ArrayType(StructType([StructField("x", IntegerType()), StructField("y", ArrayType(StringType()))]))),
    StructField("m", MapType(StringType(), MapType(IntegerType(), DateType()))), StructField("n", NullType()),
])
rows = [
    (1, 1.0, 0.1, Decimal("12345.6"), "plain", bytearray(b"abc"), dt.date(2024, 2, 29), dt.datetime(2024, 3, 10, 12, 0), dt.datetime(1999, 12, 31, 23, 59, 59, 5), dt.timedelta(days=1, seconds=5), None, True, [Row(x=1, y=["a", None])], {"k": {1: dt.date(1970, 1, 1)}}, None),
    (-128, float("nan"), float("inf"), Decimal("-0.00001"), "tab\there\nnewline \\ back", b"\x00\xff", dt.date(1, 1, 1), dt.datetime(1900, 1, 1), dt.datetime(9999, 12, 31), dt.timedelta(microseconds=-1), -1, False, [], {}, None),
    (None,) * 15,
    (7, 1e-7, 1e10, Decimal("0"), "漢字 and é, and a text that is longer than twenty characters", b"", dt.date(9999, 12, 31), dt.datetime(2024, 7, 1, 0, 0, 0, 123000), dt.datetime(2024, 1, 1, 1), dt.timedelta(0), 0, None, [None, Row(x=None, y=None)], {"": None, "z": {}}, None),
]
rows = [tuple(list(r)[:10] + [None] + list(r)[11:]) for r in rows]
df = spark.createDataFrame(rows, schema)
df.show()
df.show(2)
df.show(1, False)
df.show(3, 8)
df.show(n=4, truncate=3, vertical=False)
df.show(2, vertical=True)
df.show(10, truncate=True, vertical=True)
df.select("s", "b").show(10, 0, True)
df.printSchema()
df.printSchema(1)
df.printSchema(2)
df.select("i").limit(0).show()
df.select().show(2)
spark.range(25).show()
spark.range(25).show(25)
spark.range(3).toDF("a very long name of a column that is not cut at all").show()
spark.createDataFrame([("x" * 30, "y" * 20, "z" * 21)], ["a", "b", "c"]).show()
print(df._jdf.showString(2, 20, False) if hasattr(df, "_jdf") else "")
print(df.schema.simpleString())
print(df.schema.json()[:300])
print(df.schema.treeString() if hasattr(df.schema, "treeString") else "no tree")
print(df)
print(df.select("a", "m").schema)
print(df.dtypes)
for row in df.select("i", "d", "f", "dec", "s", "b", "day", "ntz", "iv", "ok", "a", "m").collect():
    print(row)
for text in df.drop("ts").toJSON().collect():
    print(text)
# casts of the same to strings
strings = df.select(*[F.col(c).cast("string").alias(c) for c in ("d", "f", "dec", "b", "day", "ts", "ntz", "iv", "a", "m")])
for row in strings.collect():
    print(tuple(row))
odd = spark.sql("""SELECT named_struct('a', 1, 'b', array(1.5D, NULL)) s, map('k', named_struct('z', DATE'2020-01-01')) m, array(array(), array(NULL)) aa,
  X'CAFE' x, INTERVAL '1-2' YEAR TO MONTH ym, INTERVAL 1 DAY d1, INTERVAL '1 02:03:04.5' DAY TO SECOND ds, make_interval(1,2,3,4,5,6,7.5) ci,
  1e300 big, -0.0D nz, 1.0E-3BD bd, CAST('1e-8' AS FLOAT) f, TIMESTAMP'2024-01-01 00:00:00' t, TIMESTAMP_NTZ'2024-01-01 00:00:00.1' n, parse_json('{"a":[1,null,"x"]}') v""")
odd.show(truncate=False)
odd.show(vertical=True, truncate=30)
odd.printSchema()
print(odd.drop("v", "ci", "ym").first())
import pandas as pd
with pd.option_context("display.max_columns", 30, "display.width", 250):
    print(df.where("i = 1 OR i IS NULL").select("i", "d", "s", "day", "ntz", "ok").toPandas())
    print(df.where("i = 1").select("i", "d", "f", "s", "day", "ts", "ok").toPandas().dtypes)
spark.conf.set("spark.sql.repl.eagerEval.enabled", True)
spark.conf.set("spark.sql.repl.eagerEval.maxNumRows", 2)
spark.conf.set("spark.sql.repl.eagerEval.truncate", 6)
print(repr(df.select("i", "s", "day")))
print(df.select("s", "ok")._repr_html_())
spark.conf.unset("spark.sql.repl.eagerEval.enabled")
print(repr(df.select("i", "s")), df.select("i")._repr_html_())
spark.stop()
