"""Where functions and sources in Python meet what they do not expect: wrong answers, NULLs, no rows, metadata that does not fit."""

import pandas as pd
import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.datasource import DataSource, DataSourceReader, DataSourceWriter, WriterCommitMessage
from pyspark.sql.types import ArrayType, DoubleType, IntegerType, StringType, StructField, StructType
from pyspark.sql.udtf import AnalyzeResult, OrderingColumn, PartitioningColumn, SelectedColumn
from support.cases import failure


def told(action):
    """Class, condition and parameters of a failure; of a traceback the last line."""
    found = failure(action).get("error")
    if found is None:
        return "no error"
    parameters = dict(found.get("parameters", {}))
    if "msg" in parameters:
        parameters["msg"] = parameters["msg"].strip().split("\n")[-1]
    return [found["class"], found["condition"], parameters]


def java(action):
    """What a task says that failed in Java."""
    try:
        action().collect()
    except Exception as raised:
        text = str(raised)
        return [type(raised).__name__, [one for one in ("Value at index is null", "Index 1 out of bounds for length 1") if one in text]]
    return "no error"


def boom(*_):
    raise ValueError("boom")


def source(read=None, write=None, partitions=None, commit=None, **members):
    """A data source with these parts; without one, PySpark's own."""

    class Given(DataSource):
        @classmethod
        def name(cls):
            return "given"

        def schema(self):
            return "a int, b string"

    class Reader(DataSourceReader):
        def read(self, partition):
            return read(partition)

    class Writer(DataSourceWriter):
        def write(self, rows):
            return write(rows)

    if read:
        members["reader"] = lambda self, schema: Reader()
    if write:
        members["writer"] = lambda self, schema, overwrite: Writer()
    if partitions:
        Reader.partitions = lambda self: partitions()
    if commit:
        Writer.commit = lambda self, messages: commit(messages)
    for name, member in members.items():
        setattr(Given, name, member)
    return Given


def case_source_failures(spark, tmp):
    def read(given):
        spark.dataSource.register(given)
        return told(lambda: spark.read.format("given").load().collect())

    def write(given, **layout):
        spark.dataSource.register(given)
        writer = spark.range(2).withColumn("b", F.lit("x")).write.format("given").mode("append")
        for method, arguments in layout.items():
            writer = getattr(writer, method)(*arguments)
        return told(lambda: writer.save())

    named_json = source()
    named_json.name = classmethod(lambda cls: "json")
    return {
        "no reader": read(source()),
        "reader": read(source(reader=boom)),
        "no reader at all": read(source(reader=lambda self, schema: 3)),
        "schema": read(source(schema=boom)),
        "schema of a type": read(source(schema=lambda self: IntegerType())),
        "partitions": read(source(read=lambda _: iter([]), partitions=boom)),
        "wrong partitions": read(source(read=lambda _: iter([]), partitions=lambda: [1])),
        "no writer": write(source()),
        "writer": write(source(writer=boom)),
        "commit": write(source(write=lambda rows: WriterCommitMessage(), commit=boom)),
        "partitioned": write(source(write=lambda rows: WriterCommitMessage()), partitionBy=["b"]),
        "in buckets": write(source(write=lambda rows: WriterCommitMessage()), bucketBy=[2, "b"]),
        "own name": told(lambda: spark.dataSource.register(named_json)),
    }


def case_nulls(spark, tmp):
    numbers = StructType([StructField("g", IntegerType()), StructField("v", DoubleType(), False)])
    lists = StructType([StructField("v", ArrayType(IntegerType(), False))])
    df = spark.createDataFrame([(1, 1.0)], "g int, v double")
    nothing, nested = pd.DataFrame({"g": [1], "v": [None]}), pd.DataFrame({"v": [[1, None]]})
    batch = pa.RecordBatch.from_pydict({"g": pa.array([1], pa.int32()), "v": pa.array([None], pa.float64())})
    return {
        "mapInPandas": java(lambda: df.mapInPandas(lambda frames: iter([nothing]), numbers)),
        "nested": java(lambda: df.mapInPandas(lambda frames: iter([nested]), lists)),
        "mapInArrow": java(lambda: df.mapInArrow(lambda batches: iter([batch]), numbers)),
        "missing": java(lambda: df.mapInArrow(lambda batches: iter([batch.select(["g"])]), numbers)),
        "groups": java(lambda: df.groupBy("g").applyInPandas(lambda group: nothing, numbers)),
        "groups of arrow": java(lambda: df.groupBy("g").applyInArrow(lambda group: pa.Table.from_batches([batch]), numbers)),
    }


def case_keys(spark, tmp):
    df = spark.createDataFrame([(float("nan"), 1), (0.0, 2), (float("nan"), 3), (-0.0, 4)], "k double, v int")
    return df.groupBy("k").applyInPandas(lambda key, group: pd.DataFrame({"k": [str(key[0])], "n": [group.v.sum()]}), "k string, n int")


class Rows:
    def __init__(self):
        self.seen = 0

    def eval(self, row):
        self.seen += 1

    def terminate(self):
        yield (self.seen,)


def analyzed(**metadata):
    class Analyzed(Rows):
        @staticmethod
        def analyze(row):
            return AnalyzeResult(StructType().add("n", IntegerType()), **metadata)

    return F.udtf(Analyzed)


def case_table_arguments(spark, tmp):
    spark.createDataFrame([("a", 1), ("b", 2)], "k string, v int").createOrReplaceTempView("kv")
    spark.udtf.register("rows", F.udtf(Rows, returnType="n int"))
    found = {
        query: told(lambda query=query: spark.sql(f"SELECT * FROM rows({query})").collect())
        for query in (
            "TABLE kv", "TABLE(kv) ORDER BY v", "TABLE(kv) PARTITION BY k, v + 1", "TABLE(kv) PARTITION BY k ORDER BY v, k + 1",
        )
    }
    for name, metadata in {
        "both": {"partitionBy": [PartitioningColumn("k")], "withSinglePartition": True},
        "order": {"orderBy": [OrderingColumn("v")]},
        "no alias": {"select": [SelectedColumn("v * 2")]},
        "no expression": {"partitionBy": [PartitioningColumn("k +")]},
    }.items():
        spark.udtf.register("rows", analyzed(**metadata))
        found[name] = told(lambda: spark.sql("SELECT * FROM rows(TABLE(kv))").collect())
    return found


def case_table_functions(spark, tmp):
    class Twice:
        def eval(self, value):
            yield (value,)
            yield (value * 10,)

    class Told:
        @staticmethod
        def analyze(*arguments):
            text = "|".join(f"{one.value!r} {one.isConstantExpression}" for one in arguments)
            return AnalyzeResult(StructType().add(text, StringType()))

        def eval(self, *arguments):
            yield ("x",)

    spark.createDataFrame([("a", 1), ("b", 30)], "k string, v int").createOrReplaceTempView("kv")
    spark.udtf.register("twice", F.udtf(Twice, returnType="a int"))
    spark.udtf.register("told", F.udtf(Told))
    spark.udtf.register("counted", F.udtf(Rows, returnType="n int"))
    return {
        "in": spark.sql("SELECT * FROM kv WHERE v IN (SELECT a FROM twice(3))"),
        "scalar": spark.sql("SELECT * FROM told(1, (SELECT 1))").columns,
        "no rows": spark.sql("SELECT * FROM counted(TABLE(SELECT * FROM kv WHERE v > 100) PARTITION BY k)"),
    }


def case_left_lateral(spark, tmp):
    """Rows of the left side that a condition leaves without a match."""

    class Two:
        def eval(self, a):
            for step in range(1, a + 1):
                yield a + step,

    spark.udtf.register("left_lateral_two", F.udtf(Two, returnType="x int"))
    sides = "VALUES (0), (1), (1), (2) t(a) LEFT JOIN LATERAL left_lateral_two(a) e"
    conditions = ["x > 3", "x > 30", "x > 3 AND a = 2", "a = 1", "x = a + 1", "x IS NULL"]
    found = {condition: spark.sql(f"SELECT a, x FROM {sides} ON {condition} ORDER BY a, x") for condition in conditions}
    return {**found, "renamed": spark.sql(f"SELECT a, y FROM {sides}(y) ON y > 2 ORDER BY a, y"), "inner": spark.sql(f"SELECT a, x FROM {sides.replace('LEFT ', '')} ON x > 2 ORDER BY a, x")}
