"""Row-at-a-time functions without Arrow (`useArrow=False`): what the JVM does to their rows in Spark is done here.

Their columns come by Arrow like those of all others and become the Python values that Spark would pickle; their results
become columns by the lenient rules of the JVM: a value of another type is NULL, anything may become a string.
"""

import array
import datetime
import decimal
import inspect
import io

import pyarrow as pa
from firesteel import java_pickles
from pyspark.errors import PySparkRuntimeError
from pyspark.sql.conversion import ArrowTableToRowsConversion
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    CharType,
    DateType,
    DayTimeIntervalType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    NullType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
    UserDefinedType,
    VarcharType,
    YearMonthIntervalType,
)

class StructLengthMismatch(Exception):
    java_class = "StructLengthMismatch"

    def __init__(self, expected, actual):
        self.parameters = {"expected": str(expected), "actual": str(actual)}
        super().__init__("%d fields are required while %d values are provided" % (expected, actual))


# What comes back from any pickle.
PLAIN = {type(None), bool, int, float, str, bytes, bytearray, decimal.Decimal, datetime.date, datetime.datetime}
INTEGERS = {ByteType: 8, ShortType: 16, IntegerType: 32, LongType: 64}


class ArrowRows:
    """Stands where PySpark's worker has its pickling serializer: rows in, results out, both by Arrow."""

    def __init__(self, input_type, result_types, binary_as_bytes=True, many=False):
        self.converters = [value_converter(field.dataType, binary_as_bytes) for field in input_type]
        self.result_types = result_types
        # Each result is a tuple of rows, and becomes a batch of its own.
        self.many = many

    def load_stream(self, stream):
        reader = pa.ipc.open_stream(stream)
        for batch in reader:
            columns = []
            for column, convert in zip(batch.columns, self.converters):
                values = column.to_pylist()
                columns.append(values if convert is None else [convert(value) for value in values])
            self.rows = batch.num_rows
            yield from zip(*columns) if columns else ((),) * batch.num_rows

    def dump_stream(self, results, stream):
        if self.many:
            self.dump_tables(results, stream)
            return
        types = [arrow_type_of(one) for one in self.result_types]
        schema = pa.schema([pa.field("_%d" % at, one) for at, one in enumerate(types)])
        makers = [column_maker(one) for one in self.result_types]
        single = len(makers) == 1
        with pa.ipc.new_stream(stream, schema) as writer:
            pending = []
            for result in results:
                pending.append(result)
                if len(pending) == self.rows:
                    # As many as came in with the batch.
                    columns = [pending] if single else list(zip(*pending))
                    arrays = [make(list(column)) for make, column in zip(makers, columns)]
                    writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
                    pending = []

    def dump_tables(self, results, stream):
        (row_type,) = self.result_types
        struct = arrow_type_of(row_type)
        schema = pa.schema([pa.field("_0", struct)])
        make = column_maker(row_type)
        with pa.ipc.new_stream(stream, schema) as writer:
            # A row that is None is one of NULLs: the struct around the columns is not kept.
            nothing = (None,) * len(row_type)
            for rows in results:
                rows = [nothing if row is None else row for row in rows]
                writer.write_batch(pa.RecordBatch.from_arrays([make(rows)], schema=schema))


class GroupsAsBatches:
    """Groups, each a stream after its number, as one stream in which every batch is a group."""

    closed = False

    def __init__(self, source):
        self.source = source
        self.buffer = io.BytesIO()
        self.writer = None
        self.ended = False

    def read(self, size=-1):
        data = self.buffer.read(size)
        while len(data) < size and not self.ended:
            self.refill()
            data += self.buffer.read(size - len(data))
        return data

    def refill(self):
        self.buffer = io.BytesIO()
        if int.from_bytes(self.source.read(4), "big") == 0:
            self.ended = True
            if self.writer is None:
                self.start(pa.schema([]))
            self.sink.target = self.buffer
            self.writer.close()
        else:
            table = pa.ipc.open_stream(self.source).read_all().combine_chunks()
            if self.writer is None:
                self.start(table.schema)
            self.sink.target = self.buffer
            (batch,) = table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]
            self.writer.write_batch(batch)
        self.buffer.seek(0)

    def start(self, schema):
        self.sink = Sink()
        self.sink.target = self.buffer
        self.writer = pa.ipc.new_stream(self.sink, schema)

    def finish(self):
        """Read on to the end of the groups, where user code did not."""
        while not self.ended:
            self.refill()

    def readable(self):
        return True

    def seekable(self):
        return False

    def close(self):
        pass


class Sink:
    """A file whose bytes go to another one at each time."""

    closed = False
    target = None

    def write(self, data):
        return self.target.write(data)

    def writable(self):
        return True

    def flush(self):
        pass

    def close(self):
        pass


def accepted(function, **options):
    """Those of the options that this version of PySpark knows."""
    known = inspect.signature(function).parameters
    return {name: value for name, value in options.items() if name in known}


def value_converter(data_type, binary_as_bytes=True):
    """From what Arrow's `to_pylist` gives to the value that user code is given; None where they are the same."""
    create = ArrowTableToRowsConversion._create_converter
    return create(data_type, **accepted(create, none_on_identity=True, binary_as_bytes=binary_as_bytes))


def arrow_type_of(data_type):
    data_type = carried(data_type)
    return to_arrow_type(data_type, **accepted(to_arrow_type, timezone="UTC"))


def carried(data_type):
    """The type with those replaced that have no Arrow form of their own. Spark checks no lengths here."""
    if isinstance(data_type, (CharType, VarcharType)):
        return StringType()
    if isinstance(data_type, YearMonthIntervalType):
        # PySpark refuses every value before it would be sent.
        return IntegerType()
    if isinstance(data_type, ArrayType):
        return ArrayType(carried(data_type.elementType), data_type.containsNull)
    if isinstance(data_type, MapType):
        return MapType(carried(data_type.keyType), carried(data_type.valueType), data_type.valueContainsNull)
    if isinstance(data_type, StructType):
        return StructType([StructField(one.name, carried(one.dataType), one.nullable) for one in data_type])
    return data_type


def column_maker(data_type):
    """A function from results to an Arrow array of the type."""
    arrow_type = arrow_type_of(data_type)
    convert = converter(data_type)

    def make(values):
        if not PLAIN.issuperset(map(type, values)):
            for value in values:
                java_pickles.check(value)
        return pa.array([None if value is None else convert(value) for value in values], type=arrow_type)

    return make


def converter(data_type):
    """A function from an internal value, as PySpark's `toInternal` gives it, to one that Arrow takes, or None.

    Follows what Spark's `EvaluatePython.makeFromJava` accepts for the type.
    """
    if isinstance(data_type, UserDefinedType):
        return converter(data_type.sqlType())
    kind = type(data_type)
    if kind in INTEGERS:
        bits = INTEGERS[kind]
        return lambda value: wrapped(value, bits) if type(value) is int and -(1 << 63) <= value < 1 << 63 else None
    if kind is BooleanType:
        return lambda value: value if type(value) is bool else None
    if kind in (DoubleType, FloatType):
        return lambda value: value if type(value) is float else None
    if issubclass(kind, (StringType, CharType, VarcharType)):
        return java_text
    if kind is BinaryType:
        return binary
    if kind is DecimalType:
        return lambda value: fitted(value, data_type) if isinstance(value, decimal.Decimal) else None
    if kind is DateType:
        epoch = datetime.date(1970, 1, 1).toordinal()
        return lambda value: datetime.date.fromordinal(epoch + value) if type(value) is int else None
    if kind in (TimestampType, TimestampNTZType, DayTimeIntervalType):
        return lambda value: value if type(value) is int else None
    if kind in (NullType, YearMonthIntervalType):
        return lambda value: None
    if kind is ArrayType:
        element = converter(data_type.elementType)

        def elements(value):
            if isinstance(value, (bytes, bytearray)):
                # In Java bytes are an array of signed numbers.
                value = [byte - 256 if byte > 127 else byte for byte in value]
            if not isinstance(value, (list, tuple, array.array)):
                return None
            return [None if one is None else element(one) for one in value]

        return elements
    if kind is MapType:
        key, item = converter(data_type.keyType), converter(data_type.valueType)
        return lambda value: (
            [(key(k), None if v is None else item(v)) for k, v in value.items()] if isinstance(value, dict) else None
        )
    if kind is StructType:
        return struct(data_type)
    raise PySparkRuntimeError("A function without Arrow cannot return %s." % data_type.simpleString())


def struct(data_type):
    fields = [converter(field.dataType) for field in data_type]
    names = data_type.names

    def convert(value):
        if not isinstance(value, tuple):
            return None
        if len(value) != len(fields):
            raise StructLengthMismatch(len(fields), len(value))
        return {
            name: None if one is None else field(one) for name, field, one in zip(names, fields, value)
        }

    return convert


def wrapped(value, bits):
    """The lowest bits, as Java's conversions between integers keep them."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def binary(value):
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return value.encode("utf-8") if isinstance(value, str) else None


def fitted(value, data_type):
    rounded = value.quantize(decimal.Decimal(1).scaleb(-data_type.scale), rounding=decimal.ROUND_HALF_UP)
    digits = len(rounded.as_tuple().digits)
    return rounded if digits <= data_type.precision else None


def java_text(value):
    """What Java's `toString` makes of a pickled value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return java_float(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join("null" if one is None else java_text(one) for one in value) + "]"
    if isinstance(value, datetime.timedelta):
        told = (value.days, value.seconds, value.microseconds, java_number(value.total_seconds()))
        return "Timedelta: %d days, %d seconds, %d microseconds (total: %s seconds)" % told
    if isinstance(value, datetime.time):
        told = (value.hour, value.minute, value.second, value.microsecond)
        return "Time: %d hours, %d minutes, %d seconds, %d microseconds" % told
    if isinstance(value, dict):
        pairs = ("%s=%s" % (java_text(k), "null" if v is None else java_text(v)) for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    return str(value)


def java_number(value):
    """A number as `NumberFormat` prints it, without the point where it is whole."""
    return "%d" % value if value == int(value) else repr(value)


def java_float(value):
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    number = decimal.Decimal(repr(value)).normalize()
    sign, figures, _ = number.as_tuple()
    text = "".join(map(str, figures))
    return "%s%s.%sE%d" % ("-" if sign else "", text[0], text[1:] or "0", number.adjusted())
