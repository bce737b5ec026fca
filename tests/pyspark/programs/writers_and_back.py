"""What writers leave on disk and readers make of it: options of CSV, JSON, text, ORC and Parquet, partitions, names, modes, limits."""
import glob
import gzip
import os
import sys
from datetime import date, datetime
from decimal import Decimal

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import *

out = sys.argv[2]
spark = SparkSession.builder.master("local[2]").appName("writers").config("spark.sql.shuffle.partitions", 2).config("spark.sql.session.timeZone", "Asia/Kolkata").getOrCreate()
rows = [
    (1, 'plain', 1.5, Decimal("10.00"), date(2024, 2, 29), datetime(2024, 1, 1, 12, 30, 15, 250000), True, "a b"),
    (2, 'quo"te, and\nline', float("nan"), None, None, None, None, ""),
    (3, None, float("-inf"), Decimal("-0.01"), date(1900, 1, 1), datetime(1969, 12, 31, 23, 59, 59), False, "c/d=e%f:g"),
    (4, "  space ", 1e-10, Decimal("99999.99"), date(9999, 12, 31), datetime(2024, 7, 1), True, None),
    (5, "tab\tback\\slash 'single' #hash", 12345678901234567.0, Decimal("0"), date(1, 1, 1), datetime(2000, 2, 3, 4, 5, 6, 7), True, "ünïcode"),
]
df = spark.createDataFrame(rows, "id int, s string, d double, m decimal(7,2), day date, at timestamp, ok boolean, part string").coalesce(1)


def text_of(name):
    found = []
    for path in sorted(glob.glob(os.path.join(out, name, "**", "part-*"), recursive=True)):
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rb") as f:
            found.append(f.read())
    return found


def kept(name):
    return sorted(os.path.relpath(p, os.path.join(out, name)).split("part-")[0] + os.path.splitext(p)[1] for p in glob.glob(os.path.join(out, name, "**", "part-*"), recursive=True))


csvs = {
    "plain": {}, "header": {"header": True}, "quoteAll": {"quoteAll": True, "header": True}, "pipes": {"sep": "||", "nullValue": "\\N", "emptyValue": "''"}, "formats": {"dateFormat": "dd.MM.yyyy", "timestampFormat": "yyyy/MM/dd HH:mm:ss.SSS XXX"},
    "escape": {"escape": '"', "escapeQuotes": "false"}, "quotes": {"quote": "'"}, "no quotes": {"quote": "", "sep": "\t"}, "trim": {"ignoreLeadingWhiteSpace": False, "ignoreTrailingWhiteSpace": False}, "sep": {"lineSep": "\r\n", "encoding": "UTF-16LE"}, "gzip": {"compression": "gzip"}, "charToEscape": {"charToEscapeQuoteEscaping": "#"},
}
for name, options in csvs.items():
    df.write.options(**options).csv(os.path.join(out, "csv " + name))
    print(name, text_of("csv " + name))
for name in ("plain", "header", "quoteAll", "pipes", "formats", "escape", "quotes"):
    back = spark.read.options(**{**csvs[name], "multiLine": True}).schema(df.schema).csv(os.path.join(out, "csv " + name))
    print(name, [tuple(str(x) for x in r) for r in back.orderBy("id").collect()])
inferred = spark.read.csv(os.path.join(out, "csv header"), header=True, inferSchema=True, multiLine=True)
print(inferred.dtypes)
for name, options in {"plain": {}, "nulls": {"ignoreNullFields": False}, "formats": {"dateFormat": "yyyy-DDD", "timestampFormat": "HH:mm:ss dd/MM/yy"}, "ascii": {"writeNonAsciiCharacterAsCodePoint": True}, "pretty": {"pretty": True}}.items():
    df.write.options(**options).json(os.path.join(out, "json " + name))
    print(name, text_of("json " + name))
print(spark.read.json(os.path.join(out, "json plain")).dtypes)
df.select(F.coalesce("s", F.lit("-"))).write.text(os.path.join(out, "text"), lineSep="|")
print(text_of("text"), spark.read.text(os.path.join(out, "text"), lineSep="|").count())
df.write.partitionBy("part", "ok").csv(os.path.join(out, "parts"))
print(kept("parts"))
parts = spark.read.schema("id int, s string, d string, m string, day string, at string, part string, ok boolean").option("multiLine", True).csv(os.path.join(out, "parts"))
print(sorted(((r.id, r.part, r.ok) for r in parts.collect()), key=str))
for form, codec in (("parquet", "zstd"), ("parquet", "none"), ("orc", "zlib"), ("orc", "snappy"), ("parquet", "gzip"), ("parquet", "lz4")):
    path = os.path.join(out, form + codec)
    df.write.option("compression", codec).format(form).save(path)
    again = spark.read.format(form).load(path)
    print(form, codec, ["." + ".".join(os.path.basename(p).split(".")[1:]) for p in glob.glob(path + "/part-*")], again.schema == df.schema, again.exceptAll(df).count(), again.where("day < DATE'1950-01-01' OR d IS NULL").count())
spark.range(10).coalesce(1).write.option("maxRecordsPerFile", 4).parquet(os.path.join(out, "many"))
print(len(kept("many")), spark.read.parquet(os.path.join(out, "many")).count())
for mode in ("append", "ignore", "overwrite", "error"):
    try:
        spark.range(3).coalesce(1).write.mode(mode).parquet(os.path.join(out, "many"))
        print(mode, spark.read.parquet(os.path.join(out, "many")).count())
    except Exception as error:
        print(mode, type(error).__name__, error.getCondition())
spark.range(0).write.parquet(os.path.join(out, "nothing"))
print(spark.read.parquet(os.path.join(out, "nothing")).schema.simpleString(), len(kept("nothing")))
spark.range(0).write.option("header", True).csv(os.path.join(out, "nothing csv"))
print(text_of("nothing csv"))
v1, v2 = os.path.join(out, "ev", "v=1"), os.path.join(out, "ev", "v=2")
spark.createDataFrame([(1, "x")], "a int, b string").write.parquet(v1)
spark.createDataFrame([(2, 2.5, Row(z=1))], "a int, c double, s struct<z: int>").write.parquet(v2)
evolved = spark.read.option("mergeSchema", True).parquet(os.path.join(out, "ev"))
evolved.printSchema()
print(evolved.orderBy("a").collect(), spark.read.option("basePath", os.path.join(out, "ev")).parquet(v2).columns, spark.read.parquet(v2).columns)
print(spark.read.schema("a long, b string, missing int, v string").parquet(os.path.join(out, "ev")).orderBy("a").collect())
nested = spark.createDataFrame([(1, [Row(k="a", v={"x": [1, 2]})], b"\x00\xff"), (2, [], None), (3, None, b"")], "id int, l array<struct<k: string, v: map<string, array<int>>>>, b binary")
for form in ("parquet", "orc", "json"):
    nested.coalesce(1).write.format(form).save(os.path.join(out, "nested " + form))
    print(form, spark.read.schema(nested.schema).format(form).load(os.path.join(out, "nested " + form)).orderBy("id").collect())
for work in (lambda: nested.write.csv(os.path.join(out, "bad1")), lambda: nested.write.text(os.path.join(out, "bad2")), lambda: df.write.partitionBy("nope").parquet(os.path.join(out, "bad3")), lambda: df.write.option("compression", "zip").parquet(os.path.join(out, "bad4")), lambda: spark.range(1).write.partitionBy("id").parquet(os.path.join(out, "bad5")), lambda: df.write.bucketBy(2, "id").parquet(os.path.join(out, "bad6")), lambda: df.select("id", F.col("s").alias("ID")).write.parquet(os.path.join(out, "bad7"))):
    try:
        work()
        print("went")
    except Exception as error:
        print(type(error).__name__, getattr(error, "getCondition", lambda: None)())
meta = spark.read.parquet(os.path.join(out, "parquetzstd")).select("id", "_metadata.file_name", F.col("_metadata.row_index").alias("r"), "_metadata.file_block_start", F.input_file_name().alias("f")).orderBy("id")
print([(r.id, r.file_name.endswith(".zstd.parquet"), r.r, r.file_block_start, r.f.endswith(r.file_name)) for r in meta.collect()])
print(spark.read.option("pathGlobFilter", "*.nothing").schema("id int").parquet(os.path.join(out, "many")).count(), spark.read.option("recursiveFileLookup", True).schema("a int").parquet(os.path.join(out, "ev")).count(), spark.read.option("ignoreMissingFiles", True).parquet(os.path.join(out, "many")).count())
spark.stop()
