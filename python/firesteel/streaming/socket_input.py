"""Lines of text from a TCP server, received by a thread of the program; each 200 ms of them are a partition."""

import socket
import threading

from firesteel.jvm import Logger
from firesteel.rdd import lineage
from firesteel.streaming import events
from firesteel.streaming.inputs import Input
from firesteel.streaming.times import now_ms, setting_ms


class SocketInput(Input):
    def __init__(self, graph, host, port):
        super().__init__(graph)
        self.host, self.port = host, port
        self.receiver = None
        # Blocks by the time of the batch that they belong to.
        self.blocks = {}

    def __getstate__(self):
        return {**super().__getstate__(), "receiver": None, "blocks": {}}

    def start(self):
        self.receiver = Receiver(self)
        self.receiver.start()

    def stop(self):
        if self.receiver is not None:
            self.receiver.end()

    def allocate(self, time_ms):
        self.blocks[time_ms] = self.receiver.take()

    @property
    def has_unallocated(self):
        return self.receiver is not None and bool(self.receiver.blocks)

    def records_of(self, time_ms):
        return sum(map(len, self.blocks.get(time_ms, ())))

    def compute(self, time_ms):
        from firesteel.rdd.rdd import RDD

        blocks = self.blocks.get(time_ms)
        return RDD(lineage.Local(list(blocks), 1), self.graph.spark) if blocks else self.graph.spark.emptyRDD()

    def forget(self, time_ms):
        super().forget(time_ms)
        for old in [at for at in self.blocks if at <= time_ms - self.remember_ms]:
            del self.blocks[old]


class Receiver(threading.Thread):
    """Connects, reads lines, and when the server ends or is not there connects again, until it is told to end."""

    def __init__(self, stream):
        super().__init__(name="receiver-%d" % stream.number, daemon=True)
        conf = stream.graph.spark._conf
        self.stream = stream
        self.block_ms = setting_ms(conf, "spark.streaming.blockInterval", "200ms")
        self.retry_ms = setting_ms(conf, "spark.streaming.receiverRestartDelay", "2000")
        # Records a second, at most.
        self.most = int(conf.get("spark.streaming.receiver.maxRate", 0) or 0)
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.blocks = []
        self.block_began_ms = 0
        self.connection = None

    def run(self):
        while not self.ended.is_set():
            place = "%s:%d" % (self.stream.host, self.stream.port)
            reason, told = "Retrying connecting to " + place, ""
            try:
                with socket.create_connection((self.stream.host, self.stream.port)) as self.connection:
                    self.tell(events.ReceiverStarted)
                    self.read_lines()
            except (OSError, OverflowError) as error:
                reason, told = "Error connecting to " + place, str(error)
            if not self.ended.is_set():
                self.tell(events.ReceiverError, reason, told)
                Logger.getLogger("ReceiverSupervisorImpl").warn(
                    "Restarting receiver with delay %d ms: %s%s" % (self.retry_ms, reason, told and ": " + told)
                )
            self.tell(events.ReceiverStopped)
            self.ended.wait(self.retry_ms / 1000)

    def read_lines(self):
        second, count = 0, 0
        with self.connection.makefile("r", encoding="utf-8", errors="replace", newline=None) as lines:
            for line in lines:
                if self.ended.is_set():
                    return
                self.add(line[:-1] if line.endswith("\n") else line)
                if self.most:
                    at = now_ms()
                    second, count = (second, count + 1) if at // 1000 == second else (at // 1000, 1)
                    if count >= self.most:
                        self.ended.wait((1000 - at % 1000) / 1000)

    def add(self, record):
        at = now_ms()
        with self.lock:
            if not self.blocks or at - self.block_began_ms >= self.block_ms:
                self.blocks.append([])
                self.block_began_ms = at
            self.blocks[-1].append(record)

    def take(self):
        with self.lock:
            taken, self.blocks = self.blocks, []
        return taken

    def end(self):
        self.ended.set()
        if self.connection is not None:
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                # The server has ended it before.
                pass
        if threading.current_thread() is not self:
            self.join(5)

    def tell(self, make, message="", error=""):
        bus = self.stream.graph.events
        if bus is not None:
            bus.post(make(events.ReceiverInfo(self.stream.number, message, error)))
