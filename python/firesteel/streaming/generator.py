"""The clock: at every multiple of the batch duration it makes the jobs of a batch, and writes the graph's checkpoint."""

import threading
import time

from firesteel.streaming import events, recovery
from firesteel.streaming.scheduler import Batch, Scheduler
from firesteel.streaming.times import now_ms, setting_ms


class Generator(threading.Thread):
    def __init__(self, graph, recovered=None):
        super().__init__(name="JobGenerator", daemon=True)
        self.graph = graph
        # The checkpoint that the graph was read from.
        self.recovered = recovered
        self.scheduler = Scheduler(graph, self.completed)
        # Streams make their RDDs under this lock: the clock's, and what functions ask for by `slice`.
        self.lock = threading.RLock()
        self.changed = threading.Condition()
        # Batches still to make before it ends; None while it has not been stopped.
        self.left = None

    def begin(self):
        """Start the streams; what is wrong with them is raised here."""
        graph = self.graph
        if self.recovered is None:
            now = now_ms()
            self.next_ms = (now // graph.batch_ms + 1) * graph.batch_ms
            if graph.checkpoint_directory is not None:
                recovery.check(graph, now)
            graph.start(self.next_ms - graph.batch_ms)
        else:
            self.next_ms = ((now_ms() - graph.zero_ms) // graph.batch_ms + 1) * graph.batch_ms + graph.zero_ms
            graph.restart(self.next_ms)
        graph.events.start()
        graph.events.post(events.StreamingStarted(now_ms()))
        self.scheduler.start()
        self.start()

    def run(self):
        if self.recovered is not None:
            for missed in self.recovered.missed(self.next_ms, self.graph.batch_ms):
                self.generate(missed)
        while self.wait_for_batch():
            self.generate(self.next_ms)
            self.next_ms += self.graph.batch_ms

    def wait_for_batch(self):
        """Wait for the next batch's time; False when it has been stopped before."""
        with self.changed:
            while self.left != 0 and now_ms() < self.next_ms:
                self.changed.wait((self.next_ms - now_ms()) / 1000)
            if self.left:
                self.left -= 1
                return True
            return self.left is None

    def stop_after(self, batches):
        with self.changed:
            self.left = batches
            self.changed.notify_all()

    def generate(self, time_ms):
        try:
            with self.lock:
                self.graph.allocate(time_ms)
                counted = ((source.number, source.records_of(time_ms)) for source in self.graph.inputs)
                records = {number: count for number, count in counted if count is not None}
                jobs = self.graph.jobs(time_ms)
        except BaseException as error:
            self.scheduler.report("Error generating jobs for time %d ms" % time_ms, error)
        else:
            self.scheduler.submit(Batch(time_ms, jobs, records))
            self.write_checkpoint(time_ms)

    def completed(self, time_ms):
        with self.lock:
            self.graph.forget(time_ms)
        self.write_checkpoint(time_ms)

    def write_checkpoint(self, time_ms):
        if self.graph.checkpoint_directory is None or self.scheduler.is_stopped:
            return
        try:
            with self.lock:
                self.graph.save(time_ms)
                recovery.write(self.graph, time_ms, self.scheduler.pending())
        except BaseException as error:
            self.scheduler.report("Error writing the checkpoint of time %d ms" % time_ms, error)

    def stop(self, gracefully):
        """End the clock; gracefully after what has been received is in a batch and all batches are done."""
        if gracefully:
            timeout_s = setting_ms(
                self.graph.spark._conf, "spark.streaming.gracefulStopTimeout", "%dms" % (10 * self.graph.batch_ms)
            ) / 1000
            deadline = time.monotonic() + timeout_s
            self.graph.stop_inputs()
            while self.graph.has_unallocated and time.monotonic() < deadline:
                time.sleep(0.05)
            # Spark's clock makes two more batches: the one that it waits for, and the next.
            self.stop_after(2)
            if threading.current_thread() is not self:
                self.join(max(deadline - time.monotonic(), 0) + 2 * self.graph.batch_ms / 1000)
            self.scheduler.drain(max(deadline - time.monotonic(), 0))
        self.stop_after(0)
        self.graph.stop_inputs()
        self.scheduler.stop()
        self.graph.events.end()
        self.scheduler.tell_stopped()
