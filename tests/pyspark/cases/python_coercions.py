"""What functions in Python give that is not what was declared: values of other types, too many rows, no frames at all."""

import datetime
import decimal
from typing import Any, Iterator, Tuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.errors import PythonException
from pyspark.sql import functions as F
from pyspark.sql.functions import arrow_udf, pandas_udf, udtf
from pyspark.sql.types import LongType
from support.cases import failure

SERIES = {
    "long": pd.Series([1, 2]), "double": pd.Series([1.5, float("nan")]), "whole": pd.Series([1.0, 2.0]), "text": pd.Series(["1", "x"]),
    "boolean": pd.Series([True, False]), "none": pd.Series([None, None]), "mixed": pd.Series([1, "x"]), "nullable": pd.Series([1, None], dtype="Int64"),
    "time": pd.Series([pd.Timestamp("2020-01-02 03:04:05.678901234"), pd.NaT]), "zoned": pd.Series([pd.Timestamp("2020-01-02", tz="Asia/Tokyo")] * 2),
    "date": pd.Series([datetime.date(2020, 1, 2), None]), "delta": pd.Series([pd.Timedelta(days=1), pd.NaT]), "bytes": pd.Series([b"a", None]),
    "decimal": pd.Series([decimal.Decimal("1.25"), None]), "category": pd.Series(["a", "b"], dtype="category"), "list": pd.Series([[1, 2], None]),
    "arrays": pd.Series([np.array([1.0, 2.0]), np.array([])]), "dicts": pd.Series([{"a": 1}, None]), "large": pd.Series([2**40, 1]), "unsigned": pd.Series([1, 255], dtype="uint8"),
}
TYPES = ["int", "bigint", "double", "string", "boolean", "date", "timestamp", "timestamp_ntz", "binary", "decimal(5,1)", "interval day to second", "array<int>", "map<string,int>", "tinyint"]


def two(spark):
    return spark.range(0, 2, 1, 1)


def told(action):
    """How an action fails; of what a function raises the last line alone, since those before it name lines of PySpark."""
    raised = []

    def noting():
        try:
            result = action()
            return result.collect() if hasattr(result, "collect") else result
        except PythonException as error:
            raised.extend(line.strip() for line in str(error).split("\n") if line.strip() and "SQLSTATE" not in line)
            raise

    answer = failure(noting)
    return {"raised": raised[-1]} if raised else answer


def case_pandas_types(spark, tmp):
    def given(series, kind):
        return told(lambda: two(spark).select(pandas_udf(lambda _: series, kind)("id")))

    return {kind: {name: given(series, kind) for name, series in SERIES.items()} for kind in TYPES}


def case_arrow_types(spark, tmp):
    arrays = {
        "long": pa.array([1, 2]), "int": pa.array([1, 2], pa.int32()), "double": pa.array([1.5, None]), "text": pa.array(["1", "x"]), "large text": pa.array(["1", None], pa.large_string()),
        "boolean": pa.array([True, None]), "null": pa.nulls(2), "date": pa.array([datetime.date(2020, 1, 2), None]), "seconds": pa.array([1, 2], pa.timestamp("s")),
        "nanos": pa.array([1, 2001], pa.timestamp("ns", "UTC")), "decimal": pa.array([decimal.Decimal("1.25"), None]), "list": pa.array([[1], None]), "view": pa.array(["a", None], pa.string_view()),
        "dictionary": pa.array(["a", "b"]).dictionary_encode(), "chunked": pa.chunked_array([[1], [2]]), "scalar": pa.scalar(1), "list of python": [1, 2], "series": pd.Series([1, 2]),
    }

    def given(array, kind):
        return told(lambda: two(spark).select(arrow_udf(lambda _: array, kind)("id")))

    return {kind: {name: given(array, kind) for name, array in arrays.items()} for kind in ("bigint", "int", "string", "timestamp", "decimal(5,1)", "array<int>", "boolean")}


def case_lengths(spark, tmp):
    @pandas_udf("long")
    def reads_on(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for batch in batches:
            yield batch
            yield batch

    @pandas_udf("long")
    def stops(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        yield next(batches).head(1)

    @pandas_udf("long")
    def leaves_some(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        yield pd.Series([1, 2])

    @pandas_udf("long")
    def gives_none(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for batch in batches:
            yield None

    @pandas_udf("long")
    def gives_a_list(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        return [batch for batch in batches]

    @pandas_udf("long")
    def several(batches: Iterator[Tuple[pd.Series, pd.Series]]) -> Iterator[pd.Series]:
        for a, b in batches:
            yield a + b

    @pandas_udf("long")
    def no_iterator(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        return 5

    @arrow_udf("long")
    def arrays(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        for batch in batches:
            yield batch.slice(1)

    rows = two(spark)
    answers = {one.__name__: told(lambda one=one: rows.select(one("id"))) for one in (reads_on, stops, leaves_some, gives_none, gives_a_list, no_iterator, arrays)}
    answers["several"] = rows.select(several("id", "id"))
    for name, result in {"shorter": pd.Series([1]), "longer": pd.Series([1, 2, 3]), "number": 3, "text": "ab", "none": None, "frame": pd.DataFrame({"a": [1, 2]}), "array": np.array([1, 2]), "list": [1, 2], "tuple": (1, 2)}.items():
        answers[name] = told(lambda result=result: rows.select(pandas_udf(lambda _: result, "long")("id")))
    for name, result in {"shorter": pa.array([1]), "number": 3, "none": None, "table": pa.table({"a": [1, 2]})}.items():
        answers["arrow " + name] = told(lambda result=result: rows.select(arrow_udf(lambda _: result, "long")("id")))
    return answers


def case_structs(spark, tmp):
    frames = {
        "right": pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), "swapped": pd.DataFrame({"b": ["x", "y"], "a": [1, 2]}), "numbered": pd.DataFrame([[1, "x"], [2, "y"]]),
        "missing": pd.DataFrame({"a": [1, 2]}), "more": pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [1, 1]}), "other": pd.DataFrame({"a": [1, 2], "z": ["x", "y"]}),
        "types": pd.DataFrame({"a": ["p", "q"], "b": [1, 2]}), "series": pd.Series([1, 2]), "dicts": pd.Series([{"a": 1, "b": "x"}, None]),
    }
    return {name: told(lambda frame=frame: two(spark).select(pandas_udf(lambda _: frame, "a int, b string")("id").alias("s"))) for name, frame in frames.items()}


def case_map_in_pandas(spark, tmp):
    def each(value):
        def function(batches):
            for _ in batches:
                yield value

        return function

    frames = {
        "right": pd.DataFrame({"a": [1], "b": ["x"]}), "swapped": pd.DataFrame({"b": ["x"], "a": [1]}), "missing": pd.DataFrame({"a": [1]}), "more": pd.DataFrame({"a": [1], "b": ["x"], "c": [2]}),
        "numbered": pd.DataFrame([[1, "x"]]), "empty": pd.DataFrame(), "no rows": pd.DataFrame({"a": [], "b": []}), "types": pd.DataFrame({"a": ["x"], "b": [1]}), "nothing": pd.DataFrame({"a": [None], "b": [None]}),
        "series": pd.Series([1]), "none": None, "number": 1, "floats": pd.DataFrame({"a": [1.0], "b": ["x"]}), "fractions": pd.DataFrame({"a": [1.5], "b": ["x"]}), "nan": pd.DataFrame({"a": [1.0, float("nan")], "b": ["x", "y"]}),
    }
    answers = {name: told(lambda frame=frame: two(spark).mapInPandas(each(frame), "a long, b string")) for name, frame in frames.items()}
    answers["no iterator"] = told(lambda: two(spark).mapInPandas(lambda batches: 5, "a long"))
    answers["list"] = told(lambda: two(spark).mapInPandas(lambda batches: [pd.DataFrame({"a": [1]})], "a long"))
    answers["schema"] = told(lambda: two(spark).mapInPandas(lambda batches: batches, "a nonsense"))
    answers["not a schema"] = told(lambda: two(spark).mapInPandas(lambda batches: batches, LongType()))
    answers["two arguments"] = told(lambda: two(spark).mapInPandas(lambda a, b: a, "a long"))
    spark.conf.set("spark.sql.legacy.execution.pandas.groupedMap.assignColumnsByName", "false")
    answers["by position"] = {name: told(lambda frame=frame: two(spark).mapInPandas(each(frame), "a long, b string")) for name, frame in list(frames.items())[:5]}
    spark.conf.set("spark.sql.execution.pandas.convertToArrowArraySafely", "true")
    answers["safely"] = {name: told(lambda frame=frame: two(spark).mapInPandas(each(frame), "a long, b string")) for name, frame in list(frames.items())[-3:]}
    return answers


def case_map_in_arrow(spark, tmp):
    def each(value):
        def function(batches):
            for _ in batches:
                yield value

        return function

    batch = pa.RecordBatch.from_pydict
    values = {
        "right": batch({"a": [1], "b": ["x"]}), "more": batch({"a": [1], "b": ["x"], "c": [1]}),
        "large": batch({"a": [1], "b": pa.array(["x"], pa.large_string())}), "table": pa.table({"a": [1], "b": ["x"]}), "frame": pd.DataFrame({"a": [1]}), "none": None,
        "nulls": batch({"a": pa.nulls(1), "b": pa.nulls(1)}), "no rows": batch({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}),
    }
    answers = {name: told(lambda value=value: two(spark).mapInArrow(each(value), "a long, b string")) for name, value in values.items()}
    answers["no iterator"] = told(lambda: two(spark).mapInArrow(lambda batches: 5, "a long"))
    return answers


def case_groups(spark, tmp):
    rows = spark.range(4).select((F.col("id") % 2).alias("k"), "id")
    frames = {"missing": pd.DataFrame({"k": [1]}), "other": pd.DataFrame({"k": [1], "z": [1]}), "more": pd.DataFrame({"k": [1], "id": [1], "z": [1]}), "types": pd.DataFrame({"k": ["x"], "id": [1]}), "numbered": pd.DataFrame([[1, 2]]),
              "few": pd.DataFrame([[1]]), "empty": pd.DataFrame(), "none": None, "series": pd.Series([1]), "number": 7, "nothing": pd.DataFrame({"k": [], "id": []})}
    tables = {"missing": pa.table({"k": [1]}), "other": pa.table({"k": [1], "z": [1]}), "more": pa.table({"k": [1], "id": [1], "z": [1]}), "swapped": pa.table({"id": [1], "k": [2]}), "types": pa.table({"k": ["x"], "id": [1]}), "none": None, "batch": pa.RecordBatch.from_pydict({"k": [1], "id": [1]})}
    answers = {"pandas": {name: told(lambda frame=frame: rows.groupBy("k").applyInPandas(lambda g: frame, "k long, id long")) for name, frame in frames.items()}}
    answers["arrow"] = {name: told(lambda table=table: rows.groupBy("k").applyInArrow(lambda g: table, "k long, id long")) for name, table in tables.items()}
    answers["cogroup"] = {name: told(lambda frame=frame: rows.groupBy("k").cogroup(rows.groupBy("k")).applyInPandas(lambda a, b: frame, "k long, id long")) for name, frame in frames.items()}
    answers["arguments"] = {
        "none": told(lambda: rows.groupBy("k").applyInPandas(lambda: None, "k long")), "three": told(lambda: rows.groupBy("k").applyInPandas(lambda a, b, c: a, "k long")),
        "cogroup one": told(lambda: rows.groupBy("k").cogroup(rows.groupBy("k")).applyInPandas(lambda a: a, "k long")), "key": told(lambda: rows.groupBy("k").applyInPandas(lambda key, g: pd.DataFrame({"k": [key[0]], "n": [len(g)]}), "k long, n long").orderBy("k")),
        "nothing to group by": told(lambda: rows.groupBy().applyInPandas(lambda g: pd.DataFrame({"n": [len(g)]}), "n long")), "two keys and one": told(lambda: rows.groupBy("k", "id").cogroup(rows.groupBy("k")).applyInPandas(lambda a, b: a, "k long, id long")),
        "raises": told(lambda: rows.groupBy("k").applyInPandas(lambda g: 1 / 0, "k long")), "a scalar function": told(lambda: rows.groupBy("k").apply(pandas_udf(lambda v: v, "long"))), "no function": told(lambda: rows.groupBy("k").apply(lambda g: g)),
    }
    return answers


def case_aggregates(spark, tmp):
    rows = spark.range(4).select((F.col("id") % 2).alias("k"), "id")

    def made(value, kind):
        @pandas_udf(kind)
        def of(v: pd.Series) -> Any:
            return value

        @pandas_udf(kind)
        def scalar(v: pd.Series) -> float:
            return value

        return scalar

    values = {"none": None, "float": 1.5, "numpy": np.float32(1.5), "text": "x", "nan": float("nan"), "list": [1, 2], "array": np.array([1, 2]), "series": pd.Series([1]), "time": pd.Timestamp("2020-01-02"), "decimal": decimal.Decimal("1.5"), "bool": True, "dict": {"a": 1}, "int": 7}
    answers = {kind: {name: told(lambda value=value, kind=kind: rows.groupBy("k").agg(made(value, kind)("id").alias("m"))) for name, value in values.items()} for kind in ("double", "string", "array<int>", "bigint", "timestamp")}
    summed = made(1.0, "double")
    answers["mixed"] = told(lambda: rows.groupBy("k").agg(summed("id"), F.sum("id")))
    answers["with a plain one"] = told(lambda: rows.groupBy("k").agg(F.udf(lambda x: x, "long")("id")))
    answers["of a plain one"] = told(lambda: rows.groupBy("k").agg(summed(F.udf(lambda x: x, "long")("id")).alias("m")))
    answers["inside"] = told(lambda: rows.groupBy("k").agg((summed("id") + 1).alias("m")))
    answers["nested"] = told(lambda: rows.groupBy("k").agg(summed(summed("id"))))
    answers["in select"] = told(lambda: rows.select(summed("id").alias("m")))
    answers["having"] = told(lambda: rows.groupBy("k").agg(summed("id").alias("m")).filter("m > 0").select("m"))
    answers["distinct"] = told(lambda: spark.udf.register("summed", summed) and spark.sql("SELECT summed(DISTINCT id) FROM range(3)"))
    answers["filter clause"] = told(lambda: spark.sql("SELECT summed(id) FILTER (WHERE id > 1) FROM range(3)"))
    answers["pivot"] = told(lambda: rows.groupBy("k").pivot("id").agg(summed("id")))
    return answers


def case_declared(spark, tmp):
    """What is refused before anything runs."""
    def hinted(**hints):
        def function(a):
            return a

        function.__annotations__ = hints
        return lambda: pandas_udf(function, "long") and None

    return {
        "type": told(lambda: F.udf(lambda x: x, "nonsense")("id")), "type of pandas": told(lambda: pandas_udf(lambda x: x, "nonsense")), "no type": told(lambda: pandas_udf(lambda x: x)), "number": told(lambda: F.udf(lambda x: x, 5)("id")),
        "no function": told(lambda: F.udf(5, "int")("id")), "no function in pandas": told(lambda: pandas_udf(5, "int")), "no arguments": told(lambda: pandas_udf(lambda: 1, "int")), "kind": told(lambda: pandas_udf(lambda x: x, "int", 99)),
        "hints": told(hinted(a=int, **{"return": int})), "half hints": told(hinted(a=pd.Series)), "frames": told(hinted(a=pd.Series, **{"return": pd.DataFrame})), "list": told(hinted(a=list, **{"return": pd.Series})), "grouped": told(lambda: pandas_udf(lambda x: x, "int", 201)),
        "void": told(lambda: two(spark).select(F.udf(lambda x: None, "void")("id"))), "void of pandas": told(lambda: two(spark).select(pandas_udf(lambda x: x, "void")("id"))), "variant": told(lambda: two(spark).select(pandas_udf(lambda x: x, "variant")("id"))),
        "interval": told(lambda: two(spark).select(pandas_udf(lambda x: x, "interval year to month")("id"))), "interval without arrow": told(lambda: two(spark).select(F.udf(lambda x: 1, "interval month", useArrow=False)("id"))),
        "registered": told(lambda: spark.udf.register("f", 5)), "registered twice typed": told(lambda: spark.udf.register("f", F.udf(lambda x: x, "int"), "int")), "name": told(lambda: spark.udf.register("a b", lambda x: x) is not None and spark.sql("SELECT `a b`(1)")),
        "number of arguments": told(lambda: two(spark).select(F.udf(lambda a, b: a, "long")("id"))), "missing column": told(lambda: two(spark).select(F.udf(lambda a: a, "long")("nope"))), "java": told(lambda: spark.udf.registerJavaFunction("j", "no.Such", "int")),
        "in where": two(spark).filter(F.udf(lambda x: x == 1, "boolean")("id")), "not boolean": told(lambda: two(spark).filter(F.udf(lambda x: 1, "int")("id"))), "in group": two(spark).groupBy(F.udf(lambda x: x % 2, "long")("id").alias("k")).count(),
        "pandas and plain": two(spark).select(pandas_udf(lambda x: x + 1, "long")(F.udf(lambda x: x * 10, "long")("id")).alias("a"), F.udf(lambda x: x * 10, "long")(pandas_udf(lambda x: x + 1, "long")("id")).alias("b")),
        "in join": two(spark).alias("a").join(two(spark).alias("b"), F.udf(lambda x, y: x == y, "boolean")("a.id", "b.id")), "in higher order": told(lambda: two(spark).select(F.transform(F.array("id"), lambda x: F.udf(lambda v: v + 1, "long")(x)).alias("t"))),
        "in generator": two(spark).select(F.explode(F.udf(lambda x: [x, x + 1], "array<long>")("id"))), "in sort": two(spark).orderBy(F.udf(lambda x: -x, "long")("id")).limit(1), "in window": told(lambda: two(spark).select(F.udf(lambda x: x, "long")("id").over(__import__("pyspark").sql.Window.partitionBy("id")))),
        "partition": two(spark).repartition(1, F.udf(lambda x: x, "long")("id")).count(), "in update": told(lambda: two(spark).withColumn("id", F.udf(lambda x: x, "string")("id")).select(F.concat("id", F.lit("!")).alias("t"))),
    }


def case_table_types(spark, tmp):
    def of(value, kind, arrow):
        class Gives:
            def eval(self):
                yield value,

        return told(lambda: udtf(Gives, returnType=f"a: {kind}", useArrow=arrow)())

    values = {"int": 1, "text": "x", "float": 1.5, "none": None, "list": [1], "dict": {"a": 1}, "date": datetime.date(2020, 1, 2), "time": datetime.datetime(2020, 1, 2), "bytes": b"x", "bool": True, "decimal": decimal.Decimal("1.5"), "tuple": (1, "x"), "large": 2**40}
    # Without Arrow, what is no text comes as the text of a Java object, some with its address.
    texts = {name: values[name] for name in ("int", "text", "float", "none", "bool", "decimal", "large")}
    kinds = ["int", "string", "double", "boolean", "array<int>", "map<string,int>", "struct<a:int,b:string>", "date", "decimal(5,1)", "binary"]
    return {("arrow " if arrow else "plain ") + kind: {name: of(value, kind, arrow) for name, value in (values if arrow or kind != "string" else texts).items()} for kind in kinds for arrow in (False, True)}


def case_table_rows(spark, tmp):
    def of(yielded, arrow, kind="a: int, b: string"):
        class Gives:
            def eval(self):
                return yielded

        return told(lambda: udtf(Gives, returnType=kind, useArrow=arrow)())

    rows = {"tuple": [(1, "x")], "list": [[1, "x"]], "dict": [{"a": 1, "b": "x"}], "row": [__import__("pyspark").sql.Row(b="x", a=1)], "short": [(1,)], "long": [(1, "x", 2)], "number": [5], "text": ["ab"], "none": None, "no iterator": 5, "none inside": [None], "empty": []}
    return {str(arrow): {name: of(yielded, arrow) for name, yielded in rows.items()} for arrow in (False, True)} | {"one column": of([5], False, "a: int"), "one column in arrow": of([5], True, "a: int")}


def case_arrow_of_other_types(spark, tmp):
    """Columns of `mapInArrow` that are not of the declared types, or not there."""
    batch = pa.RecordBatch.from_pydict
    values = {"swapped": batch({"b": ["x"], "a": [1]}), "types": batch({"a": ["x"], "b": [1]}), "narrow": batch({"a": pa.array([1], pa.int32()), "b": ["x"]})}
    return {name: told(lambda value=value: two(spark).mapInArrow(lambda batches: (value for _ in batches), "a long, b string")) for name, value in values.items()}
