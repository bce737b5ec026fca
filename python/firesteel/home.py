"""A SPARK_HOME (`firesteel spark-home`), as `findspark` and notebooks put it on the path: the first `import pyspark` starts a
server for this process, and PySpark's own client takes the place of the module that was found there.
"""

import os
import re
import sys

LISTENS = re.compile(r"on (sc://\S+)")


def become_pyspark(folder):
    """Called by `<folder>/pyspark/__init__.py` while it is imported."""
    import importlib

    from firesteel import hook, run

    sys.path[:] = [path for path in sys.path if os.path.realpath(path or os.curdir) != os.path.realpath(folder)]
    del sys.modules["pyspark"]
    reason = run.client_is_missing()
    if reason is not None:
        raise ImportError(
            "%s cannot run PySpark programs: %s. Way round: pip install pyspark-client, or `firesteel submit`, which gets it by itself."
            % (sys.executable, reason)
        )
    if "SPARK_REMOTE" not in os.environ:
        start_server(os.path.join(os.path.dirname(folder), "bin", "firesteel"))
    hook.install()
    importlib.import_module("pyspark")


def start_server(binary):
    """A server that ends with this process, for nobody else."""
    import atexit
    import secrets
    import shlex
    import subprocess

    from firesteel.connect_session import end_with_the_parent

    os.environ["SPARK_CONNECT_AUTHENTICATE_TOKEN"] = secrets.token_hex(32)
    options = shlex.split(os.environ.get("PYSPARK_SUBMIT_ARGS", ""))
    options = [option for option in options if option != "pyspark-shell"]
    process = subprocess.Popen(
        [binary, "connect", "--host", "127.0.0.1", "--port", "0", *options],
        env={"PYSPARK_PYTHON": sys.executable, **os.environ},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=end_with_the_parent,
    )
    told = LISTENS.search(process.stdout.readline())
    if told is None:
        raise ImportError("%s connect did not start; its own words are on standard error" % binary)
    os.environ["SPARK_REMOTE"] = told.group(1)

    def stop():
        process.terminate()
        process.wait(20)

    atexit.register(stop)
