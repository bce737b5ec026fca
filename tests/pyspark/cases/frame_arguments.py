"""What DataFrame methods do with unusual arguments: schemas to fit, metrics, names that are not there, nothing at all."""

import datetime
import os
from decimal import Decimal

from pyspark.sql import Observation, Row, Window
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType, BooleanType, DateType, IntegerType, LongType, MapType, ShortType, StringType, StructField, StructType,
)
from support.cases import failure, shown


def people(spark):
    return spark.createDataFrame(
        [(1, "Ada", 10, 100.5), (2, "Bob", 20, 200.0), (3, "Cy", 20, None), (4, None, None, 50.25), (5, "Eve", 10, 300.75)],
        "id INT, name STRING, dept INT, pay DOUBLE",
    )


def case_to_schema(spark, tmp):
    df = people(spark)
    of = lambda name, kind, nullable=True: StructType([StructField(name, kind, nullable)])  # noqa: E731
    lists = df.select(F.array("id").alias("s"))
    maps = df.select(F.create_map(F.lit("a"), "dept").alias("s"))
    inner = df.select(F.struct("id", "name").alias("s"))
    days = spark.createDataFrame([(datetime.timedelta(days=1),)], "i interval day to second")
    return {
        "wider": df.to(StructType([StructField("pay", StringType()), StructField("id", LongType())])),
        "narrower": df.to(StructType([StructField("dept", ShortType())])),
        "text to number": failure(lambda: df.to(of("name", IntegerType()))),
        "text to date": failure(lambda: df.to(of("name", DateType()))),
        "number to boolean": failure(lambda: df.to(of("id", BooleanType()))),
        "not null": failure(lambda: df.to(of("id", IntegerType(), False))),
        "missing": df.to(of("zz", StringType())),
        "missing, not null": failure(lambda: df.to(of("zz", StringType(), False))),
        "field": failure(lambda: inner.to(of("s", StructType([StructField("name", IntegerType())])))),
        "elements": lists.to(of("s", ArrayType(StringType()))),
        "elements not null": failure(lambda: lists.to(of("s", ArrayType(BooleanType(), False)))),
        "values not null": failure(lambda: maps.to(of("s", MapType(StringType(), LongType(), False)))),
        "twice": failure(lambda: df.select("id", F.lit(1).alias("ID")).to(of("ID", IntegerType()))),
        "units": failure(lambda: days.to(spark.sql("SELECT INTERVAL '1' DAY AS i").schema)),
    }


def case_metrics(spark, tmp):
    df = people(spark)
    tried = lambda *metrics: failure(lambda: df.observe("m", *metrics).limit(1))  # noqa: E731
    seen = Observation("seen")
    df.observe(seen, F.sum("id").alias("x"), F.struct(F.min("id").alias("q")).alias("s"), F.collect_list("dept").alias("l")).collect()
    return {
        "column": tried(F.col("id")),
        "beside": tried(F.count("*").alias("c"), F.col("id")),
        "distinct": tried(F.countDistinct("id").alias("x")),
        "window": tried(F.sum("id").over(Window.partitionBy("dept")).alias("x")),
        "nested": tried(F.sum(F.sum("id")).alias("x")),
        "literal": df.observe("m", F.lit(1).alias("c"), (F.sum("id") + 1).alias("s")),
        "no name": failure(lambda: df.observe("", F.count("id").alias("x"))),
        "seen": {key: one for key, one in seen.get.items()},
    }


def case_in_nothing(spark, tmp):
    df = people(spark)
    return df.select("id", F.col("dept").isin(), ~F.col("dept").isin([]))


def case_in_nothing_without_ansi(spark, tmp):
    spark.conf.set("spark.sql.ansi.enabled", "false")
    return case_in_nothing(spark, tmp)


def case_decimals_as_arguments(spark, tmp):
    named = spark.sql("SELECT :a AS a, typeof(:a) AS t, :b AS b", args={"a": Decimal("1.50"), "b": Decimal("-12345678901234567890.1")})
    return {"named": named, "by place": spark.sql("SELECT ?, typeof(?)", args=[Decimal("1E+5"), Decimal("0.001")])}


def case_statistics(spark, tmp):
    df = people(spark)
    return {
        "fill": failure(lambda: df.fillna(5, subset="nope")),
        "describe": failure(lambda: df.describe("nope")),
        "correlation": failure(lambda: df.corr("id", "nope")),
        "support": failure(lambda: df.freqItems(["dept"], 2.0)),
        "fractions": failure(lambda: df.sampleBy("dept", {10: 2.0}, seed=3)),
        "percent": failure(lambda: df.summary("200%")),
        "what": failure(lambda: df.summary("bogus")),
        "quantile of text": failure(lambda: df.approxQuantile("name", [0.5], 0.1)),
        "crosstab": df.crosstab("name", "dept"),
        "unpivot": failure(lambda: df.unpivot(["id"], None, "var", "val")),
        "transpose": df.select("id").transpose(),
        "transpose a struct": failure(lambda: df.select(F.struct("id"), "name").transpose()),
    }


def case_new_columns(spark, tmp):
    df = people(spark)
    marked = df.withMetadata("id", {"a": {"b": [1, 2]}})
    return {
        "lateral": df.withColumns({"a": F.lit(1), "b": F.col("a") + 1}),
        "metadata": marked.select("id").withColumn("z", F.col("id")).schema.json(),
        "regex": failure(lambda: df.select(df.colRegex(".*"))),
        "no keys": failure(lambda: df.dropDuplicates([])),
        "empty": shown(lambda: df.limit(0).show(vertical=True)),
        "bad type": failure(lambda: df.select(F.col("id").cast("foo"))),
        "view": failure(lambda: df.createOrReplaceTempView("my view")),
        "no view": failure(lambda: df.createTempView("")),
    }


def case_sets_by_name(spark, tmp):
    df = people(spark)
    one, other = df.select(F.struct("id").alias("s")), df.select(F.struct("name").alias("s"))
    lists = [df.select(F.array(F.struct(name)).alias("s")) for name in ("id", "name")]
    return {
        "structs": one.unionByName(other, True),
        "arrays": lists[0].unionByName(lists[1], True),
        "twice": failure(lambda: df.select("id", "id").unionByName(df.select("id", "id"))),
        "widths": failure(lambda: df.exceptAll(df.select("id"))),
    }


def case_texts_as_records(spark, tmp):
    texts = lambda *rows: spark.createDataFrame([(row,) for row in rows], "v STRING")  # noqa: E731
    bad = texts("<q><a>x</a></q>", "<bad", "<q><a>7</a></q>")
    corrupt = spark.read.option("rowTag", "q").schema("a INT, _corrupt_record STRING")
    return {
        "xml": spark.read.xml(texts("<r><a>1</a></r>", "<r><a>2</a><b>x</b></r>")),
        "xml by schema": spark.read.schema("a INT").xml(texts("<r><a>1</a></r>")),
        "xml, corrupt": corrupt.xml(bad),
        "xml, dropped": spark.read.schema("a INT").option("mode", "DROPMALFORMED").xml(bad),
        "xml, failed": failure(lambda: spark.read.schema("a INT").option("mode", "FAILFAST").xml(bad)),
        "numbers": failure(lambda: spark.read.json(spark.range(2))),
        "columns": failure(lambda: spark.read.csv(people(spark))),
        "quote": failure(lambda: spark.read.csv(texts("a"), quote="ab")),
    }


def case_times_in_files(spark, tmp):
    spark.conf.set("spark.sql.timeType.enabled", "true")
    times = spark.sql(
        "SELECT TIME'01:02:03.5' AS t, CAST(TIME'04:05:06.7' AS TIME(0)) AS z, CAST(NULL AS TIME) AS n,"
        " array(TIME'01:02:03') AS a, named_struct('q', TIME'02:03:04') AS s"
    )
    answers = {}
    for kind in ("json", "parquet", "csv"):
        path = os.path.join(tmp, kind)
        (times.select("t", "z", "n") if kind == "csv" else times).write.format(kind).save(path)
        answers[kind] = spark.read.schema("t TIME(6), z TIME(0), n TIME").format(kind).load(path)
    answers["own schema"] = spark.read.parquet(os.path.join(tmp, "parquet"))
    answers["lines"] = spark.read.text(os.path.join(tmp, "json"))
    answers["text"] = failure(lambda: times.select("t").write.text(os.path.join(tmp, "text")))
    answers["from_json"] = spark.sql("""SELECT from_json('{"t":"01:02:03.5","a":["1:2:3"],"b":5}', 't TIME, a ARRAY<TIME>, b TIME')""")
    return answers


def case_calls(spark, tmp):
    df = people(spark)
    rows = spark.createDataFrame([Row(v="zz"), Row(v="41"), Row(v=None)])
    return {
        "uuid": spark.range(3).coalesce(1).select(F.uuid(3)),
        "unhex": rows.select(F.unhex("v")),
        "unhex not null": spark.range(1).select(F.unhex(F.concat(F.lit("s"), "id"))),
        "unwrap_udt": failure(lambda: df.select(F.unwrap_udt("id"))),
        "variant": repr(spark.sql("SELECT parse_json('{\"a\":1}') AS v").collect()),
        "threshold": failure(lambda: spark.conf.set("spark.sql.autoBroadcastJoinThreshold", "1x")),
        "refresh": failure(lambda: spark.catalog.refreshTable("nope")),
    }


def case_shapes(spark, tmp):
    point = bytes.fromhex("0101000000000000000000F03F0000000000000040")
    line = bytes.fromhex("000000000200000002" + "3FF0000000000000" * 4)
    df = spark.createDataFrame([(bytearray(point), 4326), (bytearray(line), 4326), (None, 4326)], "wkb BINARY, srid INT")
    sql = lambda text: failure(lambda: spark.sql(f"SELECT {text}".replace("POINT", f"X'{point.hex()}'")))  # noqa: E731
    return {
        "binary": df.select(F.hex(F.st_asbinary(F.st_geogfromwkb("wkb"))), F.hex(F.st_asbinary(F.st_geomfromwkb("wkb")))),
        "big": df.select(F.hex(F.st_asbinary(F.st_geomfromwkb("wkb"), F.lit("XDR")))),
        "srid": df.select(F.st_srid(F.st_geogfromwkb("wkb")), F.st_srid(F.st_geomfromwkb("wkb"))),
        "set": df.select(F.st_srid(F.st_setsrid(F.st_geomfromwkb("wkb"), "srid"))),
        "set 3857": sql("st_srid(st_setsrid(st_geomfromwkb(POINT), 3857))"),
        "unknown": sql("st_srid(st_setsrid(st_geomfromwkb(POINT), 99))"),
        "world": sql("st_srid(st_setsrid(st_geogfromwkb(POINT), 3857))"),
        "short": sql("st_srid(st_geomfromwkb(X'00'))"),
        "order": sql("st_asbinary(st_geomfromwkb(POINT), 'foo')"),
        "number": sql("st_srid(1)"),
        "no bytes": sql("st_geomfromwkb(1)"),
    }
