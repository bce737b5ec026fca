"""An `sc` for PySpark's own docstring examples: `--sc-provider support.conformance:context`, with `doctest_site` first on
PYTHONPATH.
"""

import sys
import tempfile


def context(spark):
    from firesteel.context import SparkContext

    active = SparkContext._active_spark_context
    if active is None:
        active = SparkContext._of_session(spark, {"spark.master": "local[4]", "spark.app.name": "doctests"})
        active.setCheckpointDir(tempfile.mkdtemp())
    names = sys._getframe(2).f_locals.get("globs")
    if names is not None and "SparkContext" in names:
        names["SparkContext"] = SparkContext
    return active
