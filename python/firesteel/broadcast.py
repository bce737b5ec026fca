"""Broadcast variables: a value pickled once, to a file of this machine, which workers read when they need it."""

import itertools
import os
import pickle
import sys

__all__ = ["Broadcast"]

_identities = itertools.count()


class Broadcast:
    """What `SparkContext.broadcast` returns; `value` is the object, on the driver and in functions."""

    @classmethod
    def __class_getitem__(cls, _):
        """`Broadcast[int]` in annotations."""
        return cls

    def __init__(self, sc=None, value=None, pickle_registry=None, path=None, sock_file=None):
        self._destroyed = False
        self._identity = next(_identities)
        if sc is None:
            # As PySpark's own: opened on a file that holds the pickled value.
            self._path = path
            return
        from firesteel import submitted

        self._path = os.path.join(submitted.private_directory("broadcast"), "%d-%d" % (os.getpid(), self._identity))
        with open(self._path, "wb") as file:
            self.dump(value, file)

    def dump(self, value, f):
        try:
            pickle.dump(value, f, pickle.HIGHEST_PROTOCOL)
        except pickle.PickleError:
            raise
        except Exception as error:
            message = "Could not serialize broadcast: %s: %s" % (type(error).__name__, error)
            print(message, file=sys.stderr)
            raise pickle.PicklingError(message) from error
        f.close()

    def load_from_path(self, path):
        with open(path, "rb") as file:
            return self.load(file)

    def load(self, file):
        return pickle.load(file)

    @property
    def value(self):
        if self._destroyed:
            raise destroyed(self._identity)
        if not hasattr(self, "_value"):
            self._value = self.load_from_path(self._path)
        return self._value

    def unpersist(self, blocking=False):
        """Workers that no longer need the value end with it; the file stays, for whoever asks again."""

    def destroy(self, blocking=False):
        if not self._destroyed:
            self._destroyed = True
            self.__dict__.pop("_value", None)
            os.unlink(self._path)

    def __reduce__(self):
        from firesteel.task.shared import SharedValue

        if self._destroyed:
            raise destroyed(self._identity)
        return SharedValue, (self._identity, self._path)


def destroyed(identity):
    from firesteel.rdd.errors import java_error

    return java_error(
        "org.apache.spark.SparkException", "Attempted to use Broadcast(%d) after it was destroyed" % identity
    )
