"""What programs do with errors: conditions, states, parameters, query contexts, messages, and what went wrong in functions."""
import sys
import traceback

from pyspark.errors import (
    AnalysisException, ArithmeticException, ArrayIndexOutOfBoundsException, DateTimeException, IllegalArgumentException, NumberFormatException,
    ParseException, PySparkException, PySparkTypeError, PySparkValueError, PythonException, SparkRuntimeException)
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.functions import col, lit, pandas_udf, raise_error, udf
from pyspark.sql.types import IntegerType
from pyspark.sql.window import Window

out = sys.argv[2]
spark = SparkSession.builder.master("local[2]").appName("errors").getOrCreate()
df = spark.createDataFrame([(1, "a", None), (2, "b", 3.5)], "id int, name string, v double")
df.createOrReplaceTempView("t")


@udf("int")
def fails(x):
    return 1 // (x - 1)


@udf(IntegerType())
def wrong_type(x):
    return "text"


@pandas_udf("long")
def short(s):
    return s[:0]


cases = {
    "missing column": lambda: df.select("nme").show(),
    "ambiguous": lambda: df.alias("a").join(df.alias("b"), "id").select("name").show(),
    "bad cast": lambda: df.limit(1).select(col("name").cast("int")).collect(),
    "bad type": lambda: df.select(col("id").cast("integerr")).show(),
    "array index": lambda: spark.sql("SELECT array(1, 2)[id + 1] FROM t WHERE id = 2").collect(),
    "struct field": lambda: df.select(F.struct("id").alias("s")).select("s.nope").show(),
    "missing column far": lambda: df.select(col("zzzzzz")).show(),
    "missing attribute": lambda: df.nme,
    "missing table": lambda: spark.table("no_such_table"),
    "missing path": lambda: spark.read.parquet(out + "/nowhere").count(),
    "no schema": lambda: spark.read.csv(out + "/").columns,
    "exists": lambda: (df.write.parquet(out + "/p"), df.write.parquet(out + "/p")),
    "bad mode": lambda: df.write.mode("replace").parquet(out + "/q"),
    "syntax": lambda: spark.sql("SELECT id FROM t WHER id = 1 AND"),
    "no aggregate": lambda: df.groupBy("id").agg(col("name")).collect(),
    "aggregate in where": lambda: df.where(F.sum("id") > 1).collect(),
    "window without order": lambda: df.select(F.row_number().over(Window.partitionBy("id"))).collect(),
    "bad date": lambda: spark.sql("SELECT to_date('2024-13-01')").collect(),
    "date format": lambda: spark.sql("SELECT to_timestamp('01/02/2024', 'yyyy-MM-dd')").collect(),
    "division": lambda: df.select(col("id") / lit(0)).collect(),
    "overflow": lambda: spark.sql("SELECT 2147483647 + id FROM t ORDER BY id").collect(),
    "decimal": lambda: spark.sql("SELECT CAST(12345.678 AS DECIMAL(5, 2))").collect(),
    "map key": lambda: spark.sql("SELECT element_at(array(1), 0)").collect(),
    "types": lambda: df.select(col("id") + F.array(lit(1))).collect(),
    "filter not boolean": lambda: df.filter(col("id") + 1).collect(),
    "union": lambda: df.union(df.select("id")).collect(),
    "union types": lambda: df.select("id").union(df.select(F.array("id"))).collect(),
    "unionByName": lambda: df.unionByName(df.drop("v").withColumn("w", lit(1))).collect(),
    "raise_error": lambda: df.select(raise_error(lit("my message"))).collect(),
    "assert_true": lambda: df.select(F.assert_true(col("id") < 2, lit("too big"))).collect(),
    "condition truth": lambda: df.filter(col("id") > 1 and col("id") < 3),
    "withColumn": lambda: df.withColumn("x", 5),
    "show": lambda: df.show("5"),
    "fillna": lambda: df.fillna([1]),
    "join columns": lambda: df.join(df.withColumnRenamed("id", "i"), "id").collect(),
    "limit": lambda: df.limit(-1).collect(),
    "sample": lambda: df.sample(2.0).collect(),
    "randomSplit": lambda: df.randomSplit([-1.0, 2.0]),
    "temp view": lambda: df.createTempView("t"),
    "udf": lambda: df.select(fails("id")).collect(),
    "udf type": lambda: df.select(wrong_type("id")).collect(),
    "pandas udf": lambda: df.select(short("id")).collect(),
    "udf name": lambda: spark.sql("SELECT nofunc(id) FROM t"),
    "arguments": lambda: spark.sql("SELECT substring('a') FROM t"),
    "argument types": lambda: spark.sql("SELECT date_add('x', DATE'2024-01-01')").collect(),
    "conf": lambda: spark.conf.set("spark.sql.shuffle.partitions", "many"),
    "static conf": lambda: spark.conf.set("spark.sql.warehouse.dir", "/x"),
    "no conf": lambda: spark.conf.get("no.such.key"),
    "create twice": lambda: (spark.sql("CREATE TABLE e1 (a INT) USING parquet"), spark.sql("CREATE TABLE e1 (a INT) USING parquet")),
    "insert columns": lambda: spark.sql("INSERT INTO e1 VALUES (1, 2)"),
    "insert type": lambda: spark.sql("INSERT INTO e1 VALUES ('x')"),
    "drop missing": lambda: spark.sql("DROP TABLE nothing_here"),
    "column in table": lambda: spark.sql("SELECT b FROM e1"),
    "drop the table": lambda: spark.sql("DROP TABLE e1"),
    "function": lambda: F.date_format(5),
    "explode two": lambda: df.select(F.explode(F.array("id")), F.explode(F.array("id"))).collect(),
    "nested aggregate": lambda: df.agg(F.sum(F.max("id"))).collect(),
    "duplicate": lambda: df.select("id", "id").write.parquet(out + "/dup"),
    "char in parquet": lambda: df.select(col("id").alias("a b,;")).write.mode("overwrite").parquet(out + "/names"),
}
for title, work in cases.items():
    try:
        work()
        print(title, "| went")
    except PySparkException as error:
        try:
            condition, state, parameters = error.getCondition(), error.getSqlState(), error.getMessageParameters()
        except Exception as inner:
            condition, state, parameters = type(inner).__name__, None, None
        kinds = [k.__name__ for k in (AnalysisException, ParseException, ArithmeticException, DateTimeException, NumberFormatException, ArrayIndexOutOfBoundsException, IllegalArgumentException, PythonException, SparkRuntimeException, PySparkTypeError, PySparkValueError) if isinstance(error, k)]
        contexts = [(c.fragment(), c.objectName()) for c in error.getQueryContext() if "QueryContextType.SQL" in str(c.contextType())] if condition and condition != "UNRESOLVED" else []
        parameters = {k: v for k, v in (parameters or {}).items() if k not in ("location", "traceback", "path", "outputPath", "proposal", "msg", "sqlExpr", "paths")}
        first = str(error).split("\n")[0].rstrip(";")
        print(title, "|", type(error).__name__, "|", condition, state, "|", sorted(parameters.items()), "|", kinds, "|", contexts, "|", first.replace(out, "OUT")[:160] if "Py4J" not in first else "")
    except Exception as error:
        print(title, "|", type(error).__name__, "|", str(error).split("\n")[0].replace(out, "OUT")[:160])
try:
    spark.sql("SELECT id, name\nFROM t\nWHERE id / 0 > 1").collect()
except ArithmeticException as error:
    print(str(error).split("JVM stacktrace")[0].strip())
try:
    df.select(fails("id")).collect()
except PythonException as error:
    print("ZeroDivisionError" in str(error), "fails" in str(error) or "return 1 //" in str(error))
try:
    spark.sql("SELECT 1 +\nFROM t\nORDER id")
except ParseException as error:
    print(str(error))
spark.catalog.dropTempView("t")
spark.stop()
