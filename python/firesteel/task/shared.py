"""A broadcast value in a worker: read from its file when first asked for, and kept for the worker's later tasks."""

_values = {}


class SharedValue:
    def __init__(self, identity, path):
        self._identity = identity
        self._path = path

    @property
    def value(self):
        if self._path not in _values:
            _values[self._path] = self._load()
        return _values[self._path]

    def _load(self):
        import gc
        from pickle import load

        try:
            file = open(self._path, "rb")
        except FileNotFoundError:
            from pyspark.errors import PySparkRuntimeError

            raise PySparkRuntimeError(
                message="Attempted to use Broadcast(%d) after it was destroyed" % self._identity
            ) from None
        # Collections while many objects come to be only cost time.
        gc.disable()
        try:
            with file:
                return load(file)
        finally:
            gc.enable()

    def unpersist(self, blocking=False):
        raise invalid("unpersisted")

    def destroy(self, blocking=False):
        raise invalid("destroyed")

    def __reduce__(self):
        return SharedValue, (self._identity, self._path)


def invalid(operation):
    from pyspark.errors import PySparkRuntimeError

    return PySparkRuntimeError(errorClass="INVALID_BROADCAST_OPERATION", messageParameters={"operation": operation})
