"""Results that Spark's JVM could not unpickle: it knows some constructors, and takes any other for a class without arguments."""

import io
import pickle

from pyspark.serializers import CPickleSerializer

KNOWN = {"datetime", "decimal", "collections", "array", "_codecs", "uuid"}
KNOWN_BUILTINS = {"set", "frozenset", "bytearray", "complex", "bytes"}


class PickleException(Exception):
    java_class = "PickleException"


def check(value):
    """Raises what the JVM would, where the pickle of the value calls a constructor that it does not know."""
    if is_plain(value):
        return
    Unpickler(io.BytesIO(CPickleSerializer().dumps(value))).load()


def is_plain(value):
    """Whether nothing but lists, dictionaries and what every pickle knows is in it; looks at no more than it must."""
    kind = type(value)
    if kind in (list, tuple):
        return all(map(is_plain, value))
    if kind is dict:
        return all(map(is_plain, value)) and all(map(is_plain, value.values()))
    return kind in PLAIN or kind.__module__ in ("datetime", "decimal", "array")


PLAIN = {type(None), bool, int, float, str, bytes, bytearray}


class Unpickler(pickle._Unpickler):
    """Python's own, with a stand-in for each constructor that Java's lacks."""

    def find_class(self, module, name):
        if module in KNOWN or (module == "builtins" and name in KNOWN_BUILTINS):
            return super().find_class(module, name)
        return stand_in("%s.%s" % (module, name))


def stand_in(path):
    def refuse(cls, *args, **named):
        if args or named:
            raise PickleException(
                "expected zero arguments for construction of ClassDict (for %s). This happens when an "
                "unsupported/unregistered class is being unpickled that requires construction arguments. Fix it "
                "by registering a custom IObjectConstructor for this class." % path
            )
        return object.__new__(cls)

    return type("StandIn", (), {"__new__": refuse, "__setstate__": lambda self, state: None, "__hash__": object.__hash__})
