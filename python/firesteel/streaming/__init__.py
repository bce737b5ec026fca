"""`pyspark.streaming`: DStreams, RDDs of one batch after the other, made by a clock in the program itself.

`context` and `dstream` (with `pairs` and `windows`) are what programs call. Below them, `node` says what every stream does
with time, `derived`, `inputs` and `socket_input` how the kinds of streams make a batch's RDD, `graph` holds them together.
`generator` is the clock that makes the jobs of each batch, `scheduler` runs them, `recovery` writes the graph to disk and
reads it back, `events` and `listener` tell of it.
"""

from firesteel.streaming.context import StreamingContext
from firesteel.streaming.dstream import DStream
from firesteel.streaming.listener import StreamingListener

__all__ = ["StreamingContext", "DStream", "StreamingListener"]
