"""Methods are named after the class that programs know, not after the file that they are in: `RDD.take()` in an error."""

import types


def own(cls, module):
    """Name a class and what it inherits from this package's parts of it; as a part of `module`."""
    cls.__module__ = module
    for base in cls.__mro__[1:]:
        if base.__module__.startswith("firesteel."):
            for function in vars(base).values():
                if isinstance(function, types.FunctionType):
                    function.__qualname__ = "%s.%s" % (cls.__name__, function.__name__)
