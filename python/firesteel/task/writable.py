"""Hadoop's writables: Python values as bytes and back, for sequence files."""

import struct

PREFIX = "org.apache.hadoop.io."
TEXT, BYTES, NULL, BOOLEAN, INT, LONG, FLOAT, DOUBLE, MAP, VINT, VLONG = (
    PREFIX + name
    for name in (
        "Text BytesWritable NullWritable BooleanWritable IntWritable LongWritable FloatWritable DoubleWritable "
        "MapWritable VIntWritable VLongWritable"
    ).split()
)
# The classes that a map does not have to name.
MAP_IDS = {BOOLEAN: -126, BYTES: -125, FLOAT: -124, INT: -123, LONG: -122, MAP: -121, NULL: -119, TEXT: -116}
FIXED = {INT: ">i", LONG: ">q", FLOAT: ">f", DOUBLE: ">d"}
SUPPORTED = frozenset((TEXT, BYTES, NULL, BOOLEAN, MAP, VINT, VLONG, *FIXED))


def class_of(value):
    """The writable that Spark picks for a Python value."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INT if -(1 << 31) <= value < 1 << 31 else LONG
    if isinstance(value, float):
        return DOUBLE
    if isinstance(value, str):
        return TEXT
    if isinstance(value, (bytes, bytearray)):
        return BYTES
    if isinstance(value, dict):
        return MAP
    raise TypeError("Data of type %s cannot be used" % type(value).__name__)


def encode(kind, value):
    if kind in FIXED:
        return struct.pack(FIXED[kind], value)
    if kind == TEXT:
        data = str(value).encode("utf-8")
        return vint(len(data)) + data
    if kind == BYTES:
        return len(value).to_bytes(4, "big") + bytes(value)
    if kind == NULL:
        return b""
    if kind == BOOLEAN:
        return b"\x01" if value else b"\x00"
    if kind in (VINT, VLONG):
        return vint(value)
    if kind == MAP:
        return encode_map(value)
    raise TypeError("the class %s cannot be written" % kind)


def encode_map(value):
    ids, named = dict(MAP_IDS), []

    def member(one):
        kind = class_of(one)
        if kind not in ids:
            named.append(kind)
            ids[kind] = len(named)
        return struct.pack(">b", ids[kind]) + encode(kind, one)

    body = b"".join(member(key) + member(one) for key, one in value.items())
    head = bytes([len(named)])
    for kind in named:
        name = kind.encode()
        head += struct.pack(">b", ids[kind]) + len(name).to_bytes(2, "big") + name
    return head + len(value).to_bytes(4, "big") + body


def decode(kind, data):
    value, _ = decode_at(kind, data, 0)
    return value


def decode_at(kind, data, at):
    """(value, the position after it)."""
    if kind in FIXED:
        size = struct.calcsize(FIXED[kind])
        return struct.unpack(FIXED[kind], data[at : at + size])[0], at + size
    if kind == TEXT:
        size, at = read_vint(data, at)
        return bytes(data[at : at + size]).decode("utf-8", "replace"), at + size
    if kind == BYTES:
        size = int.from_bytes(data[at : at + 4], "big")
        return bytearray(data[at + 4 : at + 4 + size]), at + 4 + size
    if kind == NULL:
        return None, at
    if kind == BOOLEAN:
        return data[at] != 0, at + 1
    if kind in (VINT, VLONG):
        return read_vint(data, at)
    if kind == MAP:
        return decode_map(data, at)
    raise TypeError("the class %s cannot be read" % kind)


def decode_map(data, at):
    kinds = {number: kind for kind, number in MAP_IDS.items()}
    named = data[at]
    at += 1
    for _ in range(named):
        number = struct.unpack(">b", data[at : at + 1])[0]
        size = int.from_bytes(data[at + 1 : at + 3], "big")
        kinds[number] = bytes(data[at + 3 : at + 3 + size]).decode()
        at += 3 + size
    count = int.from_bytes(data[at : at + 4], "big")
    at += 4
    found = {}
    for _ in range(count):
        pair = []
        for _ in range(2):
            number = struct.unpack(">b", data[at : at + 1])[0]
            one, at = decode_at(kinds[number], data, at + 1)
            pair.append(one)
        found[pair[0]] = pair[1]
    return found, at


def vint(value):
    """Hadoop's variable-length integer: one byte from -112 to 127, else a length byte and the bytes."""
    if -112 <= value <= 127:
        return struct.pack(">b", value)
    head, number = -112, value
    if value < 0:
        head, number = -120, ~value
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return struct.pack(">b", head - len(data)) + data


def read_vint(data, at):
    first = struct.unpack(">b", data[at : at + 1])[0]
    if first >= -112:
        return first, at + 1
    negative = first < -120
    size = -(first + 120) if negative else -(first + 112)
    number = int.from_bytes(data[at + 1 : at + 1 + size], "big")
    return (~number if negative else number), at + 1 + size
