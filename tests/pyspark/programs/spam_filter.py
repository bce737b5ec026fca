"""Naive Bayes over words: counts by join and broadcast, with functions kept in classes."""
import math
import re
import sys
from collections import defaultdict
from pyspark import SparkContext


class Tokenizer:
    pattern = re.compile(r"[a-z]+")

    def __init__(self, drop=()):
        self.drop = frozenset(drop)

    def __call__(self, text):
        return [w for w in self.pattern.findall(text.lower()) if w not in self.drop]


class NaiveBayes:
    def __init__(self, sc, smoothing=1.0):
        self.sc, self.smoothing = sc, smoothing

    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if k != "sc"}

    def fit(self, labelled):
        self.priors = labelled.keys().countByValue()
        counts = labelled.flatMapValues(lambda words: words).map(lambda lw: (lw, 1)).reduceByKey(lambda a, b: a + b)
        table = defaultdict(dict)
        for (label, word), n in counts.collect():
            table[word][label] = n
        self.table = self.sc.broadcast(dict(table))
        self.totals = dict(labelled.mapValues(len).reduceByKey(lambda a, b: a + b).collect())
        self.vocabulary = len(table)
        return self

    def predict(self, words):
        n = sum(self.priors.values())
        scores = {}
        for label in sorted(self.priors):
            score = math.log(self.priors[label] / n)
            for w in words:
                seen = self.table.value.get(w, {}).get(label, 0)
                score += math.log((seen + self.smoothing) / (self.totals[label] + self.smoothing * self.vocabulary))
            scores[label] = score
        return max(scores, key=scores.get)


if __name__ == "__main__":
    sc = SparkContext("local[2]", "bayes")
    lines = sc.textFile(sys.argv[1] + "/tweets.txt", 3)
    tokens = Tokenizer(drop=("t", "co"))
    labelled = lines.map(lambda l: ("spam" if "http" in l else "ham", tokens(l.replace("http://t.co/x", "")))).cache()
    print(labelled.countByKey().items() and sorted(labelled.countByKey().items()))
    model = NaiveBayes(sc).fit(labelled)
    print(model.vocabulary, sorted(model.totals.items()))
    hits = labelled.map(lambda lw: (lw[0], model.predict(lw[1]))).countByValue()
    for pair, n in sorted(hits.items()):
        print(pair, n)
    print(labelled.filter(lambda lw: lw[0] == "spam").map(lambda lw: len(lw[1])).stats())
    sc.stop()
