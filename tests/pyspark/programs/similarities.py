import sys
from math import sqrt
from pyspark import SparkConf, SparkContext
sc = SparkContext(conf=SparkConf().setMaster("local[2]").setAppName("MovieSimilarities"))
def makePairs(ur):
    (m1, r1), (m2, r2) = ur[1]
    return ((m1, m2), (r1, r2))
def filterDuplicates(ur):
    (m1, r1), (m2, r2) = ur[1]
    return m1 < m2
def cosine(pairs):
    n = xx = yy = xy = 0
    for x, y in pairs:
        xx += x * x; yy += y * y; xy += x * y; n += 1
    d = sqrt(xx) * sqrt(yy)
    return (xy / float(d) if d else 0, n)
data = sc.textFile(sys.argv[1] + "/ratings.csv").filter(lambda l: not l.startswith("userId"))
ratings = data.map(lambda l: l.split(",")).map(lambda l: (int(l[0]), (int(l[1]), float(l[2]))))
joined = ratings.join(ratings)
unique = joined.filter(filterDuplicates)
pairs = unique.map(makePairs)
sims = pairs.groupByKey().mapValues(cosine).cache()
res = sims.filter(lambda ps: ps[1][0] > 0.9 and ps[1][1] > 14).sortBy(lambda ps: (-ps[1][1], ps[0])).take(10)
for pair, sim in res:
    print(pair, "%.6f" % sim[0], sim[1])
print(sims.count())
sc.stop()
