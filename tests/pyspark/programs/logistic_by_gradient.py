import sys
import numpy as np
from math import exp
from pyspark import SparkContext
from functools import reduce

sc = SparkContext(appName="classify", master="local[2]")
raw = sc.textFile(sys.argv[1] + "/iris.csv").filter(lambda l: l)
names = raw.map(lambda l: l.split(",")[-1]).distinct().collect()
print(sorted(names), len(names), names == raw.map(lambda l: l.split(",")[-1]).distinct().collect())


class Model(object):
    def __init__(self, size, rate=0.1):
        self.w = np.zeros(size + 1)
        self.rate = rate

    def gradient(self, points):
        w = self.w
        return points.map(lambda p: (1.0 / (1.0 + exp(-p[0].dot(w))) - p[1]) * p[0]).reduce(lambda a, b: a + b)

    def fit(self, points, steps):
        n = points.count()
        for _ in range(steps):
            self.w = self.w - self.rate * self.gradient(points) / n
        return self

    def predict(self, x):
        return int(self.w.dot(x) > 0)


data = raw.map(lambda l: l.split(",")).map(lambda f: (np.array([1.0] + [float(x) for x in f[:4]]), 1 if f[4].endswith("virginica") else 0)).cache()
train, test = data.randomSplit([0.8, 0.2], 42)
print(train.count(), test.count())
model = Model(4).fit(data, 20)
print(np.round(model.w, 6).tolist())
predictions = data.map(lambda p: (model.predict(p[0]), p[1]))
confusion = predictions.countByValue()
print(sorted(confusion.items()))
accuracy = predictions.filter(lambda t: t[0] == t[1]).count() / float(data.count())
print("accuracy %.3f" % accuracy)
nb = raw.map(lambda l: l.split(",")).map(lambda f: (f[4], np.array(list(map(float, f[:4])))))
means = nb.mapValues(lambda v: (v, 1)).reduceByKey(lambda a, b: (a[0] + b[0], a[1] + b[1])).mapValues(lambda s: s[0] / s[1])
for k, v in sorted(means.collectAsMap().items()):
    print(k, np.round(v, 6).tolist())
centers = means.collectAsMap()
nearest = lambda x: min(centers, key=lambda k: (np.sum((centers[k] - x) ** 2), k))
print(nb.map(lambda kv: (kv[0] == nearest(kv[1]), 1)).reduceByKey(lambda a, b: a + b).collect())
print(nb.values().map(lambda v: v[0]).stats(), nb.sampleByKey(False, {n: 0.2 for n in names}, seed=1).count())
from pyspark.mllib.linalg import Vectors
from pyspark.mllib.stat import Statistics
summary = Statistics.colStats(nb.values().map(lambda v: Vectors.dense(v)))
print(np.round(summary.mean(), 6).tolist(), np.round(summary.variance(), 6).tolist(), summary.count())
sc.stop()
