"""The Python side of user code: a parent process that imports PySpark once and forks a worker for every connection.

Run by path: ``python worker.py SOCKET``, with a socket pair as standard input. The parent says when it is ready, reads
what to import ahead, and ends when the other end is gone. A worker reads one task after the other from its connection
(`worker_tasks` does them) and writes frames: a length and that many bytes of an Arrow stream; ERROR and END, each with
JSON. What travels is described in `crates/python/src/task.rs`.
"""

import os
import sys

ERROR = -2
END = -1
END_OF_INPUT = b"\xff\xff\xff\xfc"
START_OF_ARROW = b"\xff\xff\xff\xfa"
# Output is sent when this much has come together, and always before the worker waits for input.
ENOUGH = 1 << 16


def main():
    import select
    import signal
    import socket

    # As under `python -m pyspark.daemon`: modules in the working directory can be imported.
    sys.path[0] = os.getcwd()
    find_client()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(128)
    control = socket.socket(fileno=os.dup(0))
    give_standard_streams()
    prepare()

    # Wakes `select`; the dead are buried below.
    read_wake, write_wake = os.pipe()
    os.set_blocking(write_wake, False)
    signal.set_wakeup_fd(write_wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    control.sendall(b"\n")
    children = set()
    ahead = False
    while True:
        ready, _, _ = select.select([control, listener, read_wake], [], [], None if ahead else 0)
        if not ready:
            # Arrow looks for pandas when it makes its first array: better here once than in every worker.
            import_quietly("pandas")
            ahead = True
        if read_wake in ready:
            os.read(read_wake, 4096)
            bury(children)
        if control in ready:
            asked = control.recv(4096)
            if not asked:
                for child in children:
                    os.kill(child, signal.SIGKILL)
                clear(os.path.dirname(sys.argv[1]))
                os._exit(0)
            if b"pandas" in asked:
                import_quietly("pandas")
        if listener in ready:
            connection, _ = listener.accept()
            child = os.fork()
            if child == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for own in (listener, control):
                    own.close()
                os.close(read_wake)
                os.close(write_wake)
                be_first_to_go()
                work(connection)
            children.add(child)
            connection.close()


def find_client():
    """Put the PySpark client on the path that `firesteel` keeps, where this Python has none, or one that is too old.

    Without any it says so in a file beside the socket and ends.
    """
    from firesteel import run

    package_root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if package_root not in sys.path:
        sys.path.insert(1, package_root)
    reason = run.pyspark_is_missing()
    if reason is not None and run.use_kept_client(package_root):
        reason = run.pyspark_is_missing()
    if reason is not None:
        run.report_no_client(reason, os.path.dirname(sys.argv[1]))


def give_standard_streams():
    """What user code prints goes to standard error, as from Spark's executors; there is nothing to read."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)


def prepare():
    """Import what every task needs."""
    import gc

    from firesteel import hook

    hook.install()
    import pyarrow  # noqa: F401

    from firesteel import worker_tasks  # noqa: F401

    # What is here stays here, in pages that all workers share.
    gc.collect()
    gc.freeze()


def import_quietly(name):
    import gc

    try:
        __import__(name)
    except ImportError:
        # The task that needs it says so.
        pass
    gc.freeze()


def clear(folder):
    """Takes away the folder of the socket, whose owner may have been killed."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def bury(children):
    while True:
        try:
            child, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if child == 0:
            return
        children.discard(child)


def work(connection):
    """Do tasks until the connection ends. Never returns."""
    try:
        serve(connection)
    except (BrokenPipeError, ConnectionResetError, EOFError):
        pass
    except BaseException:
        import traceback

        traceback.print_exc()
        leave(1)
    leave(0)


def leave(status):
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
    os._exit(status)


def serve(connection):
    import json
    import random

    from firesteel import worker_tasks

    connection.sendall(os.getpid().to_bytes(4, "big"))
    random.seed()
    file = connection.makefile("rb", 1 << 17)
    limited = False
    while True:
        length = file.read(4)
        if len(length) < 4:
            return
        program = json.loads(read(file, int.from_bytes(length, "big")))
        blobs = [read_with_length(file) for _ in range(int.from_bytes(read(file, 4), "big"))]
        task = json.loads(read_with_length(file))
        output = Output(connection)
        source = Input(file, output)
        if not limited:
            limit_memory(task.get("memory_mb"))
            limited = True
        watch(task)
        try:
            answer = worker_tasks.run(program, blobs, task, source, output) or {}
        except BaseException as error:
            output.end(ERROR, json.dumps(worker_tasks.describe(error, task.get("traceback"))).encode())
            return
        # A task that left rows unread leaves the connection in the middle of them.
        reuse = source.at_end()
        answer["reuse"] = reuse
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        output.end(END, json.dumps(answer).encode())
        if not reuse:
            return


def be_first_to_go():
    """Where memory ends, the kernel is to end the worker that took it, and not the server."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        pass


def limit_memory(megabytes):
    """`spark.executor.pyspark.memory`: an allocation beyond it is a MemoryError."""
    if megabytes:
        import resource

        size = megabytes << 20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def watch(task):
    """Say where the task is: when it crashes, for the server to read, and as often as asked for."""
    if not (task.get("faulthandler") or task.get("dump_seconds") or watched):
        return
    import faulthandler

    faulthandler.cancel_dump_traceback_later()
    if task.get("faulthandler") and "note" not in watched:
        watched["note"] = open(os.path.join(os.path.dirname(sys.argv[1]), "fault-%d" % os.getpid()), "w")
    if task.get("faulthandler"):
        faulthandler.enable(file=watched["note"])
    elif faulthandler.is_enabled():
        faulthandler.disable()
    if task.get("dump_seconds"):
        watched["dumps"] = True
        faulthandler.dump_traceback_later(task["dump_seconds"], repeat=True, file=2)


# What the worker's tasks asked for so far.
watched = {}


def read(file, size):
    data = file.read(size)
    if len(data) < size:
        raise EOFError("the connection has ended")
    return data


def read_with_length(file):
    return read(file, int.from_bytes(read(file, 4), "big"))


class Input:
    """What a task reads. Output goes out before anything is waited for."""

    closed = False

    def __init__(self, file, output):
        self.file = file
        self.output = output

    def read(self, size=-1):
        self.output.flush()
        return self.file.read(size)

    def readable(self):
        return True

    def seekable(self):
        return False

    def close(self):
        pass

    def at_end(self):
        return self.read(4) == END_OF_INPUT


class Output:
    """What a task writes, in frames."""

    closed = False

    def __init__(self, connection):
        self.connection = connection
        self.parts = []
        self.size = 0
        self.started = False

    def write(self, data):
        data = memoryview(data).cast("B")
        size = len(data)
        if not self.started:
            self.started = True
            # Spark's mark of an Arrow stream; our frames say as much.
            if size == 4 and data == START_OF_ARROW:
                return size
        # The writer may use its memory again.
        self.parts.append(bytes(data) if size < 4096 else data)
        self.size += size
        if self.size >= ENOUGH:
            self.flush()
        return size

    def flush(self):
        if self.size:
            self.connection.sendall(self.size.to_bytes(4, "big"))
            if len(self.parts) > 64:
                self.parts = [b"".join(self.parts)]
            for part in self.parts:
                self.connection.sendall(part)
            self.parts = []
            self.size = 0

    def end(self, kind, text):
        self.flush()
        self.connection.sendall(kind.to_bytes(4, "big", signed=True) + len(text).to_bytes(4, "big") + text)

    def writable(self):
        return True

    def close(self):
        pass


if __name__ == "__main__":
    main()
