import sys
from pyspark import SparkConf, SparkContext
sc = SparkContext("local[2]", "MinTemperatures")
def parseLine(line):
    f = line.split(',')
    return (f[0], f[2], float(f[3]) * 0.1 * (9.0 / 5.0) + 32.0)
parsed = sc.textFile(sys.argv[1] + "/1800.csv").map(parseLine)
minTemps = parsed.filter(lambda x: "TMIN" in x[1])
stationTemps = minTemps.map(lambda x: (x[0], x[2]))
for result in stationTemps.reduceByKey(lambda x, y: min(x, y)).collect():
    print(result[0] + "\t{:.2f}F".format(result[1]))
print(stationTemps.groupByKey().mapValues(lambda v: (len(v), round(max(v), 3))).collect())
print(stationTemps.groupByKey().collect()[0][1].__class__.__name__)
print(stationTemps.aggregateByKey((0.0, 0), lambda a, v: (a[0]+v, a[1]+1), lambda a, b: (a[0]+b[0], a[1]+b[1])).mapValues(lambda t: round(t[0]/t[1], 4)).collect())
sc.stop()
