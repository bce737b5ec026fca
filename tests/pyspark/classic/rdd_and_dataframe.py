"""Between RDDs and DataFrames: `df.rdd`, `toDF`, `createDataFrame(rdd)`; and what tasks know of themselves."""

import datetime
import decimal

from pyspark import TaskContext
from pyspark.sql import Row
from pyspark.sql.types import DoubleType, IntegerType, StringType, StructField, StructType


def failing(action):
    try:
        return {"no error": repr(action())}
    except Exception as raised:
        condition = raised.getCondition() if hasattr(raised, "getCondition") else None
        known = [one for one in ("FIELD_DATA_TYPE_UNACCEPTABLE", "CANNOT_DETERMINE_TYPE", "CANNOT_INFER_EMPTY_SCHEMA",
                                 "FIELD_NOT_NULLABLE", "LENGTH_SHOULD_BE_THE_SAME") if one in str(raised)]
        return {"condition": condition if condition != "PYTHON_EXCEPTION" else None, "known": known}


def case_rows(spark, tmp):
    df = spark.createDataFrame(
        [(1, "a", 1.5, [1, 2], {"k": 1}, None), (2, "b", None, [], {}, Row(x=1))],
        "i int, s string, d double, a array<int>, m map<string,int>, r struct<x:int>",
    )
    rows = df.rdd.collect()
    return {
        "rows": rows, "names": rows[0].__fields__, "types": [type(row).__name__ for row in rows],
        "map": df.rdd.map(lambda row: (row.s, row["i"], row[2])).collect(),
        "asDict": df.rdd.map(lambda row: row.asDict(True)).collect(),
        "times": spark.sql("select date'2020-02-03' d, timestamp'2020-02-03 04:05:06' t, 1.50bd n, x'00ff' b").rdd.collect(),
        "count": df.rdd.count(), "first": df.rdd.first(), "isEmpty": [df.rdd.isEmpty(), df.filter("i > 9").rdd.isEmpty()],
        "same names": spark.sql("select 1 a, 2 a").rdd.map(tuple).collect(),
    }


def case_partitions(spark, tmp):
    counted = lambda df: df.rdd.mapPartitions(lambda rows: [sum(1 for _ in rows)]).collect()  # noqa: E731
    return {
        "range": [spark.range(0, 10, 1, 4).rdd.getNumPartitions(), counted(spark.range(0, 10, 1, 4))],
        "with empty ones": counted(spark.range(0, 2, 1, 4)),
        "coalesced": spark.range(0, 10, 1, 4).coalesce(2).rdd.getNumPartitions(),
        "glom": spark.range(0, 6, 1, 3).rdd.map(lambda row: row.id).glom().collect(),
        "take": spark.range(0, 1000, 1, 10).rdd.take(3),
    }


def case_to_dataframe(spark, tmp):
    sc = spark.sparkContext
    pairs = sc.parallelize([("a", 1), ("b", 2)], 2)
    schema = StructType([StructField("s", StringType()), StructField("i", IntegerType(), False)])
    dated = sc.parallelize([Row(d=datetime.date(2020, 1, 2), n=decimal.Decimal("1.50"), b=b"x", ok=True, f=1.5, l=[1], m={"k": 1})])
    return {
        "toDF": pairs.toDF(), "names": pairs.toDF(["x", "y"]), "schema": pairs.toDF(schema), "text": pairs.toDF("x string, y long"),
        "rows": sc.parallelize([Row(a=1, b="x"), Row(a=2, b=None)]).toDF(), "dicts": sc.parallelize([{"a": 1, "b": 2.5}]).toDF(),
        "create": spark.createDataFrame(pairs, ["k", "v"]), "one column": spark.createDataFrame(sc.parallelize([1, 2]), "int"),
        "single type": spark.createDataFrame(sc.parallelize([1.5, None]), DoubleType()),
        "later rows": spark.createDataFrame(sc.parallelize([(None, 1), ("x", 2)], 1), ["a", "b"]),
        "sampled": spark.createDataFrame(sc.parallelize([(1, "a"), (2, "b")]), samplingRatio=1.0),
        "kinds": spark.createDataFrame(dated), "grouped": pairs.toDF(["k", "v"]).groupBy("k").sum("v"),
        "back again": pairs.toDF(["k", "v"]).filter("v > 1").rdd.map(lambda row: row.k).collect(),
        "nested": sc.parallelize([(1, (2, "x"))]).toDF(),
    }


def case_bad(spark, tmp):
    sc = spark.sparkContext
    schema = StructType([StructField("s", StringType()), StructField("i", IntegerType(), False)])
    return {
        "wrong type": failing(lambda: sc.parallelize([("a", "b")]).toDF(schema).collect()),
        "null": failing(lambda: sc.parallelize([("a", None)]).toDF(schema).collect()),
        "length": failing(lambda: sc.parallelize([("a",)]).toDF(schema).collect()),
        "nothing": failing(lambda: sc.parallelize([]).toDF()),
        "only nulls": failing(lambda: sc.parallelize([(None,)]).toDF()),
        "empty row": failing(lambda: sc.parallelize([()]).toDF()),
    }


def case_tasks(spark, tmp):
    sc = spark.sparkContext
    sc.setLocalProperty("key", "value")

    def known(x):
        context = TaskContext.get()
        return context.partitionId(), context.getLocalProperty("key"), isinstance(context.stageId(), int), context.attemptNumber()

    answer = {"tasks": sc.parallelize(range(4), 4).map(known).collect(), "driver": TaskContext.get() is None}
    answer["after a shuffle"] = sc.parallelize([(n, n) for n in range(4)], 2).partitionBy(3).mapPartitions(lambda part: [known(part)]).collect()
    sc.setLocalProperty("key", None)
    return answer


def case_context(spark, tmp):
    from pyspark import SparkContext

    sc = spark.sparkContext
    return {
        "same": [sc is SparkContext.getOrCreate(), spark.sparkContext is sc], "master": sc.master,
        "parallelism": [sc.defaultParallelism, sc.defaultMinPartitions], "version": sc.version == spark.version,
        "local property": [sc.getLocalProperty("none"), sc.setLocalProperty("k", "v"), sc.getLocalProperty("k")],
        "unknown job": [sc.statusTracker().getJobInfo(10**6), sc.statusTracker().getActiveJobsIds()],
        "conf": sc.getConf().get("spark.master"), "checkpoint": sc.getCheckpointDir(),
    }


def case_groups(spark, tmp):
    import threading
    import time

    sc = spark.sparkContext
    outcome = {}

    def work():
        sc.setJobGroup("long", "a long job")
        try:
            outcome["result"] = sc.parallelize(range(2), 2).map(lambda x: time.sleep(60)).collect()
        except Exception:
            outcome["result"] = "cancelled"

    thread = threading.Thread(target=work)
    thread.start()
    while not sc.statusTracker().getJobIdsForGroup("long"):
        time.sleep(0.1)
    time.sleep(2)
    sc.cancelJobGroup("long")
    thread.join(40)
    return [outcome.get("result", "still running"), sc.parallelize([1]).count()]


def case_cancelled_group_of_dataframes(spark, tmp):
    import threading
    import time

    sc, outcome = spark.sparkContext, {}

    def work():
        sc.setJobGroup("rows", "counts for long", interruptOnCancel=True)
        try:
            outcome["result"] = spark.range(0, 10**12, 1, 4).selectExpr("sum(id % 7)").collect()
        except Exception:
            outcome["result"] = "cancelled"

    thread = threading.Thread(target=work)
    thread.start()
    while not sc.statusTracker().getJobIdsForGroup("rows"):
        time.sleep(0.1)
    sc.cancelJobGroup("others")
    time.sleep(1)
    before = outcome.get("result", "still running")
    sc.cancelJobGroup("rows")
    thread.join(40)
    return [before, outcome.get("result", "still running"), spark.range(3).count()]


def case_barrier(spark, tmp):
    from pyspark import BarrierTaskContext

    def together(part):
        context = BarrierTaskContext.get()
        context.barrier()
        return [(context.partitionId(), context.allGather(str(sum(part))), len(context.getTaskInfos()))]

    return spark.sparkContext.parallelize(range(8), 2).barrier().mapPartitions(together).collect()


def case_properties_of_threads(spark, tmp):
    """Each thread's functions see what that thread set, whatever others run at the same time."""
    import threading
    import time

    from pyspark import InheritableThread
    from pyspark.sql.functions import udf

    sc = spark.sparkContext
    seen = {}

    def who(_):
        time.sleep(0.02)
        return TaskContext.get().getLocalProperty("who")

    def work(name):
        sc.setLocalProperty("who", name)
        ask = udf(who, "string")
        seen[name] = sorted({row[0] for _ in range(4) for row in spark.range(3).select(ask("id")).collect()})

    threads = [threading.Thread(target=work, args=("t%d" % number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sc.setLocalProperty("who", "starter")
    heir = InheritableThread(target=lambda: seen.update(heir=spark.range(1).select(udf(who, "string")("id")).first()[0]))
    heir.start()
    heir.join()
    sc.setLocalProperty("who", None)
    return sorted(seen.items())


def case_accumulators_of_commands(spark, tmp):
    from pyspark.sql.functions import udf

    added = spark.sparkContext.accumulator(0)

    def add(value):
        added.add(1)
        return value

    counted = spark.range(10).select(udf(add, "long")("id").alias("id"))
    told = []
    counted.write.parquet(str(tmp / "written"))
    told.append(added.value)
    counted.createOrReplaceTempView("counted")
    spark.sql("CREATE TABLE made USING parquet AS SELECT * FROM counted")
    told.append(added.value)
    kept = counted.cache()
    kept.count()
    kept.count()
    told.append(added.value)
    kept.unpersist()
    spark.sql("DROP TABLE made")
    return told


def case_accumulators(spark, tmp):
    """Functions of DataFrames add to them too, once a run; a lazy `toDF` adds when it runs."""
    from pyspark.sql.functions import udf

    sc = spark.sparkContext
    each, called, made, united = (sc.accumulator(0) for _ in range(4))

    def call(x):
        called.add(1)
        return x

    def make(x):
        made.add(1)
        return (x,)

    def unite(x):
        united.add(1)
        return (x,)

    spark.range(10, numPartitions=2).foreach(lambda row: each.add(row.id))
    spark.range(7).select(udf(call, "long")("id")).collect()
    df = sc.parallelize([1, 2, 3], 2).map(make).toDF(["a"])
    after = [made.value]
    for _ in range(2):
        df.collect()
        after.append(made.value)
    both = sc.parallelize([1, 2], 1).map(unite).union(sc.parallelize([3], 1).map(unite)).toDF("a long")
    lazy = united.value
    both.collect()
    return {"foreach": each.value, "udf": called.value, "toDF": after, "union": [lazy, united.value]}


def case_texts(spark, tmp):
    """Readers take an RDD of texts, and `toJSON` gives one."""
    sc = spark.sparkContext
    lines = sc.parallelize(['{"a": 1}', '{"a": 2, "b": "x"}'], 1)
    return {
        "json": spark.read.json(lines), "csv": spark.read.csv(sc.parallelize(["a,b", "1,2"], 1), header=True),
        "toJSON": spark.createDataFrame([(1, "x")], "a int, b string").toJSON().map(lambda text: text.upper()).collect(),
    }


def case_generators_in_text(spark, tmp):
    from pyspark.sql import functions as F

    df = spark.createDataFrame([(1, [1, 2]), (2, None), (3, [])], "id int, a array<int>")
    return {
        "selectExpr": df.selectExpr("id", "explode(a) AS e"), "outer": df.selectExpr("id", "explode_outer(a)"),
        "expr": df.select(F.expr("explode(a)"), "id"), "alias": df.select(F.expr("explode(a)").alias("x")),
        "names": df.select("id", F.expr("posexplode(a) AS (p, c)")), "column": df.withColumn("e", F.expr("explode(a)")),
        "of maps": df.selectExpr("explode(map(id, 'x')) AS (k, v)"), "stack": df.selectExpr("stack(2, id, 0) AS s"),
        "not one": df.selectExpr("size(a) AS n", "id"),
    }
