"""`foreachBatch` in the program itself, as in classic PySpark: the function sees the program's own variables, and changes them.
Patches `pyspark.sql.connect.streaming.readwriter`, and `query` for what a progress tells.

The server calls functions in a process that it starts. What it gets here is one that hands the batch's number over a socket to
a thread of the program, and waits until the program's function is through. Where there is no such socket, because the program
has ended or is on another machine, the function itself runs there, if it could be pickled.
"""

import itertools
import json
import threading
import traceback

_functions = {}
_numbers = itertools.count()
_lock = threading.Lock()
_address = []


def patch(module):
    foreach_batch = module.DataStreamWriter.foreachBatch

    def foreachBatch(self, func):
        return foreach_batch(self, forwarding(self._session, func))

    foreachBatch.__doc__ = foreach_batch.__doc__
    module.DataStreamWriter.foreachBatch = foreachBatch
    module.QueryStartedEvent = PlainTags(module.QueryStartedEvent)


class PlainTags:
    """What a query's start tells: the tags of jobs as the program gave them, as without Connect."""

    def __init__(self, event):
        self._event = event

    def fromJson(self, told):
        tags = [tag.partition("_Tag_")[2] for tag in told.get("jobTags", [])]
        return self._event.fromJson({**told, "jobTags": [tag for tag in tags if tag]})


RATES = ("numInputRows", "inputRowsPerSecond", "processedRowsPerSecond")


def patch_query(module):
    """`query.lastProgress["numInputRows"]`: sums over the sources, which the client finds as attributes only."""
    last, recent = module.StreamingQuery.lastProgress, module.StreamingQuery.recentProgress
    module.StreamingQuery.lastProgress = property(lambda self: summed(last.fget(self)), doc=last.__doc__)
    all_summed = lambda self: [summed(one) for one in recent.fget(self)]  # noqa: E731
    module.StreamingQuery.recentProgress = property(all_summed, doc=recent.__doc__)


def summed(progress):
    for name in RATES:
        if progress is not None and progress.get(name) is None:
            progress[name] = getattr(progress, name)
    return progress


def forwarding(session, function):
    number = next(_numbers)
    _functions[number] = session, function
    return forwarder(address(), number, pickled(function))


def pickled(function):
    """The function for another process; none where it holds what cannot be pickled, such as a session or a lock."""
    from pyspark.serializers import CloudPickleSerializer

    try:
        return CloudPickleSerializer().dumps(function)
    except Exception:
        return None


def forwarder(path, number, function):
    """What travels: it needs nothing of this package."""

    def forward(dataframe, batch):
        import json
        import socket

        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(path)
        except OSError:
            if function is None:
                raise RuntimeError("the program whose function foreachBatch calls has ended") from None
            from pyspark.serializers import CloudPickleSerializer

            CloudPickleSerializer().loads(function)(dataframe, batch)
            return
        with connection, connection.makefile("rw") as file:
            asked = {"function": number, "dataframe": dataframe._plan._relation_id, "batch": batch}
            file.write(json.dumps(asked) + "\n")
            file.flush()
            answer = file.readline()
        if not answer:
            raise RuntimeError("the program ended while its function ran")
        error = json.loads(answer)["error"]
        if error is not None:
            raise RuntimeError(error)

    return forward


def address():
    """The socket on which the program is called; made with the first function."""
    with _lock:
        if not _address:
            import os
            import socket

            from firesteel import submitted

            path = os.path.join(submitted.private_directory("calls"), "socket")
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen(16)
            threading.Thread(target=listen, args=(listener,), name="firesteel-calls", daemon=True).start()
            _address.append(path)
        return _address[0]


def listen(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), name="firesteel-call", daemon=True).start()


def answer(connection):
    with connection, connection.makefile("rw") as file:
        asked = json.loads(file.readline())
        session, function = _functions[asked["function"]]
        error = None
        try:
            function(session._create_remote_dataframe(asked["dataframe"]), asked["batch"])
        except BaseException as raised:
            # The first frame is this one.
            raised.__traceback__ = raised.__traceback__.tb_next
            error = "".join(traceback.format_exception(type(raised), raised, raised.__traceback__))
        file.write(json.dumps({"error": error}) + "\n")
