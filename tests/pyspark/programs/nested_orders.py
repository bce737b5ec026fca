"""Nested JSON: schema by hand and as JSON, explode, structs, maps, from_json and to_json, writing it back."""
import json
import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import *  # noqa: F403
from pyspark.sql.types import *  # noqa: F403

out = sys.argv[2]
spark = SparkSession.builder.master("local").appName("nested").getOrCreate()
orders = [
    {"id": 1, "customer": {"name": "Ann", "tags": ["a", "b"], "address": {"city": "Rome", "zip": "00100"}}, "items": [{"sku": "x", "qty": 2, "price": 9.5}, {"sku": "y", "qty": 1, "price": 20}], "meta": {"src": "web", "v": "1"}},
    {"id": 2, "customer": {"name": "Bob", "tags": [], "address": None}, "items": [], "meta": {"src": "app"}},
    {"id": 3, "customer": {"name": "Cy \"Q\"", "address": {"city": "Łódź"}}, "items": [{"sku": "x", "qty": None, "price": 1e-7}], "note": "late\nsecond line"},
]
path = os.path.join(out, "orders.json")
with open(path, "w") as f:
    for o in orders:
        f.write(json.dumps(o) + "\n")
    f.write("{\"id\": 4, \"customer\": broken\n")
df = spark.read.json(path)
df.printSchema()
df.show(truncate=False)
schema = StructType([
    StructField("id", LongType()),
    StructField("customer", StructType([StructField("name", StringType()), StructField("tags", ArrayType(StringType())), StructField("address", StructType([StructField("city", StringType()), StructField("zip", StringType())]))])),
    StructField("items", ArrayType(StructType([StructField("sku", StringType()), StructField("qty", IntegerType()), StructField("price", DoubleType())]))),
    StructField("meta", MapType(StringType(), StringType())),
    StructField("_corrupt_record", StringType()),
])
print(schema.simpleString())
print(StructType.fromJson(json.loads(schema.json())) == schema)
typed = spark.read.schema(schema).option("columnNameOfCorruptRecord", "_corrupt_record").json(path).cache()
typed.filter(col("_corrupt_record").isNotNull()).select("_corrupt_record").show(truncate=False)
typed = typed.filter(col("_corrupt_record").isNull()).drop("_corrupt_record")
typed.select("id", "customer.name", col("customer.address.city").alias("city"), get("items", lit(0))["sku"].alias("first"), size("items"), col("meta")["src"].alias("src")).show()
typed.select("id", explode_outer("items").alias("i")).select("id", "i.*").show()
typed.select("id", posexplode("customer.tags")).show()
typed.select("id", explode("meta")).show()
typed.select("id", aggregate("items", lit(0.0), lambda acc, x: acc + coalesce(x.qty, lit(0)) * x.price).alias("total")).show()
typed.select("id", transform("items", lambda x, i: concat(x.sku, lit("#"), i)).alias("names"), filter("items", lambda x: x.price > 5).alias("dear"), exists("items", lambda x: x.qty.isNull()).alias("unknown")).show(truncate=False)
typed.withColumn("customer", col("customer").withField("country", lit("IT")).dropFields("tags")).select("customer.*").show()
strings = typed.select("id", to_json(struct("customer", "items")).alias("js"))
strings.show(truncate=False)
strings.select("id", get_json_object("js", "$.customer.address.city").alias("city"), json_tuple("js", "items").alias("items"), from_json("js", "struct<customer:struct<name:string>>").alias("p")).select("id", "city", "items", "p.customer.name").show(truncate=False)
print(strings.select(schema_of_json(lit('{"a": [1, 2.5], "b": {"c": "x"}}'))).first()[0])
flat = typed.select("id", inline_outer("items"))
flat.groupBy("sku").agg(sum("qty").alias("qty"), round(avg("price"), 3).alias("price"), array_sort(collect_list("id")).alias("ids")).orderBy(col("sku").asc_nulls_first()).show()
def flatten(s, prefix=None):
    fields = []
    for field in s.fields:
        name = prefix + "." + field.name if prefix else field.name
        if isinstance(field.dataType, StructType):
            fields += flatten(field.dataType, name)
        else:
            fields.append(name)
    return fields
names = flatten(typed.schema)
print(names)
typed.select([col(n).alias(n.replace(".", "_")) for n in names]).drop("items", "meta").show()
typed.write.mode("overwrite").json(os.path.join(out, "json"), compression="gzip")
typed.write.mode("overwrite").format("parquet").save(os.path.join(out, "parquet"))
again = spark.read.parquet(os.path.join(out, "parquet"))
print(again.schema == typed.schema, again.exceptAll(typed.select("*").drop("meta").withColumn("meta", lit(None).cast("map<string,string>"))).count() if False else again.count())
print(sorted(set(n.split(".", 1)[1] for n in os.listdir(os.path.join(out, "json")) if n.startswith("part"))) != [])
print(spark.read.json(os.path.join(out, "json")).orderBy("id").select("id", "meta.src").collect())
print(typed.toJSON().collect()[0])
for row in typed.orderBy(desc("id")).toLocalIterator():
    print(row.id, row.customer.name, [i.asDict() for i in row["items"]], row.meta)
print(typed.first().asDict(recursive=True))
rows = typed.selectExpr("id", "map_keys(meta) k", "map_concat(coalesce(meta, map()), map('z', '1')) m", "named_struct('a', id, 'b', array(id)) s").collect()
print(rows[0], rows[0].s.b, "k" in rows[0], len(rows[0]))
spark.stop()
