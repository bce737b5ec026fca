import sys
import traceback
from pyspark import SparkContext
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf, col, pandas_udf
from pyspark.sql.types import IntegerType
from pyspark.sql.utils import AnalysisException, ParseException

spark = SparkSession.builder.master("local[2]").appName("errors").getOrCreate()
sc = spark.sparkContext
sc.setLogLevel("OFF")


class Broken(Exception):
    pass


def parse(line):
    if line == "bad":
        raise Broken("cannot parse %r" % line)
    return int(line)


def user_lines(e):
    text = str(e)
    return [l.strip() for l in text.split("\n") if "Broken" in l or "ZeroDivision" in l or "KeyError" in l or "ValueError" in l][:1]


lines = sc.parallelize(["1", "bad", "2"], 3)
try:
    lines.map(parse).collect()
except Exception as e:
    print(type(e).__name__, user_lines(e), "in parse" in str(e), "Broken: cannot parse 'bad'" in str(e))


def safe(line):
    try:
        return [parse(line)]
    except Broken:
        return []


print(lines.flatMap(safe).sum())
for name, work in [
    ("zero", lambda: sc.parallelize([1, 0]).map(lambda x: 1 / x).collect()),
    ("key", lambda: sc.parallelize([{"a": 1}]).map(lambda d: d["b"]).count()),
    ("int", lambda: sc.parallelize(["x"]).map(int).reduce(lambda a, b: a + b)),
    ("nested", lambda: sc.parallelize([1]).map(lambda x: sc.parallelize([x]).count()).collect()),
    ("pairs", lambda: sc.parallelize([1, 2]).reduceByKey(lambda a, b: a + b).collect()),
    ("unhashable", lambda: sc.parallelize([([1], 2)]).groupByKey().collect()),
    ("open file", lambda: sc.parallelize([1]).map(lambda x, f=open(__file__): x).collect()),
    ("sort", lambda: sc.parallelize([1, "a"]).sortBy(lambda x: x).collect()),
]:
    try:
        print(name, work())
    except Exception as e:
        print(name, type(e).__name__, user_lines(e))


@udf("int")
def risky(x):
    if x == 3:
        raise ValueError("three is not allowed")
    return x * 2


df = spark.range(5)
try:
    df.select(risky("id")).show()
except Exception as e:
    print(type(e).__name__, [l for l in str(e).split("\n") if l.startswith("ValueError")], 'raise ValueError("three' in str(e))
df.filter("id < 3").select(risky("id").alias("twice")).show()
wrong = udf(lambda x: str(x), IntegerType())
df.select(wrong("id")).show(2)
print(df.select(udf(lambda x: 1.5, "int")("id").alias("v")).distinct().collect(), df.select(udf(lambda x: None, "string")("id").alias("v")).first())


@pandas_udf("long")
def short(s):
    return s[:1]


try:
    df.select(short("id")).collect()
except Exception as e:
    print(type(e).__name__, "SCHEMA_MISMATCH" in str(e) or "Result vector" in str(e) or "length" in str(e).lower())
for statement in ["SELEC 1", "SELECT * FROM nowhere", "SELECT nope FROM (SELECT 1 AS a)", "SELECT 1/0", "SELECT cast('x' AS int)", "SELECT nofunction(1)"]:
    try:
        spark.sql(statement).collect()
    except ParseException as e:
        print("parse", str(e).strip().split("\n")[0])
    except AnalysisException as e:
        print("analysis", str(e).split("\n")[0].split(";")[0])
    except Exception as e:
        print(type(e).__name__, str(e).split("\n")[0].split("Use `try")[0])
for call in [lambda: df.select("missing"), lambda: df.missing, lambda: df["missing"], lambda: df.join(df, "no"), lambda: spark.read.parquet("/nonexistent/x"), lambda: df.groupBy("zz").count()]:
    try:
        call().collect()
        print("no error")
    except Exception as e:
        print(type(e).__name__, str(e).split("\n")[0].split(" SQLSTATE")[0][:160])
spark.stop()
try:
    spark.range(1).count()
    print("no error")
except Exception as e:
    print("stopped")
try:
    sc.parallelize([1]).count()
    print("no error")
except Exception as e:
    print("stopped")
