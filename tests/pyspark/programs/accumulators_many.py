import sys
from pyspark import SparkContext, AccumulatorParam
sc = SparkContext("local[2]", "acc")
file = sc.textFile(sys.argv[1] + "/book.txt")
blankLines = sc.accumulator(0)
def extract(line):
    global blankLines
    if line == "":
        blankLines += 1
    return line.split(" ")
words = file.flatMap(extract)
print("Blank lines before: %d" % blankLines.value)
words.count()
print("Blank lines: %d" % blankLines.value)
words.count()
print("after two actions:", blankLines.value)
cached = file.map(lambda l: blankLines.add(100) or l).cache()
cached.count(); cached.count()
print(blankLines.value)
class DictParam(AccumulatorParam):
    def zero(self, value):
        return {}
    def addInPlace(self, a, b):
        for k, v in b.items():
            a[k] = a.get(k, 0) + v
        return a
class SetParam(AccumulatorParam):
    def zero(self, v):
        return set()
    def addInPlace(self, a, b):
        a |= b
        return a
class VectorAccumulatorParam(AccumulatorParam):
    def zero(self, value):
        return [0.0] * len(value)
    def addInPlace(self, val1, val2):
        for i in range(len(val1)):
            val1[i] += val2[i]
        return val1
d, s, v = sc.accumulator({}, DictParam()), sc.accumulator(set(), SetParam()), sc.accumulator([1.0, 2.0, 3.0], VectorAccumulatorParam())
def visit(w):
    d.add({w[:1]: 1}); s.add({len(w)})
    v.add([1, 0, len(w)])
words.foreach(visit)
print(sorted(d.value.items())[:5], sorted(s.value), v.value)
words.foreachPartition(lambda it: v.add([0, sum(1 for _ in it), 0]))
print(v.value)
try:
    sc.accumulator("text")
except TypeError as e:
    print(e)
try:
    sc.parallelize([1]).map(lambda x: d.value).collect()
except Exception as e:
    print(type(e).__name__, "Accumulator.value cannot be accessed inside tasks" in str(e))
c = sc.accumulator(1j)
sc.parallelize(range(4)).foreach(lambda x: c.add(x))
print(c.value, str(sc.accumulator(5)))
failed = sc.accumulator(0)
def boom(x):
    failed.add(1)
    if x == 3:
        raise ValueError("x is 3")
try:
    sc.parallelize([1, 2, 3, 4], 2).foreach(boom)
except Exception as e:
    print("x is 3" in str(e), type(e).__name__)
i = sc.accumulator(0)
i += 5
i.value = 7
print(i.value)
sc.stop()
