"""What listeners are told: objects that answer as Spark's Java ones do, and the thread that hands them out in order."""

import queue
import sys
import threading
import traceback


class Told:
    """An object of Java's kind: each field is a method without arguments."""

    def __init__(self, **fields):
        self._fields = fields

    def __getattr__(self, name):
        if name.startswith("__") or name not in self._fields:
            raise AttributeError(name)
        return lambda: self._fields[name]

    def toString(self):
        return repr(self)

    def __repr__(self):
        return "%s(%s)" % (type(self).__name__, ",".join(str(value) for value in self._fields.values()))


class Time(Told):
    def __init__(self, time_ms):
        super().__init__(milliseconds=time_ms)

    def __repr__(self):
        return "%d ms" % self.milliseconds()


class ReceiverInfo(Told):
    def __init__(self, number, message, error):
        super().__init__(
            streamId=number, name="SocketReceiver-%d" % number, active=not message, location="localhost", executorId="driver",
            lastErrorMessage=message, lastError=error, lastErrorTime=-1,
        )


class BatchInfo(Told):
    """Times in milliseconds; -1 is not yet."""

    def __init__(self, batch):
        began, ended = batch.began_ms, batch.ended_ms
        inputs = {
            number: Told(inputStreamId=number, numRecords=count, metadata={}, metadataDescription=None)
            for number, count in batch.records.items()
        }
        super().__init__(
            batchTime=Time(batch.time_ms),
            streamIdToInputInfo=inputs,
            submissionTime=batch.submitted_ms,
            processingStartTime=began,
            processingEndTime=ended,
            schedulingDelay=began - batch.submitted_ms if began >= 0 else -1,
            processingDelay=ended - began if ended >= 0 else -1,
            totalDelay=ended - batch.submitted_ms if ended >= 0 else -1,
            numRecords=sum(batch.records.values()),
            outputOperationInfos={number: operation.info() for number, operation in batch.operations.items()},
        )


class Event(Told):
    """One for each method of the listener; `part` names what it tells of."""

    method, part = "", ""

    def __init__(self, subject):
        super().__init__(**{self.part: subject})


def event(method, part):
    return type(method[2:], (Event,), {"method": method, "part": part})


StreamingStarted = event("onStreamingStarted", "time")
ReceiverStarted = event("onReceiverStarted", "receiverInfo")
ReceiverError = event("onReceiverError", "receiverInfo")
ReceiverStopped = event("onReceiverStopped", "receiverInfo")
BatchSubmitted = event("onBatchSubmitted", "batchInfo")
BatchStarted = event("onBatchStarted", "batchInfo")
BatchCompleted = event("onBatchCompleted", "batchInfo")
OutputOperationStarted = event("onOutputOperationStarted", "outputOperationInfo")
OutputOperationCompleted = event("onOutputOperationCompleted", "outputOperationInfo")


class Bus(threading.Thread):
    """Calls the listeners, one event after the other. What a listener raises is told and does not stop the streams."""

    def __init__(self, listeners):
        super().__init__(name="StreamingListenerBus", daemon=True)
        self.listeners = listeners
        self.waiting = queue.SimpleQueue()

    def post(self, event):
        if self.listeners:
            self.waiting.put(event)

    def end(self):
        self.waiting.put(None)
        if threading.current_thread() is not self:
            self.join(10)

    def run(self):
        for told in iter(self.waiting.get, None):
            for listener in self.listeners:
                try:
                    getattr(listener, told.method)(told)
                except Exception:
                    traceback.print_exc(file=sys.stderr)
