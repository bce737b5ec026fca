import sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import udtf, lit, col
spark = SparkSession.builder.master("local[2]").getOrCreate()
@udtf(returnType="num: int, squared: int")
class SquareNumbers:
    def eval(self, start: int, end: int):
        for num in range(start, end + 1):
            yield (num, num * num)
SquareNumbers(lit(1), lit(3)).show()
spark.udtf.register("sq", SquareNumbers)
spark.sql("select * from sq(2, 4)").show()
spark.createDataFrame([(1, 2), (3, 4)], ["a", "b"]).createOrReplaceTempView("t")
spark.sql("select a, num, squared from t, lateral sq(a, b) order by a, num").show()
@udtf(returnType="word: string")
class Split:
    def __init__(self):
        self.n = 0
    def eval(self, text):
        for w in text.split():
            self.n += 1
            yield w,
    def terminate(self):
        yield "total=%d" % self.n,
spark.udtf.register("split_words", Split)
spark.sql("select * from split_words('hello big world')").show()
spark.createDataFrame([(1, "a b"), (2, "c")], ["id", "txt"]).createOrReplaceTempView("v")
spark.sql("select id, word from v, lateral split_words(txt) order by id, word").show()
from pyspark.sql.udtf import AnalyzeResult, AnalyzeArgument
from pyspark.sql.types import StructType, IntegerType
class Dyn:
    @staticmethod
    def analyze(n: AnalyzeArgument) -> AnalyzeResult:
        s = StructType()
        for i in range(n.value):
            s = s.add("c%d" % i, IntegerType())
        return AnalyzeResult(s)
    def eval(self, n):
        yield tuple(range(n))
spark.udtf.register("dyn", udtf(Dyn))
spark.sql("select * from dyn(3)").show()
class Cnt:
    def __init__(self):
        self.c = 0
    def eval(self, row):
        self.c += row["a"]
    def terminate(self):
        yield self.c,
spark.udtf.register("cnt", udtf(Cnt, returnType="total: int"))
spark.sql("select * from cnt(TABLE(t) PARTITION BY b ORDER BY a)").orderBy("total").show()
spark.sql("select * from cnt(TABLE(select * from t) WITH SINGLE PARTITION)").show()
try:
    SquareNumbers(lit(1)).show()
except Exception as e:
    print(type(e).__name__, "missing 1 required positional argument" in str(e))
spark.stop()
