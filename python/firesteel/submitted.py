"""What `firesteel submit` was told: the connection and the configuration, read from the environment it set."""

import functools
import json
import os

RUN_DIR = "FIRESTEEL_RUN_DIR"


def connection():
    """The connection string of the server that this program runs against, or None."""
    return os.environ.get("SPARK_REMOTE")


@functools.lru_cache(maxsize=None)
def configuration():
    """The configuration given by flags, `--conf` and properties files, as a dict of strings."""
    directory = os.environ.get(RUN_DIR)
    if directory is None:
        return {}
    try:
        with open(os.path.join(directory, "conf.json")) as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def files_directory():
    """The directory of `--files` and `SparkContext.addFile`; made when first asked for."""
    directory = os.environ.get(RUN_DIR)
    if directory is None:
        directory = _own_directory()
    directory = os.path.join(directory, "files")
    os.makedirs(directory, exist_ok=True)
    return directory


@functools.lru_cache(maxsize=None)
def _own_directory():
    import atexit
    import shutil
    import tempfile

    directory = tempfile.mkdtemp(prefix="firesteel-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory
