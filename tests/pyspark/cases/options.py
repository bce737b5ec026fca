"""Options of sources and settings, one by one: readers, writers, literals, samples, joins."""

import datetime
import decimal
import os

from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, IntegerType, LongType, MapType, StringType, StructField, StructType
from support.cases import failure


def put(tmp, name, text):
    path = tmp / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def written(path):
    found = [name for name in sorted(os.listdir(path)) if name.startswith("part-")]
    return [open(os.path.join(path, name), "rb").read().decode("latin-1") for name in found]


def read(spark, tmp, kind, text, schema=None, **options):
    reader = spark.read.format(kind).options(**options)
    reader = reader.schema(schema) if schema else reader
    return reader.load(put(tmp, f"{len(os.listdir(tmp))}.{kind}", text))


QUOTES = 'a,"b ""q"" c",d\n"x\\"y",z,"multi\nline"\n"",\'s\',"un"esc"aped",5\n1\n#c,1,2\n'
BLANKS = " a , b\n 1 ,\" x \"\n,  \n"
NULLS = 'a,b,c\nNA,"NA",""\n,"",-\n'


def case_csv_quotes(spark, tmp):
    asked = [{}, {"multiLine": True}, {"escape": '"'}, {"quote": ""}, {"quote": "'"}, {"comment": "#"}]
    asked += [{"unescapedQuoteHandling": how} for how in ("STOP_AT_CLOSING_QUOTE", "SKIP_VALUE", "RAISE_ERROR")]
    return {str(own): failure(lambda own=own: read(spark, tmp, "csv", QUOTES, "a STRING, b STRING, c STRING", **own)) for own in asked}


def case_csv_escaped_escapes(spark, tmp):
    text = '"a\\\\","b\\"c"\n"x^"y"\n'
    return {one: read(spark, tmp, "csv", text, charToEscapeQuoteEscaping=one) for one in ("\\", "^", "\u0000")}


def case_csv_blanks(spark, tmp):
    flags = [(left, right) for left in (True, False) for right in (True, False)]
    asked = {"ignoreLeadingWhiteSpace": 0, "ignoreTrailingWhiteSpace": 1}
    return {str(pair): read(spark, tmp, "csv", BLANKS, **{key: pair[at] for key, at in asked.items()}) for pair in flags}


def case_csv_null_and_empty(spark, tmp):
    told = {}
    for null in (None, "NA", "", "-"):
        for empty in (None, "", "E", "NA"):
            given = {key: one for key, one in (("nullValue", null), ("emptyValue", empty)) if one is not None}
            told[f"{null} {empty}"] = read(spark, tmp, "csv", NULLS, header=True, **given)
    return told


def case_csv_bad_options(spark, tmp):
    asked = [("sep", "\\q"), ("sep", ""), ("lineSep", "abc"), ("lineSep", ""), ("maxColumns", "x"), ("header", "maybe")]
    asked += [("encoding", "nope"), ("samplingRatio", "0"), ("timeZone", "Nowhere")]
    return {f"{key}={one}": failure(lambda: read(spark, tmp, "csv", "1,2\n", "a TIMESTAMP" if key == "timeZone" else None, inferSchema=key != "timeZone", **{key: one})) for key, one in asked}


def case_csv_written(spark, tmp):
    rows = spark.sql(
        "SELECT * FROM VALUES (1, 'a,b', ' x ', date'2024-01-02', 1.5D), (2, 'q\"q', '', NULL, double('NaN')),"
        " (3, 'l\\nm', NULL, date'2024-12-31', 1e20D) t(i, s, w, d, x)"
    ).coalesce(1)
    asked = [{}, {"quoteAll": True}, {"escapeQuotes": False}, {"quote": "'"}, {"nullValue": "N"}, {"emptyValue": "E"}]
    asked += [{"lineSep": "\r\n"}, {"lineSep": ";"}, {"ignoreLeadingWhiteSpace": False}, {"encoding": "UTF-16"}, {"encoding": "UTF-16LE"}]
    told = {}
    for number, own in enumerate(asked):
        rows.write.options(**own).csv(str(tmp / f"out{number}"))
        told[str(own)] = written(tmp / f"out{number}")
    spark.sql("SELECT 'ä€' s").write.csv(str(tmp / "latin"), encoding="ISO-8859-1")
    told["latin"] = written(tmp / "latin")
    told["no separator"] = failure(lambda: rows.write.option("lineSep", "").csv(str(tmp / "x")))
    told["two paths"] = failure(lambda: rows.write.option("path", str(tmp / "y")).csv(str(tmp / "x")))
    return told


def case_intervals_written(spark, tmp):
    rows = spark.sql("SELECT INTERVAL '1' DAY a, INTERVAL '2' MONTH b, struct(INTERVAL '3' HOUR c) s, array(INTERVAL '4' YEAR) l")
    rows.select("a", "b").write.csv(str(tmp / "csv"))
    rows.write.json(str(tmp / "json"))
    spark.sql("SELECT parse_json('{\"b\": [1, 2.50]}') v").write.json(str(tmp / "variant"))
    spark.sql("SELECT 'ä€' s").write.json(str(tmp / "latin"), encoding="ISO-8859-1")
    return {name: written(tmp / name) for name in ("csv", "json", "variant", "latin")}


def case_json_variants(spark, tmp):
    text = '{"a": {"x": 1}, "b": [1, "y"], "c": 1.50}\n{"a": null, "c": "z"}\n'
    return {
        "columns": read(spark, tmp, "json", text, "a VARIANT, b VARIANT, c VARIANT").selectExpr("to_json(a) a", "to_json(b) b", "to_json(c) c"),
        "whole": read(spark, tmp, "json", text, singleVariantColumn="v").selectExpr("to_json(v) v"),
        "schema": read(spark, tmp, "json", text, singleVariantColumn="v").schema.simpleString(),
    }


def case_json_limits(spark, tmp):
    text = '{"a":"abcdefghijklmnop","b":1234567890}\n'
    asked = [{"maxStringLen": 5}, {"maxNumLen": 5}, {"maxStringLen": 16, "maxNumLen": 10}]
    return {str(own): read(spark, tmp, "json", text, "a STRING, b INT, _corrupt_record STRING", **own) for own in asked}


def case_lengths_in_schemas(spark, tmp):
    return {kind: failure(lambda kind=kind: read(spark, tmp, kind, "{}\n", "a INT, b VARCHAR(2)")) for kind in ("csv", "json")}


def case_partition_columns_without_files(spark, tmp):
    put(tmp, "d/y=2024/m=a/x.csv", "1\n")
    put(tmp, "e/p=/x.csv", "1\n")
    return {
        "name": spark.read.option("pathGlobFilter", "*.txt").schema("v INT").csv(str(tmp / "d")),
        "time": spark.read.option("modifiedBefore", "2020-01-01T00:00:00").schema("v INT").csv(str(tmp / "d")),
        "empty": failure(lambda: spark.read.csv(str(tmp / "e"))),
        "type": failure(lambda: spark.read.schema("v INT, m INT").csv(str(tmp / "d"))),
    }


def case_literals(spark, tmp):
    numbers = ["1.50", "12345678901234567890.123", "-0.001", "100"]
    values = [F.lit(decimal.Decimal(one)) for one in numbers]
    values += [F.lit(one) for one in (True, 2**40, 1.5, b"ab", datetime.date(2024, 1, 2), datetime.timedelta(hours=30), None, [1, 2], [])]
    return spark.range(1).select(*[one.alias(f"c{at}") for at, one in enumerate(values)])


def case_samples(spark, tmp):
    told = {}
    for fraction in (0.0, 0.1, 0.5, 1.0):
        for seed in (0, 42, -7, 2**40):
            told[f"{fraction} {seed}"] = spark.range(0, 200, 1, 4).sample(fraction, seed)
    for fraction in (0.3, 1.0, 2.5):
        told[f"again {fraction}"] = spark.range(0, 100, 1, 3).sample(True, fraction, 3)
    splits = spark.range(0, 60, 1, 3).randomSplit([0.5, 0.3, 0.2], 24)
    told["splits"] = [[row[0] for row in split.collect()] for split in splits]
    told["too many"] = failure(lambda: spark.range(5).sample(1.5))
    return told


def case_joins_in_order(spark, tmp):
    left = spark.sql("SELECT * FROM VALUES (1, 'a'), (2, 'b'), (3, 'c'), (2, 'd') l(k, x)")
    right = spark.sql("SELECT * FROM VALUES (2, 'B'), (2, 'BB'), (4, 'D') r(k, y)")
    rows = lambda df: [list(row) for row in df.collect()]  # noqa: E731
    told = {how: rows(left.join(right, "k", how)) for how in ("inner", "left", "right", "semi", "anti")}
    told["cross"] = rows(left.crossJoin(right))
    told["condition"] = rows(left.join(right, left.k < right.k))
    told["left condition"] = rows(left.join(right, left.k < right.k, "left"))
    return told


def case_to_schema(spark, tmp):
    nested = spark.sql("SELECT named_struct('a', 1, 'b', named_struct('c', 'x', 'd', 2.5D)) s, map('k', 1) m, 5 n")
    inner = StructType([StructField("z", IntegerType()), StructField("b", StructType([StructField("d", DoubleType())]))])
    return {
        "nested": nested.to(StructType([StructField("m", MapType(StringType(), LongType())), StructField("s", inner)])),
        "missing": failure(lambda: nested.to(StructType([StructField("zz", IntegerType(), False)]))),
        "type": failure(lambda: nested.to(StructType([StructField("m", IntegerType())]))),
    }


def case_columns_by_pattern(spark, tmp):
    df = spark.sql("SELECT 1 Col1, 2 Col2, 3 x")
    return {one: df.select(df.colRegex(one)) for one in ("`(Col1)?+.+`", "`C(?!ol1).*`", "`col.*`", "`.*`")}


def case_unpivot_of_other_types(spark, tmp):
    return failure(lambda: spark.sql("SELECT 1 id, 2 a, 'x' b").unpivot("id", ["a", "b"], "k", "v"))


def case_statistics_of_decimals(spark, tmp):
    df = spark.range(1, 5, 1, 1).selectExpr("cast(id / 3 as decimal(10, 3)) d")
    return {"describe": df.describe(), "unknown": failure(lambda: df.summary("foo"))}


def case_settings(spark, tmp):
    keys = ["spark.sql.autoBroadcastJoinThreshold", "spark.sql.parquet.compression.codec", "spark.sql.codegen.wholeStage"]
    keys += ["spark.sql.storeAssignmentPolicy", "spark.sql.crossJoin.enabled", "spark.sql.broadcastTimeout"]
    told = {key: [spark.conf.get(key), spark.conf.isModifiable(key)] for key in keys}
    bad = [("spark.sql.timestampType", "FOO"), ("spark.sql.legacy.timeParserPolicy", "foo"), ("spark.sql.files.maxPartitionBytes", "1x")]
    bad += [("spark.sql.parquet.compression.codec", "foo"), ("spark.sql.sources.partitionOverwriteMode", "foo")]
    for key, value in bad:
        told[f"{key}={value}"] = failure(lambda: spark.conf.set(key, value))
    return told
