"""`df.rdd`: what of an RDD the DataFrame itself can answer.

The RDD API proper (`map`, `reduceByKey`, `sc.parallelize`) is not here yet; its methods say so and name a way round.
"""

__all__ = ["RDD", "RDDBarrier"]

DATAFRAME_WAY = "the DataFrame's own operations (select, withColumn, groupBy), or Python on df.collect() when it is small."
WAYS_ROUND = {
    "map": "df.select or df.withColumn with expressions, or [f(row) for row in df.collect()] when it is small.",
    "flatMap": "df.select with functions.explode.",
    "filter": "df.filter with an expression.",
    "reduceByKey": "df.groupBy(key).agg(...).",
    "groupByKey": "df.groupBy(key).agg(functions.collect_list(...)).",
    "reduce": "df.agg(...).",
    "sum": "df.agg(functions.sum(...)).",
    "max": "df.agg(functions.max(...)).",
    "min": "df.agg(functions.min(...)).",
    "mean": "df.agg(functions.avg(...)).",
    "sortBy": "df.orderBy(...).",
    "sortByKey": "df.orderBy(...).",
    "zipWithIndex": "functions.row_number() over a window, or functions.monotonically_increasing_id().",
    "zipWithUniqueId": "functions.monotonically_increasing_id().",
    "saveAsTextFile": "df.write.text(path).",
    "countByValue": "df.groupBy(...).count().",
    "foreach": "for row in df.toLocalIterator(): ...",
    "foreachPartition": "for row in df.toLocalIterator(): ...",
}
METHODS = frozenset(WAYS_ROUND) | frozenset(
    "aggregate aggregateByKey barrier cartesian checkpoint coalesceByKey cogroup collectAsMap collectWithJobGroup "
    "combineByKey countApprox countApproxDistinct countByKey flatMapValues fold foldByKey fullOuterJoin "
    "getCheckpointFile getResourceProfile getStorageLevel glom groupBy groupWith histogram intersection isCheckpointed "
    "isLocallyCheckpointed join keyBy keys leftOuterJoin localCheckpoint lookup mapPartitions mapPartitionsWithIndex "
    "mapPartitionsWithSplit mapValues meanApprox partitionBy pipe randomSplit reduceByKeyLocally "
    "repartitionAndSortWithinPartitions rightOuterJoin sampleByKey sampleStdev sampleVariance saveAsHadoopDataset "
    "saveAsHadoopFile saveAsNewAPIHadoopDataset saveAsNewAPIHadoopFile saveAsPickleFile saveAsSequenceFile stats stdev "
    "subtract subtractByKey sumApprox takeOrdered takeSample top treeAggregate treeReduce union values variance "
    "withResources zip".split()
)


class RDD:
    """The rows of a DataFrame. Nothing runs before an action."""

    def __init__(self, dataframe):
        self._dataframe = dataframe
        self._name = None

    @property
    def context(self):
        return self._dataframe.sparkSession.sparkContext

    ctx = context

    def id(self):
        return id(self._dataframe)

    def name(self):
        return self._name

    def setName(self, name):
        self._name = name
        return self

    def isEmpty(self):
        return self._dataframe.isEmpty()

    def count(self):
        return self._dataframe.count()

    def collect(self):
        return self._dataframe.collect()

    def take(self, num):
        return self._dataframe.take(num)

    def first(self):
        rows = self._dataframe.take(1)
        if not rows:
            raise ValueError("RDD is empty")
        return rows[0]

    def toLocalIterator(self, prefetchPartitions=False):
        return self._dataframe.toLocalIterator(prefetchPartitions)

    def getNumPartitions(self):
        """The number of partitions, as far as they have rows: one more than the highest that a row is in.

        Spark counts empty partitions too; the protocol has no question for that.
        """
        from pyspark.sql import functions

        partition = functions.spark_partition_id().alias("partition")
        highest = self._dataframe.select(partition).agg(functions.max("partition")).first()[0]
        return 0 if highest is None else highest + 1

    def cache(self):
        self._dataframe.cache()
        return self

    def persist(self, storageLevel=None):
        if storageLevel is None:
            return self.cache()
        self._dataframe.persist(storageLevel)
        return self

    def unpersist(self, blocking=False):
        self._dataframe.unpersist(blocking)
        return self

    @property
    def is_cached(self):
        return self._dataframe.is_cached

    def distinct(self, numPartitions=None):
        return RDD(self._dataframe.distinct())

    def repartition(self, numPartitions):
        return RDD(self._dataframe.repartition(numPartitions))

    def coalesce(self, numPartitions, shuffle=False):
        return self.repartition(numPartitions) if shuffle else RDD(self._dataframe.coalesce(numPartitions))

    def sample(self, withReplacement, fraction, seed=None):
        return RDD(self._dataframe.sample(withReplacement, fraction, seed))

    def toDF(self, schema=None, sampleRatio=None):
        """A DataFrame of these rows, typed by the schema or by their Python values, as Spark's `toDF` types them."""
        dataframe = self._dataframe
        names = [] if schema is None else schema
        if isinstance(names, (list, tuple)) and types_are_inferred_alike(dataframe.schema):
            if schema is None:
                return dataframe
            rest = ["_%d" % (position + 1) for position in range(len(names), len(dataframe.columns))]
            return dataframe.toDF(*names, *rest)
        return dataframe.sparkSession.createDataFrame(self.collect(), schema)

    def __getattr__(self, name):
        if name in METHODS:
            from firesteel.unsupported import unsupported

            raise unsupported("RDD.%s" % name, WAYS_ROUND.get(name, DATAFRAME_WAY))
        raise AttributeError("'RDD' object has no attribute '%s'" % name)

    def __reduce__(self):
        from pyspark.errors import PySparkRuntimeError

        raise PySparkRuntimeError(
            message="An RDD cannot be used inside a function that runs on other data: collect it first."
        )


def types_are_inferred_alike(schema):
    """Whether inferring types from the rows' Python values gives this schema again, so that no row need be looked at."""
    from pyspark.sql import types

    inferred = (types.StringType, types.LongType, types.DoubleType, types.BooleanType, types.DateType)
    return all(field.nullable and type(field.dataType) in inferred for field in schema.fields)


class RDDBarrier:
    def __init__(self, rdd):
        from firesteel.unsupported import unsupported

        raise unsupported("RDD.barrier", DATAFRAME_WAY)
