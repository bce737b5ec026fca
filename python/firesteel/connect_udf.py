"""Functions of DataFrames are pickled when they are first called, as in classic PySpark: what they close over counts as it was
then. Where `spark.python.profile` asks for it, each call of one is profiled. Patches `pyspark.sql.connect.udf`.
"""

import functools
import inspect
import itertools
import pickle
import warnings

# Numbers under which profiles are told.
NUMBERS = itertools.count(1)


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
        collector = active_collector()
        if collector is not None:
            call._function._func = profiled(self, collector)
            return call
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


def active_collector():
    from firesteel.context import SparkContext

    context = SparkContext._active_spark_context
    return context.profiler_collector if context is not None else None


def profiled(function, collector):
    """The function of a call, measured by a profiler of that call's own."""
    from firesteel.context import SparkContext
    from pyspark.util import PythonEvalType

    names = [name for name in vars(PythonEvalType) if name.endswith("_ITER_UDF")]
    if function.evalType in [getattr(PythonEvalType, name) for name in names]:
        warnings.warn("Profiling UDFs with iterators input/output is not supported.", UserWarning)
        return function.func
    context, own = SparkContext._active_spark_context, function.func
    asked = [context._conf.get(key, "false") == "true" for key in ("spark.python.profile", "spark.python.profile.memory")]
    if all(asked):
        from pyspark.errors import PySparkRuntimeError

        raise PySparkRuntimeError(
            errorClass="CANNOT_SET_TOGETHER",
            messageParameters={"arg_list": "'spark.python.profile' and 'spark.python.profile.memory' configuration"},
        )
    if asked[0]:
        profiler, lines = collector.new_udf_profiler(context), ()
    else:
        profiler, lines = collector.new_memory_profiler(context), inspect.getsourcelines(own.__code__)
    collector.add_profiler(next(NUMBERS), profiler)

    @functools.wraps(own)
    def measured(*args, **kwargs):
        return profiler.profile(*lines, own, *args, **kwargs)

    measured.__signature__ = inspect.signature(own)
    return measured
