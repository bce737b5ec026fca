"""A stream of a data source in Python, or one into it: offsets and rows, one message at a time.

Offsets are JSON as text, which the offset log keeps as it is. Rows go as frames of an Arrow stream each, an empty frame after each partition; the answer says how many
partitions there were.
"""

import inspect
import io
import json

import pyarrow as pa
from pyspark.serializers import CloudPickleSerializer
from pyspark.sql import datasource_internal
from pyspark.sql.types import _parse_datatype_json_string
from pyspark.sql.worker.plan_data_source_read import records_to_arrow_batches


class Source:
    """The user's reader."""

    def __init__(self, header, command):
        self.data_source = CloudPickleSerializer().loads(command)
        self.schema = _parse_datatype_json_string(header["schema"])
        self.batch_rows = header["rows"]
        self.reader = datasource_internal._streamReader(self.data_source, self.schema)
        self.is_simple = isinstance(self.reader, datasource_internal._SimpleStreamReaderWrapper)
        self.is_limited = len(inspect.signature(self.reader.latestOffset).parameters) > 0

    def run(self, message, channel):
        return getattr(self, message.pop("do"))(channel=channel, **message)

    def initial(self, channel):
        return {"offset": json.dumps(self.reader.initialOffset())}

    def latest(self, channel, start, limited):
        if not self.is_limited:
            return {"offset": json.dumps(self.reader.latestOffset())}
        from pyspark.sql.streaming.datasource import ReadAllAvailable

        limit = self.reader.getDefaultReadLimit() if limited else ReadAllAvailable()
        return {"offset": json.dumps(self.reader.latestOffset(json.loads(start), limit))}

    def available_now(self, channel):
        """Whether the reader itself knows where to stop."""
        try:
            from pyspark.sql.streaming.datasource import SupportsTriggerAvailableNow
        except ImportError:
            return {"done": False}
        reader = self.reader.simple_reader if self.is_simple else self.reader
        if not isinstance(reader, SupportsTriggerAvailableNow):
            return {"done": False}
        reader.prepareForTriggerAvailableNow()
        return {"done": True}

    def commit(self, channel, end):
        self.reader.commit(json.loads(end))

    def rows(self, channel, start, end):
        start, end = json.loads(start), json.loads(end)
        partitions = self.reader.partitions(start, end)
        fetched = self.reader.getCache(start, end) if self.is_simple else None
        if fetched is not None:
            self.send(channel, fetched)
            return {"partitions": 1}
        for partition in partitions:
            self.send(channel, self.reader.read(partition))
        return {"partitions": len(partitions)}

    def send(self, channel, rows):
        for batch in records_to_arrow_batches(rows, self.batch_rows, self.schema, self.data_source):
            sink = io.BytesIO()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            channel.send(sink.getvalue())
        channel.send(b"")

    def stop(self, channel):
        self.reader.stop()


class Sink:
    """The user's writer."""

    def __init__(self, header, command):
        from pyspark.sql.datasource import CaseInsensitiveDict

        options = CaseInsensitiveDict()
        options.update(header["options"])
        self.schema = _parse_datatype_json_string(header["schema"])
        data_source = CloudPickleSerializer().loads(command)(options=options)
        self.writer = data_source.streamWriter(self.schema, header["overwrite"])
        self.messages = []

    def run(self, message, channel):
        batch = message["batch"]
        try:
            if "partition" in message:
                self.messages.append(self.write(channel))
                return
            messages, self.messages = self.messages, []
            self.writer.commit(messages, batch)
        except BaseException:
            self.writer.abort([*self.messages, None], batch)
            raise

    def write(self, channel):
        from pyspark.errors import PySparkRuntimeError
        from pyspark.sql import datasource

        batches = self.batches(channel)
        arrow = getattr(datasource, "DataSourceStreamArrowWriter", ())
        try:
            told = self.writer.write(batches if isinstance(self.writer, arrow) else self.rows(batches))
        finally:
            # What the writer left over still comes through the socket.
            for _ in batches:
                pass
        if not isinstance(told, datasource.WriterCommitMessage):
            raise PySparkRuntimeError(
                errorClass="DATA_SOURCE_TYPE_MISMATCH",
                messageParameters={
                    "expected": "'WriterCommitMessage' as the return type of the `write` method",
                    "actual": type(told).__name__,
                },
            )
        return told

    def batches(self, channel):
        while data := channel.receive():
            yield from pa.ipc.open_stream(io.BytesIO(data))

    def rows(self, batches):
        from pyspark.sql.conversion import ArrowTableToRowsConversion

        for batch in batches:
            yield from ArrowTableToRowsConversion.convert(pa.Table.from_batches([batch]), self.schema)
