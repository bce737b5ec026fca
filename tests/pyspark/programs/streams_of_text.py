import sys
from pyspark import SparkContext
sc = SparkContext("local[2]", "pipe")
r = sc.parallelize(["1", "2", "", "3"], 2)
print(r.pipe("cat").collect(), r.pipe("wc -l").map(str.strip).collect(), r.pipe("env", {"FOO": "bar"}).filter(lambda l: l.startswith("FOO")).collect())
try:
    r.pipe("cat /nope/x", checkCode=True).collect()
except Exception as e:
    print(type(e).__name__, [l for l in str(e).split("\n") if "Pipe function" in l][:1])
it = sc.parallelize(range(10), 4).toLocalIterator()
print(next(it), list(it))
print(list(sc.parallelize(range(6), 3).toLocalIterator(prefetchPartitions=True)))
print(sc.parallelize(range(100), 10).take(15), sc.parallelize(range(100), 10).filter(lambda x: x > 95).take(2))
print(sc.runJob(sc.parallelize(range(6), 3), lambda part: [x * x for x in part], [0, 2]))
big = sc.parallelize(range(20000), 4).map(lambda x: (x % 1000, "v" * 20))
print(big.groupByKey().mapValues(len).filter(lambda t: t[1] != 20).count(), big.distinct().count())
print(sc.parallelize([("b", 1), ("a", 2), (None, 3)] if False else [("b", 1), ("a", 2)]).sortByKey(keyfunc=lambda k: k.lower()).collect())
print(sc.parallelize([5, 3, 9, 1], 2).sortBy(lambda x: x, ascending=False, numPartitions=1).glom().collect())
sc.stop()
