"""Where errors surface: readers and columns that are not there are told when they are named, not when an action runs."""
import os
import sys
from pyspark.sql import SparkSession, functions as F
from pyspark.sql.utils import AnalysisException
from pyspark.sql.types import StructType, StructField, IntegerType, StringType

spark = SparkSession.builder.master("local[2]").appName("eager").getOrCreate()


def read_or_default(path):
    try:
        return spark.read.parquet(path)
    except AnalysisException as e:
        print("no data at", os.path.basename(path), str(e).split("]")[0] + "]")
        return spark.createDataFrame([], "id INT, name STRING")


empty = read_or_default(sys.argv[2] + "/state")
print(empty.count(), empty.columns)
more = empty.union(spark.createDataFrame([(1, "a")], "id INT, name STRING"))
more.write.parquet(sys.argv[2] + "/state")
print(read_or_default(sys.argv[2] + "/state").count())
df = spark.createDataFrame([(1, "x", 2.5), (2, "y", None)], ["id", "name", "value"])


def attempt(title, call):
    try:
        call()
        print(title, "fine")
    except AnalysisException as e:
        print(title, "AnalysisException", str(e).split(". Did")[0].split(" SQLSTATE")[0].split(";")[0])
    except Exception as e:
        print(title, type(e).__name__, str(e).split("\n")[0].split(" SQLSTATE")[0][:120])


attempt("csv", lambda: spark.read.csv(sys.argv[2] + "/none.csv"))
attempt("json", lambda: spark.read.option("multiLine", True).json(sys.argv[2] + "/none.json"))
attempt("text", lambda: spark.read.text(sys.argv[2] + "/none.txt"))
attempt("load", lambda: spark.read.format("orc").load(sys.argv[2] + "/none.orc"))
attempt("with schema", lambda: spark.read.schema("a INT").csv(sys.argv[2] + "/none.csv"))
attempt("table", lambda: spark.table("no_such_table"))
attempt("sql", lambda: spark.sql("SELECT * FROM no_such_table"))
attempt("column of sql", lambda: spark.sql("SELECT nope FROM (SELECT 1 AS a)"))
attempt("attribute", lambda: df.nope)
attempt("item", lambda: df["nope"])
attempt("has", lambda: print(hasattr(df, "name"), hasattr(df, "nope"), "name" in df.columns))
attempt("select", lambda: df.select("nope").collect())
attempt("filter", lambda: df.filter("nope > 1").collect())
attempt("filter column", lambda: df.filter(F.col("nope") > 1).collect())
attempt("withColumn", lambda: df.withColumn("z", F.col("nope") + 1).collect())
attempt("groupBy", lambda: df.groupBy("nope").count().collect())
attempt("agg", lambda: df.groupBy("name").agg(F.sum("nope")).collect())
attempt("join", lambda: df.join(df.withColumnRenamed("id", "key"), "id").collect())
attempt("orderBy", lambda: df.orderBy("nope").collect())
attempt("drop", lambda: df.drop("nope").collect())
attempt("rename", lambda: df.withColumnRenamed("nope", "z").collect())
attempt("union", lambda: df.union(df.select("id")).collect())
attempt("unionByName", lambda: df.unionByName(df.select("id", "name")).collect())
attempt("intersect", lambda: df.select("id").intersect(df).collect())
attempt("type", lambda: df.select(F.col("name") + F.array(F.lit(1))).collect())
attempt("selectExpr", lambda: df.selectExpr("nofunction(id)").collect())
attempt("where sum", lambda: df.where(F.sum("id") > 1).collect())
attempt("pivot", lambda: df.groupBy("id").pivot("nope").count().collect())
attempt("fillna", lambda: df.fillna(0, subset=["nope"]).collect())
attempt("ambiguous", lambda: df.join(df.withColumn("w", F.lit(1)), F.lit(True)).select("id").collect())
attempt("mode", lambda: df.write.parquet(sys.argv[2] + "/state"))
attempt("schema", lambda: spark.createDataFrame([("a",)], StructType([StructField("x", IntegerType())])))
attempt("short row", lambda: spark.createDataFrame([("a",)], StructType([StructField("x", StringType()), StructField("y", StringType())])))
attempt("null", lambda: spark.createDataFrame([(None,)], StructType([StructField("x", IntegerType(), False)])))
attempt("ragged", lambda: spark.createDataFrame([(1,), ("a",)], ["x"]))
attempt("bad names", lambda: spark.createDataFrame([(1, 2)], ["x"]).columns)
attempt("conf", lambda: spark.conf.get("spark.no.such.key"))
attempt("col and", lambda: df.filter((df.id > 1) and (df.id < 3)))
attempt("show arg", lambda: df.show("x"))
attempt("limit", lambda: df.limit(-1).collect())
attempt("order bool", lambda: df.orderBy(df.id, ascending="x"))
attempt("stop", lambda: spark.stop())
