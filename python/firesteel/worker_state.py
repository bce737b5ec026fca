"""The worker's side of `transformWithState`: a `StatefulProcessor` with the state of its groups at hand.

PySpark's handle asks a server for each value, by messages over a socket. Here the state of a group comes before its rows
and stays in this process, which answers the same messages; what has changed goes back at the end. What travels is
described in `crates/plan/src/operator/python/processor.rs`.
"""

import decimal
import io
import json
import struct

import pyarrow as pa
import pyspark.worker as spark_worker
from pyspark.serializers import CPickleSerializer
from pyspark.sql.streaming.stateful_processor_api_client import StatefulProcessorApiClient
from pyspark.sql.types import StructType

END, ROWS, STATE, KEYS, HEADER = range(5)
ASIDE = -3
VALUE_BITS = 48
# Answers of the state server: done, failed, nothing there.
OK, FAILED, NOTHING = 0, 1, 2
KINDS = {"getValueState": "ValueState", "getListState": "ListState", "getMapState": "MapState"}
# What Python has inside of a type; other values are NULL in it.
INSIDE = {
    **dict.fromkeys(("byte", "short", "integer", "long", "date", "timestamp", "timestamp_ntz"), int),
    **dict.fromkeys(("float", "double"), float),
    "boolean": bool,
    "decimal": decimal.Decimal,
}
# What `init` alone may do, as Spark's errors call it.
OPERATIONS = {
    "getValueState": "get_value_state",
    "getListState": "get_list_state",
    "getMapState": "get_map_state",
    "deleteIfExists": "delete_if_exists",
}
CHANGES = pa.schema(
    [
        pa.field("number", pa.int64()),
        pa.field("slot", pa.int64()),
        pa.field("user_key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("expiry", pa.int64()),
        pa.field("removed", pa.bool_()),
    ]
)


class Pickles(CPickleSerializer):
    """Values of a schema, pickled as they are inside of PySpark's types, and read as users know them."""

    def __init__(self, schema):
        self.schema = schema
        self.converts = any(field.needConversion() for field in schema.fields)

    def loads(self, data, encoding="bytes"):
        value = super().loads(data)
        return self.schema.fromInternal(value) if self.converts else value

    def shown(self, data):
        """What a client reads of a stored value."""
        return self.dumps(self.loads(data)) if self.converts else data

    def stored(self, data):
        """What is stored of a client's value: its fields have the schema's types, or are NULL, as on Spark's side."""
        value = CPickleSerializer.loads(self, data)
        fitting = fit_row(value, self.schema)
        return data if fitting == tuple(value) else self.dumps(fitting)


def fit_row(row, schema):
    """A row's values as a schema's types have them inside. Spark's `EvaluatePython.makeFromJava`."""
    if len(row) != len(schema.fields):
        raise Failed(FAILED, wrong_length(len(schema.fields), len(row)))
    return tuple(fit(value, field.dataType) for value, field in zip(row, schema.fields))


def wrong_length(expected, actual):
    return (
        "[STRUCT_ARRAY_LENGTH_MISMATCH] Input row doesn't have expected number of values required by the schema. "
        f"{expected} fields are required while {actual} values are provided. SQLSTATE: 2201E"
    )


def fit(value, to):
    kind = to.typeName()
    if value is None:
        return None
    if kind in INSIDE:
        own = INSIDE[kind]
        return value if isinstance(value, own) and (own is bool or not isinstance(value, bool)) else None
    if kind == "string":
        return value if isinstance(value, str) else java_text(value)
    if kind == "binary":
        return value.encode() if isinstance(value, str) else value if isinstance(value, (bytes, bytearray)) else None
    if kind == "array":
        return [fit(own, to.elementType) for own in value] if isinstance(value, (list, tuple)) else None
    if kind == "map":
        pairs = value.items() if isinstance(value, dict) else None
        return None if pairs is None else {fit(key, to.keyType): fit(own, to.valueType) for key, own in pairs}
    if kind == "struct":
        return fit_row(value, to) if isinstance(value, (list, tuple)) else None
    return value


def java_text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def in_order(row):
    """A user's key as the bytes by which Spark's RocksDB sorts it: an UnsafeRow of fixed words, then what is longer."""
    fixed, more, nulls = b"", b"", 0
    width = 8 * (1 + len(row))
    for at, value in enumerate(row):
        word = b"\0" * 8
        if value is None:
            nulls |= 1 << at
        elif isinstance(value, (bool, int)):
            word = (int(value) & (2**64 - 1)).to_bytes(8, "little")
        elif isinstance(value, float):
            word = struct.pack("<d", value)
        else:
            data = value.encode() if isinstance(value, str) else bytes(value) if isinstance(value, (bytes, bytearray)) else repr(value).encode()
            word = (((width + len(more)) << 32) | len(data)).to_bytes(8, "little")
            more += data + b"\0" * (-len(data) % 8)
        fixed += word
    return nulls.to_bytes(8, "little") + fixed + more


class Frames:
    """Rows of the input as a file; what comes between them goes to the memory."""

    closed = False

    def __init__(self, source, memory):
        self.source = source
        self.memory = memory
        self.data = b""
        self.at = 0
        self.ended = False

    def read(self, size=-1):
        parts = []
        while size > 0:
            if self.at == len(self.data):
                if self.ended or not self.advance():
                    break
                continue
            part = self.data[self.at : self.at + size]
            self.at += len(part)
            size -= len(part)
            parts.append(part)
        return b"".join(parts)

    def advance(self):
        """Read a frame. False at the end."""
        kind = self.source.read(1)[0]
        size = int.from_bytes(self.source.read(4), "big")
        data = self.source.read(size) if size else b""
        if kind == END:
            self.ended = True
        elif kind == ROWS:
            self.data, self.at = data, 0
        elif kind == HEADER:
            self.memory.begin(json.loads(data))
        else:
            table = pa.ipc.open_stream(data).read_all()
            self.memory.meet(table) if kind == KEYS else self.memory.load(table)
        return not self.ended

    def finish(self):
        while not self.ended:
            self.advance()

    def readable(self):
        return True

    def seekable(self):
        return False

    def close(self):
        pass


def internal(value):
    """A key's value as Arrow gives it, in the form that PySpark's types have inside."""
    import datetime
    import calendar

    if isinstance(value, datetime.datetime):
        seconds = calendar.timegm(value.utctimetuple() if value.tzinfo else value.timetuple())
        return seconds * 1000000 + value.microsecond
    if isinstance(value, datetime.date):
        return value.toordinal() - datetime.date(1970, 1, 1).toordinal()
    if isinstance(value, datetime.timedelta):
        return (value.days * 86400 + value.seconds) * 1000000 + value.microseconds
    if isinstance(value, dict):
        return tuple(internal(own) for own in value.values())
    if isinstance(value, (list, tuple)):
        return tuple(internal(own) for own in value)
    return comparable(value)


def comparable(value):
    """NaN equals itself as a key."""
    if isinstance(value, float) and value != value:
        return "NaN"
    if isinstance(value, (list, tuple)):
        return tuple(comparable(own) for own in value)
    return bytes(value) if isinstance(value, bytearray) else value


class Memory:
    """What the groups of a task remember."""

    def __init__(self):
        self.header = None
        self.numbers = {}
        self.keys = []
        self.groups = {}
        self.changed = {}

    def begin(self, header):
        self.header = header
        self.variables = {own["name"]: own for own in header["declared"]["variables"]}
        self.names = {own["id"]: own["name"] for own in header["declared"]["variables"]}
        for own in header["declared"]["variables"]:
            own["values"] = Pickles(StructType.fromJson(json.loads(own["schema"])))
            if "key" in own:
                own["keys"] = Pickles(StructType.fromJson(json.loads(own["key"])))

    def meet(self, table):
        """Keys that have not been there before, with their numbers."""
        numbers = table.column(0).to_pylist()
        columns = [column.to_pylist() for column in table.columns[1:]]
        for row, number in enumerate(numbers):
            key = tuple(column[row] for column in columns)
            while len(self.keys) <= number:
                self.keys.append(None)
            self.keys[number] = key
            self.numbers[internal(key)] = number

    def load(self, table):
        for number, slot, user_key, value, expiry in zip(*(column.to_pylist() for column in table.columns)):
            group = self.groups.setdefault(number, Group())
            variable, at = slot >> VALUE_BITS, slot & ((1 << VALUE_BITS) - 1)
            if variable == 0:
                group.timers.add(at)
            elif variable in self.names:
                group.values.setdefault(self.names[variable], {})[at] = (user_key, value, expiry)

    def number(self, key, schema):
        """The number of a key as PySpark has it: NULL is NaN among pandas' numbers."""
        types = [field.dataType for field in schema.fields]
        own = []
        for value, data_type in zip(key, types):
            if value is not None and value != value and data_type.typeName() not in ("float", "double"):
                value = None
            if isinstance(value, float) and data_type.typeName() in ("byte", "short", "integer", "long"):
                value = int(value)
            own.append(comparable(None if value is None else data_type.toInternal(value)))
        return self.numbers[tuple(own)]

    def group(self, number):
        return self.groups.setdefault(number, Group())

    def note(self, number, slot, user_key=None, value=None, expiry=None, removed=False):
        self.changed[(number, slot)] = (user_key, value, expiry, removed)

    def send(self, output):
        rows = [(*place, *change) for place, change in self.changed.items()]
        for start in range(0, len(rows), 50000):
            columns = list(zip(*rows[start : start + 50000]))
            arrays = [pa.array(column, field.type) for column, field in zip(columns, CHANGES)]
            sink = io.BytesIO()
            with pa.ipc.new_stream(sink, CHANGES) as writer:
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=CHANGES))
            output.end(ASIDE, sink.getvalue())


class Group:
    """Values of a group's variables by name and place, and its timers."""

    def __init__(self):
        self.values = {}
        self.timers = set()


class Failed(Exception):
    """What the server answers by its status."""


class Client(StatefulProcessorApiClient):
    """PySpark's client, whose server is the memory of this process."""

    def __init__(self, memory, key_schema):
        from pyspark.sql.streaming.stateful_processor_api_client import StatefulProcessorHandleState

        self.memory = memory
        self.key_schema = key_schema
        self.handle_state = StatefulProcessorHandleState.CREATED
        self.pickleSer = CPickleSerializer()
        self.list_timer_iterator_cursors = {}
        self.expiry_timer_iterator_cursors = {}
        self._batch_timestamp = -1
        self._watermark_timestamp = -1
        self.current = None
        self.asked = None
        self.sent = []
        self.ended_iterators = set()
        self.has_fired = False

    # The socket's ends.

    def _send_proto_message(self, message):
        import pyspark.sql.streaming.proto.StateMessage_pb2 as messages

        self.asked = messages.StateRequest.FromString(message)
        self.sent = []

    def _send_list_state(self, schema, state):
        self.sent = [self._serialize_to_bytes(schema, value) for value in state]

    _send_arrow_state = _send_list_state

    def _read_list_state(self):
        return [self._deserialize_from_bytes(value) for value in self.sent]

    def answer(self, empty):
        try:
            return (OK, "", *self.ask(self.asked))
        except Failed as failure:
            return (failure.args[0], failure.args[1], *empty)

    def _receive_proto_message(self):
        return self.answer((b"",))

    def _receive_proto_message_with_long_value(self):
        return self.answer((0,))

    def _receive_proto_message_with_string_value(self):
        return self.answer(("",))

    def _receive_proto_message_with_list_get(self):
        return self.answer(([], False))

    _receive_proto_message_with_map_keys_values = _receive_proto_message_with_list_get
    _receive_proto_message_with_map_pairs = _receive_proto_message_with_list_get
    _receive_proto_message_with_timers = _receive_proto_message_with_list_get

    def ask(self, request):
        """The answer to a message, as the fields that follow its status."""
        part = request.WhichOneof("method")
        call = getattr(request, part)
        kind = call.WhichOneof("method")
        return getattr(self, part)(kind, getattr(call, kind))

    # What can be asked.

    def statefulProcessorCall(self, kind, call):
        if kind in OPERATIONS and self.handle_state.name not in ("PRE_INIT", "CREATED"):
            raise Failed(
                FAILED,
                "[STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE] Failed to perform stateful "
                f"processor operation={OPERATIONS[kind]} with invalid handle state={self.handle_state.name}. SQLSTATE: 42802",
            )
        if kind in KINDS:
            if call.stateName not in self.memory.variables:
                raise Failed(FAILED, f"State variable with name {call.stateName} is not defined in init()")
            return (b"",)
        if kind == "timerStateCall":
            return self.timer(call.WhichOneof("method"), getattr(call, call.WhichOneof("method")))
        if kind == "deleteIfExists":
            variable = self.memory.variables.get(call.stateName)
            if variable is not None:
                self.clear(variable)
        return (b"",)

    def set_implicit_key(self, key):
        if len(key) != len(self.key_schema.fields):
            from pyspark.errors import PySparkRuntimeError

            raise PySparkRuntimeError(f"Error setting implicit key: {wrong_length(len(self.key_schema.fields), len(key))}")
        self.current = self.memory.number(key, self.key_schema)

    def remove_implicit_key(self):
        self.current = None

    def timerRequest(self, kind, call):
        if kind == "timerValueRequest":
            asked = call.WhichOneof("method")
            return (self.memory.header["batch_ms" if asked == "getProcessingTimer" else "watermark_ms"],)
        import pyspark.sql.streaming.proto.StateMessage_pb2 as messages

        # Timers that are registered on the way, and due, fire in the next batch.
        due = [] if self.has_fired else self.due(call.expiryTimestampMs)
        self.has_fired = True
        if not due:
            raise Failed(NOTHING, "")
        timers = []
        for at, number in due:
            timers.append(messages.TimerInfo(key=self.pickleSer.dumps(self.row_of(number)), timestampMs=at))
        return (timers, True)

    def due(self, limit):
        return sorted((at, number) for number, group in self.memory.groups.items() for at in group.timers if at <= limit)

    def row_of(self, number):
        from pyspark.sql.types import Row

        return Row(*self.key_schema.names)(*self.memory.keys[number])

    def utilsRequest(self, kind, call):
        parsed = self.memory.header["declared"]["schemas"].get(call.schema)
        if parsed is None and self.handle_state.name not in ("PRE_INIT", "CREATED"):
            # What asks for it is refused in a moment.
            parsed = {"schema": '{"type":"struct","fields":[]}'}
        if parsed is None or "error" in parsed:
            raise Failed(FAILED, parsed["error"] if parsed else f"unknown schema {call.schema}")
        return (parsed["schema"],)

    def timer(self, kind, call):
        if self.memory.header["time"] == "None":
            operation = {"register": "register_timer", "delete": "delete_timer", "list": "list_timers"}[kind]
            told = (
                "[STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_TIME_MODE] Failed to perform stateful "
                f"processor operation={operation} with invalid timeMode=NoTime SQLSTATE: 42802"
            )
            # A client would take a refusal for the end of the list.
            raise RuntimeError(told) if kind == "list" else Failed(FAILED, told)
        group = self.memory.group(self.current)
        if kind == "register":
            if call.expiryTimestampMs not in group.timers:
                group.timers.add(call.expiryTimestampMs)
                self.memory.note(self.current, call.expiryTimestampMs, expiry=None)
        elif kind == "delete":
            group.timers.discard(call.expiryTimestampMs)
            self.memory.note(self.current, call.expiryTimestampMs, removed=True)
        else:
            return self.once(call.iteratorId, lambda: (sorted(group.timers),), self.timer_infos)
        return (b"",)

    def timer_infos(self, own):
        import pyspark.sql.streaming.proto.StateMessage_pb2 as messages

        return [messages.TimerInfo(timestampMs=at) for at in own]

    def once(self, iterator, values, shape=list):
        """All values of an iterator that has not been asked yet; nothing of one that is at its end."""
        if iterator in self.ended_iterators:
            raise Failed(NOTHING, "")
        self.ended_iterators.add(iterator)
        (own,) = values()
        if not own:
            raise Failed(NOTHING, "")
        return (shape(own), False)

    def stateVariableRequest(self, kind, call):
        variable = self.memory.variables.get(call.stateName)
        if variable is None:
            raise Failed(FAILED, f"State variable with name {call.stateName} is not initialized.")
        return getattr(self, kind)(call.WhichOneof("method"), call, variable)

    # Variables.

    def entries(self, variable):
        """What the variable has for the group: places with a user's key, a value and when it expires, in order."""
        now = self.memory.header["batch_ms"]
        own = self.memory.group(self.current).values.get(variable["name"], {})
        return {at: own[at] for at in sorted(own) if own[at][2] is None or own[at][2] > now}

    def put(self, variable, at, user_key, value):
        value = variable["values"].stored(value)
        ttl = variable.get("ttl")
        expiry = None if ttl is None else self.memory.header["batch_ms"] + ttl
        group = self.memory.group(self.current).values.setdefault(variable["name"], {})
        group[at] = (user_key, value, expiry)
        self.memory.note(self.current, variable["id"] << VALUE_BITS | at, user_key, value, expiry)

    def remove(self, variable, at):
        del self.memory.group(self.current).values[variable["name"]][at]
        self.memory.note(self.current, variable["id"] << VALUE_BITS | at, removed=True)

    def clear(self, variable):
        for at in list(self.memory.group(self.current).values.get(variable["name"], {})):
            self.remove(variable, at)

    def next_place(self, variable):
        return max(self.memory.group(self.current).values.get(variable["name"], {}), default=-1) + 1

    def valueStateCall(self, kind, call, variable):
        entries = self.entries(variable)
        if kind == "exists":
            return self.there(entries)
        if kind == "get":
            return (variable["values"].shown(entries[0][1]) if entries else b"",)
        if kind == "valueStateUpdate":
            self.put(variable, 0, None, call.valueStateUpdate.value)
        else:
            self.clear(variable)
        return (b"",)

    @staticmethod
    def there(entries):
        if not entries:
            raise Failed(NOTHING, "")
        return (b"",)

    def listStateCall(self, kind, call, variable):
        if kind == "exists":
            return self.there(self.entries(variable))
        if kind == "listStateGet":
            values = lambda: ([variable["values"].shown(own[1]) for own in self.entries(variable).values()],)  # noqa: E731
            return self.once(call.listStateGet.iteratorId, values)
        values = list(getattr(getattr(call, kind), "value", ())) or self.sent if kind in ("appendList", "listStatePut") else None
        if values is not None and not values:
            raise Failed(
                FAILED,
                "[ILLEGAL_STATE_STORE_VALUE.EMPTY_LIST_VALUE] Illegal value provided to the State Store Cannot write empty "
                f"list values to State Store for StateName {call.stateName}. SQLSTATE: 42601",
            )
        if kind in ("clear", "listStatePut"):
            self.clear(variable)
        if kind == "appendValue":
            self.put(variable, self.next_place(variable), None, call.appendValue.value)
        elif values:
            for value in values:
                self.put(variable, self.next_place(variable), None, value)
        return (b"",)

    def mapStateCall(self, kind, call, variable):
        import pyspark.sql.streaming.proto.StateMessage_pb2 as messages

        entries = self.entries(variable)
        if kind == "exists":
            return self.there(entries)
        if kind in ("iterator", "keys", "values"):
            keys, values = variable["keys"].shown, variable["values"].shown
            of = {
                "iterator": lambda own: messages.KeyAndValuePair(key=keys(own[0]), value=values(own[1])),
                "keys": lambda own: keys(own[0]),
                "values": lambda own: values(own[1]),
            }[kind]
            own = getattr(call, kind)
            sort = lambda entry: in_order(CPickleSerializer().loads(entry[0]))  # noqa: E731
            return self.once(own.iteratorId, lambda: ([of(entry) for entry in sorted(entries.values(), key=sort)],))
        if kind == "clear":
            self.clear(variable)
            return (b"",)
        user_key = variable["keys"].stored(getattr(call, kind).userKey)
        at = next((at for at, own in entries.items() if own[0] == user_key), None)
        if kind == "getValue":
            return (b"" if at is None else variable["values"].shown(entries[at][1]),)
        if kind == "containsKey":
            return self.there(None if at is None else [at])
        if kind == "removeKey":
            if at is not None:
                self.remove(variable, at)
        else:
            self.put(variable, self.next_place(variable) if at is None else at, user_key, call.updateValue.value)
        return (b"",)


def processor(program, blobs, task, source, output):
    """A `StatefulProcessor` over the groups of a partition."""
    from firesteel import worker_tasks

    memory = Memory()
    frames = Frames(source, memory)
    # The header comes first.
    frames.advance()
    own = spark_worker.StatefulProcessorApiClient
    spark_worker.StatefulProcessorApiClient = lambda _, key_schema: Client(memory, key_schema)
    try:
        func, deserializer, serializer = worker_tasks.read_functions(program, blobs)
    finally:
        spark_worker.StatefulProcessorApiClient = own
    worker_tasks.process(func, Whole(deserializer, frames), serializer, task, frames, output)
    frames.finish()
    memory.send(output)


class Whole:
    """The rows, and then all that follows them: timers of groups without rows."""

    def __init__(self, deserializer, frames):
        self.deserializer = deserializer
        self.frames = frames

    def load_stream(self, source):
        from pyspark.sql.streaming.stateful_processor_util import TransformWithStateInPandasFuncMode

        for item in self.deserializer.load_stream(source):
            if item[0] == TransformWithStateInPandasFuncMode.PROCESS_TIMER:
                self.frames.finish()
            yield item


class NeedsSchema(Exception):
    """A schema as text, which only the engine reads."""


class Declaring(Client):
    """Hears what a processor's `init` asks for."""

    def __init__(self, key_schema, schemas, time):
        memory = Memory()
        declared = {"variables": [], "schemas": schemas}
        memory.begin({"declared": declared, "batch_ms": -1, "watermark_ms": 0, "time": time})
        super().__init__(memory, key_schema)
        self.declared = []

    def statefulProcessorCall(self, kind, call):
        if kind in KINDS:
            if any(own["name"] == call.stateName for own in self.declared):
                raise Failed(
                    FAILED,
                    f"[STATEFUL_PROCESSOR_DUPLICATE_STATE_VARIABLE_DEFINED] State variable with name {call.stateName} "
                    "has already been defined in the StatefulProcessor. SQLSTATE: 42802",
                )
            self.check_name(call.stateName)
            variable = {"name": call.stateName, "type": KINDS[kind], "schema": call.schema}
            if kind == "getMapState":
                variable.update(key=call.schema, schema=call.mapStateValueSchema)
            if call.HasField("ttl") and call.ttl.durationMs != 0:
                self.check_ttl(call)
                variable["ttl"] = call.ttl.durationMs
            for schema in (variable.get("key"), variable["schema"]):
                self.check_columns(schema)
            self.declared.append(variable)
        return (b"",)

    @staticmethod
    def check_columns(schema):
        names = [] if schema is None else [field.name.lower() for field in StructType.fromJson(json.loads(schema)).fields]
        twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
        if twice is not None:
            told = f"[COLUMN_ALREADY_EXISTS] The column `{twice}` already exists. Choose another name or rename the existing column. SQLSTATE: 42711"
            raise Failed(FAILED, told)

    @staticmethod
    def check_name(name):
        """Names are those of column families in Spark."""
        if not name or name != name.strip() or name == "default":
            raise Failed(
                FAILED,
                "[STATE_STORE_CANNOT_USE_COLUMN_FAMILY_WITH_INVALID_NAME] Failed to perform column family operation="
                f"create_col_family with invalid name={name}. Column family name cannot be empty or include leading/trailing "
                "spaces or use the reserved keyword=default SQLSTATE: 42802",
            )
        if name.startswith("$"):
            raise Failed(
                FAILED,
                "[STATE_STORE_CANNOT_CREATE_COLUMN_FAMILY_WITH_RESERVED_CHARS] Failed to create column family with "
                f"unsupported starting character and name={name}. SQLSTATE: 42802",
            )

    def check_ttl(self, call):
        mode = {"None": "NoTime"}.get(self.memory.header["time"], self.memory.header["time"])
        if mode != "ProcessingTime":
            raise Failed(
                FAILED,
                "[STATEFUL_PROCESSOR_INCORRECT_TIME_MODE_TO_ASSIGN_TTL] Cannot use TTL for "
                f"state={call.stateName} in timeMode={mode}, use TimeMode.ProcessingTime() instead. SQLSTATE: 42802",
            )
        if call.ttl.durationMs <= 0:
            raise Failed(
                FAILED,
                "[STATEFUL_PROCESSOR_TTL_DURATION_MUST_BE_POSITIVE] TTL duration must be greater than zero for State "
                f"store operation=update on state={call.stateName}. SQLSTATE: 42802",
            )

    def utilsRequest(self, kind, call):
        if call.schema not in self.memory.header["declared"]["schemas"]:
            raise NeedsSchema(call.schema)
        return super().utilsRequest(kind, call)


def processor_init(program, blobs, task, source, output):
    """The variables of a processor; or a schema as text that the engine is to read first."""
    from pyspark.sql.streaming.stateful_processor_util import TransformWithStateInPandasFuncMode

    func, _ = CPickleSerializer().loads(blobs[0])
    client = Declaring(StructType.fromJson(json.loads(program["key"])), program["schemas"], program["time"])
    try:
        func(client, TransformWithStateInPandasFuncMode.PRE_INIT, None, iter([]))
    except NeedsSchema as needed:
        return {"parse": needed.args[0]}
    return {"variables": client.declared}


def pickles(program, blobs, task, source, output):
    """Values that were pickled, as a column of the type that comes beside them."""
    loads = CPickleSerializer().loads
    for batch in pa.ipc.open_stream(source):
        to = batch.schema.field(1).type
        values = [None if value is None else shaped(loads(value), to) for value in batch.column(0).to_pylist()]
        schema = pa.schema([pa.field("value", to)])
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(pa.RecordBatch.from_arrays([pa.array(values, to)], schema=schema))
        output.end(ASIDE, sink.getvalue())


def shaped(value, to):
    """A value as PySpark's types have it inside, in the form that Arrow takes for a type."""
    if value is None:
        return None
    if pa.types.is_struct(to):
        return {field.name: shaped(own, field.type) for field, own in zip(to, value)}
    if pa.types.is_list(to):
        return [shaped(own, to.value_type) for own in value]
    if pa.types.is_map(to):
        return [(shaped(key, to.key_type), shaped(own, to.item_type)) for key, own in value.items()]
    return bytes(value) if isinstance(value, bytearray) else value
