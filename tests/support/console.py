"""Programs whose standard output is the answer: what streams show on the console comes from the engine's process, not
from Python. Each runs on its own: on a JVM it is the recording, by `firesteel submit` the test.
"""

import os
import pathlib
import subprocess

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(TESTS, "pyspark", "console")


def names():
    return sorted(path.stem for path in pathlib.Path(FOLDER).glob("*.py"))


def expected_path(name):
    return os.path.join(TESTS, "pyspark", "expected", "console", name + ".txt")


def printed(name, folder, environment, command):
    """What a program prints."""
    folder = os.path.join(folder, name)
    os.makedirs(folder)
    with open(os.path.join(folder, "log"), "wb") as log:
        ended = subprocess.run(
            [*command, os.path.join(FOLDER, name + ".py"), folder], cwd=folder, env={**environment, "TZ": "UTC"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, timeout=300,
        )
    if ended.returncode != 0:
        raise RuntimeError(f"{name} ended with {ended.returncode}; see {log.name}")
    return ended.stdout.decode().replace(folder, "FOLDER")
