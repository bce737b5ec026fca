"""Frequent item sets by counting candidates in passes, with the candidates broadcast."""
import sys
from itertools import combinations
from pyspark import SparkConf, SparkContext


def baskets_of(line):
    return frozenset(line.split())


def candidates(frequent, k):
    items = sorted({i for s in frequent for i in s})
    return [frozenset(c) for c in combinations(items, k) if all(frozenset(x) in frequent for x in combinations(c, k - 1))]


if __name__ == "__main__":
    conf = SparkConf().setAppName("apriori").setMaster("local[2]")
    with SparkContext(conf=conf) as sc:
        baskets = sc.textFile(sys.argv[1] + "/tweets.txt", 3).map(baskets_of).cache()
        support = 0.35 * baskets.count()
        ones = baskets.flatMap(lambda b: b).map(lambda i: (frozenset([i]), 1)).reduceByKey(lambda a, b: a + b).filter(lambda kv: kv[1] >= support)
        frequent = dict(ones.collect())
        found, k = dict(frequent), 2
        while frequent:
            shared = sc.broadcast(candidates(set(frequent), k))
            counts = baskets.flatMap(lambda b: [(c, 1) for c in shared.value if c <= b]).reduceByKey(lambda a, b: a + b)
            frequent = dict(counts.filter(lambda kv: kv[1] >= support).collect())
            found.update(frequent)
            k += 1
        for items, n in sorted(found.items(), key=lambda kv: (len(kv[0]), sorted(kv[0]))):
            print(sorted(items), n)
        rules = sc.parallelize(list(found.items())).filter(lambda kv: len(kv[0]) == 2).flatMap(lambda kv: [(i, kv[0] - {i}, kv[1]) for i in kv[0]])
        known = sc.broadcast(found)
        strong = rules.map(lambda r: (r[0], sorted(r[1])[0], round(r[2] / known.value[frozenset([r[0]])], 3))).sortBy(lambda r: (-r[2], r))
        print(strong.take(5))
