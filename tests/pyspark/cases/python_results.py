"""Results of functions without Arrow that are not of the declared type; named arguments; functions that may differ from
call to call; names over aliases further left."""

import array
import datetime
import decimal
import enum
import re

import numpy as np
import pandas as pd
from pyspark.sql import Row
from pyspark.sql import functions as F
from support.cases import failure


class Colour(enum.Enum):
    RED = 1


VALUES = {
    "none": None, "bool": True, "int": 300, "big": 2**40, "text": "abc", "float": 1.5, "decimal": decimal.Decimal("2.5"),
    "delta": datetime.timedelta(days=1, microseconds=5), "time": datetime.time(1, 2), "list": [1, 2],
    "dict": {"a": datetime.timedelta(seconds=1)},
}
TYPES = ["tinyint", "int", "string", "char(2)", "array<char(1)>", "map<string,varchar(2)>", "decimal(3,1)", "double", "boolean"]


def case_types(spark, tmp):
    def given(value, kind):
        return [list(row) for row in spark.range(1).select(F.udf(lambda _: value, kind, useArrow=False)("id")).collect()]

    answers = {kind: {name: given(value, kind) for name, value in VALUES.items()} for kind in TYPES}
    answers["array"] = [given(array.array("i", [1, 2]), kind) for kind in ("array<int>", "array<string>", "int")]
    answers["struct"] = given(("abc", 1), "a char(2), b int")
    return answers


def case_constructors_that_the_jvm_lacks(spark, tmp):
    def told(value):
        try:
            return [list(row) for row in spark.range(1).select(F.udf(lambda _: value, "int", useArrow=False)("id")).collect()]
        except Exception as error:
            return re.findall(r"ClassDict \(for [^)]*\)", str(error))[:1]

    return {
        "timestamp": told(pd.Timestamp("2020-01-01")), "series": told(pd.Series([1])), "array": told(np.array([1])),
        "in a list": told([1, np.int64(1)]), "in a dict": told({"a": Row(a=1)}), "row": told(Row(1, 2)), "enum": told(Colour.RED),
        "module": told(decimal), "range": told(range(3)), "set": told({1}), "complex": told(1j), "NaT": told(pd.NaT),
    }


def case_year_month(spark, tmp):
    made = F.udf(lambda _: None, "interval year to month", useArrow=False)
    try:
        spark.range(1).select(made("id")).collect()
    except Exception as error:
        return "YearMonthIntervalType.toInternal" in str(error)


def case_named_arguments(spark, tmp):
    spark.udf.register("added", lambda a, b=10: a + b, "long")
    add = F.udf(lambda a, b=10: a + b, "long")
    statements = ["added(a => 1, 2)", "added(a => 1, a => 2)", "added(a => 1, b => 2)", "added(id, b => 3)", "ADDED(1)"]
    answers = {text: failure(lambda text=text: spark.sql(f"SELECT {text} FROM range(1)")) for text in statements}
    answers["columns"] = spark.range(2).select(add(a=F.col("id"), b=F.lit(5)), add(b="id", a=F.lit(1)), add("id", b=F.lit(2)))
    return answers


def case_nondeterministic(spark, tmp):
    four = F.udf(lambda: 4, "int").asNondeterministic()
    a, b = spark.range(2).alias("a"), spark.range(2).alias("b")
    return {
        "aggregate": failure(lambda: spark.range(2).agg(F.sum(four())).collect()),
        "alias": failure(lambda: spark.range(2).groupBy("id").agg(F.max(F.rand(1)).alias("m")).collect()),
        "sql": failure(lambda: spark.sql("SELECT count(*), sum(rand(2)) FROM range(2)").collect()),
        "join": failure(lambda: a.join(b, four() == F.col("a.id")).collect()),
        "rand": failure(lambda: a.join(b, F.rand(1) == F.col("a.id")).collect()),
        "keys": spark.range(2).groupBy(four()).count(), "order": spark.range(2).sort(four(), "id"),
        "filter": spark.range(2).filter(four() == 4),
    }


def case_lateral_names(spark, tmp):
    spark.udf.register("same", lambda x: x, "long")
    return {
        text: spark.sql(text)
        for text in (
            "SELECT id + 1 AS a, a + 1, a FROM range(1)", "SELECT same(id) AS a, a + 1, same(a) FROM range(1)",
            "SELECT count(*) AS c, c + 1 FROM range(3)", "SELECT struct(1 AS x) AS s, s.x + 1, s.x FROM range(1)",
            "SELECT id AS `a b`, `a b` * 2, upper(`a b`) AS u, concat(u, u) FROM range(1)",
        )
    }


def case_names(spark, tmp):
    same = F.udf(lambda x: x, "long")
    nested = spark.range(1).select("id", F.struct("id").alias("s"))
    return nested.select(same("s.id"), same(F.col("s").getField("id")), same((F.col("id") + 1).alias("q")), same(same("id")))


def case_table_functions(spark, tmp):
    class Analyzed:
        @staticmethod
        def analyze(a):
            raise Exception("no way")

        def eval(self, a):
            yield (a,)

    class Wrong(Analyzed):
        @staticmethod
        def analyze(a):
            return 1

    spark.udtf.register("analyzed", F.udtf(Analyzed))
    spark.udtf.register("wrong", F.udtf(Wrong))
    answers = {}
    try:
        spark.sql("SELECT * FROM analyzed(1)").collect()
    except Exception as error:
        message = error.getMessageParameters()["msg"].split("\n")
        answers["raised"] = [error.getCondition(), message[0], message[-1]]
    for text in ("wrong(1)", "wrong()", "wrong(1, 2)", "wrong(b => 1)", "wrong(sum(1))"):
        answers[text] = failure(lambda text=text: spark.sql(f"SELECT * FROM {text}"))
    answers["in an expression"] = failure(lambda: spark.sql("SELECT wrong(1)"))
    return answers


def case_keys_of_both_sides(spark, tmp):
    df = spark.createDataFrame([(1, "a"), (2, "b")], "k int, s string")
    both = df.groupBy("k").cogroup(df.groupBy("k", "s")).applyInPandas(lambda a, b: a[["k"]], "k int")
    return failure(lambda: both)


def case_classes_of_java(spark, tmp):
    return failure(lambda: spark.udf.registerJavaFunction("j", "a.b.C"))
