"""Runs the jobs of batches, one after the other, and keeps what the program waits for: the end, or the first error."""

import queue
import sys
import threading
import time
import traceback

from firesteel.jvm import Logger
from firesteel.streaming import events
from firesteel.streaming.times import now_ms


class Operation:
    """One output's job of a batch."""

    def __init__(self, batch, number, job):
        self.batch, self.number, self.job = batch, number, job
        self.began_ms = self.ended_ms = -1
        self.failure = None

    def info(self):
        return events.Told(
            batchTime=events.Time(self.batch.time_ms), id=self.number, name="foreachRDD", description="",
            startTime=self.began_ms, endTime=self.ended_ms, failureReason=self.failure,
        )


class Batch:
    """The jobs of one time."""

    def __init__(self, time_ms, jobs, records):
        self.time_ms = time_ms
        self.records = records
        self.operations = {number: Operation(self, number, job) for number, job in jobs}
        self.left = len(self.operations)
        self.submitted_ms = now_ms()
        self.began_ms = self.ended_ms = -1


class Scheduler:
    def __init__(self, graph, completed):
        self.graph = graph
        self.completed = completed
        self.spark = graph.spark
        self.threads = max(1, int(self.spark._conf.get("spark.streaming.concurrentJobs", 1)))
        self.properties = dict(self.spark._local_properties.__dict__)
        self.tag = "firesteel-streaming-%d" % id(self)
        self.waiting = queue.SimpleQueue()
        # Guards the batches, and wakes who waits for the end, an error or a batch.
        self.changed = threading.Condition()
        self.batches = {}
        self.running = set()
        self.error = None
        self.is_stopped = False

    def start(self):
        for number in range(self.threads):
            threading.Thread(target=self.work, name="streaming-job-executor-%d" % number, daemon=True).start()

    def submit(self, batch):
        self.graph.events.post(events.BatchSubmitted(events.BatchInfo(batch)))
        if not batch.operations:
            self.complete(batch)
            return
        with self.changed:
            self.batches[batch.time_ms] = batch
        for operation in batch.operations.values():
            self.waiting.put(operation)

    def work(self):
        self.spark._local_properties.__dict__.update(self.properties)
        self.spark._session.addTag(self.tag)
        for operation in iter(self.waiting.get, None):
            self.run(operation)

    def run(self, operation):
        batch = operation.batch
        operation.began_ms = now_ms()
        if batch.began_ms < 0:
            batch.began_ms = operation.began_ms
            self.graph.events.post(events.BatchStarted(events.BatchInfo(batch)))
        self.graph.events.post(events.OutputOperationStarted(operation.info()))
        at = time.strftime("%H:%M:%S", time.localtime(batch.time_ms / 1000))
        self.spark.setJobDescription("Streaming job [output operation %d, batch time %s]" % (operation.number, at))
        with self.changed:
            self.running.add(operation)
        try:
            operation.job()
        except BaseException as error:
            operation.failure = str(error)
            if not self.is_stopped:
                self.report("Error running job streaming job %d ms.%d" % (batch.time_ms, operation.number), error)
        operation.ended_ms = now_ms()
        self.graph.events.post(events.OutputOperationCompleted(operation.info()))
        with self.changed:
            self.running.discard(operation)
            batch.left -= 1
            last = batch.left == 0
        if last:
            self.complete(batch)

    def complete(self, batch):
        batch.ended_ms = now_ms()
        self.graph.events.post(events.BatchCompleted(events.BatchInfo(batch)))
        with self.changed:
            self.batches.pop(batch.time_ms, None)
            self.changed.notify_all()
        self.completed(batch.time_ms)

    def pending(self):
        """Times of the batches that are not done."""
        with self.changed:
            return sorted(self.batches)

    def report(self, what, error):
        logger = Logger.getLogger("JobScheduler")
        logger.error(what)
        if logger.isEnabledFor("ERROR"):
            traceback.print_exception(type(error), error, None, file=sys.stderr)
        with self.changed:
            self.error = self.error or error
            self.changed.notify_all()

    def wait(self, timeout_s=None):
        """Whether it was stopped in that time; raises what a batch failed with."""
        with self.changed:
            self.changed.wait_for(lambda: self.is_stopped or self.error is not None, timeout_s)
            if self.error is not None:
                raise self.error
            return self.is_stopped

    def drain(self, timeout_s):
        """Wait until all batches are done."""
        with self.changed:
            self.changed.wait_for(lambda: not self.batches, timeout_s)

    def stop(self):
        """End the threads. A job that runs has two seconds to end by itself; then it is cancelled."""
        me = threading.current_thread().name
        with self.changed:
            if not me.startswith("streaming-job-executor"):
                self.changed.wait_for(lambda: not self.running, 2)
            is_running = bool(self.running) and not me.startswith("streaming-job-executor")
        while True:
            try:
                self.waiting.get_nowait()
            except queue.Empty:
                break
        for _ in range(self.threads):
            self.waiting.put(None)
        with self.changed:
            self.is_stopped = True
        if is_running:
            self.spark._session.interruptTag(self.tag)

    def tell_stopped(self):
        with self.changed:
            self.is_stopped = True
            self.changed.notify_all()
