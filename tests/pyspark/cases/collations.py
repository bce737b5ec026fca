"""Columns whose strings have a collation: given schemas, Parquet files, tables, casts and Python functions."""

from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

LCASE = StringType("UTF8_LCASE")
SCHEMA = StructType(
    [
        StructField("a", LCASE, True, {"k": 1}),
        StructField("b", ArrayType(StringType("UTF8_LCASE_RTRIM"))),
        StructField("m", MapType(StringType(), LCASE)),
        StructField("s", StructType([StructField("x", LCASE)])),
        StructField("p", StringType()),
    ]
)
ROWS = [("A", ["b"], {"k": "v"}, ("q",), "z"), ("a", ["B "], {"K": "V"}, ("Q",), "Z")]


def facts(df):
    return {
        "schema": df.schema.json(),
        "as given": df.schema == SCHEMA,
        "types": str(df.dtypes),
        "groups": [row["count"] for row in df.groupBy("a").count().collect()],
        "a": df.filter("a = 'a'").count(),
        "b": df.filter("b[0] = 'b'").count(),
        "s": df.filter("s.x = 'q'").count(),
        "p": df.filter("p = 'z'").count(),
    }


def case_given_schema(spark, tmp):
    return facts(spark.createDataFrame(ROWS, SCHEMA))


def case_given_ddl(spark, tmp):
    df = spark.createDataFrame([("a",), ("A",)], "a string collate UTF8_LCASE")
    return {"schema": df.schema.json(), "rows": df.filter("a = 'A'").count(), "distinct": df.distinct().count()}


def case_no_rows(spark, tmp):
    return {"schema": spark.createDataFrame([], SCHEMA).schema.json()}


def case_parquet(spark, tmp):
    path = str(tmp / "collated")
    spark.createDataFrame(ROWS, SCHEMA).write.parquet(path)
    return facts(spark.read.parquet(path))


def case_table(spark, tmp):
    spark.createDataFrame(ROWS, SCHEMA).write.saveAsTable("collated_columns")
    try:
        return facts(spark.table("collated_columns"))
    finally:
        spark.sql("drop table collated_columns")


def case_reader_schema(spark, tmp):
    path = str(tmp / "json")
    spark.createDataFrame(ROWS, SCHEMA).select("a", "p").write.json(path)
    df = spark.read.schema(StructType([StructField("a", LCASE)])).json(path)
    return {"schema": df.schema.json(), "rows": df.filter("a = 'a'").count()}


def case_casts(spark, tmp):
    df = spark.createDataFrame(ROWS, SCHEMA)
    return {
        "to": df.select(F.col("p").cast(LCASE)).schema.json(),
        "try": df.select(F.col("p").try_cast(LCASE)).schema.json(),
        "from": df.select(F.col("a").cast(StringType()).alias("a")).dtypes[0][1],
        "names": df.select(F.collation("a"), F.collation("p"), F.collation(F.col("p").cast(LCASE)).alias("c")).collect(),
        "equal": df.select(F.col("p").cast(LCASE).alias("p")).distinct().count(),
    }


def case_python_function(spark, tmp):
    df = spark.createDataFrame(ROWS, SCHEMA)
    same = F.udf(lambda text: text, LCASE)
    return {"schema": df.select(same("p").alias("q")).schema.json()}
