"""`StreamingListener`: what a program may override to hear of a context's batches."""

__all__ = ["StreamingListener"]


def _ignored(self, event):
    pass


class StreamingListener:
    """Each method gets an event whose parts are methods, as those of Spark's Java objects: `event.batchInfo().batchTime()`."""

    onStreamingStarted = onReceiverStarted = onReceiverError = onReceiverStopped = _ignored
    onBatchSubmitted = onBatchStarted = onBatchCompleted = _ignored
    onOutputOperationStarted = onOutputOperationCompleted = _ignored

    class Java:
        implements = ["org.apache.spark.streaming.api.java.PythonStreamingListener"]
