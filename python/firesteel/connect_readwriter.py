"""`spark.read.json(rdd)`, `csv(rdd)` and `xml(rdd)`: texts of an RDD instead of files; and errors for files and tables that
are not there when they are named, where scripts catch them, not when an action runs.

Patches `pyspark.sql.connect.readwriter`.
"""

import functools

# What needs no question whether there is such a source.
FORMATS = {"parquet", "csv", "json", "text", "orc", "avro", "xml", "binaryfile", "jdbc"}
MODES = ("append", "overwrite", "ignore", "error", "errorifexists", "default")


def patch(module):
    for name in ("json", "csv", "xml"):
        setattr(module.DataFrameReader, name, of_texts(getattr(module.DataFrameReader, name)))
    module.DataFrameReader.load = checking_files(module.DataFrameReader.load)
    module.DataFrameReader.table = checking(module.DataFrameReader.table)
    module.DataFrameWriter.mode = checking_mode(module.DataFrameWriter.mode)


def checking_files(load):
    @functools.wraps(load)
    def load_and_check(self, path=None, *args, **kwargs):
        dataframe = load(self, path, *args, **kwargs)
        paths = [path] if isinstance(path, str) else path or []
        if any(is_missing(str(one)) for one in paths) or str(self._format or "parquet").lower() not in FORMATS:
            # The server says so in Spark's words; or it knows the place.
            dataframe.schema
        return dataframe

    return load_and_check


def checking(read):
    @functools.wraps(read)
    def read_and_check(self, *args, **kwargs):
        dataframe = read(self, *args, **kwargs)
        dataframe.schema
        return dataframe

    return read_and_check


def checking_mode(mode):
    @functools.wraps(mode)
    def mode_and_check(self, saveMode):
        if saveMode is not None and saveMode.lower() not in MODES:
            from pyspark.errors.exceptions.connect import AnalysisException

            valid = ", ".join('"%s"' % one for one in MODES[:-1]) + ', and "%s"' % MODES[-1]
            raise AnalysisException(
                '[INVALID_SAVE_MODE] The specified save mode "%s" is invalid. Valid save modes include %s. SQLSTATE: 42000'
                % (saveMode, valid),
                errorClass="INVALID_SAVE_MODE",
                messageParameters={"mode": '"%s"' % saveMode},
                sql_state="42000",
            )
        return mode(self, None if saveMode is None or saveMode.lower() == "default" else saveMode)

    return mode_and_check


def is_missing(path):
    import glob
    import os

    from firesteel.rdd import hadoop_files

    if hadoop_files.is_remote(path):
        return False
    local = hadoop_files.local_path(path)
    return not os.path.exists(local) and not any(glob.glob(one) for one in hadoop_files.braces(local))


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
