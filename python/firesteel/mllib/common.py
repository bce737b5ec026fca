"""Stands for `pyspark.mllib.common`: calls of MLlib's algorithms, which are the JVM's, come here."""

from firesteel.unsupported import unsupported

__all__ = ["callJavaFunc", "callMLlibFunc", "inherit_doc", "JavaModelWrapper", "_java2py", "_py2java", "_to_java_object_rdd"]


def callMLlibFunc(name, *args):
    """What MLlib's function of that name answers, if it is known here."""
    from firesteel.mllib import random, statistics

    function = statistics.FUNCTIONS.get(name) or random.FUNCTIONS.get(name)
    if function is None:
        raise refused(name)
    return function(*args)


def callJavaFunc(sc, func, *args):
    return func(*args)


def _py2java(sc, obj):
    raise refused("conversion to Java")


def _java2py(sc, r, encoding="bytes"):
    raise refused("conversion from Java")


def _to_java_object_rdd(rdd):
    raise refused("conversion to Java")


def refused(name):
    return unsupported(
        "pyspark.mllib's %s" % name,
        "scikit-learn or another library on df.toPandas() or rdd.collect(), or on each partition by rdd.mapPartitions; "
        "MLlib's algorithms are JVM code.",
    )


class JavaModelWrapper:
    """A model or summary: here it wraps an object of Python that has the methods of Java's."""

    def __init__(self, java_model):
        from pyspark import SparkContext

        self._sc = SparkContext.getOrCreate()
        self._java_model = java_model

    def call(self, name, *a):
        method = getattr(self._java_model, name, None)
        if method is None:
            raise refused("%s.%s" % (type(self).__name__, name))
        return method(*a)


def inherit_doc(cls):
    """A decorator: methods without a docstring have that of the class above."""
    for name, function in vars(cls).items():
        if name.startswith("_") or function.__doc__:
            continue
        for parent in cls.__bases__:
            documented = getattr(getattr(parent, name, None), "__doc__", None)
            if documented:
                function.__doc__ = documented
                break
    return cls
