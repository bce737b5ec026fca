"""Files the Hadoop way: sequence files, pickles, whole folders, binary files, key-value text, compression, globs, partitions of input."""
import glob
import gzip
import os
import pickle
import struct
import sys

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

data, out = sys.argv[1:3]
sc = SparkContext(conf=SparkConf().setMaster("local[2]").setAppName("hadoop files"))
pairs = sc.parallelize([(i, "v%d" % i) for i in range(6)], 2)
pairs.saveAsSequenceFile(out + "/seq")
print(sorted(os.path.basename(p) for p in glob.glob(out + "/seq/*")))
print(sorted(sc.sequenceFile(out + "/seq").collect()))
print(sorted(sc.sequenceFile(out + "/seq", "org.apache.hadoop.io.IntWritable", "org.apache.hadoop.io.Text").mapValues(str.upper).collect())[:2])
sc.parallelize([("k%d" % i, float(i)) for i in range(4)]).saveAsSequenceFile(out + "/seqd", "org.apache.hadoop.io.compress.GzipCodec")
print(sorted(sc.sequenceFile(out + "/seqd").collect()))
sc.parallelize([(None, bytearray(b"abc")), (None, bytearray(b""))]).saveAsSequenceFile(out + "/seqb")
print(sorted(sc.sequenceFile(out + "/seqb").values().map(bytes).collect()))
lines = sc.newAPIHadoopFile(data + "/people.txt", "org.apache.hadoop.mapreduce.lib.input.TextInputFormat", "org.apache.hadoop.io.LongWritable", "org.apache.hadoop.io.Text")
print(lines.collect())
print(sc.hadoopFile(data + "/people.txt", "org.apache.hadoop.mapred.TextInputFormat", "org.apache.hadoop.io.LongWritable", "org.apache.hadoop.io.Text").values().collect())
with open(out + "/kv.txt", "w") as f:
    f.write("a\t1\nb\t2\tx\nc\n")
print(sc.newAPIHadoopFile(out + "/kv.txt", "org.apache.hadoop.mapreduce.lib.input.KeyValueTextInputFormat", "org.apache.hadoop.io.Text", "org.apache.hadoop.io.Text").collect())
with open(out + "/records.txt", "w") as f:
    f.write("id: 1\nname: x\n\nid: 2\nname: y\n\n")
print(sc.newAPIHadoopFile(out + "/records.txt", "org.apache.hadoop.mapreduce.lib.input.TextInputFormat", "org.apache.hadoop.io.LongWritable", "org.apache.hadoop.io.Text", conf={"textinputformat.record.delimiter": "\n\n"}).values().collect())
print(sc.newAPIHadoopFile(out + "/records.txt", "org.apache.hadoop.mapreduce.lib.input.TextInputFormat", "org.apache.hadoop.io.LongWritable", "org.apache.hadoop.io.Text", conf={"textinputformat.record.delimiter": "id: "}).collect())
sc._jsc.hadoopConfiguration().set("textinputformat.record.delimiter", "\n\n")
print(sc.textFile(out + "/records.txt").map(lambda r: dict(line.split(": ") for line in r.split("\n"))).collect())
sc._jsc.hadoopConfiguration().unset("textinputformat.record.delimiter")
# pickles
sc.parallelize([{"a": 1}, ("t", None), [1, 2], "text", 3.5, {1, 2}], 3).saveAsPickleFile(out + "/pickles", 2)
print(sorted(map(repr, sc.pickleFile(out + "/pickles").collect())), sc.pickleFile(out + "/pickles", 5).getNumPartitions() >= 3)
# binary
for n in range(3):
    with open(f"{out}/b{n}.bin", "wb") as f:
        f.write(struct.pack(">iif", n, n * n, n / 2))
print(sorted((os.path.basename(k), struct.unpack(">iif", bytes(v))) for k, v in sc.binaryFiles(out + "/*.bin").collect()))
print(sorted(struct.unpack(">i", r)[0] for r in sc.binaryRecords(out + "/*.bin", 4).collect())[:5])
with gzip.open(out + "/z.gz", "wt") as f:
    f.write("one\ntwo\r\nthree")
print(sc.textFile(out + "/z.gz", 4).getNumPartitions(), sc.textFile(out + "/z.gz").collect())
whole = sc.wholeTextFiles(data + "/mail", 3)
print(sorted((os.path.basename(k), len(v)) for k, v in whole.collect()), whole.keys().first().startswith("file:"))
print(sc.textFile(f"{data}/people.txt,{out}/kv.txt").count(), sc.textFile(data + "/mail/m[0-2].txt").filter(lambda l: l.startswith("Subject")).count(), sc.textFile(data + "/mail/{m0,m5}.txt").count(), sc.textFile(data + "/mail").count())
sc.parallelize(["x", None, 5, "é", b"bytes"], 2).saveAsTextFile(out + "/text")
print([open(p, encoding="utf-8").read() for p in sorted(glob.glob(out + "/text/part-*"))])
sc.parallelize(range(100), 4).saveAsTextFile(out + "/packed", "org.apache.hadoop.io.compress.BZip2Codec")
print(sorted(os.path.basename(p) for p in glob.glob(out + "/packed/part*")), sc.textFile(out + "/packed").map(int).sum())
bad = open(out + "/latin.txt", "wb")
bad.write("caf\u00e9\n".encode("latin-1"))
bad.close()
print(sc.textFile(out + "/latin.txt").collect(), sc.textFile(out + "/latin.txt", use_unicode=False).map(lambda b: b.decode("latin-1") if isinstance(b, bytes) else b).collect())
for work in (lambda: sc.textFile(out + "/nothing").count(), lambda: pairs.saveAsSequenceFile(out + "/seq"), lambda: sc.wholeTextFiles(out + "/none").count()):
    try:
        print(work())
    except Exception as error:
        print(type(error).__name__)
spark = SparkSession(sc)
df = spark.read.format("binaryFile").option("pathGlobFilter", "*.bin").load(out)
print(df.columns, sorted((os.path.basename(r.path), r.length, bytes(r.content)[:4]) for r in df.collect()))
text = spark.read.text(data + "/mail", wholetext=True).selectExpr("split(value, '\n')[0] AS subject", "_metadata.file_name AS name", "_metadata.file_size AS size")
text.orderBy("name").show(truncate=False)
spark.read.option("lineSep", ":").text(out + "/records.txt").show(truncate=False)
sc.stop()
