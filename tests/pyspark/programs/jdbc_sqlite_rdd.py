import os
import sqlite3
import sys
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

db = os.path.join(sys.argv[2], "shop.db")
connection = sqlite3.connect(db)
connection.execute("create table items (id integer, name text, price real)")
connection.executemany("insert into items values (?, ?, ?)", [(n, "item%d" % n, n * 1.5) for n in range(20)])
connection.commit()
connection.close()

spark = SparkSession.builder.config(conf=SparkConf().setMaster("local[2]").setAppName("db")).getOrCreate()
sc = spark.sparkContext


def load(bounds):
    import sqlite3 as sq
    c = sq.connect(db)
    try:
        for row in c.execute("select * from items where id >= ? and id < ? order by id", bounds):
            yield row
    finally:
        c.close()


rows = sc.parallelize([(0, 5), (5, 12), (12, 99)], 3).flatMap(load)
print(rows.count(), rows.getNumPartitions(), rows.take(2))


def save(partition):
    c = sqlite3.connect(db, timeout=30)
    c.executemany("insert into totals values (?, ?)", list(partition))
    c.commit()
    c.close()


c = sqlite3.connect(db)
c.execute("create table totals (k integer, total real)")
c.commit()
rows.map(lambda r: (r[0] % 3, r[2])).reduceByKey(lambda a, b: a + b).foreachPartition(save)
print(sorted(c.execute("select * from totals")))
df = rows.toDF(["id", "name", "price"])
df.filter(df.price > 20).rdd.foreachPartition(lambda it: save((r.id, r.price) for r in it))
print(c.execute("select count(*), sum(total) from totals").fetchone())
df.foreachPartition(lambda it: save([(100, sum(r["price"] for r in it))]))
print(c.execute("select count(*), sum(total) from totals where k = 100").fetchone())
c.close()
spark.stop()
