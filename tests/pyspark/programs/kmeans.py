import sys
import numpy as np
from pyspark.sql import SparkSession
def parseVector(line):
    return np.array([float(x) for x in line.split(' ')])
def closestPoint(p, centers):
    bestIndex = 0
    closest = float("+inf")
    for i in range(len(centers)):
        tempDist = np.sum((p - centers[i]) ** 2)
        if tempDist < closest:
            closest = tempDist
            bestIndex = i
    return bestIndex
spark = SparkSession.builder.master("local[3]").appName("PythonKMeans").getOrCreate()
lines = spark.read.text(sys.argv[1] + "/points.txt").rdd.map(lambda r: r[0])
data = lines.map(parseVector).cache()
K, convergeDist = 3, 0.01
kPoints = data.takeSample(False, K, 1)
print([list(np.round(p, 4)) for p in kPoints])
tempDist = 1.0
while tempDist > convergeDist:
    closest = data.map(lambda p: (closestPoint(p, kPoints), (p, 1)))
    pointStats = closest.reduceByKey(lambda p1_c1, p2_c2: (p1_c1[0] + p2_c2[0], p1_c1[1] + p2_c2[1]))
    newPoints = pointStats.map(lambda st: (st[0], st[1][0] / st[1][1])).collect()
    tempDist = sum(np.sum((kPoints[iK] - p) ** 2) for (iK, p) in newPoints)
    for (iK, p) in newPoints:
        kPoints[iK] = p
print("Final centers: " + str([list(np.round(p, 4)) for p in kPoints]))
spark.stop()
