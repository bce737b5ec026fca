"""VARIANTs in Parquet that Spark wrote with columns for their parts."""

import pathlib

FILE = pathlib.Path(__file__).resolve().parent.parent / "files" / "shredded.parquet"


def rows(df):
    return [str(row) for row in df.orderBy("id").collect()]


def case_values(spark, tmp):
    df = spark.read.parquet(str(FILE))
    texts = df.selectExpr("id", "to_json(v) v", "schema_of_variant(v) shape")
    return {"schema": df.schema.simpleString(), "values": rows(df), "texts": rows(texts)}


def case_parts(spark, tmp):
    df = spark.read.parquet(str(FILE))
    parts = df.selectExpr("id", "v:a::string a", "v:d.e::string e", "v:c[1]::string c", "v:z.y z")
    sums = df.selectExpr("count(v)", "sum(try_variant_get(v, '$.a', 'bigint'))", "max(v:b::string)")
    some = df.where("v:d.f::string = '2020-01-01' or is_variant_null(v)").select("id")
    return {"parts": rows(parts), "sums": [str(row) for row in sums.collect()], "some": rows(some)}
