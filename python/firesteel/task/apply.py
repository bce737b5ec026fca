"""A function over each record. A generator turns a StopIteration of the function into an error, where `map` would end early
in silence; but it costs more than what many functions do, and some cannot raise one.
"""

from itertools import chain
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType


def mapped(function, records):
    if never_stops(function):
        return map(function, records)
    return (function(record) for record in records)


def flattened(function, records):
    return chain.from_iterable(mapped(function, records))


def filtered(function, records):
    if never_stops(function):
        return filter(function, records)
    return (record for record in records if function(record))


def never_stops(function):
    """Whether it cannot raise StopIteration: Python's own functions but `next`, and functions that call nothing."""
    if isinstance(function, (BuiltinFunctionType, MethodDescriptorType)):
        return getattr(function, "__name__", "") in HARMLESS
    if function in (int, float, str, len, tuple, list, bool):
        return True
    if not isinstance(function, FunctionType):
        return False
    import dis

    code = function.__code__
    # No name is looked up and nothing is called: what is left is the arithmetic and the building of values.
    return not code.co_names and not any("CALL" in one.opname or "YIELD" in one.opname for one in dis.get_instructions(code))


HARMLESS = {"split", "strip", "lower", "upper", "rstrip", "lstrip", "splitlines", "len", "ord", "chr", "abs", "title", "encode"}
