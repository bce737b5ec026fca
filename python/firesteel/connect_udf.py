"""Functions of DataFrames are pickled when they are first called, as in classic PySpark: what they close over counts as it was
then. Patches `pyspark.sql.connect.udf`.
"""

import pickle


class Pickled:
    """A function that is pickled already: it comes out as itself."""

    def __init__(self, data):
        self._data = data

    def __reduce__(self):
        return pickle.loads, (self._data,)


def patch(module):
    build = module.UserDefinedFunction._build_common_inline_user_defined_function

    def build_once_pickled(self, *args, **kwargs):
        call = build(self, *args, **kwargs)
        if "_pickled" not in self.__dict__:
            self._pickled = pickled(self.func)
        call._function._func = self._pickled
        return call

    module.UserDefinedFunction._build_common_inline_user_defined_function = build_once_pickled


def pickled(function):
    from pyspark.serializers import CloudPickleSerializer

    try:
        return Pickled(CloudPickleSerializer().dumps(function))
    except Exception:
        # The plan's own pickling says why.
        return function
