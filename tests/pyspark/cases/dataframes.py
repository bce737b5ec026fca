"""The DataFrame API: columns by name and by plan, joins, groups, windows, what is printed, what is refused."""

from pyspark.sql import Row, Window
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, StringType, StructField, StructType
from support.cases import failure, shown


def people(spark):
    return spark.createDataFrame(
        [(1, "Ada", 10, 100.5), (2, "Bob", 20, 200.0), (3, "Cy", 20, None), (4, None, None, 50.25), (5, "Eve", 10, 300.75)],
        "id INT, name STRING, dept INT, pay DOUBLE",
    )


def depts(spark):
    return spark.createDataFrame([(10, "Eng"), (20, "Ops"), (30, "Law")], "dept INT, title STRING")


def case_select_names(spark, tmp):
    df = people(spark)
    columns = [
        df.id, df["name"], F.col("pay") + 1, -F.col("id"), F.col("id") / 2, F.col("id") % 2 == 0, ~(F.col("id") > 1),
        F.col("name").substr(1, 2), F.col("name").isNull(), F.col("id").cast("string"), F.col("id").isin(1, 2),
        F.when(F.col("id") > 2, "big").otherwise("small"), F.lit("x"), F.lit(None), F.expr("id * 2 AS twice"),
        F.col("name").like("A%"), F.col("id").between(1, 3), F.concat("name", F.lit("!")), F.col("id").alias("other"),
        F.upper("name"), F.round("pay", 1), F.coalesce("name", F.lit("?")), F.col("id").bitwiseAND(1), F.struct("id", "name"),
        F.array("id", "dept"), F.to_date(F.lit("2024-01-01")), F.lit(1.5), F.lit(True), F.sqrt("id"), F.col("pay") > 100,
        (F.col("id") > 1) & (F.col("dept") == 10) | F.col("name").startswith("B"),
    ]
    return df.orderBy("id").select(*columns)


def case_filter_where(spark, tmp):
    df = people(spark)
    return {"text": df.where("pay > 100 AND name IS NOT NULL"), "column": df.filter((df.id > 1) & (df.dept == 20)), "null": df.filter(df.dept != 10)}


def case_column_lookup(spark, tmp):
    df = people(spark)
    return {
        "case": df.select("ID", "Name"),
        "attribute": failure(lambda: df.nosuch),
        "item": failure(lambda: df.select(df["nosuch"])),
        "select": failure(lambda: df.select("nosuch")),
        "similar": failure(lambda: df.select("nme")),
        "filter": failure(lambda: df.filter("nosuch = 1")),
        "dots": failure(lambda: df.select("a.b")),
        "index": df.select(df[0], df[1]).columns,
        "regex": df.select(df.colRegex("`(id|name)`")).columns,
    }


def case_names_with_dots_and_spaces(spark, tmp):
    df = spark.createDataFrame([(1, 2, 3)], ["a.b", "c d", "e`f"])
    return {
        "quoted": df.select("`a.b`", "`c d`", "`e``f`"),
        "unquoted": failure(lambda: df.select("a.b")),
        "drop": df.drop("a.b").columns,
        "rename": df.withColumnRenamed("a.b", "x").columns,
        "to": df.toDF("x", "y", "z").columns,
        "too few": failure(lambda: df.toDF("x")),
    }


def case_with_column(spark, tmp):
    df = people(spark).select("id", "name")
    return {
        "new": df.withColumn("x", F.col("id") * 2),
        "replaced": df.withColumn("NAME", F.lit("z")),
        "many": df.withColumns({"a": F.lit(1), "b": F.col("id") + 1}),
        "renamed": df.withColumnsRenamed({"id": "key", "nosuch": "y"}),
        "drop": df.drop("NAME", "nosuch"),
        "cast": df.withColumn("id", F.col("id").cast("long")).dtypes,
    }


def case_duplicate_columns(spark, tmp):
    left, right = people(spark), depts(spark)
    joined = left.join(right, left.dept == right.dept)
    return {
        "columns": joined.columns,
        "rows": joined,
        "by plan": joined.select(left.dept, right["dept"], "title"),
        "drop one": joined.drop(right.dept).columns,
        "drop name": joined.drop("dept").columns,
        "filter": joined.filter(left["dept"] > 10).select("id"),
        "order": joined.orderBy(right.dept, left.id.desc()).select("id"),
        "same name": spark.range(1).select(F.lit(1).alias("a"), F.lit(2).alias("a")),
        "ambiguous name": failure(lambda: spark.range(1).select(F.lit(1).alias("a"), F.lit(2).alias("A")).select("a")),
    }


def case_self_join(spark, tmp):
    df = people(spark)
    other = df.select("id", "dept")
    return {
        "aliases": df.alias("l").join(df.alias("r"), F.col("l.dept") == F.col("r.dept")).select("l.id", "r.id", F.col("r.name")),
        "using": df.join(other, "dept").columns,
        "plans": failure(lambda: df.join(df, df.id == df.dept)),
        "derived": failure(lambda: df.join(other, df.id == other.id).select(df.name, other.id)),
    }


def case_foreign_column(spark, tmp):
    df, other = people(spark), depts(spark)
    return failure(lambda: df.select(other.title))


def case_joins(spark, tmp):
    left, right = people(spark).select("id", "dept"), depts(spark)
    told = {how: left.join(right, "dept", how) for how in ("inner", "left", "right", "outer", "left_semi", "left_anti", "fullouter")}
    told["cross"] = left.crossJoin(right).count()
    told["on list"] = left.join(right, [left.dept == right.dept, left.id > 1]).count()
    told["no condition"] = left.join(right).count()
    told["unknown"] = failure(lambda: left.join(right, "dept", "sideways"))
    told["missing"] = failure(lambda: left.join(right, "id"))
    told["broadcast"] = left.join(F.broadcast(right), "dept").count()
    return told


def case_set_operations(spark, tmp):
    a = spark.createDataFrame([(1, "a"), (1, "a"), (2, "b")], "x INT, y STRING")
    b = spark.createDataFrame([("b", 2), ("c", 3)], "y STRING, x INT")
    c = spark.createDataFrame([(2, "b")], "x INT, y STRING")
    return {
        "union": a.union(c), "by name": a.unionByName(b), "intersect": a.intersect(c), "intersect all": a.intersectAll(a),
        "except": a.exceptAll(c), "subtract": a.subtract(c), "distinct": a.distinct(),
        "missing": a.unionByName(spark.range(1).withColumnRenamed("id", "x"), allowMissingColumns=True),
        "not missing": failure(lambda: a.unionByName(spark.range(1).withColumnRenamed("id", "x"))),
        "widths": failure(lambda: a.union(spark.range(1))),
        "types": failure(lambda: a.union(spark.sql("SELECT array(1), 1"))),
        "widening": a.select("x").union(spark.range(1)),
    }


def case_aggregates(spark, tmp):
    df = people(spark)
    return {
        "plain": df.agg(F.count("*"), F.sum("pay"), F.avg("id"), F.min("name"), F.max("id"), F.countDistinct("dept"), F.sum_distinct("id")),
        "grouped": df.groupBy("dept").agg(F.sum("pay").alias("s"), F.collect_list("id"), F.first("name", True)),
        "dict": df.groupBy("dept").agg({"pay": "avg", "*": "count"}),
        "shortcuts": {name: getattr(df.groupBy("dept"), name)() for name in ("count", "sum", "avg", "min", "max", "mean")},
        "by expression": df.groupBy(F.col("id") % 2).count(),
        "rollup": df.rollup("dept", "name").agg(F.count("*").alias("c"), F.grouping_id()),
        "cube": df.cube("dept").agg(F.sum("id"), F.grouping("dept")),
        "sets": df.groupingSets([["dept"], []], "dept").agg(F.count("id")),
        "text sum": failure(lambda: df.groupBy("dept").sum("name")),
        "not grouped": failure(lambda: df.groupBy("dept").agg(F.col("id"))),
        "having": df.groupBy("dept").count().where("count > 1"),
    }


def case_pivot(spark, tmp):
    df = people(spark)
    return {
        "inferred": df.groupBy("dept").pivot("id").sum("pay"),
        "given": df.groupBy("dept").pivot("name", ["Ada", "Bob"]).agg(F.sum("pay").alias("s"), F.count("id")),
        "one": df.groupBy().pivot("dept", [10, 20]).agg(F.avg("pay")),
        "unpivot": depts(spark).withColumn("n", F.length("title")).unpivot("title", ["dept", "n"], "k", "v"),
        "transpose": depts(spark).select("title", "dept").transpose(),
    }


def case_windows(spark, tmp):
    df = people(spark)
    by_dept = Window.partitionBy("dept").orderBy("id")
    return df.orderBy("id").select(
        "id", F.row_number().over(by_dept), F.rank().over(Window.orderBy("dept")).alias("r"), F.lag("pay").over(by_dept).alias("lag"),
        F.sum("pay").over(by_dept.rowsBetween(Window.unboundedPreceding, 0)).alias("running"),
        F.avg("id").over(Window.orderBy("id").rangeBetween(-1, 1)).alias("near"), F.max("id").over(Window.partitionBy("dept")).alias("m"),
    ).orderBy("id")


def case_window_needs_order(spark, tmp):
    return failure(lambda: people(spark).select(F.row_number().over(Window.partitionBy("dept"))))


def case_sort(spark, tmp):
    df = people(spark).select("id", "dept", "pay")
    return {
        name: [row.id for row in frame.collect()]
        for name, frame in {
            "asc": df.orderBy("dept", "id"), "desc": df.orderBy(F.desc("dept"), F.desc("id")), "nulls last": df.orderBy(df.dept.asc_nulls_last(), "id"),
            "nulls first": df.orderBy(df.pay.desc_nulls_first()), "list": df.sort(["dept", "id"], ascending=[False, True]),
            "expression": df.orderBy(-df.id), "limit": df.orderBy("id").limit(2), "offset": df.orderBy("id").offset(3),
            "dropped": df.orderBy("pay").select("id"), "sort within": df.coalesce(1).sortWithinPartitions("id"), "ordinal": df.orderBy(3),
        }.items()
    }


def case_na(spark, tmp):
    df = people(spark).select("id", "name", "dept", "pay")
    return {
        "drop": df.na.drop(), "drop all": df.na.drop("all", subset=["name", "dept"]), "thresh": df.na.drop(thresh=4),
        "fill number": df.na.fill(0), "fill text": df.na.fill("?"), "fill dict": df.na.fill({"name": "x", "pay": 1.5}),
        "fill subset": df.na.fill(7, ["dept"]), "replace": df.na.replace({10: 11, 20: 21}, subset=["dept"]),
        "replace text": df.na.replace(["Ada", "Bob"], ["A", "B"], "name"), "replace null": df.na.replace("Ada", None, "name"),
        "missing": failure(lambda: df.na.fill(0, ["nosuch"])),
    }


def case_duplicates(spark, tmp):
    df = spark.createDataFrame([(1, "a"), (1, "a"), (1, "b"), (None, None), (None, None)], "x INT, y STRING")
    return {
        "all": df.dropDuplicates(), "subset": df.dropDuplicates(["x"]).count(), "missing": failure(lambda: df.dropDuplicates(["nosuch"])),
        "distinct": df.select("x").distinct(),
    }


def case_statistics(spark, tmp):
    df = people(spark)
    return {
        "describe": [list(row) for row in df.describe().collect()],
        "describe some": df.describe("id", "name").columns,
        "summary": [list(row) for row in df.select("id", "pay").summary().collect()],
        "summary some": [list(row) for row in df.summary("count", "75%").collect()],
        "crosstab": df.crosstab("dept", "name"),
        "freq": df.freqItems(["dept"], 0.3).columns,
        "corr": df.na.drop().corr("id", "pay"),
        "cov": df.na.drop().cov("id", "pay"),
        "quantile": df.approxQuantile("id", [0.0, 0.5, 1.0], 0.0),
        "sample by": df.sampleBy("dept", {10: 1.0}, 3),
        "sample all": df.sample(1.0).count(),
    }


def case_explode(spark, tmp):
    df = spark.createDataFrame([(1, [1, 2], {"a": 1}), (2, [], {}), (3, None, None)], "id INT, xs ARRAY<INT>, m MAP<STRING, INT>")
    return {
        "explode": df.select("id", F.explode("xs")), "outer": df.select("id", F.explode_outer("xs").alias("x")),
        "pos": df.select("id", F.posexplode("xs")), "map": df.select(F.explode("m")), "map named": df.select(F.explode("m").alias("k", "v")),
        "inline": spark.sql("SELECT array(struct(1 AS a, 'x' AS b)) AS s").select(F.inline("s")),
        "two": failure(lambda: df.select(F.explode("xs"), F.explode("m"))),
        "with column": df.withColumn("x", F.explode("xs")),
    }


def case_nested_columns(spark, tmp):
    df = spark.createDataFrame([Row(p=Row(x=1, y=Row(z="q")), xs=[Row(a=1), Row(a=2)], m={"k": 5})])
    return df.select(
        "p.x", "p.y.z", F.col("p").getField("x").alias("f"), df.p["x"], "xs.a", F.col("xs")[0]["a"], df.m["k"], "m.k", F.col("xs").getItem(0),
        df.p.withField("w", F.lit(1)).alias("with"), df.p.dropFields("y").alias("without"),
    )


def case_nested_star(spark, tmp):
    df = spark.createDataFrame([Row(p=Row(x=1, y=2), q=3)])
    return {"star": df.select("p.*"), "missing": failure(lambda: df.select("p.nosuch")), "not a struct": failure(lambda: df.select("q.x"))}


def case_schema_output(spark, tmp):
    df = spark.createDataFrame([(1, [("a", {"k": 1.5})])], "id INT NOT NULL, xs ARRAY<STRUCT<n: STRING, m: MAP<STRING, DOUBLE>>>")
    return {
        "tree": shown(df.printSchema), "level": shown(lambda: df.printSchema(1)), "string": df.schema.simpleString(), "dtypes": df.dtypes,
        "json": df.schema.json(), "repr": repr(df), "range": shown(spark.range(1).printSchema), "people": repr(people(spark)),
    }


def case_show(spark, tmp):
    df = spark.sql(
        "SELECT 1 AS i, 'a long string of more than twenty characters' AS s, null AS n, 1.50 AS m, 1e10D AS d, true AS b, array(1, null) AS a, "
        "map('k', 1) AS o, struct(1 AS x, 'y' AS z) AS p, date'2024-01-01' AS day, timestamp'2024-01-01 10:00:00.5' AS t, X'4142' AS bin, 'é日本' AS w, "
        "'line\nbreak' AS l, interval '1 02:03:04' day to second AS iv"
    )
    return {
        "plain": shown(df.show), "whole": shown(lambda: df.show(truncate=False)), "short": shown(lambda: df.select("s").show(truncate=5)),
        "vertical": shown(lambda: df.show(vertical=True)), "more": shown(lambda: spark.range(25).show()), "few": shown(lambda: spark.range(5).show(2)),
        "empty": shown(spark.range(0).show), "two characters": shown(lambda: df.select("s").show(1, 3)), "no columns": shown(spark.range(2).select().show),
        "floats": shown(spark.sql("SELECT double('nan') a, float('inf') b, -0.0D c, 1.0E-8D d, 123456789012D e, 0.1F f").show),
    }


def case_create_data_frame(spark, tmp):
    import datetime
    import decimal

    schema = StructType([StructField("a", IntegerType(), False), StructField("b", StringType())])
    return {
        "tuples": spark.createDataFrame([(1, "x"), (2, None)], ["a", "b"]),
        "dicts": spark.createDataFrame([{"a": 1, "b": "x"}]),
        "rows": spark.createDataFrame([Row(a=1, b=[1.5, None])]),
        "schema": spark.createDataFrame([(1, "x")], schema),
        "null refused": failure(lambda: spark.createDataFrame([(None, "x")], schema)),
        "wrong type": failure(lambda: spark.createDataFrame([("q", "x")], schema)),
        "single": spark.createDataFrame([1, 2], "int"),
        "times": spark.createDataFrame([(datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2, 3, 4, 5, 678), decimal.Decimal("1.50"), b"x", datetime.timedelta(days=1))]),
        "empty": spark.createDataFrame([], schema),
        "no schema": failure(lambda: spark.createDataFrame([])),
        "pandas": spark.createDataFrame(__import__("pandas").DataFrame({"a": [1, 2], "b": ["x", None]})),
        "range": spark.range(1, 7, 2),
    }


def case_actions(spark, tmp):
    df = people(spark).orderBy("id")
    return {
        "count": df.count(), "first": df.first(), "head": df.head(2), "take": df.take(1), "tail": df.tail(2), "empty": df.isEmpty(),
        "no first": spark.range(0).first(), "iterator": [row.id for row in df.toLocalIterator()], "columns": df.columns,
        "pandas": df.toPandas().to_dict("list")["name"],
        "local": df.isLocal(), "streaming": df.isStreaming, "same": df.sameSemantics(df), "arrow": df.select("id").toArrow().num_rows,
    }


def case_same_semantics(spark, tmp):
    df = spark.range(10)
    return {
        "same": df.withColumn("c", df.id * 2).sameSemantics(df.withColumn("c", df.id * 2)),
        "other operator": df.withColumn("c", df.id * 2).sameSemantics(df.withColumn("c", df.id + 2)),
        "other filter": df.where(df.id % 2 == 1).sameSemantics(df.where(df.id - 2 == 1)),
        "other name": df.select((df.id * 2).alias("a")).sameSemantics(df.select((df.id * 2).alias("b"))),
    }


def case_invalid_settings(spark, tmp):
    values = {
        "spark.sql.streaming.minBatchesToRetain": "abc", "spark.sql.streaming.multipleWatermarkPolicy": "both",
        "spark.sql.streaming.noDataMicroBatches.enabled": "maybe", "spark.sql.streaming.pollingDelay": "soon",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "x",
    }
    return {key: failure(lambda: spark.conf.set(key, value)) for key, value in values.items()}


def case_cache(spark, tmp):
    df = people(spark)
    levels = [str(df.storageLevel)]
    df.cache()
    levels.append(str(df.storageLevel))
    counts = [df.count(), df.where("id > 2").count()]
    df.unpersist()
    levels.append(str(df.storageLevel))
    from pyspark import StorageLevel

    df.persist(StorageLevel.DISK_ONLY)
    levels.append(str(df.storageLevel))
    df.unpersist()
    return {"levels": levels, "counts": counts}


def case_cache_keeps_random_values(spark, tmp):
    df = spark.range(5).select(F.rand().alias("r")).cache()
    return df.collect() == df.collect()


def case_cache_keeps_deleted_files(spark, tmp):
    import shutil

    path = str(tmp / "p")
    spark.range(5).write.parquet(path)
    df = spark.read.parquet(path).cache()
    before = df.count()
    shutil.rmtree(path)
    return [before, df.agg(F.sum("id")).first()[0]]


def case_views(spark, tmp):
    df = people(spark)
    df.createOrReplaceTempView("p")
    told = {"sql": spark.sql("SELECT count(*) AS c FROM p").collect()}
    told["again"] = failure(lambda: df.createTempView("p"))
    df.createOrReplaceGlobalTempView("gp")
    told["global"] = spark.sql("SELECT max(id) AS m FROM global_temp.gp").collect()
    late = spark.sql("SELECT id FROM p")
    told["dropped"] = [spark.catalog.dropTempView("p"), spark.catalog.dropTempView("p"), spark.catalog.dropGlobalTempView("gp")]
    told["gone"] = failure(lambda: spark.table("p"))
    told["late"] = failure(lambda: late)
    return told


def case_sql_parameters(spark, tmp):
    df = people(spark)
    return {
        "named": spark.sql("SELECT :a + 1 AS x, :b AS y", args={"a": 1, "b": "it's"}),
        "positional": spark.sql("SELECT ? AS x, ? AS y", args=[1.5, None]),
        "frame": spark.sql("SELECT id FROM {t} WHERE id > {n}", t=df, n=3),
        "unbound": failure(lambda: spark.sql("SELECT :a", args={"b": 1})),
    }


def case_conf(spark, tmp):
    told = {"default": spark.conf.get("spark.sql.ansi.enabled"), "shuffle type": type(spark.conf.get("spark.sql.shuffle.partitions")).__name__}
    spark.conf.set("spark.sql.ansi.enabled", "false")
    told["set"] = spark.conf.get("spark.sql.ansi.enabled")
    spark.conf.unset("spark.sql.ansi.enabled")
    told["unset"] = spark.conf.get("spark.sql.ansi.enabled")
    told["missing"] = failure(lambda: spark.conf.get("no.such.key"))
    told["fallback"] = spark.conf.get("no.such.key", "x")
    told["modifiable"] = [spark.conf.isModifiable("spark.sql.shuffle.partitions"), spark.conf.isModifiable("spark.driver.memory")]
    told["static"] = failure(lambda: spark.conf.set("spark.sql.warehouse.dir", "/x"))
    told["bad value"] = failure(lambda: spark.conf.set("spark.sql.shuffle.partitions", "many"))
    return told


def case_catalog(spark, tmp):
    people(spark).createOrReplaceTempView("cat_view")
    spark.sql("DROP TABLE IF EXISTS cat_table")
    spark.sql("CREATE TABLE cat_table (id INT, p STRING) USING parquet PARTITIONED BY (p)")
    told = {
        "tables": sorted([t.name, t.tableType, t.isTemporary, t.namespace] for t in spark.catalog.listTables() if t.name.startswith("cat_")),
        "columns": [[c.name, c.dataType, c.nullable, c.isPartition] for c in spark.catalog.listColumns("cat_table")],
        "exists": [spark.catalog.tableExists("cat_table"), spark.catalog.tableExists("nosuch"), spark.catalog.databaseExists("default")],
        "current": [spark.catalog.currentDatabase(), spark.catalog.currentCatalog()],
        "function": [spark.catalog.functionExists("abs"), spark.catalog.functionExists("nosuch")],
        "missing": failure(lambda: spark.catalog.listColumns("nosuch")),
        "cached": spark.catalog.isCached("cat_view"),
    }
    spark.catalog.cacheTable("cat_view")
    told["cached now"] = spark.catalog.isCached("cat_view")
    spark.catalog.clearCache()
    spark.sql("DROP TABLE cat_table")
    return told


def case_runtime_errors(spark, tmp):
    return {
        "division": failure(lambda: spark.range(1).select(F.lit(1) / F.col("id"))),
        "cast": failure(lambda: spark.sql("SELECT 'x' AS s").select(F.col("s").cast("int"))),
        "overflow": failure(lambda: spark.range(1).select(F.lit(2147483647) + F.lit(1))),
        "index": failure(lambda: spark.sql("SELECT array(1) AS a").select(F.col("a")[3])),
        "raise": failure(lambda: spark.range(1).select(F.raise_error("stop"))),
        "types": failure(lambda: spark.range(1).select(F.col("id") + F.array(F.lit(1)))),
        "function": failure(lambda: spark.range(1).select(F.expr("nosuch(id)"))),
        "parse": failure(lambda: spark.range(1).select(F.expr("id +"))),
        "boolean": failure(lambda: spark.range(1).filter("id")),
        "date": failure(lambda: spark.sql("SELECT 'x' AS s").select(F.to_date("s"))),
    }


def case_try_functions(spark, tmp):
    return spark.sql("SELECT 'x' AS s, 0 AS z").select(
        F.try_divide(F.lit(1), "z"), F.try_add(F.lit(2147483647), F.lit(1)), F.col("s").try_cast("int"), F.try_to_number("s", F.lit("999")), F.try_element_at(F.array(F.lit(1)), F.lit(4)),
    )


def case_partitions_and_hints(spark, tmp):
    df = spark.range(10)
    return {
        "repartition": df.repartition(4).select(F.spark_partition_id().alias("p")).distinct().count(),
        "by column": df.repartition(3, "id").count(), "coalesce": df.repartition(4).coalesce(1).select(F.spark_partition_id().alias("p")).distinct().count(),
        "range": df.repartitionByRange(2, "id").count(), "hint": df.hint("broadcast").count(), "zero": failure(lambda: df.repartition(0)),
    }


def case_transform_and_metadata(spark, tmp):
    df = spark.range(2).transform(lambda one: one.withColumn("x", F.col("id").alias("x", metadata={"k": "v"})))
    return {"rows": df, "metadata": df.schema["x"].metadata, "observed": observed(spark)}


def observed(spark):
    from pyspark.sql import Observation

    seen = Observation("seen")
    spark.range(5).observe(seen, F.count("*").alias("n"), F.max("id").alias("m")).collect()
    return seen.get


def case_subqueries(spark, tmp):
    df, other = people(spark), depts(spark)
    return {
        "scalar": df.where(F.col("pay") > df.select(F.avg("pay")).scalar()).select("id"),
        "exists": df.alias("p").where(other.where(F.col("dept") == F.col("p.dept").outer()).exists()).select("id"),
        "isin": df.where(F.col("dept").isin(other.select("dept"))).select("id"),
    }


def case_dataframe_functions(spark, tmp):
    df = people(spark)
    return {
        "select expr": df.selectExpr("id + 1", "upper(name) AS u", "count(*) OVER () AS n"),
        "melt": depts(spark).melt("title", "dept", "k", "v"),
        "to": df.select("id").to(StructType([StructField("id", StringType())])),
        "to bad": failure(lambda: df.to(StructType([StructField("nosuch", IntegerType(), False)]))),
        "alias": df.alias("z").select("z.id"), "explain": len(shown(df.explain)) > 1, "random split": sum(part.count() for part in df.randomSplit([0.5, 0.5], 1)),
        "input files": df.inputFiles(), "zip": df.limit(0).collect(), "lateral": df.alias("a").lateralJoin(spark.range(2).select((F.col("id") + F.col("a.id").outer()).alias("s"))).select("a.id", "s"),
    }


def case_columns_after_a_join_with_itself(spark, tmp):
    df = spark.createDataFrame([(1, "a"), (2, "b")], "id INT, name STRING")
    late = df.filter("id > 1")
    joined = df.join(late, df["id"] == late["id"])
    return {"columns": joined.select(df["id"], late["name"]), "ambiguous": failure(lambda: df.join(df, df["id"] == df["id"]))}


def case_time_windows(spark, tmp):
    df = spark.sql("SELECT timestamp_seconds(id * 60) AS ts, id AS v FROM range(10) UNION ALL SELECT NULL, 99")
    windowed = df.groupBy(F.window("ts", "5 minutes")).agg(F.count("*").alias("n"), F.sum("v").alias("v"))
    return windowed.select("window.start", "window.end", "n", "v").orderBy("start")


def case_approx_quantile_members(spark, tmp):
    """Which members come depends on the error: 1000 ordered and 5000 mixed numbers in one partition."""
    from pyspark.sql import functions as F

    shares = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]
    ordered = spark.range(0, 1000, 1, 1)
    mixed = spark.range(0, 5000, 1, 1).select((F.col("id") * 7919 % 5003).cast("double").alias("id"))
    errors = [0.0, 0.001, 0.01, 0.05, 0.1, 0.25, 1.0, 3.0]
    return [[error, *(df.approxQuantile("id", shares, error) for df in (ordered, mixed))] for error in errors]


def case_chains_of_new_columns(spark, tmp):
    """Each column over those before it: apart, one of another, in its place, by the DataFrame that had it, over windows."""
    df = people(spark).orderBy("id").limit(5)
    apart = df.withColumn("a", F.col("id") + 1).withColumn("b", F.col("id") * 2).withColumn("c", F.lit("x"))
    each = df.withColumn("a", F.col("id") + 1).withColumn("b", F.col("a") * 2).withColumn("a", F.col("a") + F.col("b"))
    in_place = df.withColumn("ID", F.col("id") + 1).withColumn("Name", F.upper("name")).withColumn("id", F.col("id") * 10)
    first = df.withColumn("a", F.lit(1))
    second = first.withColumn("b", F.lit(2))
    by_frame = second.withColumn("c", first["a"] + second["b"]).withColumn("a", second["a"] + first.id)
    window = Window.partitionBy("dept").orderBy("id")
    windows = df.withColumn("n", F.row_number().over(window)).withColumn("m", F.col("n") + 1).withColumn(
        "s", F.sum("m").over(window)
    )
    rows = df.withColumn("a", F.lit(1)).withColumn("e", F.explode(F.array(F.lit(1), F.col("a") + 1))).withColumn("f", F.col("e") + F.col("a"))
    copies = df.withColumn("a", F.col("id")).withColumn("b", F.col("a")).withColumn("a", F.lit(0)).drop("name", "pay")
    nested = df.withColumn("s", F.struct("id", "name")).withColumn("t", F.col("s.name")).withColumn("s", F.col("s").withField("n", F.col("t")))
    return {
        "apart": apart, "each": each, "in place": in_place, "by frame": by_frame, "windows": windows, "rows": rows,
        "copies": copies, "nested": nested,
        "sorted by what was replaced": df.withColumn("a", F.lit(1)).withColumn("id", -F.col("id")).sort(df["id"]),
        "joined": first.join(second.withColumn("d", F.lit(4)), "id").orderBy("id").select(second["b"], "d"),
        "missing": failure(lambda: df.withColumn("a", F.lit(1)).withColumn("b", F.col("nosuch")).withColumn("c", F.lit(1)).schema),
        "replaced": failure(lambda: first.withColumn("a", F.lit(2)).withColumn("c", first["a"]).schema),
        "twice": failure(lambda: df.withColumn("a", F.lit(1)).withColumns({"x": F.lit(1), "X": F.lit(2)}).schema),
        "ids": df.withColumn("u", F.monotonically_increasing_id() >= 0).withColumn("v", F.rand(1) < 2).withColumn("w", F.col("v")),
        "aggregate": failure(lambda: df.withColumn("a", F.lit(1)).withColumn("b", F.sum("a")).schema),
        "shown": shown(lambda: apart.withColumn("d", F.col("a") + F.col("b")).show()),
    }
