"""The process behind `foreachBatch`, `foreach` and data sources in Python of a streaming query.

Frames of a length and that many bytes come over a Unix socket: what to run, then one message a batch. Every batch is
answered by a frame of JSON, `{}` or `{"error": text}`.
"""

import io
import json
import os
import socket
import struct
import sys
import traceback


class Channel:
    """The socket, cut into frames."""

    def __init__(self, path):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        self._file = connection.makefile("rwb")

    def receive(self):
        """The next frame; None when the server has closed the socket."""
        length = self._file.read(4)
        if len(length) < 4:
            return None
        return self._file.read(struct.unpack(">I", length)[0])

    def send(self, data):
        self._file.write(struct.pack(">I", len(data)) + data)
        self._file.flush()

    def answer(self, **content):
        self.send(json.dumps(content).encode())


# The program comes by `-c`; PySpark takes a main module without a file for a doctest.
__file__ = globals().get("__file__", "stream_worker.py")


def main():
    channel = Channel(os.environ.pop("FIRESTEEL_STREAM_SOCKET"))
    find_client()
    header = json.loads(channel.receive())
    command = channel.receive()
    try:
        run = {"foreachBatch": foreach_batch, "foreach": foreach, "source": source}[header["kind"]](header, command)
    except BaseException as error:
        channel.answer(error=described(error))
        return
    channel.answer()
    while (message := channel.receive()) is not None:
        try:
            said = run(json.loads(message), channel) or {}
        except BaseException as error:
            channel.answer(error=described(error))
            return
        finally:
            sys.stdout.flush()
        channel.answer(**said)


def find_client():
    """Put the PySpark client on the path that `firesteel` keeps, where this Python has none."""
    from importlib.util import find_spec

    stem = os.environ.get("FIRESTEEL_CLIENT_DIR")
    if find_spec("pyspark") is None and stem is not None:
        import sysconfig

        # As `firesteel.run` names it, which is not on the path here.
        sys.path.insert(1, "%s-%s-%s" % (stem, sys.implementation.cache_tag, sysconfig.get_platform()))


def described(error):
    """The error as Python prints it."""
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def foreach_batch(header, command):
    """The user's function gets a DataFrame of the user's own session."""
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    from pyspark.serializers import CloudPickleSerializer
    from pyspark.sql.connect.session import SparkSession

    url = f"{header['url']}/;session_id={header['session_id']}"
    if header["user_id"]:
        url += f";user_id={header['user_id']}"
    session = SparkSession.builder.remote(url).getOrCreate()
    function = CloudPickleSerializer().loads(command)

    def run(message, _):
        function(session._create_remote_dataframe(message["df"]), message["batch"])

    return run


def foreach(_, command):
    """The user's function gets the rows of a partition."""
    import pyarrow
    from pyspark.serializers import CloudPickleSerializer
    from pyspark.sql.conversion import ArrowTableToRowsConversion
    from pyspark.sql.types import StructType
    from pyspark.taskcontext import TaskContext

    function = CloudPickleSerializer().loads(command)[0]

    def rows(channel, schema):
        while data := channel.receive():
            table = pyarrow.ipc.open_stream(io.BytesIO(data)).read_all()
            yield from ArrowTableToRowsConversion.convert(table, schema)

    def run(message, channel):
        context = TaskContext._getOrCreate()
        context._partitionId = message["partition"]
        context._localProperties = {"streaming.sql.batchId": str(message["batch"])}
        given = rows(channel, StructType.fromJson(message["schema"]))
        try:
            for _ in function(message["partition"], given) or ():
                pass
        finally:
            # What the function left over still comes through the socket.
            for _ in given:
                pass

    return run


def source(header, command):
    """A data source of the user's."""
    from firesteel.stream_source import Source

    return Source(header["more"], command).run


if __name__ == "__main__":
    main()
