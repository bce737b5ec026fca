"""The program `pyspark/old_client/functions.py` with PySpark 3.5, in an environment of its own."""

import json
import os
import subprocess

from support import servers

PYTHON = os.path.join(servers.ROOT, "target", "python", "old-client", "bin", "python")
PROGRAM = os.path.join(servers.TESTS, "pyspark", "old_client", "functions.py")
EXPECTED = os.path.join(servers.TESTS, "pyspark", "expected", "old_client.json")


def answers(where, folder):
    """The answer of each case; `where` is the address of a server, or `local` for Spark 3.5 itself."""
    environment = {**servers.environment(), "PYSPARK_PYTHON": PYTHON, "PYSPARK_DRIVER_PYTHON": PYTHON}
    with open(os.path.join(folder, "old-client.log"), "wb") as log:
        ended = subprocess.run([PYTHON, PROGRAM, where], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, timeout=280)
    if ended.returncode != 0:
        raise RuntimeError(f"the program ended with {ended.returncode}; see {log.name}")
    return json.loads(ended.stdout.splitlines()[-1])
