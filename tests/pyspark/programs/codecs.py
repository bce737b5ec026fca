import gzip
import bz2
import os
import sys
from pyspark import SparkContext
from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("codecs").master("local[2]").getOrCreate()
sc = spark.sparkContext
out = sys.argv[2]
words = sc.parallelize(["line %d %s" % (n, "x" * (n % 7)) for n in range(50)], 3)
for codec, ending in [("org.apache.hadoop.io.compress.GzipCodec", ".gz"), ("org.apache.hadoop.io.compress.BZip2Codec", ".bz2"), ("org.apache.hadoop.io.compress.DefaultCodec", ".deflate")]:
    path = os.path.join(out, ending[1:])
    words.saveAsTextFile(path, compressionCodecClass=codec)
    print(sorted(f for f in os.listdir(path) if not f.startswith(".")))
    again = sc.textFile(path)
    print(again.getNumPartitions(), again.count(), again.collect() == words.collect(), again.first())
with gzip.open(out + "/gz/part-00001.gz", "rt") as f:
    print(len(f.readlines()))
with gzip.open(out + "/log.txt.gz", "wt") as f:
    f.write("\n".join(["INFO a", "ERROR b", "WARN c", "ERROR d"]))
logs = sc.textFile(out + "/log.txt.gz")
print(logs.filter(lambda l: l.startswith("ERROR")).map(lambda l: l.split()[1]).collect(), logs.getNumPartitions())
print(spark.read.text(out + "/log.txt.gz").count(), spark.read.csv(out + "/log.txt.gz", sep=" ").collect())
with bz2.open(out + "/log.txt.bz2", "wt") as f:
    f.write("one\ntwo\n")
print(sc.textFile(out + "/log.txt.bz2,"+ out + "/log.txt.gz").collect())
print(sc.textFile(out + "/log.txt.*").count(), sc.wholeTextFiles(out + "/log.txt.gz").values().collect())
spark.range(3).write.mode("overwrite").option("compression", "gzip").csv(out + "/csvgz")
print(sorted(x.value for x in spark.read.text(out + "/csvgz").collect()), [f[-7:] for f in os.listdir(out + "/csvgz") if f.startswith("part")][:1])
pairs = sc.parallelize([("a", 1), ("b", 2)])
pairs.saveAsSequenceFile(out + "/seq", "org.apache.hadoop.io.compress.GzipCodec")
print(sorted(sc.sequenceFile(out + "/seq").collect()))
pairs.saveAsPickleFile(out + "/pickle", 1)
print(sorted(sc.pickleFile(out + "/pickle").collect()))
try:
    words.saveAsTextFile(out + "/gz")
    print("written")
except Exception as e:
    print(type(e).__name__, "already exists" in str(e))
try:
    sc.textFile(out + "/nothing").count()
except Exception as e:
    print(type(e).__name__, "Input path does not exist" in str(e))
spark.stop()
