"""Prices and air quality from JSON files as they come: filtered, flagged, aggregated by windows, into Parquet.

    firesteel submit job.py [--landing DIR] [--output DIR] [--seconds N]

Without --seconds it takes in what is there and ends.
"""

import argparse
import os
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

PRICES = "coin STRING, usd DOUBLE, at TIMESTAMP"
SENSORS = "station STRING, pm25 DOUBLE, at TIMESTAMP"


def read(spark, folder, schema):
    return spark.readStream.schema(schema).json(folder).withWatermark("at", "2 minutes")


def price_windows(prices):
    """Five minutes of a coin; a window is out of the ordinary if the price moved by more than 5 %."""
    window = prices.where("usd > 0").groupBy(F.window("at", "5 minutes"), "coin")
    frame = window.agg(
        F.min("usd").alias("low"), F.max("usd").alias("high"), F.avg("usd").alias("mean"), F.count("*").alias("polls")
    )
    moved = (F.col("high") - F.col("low")) / F.col("low")
    flagged = frame.withColumn("moved", F.round(moved, 4)).withColumn("anomaly", moved > 0.05)
    return flagged.select(F.col("window.start").alias("start"), F.col("window.end").alias("end"), *flagged.columns[1:])


def clean_sensors(sensors):
    """Readings of sensors that work, with a word for the air."""
    air = F.when(F.col("pm25") < 12, "good").when(F.col("pm25") < 35, "moderate").otherwise("bad")
    return sensors.where("pm25 >= 0").withColumn("air", air).withColumn("anomaly", F.col("pm25") > 35)


def start(frame, name, options):
    write = frame.writeStream.queryName(name).format("parquet").option("path", os.path.join(options.output, name))
    write = write.option("checkpointLocation", os.path.join(options.output, "checkpoint", name))
    if options.seconds:
        return write.trigger(processingTime="1 second").start()
    return write.trigger(availableNow=True).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--landing", default="landing")
    parser.add_argument("--output", default="lake")
    parser.add_argument("--seconds", type=float, default=0)
    options = parser.parse_args()
    options.landing, options.output = os.path.abspath(options.landing), os.path.abspath(options.output)
    spark = SparkSession.builder.appName("crypto_stream").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    prices = read(spark, os.path.join(options.landing, "prices"), PRICES)
    sensors = read(spark, os.path.join(options.landing, "sensors"), SENSORS)
    queries = [
        start(price_windows(prices), "price_windows", options),
        start(clean_sensors(sensors), "sensors", options),
    ]
    if options.seconds:
        time.sleep(options.seconds)
        for query in queries:
            query.stop()
    for query in queries:
        query.awaitTermination()
    windows = spark.read.parquet(os.path.join(options.output, "price_windows"))
    readings = spark.read.parquet(os.path.join(options.output, "sensors"))
    print(f"{windows.count()} windows, {windows.where('anomaly').count()} out of the ordinary")
    print(f"{readings.count()} readings, {readings.where('anomaly').count()} of bad air")
    windows.orderBy("start", "coin").show(8, truncate=False)
    spark.stop()


if __name__ == "__main__":
    main()
