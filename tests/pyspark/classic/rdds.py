"""RDDs of the program's own data: partitions, transformations, pairs, actions. Compared partition by partition."""

import operator
import os
import re

from pyspark import StorageLevel

WORDS = "the quick brown fox jumps over the lazy dog and the end of the story".split()


def failing(action):
    """How it failed: what the user's own traceback ends with, where there is one. Classes that Spark names are not told."""
    try:
        return {"no error": repr(action())}
    except Exception as raised:
        lines = [line.strip() for line in str(raised).splitlines() if not line.startswith("\t")]
        known = [line for line in lines if line.startswith(OWN)]
        own = type(raised).__module__ == "builtins"
        return {"class": type(raised).__name__ if own else "Spark's", "told": known[-1] if known else lines[0] if own and lines else None}


OWN = ("ZeroDivisionError", "AttributeError", "ValueError", "TypeError", "KeyError", "pyspark.errors")


def case_slices(spark, tmp):
    sc = spark.sparkContext
    return {
        "list": sc.parallelize(list(range(10)), 4).glom().collect(),
        "odd": sc.parallelize(list(range(23)), 5).glom().collect(),
        "few": sc.parallelize([1, 2], 5).glom().collect(),
        "none": sc.parallelize([], 3).glom().collect(),
        "generator": sc.parallelize((c for c in "abcde"), 2).glom().collect(),
        "default": sc.parallelize(range(3)).getNumPartitions(),
        "range": sc.range(10, 0, -3, 3).glom().collect(),
        "range of one argument": sc.range(5).glom().collect(),
        "empty": [sc.emptyRDD().getNumPartitions(), sc.emptyRDD().collect(), sc.emptyRDD().isEmpty()],
        "strings": sc.parallelize(["a", None, "é", b"x", (1, [2.5])], 2).collect(),
    }


def case_narrow(spark, tmp):
    numbers = spark.sparkContext.parallelize(range(1, 11), 3)
    return {
        "map": numbers.map(lambda x: x * x).glom().collect(),
        "flatMap": numbers.flatMap(lambda x: range(x % 3)).glom().collect(),
        "filter": numbers.filter(lambda x: x % 2).glom().collect(),
        "mapPartitions": numbers.mapPartitions(lambda records: [sum(records)]).collect(),
        "with index": numbers.mapPartitionsWithIndex(lambda i, records: [(i, list(records))]).collect(),
        "chained": numbers.map(lambda x: x + 1).filter(lambda x: x > 4).map(str).flatMap(list).collect(),
        "keyBy": numbers.keyBy(lambda x: x % 3).collect(),
        "zipWithIndex": numbers.zipWithIndex().collect(),
        "zipWithUniqueId": numbers.zipWithUniqueId().collect(),
        "pipe": numbers.pipe("cat").collect(),
        "union": numbers.union(numbers.map(str)).glom().collect(),
        "sum of unions": spark.sparkContext.union([numbers, numbers, numbers]).getNumPartitions(),
    }


def case_repartition(spark, tmp):
    sc = spark.sparkContext
    return {
        "more": sc.parallelize(range(100), 3).repartition(4).glom().collect(),
        "fewer": sc.parallelize(range(100), 7).repartition(3).glom().collect(),
        "one": sc.parallelize(range(30), 7).repartition(1).glom().collect(),
        "coalesce": sc.parallelize(range(10), 7).coalesce(3).glom().collect(),
        "coalesce to more": sc.parallelize(range(10), 3).coalesce(5).glom().collect(),
        "coalesce by shuffle": sc.parallelize(range(40), 3).coalesce(2, True).glom().collect(),
    }


def case_by_key(spark, tmp):
    sc = spark.sparkContext
    pairs = sc.parallelize(WORDS, 3).map(lambda word: (word, 1))
    numbers = sc.parallelize([(i % 3, i) for i in range(12)], 3)
    return {
        "reduceByKey": pairs.reduceByKey(operator.add).glom().collect(),
        "two partitions": pairs.reduceByKey(lambda a, b: a + b, 2).glom().collect(),
        "groupByKey": numbers.groupByKey(2).mapValues(list).glom().collect(),
        "groupBy": numbers.values().groupBy(lambda x: x % 4).mapValues(list).glom().collect(),
        "combineByKey": numbers.combineByKey(lambda v: [v], lambda c, v: c + [v], operator.add).glom().collect(),
        "aggregateByKey": numbers.aggregateByKey((0, 0), lambda a, v: (a[0] + v, a[1] + 1),
                                                 lambda a, b: (a[0] + b[0], a[1] + b[1])).collect(),
        "foldByKey": numbers.foldByKey(100, operator.add).collect(),
        "partitionBy": numbers.partitionBy(4).glom().collect(),
        "own function": pairs.partitionBy(2, lambda word: len(word)).glom().collect(),
        "distinct": sc.parallelize([3, 1, 3, 2, 1], 2).distinct().glom().collect(),
        "keys of kinds": sc.parallelize([(None, 1), ((1, "a"), 2), (1.5, 3), ("é", 4), (True, 5), (-7, 6)], 2)
        .partitionBy(4).glom().collect(),
        "countByKey": sorted(pairs.countByKey().items()),
        "countByValue": sorted(sc.parallelize(WORDS, 2).countByValue().items()),
        "reduceByKeyLocally": sorted(pairs.reduceByKeyLocally(operator.add).items()),
        "collectAsMap": sorted(numbers.collectAsMap().items()),
        "lookup": [numbers.lookup(1), numbers.partitionBy(2).lookup(2), numbers.lookup(9)],
        "mapValues": numbers.mapValues(str).take(3),
        "flatMapValues": numbers.flatMapValues(lambda v: [v] * (v % 3)).collect(),
        "partitioner kept": [numbers.partitionBy(2).mapValues(str).partitioner is not None,
                             numbers.partitionBy(2).map(str).partitioner is None],
    }


def case_joins(spark, tmp):
    sc = spark.sparkContext
    left = sc.parallelize([("a", 1), ("b", 2), ("a", 3), ("c", 4)], 2)
    right = sc.parallelize([("a", "x"), ("d", "y"), ("a", "z")], 3)
    listed = lambda rdd: rdd.mapValues(lambda groups: [list(one) for one in groups])  # noqa: E731
    parted = left.partitionBy(2)
    return {
        "join": left.join(right).glom().collect(),
        "left": left.leftOuterJoin(right).glom().collect(),
        "right": left.rightOuterJoin(right).glom().collect(),
        "full": left.fullOuterJoin(right, 2).glom().collect(),
        "cogroup": listed(left.cogroup(right)).glom().collect(),
        "groupWith": listed(left.groupWith(right, left)).collect(),
        "subtractByKey": left.subtractByKey(right).glom().collect(),
        "subtract": sc.parallelize([1, 2, 3, 4], 3).subtract(sc.parallelize([2, 9], 2)).glom().collect(),
        "intersection": sc.parallelize([1, 2, 2, 3], 3).intersection(sc.parallelize([2, 9, 3], 2)).glom().collect(),
        "cartesian": sc.parallelize([1, 2, 3], 2).cartesian(sc.parallelize("abc", 3)).glom().collect(),
        "zip": sc.parallelize(range(7), 3).zip(sc.parallelize(range(100, 107), 3)).glom().collect(),
        "aligned union": parted.union(parted).glom().collect(),
        "aligned join": parted.join(parted.mapValues(str)).glom().collect(),
    }


def case_sorting(spark, tmp):
    sc = spark.sparkContext
    pairs = sc.parallelize([(i * 7 % 20, i) for i in range(20)], 4)
    return {
        "sortByKey": pairs.sortByKey().glom().collect(),
        "descending": pairs.sortByKey(False, 3).glom().collect(),
        "one partition": pairs.sortByKey(True, 1).glom().collect(),
        "by a function": sc.parallelize(["Mary", "had", "a", "little", "Lamb"], 2)
        .sortBy(lambda word: word.lower()).glom().collect(),
        "sortBy": sc.parallelize(WORDS, 3).sortBy(lambda word: (-len(word), word)).collect(),
        "within partitions": pairs.repartitionAndSortWithinPartitions(2, lambda k: k % 2, False).glom().collect(),
        "top": [sc.parallelize(WORDS, 3).top(3), sc.parallelize(WORDS, 3).top(2, key=len)],
        "takeOrdered": [pairs.takeOrdered(3), pairs.takeOrdered(3, lambda pair: -pair[1])],
        "max and min": [pairs.max(), pairs.min(key=lambda pair: pair[1]), pairs.keys().max(str)],
    }


def case_samples(spark, tmp):
    sc = spark.sparkContext
    numbers = sc.parallelize(range(100), 4)
    return {
        "sample": numbers.sample(False, 0.1, 81).collect(),
        "with replacement": numbers.sample(True, 0.2, 7).collect(),
        "takeSample": [numbers.takeSample(False, 5, 1), numbers.takeSample(True, 5, 1), numbers.takeSample(False, 200, 1)],
        "randomSplit": [part.collect() for part in numbers.randomSplit([1, 2, 1], 17)],
        "sampleByKey": numbers.map(lambda x: ("ab"[x % 2], x)).sampleByKey(False, {"a": 0.1, "b": 0.3}, 3).collect(),
    }


def case_actions(spark, tmp):
    sc = spark.sparkContext
    numbers = sc.parallelize([1, 2, 3, 4, 5], 3)
    stats = numbers.stats()
    return {
        "count": [numbers.count(), sc.parallelize([]).count()],
        "take": [numbers.take(0), numbers.take(2), numbers.take(99), sc.parallelize(range(100), 100).filter(lambda x: x > 90).take(3)],
        "first": numbers.first(),
        "isEmpty": [numbers.isEmpty(), sc.parallelize([], 4).isEmpty()],
        "reduce": numbers.reduce(operator.sub),
        "fold": numbers.fold(10, operator.add),
        "aggregate": numbers.aggregate((0, 0), lambda a, v: (a[0] + v, a[1] + 1), lambda a, b: (a[0] + b[0], a[1] + b[1])),
        "treeReduce": [numbers.treeReduce(operator.add, depth) for depth in (1, 2, 5)],
        "treeAggregate": sc.parallelize(range(-5, 5), 10).treeAggregate(0, operator.add, operator.add, 3),
        "sum": [numbers.sum(), sc.parallelize([]).sum(), sc.parallelize([0.1] * 10, 3).sum()],
        "stats": [stats.count(), stats.mean(), stats.sum(), stats.min(), stats.max(), stats.stdev(), stats.variance(),
                  stats.sampleStdev(), stats.sampleVariance()],
        "moments": [numbers.mean(), numbers.variance(), numbers.stdev(), numbers.sampleStdev(), numbers.sampleVariance()],
        "histogram": [numbers.histogram(2), numbers.histogram([1, 3, 5]), numbers.histogram([1, 2, 5]),
                      sc.parallelize(["ab", "ac", "b", "bd", "ef"]).histogram(("a", "b", "c"))],
        "approximate": [numbers.countApprox(1000), numbers.sumApprox(1000), numbers.meanApprox(1000)],
        "toLocalIterator": [list(numbers.toLocalIterator()), list(numbers.toLocalIterator(prefetchPartitions=True))],
        "runJob": [sc.runJob(numbers, lambda part: [x * x for x in part]), sc.runJob(numbers, lambda part: part, [2, 0])],
        "few different ones": sc.parallelize([1, 2, 2, 3] * 5, 3).countApproxDistinct(),
    }


def case_errors(spark, tmp):
    sc = spark.sparkContext
    numbers = sc.parallelize([1, 0, 2], 2)
    return {
        "in a function": failing(lambda: numbers.map(lambda x: 1 // x).collect()),
        "still works": numbers.map(lambda x: x + 1).collect(),
        "missing attribute": failing(lambda: numbers.map(lambda x: x.nope).count()),
        "reduce of nothing": failing(lambda: sc.parallelize([]).reduce(operator.add)),
        "max of nothing": failing(lambda: sc.parallelize([]).max()),
        "first of nothing": failing(lambda: sc.parallelize([]).first()),
        "zip of other counts": failing(lambda: sc.parallelize([1, 2], 2).zip(sc.parallelize([1], 1))),
        "take a negative sample": failing(lambda: numbers.takeSample(False, -1)),
        "negative fraction": failing(lambda: numbers.sample(False, -0.1)),
        "weights": failing(lambda: numbers.randomSplit([-1, 2])),
        "depth": failing(lambda: numbers.treeReduce(operator.add, 0)),
        "buckets": [failing(lambda b=b: numbers.histogram(b)) for b in (0, [1], [2, 1], [1, 1, 2], None, [1, None])],
        "plus": failing(lambda: numbers + [1]),
        "another context": failing(lambda: type(sc)("local", "second"))["class"],
        "an RDD in a function": failing(lambda: numbers.map(lambda x: numbers.count()).collect())["class"],
        "the context in a function": failing(lambda: numbers.map(lambda x: sc.parallelize([x]).count()).collect())["class"],
        "no result can be pickled": failing(lambda: numbers.map(lambda x: (i for i in [x])).collect())["class"],
        "no directory": failing(lambda: numbers.map(str).checkpoint())["class"],
        "positive": failing(lambda: numbers.coalesce(0))["class"],
        "stop in a function": failing(lambda: numbers.map(lambda x: next(iter([]))).collect())["class"],
    }


def case_accumulators(spark, tmp):
    sc = spark.sparkContext
    count, total = sc.accumulator(0), sc.accumulator(0.5)

    def seen(x):
        count.add(1)
        return x, x

    numbers = sc.parallelize(range(10), 3)
    numbers.foreach(lambda x: total.add(x))
    after = {"foreach": [count.value, total.value]}
    reduced = numbers.map(seen).reduceByKey(operator.add)
    after["nothing has run"] = count.value
    reduced.count()
    after["a shuffle"] = count.value
    reduced.collect()
    after["its second use"] = count.value
    kept = numbers.map(seen).cache()
    kept.count()
    kept.count()
    after["kept"] = count.value
    plain = numbers.map(seen)
    plain.count()
    plain.count()
    after["twice"] = count.value
    count += 5
    after["in the driver"] = count.value
    after["bad"] = failing(lambda: numbers.foreach(lambda x: count.value))["class"]
    after["no kind"] = failing(lambda: sc.accumulator("text"))
    return after


def case_broadcast(spark, tmp):
    sc = spark.sparkContext
    table = sc.broadcast({"a": 1, "b": 2})
    mapped = sc.parallelize(["a", "b", "c"], 2).map(lambda key: table.value.get(key))
    answer = {"value": sorted(table.value.items()), "in tasks": mapped.collect()}
    table.unpersist()
    answer["after unpersist"] = mapped.collect()
    return answer


def case_keeping(spark, tmp):
    sc = spark.sparkContext
    sc.setCheckpointDir(str(tmp / "checkpoints"))
    numbers = sc.parallelize(range(10), 2).map(lambda x: (x, os.urandom(4)))
    plain = numbers.collect() == numbers.collect()
    kept = numbers.map(lambda pair: pair)
    levels = [str(kept.getStorageLevel()), kept.is_cached]
    kept.persist(StorageLevel.MEMORY_AND_DISK)
    same = kept.collect() == kept.collect()
    levels += [str(kept.getStorageLevel()), kept.is_cached]
    other = failing(lambda: kept.persist(StorageLevel.DISK_ONLY))["class"]
    kept.unpersist()
    levels += [str(kept.getStorageLevel()), kept.is_cached]
    checked = sc.parallelize(range(5), 2).map(lambda x: x * 2)
    checked.checkpoint()
    before = [checked.isCheckpointed(), checked.getCheckpointFile()]
    values = checked.collect()
    after = [checked.isCheckpointed(), checked.getCheckpointFile() is not None, checked.collect()]
    local = sc.parallelize(range(5), 2).map(lambda x: x * 3)
    local.localCheckpoint()
    return {
        "plain": plain, "same": same, "levels": levels, "other level": other, "before": before, "values": values, "after": after,
        "local": [local.isLocallyCheckpointed(), local.collect(), local.isCheckpointed()],
    }


def case_iterations(spark, tmp):
    """Lineage that grows: shuffles on shuffles."""
    sc = spark.sparkContext
    links = sc.parallelize([("a", "b"), ("a", "c"), ("b", "c"), ("c", "a")], 2).distinct().groupByKey().cache()
    ranks = links.map(lambda pair: (pair[0], 1.0))
    for _ in range(3):
        shares = links.join(ranks).flatMap(lambda one: [(to, one[1][1] / len(one[1][0])) for to in one[1][0]])
        ranks = shares.reduceByKey(operator.add).mapValues(lambda rank: rank * 0.85 + 0.15)
    return sorted(ranks.collect())


def case_names(spark, tmp):
    sc = spark.sparkContext
    rdd = sc.parallelize([1])
    named = [rdd.name(), rdd.setName("numbers").name()]
    return {"names": named, "context": rdd.context is sc, "deep": deep(sc)}


def deep(sc):
    rdd = sc.parallelize(range(3), 1)
    for _ in range(30):
        rdd = rdd.map(lambda x: x + 1)
    return rdd.collect()


def case_unions_in_a_loop(spark, tmp):
    sc = spark.sparkContext
    flat = sc.parallelize([0], 1)
    for number in range(60):
        flat = flat.union(sc.parallelize([number], 1))
    stepped = sc.parallelize([0], 1)
    for number in range(40):
        stepped = stepped.union(sc.parallelize([number], 1)).map(lambda x: x + 1).coalesce(2)
    return {
        "flat": [flat.getNumPartitions(), flat.sum(), flat.take(3)],
        "stepped": [stepped.getNumPartitions(), stepped.sum(), stepped.count()],
    }


def case_destroyed(spark, tmp):
    sc = spark.sparkContext
    value = sc.broadcast({1: "a"})
    value.destroy()
    try:
        return sc.parallelize([1]).map(lambda x: value.value[x]).collect()
    except Exception as raised:
        return type(raised).__name__


def case_barrier_of_a_list(spark, tmp):
    """Tasks that wait for each other must not share a worker, however their rows came to them."""
    from pyspark import BarrierTaskContext

    def gather(records):
        return [BarrierTaskContext.get().allGather(str(sum(records)))]

    sc = spark.sparkContext
    listed = sc.parallelize([1, 2, 3, 4], 2)
    shuffled = listed.map(lambda x: (x % 2, x)).partitionBy(2).values()
    return [one.barrier().mapPartitions(gather).collect() for one in (listed, shuffled)]


def case_what_is_kept(spark, tmp):
    sc = spark.sparkContext
    kept = sc.parallelize(range(100), 4).map(lambda x: x + 1).cache()
    before = "CachedPartitions" in kept.toDebugString().decode()
    kept.count()
    lines = kept.map(lambda x: (x % 3, x)).reduceByKey(lambda a, b: a + b, 2).toDebugString().decode().split("\n")
    sizes = [re.sub(r"[0-9.]+ \w*B", "SIZE", line) for line in [*kept.toDebugString().decode().split("\n"), *lines] if "CachedPartitions" in line]
    sc.parallelize(["a" * 1000, "b", "c"], 2).saveAsTextFile(str(tmp / "texts"))
    sums = {name: (tmp / "texts" / name).read_bytes().hex() for name in sorted(os.listdir(tmp / "texts")) if name.endswith(".crc")}
    return {"before": before, "lines": sizes, "sums": sums, "read": sc.textFile(str(tmp / "texts")).count()}
