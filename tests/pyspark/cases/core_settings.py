"""Settings of Spark's core, which belong to the application, and checkpoints without a folder."""


def told(action):
    try:
        return {"value": action()}
    except Exception as raised:
        return {
            "class": type(raised).__name__,
            "condition": raised.getCondition() if hasattr(raised, "getCondition") else None,
            "message": str(raised).split("\n\nJVM stacktrace")[0],
        }


def case_core_settings_cannot_be_set(spark, tmp):
    found = {}
    for key in (
        "spark.executor.memory",
        "spark.driver.memory",
        "spark.executor.pyspark.memory",
        "spark.python.worker.reuse",
        "spark.task.cpus",
        "spark.checkpoint.dir",
        "spark.local.dir",
        "spark.default.parallelism",
        "spark.master",
        "spark.hadoop.some.key",
        "spark.my.own",
        "my.own",
        "spark.yarn.queue",
        "spark.sql.warehouse.dir",
    ):
        found[key] = told(lambda key=key: spark.conf.set(key, "1"))
    found["unset"] = told(lambda: spark.conf.unset("spark.executor.memory"))
    found["modifiable"] = spark.conf.isModifiable("spark.executor.memory")
    found["by SQL"] = told(lambda: spark.sql("SET spark.executor.memory=1g").collect())
    spark.conf.set("spark.sql.legacy.setCommandRejectsSparkCoreConfs", "false")
    found["legacy"] = told(lambda: spark.conf.set("spark.executor.memory", "1g"))
    spark.conf.set("spark.sql.legacy.setCommandRejectsSparkCoreConfs", "true")
    return found


def case_checkpoint_without_a_folder(spark, tmp):
    return {
        "reliable": told(lambda: spark.range(3).checkpoint().count()),
        "lazy": told(lambda: spark.range(3).checkpoint(eager=False).count()),
        "local": told(lambda: spark.range(3).localCheckpoint().count()),
    }


def case_repartition_deals_rows(spark, tmp):
    """repartition(n) deals each partition's rows in turns, by Spark's order and from where Spark begins."""
    from pyspark.sql import functions as F

    def partitions(dataframe):
        found = {}
        for row in dataframe.select(F.spark_partition_id().alias("p"), "*").collect():
            found.setdefault(row[0], []).append([str(one) for one in row[1:]])
        return sorted(found.items())

    numbers = spark.range(0, 20, 1, 2)
    texts = spark.range(0, 15, 1, 1).selectExpr(
        "cast(id AS int) AS a", "if(id % 3 = 0, null, concat('row ', id)) AS b", "id / 4 AS c", "id % 2 = 0 AS d"
    )
    return {
        "range": partitions(numbers.repartition(3)),
        "two": partitions(numbers.repartition(2)),
        "four": partitions(numbers.repartition(4)),
        "one": partitions(numbers.repartition(1)),
        "five": partitions(spark.range(0, 7, 1, 1).repartition(5)),
        "texts": partitions(texts.repartition(3)),
        "more": partitions(
            texts.select(
                F.col("a").cast("tinyint"),
                F.col("a").cast("smallint"),
                F.expr("chr(a + 65)"),
                F.expr("date_add(DATE'2024-01-01', a)"),
                F.expr("cast(a AS decimal(10,2))"),
                F.expr("cast(a AS float)"),
                F.expr("timestamp_seconds(a)"),
                F.expr("cast(b AS binary)"),
            ).repartition(3)
        ),
        "nested": partitions(
            texts.select(
                F.array("a", "a").alias("x"), F.struct("b", "c").alias("y"), F.expr("map(a, b)").alias("z")
            ).repartition(3)
        ),
        "wide decimals": partitions(
            texts.select(F.expr("cast(if(a = 7, null, a - 3) * 1000 AS decimal(30,2))").alias("x")).repartition(3)
        ),
        "by SQL": partitions(spark.sql("SELECT /*+ REPARTITION(3) */ id FROM range(0, 20, 1, 2)")),
        "filtered": partitions(numbers.repartition(3).filter("id > 4")),
    }
