import sys
from pyspark import SparkContext, SparkConf
from pyspark.sql import SQLContext, HiveContext, Row
sc = SparkContext.getOrCreate(SparkConf().setMaster("local[2]").setAppName("old"))
sqlContext = SQLContext(sc)
df = sqlContext.read.json(sys.argv[1] + "/people.json")
df.printSchema()
df.registerTempTable("people")
sqlContext.sql("select addr.city, count(*) n, sum(age) from people group by addr.city order by 1").show()
r = sqlContext.createDataFrame(sc.parallelize([Row(a=1), Row(a=2)]))
print(r.collect(), sqlContext.tableNames(), sqlContext.range(3).count())
sqlContext.setConf("spark.sql.shuffle.partitions", "3")
print(sqlContext.getConf("spark.sql.shuffle.partitions"))
sqlContext.cacheTable("people"); sqlContext.uncacheTable("people"); sqlContext.dropTempTable("people")
print(df.rdd.map(lambda r: (r.addr.city, r.age or 0)).reduceByKey(lambda a, b: a + b).sortByKey().collect())
print(df.rdd.flatMap(lambda r: r.tags).countByValue())
sqlContext.registerFunction("strlen", lambda s: len(s))
print(sqlContext.sql("select strlen('abcd')").collect())
sc.stop()
