# per-partition work: connections, csv readers, generators, indexes
import sys, os, sqlite3, csv, io, json
from pyspark.sql import SparkSession, Row
spark = SparkSession.builder.master("local[2]").getOrCreate()
sc = spark.sparkContext
db = os.path.join(sys.argv[2], "out.db")
with sqlite3.connect(db) as c:
    c.execute("create table hits (host text, n integer, part integer)")
hits = sc.textFile(sys.argv[1] + "/access.log", 3).map(lambda l: (l.split(" ")[0].split(".")[0], 1)).reduceByKey(lambda a, b: a + b, 3)
def save(index, rows):
    con = sqlite3.connect(db, timeout=60)
    n = 0
    for host, count in rows:
        con.execute("insert into hits values (?, ?, ?)", (host, count, index)); n += 1
    con.commit(); con.close()
    yield (index, n)
print(hits.mapPartitionsWithIndex(save).collect())
with sqlite3.connect(db) as c:
    print(c.execute("select count(*), sum(n), max(part) from hits").fetchall())
def fetch(rows):
    con = sqlite3.connect(db)
    for host in rows:
        for (n,) in con.execute("select n from hits where host = ?", (host,)):
            yield host, n
    con.close()
print(sc.parallelize("123456789", 3).mapPartitions(fetch).collect())
def loadRecord(line):
    reader = csv.DictReader(io.StringIO(line), fieldnames=["name", "favourite"])
    return next(reader)
print(sc.parallelize(['holden,panda', '"bob, jr",zebra']).map(loadRecord).collect())
def loadRecords(fileNameContents):
    return csv.DictReader(io.StringIO(fileNameContents[1]))
print(sc.wholeTextFiles(sys.argv[1] + "/ratings.csv").flatMap(loadRecords).take(2))
def writeRecords(records):
    output = io.StringIO()
    writer = csv.DictWriter(output, fieldnames=["name", "age"])
    for record in records:
        writer.writerow(record)
    return [output.getvalue()]
print(sc.parallelize([{"name": "a", "age": 1}, {"name": "b,c", "age": 2}], 2).mapPartitions(writeRecords).collect())
print(sc.textFile(sys.argv[1] + "/people.json").map(json.loads).filter(lambda x: x["age"]).map(lambda x: json.dumps(x["addr"], sort_keys=True)).take(2))
def stats(it):
    total = n = 0
    for x in it:
        total += x; n += 1
    return [(total, n)]
print(sc.parallelize(range(10), 4).mapPartitions(stats).collect(), sc.parallelize([], 2).mapPartitions(stats).collect())
print(sc.parallelize(range(6), 3).mapPartitionsWithIndex(lambda i, it: ((i, x) for x in it), preservesPartitioning=True).collect())
print(sc.parallelize(range(6), 3).mapPartitionsWithSplit(lambda i, it: [i]).collect())
def skip_header(i, it):
    if i == 0:
        next(it)
    return it
print(sc.textFile(sys.argv[1] + "/stocks.csv", 2).mapPartitionsWithIndex(skip_header).count())
target = sys.argv[2]
def send(rows):
    with open(os.path.join(target, "sent-%d" % os.getpid()), "a") as f:
        for r in rows:
            f.write(r.name + "\n")
spark.createDataFrame([Row(name="x"), Row(name="y")]).foreachPartition(send)
print(sorted(l.strip() for f in os.listdir(sys.argv[2]) if f.startswith("sent-") for l in open(os.path.join(sys.argv[2], f))))
print([sorted(x) for x in sc.parallelize(range(10), 2).repartition(5).glom().collect()], sc.parallelize(range(10), 5).coalesce(2).glom().collect())
print(sc.parallelize(range(10), 4).toLocalIterator().__next__(), [len(p) for p in sc.parallelize(range(100), 7).glom().collect()])
spark.stop()
