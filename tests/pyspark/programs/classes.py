import sys
from pyspark.sql import SparkSession
from collections import namedtuple, defaultdict, Counter, OrderedDict
from dataclasses import dataclass
import datetime, decimal, enum
spark = SparkSession.builder.master("local[2]").getOrCreate()
sc = spark.sparkContext
class Point:
    scale = 2
    def __init__(self, x, y):
        self.x, self.y = x, y
    def norm(self):
        return (self.x ** 2 + self.y ** 2) ** 0.5 * Point.scale
    def __eq__(self, o):
        return (self.x, self.y) == (o.x, o.y)
    def __hash__(self):
        return hash((self.x, self.y))
    def __repr__(self):
        return "P(%s,%s)" % (self.x, self.y)
    @staticmethod
    def make(t):
        return Point(*t)
T = namedtuple("T", "a b")
@dataclass(frozen=True)
class DC:
    a: int
    b: str = "z"
class Color(enum.Enum):
    RED = 1
    BLUE = 2
ps = sc.parallelize([(3, 4), (1, 1), (3, 4)], 2).map(Point.make)
print(ps.collect(), ps.map(Point.norm).collect(), ps.distinct().count())
print(sc.parallelize([T(1, "x"), T(2, "y")]).map(lambda t: t._replace(a=t.a * 10)).collect())
print(sc.parallelize([DC(1), DC(2, "q")]).map(lambda d: (d.b, d)).collect())
print(sc.parallelize([1, 2, 3]).map(lambda x: Color.RED if x % 2 else Color.BLUE).map(lambda c: c.name).countByValue())
print(sc.parallelize([T(1, "x"), T(2, "y")]).toDF().collect())
print(sc.parallelize([1, 1, 2]).map(lambda x: Counter({x: 1})).reduce(lambda a, b: a + b))
dd = sc.parallelize([("a", 1), ("b", 2), ("a", 3)]).aggregate(defaultdict(int), lambda d, kv: (d.__setitem__(kv[0], d[kv[0]] + kv[1]), d)[1], lambda a, b: ([a.__setitem__(k, a[k] + v) for k, v in b.items()], a)[1])
print(sorted(dd.items()))
print(sc.parallelize([datetime.date(2024, 1, 31), datetime.date(2023, 5, 1)]).map(lambda d: d + datetime.timedelta(days=1)).sortBy(lambda d: d).collect())
print(sc.parallelize([decimal.Decimal("1.10"), decimal.Decimal("2.2")]).sum(), sc.parallelize([1 + 2j, 3j]).reduce(lambda a, b: a * b))
def fib():
    memo = {}
    def f(n):
        if n < 2:
            return n
        if n not in memo:
            memo[n] = f(n - 1) + f(n - 2)
        return memo[n]
    return f
print(sc.parallelize(range(10)).map(fib()).collect())
gen = (i * i for i in range(5))
print(sc.parallelize(gen, 2).collect(), sc.parallelize({3: 1, 4: 2}).collect(), sorted(sc.parallelize({1, 2}).collect()), sc.parallelize(iter("ab")).collect())
print(sc.parallelize(["é", "日本", "\x00a", ""]).map(len).collect(), sc.parallelize([b"\xff\x00", None, True, 1.5, float("inf")]).collect())
spark.stop()
