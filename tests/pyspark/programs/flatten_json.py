"""JSON of any shape made flat: the helper that everybody writes, with structs, arrays of structs, maps, and names that collide."""
import json
import os
import sys

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

out = sys.argv[2]
spark = SparkSession.builder.master("local[2]").appName("flatten").config("spark.sql.shuffle.partitions", 2).getOrCreate()
records = [
    {"id": 1, "user": {"name": "Ann", "geo": {"lat": 1.5, "lon": 2}, "tags": ["a", "b"]}, "orders": [{"sku": "x", "qty": 2, "price": 9.99, "opts": {"gift": True}}, {"sku": "y", "qty": 1}], "a.b": "dot", "when": "2024-01-02T03:04:05Z"},
    {"id": 2, "user": {"name": "Bob", "geo": None, "tags": []}, "orders": [], "extra": {"k1": 1, "k2": [1, 2]}},
    {"id": 3, "user": None, "orders": None, "when": "bad", "nums": [[1, 2], [3], None]},
    {"id": 4, "user": {"name": "Di", "geo": {"lat": 0, "lon": 1e3}}, "orders": [{"sku": "z", "qty": None, "opts": None}], "extra": {"k1": "text"}},
]
path = os.path.join(out, "events.json")
with open(path, "w") as f:
    f.write("\n".join(json.dumps(r) for r in records))
df = spark.read.json(path)
df.printSchema()


def flatten(df: DataFrame, sep: str = "_") -> DataFrame:
    """Structs become columns, arrays rows, until neither is left."""
    while True:
        complex_fields = {f.name: f.dataType for f in df.schema.fields if isinstance(f.dataType, (ArrayType, StructType))}
        if not complex_fields:
            return df
        name, kind = next(iter(complex_fields.items()))
        if isinstance(kind, StructType):
            expanded = [F.col(f"`{name}`.`{k}`").alias(f"{name}{sep}{k}") for k in kind.fieldNames()]
            df = df.select("*", *expanded).drop(name)
        else:
            df = df.withColumn(name, F.explode_outer(F.col(f"`{name}`")))


def flatten_structs(schema, prefix=None):
    for field in schema.fields:
        name = f"{prefix}.{field.name}" if prefix else f"`{field.name}`"
        if isinstance(field.dataType, StructType):
            yield from flatten_structs(field.dataType, name)
        else:
            yield name


flat = flatten(df)
print(flat.columns)
flat.orderBy("id", "orders_sku", "user_tags", "nums", "extra_k2").show(30)
print(flat.count(), flat.distinct().count())
columns = list(flatten_structs(df.schema))
print(columns)
leaves = df.select([F.col(c).alias(c.replace("`", "").replace(".", "__")) for c in columns])
leaves.printSchema()
leaves.orderBy("id").show(truncate=False)

# schemas as JSON, kept and read again; samples; columns as strings
text = df.schema.json()
again = StructType.fromJson(json.loads(text))
print(again == df.schema, spark.read.schema(again).json(path).count())
raw = spark.read.text(path)
print(raw.select(F.schema_of_json(F.lit(raw.first()[0]))).first()[0])
parsed = raw.select(F.from_json("value", df.schema).alias("r"), F.get_json_object("value", "$.orders[*].sku").alias("skus"), F.get_json_object("value", "$['a.b']").alias("dot"), F.json_tuple("value", "id", "when").alias("id", "when"))
parsed.select("id", "when", "skus", "dot", F.size("r.orders").alias("n"), F.col("r.user.name")).orderBy("id").show(truncate=False)
free = spark.read.schema("id INT, user MAP<STRING, STRING>, orders ARRAY<MAP<STRING, STRING>>, extra STRING, _corrupt_record STRING").json(path)
for row in free.orderBy("id").collect():
    print(row.id, sorted((row.user or {}).items()), [sorted(o.items(), key=str) for o in row.orders or []], row.extra, row["_corrupt_record"])
df.select("id", F.map_from_entries(F.array(F.struct(F.lit("k"), F.col("id")))).alias("m"), F.to_json("orders").alias("o"), F.to_json(F.struct("user", "when"), {"ignoreNullFields": "false"}).alias("u")).orderBy("id").show(truncate=False)
upper = df.select("id", F.transform("orders", lambda o: o.withField("total", F.col("id") + o.qty).dropFields("opts", "price")).alias("orders"), F.col("user").getField("geo").getField("lat").alias("lat"), F.get("user.tags", F.lit(0)).alias("tag"))
upper.orderBy("id").show(truncate=False)
upper.printSchema()
users = df.select(F.col("user").withField("geo.alt", F.lit(7)).withField("full", F.concat_ws(" ", "user.name", F.lit("X"))).alias("u")).select("u.*")
users.orderBy("name").show(truncate=False)

nested = df.groupBy(F.col("user.name").alias("name")).agg(F.flatten(F.collect_list("orders")).alias("orders"), F.collect_list(F.struct("id", "when")).alias("seen"))
nested.orderBy(F.col("name").asc_nulls_first()).coalesce(1).write.mode("overwrite").json(os.path.join(out, "nested"))
files = [n for n in os.listdir(os.path.join(out, "nested")) if n.startswith("part-")]
print(open(os.path.join(out, "nested", files[0])).read())
many = os.path.join(out, "array.json")
with open(many, "w") as f:
    json.dump({"meta": {"n": 2}, "items": [{"k": "a", "v": [{"x": 1}]}, {"k": "b", "v": None}]}, f, indent=1)
doc = spark.read.option("multiLine", True).json(many)
doc.select("meta.n", F.inline_outer("items")).select("n", "k", F.col("v.x").alias("xs")).show()
print(spark.read.json(many).columns, spark.read.json(spark.sparkContext.parallelize(['{"a":1}', '{"b":[1]}', "oops"])).orderBy("a").collect())
types = spark.read.option("primitivesAsString", True).option("dropFieldIfAllNull", True).json(path)
print(types.dtypes)
with open(os.path.join(out, "odd.json"), "w") as f:
    f.write("{'single': 1, /* c */ \"n\": 007, \"inf\": NaN}\n{\"single\": 2.50, \"n\": 1e2, \"inf\": -Infinity}\n{\"A\": 1, \"a\": 2}\n")
odd = spark.read.schema("single DOUBLE, n INT, inf DOUBLE").option("allowComments", True).option("allowNumericLeadingZeros", True).json(os.path.join(out, "odd.json"))
print(odd.collect())
variants = raw.select(F.parse_json("value").alias("v")).select(F.variant_get("v", "$.id", "int").alias("id"), F.try_variant_get("v", "$.user.geo.lat", "string").alias("lat"), F.schema_of_variant("v").alias("s"), F.is_variant_null(F.try_variant_get("v", "$.user", "variant")).alias("n"))
variants.orderBy("id").show(truncate=60)
spark.stop()
