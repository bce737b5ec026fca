import re
import sys
import datetime
from pyspark.sql import Row, SparkSession
month_map = {'Jan': 1, 'Feb': 2, 'Mar': 3}
def parse_apache_time(s):
    return datetime.datetime(int(s[7:11]), month_map[s[3:6]], int(s[0:2]), int(s[12:14]), int(s[15:17]), int(s[18:20]))
APACHE_ACCESS_LOG_PATTERN = r'^(\S+) (\S+) (\S+) \[([\w:/]+\s[+\-]\d{4})\] "(\S+) (\S+)\s*(\S*)" (\d{3}) (\S+)'
def parseApacheLogLine(logline):
    match = re.search(APACHE_ACCESS_LOG_PATTERN, logline)
    if match is None:
        return (logline, 0)
    size_field = match.group(9)
    size = 0 if size_field == '-' else int(size_field)
    return (Row(host=match.group(1), client_identd=match.group(2), user_id=match.group(3), date_time=parse_apache_time(match.group(4)),
                method=match.group(5), endpoint=match.group(6), protocol=match.group(7), response_code=int(match.group(8)), content_size=size), 1)
spark = SparkSession.builder.master("local[2]").appName("logs").getOrCreate()
sc = spark.sparkContext
def parseLogs():
    parsed_logs = sc.textFile(sys.argv[1] + "/access.log").union(sc.parallelize(["garbage"])).map(parseApacheLogLine).cache()
    access_logs = parsed_logs.filter(lambda s: s[1] == 1).map(lambda s: s[0]).cache()
    failed_logs = parsed_logs.filter(lambda s: s[1] == 0).map(lambda s: s[0])
    if failed_logs.count() > 0:
        print('Number of invalid logline: %d' % failed_logs.count())
        for line in failed_logs.take(20):
            print('Invalid logline: %s' % line)
    print('Read %d lines, successfully parsed %d lines, failed to parse %d lines' % (parsed_logs.count(), access_logs.count(), failed_logs.count()))
    return parsed_logs, access_logs, failed_logs
parsed_logs, access_logs, failed_logs = parseLogs()
content_sizes = access_logs.map(lambda log: log.content_size).cache()
print('Content Size Avg: %i, Min: %i, Max: %s' % (content_sizes.reduce(lambda a, b: a + b) / content_sizes.count(), content_sizes.min(), content_sizes.max()))
responseCodeToCount = access_logs.map(lambda log: (log.response_code, 1)).reduceByKey(lambda a, b: a + b).cache()
print('Response Code Counts: %s' % responseCodeToCount.takeOrdered(100))
hosts = access_logs.map(lambda log: (log.host, 1)).reduceByKey(lambda a, b: a + b).filter(lambda s: s[1] > 10).map(lambda s: s[0]).sortBy(str).take(20)
print('Any 20 hosts that have accessed more then 10 times: %s' % hosts)
endpoints = access_logs.map(lambda log: (log.endpoint, 1)).reduceByKey(lambda a, b: a + b)
print('Top Ten Endpoints: %s' % endpoints.takeOrdered(10, lambda s: -1 * s[1]))
print(access_logs.map(lambda l: (l.date_time.day, l.host)).groupByKey().map(lambda kv: (kv[0], len(set(kv[1])))).sortByKey().cache().take(5))
badRecords = access_logs.filter(lambda log: log.response_code == 404).cache()
print('Found %d 404 URLs' % badRecords.count(), badRecords.map(lambda l: (l.date_time.hour, 1)).reduceByKey(lambda a, b: a + b).takeOrdered(3, lambda s: (-s[1], s[0])))
df = access_logs.toDF()
df.printSchema()
df.groupBy("method").agg({"content_size": "sum", "*": "count"}).orderBy("method").show()
df.select("host", "date_time").orderBy("date_time", "host").show(3, False)
spark.stop()
