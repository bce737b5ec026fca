"""`df.rdd` on the Connect client's DataFrame. Patches `pyspark.sql.connect.dataframe`."""


def patch(module):
    from firesteel.rdd.dataframes import rows_of

    module.DataFrame.rdd = property(rows_of)
