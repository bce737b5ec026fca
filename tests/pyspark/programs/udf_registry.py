import sys
import datetime
import functools
from decimal import Decimal
from pyspark.sql import SparkSession, Row
from pyspark.sql.functions import udf, col, struct, array, lit, expr, create_map, collect_list, sort_array
from pyspark.sql.types import *

spark = SparkSession.builder.master("local[2]").appName("functions").getOrCreate()
sc = spark.sparkContext
df = spark.createDataFrame([(1, "ann lee", 20.5, datetime.date(2020, 2, 29)), (2, "bob", None, None), (3, None, -3.0, datetime.date(1999, 12, 31))], "id INT, name STRING, v DOUBLE, d DATE")
df.createOrReplaceTempView("t")


def initials(name):
    """The first letters."""
    return None if name is None else "".join(p[0].upper() for p in name.split())


spark.udf.register("initials", initials)
spark.udf.register("plus", lambda x, y: x + y, IntegerType())
spark.udf.register("parts", lambda s: (s or "").split(), ArrayType(StringType()))
spark.udf.register("age", lambda d: None if d is None else 2024 - d.year, "int")
spark.udf.register("both", lambda a, b: {"a": str(a), "b": str(b)}, MapType(StringType(), StringType()))
spark.udf.register("point", lambda x: Row(x=x, y=float(x) if x is not None else None), "x INT, y DOUBLE")
spark.sql("SELECT id, initials(name) AS i, plus(id, 10) AS p, parts(name) AS s, age(d) AS a FROM t").show()
spark.sql("SELECT both(id, name) m, point(id).y, point(id) FROM t WHERE initials(name) IS NOT NULL ORDER BY id DESC").show(truncate=False)
spark.sql("SELECT initials(name) i, count(*) n FROM t GROUP BY initials(name) ORDER BY n, i NULLS FIRST").show()
spark.sql("SELECT a.id FROM t a JOIN t b ON plus(a.id, 1) = b.id").show()
spark.sql("SELECT plus(max(id), min(id)) s, max(plus(id, id)) m FROM t").show()
spark.sql("SELECT id, row_number() OVER (ORDER BY initials(name) NULLS LAST, id) r FROM t").show()
spark.sql("SELECT CASE WHEN initials(name) = 'AL' THEN 'yes' ELSE 'no' END c FROM t").show()
factor = 3
scale = udf(lambda x: None if x is None else x * factor, "double")
df.select(scale("v"), scale(col("v") + 1).alias("w"), scale(scale("v"))).show()
factor = 5
df.select(scale("v").alias("late")).show(1)
table = sc.broadcast({1: "one", 3: "three"})
name_of = udf(lambda i: table.value.get(i, "?"))
df.withColumn("n", name_of("id")).filter(name_of("id") != "?").orderBy("id").show()
total = udf(lambda r: r.id + len(r["name"] or ""), "int")
df.select(total(struct("id", "name")).alias("t"), udf(sum, "int")(array("id", lit(2))).alias("s"), udf(lambda m: sorted(m.items()), "array<struct<k:string,v:int>>")(create_map(lit("k"), "id")).alias("m")).where("t > 3").show(truncate=False)
agg = udf(lambda xs: max(xs) - min(xs), IntegerType())
df.groupBy((col("id") % 2).alias("odd")).agg(agg(collect_list("id")).alias("range")).orderBy("odd").show()
half = functools.partial(lambda by, x: x / by, 2)
df.select(udf(half, "double")("id")).show()


class Counter:
    def __init__(self):
        self.n = 0

    def __call__(self, x):
        self.n += 1
        return self.n > 0


df.select(udf(Counter(), BooleanType())("id").alias("seen")).distinct().show()
calls = sc.accumulator(0)


@udf("int")
def counted(x):
    calls.add(1)
    return x


df.select(counted("id")).collect()
print("calls", calls.value)
typed = udf(lambda x: x, "decimal(10,2)")
print(spark.range(1).select(udf(lambda _: Decimal("1.234"), "decimal(10,2)")("id").alias("d"), udf(lambda _: datetime.datetime(2024, 1, 1, 12), "timestamp")("id").alias("t"), udf(lambda _: bytearray(b"x"), "binary")("id").alias("b"), udf(lambda _: [1, None], "array<int>")("id").alias("a")).collect())
rnd = udf(lambda: 4, "int").asNondeterministic()
print(spark.range(2).select(rnd().alias("r")).collect(), rnd.deterministic, scale.deterministic, scale.returnType, initials.__doc__)
print(spark.range(3).select(udf(lambda x: "s%d" % x)("id").alias("u")).filter("u like '%1'").collect(), spark.catalog.functionExists("initials"))
print([f for f in ("initials", "plus") if f in [x.name for x in spark.catalog.listFunctions()]])
spark.stop()
