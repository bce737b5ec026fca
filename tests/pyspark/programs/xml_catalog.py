"""A book catalogue in XML: attributes, nested lists, bad rows, schema by hand, in columns and back to files."""
import glob
import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DoubleType, LongType, StringType, StructField, StructType

out = sys.argv[2]
spark = SparkSession.builder.master("local[2]").appName("xml").getOrCreate()
path = os.path.join(out, "books.xml")
with open(path, "w") as f:
    f.write("""<?xml version="1.0" encoding="UTF-8"?>
<!-- a catalogue -->
<catalog shop="Main">
  <book id="bk101" lang="en">
    <author>Gambardella, Matthew</author>
    <title>XML Developer's Guide</title>
    <price currency="USD">44.95</price>
    <published>2000-10-01</published>
    <tags><tag>xml</tag><tag>dev &amp; ops</tag></tags>
  </book>
  <book id="bk102">
    <author>Ralls, Kim</author><author>Other, An</author>
    <title><![CDATA[Midnight <Rain>]]></title>
    <price currency="EUR">5.95</price>
    <published>2000-12-16</published>
    <tags/>
    <stock><place name="A" count="3"/><place name="B" count="0"/></stock>
  </book>
  <book id="bk103">
    <title>  Untitled  </title>
    <price>7</price>
    <published/>
  </book>
</catalog>
""")
books = spark.read.format("xml").option("rowTag", "book").load(path)
books.printSchema()
books.orderBy("_id").show(truncate=False)
books.select("_id", "title", F.col("price._VALUE").alias("price"), F.col("price._currency").alias("cur"), F.size("author").alias("authors")).orderBy("_id").show(truncate=False)
books.select("_id", F.explode_outer("tags.tag").alias("tag")).orderBy("_id", "tag").show()
books.select("_id", F.inline_outer("stock.place")).orderBy("_id", "_name").show()
schema = StructType([
    StructField("_id", StringType()), StructField("author", ArrayType(StringType())), StructField("title", StringType()),
    StructField("price", StructType([StructField("_VALUE", DoubleType()), StructField("_currency", StringType())])), StructField("published", StringType()),
])
typed = spark.read.schema(schema).option("rowTag", "book").xml(path)
for row in typed.orderBy("_id").collect():
    print(row.asDict(recursive=True))
renamed = spark.read.option("rowTag", "book").option("attributePrefix", "@").option("valueTag", "#text").option("ignoreSurroundingSpaces", False).xml(path)
print(renamed.columns, [r[0] for r in renamed.select("title").orderBy("@id").collect()])
plain = spark.read.option("rowTag", "book").option("excludeAttribute", True).option("inferSchema", False).xml(path)
print(plain.dtypes)
empty = spark.read.option("rowTag", "book").option("nullValue", "").option("treatEmptyValuesAsNulls", True).xml(path)
print([(r.title, r.published) for r in empty.orderBy("_id").collect()])

flat = books.select("_id", F.trim("title").alias("title"), F.col("price._VALUE").alias("price"), F.col("author").alias("author"))
target = os.path.join(out, "written")
flat.orderBy("_id").coalesce(1).write.mode("overwrite").option("rootTag", "books shop='x'").option("rowTag", "item").xml(target)
print(open(glob.glob(target + "/part-*")[0]).read())
again = spark.read.option("rowTag", "item").xml(target)
again.printSchema()
again.orderBy("_id").show(truncate=False)

bad = os.path.join(out, "bad.xml")
with open(bad, "w") as f:
    f.write("<rows><row><a>1</a><b>x</b></row><row><a>two</a><b>y</b></row><row><a>3</a><b>z</row><row><a>4</a></row></rows>")
with_bad = StructType([StructField("a", LongType()), StructField("b", StringType()), StructField("_corrupt_record", StringType())])
frame = spark.read.schema(with_bad).option("rowTag", "row").xml(bad)
frame.show(truncate=False)
print(spark.read.schema("a long, b string").option("rowTag", "row").option("mode", "DROPMALFORMED").xml(bad).collect())
try:
    spark.read.schema("a long, b string").option("rowTag", "row").option("mode", "FAILFAST").xml(bad).collect()
except Exception as error:
    print(type(error).__name__, "FAILED_READ_FILE" in str(error))
try:
    spark.read.xml(path).count()
except Exception as error:
    print(type(error).__name__, str(error).split("\n")[0])

texts = spark.createDataFrame([(1, "<p><n>1</n><c k='v'>t</c></p>"), (2, "<p><n>x</n></p>"), (3, None), (4, "no xml")], "id int, x string")
print(texts.select(F.schema_of_xml(F.lit("<p><n>1</n><c k='v'>t</c><d>2024-01-01</d></p>"))).first()[0])
parsed = texts.select("id", F.from_xml("x", "n INT, c STRUCT<_VALUE: STRING, _k: STRING>").alias("p"))
parsed.orderBy("id").show(truncate=False)
parsed.orderBy("id").select("id", F.to_xml("p", {"rowTag": "p"}).alias("x")).show(truncate=False)
texts.select("id", F.xpath_string("x", F.lit("/p/c/@k")).alias("k"), F.xpath_int("x", F.lit("p/n")).alias("n")).filter("id < 4").orderBy("id").show()
spark.stop()
