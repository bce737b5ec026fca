"""`spark.read.json(rdd)`, `csv(rdd)` and `xml(rdd)`: texts of an RDD instead of files.

Patches `pyspark.sql.connect.readwriter`.
"""

import functools


def patch(module):
    for name in ("json", "csv", "xml"):
        setattr(module.DataFrameReader, name, of_texts(getattr(module.DataFrameReader, name)))


def of_texts(read):
    @functools.wraps(read)
    def read_texts(self, path, *args, **kwargs):
        from firesteel.rdd import RDD

        if isinstance(path, RDD):
            from pyspark.sql.types import StringType

            path = self._client.createDataFrame(path.map(as_text), StringType())
        return read(self, path, *args, **kwargs)

    return read_texts


def as_text(record):
    return record.decode("utf-8") if isinstance(record, bytes) else str(record)
