import sys
import datetime, decimal
from pyspark.sql import SparkSession, Row
from pyspark.sql.functions import udf, col, lit, array, struct, create_map, expr
from pyspark.sql.types import *
spark = SparkSession.builder.master("local[2]").config("spark.sql.session.timeZone", "UTC").getOrCreate()
df = spark.createDataFrame([Row(i=1, l=2**40, f=1.5, d=datetime.date(2024, 2, 29), t=datetime.datetime(2024, 1, 1, 12, 30, 15, 123456), s="x", b=bytearray(b"ab"), dec=decimal.Decimal("12.340"), a=[1, 2], m={"k": 1.0}, r=Row(p=1, q="z"), n=None, bo=True)], "i int, l long, f float, d date, t timestamp, s string, b binary, dec decimal(10,3), a array<int>, m map<string,double>, r struct<p:int,q:string>, n string, bo boolean")
show = udf(lambda v: "%s %r" % (type(v).__name__, v))
for c in df.columns:
    print(c, df.select(show(c)).first()[0])
for t, v in [("int", 5), ("int", 5.5), ("int", "5"), ("string", 5), ("string", 1.0), ("string", True), ("double", 5), ("float", 2.25), ("boolean", 1), ("date", datetime.date(2024, 1, 1)), ("date", "2024-01-01"), ("timestamp", datetime.datetime(2024, 1, 1)), ("decimal(10,2)", decimal.Decimal("1.239")), ("binary", b"q"), ("binary", "q"), ("array<int>", [1, None]), ("array<int>", (1, 2)), ("map<string,int>", {"a": 1}), ("a int, b string", (1, "x")), ("a int, b string", {"b": "x", "a": 2}), ("a int, b string", Row(b="y", a=3)), ("array<string>", [1, 2]), ("byte", 300), ("long", 2**40), ("void", None), ("interval day to second", datetime.timedelta(hours=5)), ("timestamp_ntz", datetime.datetime(2024, 1, 1, 1))]:
    for arrow in (False, True):
        try:
            print(t, repr(v), arrow, spark.range(1).select(udf(lambda _: v, t, useArrow=arrow)("id").alias("x")).first()[0])
        except Exception as e:
            print(t, repr(v), arrow, type(e).__name__, [l for l in str(e).split("\n") if "Error" in l or "xception:" in l][-1:][0][:120] if [l for l in str(e).split("\n") if "Error" in l or "xception:" in l] else str(e).split("\n")[0][:120])
spark.stop()
