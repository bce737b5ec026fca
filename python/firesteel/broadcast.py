"""Broadcast variables: a value that Python functions carry along.

There is one machine, so the value travels with the function that uses it, pickled, and needs no other way.
"""

__all__ = ["Broadcast"]


class Broadcast:
    """What `SparkContext.broadcast` returns; `value` is the object, on the driver and in functions."""

    def __init__(self, sc=None, value=None):
        self._value = value
        self._destroyed = False

    @property
    def value(self):
        if self._destroyed:
            from pyspark.errors import PySparkRuntimeError

            raise PySparkRuntimeError(message="The broadcast variable was destroyed and can no longer be used.")
        return self._value

    def unpersist(self, blocking=False):
        """Nothing is cached elsewhere, so there is nothing to drop."""

    def destroy(self, blocking=False):
        self._value = None
        self._destroyed = True
