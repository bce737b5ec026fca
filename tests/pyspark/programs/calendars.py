"""Dates and times as they come: formats, the old parser's habits, time zones, calendars, periods, intervals, fiscal years."""
import datetime as dt
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.master("local[2]").appName("calendars").config("spark.sql.session.timeZone", "Europe/Berlin").config("spark.sql.ansi.enabled", "false").getOrCreate()
texts = ["2024-03-31 02:30:00", "31/12/2023", "12-31-2023", "2024-1-5", "Jan 5, 2024", "5 January 2024", "20240229", "2024-02-30", "2024-W05-1", "24.12.2023 18:05", "2024-06-01T12:00:00.123456Z", "2024-06-01T12:00:00+05:30", "1700000000", "12:30 PM", "Mon, 05 Feb 2024 10:00:00 GMT", "", "null", None, "0001-01-01", "  2024-01-01 ", "2024-01-01x"]
df = spark.createDataFrame([(i, t) for i, t in enumerate(texts)], "i int, t string")
formats = ["yyyy-MM-dd HH:mm:ss", "dd/MM/yyyy", "MM-dd-yyyy", "yyyy-M-d", "MMM d, yyyy", "d MMMM yyyy", "yyyyMMdd", "dd.MM.yyyy HH:mm", "yyyy-MM-dd'T'HH:mm:ss[.SSSSSS]XXX", "h:mm a", "EEE, dd MMM yyyy HH:mm:ss z", "yyyy-MM-dd"]


def parse_any(c):
    return F.coalesce(*[F.to_timestamp(c, f) for f in formats])


for policy in ("CORRECTED", "LEGACY", "EXCEPTION"):
    spark.conf.set("spark.sql.legacy.timeParserPolicy", policy)
    print("--", policy)
    try:
        df.select("i", "t", parse_any("t").alias("any"), F.to_date("t").alias("date"), F.to_timestamp("t").alias("ts"), F.col("t").cast("date").alias("cast")).orderBy("i").show(30, False)
    except Exception as error:
        print(type(error).__name__)
    for value, form in (("2024-1-5 7:8", "yyyy-MM-dd HH:mm"), ("5/Mar/2024", "dd/MMM/yyyy"), ("2024-02-30", "yyyy-MM-dd"), ("24", "yy"), ("2024-01-01 junk", "yyyy-MM-dd"), ("366 2024", "DDD yyyy"), ("12/2023", "MM/yyyy")):
        try:
            print(value, form, spark.createDataFrame([(value,)], ["v"]).select(F.to_timestamp("v", form), F.unix_timestamp("v", form)).first())
        except Exception as error:
            print(value, form, type(error).__name__, error.getCondition())
    for form in ("EEEE d MMMM yyyy", "yyyy-'W'ww", "QQQ yy", "D", "hh:mm:ss a", "HH:mm:ss.SSS", "u", "E", "G yyyy", "e", "zzzz", "XXX", "F", "'quoted' yyyy''MM", "yyyy-MM-dd'T'HH:mm:ssZ", "LLLL", "k K", "n", "YYYY"):
        try:
            print(form, "->", spark.sql("SELECT TIMESTAMP'2024-12-30 15:04:05.678' AS t").select(F.date_format("t", form)).first()[0])
        except Exception as error:
            print(form, "->", type(error).__name__, error.getCondition())
spark.conf.unset("spark.sql.legacy.timeParserPolicy")
days = spark.sql("SELECT explode(sequence(DATE'2023-12-28', DATE'2024-01-04')) AS d")
days.select("d", F.year("d").alias("y"), F.weekofyear("d").alias("w"), F.dayofweek("d").alias("dow"), F.weekday("d").alias("wd"), F.dayofyear("d").alias("doy"), F.quarter("d").alias("q"), F.last_day("d").alias("last"), F.next_day("d", "Mon").alias("next"), F.trunc("d", "week").alias("week"), F.trunc("d", "Q").alias("tq"), F.dayname("d").alias("name"), F.monthname("d").alias("mn"), F.extract(F.lit("YEAROFWEEK"), "d").alias("yow")).show()
fiscal = days.select("d", (F.year(F.add_months("d", 9)) - F.when(F.month("d") == 1, 0).otherwise(0)).alias("fy"), F.months_between(F.lit("2024-03-31").cast("date"), "d").alias("mb"), F.datediff(F.lit(dt.date(2024, 2, 29)), "d").alias("dd"), F.make_date(F.year("d"), F.lit(2), F.lit(30)).alias("bad"), F.date_add("d", -365).alias("ya"), F.add_months("d", -1).alias("ma"), (F.col("d") - F.expr("INTERVAL 1 MONTH")).alias("im"), (F.lit("2024-01-01").cast("date") - F.col("d")).alias("diff"))
fiscal.show(truncate=False)
fiscal.printSchema()
hours = spark.sql("SELECT explode(sequence(TIMESTAMP'2024-03-31 00:30:00', TIMESTAMP'2024-03-31 04:30:00', INTERVAL 30 MINUTES)) AS t")
hours.select("t", F.hour("t").alias("h"), F.to_utc_timestamp("t", "Europe/Berlin").alias("utc"), F.from_utc_timestamp("t", "Asia/Tokyo").alias("tokyo"), F.unix_timestamp("t").alias("unix"), F.date_trunc("hour", "t").alias("trunc"), F.convert_timezone(F.lit("Europe/Berlin"), F.lit("America/New_York"), F.col("t").cast("timestamp_ntz")).alias("ny"), F.timestamp_diff("MINUTE", F.lit("2024-03-31 00:00:00").cast("timestamp"), "t").alias("min")).show(truncate=False)
back = spark.sql("SELECT TIMESTAMP'2024-10-27 00:30:00' + make_interval(0, 0, 0, 0, h, 0, 0) AS t, TIMESTAMP_NTZ'2024-10-27 00:30:00' + make_dt_interval(0, h) AS n FROM VALUES (0), (1), (2), (3), (25) AS v(h)")
back.select("t", "n", F.col("n").cast("timestamp").alias("nt"), F.col("t").cast("long").alias("s"), F.date_format("t", "HH:mm xxx zzz").alias("f"), F.timestamp_add("DAY", F.lit(1), "t").alias("next"), (F.col("t") - F.lit("2024-10-26 00:30:00").cast("timestamp")).alias("d")).show(truncate=False)
for row in back.collect():
    print(row.t, row.n)
ages = spark.createDataFrame([(dt.date(2000, 2, 29),), (dt.date(1999, 12, 31),), (dt.date(2024, 1, 1),)], ["born"])
today = F.lit("2024-02-28").cast("date")
ages.select("born", F.floor(F.months_between(today, "born") / 12).alias("age"), F.floor(F.datediff(today, "born") / 365.25).alias("rough"), F.expr("date_diff(YEAR, born, DATE'2024-02-28')").alias("dy"), F.date_format("born", "MMdd").cast("int").alias("md"), F.expr("CAST(DATE'2024-02-28' - born AS STRING)").alias("iv")).show(truncate=False)
spark.sql(
    "SELECT INTERVAL '1-6' YEAR TO MONTH * 2 AS a, INTERVAL '36:00' HOUR TO MINUTE / 3 AS b, DATE'2024-01-31' + INTERVAL 1 MONTH AS c, extract(HOURS FROM INTERVAL '1 22:03:04' DAY TO SECOND) AS d, timestamp_seconds(1.5) AS e, timestamp_millis(1) AS f, unix_date(DATE'1970-01-10') AS g, date_from_unix_date(-1) AS h, to_unix_timestamp('2024-01-01', 'yyyy-MM-dd') AS i, from_unixtime(0, 'dd.MM.yy HH') AS j, current_timezone() AS k").show(truncate=False, vertical=True)
spark.stop()
