import sys
from pyspark import SparkContext
from pyspark.accumulators import AccumulatorParam


class VectorAccumulatorParam(AccumulatorParam):
    def zero(self, value):
        return [0.0] * len(value)

    def addInPlace(self, v1, v2):
        for i in range(len(v1)):
            v1[i] += v2[i]
        return v1


class StringParam(AccumulatorParam):
    def zero(self, value):
        return ""

    def addInPlace(self, one, other):
        return "".join(sorted(one + other))


class SetParam(AccumulatorParam):
    def zero(self, v):
        return set()

    def addInPlace(self, acc, v):
        if isinstance(v, set):
            acc |= v
        else:
            acc.add(v)
        return acc


class DictParam(AccumulatorParam):
    def zero(self, value={}):
        return dict()

    def addInPlace(self, value1, value2):
        for k, v in value2.items():
            value1[k] = value1.get(k, 0) + v
        return value1


sc = SparkContext("local[2]", "accumulators")
va = sc.accumulator([1.0, 2.0, 3.0], VectorAccumulatorParam())
names = sc.accumulator("", StringParam())
seen = sc.accumulator(set(), SetParam())
errors = sc.accumulator({}, DictParam())
total, ratio, cx = sc.accumulator(0), sc.accumulator(0.0), sc.accumulator(0j)


def f(x):
    global va
    va += [x] * 3
    seen.add(x % 4)
    names.add("abc"[x % 3])
    errors.add({"even" if x % 2 == 0 else "odd": 1})
    total.add(x)
    ratio.add(x / 2)
    cx.add(complex(x, -x))


rdd = sc.parallelize(range(10), 3)
rdd.foreach(f)
print(va.value, names.value, sorted(seen.value), sorted(errors.value.items()), total.value, ratio.value, cx.value)
print(total, repr(total), str(va))
lazy = rdd.map(lambda x: (total.add(1), x)[1])
print(total.value)
lazy.count()
lazy.count()
print("twice", total.value)
cached = rdd.map(lambda x: (total.add(1), x)[1]).cache()
cached.count()
cached.count()
print("once", total.value)
total.value = 0
rdd.foreachPartition(lambda it: [total.add(v) for v in it])
print(total.value)
try:
    rdd.map(lambda x: total.value).collect()
except Exception as e:
    print("failed", "raise" in str(e))
try:
    sc.accumulator("text")
except Exception as e:
    print(type(e).__name__, str(e))
try:
    sc.accumulator(object)
except Exception as e:
    print(type(e).__name__)
sc.stop()
