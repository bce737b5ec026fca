"""Programs whose answer is all that their process prints, a JVM's part of it too: `pyspark/console/*.py`."""

import os
import pathlib
import subprocess

from .servers import TESTS

FOLDER = os.path.join(TESTS, "pyspark", "console")


def names():
    return sorted(path.stem for path in pathlib.Path(FOLDER).glob("*.py"))


def expected_path(name):
    return os.path.join(TESTS, "pyspark", "expected", f"console_{name}.txt")


def printed(name, folder, environment, command):
    """What the program prints, run by a command that takes its path."""
    program = [*command, os.path.join(FOLDER, name + ".py")]
    done = subprocess.run(program, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
