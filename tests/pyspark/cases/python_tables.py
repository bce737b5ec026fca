"""Python table functions: in FROM and in joins, TABLE arguments, `analyze`."""

from pyspark.sql import functions as F
from pyspark.sql.functions import SkipRestOfInputTableException
from pyspark.sql.types import IntegerType, StringType, StructType
from pyspark.sql.udtf import AnalyzeArgument, AnalyzeResult, OrderingColumn, PartitioningColumn
from support.cases import failure


class Squares:
    def eval(self, start: int, end: int):
        for num in range(start, end + 1):
            yield (num, num * num)


class Words:
    def eval(self, text):
        for word in (text or "").split():
            yield (word,)


class Counter:
    def __init__(self):
        self.count = 0
        self.last = None

    def eval(self, row):
        self.count += 1
        self.last = row["v"]

    def terminate(self):
        yield self.count, self.last


class Analyzed:
    def __init__(self, result):
        self.schema = result.schema

    @staticmethod
    def analyze(count: AnalyzeArgument, **kwargs) -> AnalyzeResult:
        schema = StructType()
        for at in range(count.value):
            schema = schema.add(f"c{at}", IntegerType())
        return AnalyzeResult(schema=schema)

    def eval(self, count, **kwargs):
        yield tuple(range(count))


class Partitioned:
    @staticmethod
    def analyze(table: AnalyzeArgument) -> AnalyzeResult:
        assert table.isTable
        return AnalyzeResult(
            schema=StructType().add("k", StringType()).add("total", IntegerType()).add("first", IntegerType()),
            partitionBy=[PartitioningColumn("k")],
            orderBy=[OrderingColumn("v", ascending=False)],
        )

    def __init__(self):
        self.key, self.total, self.first = None, 0, None

    def eval(self, row):
        self.key = row["k"]
        self.total += row["v"]
        if self.first is None:
            self.first = row["v"]

    def terminate(self):
        yield self.key, self.total, self.first


class Stopping:
    def __init__(self):
        self.seen = 0

    def eval(self, row):
        self.seen += 1
        if self.seen == 2:
            raise SkipRestOfInputTableException("enough")

    def terminate(self):
        yield (self.seen,)


def first_line(action):
    try:
        action()
    except Exception as raised:
        lines = [line for line in str(raised).split("\n") if line.strip() and "SQLSTATE" not in line]
        return [type(raised).__name__, lines[-1].strip()]
    return "no error"


def squares(**options):
    return F.udtf(Squares, returnType="num: int, squared: int", **options)


def tables(spark):
    spark.createDataFrame([("a", 1), ("a", 3), ("b", 2), ("b", 5), ("b", 4)], "k STRING, v INT").createOrReplaceTempView("t")
    spark.udtf.register("squares", squares())
    spark.udtf.register("words", F.udtf(Words, returnType="word: string"))
    spark.udtf.register("counter", F.udtf(Counter, returnType="n: int, last: int"))
    spark.udtf.register("analyzed", F.udtf(Analyzed))
    spark.udtf.register("partitioned", F.udtf(Partitioned))
    spark.udtf.register("stopping", F.udtf(Stopping, returnType="seen: int"))


def case_calls(spark, tmp):
    tables(spark)
    return {
        "api": squares()(F.lit(1), F.lit(3)),
        "sql": spark.sql("SELECT * FROM squares(1, 3)"),
        "named": spark.sql("SELECT num FROM squares(end => 3, start => 2)"),
        "alias": spark.sql("SELECT a, b FROM squares(1, 2) AS s(a, b)"),
        "where": spark.sql("SELECT squared FROM squares(1, 9) WHERE num > 7"),
        "join": spark.sql("SELECT s.num, x.num FROM squares(1, 2) s JOIN squares(2, 3) x ON s.num = x.num"),
        "lateral": spark.sql("SELECT t.k, s.num FROM t, LATERAL squares(v, v + 1) s"),
        "lateral words": spark.sql("SELECT x, word FROM VALUES ('a b'), (''), ('c') AS d(x), LATERAL words(x)"),
        "lateral left": spark.sql("SELECT x, word FROM VALUES ('a b'), (''), ('c') AS d(x) LEFT JOIN LATERAL words(x)"),
        "schema": squares()(F.lit(1), F.lit(3)).schema.simpleString(),
        "plain": squares(useArrow=False)(F.lit(1), F.lit(2)),
    }


def case_tables(spark, tmp):
    tables(spark)
    return {
        "table": spark.sql("SELECT n FROM counter(TABLE(SELECT * FROM t))").agg(F.sum("n")),
        "partition": spark.sql("SELECT * FROM counter(TABLE(t) PARTITION BY k ORDER BY v)"),
        "order": spark.sql("SELECT * FROM counter(TABLE(SELECT * FROM t) PARTITION BY k ORDER BY v DESC)"),
        "single": spark.sql("SELECT * FROM counter(TABLE(t) WITH SINGLE PARTITION ORDER BY v DESC)"),
        "expression": spark.sql("SELECT n FROM counter(TABLE(t) PARTITION BY v % 2)"),
        "named": spark.sql("SELECT * FROM counter(row => TABLE(t) PARTITION BY k ORDER BY v)"),
        "skip": spark.sql("SELECT * FROM stopping(TABLE(t) PARTITION BY k)"),
        "api": F.udtf(Counter, returnType="n: int, last: int")(spark.table("t").asTable().partitionBy("k").orderBy("v")),
    }


def case_analyze(spark, tmp):
    tables(spark)
    return {
        "two": spark.sql("SELECT * FROM analyzed(2)"),
        "three": spark.sql("SELECT * FROM analyzed(1 + 2)").columns,
        "partitioned": spark.sql("SELECT * FROM partitioned(TABLE(t))"),
        "clash": failure(lambda: spark.sql("SELECT * FROM partitioned(TABLE(t) PARTITION BY k)").collect()),
        "no analyze": failure(lambda: F.udtf(type("Bare", (), {"eval": lambda self: iter([])}))().collect()),
    }


def case_failures(spark, tmp):
    tables(spark)

    class Raises:
        def eval(self, x):
            raise ValueError("oops")

    class Wide:
        def eval(self):
            yield 1, 2, 3

    return {
        "raise": first_line(lambda: F.udtf(Raises, returnType="x: int")(F.lit(1)).collect()),
        "wide": first_line(lambda: F.udtf(Wide, returnType="x: int")().collect()),
        "arguments": first_line(lambda: spark.sql("SELECT * FROM squares(1)").collect()),
        "missing": failure(lambda: spark.sql("SELECT * FROM no_such_function(1)").collect()),
        "two tables": failure(lambda: spark.sql("SELECT * FROM counter(TABLE(t), TABLE(t))").collect()),
    }
