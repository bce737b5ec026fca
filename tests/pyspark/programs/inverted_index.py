import sys
from pyspark import SparkContext
import re, os
sc = SparkContext("local[2]", "ii")
docs = sc.wholeTextFiles(sys.argv[1] + "/mail")
idx = (docs.flatMap(lambda fc: [(w, os.path.basename(fc[0])) for w in re.findall(r"\w+", fc[1].lower())])
       .distinct().groupByKey().mapValues(lambda fs: sorted(fs)).sortByKey())
for w, fs in idx.collect():
    print(w, fs)
tf = docs.flatMap(lambda fc: [((os.path.basename(fc[0]), w), 1) for w in fc[1].split()]).reduceByKey(lambda a, b: a + b)
df = tf.map(lambda t: (t[0][1], 1)).reduceByKey(lambda a, b: a + b)
n = docs.count()
import math
idf = df.mapValues(lambda c: round(math.log((n + 1) / (c + 1)), 5))
tfidf = tf.map(lambda t: (t[0][1], (t[0][0], t[1]))).join(idf).map(lambda x: (x[1][0][0], x[0], round(x[1][0][1] * x[1][1], 5)))
print(tfidf.sortBy(lambda t: (-t[2], t[0], t[1])).take(8))
sc.stop()
