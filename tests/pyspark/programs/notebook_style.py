# %%
import pyspark
from pyspark.sql import SparkSession
import pyspark.sql.functions as F
import pyspark.sql.types as T
import sys, os, time
# %%
spark = SparkSession.builder.master('local[*]').appName("My Notebook").config('spark.driver.memory', '2g').config("spark.sql.repl.eagerEval.enabled", True).getOrCreate()
sc = spark.sparkContext
data = sys.argv[1]
# %%
movies = sc.textFile(data + '/movies.csv').map(lambda l: l.split('::')).map(lambda p: (int(p[0]), p[1], p[2].split('|')))
movies.take(3)
print(movies.take(1))
# %%
df_m = spark.createDataFrame(movies, ['movieId', 'title', 'genres'])
df_r = spark.read.csv(data + '/ratings.csv', header=True, inferSchema=True)
df_m.show(3); df_r.show(3)
print(df_r); print(df_r.columns, (df_r.count(), len(df_r.columns)))
df_r.describe().show()
# %%
top = (df_r.groupBy('movieId')
           .agg(F.count('rating').alias('n'), F.round(F.avg('rating'), 2).alias('avg'))
           .filter(F.col('n') >= 20)
           .join(df_m, on='movieId', how='inner')
           .orderBy(F.desc('avg'), 'movieId'))
top.show(5, truncate=False)
top.select('title', F.regexp_extract('title', r'\((\d{4})\)', 1).cast(T.IntegerType()).alias('year')).sort('year', 'title').show(3)
# %%
exploded = df_m.withColumn('genre', F.explode('genres'))
exploded.groupBy('genre').count().sort(F.desc('count'), 'genre').show()
genre_avg = exploded.join(df_r, 'movieId').groupBy('genre').agg(F.mean('rating')).toPandas()
print(genre_avg.sort_values('genre').round(3).to_string(index=False))
# %%
long_title = F.udf(lambda t: 'Long' if len(t) > 14 else 'Short', T.StringType())
df_m.select('title', long_title(df_m.title).alias('kind')).groupBy('kind').count().orderBy('kind').show()
square = spark.udf.register('square', lambda x: x * x, T.FloatType())
df_r.createOrReplaceTempView('ratings'); df_m.createOrReplaceTempView('movies')
spark.sql('select square(rating) as s, count(*) as n from ratings group by square(rating) order by s desc limit 3').show()
df_r.select(square('rating')).show(1)
spark.sql("select m.title, percentile_approx(r.rating, 0.5) med from ratings r join movies m using (movieId) group by m.title order by med desc, m.title limit 3").show(truncate=False)
# %%
df_r = df_r.withColumn('when', F.from_unixtime('timestamp').cast('timestamp')).withColumn('liked', (F.col('rating') >= 3.5).cast('int'))
df_r.select(F.min('when'), F.max('when')).show()
df_r.groupBy('userId').agg(F.sum('liked').alias('likes')).orderBy(F.col('likes').desc(), F.col('userId')).limit(3).show()
pdf = df_r.groupBy('liked').count().orderBy('liked').toPandas()
print(pdf.to_dict('list'))
# %%
train, test = df_r.randomSplit([0.8, 0.2], seed=42)
print(train.count() + test.count(), df_r.sample(0.1, 3).count() < 400, df_r.sampleBy('liked', {0: 0.1, 1: 0.1}, seed=0).count() < 400)
print(df_r.corr('rating', 'movieId') < 1, df_r.select('userId').distinct().count(), df_r.filter(df_r.rating.isNull()).count())
for c in df_r.columns[:2]:
    print(c, df_r.select(F.countDistinct(c)).collect()[0][0])
df_r.select([F.count(F.when(F.isnan(c) | F.col(c).isNull(), c)).alias(c) for c in ['rating', 'movieId']]).show()
df_r.limit(2).toPandas().head()
print(df_r.limit(2)._repr_html_().count('<tr>') if hasattr(df_r, '_repr_html_') else None)
print(spark.catalog.listTables()[0].name, sorted(t.name for t in spark.catalog.listTables()), [d.name for d in spark.catalog.listDatabases()])
spark.catalog.dropTempView('ratings'); spark.catalog.dropTempView('movies')
# %%
sc.stop()
