"""Schemas: comparing, evolving, casting, documenting; and the catalog's tables made from them."""
import os
import sys
from collections import OrderedDict
from datetime import date, datetime, timedelta
from decimal import Decimal

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

spark = SparkSession.builder.appName("schemas").master("local[2]").config("spark.sql.warehouse.dir", os.path.join(sys.argv[2], "warehouse")).getOrCreate()
everything = T.StructType([
    T.StructField("b", T.ByteType()), T.StructField("s", T.ShortType()), T.StructField("i", T.IntegerType(), False), T.StructField("l", T.LongType()),
    T.StructField("f", T.FloatType()), T.StructField("d", T.DoubleType()), T.StructField("dec", T.DecimalType(12, 3)), T.StructField("t", T.StringType(), True, {"comment": "a text"}),
    T.StructField("bin", T.BinaryType()), T.StructField("bool", T.BooleanType()), T.StructField("day", T.DateType()), T.StructField("ts", T.TimestampType()),
    T.StructField("ntz", T.TimestampNTZType()), T.StructField("dt", T.DayTimeIntervalType()), T.StructField("a", T.ArrayType(T.IntegerType(), False)),
    T.StructField("m", T.MapType(T.StringType(), T.DoubleType())), T.StructField("st", T.StructType([T.StructField("x", T.IntegerType()), T.StructField("y", T.ArrayType(T.StringType()))])),
])
row = (1, 2, 3, 4, 1.5, 2.5, Decimal("3.125"), "text", bytearray(b"\x01\xff"), True, date(2024, 2, 29), datetime(2024, 2, 29, 12, 30, 1, 5), datetime(1999, 12, 31), timedelta(days=1, seconds=2), [1, 2], {"k": 1.0}, (1, ["z", None]))
df = spark.createDataFrame([row, (None, None, 0) + (None,) * 14], everything)
df.printSchema()
df.show(vertical=True, truncate=40)
print(df.schema.json())
print(df.schema.simpleString())
print([f.name + ":" + f.dataType.typeName() for f in df.schema])
print(df.schema["t"].metadata, df.schema.fieldNames()[:3], df.schema.needConversion(), len(df.schema))
print(df.first())
print(df.select("bin", "dt", "ntz").first().asDict())
for source, target in (("1", "int"), ("abc", "string"), ("2024-02-30", "date"), ("12.5", "decimal(3,1)"), ("true", "boolean"), ("1e3", "double"), ("x", "int")):
    print(source, target, spark.range(1).select(F.lit(source).try_cast(target).alias("v")).first().v)
print(T._parse_datatype_string("a: int, b: array<struct<c: string>>") if hasattr(T, "_parse_datatype_string") else "")
print(T.DataType.fromDDL("a INT NOT NULL, b MAP<STRING, DECIMAL(5,2)>"))


def difference(old, new):
    left, right = ({f.name: f.dataType.simpleString() for f in s} for s in (old, new))
    return {"added": sorted(right.keys() - left.keys()), "removed": sorted(left.keys() - right.keys()), "changed": sorted(k for k in left.keys() & right.keys() if left[k] != right[k])}


first = spark.createDataFrame([(1, "a", 1.0)], ["id", "name", "value"])
second = spark.createDataFrame([Row(id="2", name="b", extra=date(2024, 1, 1))])
print(difference(first.schema, second.schema))
both = first.unionByName(second.withColumn("id", F.col("id").cast("long")), allowMissingColumns=True)
both.orderBy("id").show()
path = os.path.join(sys.argv[2], "evolving")
first.write.parquet(path + "/v=1")
second.withColumn("id", F.col("id").cast("bigint")).write.parquet(path + "/v=2")
merged = spark.read.option("mergeSchema", "true").parquet(path)
print(sorted(merged.columns), merged.count())
spark.sql("CREATE DATABASE IF NOT EXISTS lab COMMENT 'a place to try'")
spark.catalog.setCurrentDatabase("lab")
both.write.mode("overwrite").format("parquet").partitionBy("name").saveAsTable("things")
spark.sql("DESCRIBE things").show(truncate=False)
spark.sql("SHOW PARTITIONS things").show()
spark.sql("ALTER TABLE things ADD COLUMNS (note STRING COMMENT 'free text', score INT)")
spark.sql("INSERT INTO things VALUES (3, 2.5, NULL, 'hello', 7, 'c')")
spark.table("things").orderBy("id").show()
print([(c.name, c.dataType, c.nullable, c.isPartition) for c in spark.catalog.listColumns("things")])
print([(t.name, t.tableType, t.isTemporary, t.namespace) for t in spark.catalog.listTables()])
print([d.name for d in spark.catalog.listDatabases()], spark.catalog.currentDatabase())
spark.sql("COMMENT ON TABLE things IS 'of all kinds'")
spark.sql("ALTER TABLE things SET TBLPROPERTIES ('team' = 'lab', 'retention' = '30')")
print(sorted(r.key for r in spark.sql("SHOW TBLPROPERTIES things").collect() if not r.key.startswith(("transient", "option"))))
spark.sql("INSERT OVERWRITE things PARTITION (name = 'c') SELECT 30, 0.5, NULL, 'again', 8")
print(spark.table("things").filter("name = 'c'").collect())
spark.sql("CREATE OR REPLACE VIEW lab.named AS SELECT id, upper(name) AS name FROM things WHERE name IS NOT NULL")
print(spark.sql("SELECT * FROM lab.named ORDER BY id").collect(), spark.catalog.tableExists("lab.named"))
for statement in ("SELECT nope FROM things", "SELECT * FROM lab.absent", "INSERT INTO things VALUES (1)", "SELEC 1", "CREATE TABLE things (a INT)", "SELECT CAST('x' AS INT)", "SELECT 1 / 0"):
    try:
        print(spark.sql(statement).collect())
    except Exception as error:
        print(statement, "->", type(error).__name__, error.getCondition(), error.getSqlState())
spark.sql("DROP DATABASE lab CASCADE")
print(spark.catalog.databaseExists("lab"), spark.catalog.currentDatabase())
spark.catalog.setCurrentDatabase("default")
od = OrderedDict(z=1, a="x")
print(spark.createDataFrame([od, {"a": "y", "z": 2}]).orderBy("z").collect())
print(spark.createDataFrame([Row("n", "v")(1, [1.0]), Row("n", "v")(2, None)]).collect())
print(spark.createDataFrame([1, 2], "int").collect(), spark.createDataFrame(["x"], T.StringType()).columns)
spark.stop()
