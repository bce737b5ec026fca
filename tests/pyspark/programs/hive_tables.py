"""Tables in Hive's formats: what is in them, what their files hold, what Spark tells of them and refuses."""

import glob
import os
import sys

from pyspark.sql import SparkSession

data, out = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
warehouse = os.path.join(out, "warehouse")
spark = (
    SparkSession.builder.appName("hive").config("spark.sql.warehouse.dir", warehouse).enableHiveSupport().getOrCreate()
)
print(spark.conf.get("spark.sql.catalogImplementation"))
VARIES = ("Created Time", "Table Properties", "Storage Properties", "Statistics", "Partition Statistics", "Partition Parameters", "Owner")


def sql(text):
    """The rows, or the error."""
    try:
        for row in spark.sql(text).collect():
            if row[0] not in VARIES:
                print("|".join("\n".join(line for line in str(one).split("\n") if "lastDdlTime" not in line) for one in row))
    except Exception as error:
        print(type(error).__name__.replace("Py4JJavaError", "SparkException"), str(error).split("\n\n")[0].split("\n\tat ")[0].split("SparkException: ")[-1].split("; line")[0].strip()[:400])


def files(table):
    for path in sorted(glob.glob(f"{warehouse}/{table}/**/part-*", recursive=True)):
        with open(path, "rb") as file:
            print(os.path.relpath(os.path.dirname(path), warehouse), file.read())


def write(name, text):
    path = os.path.join(out, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


spark.sql("CREATE DATABASE lake")
spark.sql("USE lake")

# The defaults: \001 between fields, \N for NULL.
sql("CREATE TABLE src (key INT, value STRING) USING hive")
path = write("kv.txt", "238\x01val_238\n86\x01val_86\n\\N\x01\n12\x01a\x01b\n")
sql(f"LOAD DATA LOCAL INPATH '{path}' INTO TABLE src")
sql("SELECT * FROM src ORDER BY key")
sql("INSERT INTO src SELECT 4, NULL")
files("lake.db/src")
sql("SELECT * FROM src ORDER BY key, value")
sql("DESCRIBE FORMATTED src")
sql("SHOW CREATE TABLE src")
sql("SHOW CREATE TABLE src AS SERDE")
print(os.path.exists(path))

# Every type, and texts that are none of it.
sql(
    "CREATE TABLE kinds (a TINYINT, b SMALLINT, c INT, d BIGINT, e DOUBLE, f DECIMAL(5,2), g BOOLEAN, h DATE, i TIMESTAMP, "
    "j BINARY, k CHAR(3), l VARCHAR(3)) ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
)
path = write(
    "kinds.txt",
    "1.5,1.5,12.7,-3.9,1.5f,1e2,t,2024-01-02 00:00:00,2024-01-01T01:02:03,YQ==,abcdef,abcdef\n"
    "128,+5,2147483648,9223372036854775808,Infinity,1234.5,FALSE,2024-13-01,2024-01-01 01:02,YWI,a,a\n"
    ",,,,,,,,,,,\n"
    "-,0x1,1e3,1_0,0x10,.5,1,20240102,1704067200,!!,ab ,ab \n"
    + ",".join(["\\N"] * 12)
    + "\n1,1,1,1,-Infinity,-0.005,False,2024-02-30,2024-01-01 01:02:03.1,YW I=,\u00e4\u00f6\u00fc\u00df,\u00e4\u00f6\u00fc\u00df\r\n"
    "1,1,1,1,nan,NaN,TRUE ,2024-1-2 ,2024-02-30 01:02:03,, x, x\n"
    "1.,.1,1.x,--1,5d,+1.005,true,02024-01-02,2024-01-01 01:02:03Z,a,b\n",
)
sql(f"LOAD DATA LOCAL INPATH '{path}' INTO TABLE kinds")
for row in spark.table("kinds").collect():
    print(row)
sql("SELECT count(*), count(c), sum(d) FROM kinds WHERE length(k) = 3")

# Nested values, each level with its own separator.
sql(
    "CREATE TABLE nested (a MAP<STRING,INT>, b MAP<INT,STRING>, c ARRAY<STRUCT<x:INT,y:STRING>>, d STRUCT<p:ARRAY<INT>,q:MAP<STRING,INT>>) "
    "ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' ESCAPED BY '\\\\' COLLECTION ITEMS TERMINATED BY ';' MAP KEYS TERMINATED BY ':'"
)
path = write(
    "nested.txt",
    "a:1;a:2,x:1;2:y,1:a;2:b;\\N;,1:2:3;k\x041\n\\N:1;b:\\N,\\N,\\N,\\N\na\\:b:1,1:a\\;b,1:x\\\\y\\nz\\tt,\n;,;,;,;\n",
)
sql(f"LOAD DATA LOCAL INPATH '{path}' OVERWRITE INTO TABLE nested")
for row in spark.table("nested").collect():
    print(row)
sql(
    "INSERT OVERWRITE TABLE nested SELECT map('a:b', 1), map(1, 'tab\\t'), array(struct(1, 'a;b,c:d\\\\e'), NULL, struct(NULL, '')), "
    "struct(array(1, 2), map('q', 5))"
)
files("lake.db/nested")
for row in spark.table("nested").collect():
    print(row)

# Separators may be numbers; of longer ones the first character counts.
sql("CREATE TABLE dig (a INT, b STRING) ROW FORMAT DELIMITED FIELDS TERMINATED BY '124' NULL DEFINED AS 'nil'")
sql("INSERT INTO dig SELECT 1, NULL")
files("lake.db/dig")
sql("CREATE TABLE multi (a INT, b STRING) ROW FORMAT DELIMITED FIELDS TERMINATED BY '||'")
sql("INSERT INTO multi SELECT 1, 'x|y'")
files("lake.db/multi")
sql("SELECT * FROM multi")
sql("CREATE TABLE nulls (a STRING, b STRING) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe' WITH SERDEPROPERTIES ('serialization.null.format'='', 'field.delim'=',')")
sql("INSERT INTO nulls SELECT NULL, 'x' UNION ALL SELECT '', '\\\\N'")
sql("SELECT * FROM nulls ORDER BY b")

# Other serdes of text.
sql("CREATE TABLE csv (a STRING, b INT, c DATE) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' STORED AS TEXTFILE")
path = write(
    "o.csv",
    '"x, y",1,"2024-01-01"\n"q ""quoted"" z",2\n\\"esc\\",3,"a\\"b"\n "lead" ,4,mid"dle"x\n"open,5\nnext",6,7,8\n\n,,\n',
)
sql(f"LOAD DATA LOCAL INPATH '{path}' INTO TABLE csv")
sql("INSERT INTO csv SELECT 'a\"b,c\\\\d', 5, NULL")
files("lake.db/csv")
for row in sorted(spark.table("csv").collect(), key=str):
    print(row)
sql("DESCRIBE csv")
sql("SHOW CREATE TABLE csv")
sql("CREATE TABLE log (day STRING, level STRING) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe' WITH SERDEPROPERTIES ('input.regex' = '(\\\\d+) (.*)')")
path = write("log.txt", "12 warn: x\nnope\n7 \n")
sql(f"LOAD DATA LOCAL INPATH '{path}' INTO TABLE log")
sql("SELECT * FROM log ORDER BY day")

# Formats that are Spark's own.
for format in ("PARQUET", "ORC", "AVRO"):
    sql(f"CREATE TABLE as_{format} STORED AS {format} AS SELECT id, 'v' || id v FROM range(3)")
    sql(f"INSERT INTO as_{format} SELECT 9, 'nine'")
    sql(f"SELECT * FROM as_{format} ORDER BY id")
sql("DESCRIBE FORMATTED as_orc")

# Partitions: rows that bring theirs need the mode for it.
sql("CREATE TABLE sales (item STRING, n INT) PARTITIONED BY (year INT, day STRING) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' STORED AS TEXTFILE")
sql("INSERT INTO sales VALUES ('a', 1, 2024, 'mon')")
sql("INSERT INTO sales PARTITION (year = 2024, day) VALUES ('a', 1, 'mon'), ('b', 2, 'tue')")
sql("INSERT INTO sales PARTITION (year = 2024, day = 'mon') VALUES ('c', 3)")
sql("SET hive.exec.dynamic.partition.mode=nonstrict")
sql("INSERT OVERWRITE TABLE sales VALUES ('z', 9, 2024, 'tue'), ('y', 8, 2025, 'mon')")
sql("SELECT * FROM sales ORDER BY ALL")
sql("SHOW PARTITIONS sales")
files("lake.db/sales/year=2025")
path = write("sales.txt", "q\t5\nr\t6\n")
sql(f"LOAD DATA LOCAL INPATH '{path}' INTO TABLE sales PARTITION (year = 2026, day = 'a b')")
sql(f"LOAD DATA LOCAL INPATH '{path}' INTO TABLE sales PARTITION (year = 2026, day = 'a b')")
sql(f"LOAD DATA INPATH '{path}' OVERWRITE INTO TABLE sales PARTITION (year = 2024, day = 'mon')")
print(os.path.exists(path), sorted(name for name in os.listdir(f"{warehouse}/lake.db/sales/year=2026/day=a b") if name[0] != "."))
sql("SELECT year, day, count(*), sum(n) FROM sales GROUP BY ALL ORDER BY ALL")
sql("ALTER TABLE sales DROP PARTITION (year = 2026)")
sql("SHOW PARTITIONS sales")
sql("INSERT INTO sales PARTITION (year = 2024, day = 'mon') SELECT 'x'")
sql("INSERT INTO sales PARTITION (nope = 1) SELECT 'x', 1")
sql("DESCRIBE FORMATTED sales PARTITION (year = 2024, day = 'mon')")
sql("SHOW CREATE TABLE sales AS SERDE")

# What LOAD DATA refuses.
path = write("more.txt", "q\t5\n")
sql(f"LOAD DATA LOCAL INPATH '{out}/nosuch.txt' INTO TABLE src".replace(out, ""))
sql(f"LOAD DATA LOCAL INPATH '{path}' INTO TABLE sales")
sql(f"LOAD DATA LOCAL INPATH '{path}' INTO TABLE sales PARTITION (year = 2024)")
sql(f"LOAD DATA LOCAL INPATH '{path}' INTO TABLE src PARTITION (p = 1)")
sql("CREATE TABLE own (a INT) USING parquet")
sql(f"LOAD DATA LOCAL INPATH '{path}' INTO TABLE own")

# What CREATE TABLE refuses.
sql("CREATE TABLE x (a INT) STORED AS JSONFILE")
sql("CREATE TABLE x (a INT) ROW FORMAT SERDE 'no.such.SerDe'")
sql("CREATE TABLE x (a INT) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' STORED AS PARQUET")
sql("CREATE TABLE x (a INT) ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.orc.OrcSerde' STORED AS PARQUET")
sql("CREATE TABLE x (a INT) ROW FORMAT DELIMITED LINES TERMINATED BY '\\t'")
sql("CREATE TABLE x (a INT) USING parquet STORED AS PARQUET")
sql("CREATE TABLE x (a INT) STORED BY 'x.y.Z'")
sql("CREATE TABLE x (a INT, v VARIANT) STORED AS ORC")
sql("CREATE TABLE x (a INT, v INTERVAL DAY) STORED AS ORC")
sql("CREATE TABLE x STORED AS ORC")
sql("CREATE TABLE x PARTITIONED BY (p INT) STORED AS PARQUET AS SELECT 1 a, 2 p")
sql("CREATE TABLE x (a INT) STORED AS PARQUET AS SELECT 1 a")
sql("CREATE TABLE x (a INT) USING hive OPTIONS (fileFormat 'orc', fieldDelim ',')")
sql("CREATE TABLE x (a INT) USING hive OPTIONS (fileFormat 'nosuch')")
sql("CREATE TABLE x LIKE sales ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'")

# LIKE, RENAME, ADD COLUMNS, SERDEPROPERTIES, TRUNCATE.
sql("CREATE TABLE liked LIKE sales")
sql("DESCRIBE liked")
sql("CREATE TABLE liked2 LIKE sales STORED AS PARQUET")
sql("SHOW CREATE TABLE liked2")
sql("ALTER TABLE multi RENAME TO renamed")
sql("ALTER TABLE renamed ADD COLUMNS (c DOUBLE COMMENT 'new')")
sql("SELECT * FROM renamed")
sql("ALTER TABLE renamed SET SERDEPROPERTIES ('field.delim' = '/')")
sql("SELECT * FROM renamed")
sql("INSERT OVERWRITE TABLE renamed SELECT a, b, 1.5 FROM renamed")
files("lake.db/renamed")
sql("TRUNCATE TABLE renamed")
sql("SELECT count(*) FROM renamed")
sql("ALTER TABLE own SET SERDE 'x.y'")

# The DataFrame's side.
df = spark.range(3).selectExpr("id", "id % 2 AS p")
df.write.format("hive").option("fileFormat", "textfile").option("fieldDelim", "|").saveAsTable("saved")
df.coalesce(1).write.format("hive").mode("append").saveAsTable("saved")
sql("SELECT id, p, count(*) FROM saved GROUP BY ALL ORDER BY ALL")
df.write.partitionBy("p").format("hive").mode("overwrite").saveAsTable("saved")
sql("SHOW PARTITIONS saved")
df.write.insertInto("saved")
sql("SELECT p, count(*) FROM saved GROUP BY ALL ORDER BY ALL")
for call in (
    lambda: df.write.format("hive").save(os.path.join(out, "x")),
    lambda: spark.read.format("hive").load(os.path.join(out, "x")),
    lambda: df.write.mode("append").saveAsTable("saved"),
):
    try:
        print(call())
    except Exception as error:
        print(type(error).__name__, str(error).split("\n")[0])
print(spark.catalog.getTable("saved").tableType, [(column.name, column.isPartition) for column in spark.catalog.listColumns("saved")])
sql(f"INSERT OVERWRITE LOCAL DIRECTORY '{out}/folder' ROW FORMAT DELIMITED FIELDS TERMINATED BY '|' SELECT 1, 'x', NULL, array(1, 2)")
print([open(path, "rb").read() for path in glob.glob(f"{out}/folder/part-*")])
sql("SELECT TRANSFORM (key, value) USING 'cat' AS (k INT, v STRING) FROM src WHERE key = 12")

spark.sql("DROP DATABASE lake CASCADE")
print(os.path.exists(f"{warehouse}/lake.db"))
spark.stop()
