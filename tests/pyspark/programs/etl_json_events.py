from pyspark.sql import SparkSession
from pyspark.sql.functions import (col, explode, to_timestamp, to_date, hour, date_trunc, sum as _sum, count, countDistinct, when, lit, concat_ws,
                                   collect_list, struct, get_json_object, from_json, to_json, window, unix_timestamp, from_unixtime, udf, expr, coalesce, dayofweek)
from pyspark.sql.types import StringType, MapType, StructType, IntegerType, TimestampType
import os
import sys

spark = (SparkSession.builder
         .appName("events")
         .master("local[2]")
         .config("spark.sql.shuffle.partitions", 4)
         .config("spark.sql.session.timeZone", "UTC")
         .config("spark.sql.legacy.timeParserPolicy", "CORRECTED")
         .getOrCreate())
try:
    events = spark.read.json(os.path.join(sys.argv[1], "events.json"))
    events.printSchema()
    flat = events.select(to_timestamp("ts").alias("ts"), col("user.id").alias("user_id"), "user.geo.country", "type", explode("items").alias("item"), "props.*")
    flat = flat.withColumn("day", to_date("ts")).withColumn("hour", hour("ts")).withColumnRenamed("k", "key").drop("nothing")
    flat.orderBy("ts", "key").show(3, False)
    funnel = flat.groupBy("country").pivot("type", ["view", "cart", "buy"]).agg(countDistinct("user_id")).orderBy("country")
    funnel.show()
    flat.groupBy(window("ts", "12 hours"), "type").agg(_sum("item.qty").alias("qty")).filter(col("type") == "buy").orderBy("window").select("window.start", "qty").show(4, truncate=False)
    sessions = flat.groupBy("user_id").agg(collect_list(struct("ts", "type")).alias("s")).selectExpr("user_id", "size(s) n", "array_sort(s)[0].type AS first_type")
    sessions.orderBy("user_id").show(3)

    @udf(returnType=MapType(StringType(), IntegerType()))
    def histogram(types):
        out = {}
        for t in types:
            out[t] = out.get(t, 0) + 1
        return out

    flat.groupBy("user_id").agg(histogram(collect_list("type")).alias("h")).select("user_id", col("h")["view"], expr("map_keys(h)")).orderBy("user_id").select("user_id", "h[view]").show(3)
    flat.withColumn("weekend", when(dayofweek("day").isin(1, 7), lit("yes")).otherwise("no")).groupBy("weekend").count().orderBy("weekend").show()
    flat.write.mode("overwrite").partitionBy("day", "country").parquet(sys.argv[2] + "/events")
    back = spark.read.parquet(sys.argv[2] + "/events")
    print(back.count() == flat.count(), sorted(back.columns), back.filter("day = '2024-03-02' AND country = 'DE'").count())
    back.createOrReplaceTempView("events")
    spark.sql("""WITH daily AS (SELECT day, type, count(*) n FROM events GROUP BY 1, 2)
                 SELECT day, max(CASE WHEN type = 'buy' THEN n END) buys, sum(n) total, sum(sum(n)) OVER (ORDER BY day) running FROM daily GROUP BY day ORDER BY day""").show()
    texts = events.select(to_json("user").alias("j"))
    texts.select(get_json_object("j", "$.geo.country").alias("c"), from_json("j", "id INT, geo STRUCT<country: STRING>").alias("u")).select("c", "u.geo.*", "u.id").distinct().orderBy("c", "id").show(3)
    print(events.select(unix_timestamp(to_timestamp("ts")).alias("u")).agg({"u": "min"}).collect(), events.select(from_unixtime(lit(0)).alias("e")).first())
    events.select(concat_ws("-", "type", "user.geo.country").alias("k")).groupBy("k").count().orderBy("k").coalesce(1).write.csv(sys.argv[2] + "/csv", header=True, sep=";")
    print(spark.sparkContext.textFile(sys.argv[2] + "/csv").collect())
    bad = spark.read.schema("ts TIMESTAMP, type STRING, _corrupt_record STRING").option("mode", "PERMISSIVE").json(spark.sparkContext.parallelize(['{"type": "x"}', 'broken']))
    bad.show()
    df2 = events.select("type", col("user.id").alias("id")).limit(50).cache()
    print(df2.count(), df2.is_cached, df2.storageLevel, df2.unpersist().is_cached)
    print([f.name for f in flat.schema.fields], flat.schema["item"].dataType.simpleString(), flat.selectExpr("max(ts)").first()[0])
finally:
    spark.stop()
