"""Accumulators that functions of DataFrames add to. Patches `pyspark.sql.connect.client.core`.

A server hands what workers added to the client, beside the rows; PySpark's client looks for its profilers' numbers there
and for nothing else. Here every accumulator of the program gets what is its own.
"""

import pickle

# What an RDD's task that writes a DataFrame says of its accumulators: a list of pairs under one number.
SEVERAL = -1000
# How the client's versions name what reads the pairs: since 4.2.1 it reads the profilers' only.
READERS = ("specialAccumulatorSer", "pickleSer")


def patch(module):
    for name in READERS:
        if hasattr(module, name):
            setattr(module, name, Updates(getattr(module, name)))


class Updates:
    """Reads the pairs (accumulator, value) that a server hands over, and adds those that the program knows."""

    def __init__(self, serializer):
        self._serializer = serializer

    def loads(self, data):
        # From the workers whose records an RDD's actions read in the same way.
        identity, value = pickle.loads(data)
        if identity == SEVERAL:
            add(value)
        elif identity >= 0:
            add([(identity, value)])
        else:
            return self._serializer.loads(data)
        return identity, value

    def __getattr__(self, name):
        return getattr(self._serializer, name)


def add(pairs):
    from pyspark.accumulators import _accumulatorRegistry

    for identity, value in pairs:
        accumulator = _accumulatorRegistry.get(identity)
        if accumulator is not None:
            accumulator += value
