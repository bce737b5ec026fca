"""Classes of `py4j.java_gateway` and `py4j.java_collections`, where Py4J is not installed: PySpark's modules name them."""

__all__ = ["JavaArray", "JavaList", "JavaMap", "JavaObject"]


class JavaObject:
    """An object of a JVM. There are none."""


class JavaArray(JavaObject):
    pass


class JavaList(JavaObject):
    pass


class JavaMap(JavaObject):
    pass
