"""For PySpark's own docstring examples of SparkContext and RDD: first on PYTHONPATH, it patches the Connect client.

Only what examples reach through a session is changed; the modules whose examples run stay PySpark's own.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(os.path.dirname(HERE))
sys.path[1:1] = [TESTS, os.path.join(os.path.dirname(TESTS), "python")]

from firesteel import hook  # noqa: E402

hook.SUPPLIED.clear()
hook.SUPPLIED_IF_ABSENT.clear()
for name in list(hook.PATCHES):
    if not name.startswith(("pyspark.sql.connect.", "pyspark.conf", "pyspark.sql.context")):
        del hook.PATCHES[name]


def patch_util(module):
    from firesteel import threads

    module.InheritableThread = threads.InheritableThread


def patch_context(module):
    """Examples that open a context of their own get ours, except where PySpark's class is what is looked at."""
    if "pyspark.core.context" not in sys.argv:
        from firesteel.context import SparkContext

        module.SparkContext = SparkContext
        sys.modules["pyspark"].SparkContext = SparkContext


hook.PATCHES["pyspark.util"] = patch_util
hook.PATCHES["pyspark.core.context"] = patch_context
hook.install()
