"""Words of a text counted by DataFrame, the commonest ten printed: word_count_dataframe.py FILE."""

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.getOrCreate()
words = spark.read.text(sys.argv[1]).select(F.explode(F.split("value", " ")).alias("word"))
counts = words.groupBy("word").count().cache()
for word, count in counts.orderBy(F.desc("count"), "word").limit(10).collect():
    print(word, count)
print(counts.count())
spark.stop()
