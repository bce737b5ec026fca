"""Avro files: read, written, and those that Spark wrote."""

import json
import pathlib
import shutil

from support.cases import failure

FILES = pathlib.Path(__file__).resolve().parent.parent / "files"

COLUMNS = "id, t, sm, i, l, f, d, de, de2, s, b, bo, da, ts, tn, ar, mp['k'] k, st, sn, CAST(ym AS STRING) ym, dt"

EVERY = "SELECT count(*), sum(hash(id, t, sm, i, l, f, d, de, de2, s, b, bo, da, ts, tn, ar, st, sn, dt, CAST(ym AS STRING))) FROM v"


def summary(spark, df):
    df.createOrReplaceTempView("v")
    return rows(spark.sql(EVERY))


def rows(df):
    return [str(row) for row in df.collect()]


def schema_of(path):
    """The schema in a file of a folder."""
    (found,) = [file for file in pathlib.Path(path).iterdir() if file.name.endswith(".avro")]
    data = found.read_bytes()
    start = data.index(b"{")
    return json.JSONDecoder().raw_decode(data[start:].decode("utf-8", "replace"))[0]


def case_files_of_spark(spark, tmp):
    answers = {}
    for codec in ("uncompressed", "deflate", "snappy", "zstandard"):
        df = spark.read.format("avro").load(str(FILES / f"{codec}.avro"))
        answers[codec] = summary(spark, df)
    answers["schema"] = df.schema.simpleString()
    answers["rows"] = rows(df.selectExpr(*COLUMNS.split(", ")).orderBy("id").limit(6))
    answers["count"] = df.where("id > 250").count()
    answers["nested"] = rows(df.select("sn.q").where("q > 290").orderBy("q"))
    return answers


def case_there_and_back(spark, tmp):
    df = spark.read.format("avro").load(str(FILES / "snappy.avro"))
    answers = {}
    for codec in ("uncompressed", "deflate", "snappy", "zstandard"):
        path = str(tmp / codec)
        df.repartition(3).write.option("compression", codec).format("avro").save(path)
        answers[codec] = summary(spark, spark.read.format("avro").load(path))
    return answers


def case_schemas_that_are_written(spark, tmp):
    queries = {
        "types": "SELECT 1 i, 2L l, CAST(3 AS TINYINT) t, CAST(1.5 AS DECIMAL(5, 2)) d, 'x' s, X'01' b, true bo, DATE'2020-01-01' da, NULL n",
        "times": "SELECT TIMESTAMP'2020-01-01 00:00:00' ts, TIMESTAMP_NTZ'2020-01-01 00:00:00' n, INTERVAL '1' YEAR y, INTERVAL '1' DAY d",
        "nested": "SELECT named_struct('a', array(1, NULL), 'b', named_struct('c', CAST(1 AS DECIMAL(38, 2)))) s, map('k', array('v')) m, array(named_struct('x', 1)) a",
        "nullable": "SELECT nullif(id, 1) x, id FROM range(3)",
    }
    answers = {}
    for name, query in queries.items():
        spark.sql(query).coalesce(1).write.format("avro").save(str(tmp / name))
        answers[name] = [schema_of(tmp / name), rows(spark.read.format("avro").load(str(tmp / name)).drop("y"))]
    named = spark.range(1).coalesce(1).write.format("avro").option("recordName", "r").option("recordNamespace", "n.s")
    named.save(str(tmp / "named"))
    answers["named"] = schema_of(tmp / "named")
    given = json.dumps({"type": "record", "name": "g", "fields": [{"name": "id", "type": ["null", "long"]}]})
    spark.range(2).coalesce(1).write.format("avro").option("avroSchema", given).save(str(tmp / "given"))
    answers["given"] = [schema_of(tmp / "given"), rows(spark.read.format("avro").load(str(tmp / "given")).orderBy("id"))]
    return answers


def case_schemas_for_reading(spark, tmp):
    path = shutil.copy(FILES / "snappy.avro", str(tmp / "snappy.avro"))
    evolved = json.dumps({"type": "record", "name": "topLevelRecord", "fields": [
        {"name": "s", "type": ["string", "null"]}, {"name": "extra", "type": "int", "default": 7}, {"name": "i", "type": "long"}]})
    answers = [rows(spark.read.format("avro").option("avroSchema", evolved).load(path).limit(3))]
    for schema in ("i BIGINT, missing STRING, ID BIGINT", "i DOUBLE, f DOUBLE", "de DECIMAL(20, 5)"):
        answers.append(rows(spark.read.format("avro").schema(schema).load(path).limit(3)))
    for schema in ("id INT", "id STRING", "da STRING"):
        answers.append(failure(lambda: spark.read.format("avro").schema(schema).load(path).limit(3).collect()))
    positional = spark.read.format("avro").option("positionalFieldMatching", True).schema("a BIGINT, b INT").load(path)
    answers.append(rows(positional.limit(2)))
    return answers


def case_tables_and_partitions(spark, tmp):
    path = str(tmp / "p")
    spark.sql("SELECT id, id % 2 AS p FROM range(6)").write.partitionBy("p").format("avro").save(path)
    by_path = rows(spark.sql(f"SELECT count(*), max(id) FROM avro.`{path}` WHERE p = 1"))
    spark.sql("DROP TABLE IF EXISTS avro_table")
    spark.sql("CREATE TABLE avro_table (id INT, s STRING, p INT) USING avro PARTITIONED BY (p)")
    spark.sql("INSERT INTO avro_table VALUES (1, 'x', 1), (2, NULL, 2)")
    table = rows(spark.sql("SELECT * FROM avro_table ORDER BY id"))
    spark.sql("DROP TABLE avro_table")
    return [by_path, table]


def case_failures(spark, tmp):
    (tmp / "bad").mkdir()
    (tmp / "bad" / "a.avro").write_text("no avro file at all")
    return [
        failure(lambda: spark.read.format("avro").load(str(tmp / "nowhere"))),
        failure(lambda: spark.read.schema("a INT").format("avro").load(str(tmp / "bad")).count())["error"]["condition"],
        failure(lambda: spark.range(1).write.option("compression", "foo").format("avro").save(str(tmp / "x"))),
        failure(lambda: spark.sql("SELECT parse_json('1') v").write.format("avro").save(str(tmp / "v"))),
        failure(lambda: spark.sql("SELECT make_interval(1) i").write.format("avro").save(str(tmp / "i"))),
    ]


def case_streams(spark, tmp):
    spark.range(3).coalesce(1).write.format("avro").save(str(tmp / "in"))
    stream = spark.readStream.schema("id BIGINT").format("avro").load(str(tmp / "in"))
    query = (stream.writeStream.format("avro").option("path", str(tmp / "out")).option("checkpointLocation", str(tmp / "c"))
             .trigger(availableNow=True).start())
    query.awaitTermination()
    return rows(spark.read.format("avro").load(str(tmp / "out")).orderBy("id"))


RECORD = '{"type":"record","name":"r","fields":[{"name":"p","type":"long"},{"name":"q","type":["string","null"]}]}'


def functions_input(spark):
    return spark.sql(
        """SELECT id, cast(id AS INT) i, concat('s', id) s, if(id = 1, NULL, id * 1.5D) x, array(1, id) a, map('k', id) m,
        named_struct('p', id, 'q', if(id = 1, NULL, 'z')) st, DATE'2024-03-15' d, TIMESTAMP'2024-03-15 10:20:30.123456' t,
        TIMESTAMP_NTZ'2024-03-15 10:20:30' tn, X'4142' b, cast(id AS DECIMAL(10,2)) dc, id = 1 bo, 1.5F f, if(id = 1, NULL, 'n') ns
        FROM range(3)"""
    )


def case_to_avro(spark, tmp):
    from pyspark.sql.avro.functions import to_avro

    df = functions_input(spark)
    return {
        "columns": df.select(*[to_avro(name).alias(name) for name in df.columns]),
        "names": df.select(to_avro("id"), to_avro("st"), to_avro("id", '"long"')),
        "null first": df.select(to_avro("ns", '["null","string"]').alias("v")),
        "not null": df.select(to_avro("ns", '"string"').alias("v")),
        "sql": spark.sql("SELECT hex(to_avro(named_struct('a', 1, 'b', NULL))), to_avro(NULL)"),
        "number": failure(lambda: spark.sql("SELECT to_avro(1, 5)")),
        "nothing": failure(lambda: spark.sql("SELECT to_avro()")),
    }


def case_from_avro(spark, tmp):
    from pyspark.sql.avro.functions import from_avro, to_avro

    df = functions_input(spark)
    schemas = {
        "id": '"long"', "s": '"string"', "x": '["double","null"]', "i": '"int"', "a": '{"type":"array","items":"long"}',
        "m": '{"type":"map","values":"long"}', "d": '{"type":"int","logicalType":"date"}', "b": '"bytes"', "bo": '"boolean"',
        "t": '{"type":"long","logicalType":"timestamp-micros"}', "tn": '{"type":"long","logicalType":"local-timestamp-micros"}',
        "f": '"float"', "dc": '{"type":"fixed","name":"fixed","size":5,"logicalType":"decimal","precision":10,"scale":2}',
    }
    bad = spark.createDataFrame([(bytearray(b"\x02"),), (bytearray(b""),), (None,), (bytearray(b"\x02\x04\x06"),)], "v BINARY")
    newer = '{"type":"record","name":"r","fields":[{"name":"q","type":["string","null"]},{"name":"n","type":"int","default":7}]}'
    records = df.select(to_avro("st").alias("v"))
    return {
        **{name: df.select(to_avro(name).alias("v")).select(from_avro("v", schema)) for name, schema in schemas.items()},
        "record": records.select(from_avro("v", RECORD).alias("r")).select("r.*"),
        "evolved": records.select(from_avro("v", RECORD, {"avroSchema": newer}).alias("r")),
        "permissive": bad.select(from_avro("v", '"long"', {"mode": "PERMISSIVE"}).alias("r")),
        "failed": failure(lambda: bad.select(from_avro("v", '"long"')))["error"]["class"],
        "dropped": failure(lambda: bad.select(from_avro("v", RECORD, {"mode": "DROPMALFORMED"}))),
        "no schema": failure(lambda: spark.sql("SELECT from_avro(X'00', 5, map())")),
        "no options": failure(lambda: spark.sql("SELECT from_avro(X'00', '\"long\"', 3)")),
        "type": spark.sql(f"SELECT schema_of_avro('{RECORD}'), schema_of_avro('\"long\"', map()) AS long"),
    }


def case_from_avro_cut(spark, tmp):
    from pyspark.sql.avro.functions import from_avro

    bad = spark.createDataFrame([(bytearray(b"\x02"),), (bytearray(b""),), (None,), (bytearray(b"\x02\x04\x06"),)], "v BINARY")
    return bad.select(from_avro("v", RECORD, {"mode": "PERMISSIVE"}).alias("r"))


def case_to_avro_schemas(spark, tmp):
    """Schemas that are not those that Spark itself would write."""
    enum = '{"type":"enum","name":"e","symbols":["A","B"]}'
    record = '{"type":"record","name":"r","fields":[{"name":"a","type":%s},{"name":"b","type":["null","int"],"default":null}]}'
    long = '{"type":"long","logicalType":"%s"}'
    fixed = '{"type":"fixed","name":"f","size":2}'
    values = [
        ("'B'", enum), ("'A'", f'[{enum},"null"]'), ("cast(null as string)", f'["null",{enum}]'),
        ("array('A', 'B', null)", '{"type":"array","items":["null",%s]}' % enum),
        ("map('k', 'B')", '{"type":"map","values":%s}' % enum),
        ("named_struct('b', 1, 'A', 'B')", record % enum), ("named_struct('a', 'x')", record % '"string"'),
        ("X'6162'", fixed), ("1.50", '{"type":"bytes","logicalType":"decimal","precision":3,"scale":2}'),
        ("1.50", '{"type":"fixed","name":"d","size":4,"logicalType":"decimal","precision":3,"scale":2}'),
        ("DATE'2024-01-01'", '"int"'), ("DATE'2024-01-01'", '{"type":"int","logicalType":"date"}'),
        ("TIMESTAMP'2024-01-01 00:00:00'", long % "timestamp-millis"), ("TIMESTAMP'2024-01-01 00:00:00'", '"long"'),
        ("TIMESTAMP_NTZ'2024-01-01 00:00:00'", long % "local-timestamp-millis"), ("cast(1 as tinyint)", '"int"'),
        ("INTERVAL '1' YEAR", '"int"'), ("1", '["null","int"]'),
    ]
    written = [rows(spark.sql(f"SELECT hex(to_avro({value}, '{schema}')) AS v")) for value, schema in values]
    spark.conf.set("spark.sql.timeType.enabled", "true")
    times = spark.sql("SELECT TIME'12:30:01.123456' AS a, cast(TIME'12:30' AS TIME(0)) AS b, array(TIME'01:00') AS c").coalesce(1)
    answers = {"written": written, "time": rows(spark.sql("SELECT hex(to_avro(TIME'12:30')) AS v"))}
    for kind in ("avro", "orc"):
        times.write.format(kind).save(str(tmp / kind))
        read = spark.read.format(kind).load(str(tmp / kind))
        answers[kind] = [read.schema.simpleString(), rows(read)]
    answers["schema"] = schema_of(tmp / "avro")
    return answers
