"""How failures read: as classic PySpark words them, and caught by what classic scripts catch. Patches
`pyspark.errors.exceptions.connect`.
"""

CONDITION = "[PYTHON_EXCEPTION] "
OPENING = "An exception was thrown from the Python worker:"


def classic(text):
    """What follows the condition, its opening on a line of its own."""
    start = text.find(CONDITION)
    if start < 0:
        return text
    text = text[start + len(CONDITION) :].rstrip().removesuffix("SQLSTATE: 38000").rstrip(" ")
    return text.replace(OPENING + " ", OPENING + "\n", 1)


def patch(module):
    connect_text = module.PythonException.__str__

    def classic_text(self):
        return classic(connect_text(self))

    def condition(self):
        return CONDITION.strip("[] ")

    error = module.PythonException
    error.__str__ = classic_text
    error.getCondition = error.getErrorClass = condition
    error.getSqlState = lambda self: "38000"
    error.getMessageParameters = lambda self: {"msg": "", "traceback": str(self).removeprefix(OPENING).lstrip()}
    for name in ("SparkException", "UnknownException"):
        replaced = getattr(module, name)
        java = java_error(replaced)
        setattr(module, name, java)
        for key, known in module.EXCEPTION_CLASS_MAPPING.items():
            if known is replaced:
                module.EXCEPTION_CLASS_MAPPING[key] = java


def java_error(connect):
    """What PySpark has no class for: a `Py4JJavaError` in classic scripts, and still what the client raises."""
    from py4j.protocol import Py4JJavaError

    from firesteel.rdd.errors import JavaException

    class JavaError(Py4JJavaError, connect):
        def __init__(self, message=None, *args, reason=None, **kwargs):
            connect.__init__(self, message, *args, **kwargs)
            self.errmsg = "An error occurred while calling an action of a DataFrame.\n"
            self.java_exception = JavaException(reason or "org.apache.spark.SparkException", connect.getMessage(self))
            self.exception_cmd = self.cause = ""

        def __str__(self):
            return "%s: %s" % (self.errmsg, self.java_exception)

    JavaError.__module__ = "py4j.protocol"
    JavaError.__qualname__ = JavaError.__name__ = "Py4JJavaError"
    return JavaError
