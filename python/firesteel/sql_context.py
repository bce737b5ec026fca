"""`SQLContext(sc)` and `HiveContext(sc)`: the entry points of Spark 1, over the session.

Patches `pyspark.sql.context`. Methods that PySpark already hands to the session stay as they are; the ones that asked
the JVM ask the session's catalog.
"""

import warnings


def patch(module):
    sql_context, hive_context = module.SQLContext, module.HiveContext

    def construct(self, sparkContext, sparkSession=None, jsqlContext=None):
        if sparkSession is None:
            message = "Deprecated in 3.0.0. Use SparkSession.builder.getOrCreate() instead."
            warnings.warn(message, FutureWarning, stacklevel=2)
            sparkSession = sparkContext._session
        self._sc = sparkContext
        self.sparkSession = sparkSession
        if sql_context._instantiatedContext is None or sql_context._instantiatedContext._sc._stopped:
            sql_context._instantiatedContext = self

    def construct_hive(self, sparkContext, sparkSession=None, jhiveContext=None):
        message = "HiveContext is deprecated in Spark 2.0.0. Please use SparkSession instead."
        warnings.warn(message, FutureWarning, stacklevel=2)
        construct(self, sparkContext, sparkSession or sparkContext._session)

    def get_or_create(cls, sc, static_conf=None):
        known = sql_context._instantiatedContext
        return cls(sc, sc._session) if known is None or known._sc._stopped else known

    sql_context.__init__ = construct
    hive_context.__init__ = construct_hive
    sql_context._get_or_create = classmethod(get_or_create)
    hive_context._get_or_create = classmethod(get_or_create)
    hive_context.refreshTable = lambda self, tableName: self.sparkSession.catalog.refreshTable(tableName)

    for name, replacement in {
        "registerDataFrameAsTable": lambda self, df, tableName: df.createOrReplaceTempView(tableName),
        "dropTempTable": lambda self, tableName: self.sparkSession.catalog.dropTempView(tableName),
        "cacheTable": lambda self, tableName: self.sparkSession.catalog.cacheTable(tableName),
        "uncacheTable": lambda self, tableName: self.sparkSession.catalog.uncacheTable(tableName),
        "clearCache": lambda self: self.sparkSession.catalog.clearCache(),
        "tables": tables,
        "tableNames": lambda self, dbName=None: [row.tableName for row in tables(self, dbName).collect()],
        "read": property(lambda self: self.sparkSession.read),
        "readStream": property(lambda self: self.sparkSession.readStream),
        "streams": property(lambda self: self.sparkSession.streams),
    }.items():
        setattr(sql_context, name, replacement)


def tables(self, dbName=None):
    """The tables of a database as a DataFrame, as `SQLContext.tables` gives it."""
    where = "" if dbName is None else " IN `%s`" % dbName.replace("`", "``")
    return self.sparkSession.sql("SHOW TABLES" + where)
