"""A job as teams write it: arguments, configuration, logging, typed steps, a package shipped as a zip, metrics, exit codes."""
import argparse
import configparser
import io
import logging
import os
import sys
import zipfile
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any, Callable, Dict, List, Optional

from pyspark import SparkConf, SparkFiles
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.window import Window

stream = io.StringIO()
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=stream, force=True)
log = logging.getLogger("job")


@dataclass
class Settings:
    data: str
    out: str
    run_date: date = date(2024, 2, 20)
    days: int = 10
    symbols: List[str] = field(default_factory=list)
    extra: Dict[str, str] = field(default_factory=dict)


def parse(argv: List[str]) -> Settings:
    parser = argparse.ArgumentParser(prog="job")
    parser.add_argument("data")
    parser.add_argument("out")
    parser.add_argument("--run-date", type=date.fromisoformat, default=date(2024, 2, 20))
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--symbol", action="append", dest="symbols", default=[])
    args = parser.parse_args(argv)
    config = configparser.ConfigParser()
    config.read_string("[spark]\nspark.sql.shuffle.partitions = 3\nspark.sql.session.timeZone = UTC\nspark.my.own = 5\n[job]\nthreshold = 1.5\n")
    return Settings(args.data, args.out, args.run_date, args.days, args.symbols, dict(config["spark"]))


def build(settings: Settings) -> SparkSession:
    conf = SparkConf().setAppName("stocks job").setMaster("local[2]").setAll(settings.extra.items()).setIfMissing("spark.ui.enabled", "false")
    return SparkSession.builder.config(conf=conf).config(map={"spark.sql.ansi.enabled": True}).getOrCreate()


def package(folder: str) -> str:
    path = os.path.join(folder, "helpers.zip")
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("helpers/__init__.py", "from .prices import spread, VERSION\n")
        z.writestr("helpers/prices.py", "VERSION = '1.2'\n\ndef spread(open_, close):\n    return None if open_ is None or close is None else round(close - open_, 2)\n")
    return path


def step(name: str) -> Callable:
    def wrap(function: Callable[..., DataFrame]) -> Callable[..., DataFrame]:
        def inner(df: DataFrame, *args: Any, **kwargs: Any) -> DataFrame:
            log.info("step %s columns=%d", name, len(df.columns))
            return function(df, *args, **kwargs)
        return inner
    return wrap


@step("clean")
def clean(df: DataFrame) -> DataFrame:
    return df.select([F.col(c).alias(c.lower()) for c in df.columns]).withColumn("date", F.to_date("date")).dropDuplicates(["date", "symbol"])


@step("recent")
def recent(df: DataFrame, run_date: date, days: int) -> DataFrame:
    return df.filter(F.col("date").between(run_date - timedelta(days=days), run_date))


@step("enrich")
def enrich(df: DataFrame, by: str = "symbol", *, window: int = 3) -> DataFrame:
    w = Window.partitionBy(by).orderBy("date")
    moving: Column = F.avg("close").over(w.rowsBetween(-(window - 1), 0))
    return df.withColumns({"ma": F.round(moving, 3), "change": F.round(F.col("close") / F.lag("close").over(w) - 1, 5), "rank": F.dense_rank().over(Window.partitionBy("date").orderBy(F.desc("volume"))), "total": F.sum("volume").over(w)})


def main(argv: List[str]) -> int:
    settings = parse(argv)
    spark = build(settings)
    sc = spark.sparkContext
    sc.addPyFile(package(settings.out))
    import helpers

    spread = F.udf(helpers.spread, "double")
    print(helpers.VERSION, os.path.basename(SparkFiles.get("helpers.zip")), sc.appName, sc.getConf().get("spark.my.own"), spark.conf.get("spark.sql.shuffle.partitions"), sc.getConf().contains("spark.nothing"), sc.getConf().get("spark.nothing", "none"))
    print(asdict(settings)["symbols"], settings.run_date, sorted(k for k, _ in sc.getConf().getAll() if k.startswith("spark.my") or k.startswith("spark.sql.sh")))
    rows = sc.accumulator(0)
    stocks = spark.read.csv(settings.data + "/stocks.csv", header=True, inferSchema=True)
    result = stocks.transform(clean).transform(recent, settings.run_date, settings.days).transform(enrich, window=4).withColumn("spread", spread("open", "close"))
    if settings.symbols:
        result = result.where(F.col("symbol").isin(settings.symbols))
    result = result.cache()

    def count(part):
        n = sum(1 for _ in part)
        rows.add(n)

    result.foreachPartition(count)
    log.info("rows %d", rows.value)
    result.orderBy("symbol", "date").show(6)
    result.printSchema()
    summary = result.groupBy("symbol").agg(*[f(c).alias(f"{f.__name__}_{c}") for c in ("spread", "volume") for f in (F.min, F.max)], F.expr("percentile(close, array(0.25, 0.75))").alias("quartiles")).orderBy("symbol")
    summary.show(truncate=False)
    best: Optional[Any] = result.orderBy(F.col("change").desc_nulls_last(), "symbol").first()
    print(best.asDict() if best else None)
    result.repartitionByRange(2, "date").write.mode("overwrite").parquet(os.path.join(settings.out, "result"))
    back = spark.read.parquet(os.path.join(settings.out, "result"))
    lost = result.exceptAll(back).count() + back.exceptAll(result).count()
    log.info("lost %d", lost)
    try:
        assert lost == 0, "rows were lost"
        if back.filter("volume <= 0").head(1):
            raise ValueError("no volume")
    except (AssertionError, ValueError) as error:
        log.error("check failed: %s", error)
        return 2
    finally:
        result.unpersist()
    missing = back.select("symbol").distinct().join(spark.createDataFrame([("AAA",), ("CCC",)], ["symbol"]), "symbol", "right").exceptAll(back.select("symbol").distinct())
    print([r.symbol for r in missing.collect()])
    spark.stop()
    return 0


if __name__ == "__main__":
    code = main([*sys.argv[1:3], "--run-date", "2024-02-12", "--days", "20", "--symbol", "AAA", "--symbol", "BBB"])
    print("exit", code)
    print(stream.getvalue())
