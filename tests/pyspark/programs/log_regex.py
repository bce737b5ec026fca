"""Application logs by regular expressions: several formats, multi-line traces, rates by window, paths, user agents, masks."""
import os
import re
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.window import Window

data, out = sys.argv[1:3]
spark = SparkSession.builder.master("local[2]").appName("regex").config("spark.sql.shuffle.partitions", 2).config("spark.sql.session.timeZone", "UTC").getOrCreate()
ACCESS = r'^(\S+) (\S+) (\S+) \[([\w:/]+\s[+\-]\d{4})\] "(\S+)\s?(\S+)?\s?(\S+)?" (\d{3}) (\S+)$'
raw = spark.read.text(data + "/access.log")
logs = raw.select(*[F.regexp_extract("value", ACCESS, i).alias(n) for i, n in ((1, "host"), (4, "ts"), (5, "method"), (6, "path"), (7, "proto"), (8, "status"), (9, "bytes"))])
logs = logs.withColumns({"ts": F.to_timestamp("ts", "dd/MMM/yyyy:HH:mm:ss Z"), "status": F.col("status").cast("int"), "bytes": F.expr("try_cast(bytes AS BIGINT)")}).cache()
logs.printSchema()
print(logs.count(), logs.filter("ts IS NULL").count(), logs.filter("bytes IS NULL").count())
logs.groupBy("status").agg(F.count("*").alias("n"), F.sum("bytes").alias("bytes"), F.expr("percentile_approx(bytes, array(0.5, 0.9), 10000)").alias("p")).orderBy("status").show()
logs.groupBy(F.window("ts", "7 days", "7 days", "3 days").alias("w")).agg(F.count_if(F.col("status") >= 400).alias("bad"), F.count("*").alias("n")).select(F.col("w.start").cast("date").alias("week"), "bad", "n", F.format_string("%5.1f%%", F.col("bad") * 100 / F.col("n")).alias("rate")).orderBy("week").show()
top = logs.groupBy("path", "method").count().withColumn("r", F.rank().over(Window.partitionBy("method").orderBy(F.desc("count"), "path"))).filter("r <= 2")
top.orderBy("method", "r").show()
logs.groupBy(F.hour("ts").alias("h")).pivot("method", ["GET", "POST"]).agg(F.countDistinct("host")).orderBy("h").show(5)
busy = logs.groupBy("host").agg(F.count("*").alias("n"), F.min("ts").alias("first"), F.max("ts").alias("last"), F.approx_count_distinct("path").alias("paths"), F.bool_or(F.col("status") == 500).alias("e"))
busy.orderBy(F.desc("n"), "host").limit(3).show(truncate=False)
parts = logs.select(F.split("host", r"\.").alias("p"), "host").select("host", F.col("p")[0].cast("int").alias("a"), F.transform("p", lambda x: F.lpad(x, 3, "0")).alias("padded"), F.substring_index("host", ".", -2).alias("tail"), F.regexp_replace("host", r"\d+\.(\d+)$", "x.$1").alias("masked"))
parts.distinct().orderBy("host").show(3, False)
lines = [
    "2024-01-01 10:00:00,123 INFO  [main] com.shop.Cart - added item=42 price=9.99 user=ann@example.com",
    "2024-01-01 10:00:01,001 ERROR [pool-1] com.shop.Pay - failed order=7 card=4111-1111-1111-1111",
    "java.lang.IllegalStateException: no money",
    "\tat com.shop.Pay.run(Pay.java:10)",
    "\tat java.lang.Thread.run(Thread.java:5)",
    "2024-01-01 10:00:02,500 WARN  [main] com.shop.Cart - slow took=1532ms user=bob.b@mail.org tags=[a, b]",
    "",
    "2024-01-01 10:05:00,000 INFO  [main] com.shop.Cart - json={\"a\": {\"b\": [1, 2]}}",
]
path = os.path.join(out, "app.log")
with open(path, "w") as f:
    f.write("\n".join(lines) + "\n")
HEAD = r"^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}),(\d{3}) (\w+)\s+\[([^\]]+)\] (\S+) - (.*)$"
numbered = spark.read.text(path).withColumn("n", F.monotonically_increasing_id())
grouped = numbered.withColumn("head", F.col("value").rlike(HEAD)).withColumn("g", F.sum(F.col("head").cast("int")).over(Window.orderBy("n")))
events = grouped.groupBy("g").agg(F.first(F.when(F.col("head"), F.col("value")), True).alias("line"), F.concat_ws("|", F.transform(F.array_sort(F.collect_list(F.when(~F.col("head") & (F.length("value") > 0), F.struct("n", F.trim("value").alias("v"))))), lambda s: s["v"])).alias("trace"))
fields = events.select("g", F.to_timestamp(F.concat_ws(".", F.regexp_extract("line", HEAD, 1), F.regexp_extract("line", HEAD, 2)), "yyyy-MM-dd HH:mm:ss.SSS").alias("ts"), F.regexp_extract("line", HEAD, 3).alias("level"), F.regexp_extract("line", HEAD, 6).alias("msg"), "trace")
fields.orderBy("g").show(truncate=False)
kv = fields.select("g", F.regexp_extract_all("msg", F.lit(r"(\w+)=(\S+)"), F.lit(1)).alias("k"), F.regexp_extract_all("msg", F.lit(r"(\w+)=(\S+)"), F.lit(2)).alias("v"))
kv.select("g", F.map_from_arrays("k", "v").alias("m")).select("g", "m.user", F.element_at("m", "price").cast("double").alias("price"), F.map_keys("m").alias("keys")).orderBy("g").show(truncate=False)
fields.select("g", F.regexp_replace("msg", r"\b(\d{4})-\d{4}-\d{4}-(\d{4})\b", "$1-****-****-$2").alias("card"), F.regexp_replace("msg", r"([\w.]+)@([\w.]+)", "***@$2").alias("mail"), F.regexp_count("msg", F.lit(r"\d+")).alias("c"), F.regexp_instr("msg", F.lit("=")).alias("i"), F.regexp_substr("msg", F.lit(r"\d+ms")).alias("s"), F.col("msg").rlike("(?i)FAILED|SLOW").alias("x")).orderBy("g").show(truncate=False)
urls = spark.createDataFrame([("https://ann:pw@shop.example.com:8080/a/b.html?q=1&lang=de#top",), ("http://x.org",), ("ftp://h/p?q",), ("nonsense",), ("/rel/path?id=%C3%A9+x",)], ["u"])
urls.select("u", *[F.expr(f"try_parse_url(u, '{p}')").alias(p.lower()) for p in ("HOST", "PATH", "PROTOCOL", "REF", "USERINFO")], F.expr("try_parse_url(u, 'QUERY', 'lang')").alias("lang"), F.try_url_decode(F.regexp_extract("u", "id=(.*)", 1)).alias("id")).show(truncate=False)
words = spark.createDataFrame([("The Quick  brown-fox, the LAZY dog's 2 bones",)], ["t"])
words.select(F.split("t", r"[\s,]+").alias("s"), F.split("t", "[ ,]+", 3).alias("s3"), F.initcap("t").alias("i"), F.sentences("t").alias("se"), F.translate("t", "aeiou", "12").alias("tr"), F.soundex(F.lit("Quick")).alias("sx"), F.levenshtein(F.lit("kitten"), F.lit("sitting")).alias("lv"), F.overlay("t", F.lit("SLOW "), 5, 6).alias("o"), F.locate("the", F.lower("t"), 5).alias("l"), F.repeat(F.lit("-="), 3).alias("r"), F.array_join(F.array_distinct(F.transform(F.split(F.lower("t"), r"\W+"), lambda w: F.left(w, F.lit(1)))), "").alias("a")).show(truncate=False, vertical=True)
pattern = re.compile(ACCESS)
print(raw.rdd.map(lambda r: pattern.match(r.value)).filter(lambda m: m and m.group(8) == "500").map(lambda m: (m.group(6), 1)).reduceByKey(lambda a, b: a + b).sortByKey().collect())
logs.unpersist()
spark.stop()
