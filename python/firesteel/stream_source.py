"""A stream of a data source in Python: offsets and partitions, one message at a time.

Offsets are JSON as text, which the offset log keeps as it is. Partitions go as a frame each, pickled, for the workers that
read them; what a simple reader has read already goes as frames of an Arrow stream each.
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

    def run(self, message, channel):
        return getattr(self, message.pop("do"))(channel=channel, **message)

    def features(self, channel):
        """Whether the reader is told where to begin and how much to read."""
        return {"limited": len(inspect.signature(self.reader.latestOffset).parameters) > 0}

    def initial(self, channel):
        return {"offset": json.dumps(self.reader.initialOffset())}

    def latest(self, channel, start=None, limited=True):
        if start is None:
            return {"offset": json.dumps(self.reader.latestOffset())}
        from pyspark.sql.streaming.datasource import ReadAllAvailable

        limit = self.reader.getDefaultReadLimit() if limited else ReadAllAvailable()
        return {"offset": json.dumps(self.reader.latestOffset(json.loads(start), limit))}

    def report(self, channel):
        """The newest offset, where the reader tells one."""
        if self.is_simple or not hasattr(self.reader, "reportLatestOffset"):
            return {}
        offset = self.reader.reportLatestOffset()
        return {} if offset is None else {"offset": json.dumps(offset)}

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

    def partitions(self, channel, start, end):
        start, end = json.loads(start), json.loads(end)
        partitions = self.reader.partitions(start, end)
        pickled = [CloudPickleSerializer().dumps(partition) for partition in partitions]
        fetched = self.reader.getCache(start, end) if self.is_simple else None
        if fetched is None:
            for partition in pickled:
                channel.send(partition)
            return {"fetched": False}
        for batch in records_to_arrow_batches(fetched, self.batch_rows, self.schema, self.data_source):
            sink = io.BytesIO()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            channel.send(sink.getvalue())
        return {"fetched": True}

    def stop(self, channel):
        self.reader.stop()
