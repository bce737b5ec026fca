import sys
from pyspark.sql import SparkSession, Row
from pyspark.sql.functions import udtf, lit, col, SkipRestOfInputTableException, AnalyzeArgument, AnalyzeResult, PartitioningColumn, OrderingColumn
from pyspark.sql.types import *
spark = SparkSession.builder.master("local[2]").getOrCreate()
@udtf(returnType="num: int, squared: int")
class SquareNumbers:
    def eval(self, start: int, end: int):
        for num in range(start, end + 1):
            yield (num, num * num)
SquareNumbers(lit(1), lit(3)).show()
spark.udtf.register("square_numbers", SquareNumbers)
spark.sql("SELECT * FROM square_numbers(2, 3)").show()
spark.sql("SELECT x, num FROM VALUES (1), (3) t(x), LATERAL square_numbers(x, x + 1) ORDER BY x, num").show()
@udtf(returnType="word: string")
class WordSplitter:
    def eval(self, text: str):
        for word in (text or "").split(" "):
            yield (word.strip(),)
spark.udtf.register("split_words", WordSplitter)
spark.sql("SELECT word, count(*) n FROM VALUES ('a b a'), (NULL) t(s), LATERAL split_words(s) GROUP BY word ORDER BY word").show()
class CountPerGroup:
    def __init__(self):
        self.count = 0
        self.key = None
    def eval(self, row: Row):
        self.key = row["dept"]
        self.count += 1
    def terminate(self):
        yield self.key, self.count
spark.udtf.register("count_rows", udtf(CountPerGroup, returnType="dept: string, n: int"))
emp = spark.read.csv(sys.argv[1] + "/employees.csv", header=True, inferSchema=True)
emp.createOrReplaceTempView("emp")
spark.sql("SELECT * FROM count_rows(TABLE(emp) PARTITION BY dept ORDER BY id) ORDER BY dept").show()
class Pick:
    @staticmethod
    def analyze(table: AnalyzeArgument, column: AnalyzeArgument) -> AnalyzeResult:
        field = [f for f in table.dataType.fields if f.name == column.value]
        if not field:
            raise ValueError("no column " + str(column.value))
        return AnalyzeResult(StructType(field), partitionBy=[PartitioningColumn("dept")], orderBy=[OrderingColumn("salary", ascending=False)])
    def __init__(self):
        self.first = True
    def eval(self, row, column):
        if self.first:
            self.first = False
            yield (row[column],)
        else:
            raise SkipRestOfInputTableException("enough")
spark.udtf.register("pick", udtf(Pick))
spark.sql("SELECT * FROM pick(TABLE(emp), 'salary') ORDER BY 1").show()
try:
    spark.sql("SELECT * FROM pick(TABLE(emp), 'nope')").show()
except Exception as e:
    print(type(e).__name__, "no column nope" in str(e))
@udtf(returnType="a: int")
class Wrong:
    def eval(self, x: int):
        yield (x, x)
try:
    Wrong(lit(1)).collect()
except Exception as e:
    print(type(e).__name__, "UDTF_RETURN_SCHEMA_MISMATCH" in str(e))
@udtf(returnType="a: int", useArrow=True)
class Arrowed:
    def eval(self, x: int):
        yield x,
        yield None,
print(Arrowed(lit(4)).collect())
class Kw:
    def eval(self, *args, **kwargs):
        yield str(args), str(sorted(kwargs.items()))
spark.udtf.register("kw", udtf(Kw, returnType="a: string, k: string"))
spark.sql("SELECT * FROM kw(1, 'x', b => 2, c => 3)").show(truncate=False)
spark.stop()
