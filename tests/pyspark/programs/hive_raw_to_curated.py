"""Raw files loaded as they are, cleaned into partitions, summed up: a job of a warehouse that was Hive's."""

import os
import sys

from pyspark.sql import SparkSession, functions as F

data, out = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
spark = (
    SparkSession.builder.appName("warehouse")
    .config("spark.sql.warehouse.dir", os.path.join(out, "warehouse"))
    .config("hive.exec.dynamic.partition", "true")
    .config("hive.exec.dynamic.partition.mode", "nonstrict")
    .enableHiveSupport()
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
print(spark.conf.get("spark.sql.warehouse.dir"))
landing = os.path.join(out, "landing")
os.makedirs(landing, exist_ok=True)
for day in ("2024-03-01", "2024-03-02"):
    with open(os.path.join(landing, f"orders_{day}.csv"), "w") as file:
        for n in range(1, 6):
            amount = "" if n == 4 else f"{n * 10.5 * int(day[-1]):.2f}"
            file.write(f"{day[-2:]}-{n},{day},{'north' if n % 2 else 'south'},{amount},a|b{n}\n")

spark.sql("CREATE DATABASE IF NOT EXISTS raw COMMENT 'as it came' LOCATION '%s/raw'" % out)
spark.sql("CREATE DATABASE IF NOT EXISTS curated")
spark.sql("DROP TABLE IF EXISTS raw.orders")
spark.sql(f"""
    CREATE EXTERNAL TABLE raw.orders (
        id STRING, day DATE, region STRING COMMENT 'where', amount DECIMAL(8,2), tags ARRAY<STRING>
    )
    COMMENT 'orders of the shops'
    ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' COLLECTION ITEMS TERMINATED BY '|'
    STORED AS TEXTFILE
    LOCATION '{landing}'
    TBLPROPERTIES ('source' = 'shop')
""")
print(spark.table("raw.orders").count())
spark.table("raw.orders").orderBy("id").show(3, truncate=False)
spark.table("raw.orders").printSchema()
print(spark.sql("SHOW CREATE TABLE raw.orders").first()[0].replace(out, "OUT").split("TBLPROPERTIES")[0])

spark.sql("""
    CREATE TABLE IF NOT EXISTS curated.orders (id STRING, amount DECIMAL(8,2), tag STRING, loaded_from STRING)
    PARTITIONED BY (day DATE, region STRING) STORED AS PARQUET
""")
spark.sql("""
    INSERT OVERWRITE TABLE curated.orders PARTITION (day, region)
    SELECT id, amount, tags[1], regexp_extract(input_file_name(), '[^/]+$', 0), day, region
    FROM raw.orders WHERE amount IS NOT NULL
""")
spark.sql("SHOW PARTITIONS curated.orders").show(truncate=False)

# The second day comes again, corrected: its partitions alone are replaced.
with open(os.path.join(landing, "orders_2024-03-02.csv"), "w") as file:
    file.write("02-9,2024-03-02,north,999.99,x|y\n")
spark.catalog.refreshTable("raw.orders")
(
    spark.table("raw.orders")
    .where("day = DATE'2024-03-02'")
    .select("id", "amount", F.col("tags")[0].alias("tag"), F.lit("again").alias("loaded_from"), "day", "region")
    .write.mode("overwrite")
    .insertInto("curated.orders")
)
spark.sql("SELECT * FROM curated.orders ORDER BY id").show(20, False)

spark.sql("""
    CREATE TABLE curated.by_region ROW FORMAT DELIMITED FIELDS TERMINATED BY ';' AS
    SELECT region, count(*) n, sum(amount) total FROM curated.orders GROUP BY region
""")
for name in sorted(os.listdir(os.path.join(out, "warehouse/curated.db/by_region"))):
    if name.startswith("part-"):
        print(open(os.path.join(out, "warehouse/curated.db/by_region", name)).read(), end="")
print(sorted(spark.table("curated.by_region").collect()))
print([(t.name, t.tableType, t.isTemporary) for t in spark.catalog.listTables("curated")])

spark.sql("ALTER TABLE curated.orders DROP IF EXISTS PARTITION (day = '2024-03-01')")
print([row[0] for row in spark.sql("SHOW PARTITIONS curated.orders").collect()])
spark.sql("MSCK REPAIR TABLE curated.orders")
spark.sql("DROP TABLE raw.orders")
print(sorted(os.listdir(landing)))
spark.sql("DROP DATABASE raw CASCADE")
spark.sql("DROP DATABASE curated CASCADE")
print([d.name for d in spark.catalog.listDatabases()])
spark.stop()
