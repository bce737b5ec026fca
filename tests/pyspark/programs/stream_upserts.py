"""Streams that keep a store up to date: foreachBatch upserts into SQLite and Parquet, static joins, several queries, restarts."""
import json
import os
import shutil
import sqlite3
import sys

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.window import Window

out = sys.argv[2]
spark = SparkSession.builder.master("local[2]").appName("upserts").config("spark.sql.shuffle.partitions", 2).config("spark.sql.session.timeZone", "UTC").getOrCreate()
src, db = os.path.join(out, "in"), os.path.join(out, "store.db")
os.makedirs(src)
with sqlite3.connect(db) as con:
    con.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, owner TEXT, balance REAL, updated TEXT, version INTEGER)")
    con.execute("CREATE TABLE batches (id INTEGER PRIMARY KEY, rows INTEGER)")
number = 0


def arrive(*events):
    global number
    path = os.path.join(src, f"{number:03d}.json")
    with open(path + ".tmp", "w") as f:
        for event in events:
            f.write(json.dumps(event) + "\n")
    os.utime(path + ".tmp", (1700000000 + number * 10,) * 2)
    os.rename(path + ".tmp", path)
    number += 1


schema = "id INT, owner STRING, delta DOUBLE, at TIMESTAMP, op STRING"
events = spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).json(src)
print(events.isStreaming, events.columns)


def into_sqlite(batch: DataFrame, batch_id: int) -> None:
    batch.persist()
    latest = batch.withColumn("rn", F.row_number().over(Window.partitionBy("id").orderBy(F.desc("at")))).filter("rn = 1")
    sums = batch.groupBy("id").agg(F.sum("delta").alias("delta"))
    rows = latest.drop("delta").join(sums, "id").select("id", "owner", "delta", F.date_format("at", "yyyy-MM-dd HH:mm").alias("at"), "op").orderBy("id").collect()
    with sqlite3.connect(db) as con:
        if con.execute("SELECT 1 FROM batches WHERE id = ?", (batch_id,)).fetchone() is None:
            for r in rows:
                if r.op == "delete":
                    con.execute("DELETE FROM account WHERE id = ?", (r.id,))
                else:
                    con.execute(
                        "INSERT INTO account VALUES (?, ?, ?, ?, 1) ON CONFLICT(id) DO UPDATE SET owner = coalesce(excluded.owner, owner), "
                        "balance = balance + excluded.balance, updated = excluded.updated, version = version + 1", (r.id, r.owner, r.delta, r.at))
            con.execute("INSERT INTO batches VALUES (?, ?)", (batch_id, batch.count()))
    batch.unpersist()


def run(name, function, **trigger):
    q = events.writeStream.queryName(name).foreachBatch(function).option("checkpointLocation", os.path.join(out, "cp_" + name)).trigger(**trigger).start()
    q.awaitTermination(60)
    return q


def stored():
    with sqlite3.connect(db) as con:
        return con.execute("SELECT * FROM account ORDER BY id").fetchall(), con.execute("SELECT * FROM batches ORDER BY id").fetchall()


arrive({"id": 1, "owner": "ann", "delta": 10, "at": "2024-01-01T10:00:00", "op": "put"}, {"id": 2, "owner": "bob", "delta": 5.5, "at": "2024-01-01T10:01:00", "op": "put"})
arrive({"id": 1, "delta": -3.25, "at": "2024-01-01T11:00:00", "op": "put"}, {"id": 1, "owner": "anna", "delta": 1, "at": "2024-01-01T12:00:00", "op": "put"}, {"id": 3, "owner": "cy", "delta": 1, "at": "2024-01-01T09:00:00", "op": "put"})
q = run("sqlite", into_sqlite, availableNow=True)
print(stored(), q.isActive, q.exception(), q.lastProgress["sources"][0]["numInputRows"] if q.lastProgress else None)
arrive({"id": 2, "delta": 0, "at": "2024-01-02T00:00:00", "op": "delete"})
arrive({"id": 4, "owner": "di", "delta": "bad", "at": "2024-01-02T00:00:00", "op": "put"}, {"nonsense": True})
q = run("sqlite", into_sqlite, availableNow=True)
print(stored())
q = run("sqlite", into_sqlite, availableNow=True)
print(len(stored()[1]), [p["numInputRows"] for p in q.recentProgress if p["numInputRows"]])

# merge into parquet: read, union, newest, write beside, swap
target = os.path.join(out, "table")


def into_parquet(batch, batch_id):
    update = batch.filter("id IS NOT NULL").select("id", "owner", "at", F.lit(batch_id).alias("batch"))
    if os.path.exists(target):
        update = spark.read.parquet(target).unionByName(update)
    newest = update.groupBy("id").agg(F.max_by(F.struct("owner", "at", "batch"), F.col("at")).alias("s")).select("id", "s.*")
    newest.coalesce(1).write.mode("overwrite").parquet(target + ".new")
    shutil.rmtree(target, ignore_errors=True)
    os.rename(target + ".new", target)


run("parquet", into_parquet, availableNow=True)
spark.read.parquet(target).orderBy("id").show()

# a stream joined with a table, aggregated, kept in memory; two at once
names = spark.createDataFrame([(1, "gold"), (3, "basic")], "id int, tier string")
joined = events.join(F.broadcast(names), "id", "left").withColumn("tier", F.coalesce("tier", F.lit("none")))
totals = joined.groupBy("tier").agg(F.sum("delta").alias("total"), F.approx_count_distinct("id").alias("ids"))
a = totals.writeStream.format("memory").queryName("totals").outputMode("complete").start()
b = joined.select("id", "tier", F.col("at").cast("date").alias("day")).dropDuplicates(["id", "day"]).writeStream.format("memory").queryName("seen").outputMode("append").start()
for q in (a, b):
    q.processAllAvailable()
print(sorted(q.name for q in spark.streams.active))
spark.table("totals").orderBy("tier").show()
spark.sql("SELECT day, collect_set(id) AS ids, count(*) AS n FROM seen GROUP BY day ORDER BY day").select("day", F.sort_array("ids").alias("ids"), "n").show()
arrive({"id": 3, "owner": "cy", "delta": 100, "at": "2024-01-05T00:00:00", "op": "put"})
for q in (a, b):
    q.processAllAvailable()
spark.table("totals").filter("tier = 'basic'").show()
for q in spark.streams.active:
    q.stop()
print(spark.streams.active, a.isActive)

# a batch that fails ends the query, and what it did stays; the next run takes it up
failures = [0]


def fails(batch, batch_id):
    if batch_id == 1 and not failures[0]:
        failures[0] += 1
        raise ValueError("no database today")
    seen.append((batch_id, batch.count()))


seen = []
q = events.writeStream.foreachBatch(fails).option("checkpointLocation", os.path.join(out, "cp_fail")).trigger(availableNow=True).start()
try:
    q.awaitTermination(60)
except Exception as error:
    print(type(error).__name__, "no database today" in str(error), q.isActive, "no database" in str(q.exception()))
print(seen)
run("fail", fails, availableNow=True)
print(seen)
for view in ("totals", "seen"):
    spark.catalog.dropTempView(view)
spark.stop()
