"""`StreamingContext`: where streams begin, and how they are started, waited for and stopped."""

import atexit
import warnings

from firesteel.rdd import class_names
from firesteel.rdd.rdd import RDD
from firesteel.streaming import derived, inputs, recovery, socket_input
from firesteel.streaming.dstream import DStream, storage_level
from firesteel.streaming.events import Bus
from firesteel.streaming.generator import Generator
from firesteel.streaming.graph import STARTED, STOPPED, Graph
from firesteel.streaming.times import milliseconds
from firesteel.streaming.util import failed
from firesteel.unsupported import no_jvm, unsupported

__all__ = ["StreamingContext"]


class StreamingContext:
    """The entry point of DStreams, over a `SparkContext`. A batch is `batchDuration` seconds."""

    _activeContext = None

    def __init__(self, sparkContext, batchDuration=None, jssc=None):
        warnings.warn("DStream is deprecated as of Spark 3.4.0. Migrate to Structured Streaming.", FutureWarning, stacklevel=2)
        assert batchDuration is not None or jssc is not None
        self._sc = sparkContext
        self._recovered = jssc
        self._graph = jssc.graph if jssc is not None else Graph(sparkContext, milliseconds(batchDuration))
        self._graph.spark = sparkContext
        self._listeners = []
        self._generator = None

    @property
    def sparkContext(self):
        return self._sc

    @property
    def _jssc(self):
        raise no_jvm("_jssc", "the methods of StreamingContext.")

    @classmethod
    def getOrCreate(cls, checkpointPath, setupFunc):
        """The context as its last checkpoint in that directory has it; without one, what `setupFunc()` makes."""
        recovered = recovery.read(checkpointPath)
        if recovered is None:
            made = setupFunc()
            made.checkpoint(checkpointPath)
            return made
        from pyspark import SparkConf, SparkContext

        spark = SparkContext._active_spark_context
        if spark is None:
            spark = SparkContext(conf=SparkConf().setAll(recovered.settings))
        spark.setCheckpointDir(recovered.graph.checkpoint_directory)
        return cls(spark, None, recovered)

    @classmethod
    def getActive(cls):
        """The context that is started and not stopped, or None."""
        return cls._activeContext

    @classmethod
    def getActiveOrCreate(cls, checkpointPath, setupFunc):
        if not callable(setupFunc):
            raise TypeError("setupFunc should be callable.")
        if cls.getActive() is not None:
            return cls.getActive()
        return setupFunc() if checkpointPath is None else cls.getOrCreate(checkpointPath, setupFunc)

    def start(self):
        graph = self._graph
        if graph.state == STOPPED:
            raise failed("IllegalStateException", "StreamingContext has already been stopped")
        if graph.state == STARTED:
            return
        if StreamingContext._activeContext is not None:
            raise failed(
                "IllegalStateException",
                "Only one StreamingContext may be started in this JVM. Currently running StreamingContext was started "
                "by this program: stop it first.",
            )
        try:
            graph.validate()
            graph.events = Bus(self._listeners)
            self._generator = Generator(graph, self._recovered)
            self._generator.begin()
        except BaseException:
            graph.state = STOPPED
            graph.stop_inputs()
            raise
        graph.state = STARTED
        StreamingContext._activeContext = self
        atexit.register(self._end_with_program)

    def _end_with_program(self):
        """The program ends without a stop: no batch begins after that."""
        if self._graph.state == STARTED:
            gracefully = self._sc._conf.get("spark.streaming.stopGracefullyOnShutdown", "false") == "true"
            self.stop(False, gracefully)

    def awaitTermination(self, timeout=None):
        """Wait until the streams are stopped, some seconds at most; raises what a batch has failed with."""
        self._wait(timeout)

    def awaitTerminationOrTimeout(self, timeout):
        """Whether the streams were stopped within some seconds."""
        return self._wait(timeout)

    def _wait(self, timeout):
        if self._generator is not None:
            return self._generator.scheduler.wait(None if timeout is None else milliseconds(timeout) / 1000)
        import threading

        # Nothing has been started, and nobody will.
        threading.Event().wait(None if timeout is None else milliseconds(timeout) / 1000)
        return False

    def stop(self, stopSparkContext=True, stopGraceFully=False):
        """End the streams; gracefully means after all that has been received. By itself it ends the SparkContext too."""
        graph = self._graph
        if graph.state == STARTED:
            graph.state = STOPPED
            self._generator.stop(stopGraceFully)
            atexit.unregister(self._end_with_program)
        graph.state = STOPPED
        if StreamingContext._activeContext is self:
            StreamingContext._activeContext = None
        if stopSparkContext:
            self._sc.stop()

    def remember(self, duration):
        """Keep the RDDs of the last so many seconds, for who asks for them by `slice`."""
        duration_ms = milliseconds(duration)
        if self._graph.remember_ms is None:
            self._graph.remember_ms = duration_ms

    def checkpoint(self, directory):
        """Write the graph and its states to that directory; None for no longer."""
        if directory is not None:
            self._sc.setCheckpointDir(directory)
        self._graph.checkpoint_directory = directory

    # Where streams begin.

    def socketTextStream(self, hostname, port, storageLevel=None):
        """Lines of UTF-8 text from a TCP server."""
        if storageLevel is not None:
            storage_level(storageLevel)
        if not isinstance(port, int):
            raise TypeError("port: expected a number, got %r" % (port,))
        if self._sc._conf.get("spark.streaming.receiver.writeAheadLog.enable", "false") == "true":
            raise unsupported(
                "spark.streaming.receiver.writeAheadLog.enable",
                "take it out (what was received and not processed is lost with the program), or read files.",
            )
        return DStream(socket_input.SocketInput(self._graph, hostname, port), self)

    def textFileStream(self, directory):
        """Lines of the files that come into a directory."""
        return DStream(inputs.FileInput(self._graph, directory, inputs.text_files), self)

    def binaryRecordsStream(self, directory, recordLength):
        """Records of so many bytes, of the files that come into a directory."""
        return DStream(inputs.FileInput(self._graph, directory, inputs.FixedRecordFiles(recordLength)), self)

    def queueStream(self, rdds, oneAtATime=True, default=None):
        """The RDDs of a list (or lists of records), one each batch or all in the first; then the default."""
        if default and not isinstance(default, RDD):
            default = self._sc.parallelize(default)
        if not rdds and default:
            rdds = [rdds]
        if not isinstance(rdds[0], RDD):
            rdds = [self._sc.parallelize(records) for records in rdds]
        return DStream(inputs.QueueInput(self._graph, rdds, oneAtATime, default or None), self)

    def transform(self, dstreams, transformFunc):
        """`transformFunc(rdds)` of the same batch of several streams."""

        def function(_time, *rdds):
            return transformFunc(rdds)

        return DStream(derived.Combined(self._graph, [stream._node for stream in dstreams], function), self)

    def union(self, *dstreams):
        if not dstreams:
            raise ValueError("should have at least one DStream to union")
        if len(dstreams) == 1:
            return dstreams[0]
        if len({stream._slideDuration for stream in dstreams}) > 1:
            raise ValueError("All DStreams should have same slide duration")
        return DStream(derived.United(self._graph, [stream._node for stream in dstreams]), self)

    def addStreamingListener(self, streamingListener):
        if not hasattr(streamingListener, "onBatchCompleted"):
            raise TypeError("expected a StreamingListener, got %r" % (streamingListener,))
        self._listeners.append(streamingListener)


class_names.own(StreamingContext, "pyspark.streaming.context")
