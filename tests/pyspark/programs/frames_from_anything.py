"""createDataFrame from all that people hand to it: dicts, rows, named tuples, dataclasses, pandas, numpy, generators, schema texts."""
import array
import collections
import dataclasses
import datetime as dt
import decimal
import sys
from typing import NamedTuple, Optional

import numpy as np
import pandas as pd
from pyspark.sql import Row, SparkSession
from pyspark.sql.types import *

spark = SparkSession.builder.master("local[2]").appName("anything").getOrCreate()
sc = spark.sparkContext


def tell(title, make):
    try:
        df = make()
        print(title, "|", df.schema.simpleString(), "|", [f.nullable for f in df.schema.fields], "|", df.collect())
    except Exception as error:
        print(title, "|", type(error).__name__, "|", str(error).split("\n")[0][:200])


@dataclasses.dataclass
class Point:
    x: int
    y: float
    label: Optional[str] = None


class Pair(NamedTuple):
    left: str
    right: int


Nt = collections.namedtuple("Nt", "b a")
Person = Row("name", "age")
tell("tuples", lambda: spark.createDataFrame([(1, "a"), (2, None)]))
tell("names", lambda: spark.createDataFrame([(1, "a"), (2, None)], ["id", "t"]))
tell("too few names", lambda: spark.createDataFrame([(1, "a", 2.5)], ["id"]))
tell("too many names", lambda: spark.createDataFrame([(1, "a")], ["id", "t", "u"]))
tell("ddl", lambda: spark.createDataFrame([(1, "a"), (2, None)], "id long, t string"))
tell("ddl colons", lambda: spark.createDataFrame([(1, "a")], "id: int, t: string"))
tell("ddl not null", lambda: spark.createDataFrame([(1, "a")], "id int not null, t string comment 'x'"))
tell("one type", lambda: spark.createDataFrame([1, 2], "int"))
tell("one type object", lambda: spark.createDataFrame([1.5, None], DoubleType()))
tell("one string", lambda: spark.createDataFrame(["a", "b"], StringType()))
tell("array type", lambda: spark.createDataFrame([[1, 2], [3]], ArrayType(IntegerType())))
tell("plain scalars", lambda: spark.createDataFrame([1, 2]))
tell("dicts", lambda: spark.createDataFrame([{"b": 1, "a": "x"}, {"a": "y", "c": 2.0}]))
tell("dicts with schema", lambda: spark.createDataFrame([{"b": 1, "a": "x"}, {"a": "y"}], "a string, b int, z date"))
tell("rows", lambda: spark.createDataFrame([Row(b=1, a="x"), Row(b=2, a=None)]))
tell("row class", lambda: spark.createDataFrame([Person("Ann", 3), Person("Bob", None)]))
tell("named tuples", lambda: spark.createDataFrame([Nt(1, 2), Nt(3, 4)]))
tell("typed tuples", lambda: spark.createDataFrame([Pair("l", 1)]))
tell("dataclasses", lambda: spark.createDataFrame([Point(1, 2.0, "p"), Point(2, 3.0)]))
tell("dataclasses as dicts", lambda: spark.createDataFrame([dataclasses.asdict(Point(1, 2.0, "p"))]))
tell("dataclass schema", lambda: spark.createDataFrame([dataclasses.astuple(Point(1, 2.0, "p"))], ["x", "y", "l"]))
tell("lists", lambda: spark.createDataFrame([[1, [1, 2]], [2, []]], ["k", "v"]))
tell("zip", lambda: spark.createDataFrame(zip([1, 2], ["a", "b"]), ["n", "s"]))
tell("generator", lambda: spark.createDataFrame(((i, i * i) for i in range(3)), ["n", "sq"]))
tell("dict items", lambda: spark.createDataFrame({"a": 1, "b": 2}.items(), ["k", "v"]))
tell("counter", lambda: spark.createDataFrame(sorted(collections.Counter("hello").items()), ["ch", "n"]))
tell("maps", lambda: spark.createDataFrame([(1, {"a": 1, "b": None})], ["id", "m"]))
tell("nested rows", lambda: spark.createDataFrame([Row(id=1, inner=Row(a=1, b=[Row(c="x")]))]))
tell("nested dict as struct", lambda: spark.createDataFrame([(1, {"a": 1, "b": "t"})], "id int, s struct<a: int, b: string>"))
tell("nested tuple as struct", lambda: spark.createDataFrame([(1, (2, "t"))], "id int, s struct<a: int, b: string>"))
tell("inferred tuple", lambda: spark.createDataFrame([(1, (2, "t"))], ["id", "s"]))
tell("times", lambda: spark.createDataFrame([(dt.date(2020, 1, 2), dt.datetime(2020, 1, 2, 3, 4), dt.timedelta(hours=1))], ["d", "t", "i"]))
tell("decimals", lambda: spark.createDataFrame([(decimal.Decimal("1.5"),), (decimal.Decimal("1e3"),)], ["d"]))
tell("decimal ddl", lambda: spark.createDataFrame([(decimal.Decimal("1.555"),)], "d decimal(5,2)"))
tell("bytes", lambda: spark.createDataFrame([(b"ab", bytearray(b"cd"))], ["x", "y"]))
tell("array.array", lambda: spark.createDataFrame([Row(f=array.array("f", [1.5]), i=array.array("i", [1]))]))
tell("big int", lambda: spark.createDataFrame([(2 ** 40,)], ["n"]))
tell("mixed", lambda: spark.createDataFrame([(1,), ("a",)], ["n"]))
tell("int and float", lambda: spark.createDataFrame([(1,), (2.5,)], ["n"]))
tell("float in int", lambda: spark.createDataFrame([(1.5,)], "n int"))
tell("int in float", lambda: spark.createDataFrame([(1,)], "n double"))
tell("int in string", lambda: spark.createDataFrame([(1,), (True,)], "n string"))
tell("out of byte", lambda: spark.createDataFrame([(300,)], "n tinyint"))
tell("null in not null", lambda: spark.createDataFrame([(None,)], StructType([StructField("n", IntegerType(), False)])))
tell("unverified", lambda: spark.createDataFrame([(1, "x")], "a int, b string", verifySchema=False))
tell("length", lambda: spark.createDataFrame([(1, 2)], "a int"))
tell("all none", lambda: spark.createDataFrame([(None, 1)], ["a", "b"]))
tell("none then", lambda: spark.createDataFrame([(None, 1), ("x", 2)], ["a", "b"]))
tell("empty", lambda: spark.createDataFrame([], ["a"]))
tell("empty with schema", lambda: spark.createDataFrame([], "a int"))
tell("empty struct", lambda: spark.createDataFrame([], StructType([])))
tell("rdd", lambda: spark.createDataFrame(sc.parallelize([(1, "a")]), ["x", "y"]))
tell("rdd toDF", lambda: sc.parallelize([Row(x=1, y="a"), Row(x=2, y="b")]).toDF())
tell("rdd toDF ddl", lambda: sc.parallelize([(1, "a")]).toDF("x int, y string"))
tell("rdd ratio", lambda: sc.parallelize([(None, 1), ("x", 2)]).toDF(["a", "b"], 1.0))
tell("empty rdd", lambda: spark.createDataFrame(sc.emptyRDD(), "a int"))
tell("empty rdd no schema", lambda: sc.emptyRDD().toDF())
pdf = pd.DataFrame({"i": [1, 2], "f": [1.5, np.nan], "s": ["a", None], "t": pd.to_datetime(["2024-01-01", None]), "b": [True, False], "c": pd.Categorical(["x", "y"]), "I": pd.array([1, None], dtype="Int64"), "l": [[1], [2, 3]]})
tell("pandas", lambda: spark.createDataFrame(pdf))
tell("pandas names", lambda: spark.createDataFrame(pdf[["i", "s"]], ["n", "m"]))
tell("pandas ddl", lambda: spark.createDataFrame(pdf[["i", "s"]], "i double, s string"))
tell("pandas index", lambda: spark.createDataFrame(pdf[["i"]].set_index(pd.Index([5, 6]))))
tell("pandas dict", lambda: spark.createDataFrame(pd.DataFrame([{"a": 1}, {"b": 2}])))
tell("pandas empty", lambda: spark.createDataFrame(pd.DataFrame({"a": []})))
tell("numpy", lambda: spark.createDataFrame(np.array([[1, 2], [3, 4]])))
tell("numpy names", lambda: spark.createDataFrame(np.arange(3.0).reshape(3, 1), ["v"]))
tell("numpy one dim", lambda: spark.createDataFrame(np.array([1, 2], dtype="int16")))
tell("numpy values", lambda: spark.createDataFrame([(np.int64(1), np.float32(2.5), np.bool_(True), np.str_("s"))], ["i", "f", "b", "s"]))
tell("numpy rows", lambda: spark.createDataFrame([(int(x), float(y)) for x, y in np.eye(2)], ["a", "b"]))
tell("pandas Timestamp", lambda: spark.createDataFrame([(pd.Timestamp("2024-01-01 12:00"),)], ["t"]))
tell("not a list", lambda: spark.createDataFrame(5))
tell("a string", lambda: spark.createDataFrame("abc"))
tell("a frame", lambda: spark.createDataFrame(spark.range(2)))
tell("bad schema", lambda: spark.createDataFrame([(1,)], 5))
tell("bad ddl", lambda: spark.createDataFrame([(1,)], "a notatype"))
tell("toDF", lambda: spark.range(2).toDF("n"))
tell("duplicate names", lambda: spark.createDataFrame([(1, 2)], ["a", "a"]))
tell("struct names", lambda: spark.createDataFrame([(1, 2)], StructType().add("a", "long").add("b", LongType(), False, {"k": 1})))
spark.stop()
