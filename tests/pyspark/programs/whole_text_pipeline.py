import os, sys, re
from math import log10
from pyspark import SparkContext
sc = SparkContext("local[2]", "tfidf")
files = sc.wholeTextFiles(sys.argv[1] + "/mail/*.txt", 2)
docs = files.map(lambda f: (os.path.basename(f[0]), f[1]))
print(sorted(docs.keys().collect()), docs.count())
number_of_docs = docs.count()
tokenized = docs.map(lambda kv: (kv[0], re.findall(r"\w+", kv[1].lower())))
term_frequency = tokenized.flatMapValues(lambda x: x).countByValue()
print(sorted(term_frequency.items())[:5])
document_frequency = tokenized.flatMapValues(lambda x: x).distinct().filter(lambda x: x[1] != '').map(lambda kv: (kv[1], kv[0])).countByKey()
print(sorted(document_frequency.items())[:6])
def tf_idf(n, tf, df):
    result = []
    for key, value in tf.items():
        doc, term = key
        result.append({"doc": doc, "score": round(value * log10(n / df[term]), 6), "term": term})
    return result
out = sorted(tf_idf(number_of_docs, term_frequency, document_frequency), key=lambda d: (-d["score"], d["doc"], d["term"]))
for one in out[:8]:
    print(one)
index = tokenized.flatMap(lambda d: [(t, d[0]) for t in set(d[1])]).groupByKey().mapValues(sorted).sortByKey()
print(index.collect()[:4])
headers = docs.mapValues(lambda t: dict(l.split(": ", 1) for l in t.split("\n") if ": " in l))
print(headers.sortByKey().collect()[:2], headers.map(lambda d: d[1]["Subject"]).countByValue())
index.map(lambda kv: "%s\t%s" % (kv[0], ",".join(kv[1]))).saveAsTextFile(sys.argv[2] + "/index")
print(sorted(f for f in os.listdir(sys.argv[2] + "/index") if not f.endswith(".crc")), sc.textFile(sys.argv[2] + "/index").count())
try:
    index.saveAsTextFile(sys.argv[2] + "/index")
except Exception as e:
    print(type(e).__name__, "already exists" in str(e))
binary = sc.binaryFiles(sys.argv[1] + "/mail").mapValues(len).map(lambda kv: (os.path.basename(kv[0]), kv[1]))
print(sorted(binary.collect()))
print(sc.wholeTextFiles(sys.argv[1] + "/mail", use_unicode=False).values().map(type).map(lambda t: t.__name__).distinct().collect())
print(sc.textFile(",".join(sys.argv[1] + "/mail/m%d.txt" % n for n in (0, 1))).count(), sc.textFile(sys.argv[1] + "/mail/m[2-4].txt").count(), sc.textFile(sys.argv[1] + "/mail/{m1,m5}.txt").first())
try:
    sc.textFile(sys.argv[1] + "/nope").count()
except Exception as e:
    print(type(e).__name__, "Input path does not exist" in str(e))
try:
    sc.wholeTextFiles(sys.argv[1] + "/nope").count()
except Exception as e:
    print(type(e).__name__, "Input path does not exist" in str(e))
sc.parallelize([str(x) for x in range(20)], 3).saveAsTextFile(sys.argv[2] + "/gz", compressionCodecClass="org.apache.hadoop.io.compress.GzipCodec")
print(sorted(f for f in os.listdir(sys.argv[2] + "/gz") if not f.endswith(".crc")), sc.textFile(sys.argv[2] + "/gz").map(int).sum())
sc.parallelize([(1, "a"), (2, "b")]).saveAsSequenceFile(sys.argv[2] + "/seq")
print(sorted(sc.sequenceFile(sys.argv[2] + "/seq").collect()))
sc.parallelize([{"a": 1}, (2, 3), None]).saveAsPickleFile(sys.argv[2] + "/pkl", 2)
print(sorted(sc.pickleFile(sys.argv[2] + "/pkl").collect(), key=str))
sc.stop()
