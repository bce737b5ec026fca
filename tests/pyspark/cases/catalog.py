"""Tables by the DataFrame API, and spark.catalog."""

import contextlib
import os
import re

from support.cases import failure


@contextlib.contextmanager
def database(spark, name):
    """A database of the case's own, current while it runs."""
    spark.sql(f"CREATE DATABASE {name}")
    spark.sql(f"USE {name}")
    try:
        yield name
    finally:
        spark.sql("USE default")
        spark.sql(f"DROP DATABASE {name} CASCADE")


def rows(df):
    return sorted([list(row) for row in df.collect()], key=repr)


def one(spark, *ids):
    return spark.createDataFrame([(i, f"n{i}") for i in ids], "id INT, name STRING").coalesce(1)


def listing(path):
    found = []
    for folder, _, files in os.walk(path):
        for name in files:
            if not name.endswith(".crc"):
                name = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", name)
                found.append(os.path.relpath(os.path.join(folder, name), path))
    return sorted(found)


def location(spark, table):
    described = {row[0]: row[1] for row in spark.sql(f"DESC EXTENDED {table}").collect()}
    return described["Location"].removeprefix("file:")


def table(found):
    return [found.name, found.catalog, found.namespace, found.description, found.tableType, found.isTemporary]


def case_save_as_table_modes(spark, tmp):
    with database(spark, "cat_modes"):
        one(spark, 1).write.saveAsTable("t")
        told = {"exists": failure(lambda: one(spark, 2).write.saveAsTable("t"))}
        one(spark, 2).write.mode("ignore").saveAsTable("t")
        told["ignore"] = rows(spark.table("t"))
        one(spark, 3).write.mode("append").saveAsTable("T")
        told["append"] = rows(spark.table("t"))
        one(spark, 4).selectExpr("name", "id").write.mode("append").saveAsTable("t")
        told["append by name"] = rows(spark.table("t"))
        told["append other columns"] = failure(lambda: one(spark, 5).selectExpr("id AS x", "name").write.mode("append").saveAsTable("t"))
        told["append fewer columns"] = failure(lambda: one(spark, 5).select("id").write.mode("append").saveAsTable("t"))
        told["append other type"] = failure(lambda: one(spark, 5).selectExpr("name AS id", "name").write.mode("append").saveAsTable("t"))
        told["append other format"] = failure(lambda: one(spark, 5).write.mode("append").format("json").saveAsTable("t"))
        told["append other partitions"] = failure(lambda: one(spark, 5).write.mode("append").partitionBy("id").saveAsTable("t"))
        one(spark, 6).write.mode("overwrite").format("json").saveAsTable("t")
        told["overwrite"] = rows(spark.table("t"))
        told["provider"] = [row[1] for row in spark.sql("DESC EXTENDED t").collect() if row[0] == "Provider"]
        spark.range(1).write.mode("overwrite").saveAsTable("t")
        told["overwrite schema"] = spark.table("t").columns
        told["overwrite itself"] = failure(lambda: spark.table("t").write.mode("overwrite").saveAsTable("t"))
        told["no such database"] = failure(lambda: one(spark, 1).write.saveAsTable("nosuch.t"))
        told["bad format"] = failure(lambda: one(spark, 1).write.format("nosuch").saveAsTable("u"))
        told["three parts"] = one(spark, 1).write.saveAsTable("spark_catalog.cat_modes.three")
        told["names"] = [one.name for one in spark.catalog.listTables()]
        return told


def case_save_as_table_partitioned(spark, tmp):
    with database(spark, "cat_parts"):
        df = spark.createDataFrame([(1, "a", 1), (2, "b", 2), (3, "c", 1)], "id INT, k STRING, p INT").coalesce(1)
        df.write.partitionBy("p", "k").saveAsTable("t")
        told = {"columns": spark.table("t").columns, "files": listing(location(spark, "t"))}
        told["partitions"] = rows(spark.sql("SHOW PARTITIONS t"))
        told["append unsaid"] = failure(lambda: df.write.mode("append").saveAsTable("t"))
        df.write.mode("append").partitionBy("p", "k").saveAsTable("t")
        told["again"] = spark.table("t").count()
        told["listed"] = [[c.name, c.dataType, c.nullable, c.isPartition, c.isBucket] for c in spark.catalog.listColumns("t")]
        told["bad column"] = failure(lambda: df.write.partitionBy("nosuch").saveAsTable("u"))
        told["all columns"] = failure(lambda: df.write.partitionBy("id", "k", "p").saveAsTable("u"))
        return told


def case_external_tables(spark, tmp):
    with database(spark, "cat_ext"):
        path = str(tmp / "ext")
        one(spark, 1).write.option("path", path).saveAsTable("t")
        told = {"type": spark.catalog.getTable("t").tableType, "files": listing(path)}
        spark.sql("DROP TABLE t")
        told["files stay"] = listing(path)
        spark.catalog.createTable("u", path=path)
        told["found"] = rows(spark.table("u"))
        told["overwritten"] = one(spark, 7).write.mode("overwrite").insertInto("u")
        told["now"] = rows(spark.read.parquet(path))
        spark.catalog.createTable("csvt", path=str(tmp / "c"), source="csv", schema=spark.table("u").schema, header="true", description="about")
        one(spark, 3).write.insertInto("csvt")
        told["csv"] = rows(spark.table("csvt"))
        told["description"] = table(spark.catalog.getTable("csvt"))
        spark.catalog.createTable("managed", schema=spark.table("u").schema)
        told["managed"] = table(spark.catalog.getTable("managed"))
        told["no schema"] = failure(lambda: spark.catalog.createTable("none"))
        told["twice"] = failure(lambda: spark.catalog.createTable("managed", schema=spark.table("u").schema))
        return told


def case_managed_table_in_a_folder_that_is_there(spark, tmp):
    with database(spark, "cat_occupied"):
        one(spark, 1).write.saveAsTable("t")
        folder = location(spark, "t")
        spark.sql("DROP TABLE t")
        os.makedirs(folder)
        with open(os.path.join(folder, "something"), "w", encoding="utf-8") as file:
            file.write("x")
        told = {"create": failure(lambda: spark.sql("CREATE TABLE t (id INT) USING parquet"))}
        told["save"] = failure(lambda: one(spark, 1).write.saveAsTable("t"))
        told["ctas"] = failure(lambda: spark.sql("CREATE TABLE t AS SELECT 1 AS x"))
        os.remove(os.path.join(folder, "something"))
        os.rmdir(folder)
        for error in told.values():
            error["error"]["parameters"].pop("location", None)
        return told


def case_insert_into(spark, tmp):
    with database(spark, "cat_insert"):
        one(spark, 1).write.saveAsTable("t")
        one(spark, 2).selectExpr("id + 10 AS other", "name AS names").write.insertInto("t")
        told = {"by position": rows(spark.table("t"))}
        one(spark, 3).write.insertInto("t", overwrite=True)
        told["overwrite"] = rows(spark.table("t"))
        told["missing"] = failure(lambda: one(spark, 1).write.insertInto("nosuch"))
        told["fewer"] = failure(lambda: one(spark, 1).select("id").write.insertInto("t"))
        told["partitionBy"] = failure(lambda: one(spark, 1).write.partitionBy("id").insertInto("t"))
        told["type"] = failure(lambda: one(spark, 1).selectExpr("name", "id").write.insertInto("t"))
        told["overflow"] = failure(lambda: spark.sql("SELECT 3000000000 AS id, 'x' AS name").write.insertInto("t"))
        return told


def case_insert_into_partitions(spark, tmp):
    with database(spark, "cat_dynamic"):
        df = spark.createDataFrame([(1, 1), (2, 2)], "id INT, p INT").coalesce(1)
        df.write.partitionBy("p").saveAsTable("t")
        spark.createDataFrame([(3, 1)], "id INT, p INT").write.option("partitionOverwriteMode", "dynamic").insertInto("t", overwrite=True)
        told = {"dynamic": rows(spark.table("t"))}
        spark.createDataFrame([(4, 3)], "id INT, p INT").write.insertInto("t", overwrite=True)
        told["static"] = rows(spark.table("t"))
        told["partitions"] = rows(spark.sql("SHOW PARTITIONS t"))
        return told


def case_buckets(spark, tmp):
    with database(spark, "cat_buckets"):
        df = spark.range(20).selectExpr("id", "cast(id % 3 AS string) AS k").coalesce(1)
        df.write.bucketBy(4, "id").sortBy("k").saveAsTable("t")
        told = {"files": listing(location(spark, "t")), "count": spark.table("t").count()}
        told["listed"] = [[c.name, c.isBucket] for c in spark.catalog.listColumns("t")]
        df.write.partitionBy("k").bucketBy(2, "id").saveAsTable("u")
        told["with partitions"] = listing(location(spark, "u"))
        told["values"] = rows(spark.table("u").groupBy("k").count())
        told["sort only"] = failure(lambda: df.write.sortBy("k").saveAsTable("v"))
        df.write.bucketBy(0, "id").saveAsTable("zero")
        told["zero"] = spark.table("zero").count()
        told["bad column"] = failure(lambda: df.write.bucketBy(2, "nosuch").saveAsTable("v"))
        told["save"] = failure(lambda: df.write.bucketBy(2, "id").save(str(tmp / "x")))
        told["insert"] = df.write.insertInto("t")
        told["twice"] = spark.table("t").count()
        return told


def case_write_to(spark, tmp):
    with database(spark, "cat_v2"):
        one(spark, 1).writeTo("t").using("parquet").tableProperty("a", "b").create()
        told = {"created": rows(spark.table("t")), "properties": rows(spark.sql("SHOW TBLPROPERTIES t"))}
        told["again"] = failure(lambda: one(spark, 1).writeTo("t").create())
        told["append"] = failure(lambda: one(spark, 2).select("name", "id").writeTo("t").append())
        told["overwrite"] = failure(lambda: one(spark, 2).writeTo("t").overwritePartitions())
        told["replace"] = failure(lambda: one(spark, 3).writeTo("t").createOrReplace())
        told["missing"] = failure(lambda: one(spark, 3).writeTo("nosuch").append())
        return told


def case_catalog_tables(spark, tmp):
    with database(spark, "cat_api"):
        one(spark, 1).write.saveAsTable("Tab")
        spark.sql("CREATE VIEW vie COMMENT 'seen' AS SELECT * FROM tab")
        one(spark, 1).createOrReplaceTempView("cat_api_temp")
        one(spark, 1).createOrReplaceGlobalTempView("cat_api_global")
        catalog = spark.catalog
        told = {"tables": sorted([table(found) for found in catalog.listTables()], key=repr)}
        told["pattern"] = [found.name for found in catalog.listTables(pattern="t*")]
        told["global"] = [table(found) for found in catalog.listTables("global_temp") if found.name.startswith("cat_api")]
        told["no such"] = failure(lambda: catalog.listTables("nosuch"))
        told["get"] = [table(catalog.getTable(name)) for name in ("TAB", "cat_api.tab", "spark_catalog.cat_api.vie", "cat_api_temp", "global_temp.cat_api_global")]
        told["get none"] = failure(lambda: catalog.getTable("nosuch"))
        told["get none in"] = failure(lambda: catalog.getTable("cat_api.nosuch"))
        told["exists"] = [catalog.tableExists(name) for name in ("tab", "cat_api.TAB", "spark_catalog.cat_api.tab", "nosuch", "nosuch.tab", "cat_api_temp", "global_temp.cat_api_global")]
        told["exists in"] = [catalog.tableExists("tab", "cat_api"), catalog.tableExists("tab", "default"), catalog.tableExists("tab", "nosuch")]
        told["columns"] = [list(column)[:5] for column in catalog.listColumns("vie")]
        told["columns of temp"] = [column.name for column in catalog.listColumns("cat_api_temp")]
        told["columns none"] = failure(lambda: catalog.listColumns("nosuch"))
        told["drop"] = [catalog.dropTempView("cat_api_temp"), catalog.dropTempView("cat_api_temp"), catalog.dropGlobalTempView("cat_api_global")]
        return told


def case_catalog_databases(spark, tmp):
    with database(spark, "cat_dbs"):
        catalog = spark.catalog
        told = {"current": [catalog.currentDatabase(), catalog.currentCatalog()]}
        told["listed"] = [[one.name, one.catalog, one.description] for one in catalog.listDatabases("cat_db*")]
        told["got"] = [catalog.getDatabase(name).name for name in ("CAT_DBS", "spark_catalog.cat_dbs")]
        told["none"] = failure(lambda: catalog.getDatabase("nosuch"))
        told["exists"] = [catalog.databaseExists(name) for name in ("cat_dbs", "spark_catalog.CAT_DBS", "nosuch")]
        told["set none"] = failure(lambda: catalog.setCurrentDatabase("nosuch"))
        told["catalogs"] = [list(one) for one in catalog.listCatalogs()]
        told["set catalog"] = failure(lambda: catalog.setCurrentCatalog("nosuch"))
        return told


def case_catalog_functions(spark, tmp):
    catalog = spark.catalog
    told = {"exists": [catalog.functionExists(name) for name in ("abs", "ABS", "nosuch")]}
    told["exists in"] = [catalog.functionExists("abs", "default"), catalog.functionExists("default.abs")]
    found = catalog.getFunction("abs")
    told["got"] = [found.name, found.catalog, found.namespace, found.isTemporary]
    told["none"] = failure(lambda: catalog.getFunction("nosuch"))
    told["listed"] = sorted(one.name for one in catalog.listFunctions(pattern="to_d*"))
    return told


def case_cached_tables(spark, tmp):
    with database(spark, "cat_cache"):
        catalog = spark.catalog
        one(spark, 1).write.saveAsTable("t")
        catalog.cacheTable("t")
        told = {"cached": [catalog.isCached("T"), catalog.isCached("cat_cache.t")], "rows": rows(spark.table("t"))}
        one(spark, 2).write.insertInto("t")
        told["after insert"] = rows(spark.table("t"))
        told["still"] = catalog.isCached("t")
        filtered = spark.table("t").where("id > 1").cache()
        told["filtered"] = rows(filtered)
        one(spark, 3).write.mode("append").saveAsTable("t")
        told["filtered again"] = rows(filtered)
        catalog.uncacheTable("t")
        told["uncached"] = catalog.isCached("t")
        told["none"] = [failure(lambda: catalog.isCached("nosuch")), failure(lambda: catalog.cacheTable("nosuch")), failure(lambda: catalog.uncacheTable("nosuch"))]
        path = str(tmp / "files")
        one(spark, 1).write.parquet(path)
        read = spark.read.parquet(path).cache()
        told["files"] = rows(read)
        one(spark, 5).write.mode("overwrite").parquet(path)
        told["files again"] = rows(spark.read.parquet(path))
        filtered.unpersist()
        return told


def case_views_keep_their_database(spark, tmp):
    with database(spark, "cat_views"):
        one(spark, 1).write.saveAsTable("t")
        spark.sql("CREATE VIEW v AS SELECT * FROM t")
        spark.sql("CREATE VIEW w AS SELECT count(*) AS n FROM v WHERE id IN (SELECT id FROM t)")
        spark.sql("ALTER TABLE t ADD COLUMNS (more INT)")
        told = {"star": rows(spark.table("v"))}
        spark.sql("USE default")
        told["from outside"] = rows(spark.sql("SELECT * FROM cat_views.w"))
        spark.sql("USE cat_views")
        one(spark, 7, 8).createOrReplaceTempView("t")
        told["temporary view of the same name"] = [rows(spark.table("v")), rows(spark.table("t"))]
        spark.catalog.dropTempView("t")
        spark.conf.set("spark.sql.ansi.enabled", "false")
        spark.sql("CREATE VIEW lenient AS SELECT cast('abc' AS int) AS x")
        spark.conf.set("spark.sql.ansi.enabled", "true")
        told["settings are kept"] = rows(spark.table("lenient"))
        spark.sql("DROP TABLE t")
        told["table is gone"] = failure(lambda: spark.table("v").collect())
        spark.sql("CREATE TABLE t (name STRING)")
        told["column is gone"] = failure(lambda: spark.table("v").collect())
        return told


def case_temporary_views_of_themselves(spark, tmp):
    one(spark, 1, 2).createOrReplaceTempView("cat_self")
    query = "SELECT count(*) AS n FROM cat_self GROUP BY id"
    told = {"sql": failure(lambda: spark.sql(f"CREATE OR REPLACE TEMP VIEW cat_self AS {query}"))}
    spark.sql(f"CREATE OR REPLACE TEMP VIEW cat_other AS {query}")
    told["as it was"] = [rows(spark.table("cat_self")), rows(spark.table("cat_other"))]
    spark.catalog.dropTempView("cat_other")
    spark.catalog.dropTempView("cat_self")
    return told
