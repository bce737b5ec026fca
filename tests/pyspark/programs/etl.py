import json, csv, io
from pyspark import SparkContext
from pyspark.sql import SQLContext, SparkSession
import pyspark.sql.functions as F
sc = SparkContext("local[2]", "etl")
spark = SparkSession(sc)
raw = sc.textFile(sys.argv[1] + "/people.json")
objs = raw.map(json.loads)
print(objs.filter(lambda o: o["age"] is not None).map(lambda o: (o["addr"]["city"], o["age"])).aggregateByKey((0, 0), lambda a, v: (a[0] + v, a[1] + 1), lambda a, b: (a[0] + b[0], a[1] + b[1])).mapValues(lambda t: round(t[0] / t[1], 3)).sortByKey().collect())
df = spark.read.json(raw)
df.select("name", "addr.zip", F.size("tags").alias("n")).filter("n = 2").orderBy("name").show(5)
df2 = spark.read.json(objs.map(lambda o: json.dumps({"n": o["name"], "t": o["tags"][0]})))
df2.groupBy("t").count().orderBy("t").show()
def to_csv(x):
    s = io.StringIO(); csv.writer(s).writerow(x); return s.getvalue().strip()
rows = sc.textFile(sys.argv[1] + "/movies.csv").map(lambda l: l.split("::"))
print(rows.map(to_csv).take(2))
print(spark.read.csv(rows.map(to_csv), schema="id int, title string, genre string").groupBy("genre").count().orderBy(F.desc("count"), "genre").take(3))
print(spark.read.option("header", True).csv(sc.textFile(sys.argv[1] + "/ratings.csv")).dtypes)
import shutil; shutil.rmtree(sys.argv[2] + "/out35", ignore_errors=True)
rows.map(lambda r: (int(r[0]), r[1], r[2].split("|"))).toDF(["id", "title", "genres"]).write.partitionBy("id").mode("overwrite").json(sys.argv[2] + "/out35")
back = spark.read.json(sys.argv[2] + "/out35")
print(back.count(), back.filter("id = 7").collect())
print(back.rdd.flatMap(lambda r: r.genres).countByValue().items() and sorted(back.rdd.flatMap(lambda r: r.genres).countByValue().items()))
print(df.toJSON().first() if hasattr(df.toJSON(), "first") else None)
sc.stop()
