"""Frames: DataFrames whose rows are pickled batches of an RDD's records.

A row is (`part`, `tag`, `seq`, `data`): the partition, which of several parents it came from, its place in the partition's
order, a pickled list. Every partition has at least one row, a mark if it has no records, so that each task learns its index.
"""

from itertools import islice

# Tags below zero carry no records.
MARK = -1
# A batch grows and shrinks between these sizes; a record batch of several rows ends at the third.
SMALL_BATCH_BYTES = 1 << 17
LARGE_BATCH_BYTES = 1 << 20
RECORD_BATCH_BYTES = 1 << 22
# Rows of one partition are numbered from here, so that numbers rise from partition to partition too.
SEQ_BITS = 32


def dumps(value):
    """Pickle records: by value what is defined in the user's script, as PySpark's own serializer does."""
    from pyspark import cloudpickle

    return cloudpickle.dumps(value, 5)


def quick_dumps(value):
    """Pickle records in a worker. What a user's script defines has no name there: it fails at once, and goes by value."""
    from pickle import dumps as by_name

    try:
        return by_name(value, 5)
    except Exception:
        pass
    try:
        return dumps(value)
    except TypeError as error:
        # As PySpark words what nobody can pickle.
        from pickle import PicklingError

        raise PicklingError("Could not serialize object: TypeError: %s" % error) from None


class Output:
    """Rows on their way out, given as record batches of bounded size."""

    def __init__(self):
        self._clear()

    def _clear(self):
        self.part, self.tag, self.seq, self.data, self.bytes = [], [], [], [], 0

    def add(self, row):
        part, tag, seq, data = row
        self.part.append(part)
        self.tag.append(tag)
        self.seq.append(seq)
        self.data.append(data)
        self.bytes += len(data)

    @property
    def is_full(self):
        return self.bytes >= RECORD_BATCH_BYTES

    def take(self):
        import pyarrow

        batch = pyarrow.RecordBatch.from_arrays(
            [
                pyarrow.array(self.part, pyarrow.int32()),
                pyarrow.array(self.tag, pyarrow.int32()),
                pyarrow.array(self.seq, pyarrow.int64()),
                pyarrow.array(self.data, pyarrow.binary()),
            ],
            ["part", "tag", "seq", "data"],
        )
        self._clear()
        return batch


def rows(batches):
    """The rows of record batches, one by one."""
    for batch in batches:
        part, tag, seq = (batch.column(position).to_pylist() for position in range(3))
        data = batch.column(3)
        for position in range(batch.num_rows):
            yield part[position], tag[position], seq[position], data[position].as_buffer()


def partitions(batches):
    """(index, rows) of each partition among the rows of a task: one, unless the server put partitions together."""
    source = rows(batches)
    state = [next(source, None)]

    def of_partition(index):
        while state[0] is not None and state[0][0] == index:
            row = state[0]
            state[0] = next(source, None)
            yield row

    while state[0] is not None:
        index = state[0][0]
        group = of_partition(index)
        yield index, group
        for _ in group:
            pass


# Spark aims at batches of this many bytes.
BEST_BATCH_BYTES = 1 << 16


def batches(partition_records, size):
    """Records in Spark's batches: of `size`, or of as many as fit well."""
    source = iter(partition_records)
    adapts, size = size is None, size or 1
    while True:
        batch = list(islice(source, size))
        if not batch:
            return
        yield batch
        if adapts:
            written = len(quick_dumps(batch))
            if written < BEST_BATCH_BYTES:
                size *= 2
            elif written > BEST_BATCH_BYTES * 10 and size > 1:
                size //= 2


def records(partition_rows):
    """The records of rows. Marks, which say that there is a partition, have none."""
    from pickle import loads

    for _, tag, _, data in partition_rows:
        if tag >= 0:
            yield from loads(data)


class Encode:
    """A writer: a partition's records as its rows. `offset` moves the partitions, as a union's right side needs."""

    writes_batches = False

    def __init__(self, offset=0, tag=0, dumps=quick_dumps):
        self.offset = offset
        self.tag = tag
        self.dumps = dumps

    def __call__(self, index, partition_records):
        part = index + self.offset
        seq = index << SEQ_BITS
        source, size, empty = iter(partition_records), 64, True
        while True:
            batch = list(islice(source, size))
            if not batch:
                break
            empty = False
            data = self.dumps(batch)
            yield part, self.tag, seq, data
            seq += 1
            if len(data) < SMALL_BATCH_BYTES:
                size *= 2
            elif len(data) > LARGE_BATCH_BYTES and size > 1:
                size //= 2
        if empty:
            yield part, MARK, seq, b""


class EncodedSource:
    """A reader: the records of a frame's rows."""

    def partitions(self, batches):
        for index, group in partitions(batches):
            yield index, records(group)


class TaggedSource:
    """A reader for a step with several parents: one iterator whose only record is the list of the parents' records."""

    def __init__(self, parents):
        self.parents = parents

    def partitions(self, batches):
        from pickle import loads

        for index, group in partitions(batches):
            lists = [[] for _ in range(self.parents)]
            for _, tag, _, data in group:
                if tag >= 0:
                    lists[tag].extend(loads(data))
            yield index, iter([lists])


class IndexSource:
    """A reader for data that tasks make or read themselves: rows are partition indices, `make(index)` gives records."""

    def __init__(self, make):
        self.make = make

    def partitions(self, batches):
        for batch in batches:
            for index in batch.column(0).to_pylist():
                yield index, iter(self.make(index))


class RowSource:
    """A reader of a DataFrame's own rows, as `Row` objects; the last column is the partition's number."""

    def __init__(self, schema_json, selection=None):
        self.schema_json = schema_json
        self.selection = selection

    def partitions(self, batches):
        from itertools import chain

        batches = iter(batches)
        first = next(batches, None)
        while first is not None and first.num_rows == 0:
            first = next(batches, None)
        if first is None:
            from pyspark import TaskContext

            context = TaskContext.get()
            index = context.partitionId() if context is not None else 0
            if self.is_selected(index):
                yield index, iter(())
            return
        state = {"batches": chain([first], batches), "batch": None, "offset": 0}
        self._advance(state)
        while state["batch"] is not None:
            index = state["batch"].column(state["batch"].num_columns - 1)[state["offset"]].as_py()
            group = self._group(state, index)
            if self.is_selected(index):
                yield index, group
            for _ in group:
                pass

    def is_selected(self, index):
        return self.selection is None or index in self.selection

    @staticmethod
    def _advance(state):
        state["batch"], state["offset"] = next((batch for batch in state["batches"] if batch.num_rows), None), 0

    def _group(self, state, index):
        import pyarrow
        from pyspark.sql.conversion import ArrowTableToRowsConversion
        from pyspark.sql.types import StructType, _parse_datatype_json_string

        schema = _parse_datatype_json_string(self.schema_json)
        assert isinstance(schema, StructType)
        while state["batch"] is not None:
            batch, offset = state["batch"], state["offset"]
            parts = batch.column(batch.num_columns - 1)
            end = offset
            if parts[offset].as_py() != index:
                return
            if parts[batch.num_rows - 1].as_py() == index:
                end = batch.num_rows
            else:
                while parts[end].as_py() == index:
                    end += 1
            columns = [batch.column(position).slice(offset, end - offset) for position in range(batch.num_columns - 1)]
            if columns:
                names = ["c%d" % position for position in range(len(columns))]
                table = pyarrow.Table.from_arrays(columns, names)
                yield from ArrowTableToRowsConversion.convert(table, schema)
            else:
                from pyspark.sql import Row

                yield from (Row() for _ in range(end - offset))
            if end < batch.num_rows:
                state["offset"] = end
                return
            self._advance(state)
