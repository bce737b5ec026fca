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

    # In a worker: where the session's files are.
    _root_directory = None
    _is_running_on_worker = False

    @classmethod
    def getRootDirectory(cls):
        if cls._root_directory is not None:
            return cls._root_directory
        return os.path.abspath(submitted.files_directory())
