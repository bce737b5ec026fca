"""What `firesteel submit` was told: the connection and the configuration, read from the environment it set."""

import functools
import json
import os

RUN_DIR = "FIRESTEEL_RUN_DIR"
# Locked files of folders of this process.
_OWNED = []


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
    return private_directory("files")


def private_directory(name):
    """A directory of this program's own, which ends with it; made when first asked for."""
    directory = os.path.join(os.environ.get(RUN_DIR) or _own_directory(), name)
    os.makedirs(directory, exist_ok=True)
    return directory


@functools.lru_cache(maxsize=None)
def _own_directory():
    import atexit
    import fcntl
    import shutil
    import tempfile

    directory = tempfile.mkdtemp(prefix="firesteel-")
    # Held until this process ends: the next start of Firesteel removes what it left (`temporary.rs`).
    _OWNED.append(open(os.path.join(directory, ".owner.new"), "wb"))
    fcntl.flock(_OWNED[-1], fcntl.LOCK_EX)
    os.rename(_OWNED[-1].name, os.path.join(directory, ".owner"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


@functools.lru_cache(maxsize=None)
def package_archive():
    """A zip file of this package, for the Python workers of servers that do not have it."""
    import zipfile

    root = os.path.dirname(os.path.abspath(__file__))
    target = os.path.join(private_directory("code"), "firesteel_tasks.zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in ("", "task", "rdd"):
            for name in sorted(os.listdir(os.path.join(root, folder))):
                if name.endswith(".py"):
                    archive.write(os.path.join(root, folder, name), os.path.join("firesteel", folder, name))
    return target
