"""ORC files: read, written, and those that Spark wrote."""

import pathlib

from support.cases import failure

FILES = pathlib.Path(__file__).resolve().parent.parent / "files"

COLUMNS = "id, t, sm, i, l, f, d, de, de2, s, b, bo, da, ts, tn, ar, mp['k'] k, map_keys(mp) ks, st, sn, CAST(ym AS STRING) ym, dt"

EVERY = "SELECT count(*), sum(hash(id, t, sm, i, l, f, d, de, de2, s, b, bo, da, ts, tn, ar, st, sn, dt, CAST(ym AS STRING))) FROM v"


def summary(spark, df):
    df.createOrReplaceTempView("v")
    return [str(row) for row in spark.sql(EVERY).collect()]


def case_files_of_spark(spark, tmp):
    answers = {}
    for codec in ("none", "zlib", "snappy", "lz4", "zstd"):
        df = spark.read.orc(str(FILES / f"{codec}.orc"))
        answers[codec] = summary(spark, df)
    answers["schema"] = df.schema.simpleString()
    answers["rows"] = [str(row) for row in df.selectExpr(*split(COLUMNS)).orderBy("id").limit(6).collect()]
    answers["count"] = df.where("id > 250").count()
    answers["nested"] = [str(row) for row in df.select("sn.q").where("q > 290").orderBy("q").collect()]
    return answers


def split(columns):
    return columns.split(", ")


def case_there_and_back(spark, tmp):
    df = spark.read.orc(str(FILES / "zstd.orc"))
    answers = {}
    for codec in ("none", "zlib", "snappy", "lz4", "zstd", "uncompressed"):
        path = str(tmp / codec)
        df.repartition(3).write.option("compression", codec).orc(path)
        answers[codec] = summary(spark, spark.read.orc(path))
    spark.range(100000).selectExpr("id", "id % 10 AS k", "CAST(id AS STRING) s").write.option("orc.stripe.size", 20000).orc(str(tmp / "many"))
    many = spark.read.format("orc").load(str(tmp / "many"))
    answers["many"] = [str(row) for row in many.selectExpr("count(*)", "sum(id)", "max(s)").collect()]
    answers["where"] = [str(row) for row in many.where("id = 77777").collect()]
    return answers


def case_partitions_and_merged_schemas(spark, tmp):
    path = str(tmp / "p")
    spark.sql("SELECT id, id % 2 AS p FROM range(6)").write.partitionBy("p").orc(path)
    spark.sql("SELECT id, 'x' AS more, 5 AS p FROM range(1)").write.mode("append").partitionBy("p").orc(path)
    merged = spark.read.option("mergeSchema", True).orc(path)
    by_path = spark.sql(f"SELECT count(*), max(id) FROM orc.`{path}` WHERE p = 1").collect()
    spark.sql("SELECT 'text' AS id").write.orc(str(tmp / "p" / "p=9"))
    return [
        merged.schema.simpleString(),
        [str(row) for row in merged.orderBy("id", "p").collect()],
        [str(row) for row in by_path],
        failure(lambda: spark.read.option("mergeSchema", True).orc(path)),
    ]


def case_tables(spark, tmp):
    spark.sql("DROP TABLE IF EXISTS orc_table")
    spark.sql("CREATE TABLE orc_table (id INT, c CHAR(4), v VARCHAR(3), p STRING) USING orc PARTITIONED BY (p)")
    spark.sql("INSERT INTO orc_table VALUES (1, 'a', 'b', 'x'), (2, 'cc', NULL, 'y')")
    spark.sql("INSERT OVERWRITE orc_table PARTITION (p = 'y') VALUES (3, 'd', 'eee')")
    spark.sql("ALTER TABLE orc_table ADD COLUMNS (n INT DEFAULT 7)")
    rows = [str(row) for row in spark.sql("SELECT id, c, v, n, p FROM orc_table ORDER BY id").collect()]
    spark.sql("DROP TABLE orc_table")
    return rows


def case_other_types(spark, tmp):
    path = str(FILES / "zstd.orc")
    answers = {}
    for schema in ("id INT", "id STRING", "id DECIMAL(20,2)", "id TIMESTAMP", "id BOOLEAN", "s INT", "de STRING", "b STRING",
                   "da TIMESTAMP", "ts DATE", "ar ARRAY<INT>", "st STRUCT<b: ARRAY<STRUCT<x: STRING>>, zz: INT>", "bo STRING",
                   "f STRING", "d BOOLEAN", "ID BIGINT", "ym INT", "i SMALLINT", "missing INT"):
        rows = spark.read.schema(schema).orc(path).limit(3).collect()
        answers[schema] = [str(row[0]) for row in rows]
    return answers


def case_failures(spark, tmp):
    (tmp / "empty").mkdir()
    (tmp / "bad").mkdir()
    (tmp / "bad" / "a.orc").write_text("no orc file at all")
    bad = str(tmp / "bad")
    return [
        failure(lambda: spark.read.orc(str(tmp / "nowhere"))),
        failure(lambda: spark.read.orc(str(tmp / "empty"))),
        failure(lambda: spark.read.schema("a INT").orc(bad).count()).split("]")[0],
        spark.read.schema("a INT").option("ignoreCorruptFiles", True).orc(bad).count(),
        failure(lambda: spark.range(1).write.option("compression", "foo").orc(str(tmp / "x"))),
        failure(lambda: spark.sql("SELECT parse_json('1') v").write.orc(str(tmp / "v"))),
        failure(lambda: spark.sql("SELECT NULL n").write.orc(str(tmp / "n"))),
        failure(lambda: spark.sql("SELECT make_interval(1) i").write.orc(str(tmp / "i"))),
    ]


def case_streams(spark, tmp):
    spark.range(3).coalesce(1).write.orc(str(tmp / "in"))
    stream = spark.readStream.schema("id BIGINT").orc(str(tmp / "in"))
    query = (stream.writeStream.format("orc").option("path", str(tmp / "out")).option("checkpointLocation", str(tmp / "c"))
             .trigger(availableNow=True).start())
    query.awaitTermination()
    return [str(row) for row in spark.read.orc(str(tmp / "out")).orderBy("id").collect()]
