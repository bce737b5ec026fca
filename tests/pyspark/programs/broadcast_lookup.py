import csv, io, sys
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType
import codecs
spark = SparkSession.builder.appName("PopularMovies").master("local[2]").getOrCreate()
sc = spark.sparkContext
def loadMovieNames():
    movieNames = {}
    with codecs.open(sys.argv[1] + "/movies.csv", "r", encoding="ISO-8859-1", errors="ignore") as f:
        for line in f:
            fields = line.split("::")
            movieNames[int(fields[0])] = fields[1]
    return movieNames
nameDict = sc.broadcast(loadMovieNames())
print(type(nameDict).__name__, len(nameDict.value))
df = spark.read.option("header", True).csv(sys.argv[1] + "/ratings.csv").withColumn("movieId", F.col("movieId").cast("int"))
counts = df.groupBy("movieId").count()
def lookupName(movieID):
    return nameDict.value[movieID]
lookupNameUDF = F.udf(lookupName)
counts.withColumn("movieTitle", lookupNameUDF(F.col("movieId"))).orderBy(F.desc("count"), "movieId").show(5, False)
states = {"NY": "New York", "CA": "California", "FL": "Florida"}
countries = {"USA": "United States of America", "IN": "India"}
broadcastStates = sc.broadcast(states)
broadcastCountries = sc.broadcast(countries)
data = [("James", "Smith", "USA", "CA"), ("Michael", "Rose", "USA", "NY"), ("Robert", "Williams", "USA", "CA"), ("Maria", "Jones", "USA", "FL")]
rdd = sc.parallelize(data)
result = rdd.map(lambda x: (x[0], x[1], broadcastCountries.value[x[2]], broadcastStates.value[x[3]])).collect()
print(result)
columns = ["firstname", "lastname", "country", "state"]
df = spark.createDataFrame(data=data, schema=columns)
result = df.rdd.map(lambda x: (x[0], x[1], x[2], broadcastStates.value[x[3]])).toDF(columns)
result.show(truncate=False)
print(df.where((df['state'].isin(list(broadcastStates.value.keys())))).count())
class Model:
    def __init__(self, w):
        self.w = w
model = sc.broadcast(Model([1.0, 0.5]))
try:
    # pickled by name, and the workers' main module is another one
    sc.parallelize([(1, 2), (3, 4)]).map(lambda x: model.value.w).collect()
except Exception as e:
    print(type(e).__name__, "Can't get attribute 'Model' on <module" in str(e))
weights = sc.broadcast([1.0, 0.5])
print(sc.parallelize([(1, 2), (3, 4)]).map(lambda x: sum(a * b for a, b in zip(weights.value, x))).collect())
acc = sc.accumulator(0); bad = sc.accumulator(0.0)
def check(row):
    acc.add(1)
    if row["state"] == "CA":
        bad.add(0.5)
df.foreach(check)
print(acc.value, bad.value, acc)
broadcastStates.unpersist()
print(rdd.map(lambda x: broadcastStates.value[x[3]]).first())
broadcastStates.destroy()
try:
    rdd.map(lambda x: broadcastStates.value[x[3]]).collect()
except Exception as e:
    print(type(e).__name__)
spark.stop()
