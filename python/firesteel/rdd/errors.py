"""How a job's failure reads: as classic PySpark words it, and caught by what classic scripts catch.

`Py4JJavaError` is the class that a failed action raises there, and since Spark 4.2 `PythonException` for what user code
raised, once the program has made a `SparkSession`. Ours is both classes (where `py4j` is installed) at once, by the name
that Spark would show.
"""

import contextlib
import re

# A frame of a traceback that lies in this package: the place, and the line of code where it is shown.
OUR_FRAME = re.compile(r'^  File "[^"\n]*(?:firesteel|contextlib)[^"\n]*", line .*\n(?:    .*\n)*', re.MULTILINE)


# What the JVM finds out there while it zips.
UNEQUAL_PARTITIONS = "Can only zip RDDs with same number of elements in each partition"


def java_error_class():
    from py4j.protocol import Py4JJavaError

    return Py4JJavaError


class JavaException:
    """`error.java_exception`: a name and a message, which is what scripts ask of it."""

    def __init__(self, class_name, message):
        self._class_name, self._message = class_name, message

    def getMessage(self):
        return self._message

    def toString(self):
        return "%s: %s" % (self._class_name, self._message)

    __str__ = toString

    def getClass(self):
        return self

    def getName(self):
        return self._class_name

    def getCause(self):
        return None

    def getStackTrace(self):
        return []


_classes = {}


def job_error_class():
    """Made when first needed: PySpark's own classes must not be imported before the script imports them."""
    if "job" not in _classes:
        from pyspark.errors import PySparkRuntimeError
        from pyspark.errors.exceptions.connect import PythonException

        class JobError(java_error_class(), PythonException, PySparkRuntimeError):
            """A failed action: Py4JJavaError and PythonException in one."""

            def __init__(self, class_name, message):
                Exception.__init__(self, message)
                self._text = "An error occurred while calling an action of an RDD.\n: %s: %s" % (class_name, message)
                self._errorClass = None
                self._messageParameters = {}
                self._message = message
                self._contexts = []
                self.errmsg = "An error occurred while calling an action of an RDD.\n"
                self.java_exception = JavaException(class_name, message)
                self.exception_cmd = ""
                self.cause = self.exception_cmd

            def __str__(self):
                return self._text

            def __reduce__(self):
                return JobError, (self.java_exception._class_name, self._message)

            def getCondition(self):
                return None

            getErrorClass = getCondition

            def getSqlState(self):
                return None

            def getMessageParameters(self):
                return {}

            def getMessage(self):
                return self._message

            def getQueryContext(self):
                return []

            def getStackTrace(self):
                return None

        JobError.__module__ = "py4j.protocol"
        JobError.__qualname__ = JobError.__name__ = "Py4JJavaError"
        _classes["job"] = JobError
    return _classes["job"]


def python_error_class():
    """What user code raised, where PySpark says so itself."""
    if "python" not in _classes:

        class PythonError(job_error_class()):
            def __str__(self):
                from firesteel.connect_errors import classic

                return classic(self._message)

            def __reduce__(self):
                return PythonError, (self.java_exception._class_name, self._message)

            def getCondition(self):
                return "PYTHON_EXCEPTION"

            getErrorClass = getCondition

            def getSqlState(self):
                return "38000"

        PythonError.__module__ = "pyspark.errors.exceptions.captured"
        PythonError.__qualname__ = PythonError.__name__ = "PythonException"
        _classes["python"] = PythonError
    return _classes["python"]


def tells_python_errors():
    """Whether PySpark would: a version that does, and a program that has made a session."""
    import pyspark

    from firesteel import session_builder

    version = tuple(int(part) for part in pyspark.__version__.split(".")[:2])
    return session_builder.asked_for and version >= (4, 2)


def java_error(class_name, message):
    """The error to raise for what fails in Java there: a missing input, an output that exists."""
    return job_error_class()(class_name, message)


def wrong_argument(message):
    return refused("IllegalArgumentException", "java.lang.IllegalArgumentException", message)


def refused(name, java_class, message):
    """What Java refuses. PySpark has a class of that name of its own, once the program has made a session."""
    from firesteel import session_builder

    if session_builder.asked_for:
        from pyspark import errors

        return getattr(errors, name)(message)
    return java_error(java_class, message)


@contextlib.contextmanager
def task_errors():
    """A failed task's exception becomes the error of the action."""
    from pyspark.errors.exceptions.connect import PythonException, SparkConnectGrpcException

    failure = None
    try:
        yield
    except PythonException as error:
        if isinstance(error, java_error_class()):
            raise
        message = message_of(error)
        if UNEQUAL_PARTITIONS in message:
            failure = java_error("org.apache.spark.SparkException", UNEQUAL_PARTITIONS)
        else:
            make = python_error_class() if tells_python_errors() else java_error
            failure = make("org.apache.spark.api.python.PythonException", message)
    except SparkConnectGrpcException as error:
        if "PythonException" not in str(error) and "Python worker" not in str(error):
            raise
        failure = java_error("org.apache.spark.SparkException", message_of(error))
    if failure is not None:
        raise failure


def message_of(error):
    text = error.getMessage() if hasattr(error, "getMessage") and error.getMessage() else str(error)
    text = text.split("\n\nJVM stacktrace:")[0].strip()
    cut = text.find("[PYTHON_EXCEPTION]")
    return OUR_FRAME.sub("", text if cut < 0 else text[cut:])
