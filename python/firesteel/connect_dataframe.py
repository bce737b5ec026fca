"""`df.rdd` and `df.toJSON()`, which is an RDD, on the Connect client's DataFrame. Patches `pyspark.sql.connect.dataframe`."""


def patch(module):
    from firesteel.rdd.dataframes import rows_of

    to_json = module.DataFrame.toJSON

    def texts_of(self, use_unicode=True):
        texts = rows_of(to_json(self))
        return texts.map(lambda row: row[0] if use_unicode else row[0].encode("utf-8"))

    texts_of.__doc__ = to_json.__doc__
    module.DataFrame.toJSON = texts_of
    module.DataFrame.rdd = property(rows_of)
