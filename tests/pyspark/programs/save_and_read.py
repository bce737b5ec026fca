import sys
import os, shutil, glob, gzip
from pyspark import SparkContext
sc = SparkContext("local[2]", "files")
out = sys.argv[2] + "/out13"
shutil.rmtree(out, ignore_errors=True)
r = sc.parallelize(["l%d" % i for i in range(10)], 3)
r.saveAsTextFile(out + "/t")
print(sorted(n for n in os.listdir(out + "/t") if not n.endswith(".crc")))
for f in sorted(glob.glob(out + "/t/part*")):
    print(open(f).read().split())
r.saveAsTextFile(out + "/gz", compressionCodecClass="org.apache.hadoop.io.compress.GzipCodec")
print(sorted(n for n in os.listdir(out + "/gz") if not n.endswith(".crc")), sorted(sc.textFile(out + "/gz").collect()))
try:
    r.saveAsTextFile(out + "/t")
except Exception as e:
    print(type(e).__name__, str(e).split("\n")[1] if "\n" in str(e) else str(e))
sc.parallelize([{"a": 1}, (2, [3]), None], 2).saveAsPickleFile(out + "/p")
print(sorted(sc.pickleFile(out + "/p").collect(), key=str))
sc.parallelize([("k%d" % i, i) for i in range(6)], 2).saveAsSequenceFile(out + "/s")
print(sorted(sc.sequenceFile(out + "/s").collect()))
print(sorted((os.path.basename(k), v) for k, v in sc.wholeTextFiles(sys.argv[1] + "/mail").collect()))
print(sorted((os.path.basename(k), len(v)) for k, v in sc.binaryFiles(sys.argv[1] + "/mail/*.txt").collect()))
print(sc.textFile(sys.argv[1] + "/mail/m[0-2].txt," + sys.argv[1] + "/mail/m5.txt").collect())
print(sc.textFile(out + "/t/part-00002", 5).glom().collect(), sc.textFile(out + "/t/part-00000", use_unicode=False).first())
try:
    sc.textFile("/tmp/nope/none.txt").count()
except Exception as e:
    print(type(e).__name__, [l for l in str(e).split("\n") if "Input path" in l][:1])
sc.stop()
