"""XML files: rows are the elements of a tag."""

import os

from support.cases import failure

BOOKS = """<?xml version="1.0"?>
<!-- <book id="0"/> is no book -->
<catalog xmlns:x="urn:x">
  <book id="b1" lang='en'>
    <author>Gambardella, Matthew</author>
    <title>XML Developer's Guide &amp; more</title>
    <price>44.95</price>
    <publish_date>2000-10-01</publish_date>
    <pages>100</pages>
    <tag>a</tag><tag>b</tag>
    <shop><name>One</name><city code="7">Bonn</city></shop>
  </book>
  <book id="b2"><author>Ralls, Kim</author><price>5</price><tag>c</tag><pages></pages><booking>no book</booking></book>
  <books><book id="b3"><title><![CDATA[<book> in data]]></title><seen>2001-01-02T03:04:05Z</seen><x:more>1</x:more></book></books>
  <book id="b4"/>
</catalog>
"""


def put(tmp, text, name="a.xml"):
    (tmp / "in").mkdir(exist_ok=True)
    (tmp / "in" / name).write_text(text, encoding="utf-8")
    return str(tmp / "in")


def rows(df):
    return [str(row) for row in df.collect()]


def content(path):
    """The text of a folder's data files."""
    texts = []
    for folder, _, files in sorted(os.walk(path)):
        for name in sorted(files):
            if name.startswith("part-"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    texts.append(name.split("-c000")[-1] + "\n" + file.read())
    return texts


def case_books(spark, tmp):
    path = put(tmp, BOOKS)
    df = spark.read.xml(path, rowTag="book")
    answers = [df.schema.simpleString(), rows(df), rows(df.select("_id", "shop.city._code")), df.count()]
    for options in (
        {"attributePrefix": "@", "valueTag": "#"},
        {"excludeAttribute": True},
        {"inferSchema": False},
        {"prefersDecimal": True, "nullValue": "c"},
        {"ignoreNamespace": True},
        {"rowTag": "shop"},
        {"rowTag": "nothing"},
        {"rowTag": "catalog"},
    ):
        df = spark.read.format("xml").option("rowTag", "book").options(**options).load(path)
        answers.append([str(options), df.schema.simpleString(), rows(df) if options.get("rowTag") != "nothing" else []])
    return answers


DOCUMENTS = {
    "misfits": "<l><r><a>1</a><b>x</b></r><r><a>no</a><b>y</b></r><r><a>3</a><b>z</b></r></l>",
    "no root": "<r><a>1</a><b>x</b></r><r><a>2</a><b>y</b></r>",
    "one root": "<r><a>1</a><b>x</b></r>",
    "crossed": "<l><r><a>1</a><b>x</b></r><r><a>4</a><b>w</r><r><a>5</a></r></l>",
    "cut": "<l><r><a>1</a><b>x</b></r><r><a>4</a>",
    "cut behind": "<l><r><a>1</a><b>x</b></r>",
    "text": "no xml",
    "nothing": "",
    "nested": "<l><r><a>1</a><b><r><a>2</a></r></b></r></l>",
    "entity": "<l><r><a>1</a><b>&lt;&#65;&amp;</b></r></l>",
}


def case_schemas_and_modes(spark, tmp):
    answers = {}
    for name, text in DOCUMENTS.items():
        (tmp / name).mkdir()
        (tmp / name / "a.xml").write_text(text, encoding="utf-8")
        for mode in ("PERMISSIVE", "DROPMALFORMED", "FAILFAST"):
            for schema in ("a INT, b STRING, _corrupt_record STRING", "a INT, b STRING"):
                reader = spark.read.schema(schema).option("rowTag", "r").option("mode", mode)
                answers[f"{name} {mode} {len(schema)}"] = failure(lambda: rows(reader.xml(str(tmp / name))))
        if text:
            answers[f"{name} inferred"] = failure(lambda: rows(spark.read.option("rowTag", "r").xml(str(tmp / name))))
    named = spark.read.schema("a INT, bad STRING").option("columnNameOfCorruptRecord", "bad").option("rowTag", "r")
    answers["named"] = failure(lambda: rows(named.xml(str(tmp / "misfits"))))
    return answers


def case_values(spark, tmp):
    path = put(tmp, "<l><r t='1'><d>01/02/2020</d><ts>2020/01/02 03.04</ts><n>-</n><b>true</b><s>  x y </s></r><r><m><k>1</k><z>2</z></m></r></l>")
    schema = "d DATE, ts TIMESTAMP, n INT, b BOOLEAN, s STRING, m MAP<STRING, INT>, _t TINYINT, v VARIANT"
    df = spark.read.schema(schema).xml(path, rowTag="r", dateFormat="dd/MM/yyyy", timestampFormat="yyyy/MM/dd HH.mm", nullValue="-")
    plain = spark.read.xml(path, rowTag="r", ignoreSurroundingSpaces=False)
    return [rows(df.drop("v")), plain.schema.simpleString(), rows(plain)]


def case_written(spark, tmp):
    df = spark.sql("""SELECT * FROM VALUES
        (1, 'a<b', array(1, 2), named_struct('x', 1, '_y', 'q'), DATE'2020-01-02', TIMESTAMP'2020-01-02 03:04:05', map('k', 1), 1.5),
        (2, NULL, array(), NULL, NULL, NULL, NULL, NULL) AS t(id, s, a, st, d, ts, m, de)""").coalesce(1)
    answers = []
    for at, options in enumerate((
        {},
        {"rowTag": "person", "rootTag": "people"},
        {"declaration": "", "nullValue": "-", "arrayElementName": "e"},
        {"dateFormat": "dd.MM.yyyy", "timestampFormat": "yyyy", "indent": "\t"},
        {"attributePrefix": "@", "compression": "gzip"},
        {"indent": ""},
    )):
        path = str(tmp / f"out{at}")
        tag = options.get("rowTag", "ROW")
        df.write.option("rowTag", "ROW").options(**options).xml(path)
        if "compression" not in options:
            answers.append([str(options), content(path)])
        again = spark.read.options(**options).xml(path, rowTag=tag)
        answers.append([again.schema.simpleString(), rows(again)])
    spark.range(0).write.option("rowTag", "ROW").xml(str(tmp / "none"))
    answers.append(content(tmp / "none"))
    answers.append(failure(lambda: df.write.xml(str(tmp / "out0"), rowTag="r")))
    return answers


def case_failures(spark, tmp):
    path = put(tmp, BOOKS)
    return [
        failure(lambda: spark.read.xml(path)),
        failure(lambda: spark.read.format("xml").option("rowTag", "").load(path)),
        failure(lambda: spark.read.xml(str(tmp / "nowhere"), rowTag="r")),
        failure(lambda: spark.range(1).write.xml(str(tmp / "w"))),
        failure(lambda: spark.range(1).write.option("compression", "foo").option("rowTag", "r").xml(str(tmp / "x"))),
        failure(lambda: spark.sql("SELECT make_interval(1) i").write.xml(str(tmp / "i"), rowTag="r")),
        failure(lambda: spark.sql("SELECT 1 a, 2 A").write.xml(str(tmp / "d"), rowTag="r")),
        failure(lambda: spark.range(1).write.option("rowTag", "").xml(str(tmp / "y"))),
    ]


def case_tables_and_partitions(spark, tmp):
    path = str(tmp / "parts")
    spark.sql("SELECT id, id % 2 AS p FROM range(4)").coalesce(1).write.partitionBy("p").xml(path, rowTag="ROW")
    by_path = rows(spark.read.xml(path, rowTag="ROW").orderBy("id"))
    spark.sql("DROP TABLE IF EXISTS xml_table")
    spark.sql("CREATE TABLE xml_table (id INT, s STRING) USING xml OPTIONS (rowTag 'line')")
    spark.sql("INSERT INTO xml_table VALUES (1, 'x'), (2, NULL)")
    table = rows(spark.sql("SELECT * FROM xml_table ORDER BY id"))
    spark.sql("DROP TABLE xml_table")
    return [by_path, table]


def case_streams(spark, tmp):
    path = put(tmp, "<l><r><a>1</a></r><r><a>2</a></r></l>")
    stream = spark.readStream.schema("a INT").option("rowTag", "r").xml(path)
    query = stream.writeStream.format("memory").queryName("xml_rows").trigger(availableNow=True).start()
    query.awaitTermination()
    return rows(spark.sql("SELECT * FROM xml_rows ORDER BY a"))
