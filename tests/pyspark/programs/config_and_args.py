import configparser
import argparse
import logging
import os
import sys
from dataclasses import dataclass, asdict
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession, DataFrame
import pyspark.sql.functions as F

logging.basicConfig(level=logging.INFO, stream=sys.stderr)
log = logging.getLogger(__name__)


@dataclass
class Settings:
    source: str
    target: str
    min_rating: float = 3.0


def get_spark(app_name, config):
    conf = SparkConf()
    for key, value in config.items():
        conf.set(key, value)
    return SparkSession.builder.appName(app_name).master("local[2]").config(conf=conf).getOrCreate()


def extract(spark, settings) -> DataFrame:
    return spark.read.option("header", "true").csv(os.path.join(settings.source, "ratings.csv"))


def transform(df: DataFrame, settings) -> DataFrame:
    return (df.withColumn("rating", F.col("rating").cast("float"))
              .where(F.col("rating") >= settings.min_rating)
              .groupBy("movieId").agg(F.count("*").alias("n"), F.avg("rating").alias("mean"))
              .transform(lambda d: d.withColumn("mean", F.round("mean", 3))))


def load(df: DataFrame, settings) -> None:
    df.repartition(1).sortWithinPartitions(F.desc("n"), "movieId").write.mode("overwrite").option("header", True).csv(settings.target)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="job")
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--min-rating", type=float, default=3.0)
    args = parser.parse_args(argv)
    ini = configparser.ConfigParser()
    ini.optionxform = str
    ini.read_string("[spark]\nspark.sql.shuffle.partitions = 3\nspark.executor.memory = 1g\nspark.my.key = hello\n")
    spark = get_spark("etl", dict(ini["spark"]))
    log.info("started %s", spark.sparkContext.applicationId)
    print(spark.conf.get("spark.sql.shuffle.partitions"), spark.conf.get("spark.my.key"), spark.sparkContext.getConf().get("spark.executor.memory"))
    settings = Settings(args.paths[0], os.path.join(args.paths[1], "ratings"), args.min_rating)
    print(sorted(asdict(settings))[0])
    result = transform(extract(spark, settings), settings).cache()
    load(result, settings)
    print(spark.sparkContext.textFile(settings.target).take(4))
    print(spark.read.csv(settings.target, header=True, inferSchema=True).dtypes)
    again = SparkSession.builder.appName("other").config("spark.sql.shuffle.partitions", 7).getOrCreate()
    print(again is spark or again.sparkContext is spark.sparkContext, again.conf.get("spark.sql.shuffle.partitions"))
    print(SparkSession.getActiveSession() is not None, SparkContext.getOrCreate() is spark.sparkContext)
    fresh = spark.newSession()
    result.createOrReplaceTempView("results")
    print("results" in [t.name for t in spark.catalog.listTables()], "results" in [t.name for t in fresh.catalog.listTables()], fresh.conf.get("spark.sql.shuffle.partitions") != "7")
    result.createOrReplaceGlobalTempView("shared")
    print(fresh.sql("SELECT count(*) > 0 FROM global_temp.shared").first()[0])
    try:
        SparkContext("local", "second")
    except ValueError as e:
        print(str(e)[:49])
    try:
        sys.exit(main.__code__.co_argcount - 1)
    finally:
        result.unpersist()
        spark.stop()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SystemExit as e:
        print("exit", e.code)
