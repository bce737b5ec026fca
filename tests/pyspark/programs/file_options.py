"""Files as they come: quotes, broken lines, several encodings, packed, nested folders, globs, columns of the files themselves."""
import gzip
import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

base = os.path.join(sys.argv[2], "raw")
os.makedirs(base + "/2024/01")
os.makedirs(base + "/2024/02")
spark = SparkSession.builder.appName("files").master("local[2]").getOrCreate()


def write(name, text, encoding="utf-8"):
    with open(os.path.join(base, name), "w", encoding=encoding, newline="") as f:
        f.write(text)
    os.utime(os.path.join(base, name), (1704067200, 1704067200))


write("2024/01/a.csv", 'id,name,note,amount\n1,"Smith, Ann","said ""hi""",1.50\n2,Bob,"two\nlines",x\n3,,"",\n')
write("2024/01/b.csv", "id;name;note;amount\n4;Ç;ş;2,5\n5;D\n6;E;f;3;extra\n")
write("latin.csv", "id,name\n1,Müller\n", "latin-1")
write("2024/02/c.tsv", "7\tG\t\\N\n8\tH\t 9 \n")
with gzip.open(os.path.join(base, "2024/02/d.json.gz"), "wt") as f:
    f.write('{"a": 1, "b": {"c": [1, 2]}}\n{"a": "x"}\n{bad\n')
write("multi.json", '[{"k": 1},\n {"k": 2, "d": "2024-05-06"}]')
write("fixed.txt", "0001Ann       031\n0002Bob       027\n")
print(spark.read.csv(base + "/2024/01/a.csv", header=True, multiLine=True, quote='"', escape='"').collect())
one = spark.read.options(header="true", multiLine="true", escape='"', inferSchema="true", nullValue="").csv(base + "/2024/01/a.csv")
print(one.dtypes, one.count())
schema = "id INT, name STRING, note STRING, amount DOUBLE, _bad STRING"
for mode in ("PERMISSIVE", "DROPMALFORMED", "FAILFAST"):
    try:
        rows = spark.read.schema(schema).option("sep", ";").option("header", True).option("mode", mode).option("columnNameOfCorruptRecord", "_bad").csv(base + "/2024/01/b.csv").cache().collect()
        print(mode, [tuple(r) for r in rows])
    except Exception as error:
        print(mode, "failed")
print(spark.read.option("encoding", "ISO-8859-1").option("header", True).csv(base + "/latin.csv").first().name)
print(spark.read.csv(base + "/2024/02/c.tsv", sep="\t", nullValue="\\N", ignoreTrailingWhiteSpace=True, ignoreLeadingWhiteSpace=True, schema="id int, n string, v int").collect())
packed = spark.read.json(base + "/2024/02/d.json.gz")
print(packed.columns, packed.dtypes, packed.count())
print(spark.read.option("multiLine", True).json(base + "/multi.json").orderBy("k").collect())
print(spark.read.schema("k int, d date").option("multiLine", True).json(base + "/multi.json").orderBy("k").collect())
fixed = spark.read.text(base + "/fixed.txt").select(F.substring("value", 1, 4).cast("int").alias("id"), F.trim(F.substring("value", 5, 10)).alias("name"), F.expr("CAST(substr(value, 15) AS INT) AS age"))
fixed.show()
everything = spark.read.option("recursiveFileLookup", "true").option("pathGlobFilter", "*.csv").text(base).withColumn("file", F.element_at(F.split(F.input_file_name(), "/"), -1))
everything.groupBy("file").count().orderBy("file").show()
print(spark.read.text(base + "/2024/*/*.[ct]sv", wholetext=True).count(), spark.read.text([base + "/fixed.txt", base + "/latin.csv"]).count())
meta = spark.read.format("text").load(base + "/fixed.txt").select("value", "_metadata.file_name", "_metadata.file_size", "_metadata.file_modification_time")
print(meta.first()[1:])
print(spark.read.format("binaryFile").load(base + "/fixed.txt").select("length", F.length("content"), F.col("modificationTime").cast("date")).first())
print(sorted(n.split("/")[-1] for n in spark.read.option("recursiveFileLookup", True).text(base).inputFiles()))
try:
    spark.read.csv(base + "/absent").show()
except Exception as error:
    print(type(error).__name__, error.getCondition())
target = os.path.join(sys.argv[2], "written")
df = spark.createDataFrame([(1, "a,b", None, 2.0), (2, 'q"q', "", float("nan")), (3, " s ", "x\ny", 1e10)], "id int, t string, n string, d double")
for number, options in enumerate([{}, {"header": True, "quoteAll": True}, {"sep": "|", "nullValue": "NA", "emptyValue": "EMPTY"}, {"escape": '"', "ignoreLeadingWhiteSpace": False, "ignoreTrailingWhiteSpace": False}, {"quote": "'", "compression": "gzip", "lineSep": "\n"}]):
    path = f"{target}/{number}"
    df.coalesce(1).sortWithinPartitions("id").write.mode("overwrite").options(**options).csv(path)
    part = [n for n in os.listdir(path) if n.startswith("part")][0]
    opened = gzip.open(os.path.join(path, part), "rt") if part.endswith("gz") else open(os.path.join(path, part))
    print(number, part.split("-")[-1].split(".", 1)[1], repr(opened.read()))
df.write.mode("overwrite").option("maxRecordsPerFile", 1).json(target + "/json")
print(len([n for n in os.listdir(target + "/json") if n.startswith("part")]) >= 3, spark.read.json(target + "/json").count())
df.select("t").coalesce(1).write.text(target + "/text", lineSep="#")
print(repr(open([os.path.join(target, "text", n) for n in os.listdir(target + "/text") if n.startswith("part")][0]).read()))
for mode in ("error", "ignore", "append", "overwrite"):
    try:
        df.write.format("parquet").mode(mode).save(target + "/modes")
        df.write.format("parquet").mode(mode).save(target + "/modes")
        print(mode, spark.read.parquet(target + "/modes").count())
    except Exception as error:
        print(mode, type(error).__name__, error.getCondition())
for name in ("orc", "parquet"):
    df.write.format(name).mode("overwrite").save(target + "/" + name)
    print(name, spark.read.format(name).load(target + "/" + name).dtypes)
print(spark.sql(f"SELECT count(*) FROM parquet.`{target}/parquet`").first()[0], os.path.exists(target + "/parquet/_SUCCESS"))
df.withColumn("y", F.lit(2024)).withColumn("m", F.lit("a b/c")).write.partitionBy("y", "m").parquet(target + "/parts")
print([os.path.relpath(d, target) for d, _, files in sorted(os.walk(target + "/parts")) if files][1:], spark.read.parquet(target + "/parts").select("y", "m").distinct().collect())
spark.stop()
