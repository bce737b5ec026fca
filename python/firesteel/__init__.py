"""Firesteel's side of PySpark.

The official PySpark client talks to Firesteel as it stands. This package adds what scripts written for classic
PySpark use and the Connect client refuses: ``SparkContext``, ``.master(...)``, ``df.rdd``, ``_jsc`` and so on.
``firesteel submit`` and ``firesteel shell`` put it in place; a script never imports it.
"""

__all__ = ["install"]


def install():
    """Make ``import pyspark`` in this process give classic PySpark's entry points. Nothing is imported yet."""
    from firesteel import hook

    hook.install()
