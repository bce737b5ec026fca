"""The exceptions of `py4j.protocol`, where Py4J is not installed: what a failed action raises can be caught by its name."""

__all__ = ["Py4JError", "Py4JJavaError", "Py4JNetworkError"]


class Py4JError(Exception):
    def __init__(self, args=None, cause=None):
        super().__init__(args)
        self.cause = cause


class Py4JNetworkError(Py4JError):
    pass


class Py4JJavaError(Py4JError):
    """`java_exception` has the message and the Java class's name."""
