"""`findspark` for programs that `firesteel submit` started: PySpark is found already, wherever they look for it."""

import os

__all__ = ["init", "find", "add_jars", "add_packages"]


def find():
    """The folder of what stands for Spark here: the environment's own, or that of the PySpark in use."""
    import pyspark

    return os.environ.get("SPARK_HOME") or os.path.dirname(pyspark.__file__)


def init(spark_home=None, python_path=None, edit_rc=False, edit_profile=False):
    """Nothing to put on the path. A Spark that the program names may not be on this machine, and is not needed."""
    os.environ.setdefault("SPARK_HOME", spark_home or find())


def add_packages(packages):
    _add_argument("--packages", packages)


def add_jars(jars):
    _add_argument("--jars", jars)


def _add_argument(flag, values):
    values = [values] if isinstance(values, str) else values
    given = os.environ.get("PYSPARK_SUBMIT_ARGS", "pyspark-shell")
    os.environ["PYSPARK_SUBMIT_ARGS"] = " ".join([flag, ",".join(values), given])


def patch_find_spark_home(module):
    """`pyspark.testing` asks for a folder of Spark as it is imported, and ends the program where there is none."""
    module._find_spark_home = find


def patch(module):
    """For the real `findspark`, where it is installed."""
    for name in __all__:
        setattr(module, name, globals()[name])
