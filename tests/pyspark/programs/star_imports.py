import sys
from operator import add
from pyspark import *
from pyspark.sql import *
from pyspark.sql.functions import *
from pyspark.sql.types import *
from pyspark.sql.window import *

if __name__ == "__main__":
    conf = SparkConf().setMaster("local").setAppName("Word Count - Python").set("spark.hadoop.validateOutputSpecs", "false")
    sc = SparkContext(conf=conf)
    sc.setLogLevel("ERROR")
    lines = sc.textFile(sys.argv[1] + "/book.txt", 1)
    counts = lines.flatMap(lambda x: x.split(' ')).map(lambda x: (x, 1)).reduceByKey(add)
    output = counts.collect()
    for (word, count) in output:
        print("%s: %i" % (word, count))
    print(counts.map(lambda x: (x[1], x[0])).sortByKey(False).take(5))
    print(counts.sortBy(lambda pair: -pair[1]).first(), counts.toDebugString() is not None)
    counts.foreach(lambda pair: None)
    counts.saveAsTextFile(sys.argv[2] + "/counts")
    counts.saveAsTextFile(sys.argv[2] + "/counts")
    print(sorted(f for f in __import__("os").listdir(sys.argv[2] + "/counts") if f[0] != "."))
    spark = SparkSession(sc)
    df = spark.createDataFrame(counts, ["word", "n"])
    df.orderBy(desc("n"), asc("word")).show(5, False)
    df.agg(sum("n"), max("n"), min(length("word"))).show()
    w = Window.orderBy(col("n").desc(), "word")
    df.withColumn("rank", row_number().over(w)).withColumn("share", round(col("n") / sum("n").over(Window.partitionBy()), 3)).show(3)
    sc.stop()
    sc.stop()
