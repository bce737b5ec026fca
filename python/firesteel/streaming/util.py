"""Names of a batch's output files, and how functions of the program are called for a batch."""

import time
import traceback
from datetime import datetime

from firesteel.rdd.errors import OUR_FRAME, java_error, java_error_class, wrong_argument

__all__ = ["rddToFileName"]


def rddToFileName(prefix, suffix, timestamp):
    """`prefix-TIME` or `prefix-TIME.suffix`, the time in milliseconds since 1970."""
    if isinstance(timestamp, datetime):
        timestamp = int(time.mktime(timestamp.timetuple()) * 1000) + timestamp.microsecond // 1000
    name = "%s-%s" % (prefix, timestamp)
    return name if suffix is None else "%s.%s" % (name, suffix)


def called(function, *arguments):
    """What a function of the program returns; what it raises becomes the error of its batch, with its own traceback."""
    try:
        return function(*arguments)
    except BaseException as raised:
        # A failed job's error tells all by itself; what came before it is the way to the server.
        told = OUR_FRAME.sub("", traceback.format_exc(chain=not isinstance(raised, java_error_class())))
        error = java_error("org.apache.spark.SparkException", "An exception was raised by Python:\n" + told)
    raise error


def rdd_of(function, *arguments):
    """The RDD that a function of the program makes, or None for no RDD in this batch."""

    def checked():
        made = function(*arguments)
        if made:
            if not hasattr(made, "_node"):
                raise AttributeError("%r object has no attribute '_jrdd'" % type(made).__name__)
            return made
        return None

    return called(checked)


def failed(class_name, message):
    """The error for a wrong use."""
    if class_name == "IllegalArgumentException":
        return wrong_argument(message)
    package = "org.apache.spark." if class_name == "SparkException" else "java.lang."
    return java_error(package + class_name, message)
