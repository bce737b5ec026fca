"""Estimates pi, counts primes, and sums with the ways that tutorials show."""
import sys
from operator import add, mul
import random
from pyspark.sql import SparkSession

if __name__ == "__main__":
    spark = SparkSession\
        .builder\
        .appName("PythonPi")\
        .master("local[2]")\
        .getOrCreate()
    partitions = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    n = 1000 * partitions

    def f(seed):
        generator = random.Random(seed)
        x = generator.random() * 2 - 1
        y = generator.random() * 2 - 1
        return 1 if x ** 2 + y ** 2 <= 1 else 0

    count = spark.sparkContext.parallelize(range(1, n + 1), partitions).map(f).reduce(add)
    print("Pi is roughly %f" % (4.0 * count / n))
    sc = spark.sparkContext

    def isprime(n):
        n = abs(int(n))
        if n < 2:
            return False
        if n == 2:
            return True
        if not n & 1:
            return False
        for x in range(3, int(n ** 0.5) + 1, 2):
            if n % x == 0:
                return False
        return True

    nums = sc.parallelize(range(2000))
    print(nums.filter(isprime).count(), nums.filter(isprime).top(3))
    composite = sc.range(2, 100, numSlices=4).flatMap(lambda x: range(2 * x, 100, x)).distinct()
    print(sc.range(2, 100).subtract(composite).collect())
    numbers = sc.parallelize([1, 2, 3, 4, 5])
    print(numbers.fold(1, mul), numbers.reduce(lambda a, b: a * b), numbers.sum(), numbers.sumApprox(1000), numbers.meanApprox(1000))
    print(numbers.variance(), numbers.stdev(), numbers.sampleStdev(), numbers.countApprox(1000), numbers.isEmpty())
    print(sc.emptyRDD().isEmpty(), sc.parallelize([]).collect(), sc.emptyRDD().getNumPartitions())
    for action in (lambda r: r.reduce(add), lambda r: r.max(), lambda r: r.first(), lambda r: r.mean()):
        try:
            print(action(sc.parallelize([], 2)))
        except Exception as e:
            print(type(e).__name__, e)
    print(sc.parallelize(["x", 1, None, 2.5, [3], {"k": 4}, (5,)], 3).collect())
    print(sc.union([numbers, sc.parallelize([6, 7])]).map(lambda x: x * x).glom().map(len).collect(), (numbers + numbers).count())
    print(numbers.map(lambda x: (x % 2, x)).groupByKey().mapValues(list).collect(), numbers.groupBy(lambda x: x % 2).mapValues(sorted).collect())
    print(numbers.keyBy(lambda x: x * 10).collect(), numbers.intersection(sc.parallelize([2, 4, 9])).collect(), numbers.takeOrdered(2, key=lambda x: -x))
    print(numbers.pipe("sort -rn").collect(), numbers.map(str).pipe("tr 1-5 a-e").collect())
    print(numbers.name(), numbers.setName("five").name(), numbers.id() >= 0, numbers.context is sc, numbers)
    print(numbers.toLocalIterator().__next__(), list(numbers.toLocalIterator())[-1])
    print(numbers.map(lambda x: x / 0 if x > 9 else x).collect(), numbers.max(lambda x: -x), numbers.min(lambda x: -x))
    spark.stop()
