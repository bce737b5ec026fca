"""XML records with values that do not fit: what of them is kept. And records as VARIANT."""

from support.cases import failure


def rows(df):
    return [str(row) for row in df.collect()]


RECORDS = {
    "last": "<r><a>x</a><b>1</b><c>no</c></r>",
    "first": "<r><b>no</b><a>x</a><c>1</c></r>",
    "middle": "<r><c>1</c><b>no</b><a>x</a></r>",
    "two": "<r><a>x</a><b>no</b><c>no</c></r>",
    "between": "<r><a>x</a> here <b>no</b> there <c>1</c></r>",
    "attribute": "<r i='no'><a>x</a><b>1</b></r>",
    "attribute of a leaf": "<r><a>x</a><b y='no'>1</b></r>",
    "empty attribute": "<r i=''><a>x</a></r>",
    "empty": "<r><a></a><b/><c> </c><l></l><s></s></r>",
    "list": "<r><l>1</l><l>no</l><l>3</l><a>x</a></r>",
    "list apart": "<r><l>1</l><a>x</a><l>2</l><l>no</l><b>3</b></r>",
    "struct": "<r><a>x</a><s><p>1</p><q>no</q><a>inner</a></s><b>1</b></r>",
    "struct first": "<r><s><q>no</q><p>1</p><b>7</b></s><b>1</b><a>x</a></r>",
    "struct good": "<r><s><p>1</p><q>2</q></s><b>no</b></r>",
    "struct attribute": "<r><a>x</a><s z='no'><p>1</p><b>8</b></s><c>9</c></r>",
    "struct of text": "<r><s>no</s><a>x</a></r>",
    "structs": "<r><t><p>1</p></t><t><p>no</p></t><t><p>3</p></t><a>x</a></r>",
    "map": "<r><a>x</a><m><u>1</u><v>no</v><w>3</w></m><b>1</b></r>",
    "map first": "<r><m><u>no</u><b>5</b></m><b>1</b></r>",
    "map attribute": "<r><m u='no'><b>5</b></m><c>1</c></r>",
    "element for a leaf": "<r><a>x</a><b><c>4</c></b><c>1</c></r>",
    "element for a text": "<r><a><b>no</b><k>1</k></a><b>2</b></r>",
    "text behind": "<r><a>x</a><b>1<c>3</c></b><c>4</c></r>",
    "repeated": "<r><b>1</b><b>no</b></r>",
    "repeated good": "<r><b>no</b><b>1</b></r>",
    "date": "<r><a>x</a><d>2020-13-45</d><b>1</b></r>",
    "day and more": "<r><a>x</a><d>2020-01-02T00:00:00</d><b>1</b></r>",
    "boolean": "<r><a>x</a><f>perhaps</f><b>1</b></r>",
    "decimal": "<r><a>x</a><n>12345.678</n><b>1</b></r>",
    "long decimal": "<r><a>x</a><n>1234567890.5</n><b>1</b></r>",
    "comment": "<r><a>x</a><b>n<!-- c -->o</b><c>1</c></r>",
    "cdata": "<r><a>x</a><b><![CDATA[no]]></b><c>1</c></r>",
    "half": "<r><a>x</a><b>1</b><c></r>",
    "mixed": "<r>one<a>x</a> two <b>1</b> three</r>",
    "commented": "<r>1<!-- c -->2<a>x<!-- c -->y</a></r>",
    "mixed struct": "<r><s>1<p>2</p>3</s><a>x</a></r>",
    "unknown": "<r><zz><b>no</b></zz><a>x</a><b>1</b></r>",
}
SCHEMA = ("a STRING, b INT, c BIGINT, _i INT, l ARRAY<INT>, s STRUCT<p: INT, q: INT, _z: INT>, t ARRAY<STRUCT<p: INT>>, "
          "m MAP<STRING, INT>, d DATE, f BOOLEAN, n DECIMAL(7, 2)")


def put(tmp, name, text):
    (tmp / name).mkdir()
    (tmp / name / "a.xml").write_text(f"<l>{text}</l>", encoding="utf-8")
    return str(tmp / name)


def files(spark, tmp):
    return {name: put(tmp, name, text) for name, text in RECORDS.items()}


def case_files(spark, tmp):
    read = spark.read.schema(SCHEMA)
    return {name: failure(lambda: rows(read.xml(path, rowTag="r"))) for name, path in files(spark, tmp).items()}


def case_text(spark, tmp):
    """The text of the record itself in a column of its own."""
    told = {}
    for name, path in files(spark, tmp).items():
        if name == "half":
            # What Spark says depends on the type of a column that has nothing to do with it.
            continue
        told[name] = [failure(lambda: rows(spark.read.schema(f"a STRING, _VALUE {own}, b INT, c BIGINT").xml(path, rowTag="r")))
                      for own in ("STRING", "INT", "ARRAY<STRING>")]
    return told


def case_corrupt(spark, tmp):
    path = put(tmp, "all", "".join(RECORDS[name] for name in ("last", "first", "struct", "list", "attribute", "repeated")))
    schemas = ("a STRING, b INT, c BIGINT, l ARRAY<INT>, _i INT, _corrupt_record STRING", "_corrupt_record STRING, a STRING, b INT, c BIGINT, l ARRAY<INT>",
               "a STRING, _corrupt_record STRING, b INT, c BIGINT, s STRUCT<p: INT, q: INT>")
    told = {}
    for schema in schemas:
        for mode in ("PERMISSIVE", "DROPMALFORMED", "FAILFAST"):
            told[f"{mode} {schema}"] = failure(lambda: rows(spark.read.schema(schema).xml(path, rowTag="r", mode=mode)))
    frame = spark.read.schema(schemas[0]).xml(path, rowTag="r")
    told["pruned"] = [failure(lambda: rows(frame.select(*names))) for names in (["a"], ["b"], ["a", "b"], ["_corrupt_record", "a"], ["c"], ["l", "c"])]
    told["counted"] = failure(lambda: [frame.count(), frame.where("b = 1").count(), frame.where("_corrupt_record IS NULL").count()])
    told["named"] = failure(lambda: rows(spark.read.schema("a STRING, b INT, bad STRING").xml(path, rowTag="r", columnNameOfCorruptRecord="bad")))
    told["kept texts"] = failure(lambda: rows(spark.read.schema("a STRING, b INT").xml(path, rowTag="r", nullValue="no")))
    told["nulls"] = failure(lambda: rows(spark.read.schema(SCHEMA).xml(path, rowTag="r", nullValue="no")))
    return told


def case_function(spark, tmp):
    spark.createDataFrame(list(RECORDS.items()), "name STRING, text STRING").createOrReplaceTempView("records")
    told = {}
    for options in ("map('mode', 'PERMISSIVE')", "map('mode', 'FAILFAST')"):
        for name in RECORDS:
            query = f"SELECT from_xml(text, '{SCHEMA}', {options}) AS x FROM records WHERE name = '{name}'"
            told[f"{name} {options}"] = failure(lambda: rows(spark.sql(query)))
    kept = SCHEMA + ", _corrupt_record STRING"
    told["corrupt"] = failure(lambda: rows(spark.sql(f"SELECT name, from_xml(text, '{kept}') AS x FROM records ORDER BY name")))
    return told


VARIANTS = "<r><a>x</a></r><r i='1'>text</r><r><b>1</b><b>2.5</b><c><d>true</d></c></r><r/><r></r><r>5</r><r> mixed <a>1</a> more </r><r><a>half</r>"


def case_single_variant(spark, tmp):
    path = put(tmp, "in", VARIANTS)
    shown = lambda frame: [frame.schema.simpleString(), [str([str(value) for value in row]) for row in frame.collect()]]  # noqa: E731
    read = lambda **options: spark.read.options(rowTag="r", singleVariantColumn="v", **options)  # noqa: E731
    told = {
        "plain": failure(lambda: shown(read().xml(path))),
        "schema": failure(lambda: shown(read().schema("v VARIANT").xml(path))),
        "another schema": failure(lambda: shown(read().schema("a STRING").xml(path))),
        "another name": failure(lambda: shown(read().schema("w VARIANT").xml(path))),
        "two columns": failure(lambda: shown(read().schema("v VARIANT, a STRING").xml(path))),
        "corrupt": failure(lambda: shown(read().schema("v VARIANT, _corrupt_record STRING").xml(path))),
        "corrupt alone": failure(lambda: shown(read().schema("_corrupt_record STRING").xml(path))),
        "corrupt first": failure(lambda: shown(read().schema("_corrupt_record STRING, v VARIANT").xml(path))),
        "dropped": failure(lambda: shown(read(mode="DROPMALFORMED").xml(path))),
        "failfast": failure(lambda: shown(read(mode="FAILFAST").xml(path))),
        "not inferred": failure(lambda: shown(read(inferSchema="false").xml(path))),
        "no attributes": failure(lambda: shown(read(excludeAttribute="true").xml(path))),
        "empty name": failure(lambda: shown(read().option("singleVariantColumn", "").xml(path))),
        "odd name": failure(lambda: shown(read().option("singleVariantColumn", "a b.c").xml(path))),
        "paths": failure(lambda: rows(read().xml(path).selectExpr("variant_get(v, '$.a', 'string') a", "v:_i::int i"))),
        "counted": failure(lambda: read().xml(path).count()),
        "table": failure(lambda: [spark.sql(f"SELECT * FROM xml.`{path}`").schema.simpleString()]),
        "json, another schema": failure(lambda: shown(spark.read.schema("a STRING").option("singleVariantColumn", "v").json(path))),
        "json, another name": failure(lambda: shown(spark.read.schema("w VARIANT").option("singleVariantColumn", "v").json(path))),
        "json, corrupt": failure(lambda: shown(spark.read.schema("v VARIANT, _corrupt_record STRING").option("singleVariantColumn", "v").json(path))),
    }
    spark.sql("DROP TABLE IF EXISTS variants_of_xml")
    told["created"] = failure(lambda: shown(spark.sql(f"CREATE TABLE variants_of_xml USING xml OPTIONS (rowTag 'r', singleVariantColumn 'v', path '{path}')")))
    told["selected"] = failure(lambda: shown(spark.sql("SELECT * FROM variants_of_xml")))
    spark.sql("DROP TABLE IF EXISTS variants_of_xml")
    stream = failure(lambda: spark.readStream.options(rowTag="r", singleVariantColumn="v").xml(path).schema.simpleString())
    return [told, stream]


def case_variant_values(spark, tmp):
    """A column of VARIANT among others."""
    path = put(tmp, "in", "<r><v>1</v><b>no</b></r><r><v><x>1</x><x>no</x></v><b>1</b></r><r><b>1</b><v/></r><r><v>a</v><v>b</v><b>2</b></r>")
    frame = spark.read.schema("v VARIANT, b INT").xml(path, rowTag="r")
    return failure(lambda: [[str(row[0]), row[1]] for row in frame.collect()])


TIMES = ["2020-01-02", "2020-1-2", "2020-01", "2020", "12020-01-02", "+12020-01-02", "0020-01-02", "2020-01-02Z", "2020-01-02 03:04", "2020-01-02 03:04:05",
         "2020-01-02T03:04:05", "2020-01-02T03:04:05Z", "2020-01-02T03:04:05.123456+01:00", "2020-01-02T03:04:05.1234567", "2020-01-02T3:4:5", "2020-02-30",
         "2020-02-30T00:00:00", "20200102", "1577934245", "now", "2020-01-02T03:04:05.1 Europe/Berlin", "2020-01-02T24:00:00", "-2020-01-02"]


def case_times(spark, tmp):
    """Texts as days and times, where no format is given."""
    told = {}
    for own in ("DATE", "TIMESTAMP", "TIMESTAMP_NTZ"):
        path = put(tmp, own, "".join(f"<r><t>{text}</t></r>" for text in TIMES))
        frame = spark.read.schema(f"t {own}").xml(path, rowTag="r")
        told[own] = failure(lambda: [str(row[0]) for row in frame.selectExpr("CAST(t AS STRING)").collect()])
    return told
