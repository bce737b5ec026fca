"""Start a user's program: what ``firesteel submit`` and ``firesteel shell`` give to the Python interpreter.

Run by path: ``python run.py submit SCRIPT [ARG...]`` or ``python -i run.py shell``. It checks that this Python has a
PySpark client, installs the import hook, and becomes the script: the script's own ``__main__``, ``sys.argv`` and
``sys.path``, and a traceback that shows the script's frames only. The first lines must parse on any Python 3, because
they are what tells the user that theirs is too old.
"""

import os
import sys

# What `firesteel` reads: this exit status together with the file says "no PySpark client here", and why.
NO_CLIENT_STATUS = 79
NO_CLIENT_FILE = "no-client"
OLDEST_PYTHON = (3, 10)
OLDEST_PYSPARK = (4, 0)
MODULES = ("pandas", "pyarrow", "grpc", "grpc_status", "google.rpc", "zstandard")


def main():
    # sys.path[0] is this file's directory, which must not shadow the user's modules.
    package_root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    del sys.path[0]
    if package_root not in sys.path:
        sys.path.insert(0, package_root)
    mode, arguments = sys.argv[1], sys.argv[2:]

    reason = client_is_missing()
    if reason is not None and use_kept_client(package_root):
        reason = client_is_missing()
    if reason is not None:
        report_no_client(reason)

    from firesteel import hook

    hook.install()
    unpack_archives()
    if mode == "shell":
        from firesteel import shell

        shell.start(sys.modules["__main__"], arguments)
    else:
        run_script(arguments)


def client_is_missing():
    """Why this Python cannot talk Spark Connect, or None. Imports nothing heavy: it only looks for files."""
    reason = pyspark_is_missing()
    if reason is not None:
        return reason
    from importlib.util import find_spec

    version = pyspark_version(os.path.dirname(find_spec("pyspark").origin))
    for name in MODULES:
        try:
            found = find_spec(name) is not None
        except ImportError:
            found = False
        if not found and not (name == "zstandard" and version < (4, 1)):
            return "its pyspark lacks the module %s that Spark Connect needs" % name
    return None


def pyspark_is_missing():
    """Why this Python has no PySpark that functions can run with, or None."""
    if sys.version_info < OLDEST_PYTHON:
        return "Python %d.%d is older than %d.%d" % (sys.version_info[:2] + OLDEST_PYTHON)
    from importlib.util import find_spec

    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        return "it has no pyspark"
    if pyspark_version(os.path.dirname(spec.origin)) < OLDEST_PYSPARK:
        return "its pyspark is older than %d.%d" % OLDEST_PYSPARK
    return None


def pyspark_version(directory):
    """(major, minor) of the pyspark in that directory, read from its version.py without importing it."""
    import re

    try:
        with open(os.path.join(directory, "version.py")) as file:
            match = re.search(r"__version__[^=]*=\s*[\"'](\d+)\.(\d+)", file.read())
    except OSError:
        match = None
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def use_kept_client(package_root):
    """Put the client that `firesteel` installed for Pythons of this version on the path, if there is one."""
    stem = os.environ.get("FIRESTEEL_CLIENT_DIR")
    if stem is None or sys.version_info < OLDEST_PYTHON:
        return False
    directory = "%s-%s" % (stem, version_tag())
    if not os.path.isdir(directory):
        return False
    sys.path.insert(sys.path.index(package_root) + 1, directory)
    # Processes that the program starts find it too.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), directory)))
    return True


def version_tag():
    """What compiled modules must agree in, for example `cpython-311-linux-x86_64`."""
    import sysconfig

    return "%s-%s" % (sys.implementation.cache_tag, sysconfig.get_platform())


def report_no_client(reason, directory=None):
    """Say in a file of the directory, else of the run's, why there is no client, and end."""
    directory = directory or os.environ.get("FIRESTEEL_RUN_DIR")
    if directory is None:
        sys.exit("firesteel: %s cannot run PySpark programs: %s" % (sys.executable, reason))
    tag = version_tag() if sys.version_info >= OLDEST_PYTHON else ""
    with open(os.path.join(directory, NO_CLIENT_FILE), "w") as file:
        file.write(tag + "\n" + reason)
    # os._exit: under `python -i` a normal exit would open the prompt.
    os._exit(NO_CLIENT_STATUS)


def unpack_archives():
    """`--archives a.zip,b.tar.gz#name`: unpack each into the directory of `SparkFiles`."""
    from firesteel import submitted

    for archive in filter(None, submitted.configuration().get("spark.archives", "").split(",")):
        import shutil

        path, _, name = archive.strip().partition("#")
        target = os.path.join(submitted.files_directory(), name or os.path.basename(path))
        try:
            shutil.unpack_archive(path, target)
        except (OSError, ValueError, shutil.ReadError) as error:
            sys.exit("firesteel: cannot unpack %s: %s" % (path, error))


def run_script(arguments):
    """Run ``arguments[0]`` as ``__main__``, as ``python SCRIPT ARG...`` would."""
    import builtins
    import importlib.machinery
    import types

    script = arguments[0]
    sys.argv = arguments
    sys.path.insert(0, os.path.dirname(script))

    module = types.ModuleType("__main__")
    module.__file__ = script
    module.__builtins__ = builtins
    module.__loader__ = importlib.machinery.SourceFileLoader("__main__", script)
    sys.modules["__main__"] = module
    try:
        with open(script, "rb") as file:
            source = file.read()
        code = compile(source, script, "exec")
        del source
    except OSError as error:
        sys.exit("firesteel: cannot read %s: %s" % (script, error.strerror))
    except (SyntaxError, ValueError) as error:
        sys.excepthook(type(error), error.with_traceback(None), None)
        sys.exit(1)

    try:
        exec(code, module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        # The first frame is this function's: the user's traceback starts below it.
        traceback = error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(traceback), traceback)
        interrupted = isinstance(error, KeyboardInterrupt)
        del error, traceback
        sys.exit(130 if interrupted else 1)


if __name__ == "__main__":
    main()
