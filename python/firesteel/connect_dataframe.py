"""`df.rdd` on the Connect client's DataFrame. Patches `pyspark.sql.connect.dataframe`."""

from firesteel.rdd import RDD


def patch(module):
    module.DataFrame.rdd = property(RDD)
