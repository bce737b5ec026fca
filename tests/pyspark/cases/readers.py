"""Reading files: options, modes, malformed input, globs, partitions, schemas that do not fit."""

from pyspark.sql import functions as F
from support.cases import failure


def put(tmp, name, text):
    path = tmp / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def case_csv_defaults(spark, tmp):
    return spark.read.csv(put(tmp, "a.csv", "id,name\n1,Ada\n2,\n3,\"x, \"\"y\"\"\"\n\n4, pad \n"))


def case_csv_header_and_inference(spark, tmp):
    text = "i,l,d,s,b,t,day,n\n1,9999999999,1.5,x,true,2024-01-01 10:00:00,2024-01-01,\n2,1,2,y,false,2024-01-02 11:00:00,2024-01-02,\n"
    return spark.read.csv(put(tmp, "a.csv", text), header=True, inferSchema=True)


def case_csv_options(spark, tmp):
    path = put(tmp, "a.csv", "# note\na;b;c\n1;NA;'q;q'\n 2 ;-; z \n")
    return spark.read.csv(
        path, sep=";", header=True, comment="#", nullValue="NA", quote="'",
        ignoreLeadingWhiteSpace=True, ignoreTrailingWhiteSpace=True,
    )


def case_csv_permissive_corrupt_record(spark, tmp):
    path = put(tmp, "a.csv", "1,a\nx,b\n3\n4,d,extra\n")
    df = spark.read.schema("id INT, name STRING, _corrupt_record STRING").csv(path)
    return df.select("id", "name", "_corrupt_record")


def case_csv_corrupt_record_alone(spark, tmp):
    path = put(tmp, "a.csv", "1,a\nx,b\n")
    df = spark.read.schema("id INT, name STRING, _corrupt_record STRING").csv(path)
    return df.select("_corrupt_record")


def case_csv_dropmalformed(spark, tmp):
    path = put(tmp, "a.csv", "1,a\nx,b\n3\n4,d,extra\n")
    return spark.read.schema("id INT, name STRING").option("mode", "DROPMALFORMED").csv(path)


def case_csv_failfast(spark, tmp):
    path = put(tmp, "a.csv", "1,a\nx,b\n")
    return spark.read.schema("id INT, name STRING").option("mode", "FAILFAST").csv(path)


def case_csv_schema_shorter_and_longer(spark, tmp):
    path = put(tmp, "a.csv", "1,a,z\n2,b,y\n")
    return {
        "shorter": spark.read.schema("id INT").csv(path),
        "longer": spark.read.schema("id INT, a STRING, b STRING, more DATE").csv(path),
    }


def case_csv_multiline(spark, tmp):
    return spark.read.csv(put(tmp, "a.csv", 'a,b\n1,"two\nlines"\n2,x\n'), header=True, multiLine=True)


def case_csv_dates(spark, tmp):
    path = put(tmp, "a.csv", "31/12/2024,31.12.2024 05:06\n,\n")
    return spark.read.schema("d DATE, t TIMESTAMP").csv(path, dateFormat="dd/MM/yyyy", timestampFormat="dd.MM.yyyy HH:mm")


def case_csv_wrong_header(spark, tmp):
    path = put(tmp, "a.csv", "x,y\n1,2\n")
    return {
        "enforced": spark.read.schema("a INT, b INT").csv(path, header=True),
        "checked": failure(lambda: spark.read.schema("a INT, b INT").csv(path, header=True, enforceSchema=False)),
    }


def case_csv_duplicate_header(spark, tmp):
    return spark.read.csv(put(tmp, "a.csv", "a,A,b,a\n1,2,3,4\n"), header=True).columns


def case_csv_many_files_and_globs(spark, tmp):
    for name in ("a1.csv", "a2.csv", "b1.csv", "_hidden.csv", ".dot.csv"):
        put(tmp, name, name + "\n")
    return {
        "folder": spark.read.csv(str(tmp)),
        "star": spark.read.csv(str(tmp / "a*.csv")),
        "braces": spark.read.csv(str(tmp / "{a1,b1}.csv")),
        "list": spark.read.csv([str(tmp / "a1.csv"), str(tmp / "b1.csv")]),
        "filter": spark.read.option("pathGlobFilter", "b*").csv(str(tmp)),
        "nothing": failure(lambda: spark.read.csv(str(tmp / "z*.csv"))),
    }


def case_missing_paths(spark, tmp):
    missing = str(tmp / "missing")
    return {kind: failure(lambda kind=kind: spark.read.format(kind).load(missing)) for kind in ("csv", "json", "parquet", "text")}


def case_missing_path_with_schema(spark, tmp):
    return failure(lambda: spark.read.schema("a INT").json(str(tmp / "missing")))


def case_empty_folder(spark, tmp):
    return {
        "csv": failure(lambda: spark.read.csv(str(tmp))),
        "parquet": failure(lambda: spark.read.parquet(str(tmp))),
        "schema": spark.read.schema("a INT").parquet(str(tmp)),
    }


def case_unknown_source(spark, tmp):
    return failure(lambda: spark.read.format("nosuchformat").load(str(tmp)))


def case_json_inference(spark, tmp):
    lines = ['{"a": 1, "b": "x", "c": [1, 2], "d": {"e": 1.5}}', '{"a": 2.5, "b": null, "f": true}', '{"a": "text"}']
    return spark.read.json(put(tmp, "a.json", "\n".join(lines)))


def case_json_inference_types(spark, tmp):
    lines = ['{"l": 1, "big": 99999999999999999999, "d": 1.0, "t": "2024-01-01T00:00:00", "n": null, "m": [], "o": {}}']
    return spark.read.json(put(tmp, "a.json", "\n".join(lines)))


def case_json_schema(spark, tmp):
    lines = ['{"id": 1, "name": "Ada", "more": 1}', '{"id": "x", "name": "B"}', '{"id": 3.7}', '{"name": 5}', "{bad", "", '{"id": 4']
    return spark.read.schema("id INT, name STRING").json(put(tmp, "a.json", "\n".join(lines)))


def case_json_corrupt_record(spark, tmp):
    lines = ['{"id": 1}', "{bad", '{"id": "x"}', "[1]", "5"]
    df = spark.read.schema("id INT, _corrupt_record STRING").json(put(tmp, "a.json", "\n".join(lines)))
    return df.select("id", "_corrupt_record")


def case_json_modes(spark, tmp):
    path = put(tmp, "a.json", '{"id": 1}\n{bad\n{"id": 2}\n')
    reader = spark.read.schema("id INT")
    return {
        "drop": reader.option("mode", "dropmalformed").json(path),
        "fail": failure(lambda: spark.read.schema("id INT").option("mode", "failfast").json(path)),
        "unknown": failure(lambda: spark.read.schema("id INT").option("mode", "nosuch").json(path)),
    }


def case_json_inferred_corrupt_record(spark, tmp):
    return spark.read.json(put(tmp, "a.json", '{"id": 1}\n{bad\n'))


def case_json_multiline(spark, tmp):
    return spark.read.json(put(tmp, "a.json", '[\n {"a": 1},\n {"a": 2, "b": "x"}\n]\n'), multiLine=True)


def case_json_options(spark, tmp):
    path = put(tmp, "a.json", "{'a': 01, \"b\": \"x\"} // note\n{a: 2}\n")
    return spark.read.json(path, allowUnquotedFieldNames=True, allowNumericLeadingZero=True, allowComments=True)


def case_json_primitives_as_string(spark, tmp):
    return spark.read.json(put(tmp, "a.json", '{"a": 1.50, "b": true, "c": {"x": [1]}}\n'), primitivesAsString=True)


def case_json_nested_schema(spark, tmp):
    lines = ['{"p": {"x": 1, "y": ["a"]}, "m": {"k": 1, "l": 2}}', '{"p": {"x": "bad", "y": ["b"]}}', '{"p": 5}']
    return spark.read.schema("p STRUCT<x: INT, y: ARRAY<STRING>>, m MAP<STRING, INT>").json(put(tmp, "a.json", "\n".join(lines)))


def case_json_dates(spark, tmp):
    lines = ['{"d": "2024-01-31", "t": "2024-01-31T10:00:00Z", "x": 1.1}', '{"d": "31.1.2024", "t": "2024-01-31 10:00:00"}']
    return spark.read.schema("d DATE, t TIMESTAMP, x DECIMAL(10,3)").json(put(tmp, "a.json", "\n".join(lines)))


def case_json_field_case(spark, tmp):
    return spark.read.schema("Id INT, NAME STRING").json(put(tmp, "a.json", '{"id": 1, "NAME": "x"}\n'))


def case_text(spark, tmp):
    path = put(tmp, "a.txt", "one\n\ntwo\r\nthree")
    return {
        "lines": spark.read.text(path),
        "whole": spark.read.text(path, wholetext=True),
        "separated": spark.read.text(path, lineSep="e"),
    }


def case_parquet_round_trip(spark, tmp):
    path = str(tmp / "p")
    df = spark.sql(
        "SELECT 1Y a, 2S b, 3 c, 4L d, 1.5F e, 2.5D f, 1.23BD g, 'x' h, X'01' i, true j, date'2024-01-01' k, "
        "timestamp'2024-01-01 00:00:00' l, timestamp_ntz'2024-01-01 00:00:00' m, array(1, null) n, map('a', 1) o, "
        "struct(1 AS x, 'y' AS y) p, null AS q, interval 1 day r"
    )
    df.drop("q").write.parquet(path)
    return spark.read.parquet(path)


def case_parquet_schema_given(spark, tmp):
    path = str(tmp / "p")
    spark.sql("SELECT 1 AS a, 'x' AS b").write.parquet(path)
    return {
        "fewer": spark.read.schema("b STRING").parquet(path),
        "more": spark.read.schema("a INT, z DATE").parquet(path),
        "wider": spark.read.schema("a BIGINT").parquet(path),
        "wrong": failure(lambda: spark.read.schema("b INT").parquet(path)),
    }


def case_parquet_merge_schema(spark, tmp):
    spark.sql("SELECT 1 AS a").write.parquet(str(tmp / "p" / "k=1"))
    spark.sql("SELECT 2 AS a, 'x' AS b").write.parquet(str(tmp / "p" / "k=2"))
    return spark.read.option("mergeSchema", True).parquet(str(tmp / "p"))


def case_partition_discovery(spark, tmp):
    put(tmp, "t/day=2024-01-01/n=1/a.csv", "x\n")
    put(tmp, "t/day=2024-01-02/n=__HIVE_DEFAULT_PARTITION__/a.csv", "y\n")
    put(tmp, "t/day=2024-01-03/n=30/a%20b.csv", "z\n")
    df = spark.read.csv(str(tmp / "t"))
    return {
        "all": df,
        "filtered": df.where("n > 1"),
        "one": spark.read.csv(str(tmp / "t" / "day=2024-01-01")),
        "base": spark.read.option("basePath", str(tmp / "t")).csv(str(tmp / "t" / "day=2024-01-01")),
    }


def case_partition_types(spark, tmp):
    put(tmp, "t/s=a%2Fb/i=007/d=1.5/a.json", '{"v": 1}\n')
    put(tmp, "t/s=c/i=12/d=2/a.json", '{"v": 2}\n')
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "true")
    return spark.read.json(str(tmp / "t"))


def case_input_file_name_and_metadata(spark, tmp):
    put(tmp, "a.csv", "1\n")
    df = spark.read.csv(str(tmp))
    return df.select(F.input_file_name().alias("f"), "_metadata.file_name", "_metadata.file_size")


def case_recursive_lookup(spark, tmp):
    put(tmp, "x/y/a.csv", "1\n")
    put(tmp, "b.csv", "2\n")
    return spark.read.option("recursiveFileLookup", "true").csv(str(tmp))


def case_read_from_dataframe(spark, tmp):
    texts = spark.createDataFrame([("1,x",), ("2,y",)], "value STRING")
    return {
        "csv": spark.read.csv(texts),
        "json": spark.read.json(spark.createDataFrame([('{"a": 1}',)], "value STRING")),
    }


def case_bad_options(spark, tmp):
    path = put(tmp, "a.csv", "1,2\n")
    return {
        "sep": failure(lambda: spark.read.csv(path, sep="")),
        "quote": failure(lambda: spark.read.csv(path, quote="ab")),
        "boolean": failure(lambda: spark.read.option("header", "perhaps").csv(path)),
        "encoding": failure(lambda: spark.read.csv(path, encoding="nosuch")),
    }


def case_encodings(spark, tmp):
    (tmp / "latin.csv").write_bytes("é,ü\n".encode("latin-1"))
    (tmp / "bom.csv").write_bytes("\ufeffa,b\n1,2\n".encode())
    return {
        "latin": spark.read.csv(str(tmp / "latin.csv"), encoding="ISO-8859-1"),
        "bom": spark.read.csv(str(tmp / "bom.csv"), header=True),
    }


def case_compressed(spark, tmp):
    import bz2
    import gzip

    (tmp / "a.csv.gz").write_bytes(gzip.compress(b"1,a\n"))
    (tmp / "b.csv.bz2").write_bytes(bz2.compress(b"2,b\n"))
    return spark.read.csv(str(tmp))


def case_column_pruning_count(spark, tmp):
    df = spark.read.csv(put(tmp, "a.csv", "1,a\n2,b\n"), schema="id INT, s STRING")
    return {"count": df.count(), "second": df.select("s"), "none": df.select(F.lit(1).alias("one"))}


def case_read_table(spark, tmp):
    spark.range(3).createOrReplaceTempView("numbers")
    return {"table": spark.table("numbers"), "read": spark.read.table("numbers"), "missing": failure(lambda: spark.table("nosuch"))}



def case_same_partitions(spark, tmp):
    """The files of each partition, and with them the order of rows, are the same in every run."""
    folder = tmp / "many"
    folder.mkdir()
    for number in range(6):
        (folder / f"f{number}.json").write_text("".join('{"n": %d, "i": %d}\n' % (number, line) for line in range(2000 + number)))

    def read():
        rows = spark.read.schema("n INT, i INT").json(str(folder)).select(F.spark_partition_id().alias("p"), "n", F.monotonically_increasing_id().alias("id"))
        return [tuple(row) for row in rows.groupBy("p", "n").agg(F.min("id")).orderBy("p", "n").collect()]

    return {"different reads": len({str(read()) for _ in range(10)})}
