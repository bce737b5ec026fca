"""The import hook: change PySpark as it is imported, and only if it is.

Two tables say what happens to which module: `PATCHES` run after a module of PySpark is loaded, `SUPPLIED` are modules
that PySpark has only with a JVM and that are ours here. With the full `pyspark` package installed, it is told that it is
the Connect-only package: then no JVM is ever looked for, and both packages behave alike.
"""

import importlib
import sys
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder


def install():
    """Put the finder first in line. Calling it twice changes nothing."""
    if not any(isinstance(finder, PySparkFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, PySparkFinder())


def patch_util(module):
    from firesteel import threads

    module._is_remote_only = True
    module.InheritableThread = threads.InheritableThread
    module.inheritable_thread_target = threads.inheritable_thread_target


def patch_pyspark(module):
    from firesteel import broadcast, context, files, rdd, status

    for name, value in {
        "SparkContext": context.SparkContext,
        "RDD": rdd.RDD,
        "RDDBarrier": rdd.RDDBarrier,
        "SparkFiles": files.SparkFiles,
        "Broadcast": broadcast.Broadcast,
        "StatusTracker": status.StatusTracker,
        "SparkJobInfo": status.SparkJobInfo,
        "SparkStageInfo": status.SparkStageInfo,
        "SparkExecutorInfo": status.SparkExecutorInfo,
    }.items():
        setattr(module, name, value)
    # `from pyspark import SQLContext` works with classic PySpark too.
    from pyspark.sql import HiveContext, SQLContext

    module.SQLContext, module.HiveContext = SQLContext, HiveContext
    for name in ("rdd", "files", "status", "broadcast", "context"):
        importlib.import_module("pyspark." + name)
        importlib.import_module("pyspark.core." + name)


def patch_conf(module):
    def in_order(self):
        return "\n".join("%s=%s" % pair for pair in sorted(self.getAll()))

    module.SparkConf.toDebugString = in_order


def patch_with(name, function="patch"):
    """A patch that lives in the module `firesteel.NAME`, imported when it is needed."""

    def patch(module):
        getattr(importlib.import_module("firesteel." + name), function)(module)

    return patch


PATCHES = {
    "pyspark": patch_pyspark,
    "pyspark.util": patch_util,
    "pyspark.conf": patch_conf,
    "pyspark.sql.session": patch_with("session_builder"),
    "pyspark.sql.context": patch_with("sql_context"),
    "pyspark.errors.exceptions.connect": patch_with("connect_errors"),
    "pyspark.sql.connect.catalog": patch_with("connect_catalog"),
    "pyspark.sql.connect.client.core": patch_with("connect_client"),
    "pyspark.sql.connect.session": patch_with("connect_session"),
    "pyspark.sql.connect.dataframe": patch_with("connect_dataframe"),
    "pyspark.sql.connect.group": patch_with("connect_dataframe", "patch_group"),
    "pyspark.sql.connect.plan": patch_with("connect_plan"),
    "pyspark.sql.connect.readwriter": patch_with("connect_readwriter"),
    "pyspark.sql.connect.streaming.query": patch_with("connect_streaming", "patch_query"),
    "pyspark.sql.connect.streaming.readwriter": patch_with("connect_streaming"),
    "pyspark.sql.connect.expressions": patch_with("connect_expressions"),
    "pyspark.sql.connect.udf": patch_with("connect_udf"),
    "pyspark.find_spark_home": patch_with("findspark", "patch_find_spark_home"),
    "findspark": patch_with("findspark"),
}

SUPPLIED = {
    "pyspark.context": "firesteel.context",
    "pyspark.rdd": "firesteel.rdd",
    "pyspark.files": "firesteel.files",
    "pyspark.broadcast": "firesteel.broadcast",
    "pyspark.status": "firesteel.status",
    "pyspark.core": None,
    "pyspark.core.context": "firesteel.context",
    "pyspark.core.rdd": "firesteel.rdd",
    "pyspark.core.files": "firesteel.files",
    "pyspark.core.broadcast": "firesteel.broadcast",
    "pyspark.core.status": "firesteel.status",
    "pyspark.mllib.common": "firesteel.mllib.common",
    "pyspark.streaming": "firesteel.streaming",
    "pyspark.streaming.context": "firesteel.streaming.context",
    "pyspark.streaming.dstream": "firesteel.streaming.dstream",
    "pyspark.streaming.listener": "firesteel.streaming.listener",
    "pyspark.streaming.util": "firesteel.streaming.util",
    "pyspark.streaming.kinesis": "firesteel.streaming.kinesis",
}
SUPPLIED_PACKAGES = ("pyspark.core", "pyspark.streaming")

# Where the real ones are installed, they are used: exceptions must be of the class that a script knows.
SUPPLIED_IF_ABSENT = {
    "py4j": None,
    "py4j.protocol": "firesteel.py4j_protocol",
    "py4j.java_gateway": "firesteel.py4j_objects",
    "py4j.java_collections": "firesteel.py4j_objects",
    "findspark": "firesteel.findspark",
}


class PySparkFinder:
    """Finds the modules of the tables; every other import goes its normal way for the price of one comparison."""

    def find_spec(self, name, path=None, target=None):
        if not name.startswith(("py", "findspark")):
            return None
        if name in SUPPLIED_IF_ABSENT:
            found = patched_spec(name, path) if name in PATCHES else PathFinder.find_spec(name, path)
            return found or ModuleSpec(name, SuppliedLoader(), is_package=name == "py4j")
        if name in SUPPLIED:
            return ModuleSpec(name, SuppliedLoader(), is_package=name in SUPPLIED_PACKAGES)
        if name in PATCHES:
            return patched_spec(name, path)
        return None


def patched_spec(name, path):
    spec = PathFinder.find_spec(name, path)
    if spec is None or spec.loader is None:
        return spec
    load = spec.loader.exec_module

    def load_and_patch(module):
        load(module)
        PATCHES[name](module)

    spec.loader.exec_module = load_and_patch
    return spec


class SuppliedLoader(Loader):
    """A module of PySpark's name with the public names of ours."""

    def exec_module(self, module):
        source = SUPPLIED.get(module.__name__) or SUPPLIED_IF_ABSENT.get(module.__name__)
        if source is not None:
            ours = importlib.import_module(source)
            module.__doc__ = ours.__doc__
            module.__all__ = list(ours.__all__)
            for name in ours.__all__:
                setattr(module, name, getattr(ours, name))
