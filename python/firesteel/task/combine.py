"""Values combined by key: in a dict while memory lasts, then by PySpark's merger that spills to disk."""

from itertools import islice

# How many records between two looks at the memory in use.
STEP = 1 << 14


def by_key(records, create, merge_value, merge_combiners, memory_mb):
    """(key, combined) pairs of (key, value) pairs, in the order of the keys' first appearance unless spilled.

    `create` None: the first value itself is the combined value.
    """
    from pyspark.shuffle import get_used_memory

    source, data = iter(records), {}
    # A sum is worth doing without a call.
    keys_repeat, adds = False, is_addition(merge_value)
    while True:
        chunk = list(islice(source, STEP))
        if not chunk:
            return data.items()
        known = len(data)
        if create is None and adds and keys_repeat:
            for key, value in chunk:
                try:
                    data[key] = data[key] + value
                except KeyError:
                    data[key] = value
        elif create is None:
            for key, value in chunk:
                if key in data:
                    data[key] = merge_value(data[key], value)
                else:
                    data[key] = value
        else:
            for key, value in chunk:
                if key in data:
                    data[key] = merge_value(data[key], value)
                else:
                    data[key] = create(value)
        keys_repeat = len(data) - known < len(chunk) >> 3
        if get_used_memory() > memory_mb:
            return spilled(data, source, create or identity, merge_value, merge_combiners, memory_mb)


def is_addition(function):
    """Whether it is `operator.add`, or a lambda that says the same."""
    import operator

    if function is operator.add:
        return True
    code = getattr(function, "__code__", None)
    return code is not None and code.co_code == ADDITION.co_code and code.co_argcount == 2 and not code.co_freevars


ADDITION = (lambda one, other: one + other).__code__


def identity(value):
    return value


def spilled(data, source, create, merge_value, merge_combiners, memory_mb):
    from pyspark.shuffle import Aggregator, ExternalMerger

    merger = ExternalMerger(Aggregator(create, merge_value, merge_combiners), memory_mb * 0.9)
    merger.mergeCombiners(data.items())
    data.clear()
    merger.mergeValues(source)
    return merger.items()


def groups(records, memory_mb):
    """(key, list of values) pairs: a partition's own grouping, before and after the shuffle."""
    from pyspark.shuffle import get_used_memory

    source, data = iter(records), {}
    while True:
        chunk = list(islice(source, STEP))
        if not chunk:
            return data.items()
        for key, value in chunk:
            if key in data:
                data[key].append(value)
            else:
                data[key] = [value]
        if get_used_memory() > memory_mb:
            return spilled_groups(data, ((key, [value]) for key, value in source), memory_mb)


def merged_groups(records, memory_mb):
    """(key, values) pairs of (key, list of values) pairs."""
    from pyspark.shuffle import get_used_memory

    source, data = iter(records), {}
    while True:
        chunk = list(islice(source, STEP))
        if not chunk:
            return data.items()
        for key, values in chunk:
            if key in data:
                data[key].extend(values)
            else:
                data[key] = values
        if get_used_memory() > memory_mb:
            return spilled_groups(data, source, memory_mb)


def spilled_groups(data, source, memory_mb):
    from pyspark.serializers import AutoBatchedSerializer, CPickleSerializer
    from pyspark.shuffle import Aggregator, ExternalGroupBy

    def extended(values, more):
        values.extend(more)
        return values

    merger = ExternalGroupBy(
        Aggregator(identity, extended, extended), memory_mb * 0.9, AutoBatchedSerializer(CPickleSerializer())
    )
    merger.mergeCombiners(data.items())
    data.clear()
    merger.mergeCombiners(source)
    return merger.items()


def sorted_by(records, key, ascending, memory_mb):
    """The records in order, sorted on disk where they do not fit."""
    from pyspark.shuffle import ExternalSorter

    return iter(ExternalSorter(memory_mb * 0.9).sorted(records, key=key, reverse=not ascending))
