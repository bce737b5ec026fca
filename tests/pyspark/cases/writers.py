"""Writing files: save modes, partitions, file names, formats."""

import os
import re

from pyspark.sql import functions as F
from support.cases import failure


def listing(path):
    """A folder's files with what is random in a name taken out, data files counted."""
    found = []
    for folder, _, files in os.walk(path):
        for name in files:
            if not name.endswith(".crc"):
                name = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", name)
                found.append(os.path.relpath(os.path.join(folder, name), path))
    return sorted(found)


def content(path):
    """The text of a folder's data files."""
    texts = []
    for folder, _, files in sorted(os.walk(path)):
        for name in sorted(files):
            if name.startswith("part-"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    texts.append(file.read())
    return texts


def one(spark, *ids):
    return spark.createDataFrame([(i, f"n{i}") for i in ids], "id INT, name STRING").coalesce(1)


def case_file_names(spark, tmp):
    df = one(spark, 1, 2)
    for kind in ("csv", "json", "parquet"):
        df.write.format(kind).save(str(tmp / kind))
    df.select("name").write.text(str(tmp / "text"))
    df.write.csv(str(tmp / "gz"), compression="gzip")
    df.write.option("compression", "zstd").parquet(str(tmp / "zstd"))
    df.write.save(str(tmp / "default"))
    return {name: listing(tmp / name) for name in sorted(os.listdir(tmp))}


def case_text_codecs(spark, tmp):
    told = {}
    df = spark.range(3000).selectExpr("id", "repeat(cast(id % 7 as string), 40) AS s").coalesce(1)
    for codec in ("bzip2", "lz4", "snappy", "gzip", "deflate", "none", "org.apache.hadoop.io.compress.BZip2Codec"):
        path = str(tmp / codec)
        df.write.csv(path, compression=codec)
        back = spark.read.schema("id BIGINT, s STRING").csv(path)
        told[codec] = [listing(path), [list(row) for row in back.selectExpr("count(*)", "sum(id)", "sum(length(s))").collect()]]
    df.select("s").write.text(str(tmp / "text"), compression="bzip2")
    df.write.json(str(tmp / "json"), compression="lz4")
    told["text"] = [listing(tmp / "text"), spark.read.text(str(tmp / "text")).count()]
    told["json"] = [listing(tmp / "json"), spark.read.json(str(tmp / "json")).count()]
    told["unknown"] = failure(lambda: df.write.csv(str(tmp / "x"), compression="lzo"))
    return told


def case_save_modes(spark, tmp):
    path = str(tmp / "p")
    one(spark, 1).write.parquet(path)
    told = {"exists": failure(lambda: one(spark, 2).write.parquet(path))}
    one(spark, 2).write.mode("append").parquet(path)
    told["append"] = spark.read.parquet(path).orderBy("id")
    told["append"] = [list(row) for row in told["append"].collect()]
    one(spark, 3).write.mode("ignore").parquet(path)
    told["ignore"] = spark.read.parquet(path).count()
    one(spark, 4).write.mode("overwrite").parquet(path)
    told["overwrite"] = [list(row) for row in spark.read.parquet(path).collect()]
    told["unknown"] = failure(lambda: one(spark, 5).write.mode("nosuch").parquet(path))
    told["explicit"] = failure(lambda: one(spark, 5).write.mode("errorifexists").parquet(path))
    return told


def case_overwrite_what_is_read(spark, tmp):
    path = str(tmp / "p")
    one(spark, 1).write.parquet(path)
    return failure(lambda: spark.read.parquet(path).write.mode("overwrite").parquet(path))


def case_partition_by(spark, tmp):
    df = spark.sql("SELECT id, id % 2 AS p, CASE WHEN id < 3 THEN 'a b/c' END AS q FROM range(4)").coalesce(1)
    df.write.partitionBy("p", "q").parquet(str(tmp / "t"))
    return {"files": listing(tmp / "t"), "rows": spark.read.parquet(str(tmp / "t"))}


def case_partition_by_all_columns(spark, tmp):
    return failure(lambda: spark.range(2).write.partitionBy("id").parquet(str(tmp / "t")))


def case_partition_by_missing_column(spark, tmp):
    return failure(lambda: spark.range(2).write.partitionBy("nosuch").parquet(str(tmp / "t")))


def case_dynamic_overwrite(spark, tmp):
    path = str(tmp / "t")
    spark.sql("SELECT id, id % 3 AS p FROM range(6)").coalesce(1).write.partitionBy("p").parquet(path)
    fresh = spark.sql("SELECT 100L AS id, 1L AS p").coalesce(1)
    fresh.write.mode("overwrite").option("partitionOverwriteMode", "dynamic").partitionBy("p").parquet(path)
    dynamic = [list(row) for row in spark.read.parquet(path).orderBy("p", "id").collect()]
    fresh.write.mode("overwrite").partitionBy("p").parquet(path)
    return {"dynamic": dynamic, "static": spark.read.parquet(path)}


def case_max_records_per_file(spark, tmp):
    spark.range(10).coalesce(1).write.option("maxRecordsPerFile", 4).csv(str(tmp / "t"))
    return listing(tmp / "t")


def case_repartitioned(spark, tmp):
    spark.range(10).repartition(3).write.csv(str(tmp / "t"))
    return len([name for name in listing(tmp / "t") if name.startswith("part-")])


def case_empty_frame(spark, tmp):
    empty = one(spark, 1).where("id > 5")
    for kind in ("csv", "json", "parquet"):
        empty.write.format(kind).option("header", True).save(str(tmp / kind))
    return {
        "files": {kind: listing(tmp / kind) for kind in ("csv", "json", "parquet")},
        "parquet": spark.read.parquet(str(tmp / "parquet")),
    }


def case_csv_text(spark, tmp):
    df = spark.sql(
        "SELECT * FROM VALUES (1, 'plain', 1.5D, true, date'2024-01-01', timestamp'2024-01-01 10:00:00', 1.50), "
        "(2, 'a,b', double('nan'), null, null, null, null), (3, 'say \"hi\"', 1e20D, false, null, null, 2.00), "
        "(4, '', null, null, null, null, null), (5, null, null, null, null, null, null), (6, ' pad ', 0D, null, null, null, null)"
        " AS t(i, s, d, b, day, t, m)"
    ).coalesce(1)
    df.write.csv(str(tmp / "plain"))
    df.write.csv(str(tmp / "options"), header=True, sep="|", nullValue="NULL", quoteAll=True, emptyValue="EMPTY")
    df.write.csv(str(tmp / "formats"), dateFormat="dd.MM.yyyy", timestampFormat="HH:mm yyyy", ignoreLeadingWhiteSpace=False)
    return {name: content(tmp / name) for name in ("plain", "options", "formats")}


def case_json_text(spark, tmp):
    df = spark.sql(
        "SELECT 1 AS i, 'a\"b\\n/é' AS s, 1.5D AS d, 2.50 AS m, null AS n, array(1, null) AS a, map('k', 1) AS o, "
        "struct(1 AS x, null AS y) AS p, timestamp'2024-01-01 10:00:00' AS t, date'2024-01-01' AS day, X'4142' AS b, 1e20D AS big, double('nan') AS nan"
    )
    df.write.json(str(tmp / "plain"))
    df.write.json(str(tmp / "nulls"), ignoreNullFields=False)
    return {name: content(tmp / name) for name in ("plain", "nulls")}


def case_text_needs_one_string(spark, tmp):
    return {
        "two": failure(lambda: one(spark, 1).write.text(str(tmp / "a"))),
        "number": failure(lambda: spark.range(1).write.text(str(tmp / "b"))),
    }


def case_types_that_a_format_lacks(spark, tmp):
    return {
        "csv array": failure(lambda: spark.sql("SELECT array(1) AS a").write.csv(str(tmp / "a"))),
        "parquet void": failure(lambda: spark.sql("SELECT null AS a").write.parquet(str(tmp / "b"))),
        "csv interval": failure(lambda: spark.sql("SELECT make_interval(1) AS a").write.csv(str(tmp / "c"))),
    }


def case_duplicate_columns(spark, tmp):
    df = spark.sql("SELECT 1 AS a, 2 AS A")
    return failure(lambda: df.write.parquet(str(tmp / "a")))


def case_save_as_table(spark, tmp):
    spark.sql("DROP TABLE IF EXISTS saved")
    one(spark, 1).write.saveAsTable("saved")
    told = {"again": failure(lambda: one(spark, 2).write.saveAsTable("saved"))}
    one(spark, 2).write.mode("append").saveAsTable("saved")
    told["rows"] = [list(row) for row in spark.table("saved").orderBy("id").collect()]
    one(spark, 3).write.insertInto("saved")
    told["inserted"] = spark.table("saved").count()
    told["too few"] = failure(lambda: one(spark, 3).select("id").write.insertInto("saved"))
    one(spark, 9).write.mode("overwrite").saveAsTable("saved")
    told["overwritten"] = [list(row) for row in spark.table("saved").collect()]
    spark.sql("DROP TABLE saved")
    return told


def case_write_v2(spark, tmp):
    spark.sql("DROP TABLE IF EXISTS v2made")
    one(spark, 1).writeTo("v2made").using("parquet").create()
    told = {"exists": failure(lambda: one(spark, 1).writeTo("v2made").using("parquet").create())}
    told["count"] = spark.table("v2made").count()
    spark.sql("DROP TABLE v2made")
    return told


def case_write_v2_with_two_bucketings(spark, tmp):
    frame = spark.createDataFrame([(1, 2)], "a int, b int")
    frame.writeTo("twice_bucketed").using("parquet").partitionedBy(F.bucket(4, "a"), F.bucket(3, "b")).create()


def case_failure_leaves_nothing(spark, tmp):
    told = failure(lambda: spark.sql("SELECT 1 / (id - 5) AS x FROM range(10)").write.csv(str(tmp / "t")))
    return {"told": told, "success": os.path.exists(tmp / "t" / "_SUCCESS"), "parts": content(tmp / "t")}


def case_jdbc_sqlite_url_errors(spark, tmp):
    reader = spark.read.format("jdbc")
    return {
        "no url": failure(lambda: reader.option("dbtable", "t").load()),
        "no table": failure(lambda: spark.read.format("jdbc").option("url", "jdbc:nosuch:x").load()),
    }


def case_jdbc_option_values(spark, tmp):
    """Derby's driver comes with Spark; the values are looked at before it is asked."""
    values = [("batchsize", "0"), ("batchsize", "x"), ("fetchsize", "x"), ("queryTimeout", "x"), ("isolationLevel", "x")]
    values += [("numPartitions", "x"), ("truncate", "x"), ("cascadeTruncate", "1"), ("refreshKrb5Config", "x")]
    values += [("hint", "x"), ("hint", " /*+ x */")]
    values += [(f"pushDown{what}", "maybe") for what in ["Predicate", "Aggregate", "Limit", "Offset", "TableSample"]]
    url = "jdbc:derby:memory:none"
    rows = spark.range(1)
    told = {}
    for key, value in values:
        reader = spark.read.format("jdbc").option("url", url).option("dbtable", "t").option(key, value)
        writer = rows.write.format("jdbc").option("url", url).option("dbtable", "t").option(key, value)
        told[f"read {key}={value}"] = failure(lambda: reader.load())
        told[f"write {key}={value}"] = failure(lambda: writer.mode("append").save())
    return told


def case_marks_of_success(spark, tmp):
    key = "mapreduce.fileoutputcommitter.marksuccessfuljobs"
    path = str(tmp / "t")
    seen = []
    for mode, marks in [("error", "false"), ("append", "true"), ("append", "false"), ("overwrite", "FALSE"), ("overwrite", "x")]:
        spark.range(1).write.mode(mode).option(key, marks).parquet(path)
        seen.append([mode, marks, os.path.exists(tmp / "t" / "_SUCCESS")])
    return seen
