# Structured Streaming with functions in Python, by files and by foreachBatch
import os, sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import explode, split, udf, col, pandas_udf
from pyspark.sql.types import StructType, StringType, IntegerType
import pandas as pd
spark = SparkSession.builder.appName("StructuredNetworkWordCount").master("local[2]").config("spark.sql.shuffle.partitions", 2).getOrCreate()
source = sys.argv[2] + "/in"
os.makedirs(source)
for n in range(3):
    with open("%s/%d.txt" % (source, n), "w") as f:
        f.write("apache spark\nhello spark %d\n" % n)
lines = spark.readStream.option("maxFilesPerTrigger", 1).text(source)
words = lines.select(explode(split(lines.value, " ")).alias("word"))
shout = udf(lambda w: w.upper() + "!", StringType())
wordCounts = words.withColumn("word", shout("word")).groupBy("word").count()
query = wordCounts.writeStream.outputMode("complete").format("memory").queryName("counts").trigger(availableNow=True).start()
query.awaitTermination()
spark.sql("select * from counts order by count desc, word").show()
print(lines.isStreaming, query.isActive, query.name, query.exception())
seen = []
def each(batch, number):
    seen.append((number, batch.count(), sorted(r[0] for r in batch.rdd.map(lambda r: (r.value.split()[0],)).distinct().collect())))
spark.readStream.option("maxFilesPerTrigger", 1).text(source).writeStream.foreachBatch(each).option("checkpointLocation", sys.argv[2] + "/ck").trigger(availableNow=True).start().awaitTermination()
print(seen)
@pandas_udf("int")
def length(s: pd.Series) -> pd.Series:
    return s.str.len().astype("int32")
q = spark.readStream.text(source).select(length("value").alias("n")).writeStream.format("memory").queryName("lengths").trigger(once=True).start()
q.awaitTermination()
spark.table("lengths").groupBy("n").count().orderBy("n").show()
target = sys.argv[2] + "/rows"
class Writer:
    def open(self, partition, epoch):
        return True
    def process(self, row):
        with open(target, "a") as f:
            f.write(row.value + "\n")
    def close(self, error):
        pass
spark.readStream.text(source).coalesce(1).writeStream.foreach(Writer()).trigger(availableNow=True).start().awaitTermination()
print(sorted(open(sys.argv[2] + "/rows").read().split("\n")))
def fail(batch, n):
    raise ValueError("batch %d is bad" % n)
q = spark.readStream.text(source).writeStream.foreachBatch(fail).start()
try:
    q.awaitTermination(60)
except Exception as e:
    print(type(e).__name__, "batch 0 is bad" in str(e))
spark.stop()
