"""Words of a text counted by RDD, the commonest ten printed: word_count.py FILE."""

import sys
from operator import add

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
counts = spark.sparkContext.textFile(sys.argv[1]).flatMap(str.split).map(lambda word: (word, 1)).reduceByKey(add)
for word, count in counts.takeOrdered(10, key=lambda pair: (-pair[1], pair[0])):
    print(word, count)
print(counts.count())
spark.stop()
