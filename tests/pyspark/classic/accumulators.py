"""What accumulators hold after jobs that succeed, fail, run again or are made of several stages."""

import operator

from pyspark import AccumulatorParam


def failing(action):
    try:
        return repr(action())
    except Exception:
        return "failed"


class Lists(AccumulatorParam):
    def zero(self, value):
        return []

    def addInPlace(self, one, other):
        one.extend(other)
        return one


def case_of_a_failed_job(spark, tmp):
    """Tasks that succeeded before another failed count; the one that failed does not."""
    import time

    sc = spark.sparkContext
    seen, lists = sc.accumulator(0), sc.accumulator([], Lists())

    def count(index, records):
        if index == 3:
            time.sleep(2)
        for record in records:
            seen.add(record)
            lists.add([record])
            if index == 3:
                raise ValueError("the last")
        return iter([index])

    failed = failing(sc.parallelize([1, 2, 4, 8], 4).mapPartitionsWithIndex(count).collect)
    return [failed, seen.value, sorted(lists.value)]


def case_of_a_failed_foreach(spark, tmp):
    import time

    sc = spark.sparkContext
    seen = sc.accumulator(0)

    def each(record):
        if record == 8:
            time.sleep(2)
        seen.add(record)
        if record == 8:
            raise ValueError("the last")

    return [failing(lambda: sc.parallelize([1, 2, 4, 8], 4).foreach(each)), seen.value]


def case_of_a_failed_shuffle(spark, tmp):
    """What fails is before the shuffle, or behind it."""
    import time

    sc = spark.sparkContext
    before, behind = sc.accumulator(0), sc.accumulator(0)

    def pair(record):
        before.add(record)
        return record % 2, record

    def late(record):
        if record == 8:
            time.sleep(2)
            raise ValueError("late")
        return pair(record)

    def failing_value(value):
        behind.add(1)
        raise ValueError(value)

    numbers = sc.parallelize([1, 2, 4, 8], 4)
    found = [failing(lambda: numbers.map(late).reduceByKey(operator.add).collect()), before.value]
    before.value = 0
    summed = numbers.map(pair).reduceByKey(operator.add)
    return [*found, failing(lambda: summed.mapValues(failing_value).collect()), before.value, behind.value]


def case_of_stages_and_reruns(spark, tmp):
    sc = spark.sparkContext
    seen = sc.accumulator(0)

    def count(record):
        seen.add(1)
        return record

    found = []
    numbers = sc.parallelize(range(10), 4).map(count)
    numbers.count()
    found.append(seen.value)
    numbers.take(3)
    found.append(seen.value)
    cached = numbers.cache()
    cached.count(), cached.sum()
    found.append(seen.value)
    cached.unpersist()
    shuffled = numbers.map(lambda x: (x % 3, x)).groupByKey()
    shuffled.count(), shuffled.count()
    found.append(seen.value)
    numbers.union(numbers).count()
    found.append(seen.value)
    numbers.map(lambda x: (x, 1)).join(sc.parallelize([(1, 2)])).count()
    found.append(seen.value)
    numbers.toDF("long").count()
    found.append(seen.value > found[-1])
    return found


def case_kinds(spark, tmp):
    sc = spark.sparkContext
    whole, part, complex_one = sc.accumulator(1), sc.accumulator(1.5), sc.accumulator(1j)

    def add(record):
        nonlocal whole, part, complex_one
        whole += record
        part += record / 2
        complex_one.add(record)

    sc.parallelize([1, 2, 3], 2).foreach(add)
    found = [whole.value, part.value, str(complex_one.value), repr(whole), str(whole), type(whole).__name__]

    def reading(record):
        try:
            return whole.value
        except Exception as error:
            return [type(error).__name__, str(error)]

    found.append(sc.parallelize([1], 1).map(reading).collect())
    try:
        sc.accumulator("text")
    except Exception as error:
        found.append([type(error).__name__, str(error)])
    whole.value = 10
    found.append(whole.value)
    return found


def case_of_dataframes(spark, tmp):
    """Functions of DataFrames."""
    from pyspark.sql.functions import udf

    sc = spark.sparkContext
    seen = sc.accumulator(0)

    @udf("long")
    def counted(value):
        seen.add(1)
        return value

    left = spark.range(100).select(counted("id").alias("id"))
    found = [left.count(), left.filter("id >= 0").count()]
    seen.value = 0
    left.collect()
    found.append(seen.value)
    seen.value = 0
    found.append(len(left.join(spark.range(50), "id").collect()))
    # Spark's filter of the join's keys calls it once more.
    found.append(seen.value in (100, 200))
    return found
