"""How the failure of a user's function reads: as classic PySpark words it. Patches `pyspark.errors.exceptions.connect`."""

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

    module.PythonException.__str__ = classic_text
