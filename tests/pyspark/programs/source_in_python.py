"""A data source written in Python: schema, partitions, options, filters, a writer with commits, a stream that goes on where it was."""
import json
import os
import sys
from dataclasses import dataclass
from typing import Iterator, Tuple

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.datasource import (
    DataSource, DataSourceReader, DataSourceStreamReader, DataSourceWriter, EqualTo, GreaterThan, InputPartition, SimpleDataSourceStreamReader, WriterCommitMessage)
from pyspark.sql.types import IntegerType, StringType, StructField, StructType

out = sys.argv[2]
spark = SparkSession.builder.master("local[2]").appName("sources").config("spark.sql.shuffle.partitions", 2).config("spark.sql.python.filterPushdown.enabled", True).getOrCreate()


class Range(InputPartition):
    def __init__(self, start, end):
        self.start, self.end = start, end


class FakeReader(DataSourceReader):
    def __init__(self, schema, options):
        self.schema, self.options = schema, options
        self.floor = -1

    def pushFilters(self, filters):
        for f in filters:
            if isinstance(f, GreaterThan) and f.attribute == ("id",):
                self.floor = f.value
            else:
                yield f

    def partitions(self):
        rows, parts = int(self.options.get("rows", 6)), int(self.options.get("parts", 2))
        return [Range(i * rows // parts, (i + 1) * rows // parts) for i in range(parts)]

    def read(self, partition) -> Iterator[Tuple]:
        for i in range(partition.start, partition.end):
            if i > self.floor:
                yield (i, f"name {i}", None if i % 4 == 3 else i / 2)


@dataclass
class Done(WriterCommitMessage):
    file: str
    rows: int


class JsonWriter(DataSourceWriter):
    def __init__(self, options, overwrite):
        self.folder, self.overwrite, self.fail = options["path"], overwrite, options.get("failAt")
        os.makedirs(self.folder, exist_ok=True)

    def write(self, rows):
        from pyspark import TaskContext

        name, n = f"p{TaskContext.get().partitionId()}.json", 0
        with open(os.path.join(self.folder, name + ".tmp"), "w") as f:
            for row in rows:
                if self.fail is not None and row.id == int(self.fail):
                    raise ValueError("row %d" % row.id)
                f.write(json.dumps(row.asDict()) + "\n")
                n += 1
        return Done(name, n)

    def commit(self, messages):
        if self.overwrite:
            for old in os.listdir(self.folder):
                if not old.endswith(".tmp"):
                    os.remove(os.path.join(self.folder, old))
        for m in messages:
            if m:
                os.rename(os.path.join(self.folder, m.file + ".tmp"), os.path.join(self.folder, m.file))
        with open(os.path.join(self.folder, "_DONE"), "w") as f:
            f.write(str(sum(m.rows for m in messages if m)))

    def abort(self, messages):
        with open(os.path.join(self.folder, "_ABORTED"), "w") as f:
            f.write("aborted")


class Ticks(SimpleDataSourceStreamReader):
    def initialOffset(self):
        return {"at": 0}

    def read(self, start):
        at = start["at"]
        end = min(at + 3, 9)
        return iter([(i, f"t{i}", i / 1) for i in range(at, end)]), {"at": end}

    def readBetweenOffsets(self, start, end):
        return iter([(i, f"t{i}", i / 1) for i in range(start["at"], end["at"])])

    def commit(self, end):
        pass


class Fake(DataSource):
    @classmethod
    def name(cls):
        return "fake"

    def schema(self):
        return "id INT, name STRING, value DOUBLE"

    def reader(self, schema):
        return FakeReader(schema, self.options)

    def writer(self, schema, overwrite):
        return JsonWriter(self.options, overwrite)

    def simpleStreamReader(self, schema):
        return Ticks()


spark.dataSource.register(Fake)
df = spark.read.format("fake").option("rows", 8).option("parts", 3).load()
df.printSchema()
df.orderBy("id").show()
print(df.rdd.getNumPartitions(), df.filter("id > 3 AND name <> 'name 5'").orderBy("id").collect())
df = spark.read.format("fake").option("rows", 8).load()
print(df.agg(F.sum("value"), F.count("value"), F.count("*")).first(), df.filter(F.col("name") == "name 2").count())
df = spark.read.format("fake").option("rows", 8).option("parts", 3).load()
spark.read.format("fake").option("ROWS", "3").load().createOrReplaceTempView("fakes")
print(spark.sql("SELECT name, value FROM fakes WHERE id > 0 ORDER BY id").collect())
print(spark.read.format("fake").schema("id INT, name STRING, value DOUBLE").load("some/path").count())
target = os.path.join(out, "written")
df.coalesce(2).write.format("fake").mode("append").save(target)
print(sorted(os.listdir(target)), open(os.path.join(target, "_DONE")).read())
spark.range(2).selectExpr("CAST(id AS INT) AS id", "'n' AS name", "1.0D AS value").coalesce(1).write.format("fake").mode("overwrite").option("path", target).save()
print(sorted(os.listdir(target)), sorted(open(os.path.join(target, "p0.json")).read().split("\n")))
try:
    df.write.format("fake").mode("append").option("failAt", 2).save(os.path.join(out, "failed"))
except Exception as error:
    print(type(error).__name__, "row 2" in str(error), sorted(n for n in os.listdir(os.path.join(out, "failed")) if n.startswith("_")))
for work in (lambda: spark.read.format("unknown_source").load(), lambda: df.write.format("fake").save(target + "x"), lambda: spark.read.format("fake").option("rows", "many").load().count()):
    try:
        work()
        print("went")
    except Exception as error:
        print(type(error).__name__)
seen = []
q = spark.readStream.format("fake").load().writeStream.foreachBatch(lambda b, n: seen.append((n, sorted(r.id for r in b.collect())))).option("checkpointLocation", out + "/cp").trigger(processingTime="0 seconds").start()
import time
end = time.time() + 40
while sum(len(s[1]) for s in seen) < 9 and time.time() < end:
    time.sleep(0.1)
q.stop()
print([i for s in seen for i in s[1]])
q = spark.readStream.format("fake").load().withColumn("even", F.col("id") % 2 == 0).groupBy("even").agg(F.sum("value").alias("v")).writeStream.format("memory").queryName("evens").outputMode("complete").start()
end = time.time() + 40
while time.time() < end and (spark.table("evens").agg(F.sum("v")).first()[0] or 0) < 36:
    time.sleep(0.2)
q.stop()
spark.table("evens").orderBy("even").show()


class Info(DataSource):
    @classmethod
    def name(cls):
        return "info"

    def schema(self):
        return StructType([StructField("k", StringType()), StructField("v", IntegerType())])

    def reader(self, schema):
        options = self.options

        class R(DataSourceReader):
            def read(self, partition):
                import pyarrow as pa

                yield pa.RecordBatch.from_pydict({"k": sorted(options), "v": pa.array(range(len(options)), pa.int32())})

        return R()


spark.dataSource.register(Info)
print(spark.read.format("info").options(b=1, a=True).load().collect())
for view in ("fakes", "evens"):
    spark.catalog.dropTempView(view)
spark.stop()
