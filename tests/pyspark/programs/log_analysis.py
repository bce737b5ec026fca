import sys
import re
from pyspark.sql import SparkSession, Row
PAT = r'^(\S+) (\S+) (\S+) \[([\w:/]+\s[+\-]\d{4})\] "(\S+) (\S+)\s*(\S*)" (\d{3}) (\S+)'
spark = SparkSession.builder.appName("logs").master("local[2]").getOrCreate()
sc = spark.sparkContext
failed = sc.accumulator(0)
def parse(line):
    m = re.search(PAT, line)
    if m is None:
        failed.add(1)
        return (line, 0)
    size = 0 if m.group(9) == '-' else int(m.group(9))
    return (Row(host=m.group(1), method=m.group(5), endpoint=m.group(6), code=int(m.group(8)), size=size), 1)
parsed = sc.textFile(sys.argv[1] + "/access.log").map(parse).cache()
access = parsed.filter(lambda s: s[1] == 1).map(lambda s: s[0]).cache()
print(access.count(), failed.value)
sizes = access.map(lambda log: log.size).cache()
print("avg %.2f min %d max %d" % (sizes.reduce(lambda a, b: a + b) / sizes.count(), sizes.min(), sizes.max()))
print(sizes.stats())
print(sizes.histogram(4), sizes.histogram([0, 100, 1000, 10000]))
print(access.map(lambda l: (l.code, 1)).reduceByKey(lambda a, b: a + b).cache().take(100))
print(access.map(lambda l: (l.host, 1)).reduceByKey(lambda a, b: a + b).filter(lambda s: s[1] > 10).map(lambda s: s[0]).sortBy(lambda h: h).take(20))
print(access.map(lambda l: (l.endpoint, 1)).reduceByKey(lambda a, b: a + b).takeOrdered(10, lambda s: -1 * s[1]))
df = access.toDF()
df.printSchema()
df.groupBy("method", "code").count().orderBy("method", "code").show()
print(access.first())
spark.stop()
