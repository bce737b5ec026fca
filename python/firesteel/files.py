"""`SparkFiles`: where the files of `--files` and `SparkContext.addFile` are."""

import os

from firesteel import submitted

__all__ = ["SparkFiles"]


class SparkFiles:
    """Resolves paths of added files. Only class methods, as in Spark."""

    def __init__(self):
        raise NotImplementedError("Do not construct SparkFiles objects")

    @classmethod
    def get(cls, filename):
        return os.path.join(cls.getRootDirectory(), filename)

    @classmethod
    def getRootDirectory(cls):
        return os.path.abspath(submitted.files_directory())
