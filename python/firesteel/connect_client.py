"""Accumulators that functions of DataFrames add to. Patches `pyspark.sql.connect.client.core`.

A server hands what workers added to the client, beside the rows; PySpark's client looks for its profilers' numbers there
and for nothing else. Here every accumulator of the program gets what is its own.
"""

# What an RDD's task that writes a DataFrame says of its accumulators: a list of pairs under one number.
SEVERAL = -1000


def patch(module):
    module.pickleSer = Updates(module.pickleSer)


class Updates:
    """Reads the pairs (accumulator, value) that a server hands over, and adds those that the program knows."""

    def __init__(self, serializer):
        self._serializer = serializer

    def loads(self, data):
        identity, value = pair = self._serializer.loads(data)
        add(value if identity == SEVERAL else [pair])
        return pair

    def __getattr__(self, name):
        return getattr(self._serializer, name)


def add(pairs):
    from pyspark.accumulators import _accumulatorRegistry

    for identity, value in pairs:
        accumulator = _accumulatorRegistry.get(identity)
        # Those below zero are PySpark's own.
        if accumulator is not None and identity >= 0:
            accumulator += value
