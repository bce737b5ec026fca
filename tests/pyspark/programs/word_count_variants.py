import re, sys
from operator import add
from collections import defaultdict
from pyspark import SparkContext
sc = SparkContext("local[2]", "wc variants")
def normalizeWords(text):
    return re.compile(r'\W+', re.UNICODE).split(text.lower())
book = sc.textFile("file://" + sys.argv[1] + "/book.txt", minPartitions=4)
print(book.getNumPartitions(), book.name(), book.id() >= 0)
words = book.flatMap(normalizeWords).filter(lambda w: w)
one = words.map(lambda w: (w, 1)).reduceByKey(add)
two = words.map(lambda w: (w, 1)).groupByKey().map(lambda kv: (kv[0], sum(kv[1])))
three = words.countByValue()
four = words.map(lambda w: (w, 1)).foldByKey(0, add)
five = words.map(lambda w: (w, 1)).aggregateByKey(0, lambda a, b: a + b, add)
six = dict(words.map(lambda w: (w, 1)).countByKey())
print(sorted(one.collect()) == sorted(two.collect()) == sorted(three.items()) == sorted(four.collect()) == sorted(five.collect()))
print(sorted(six.items())[:5], type(three) == defaultdict)
for count, word in one.map(lambda x: (x[1], x[0])).sortByKey().collect():
    print(word.encode("ascii", "ignore").decode() + ":\t\t" + str(count))
print(one.collectAsMap()["fox"], one.lookup("the"), one.max(key=lambda kv: kv[1]), one.min(lambda kv: (kv[1], kv[0])))
print(one.top(3, key=lambda kv: kv[1]), one.takeOrdered(3, lambda kv: (-kv[1], kv[0])))
def merge(acc, part):
    for k, v in part.items():
        acc[k] = acc.get(k, 0) + v
    return acc
def count_in(acc, w):
    acc[w] = acc.get(w, 0) + 1
    return acc
print(sorted(words.aggregate({}, count_in, merge).items())[:4])
bigrams = book.map(lambda l: [w for w in normalizeWords(l) if w]).flatMap(lambda ws: zip(ws, ws[1:])).map(lambda b: (b, 1)).reduceByKey(add)
print(bigrams.takeOrdered(5, key=lambda kv: (-kv[1], kv[0])))
lengths = words.map(len)
print(lengths.stats(), lengths.histogram([1, 3, 5, 10]), lengths.mean())
print(words.distinct().sortBy(lambda w: (len(w), w)).collect())
print(book.filter(lambda l: "fox" in l).count(), book.filter(lambda line: line == "").count(), book.isEmpty())
print(words.zipWithIndex().filter(lambda wi: wi[1] % 500 == 0).collect())
print(one.keys().collect()[:3], one.values().sum(), one.partitioner is not None, one.getNumPartitions())
sc.stop()
