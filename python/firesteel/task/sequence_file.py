"""Hadoop's sequence files: records between sync marks, plain, or compressed by record or by block."""

import os

from firesteel.task import codecs, writable

VERSION = 6
SYNC_BYTES = 16
# A sync mark at least this often, so that a file can be read in parts. Parts are not smaller either.
SYNC_INTERVAL = 5 * 1024 * (4 + SYNC_BYTES)
BLOCK_BYTES = 1_000_000


class SequenceSource:
    """A source of records: `splits` are (path, start, end); `shape(key, value)` makes records of a pair."""

    def __init__(self, splits, shape):
        self.splits = splits
        self.shape = shape

    def __call__(self, index):
        for key, value in read(*self.splits[index]):
            yield from self.shape(key, value)


def read(path, start, end):
    """The pairs of the part of a file: those after the first sync mark at or after its start."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:3] != b"SEQ" or data[3] != VERSION:
        raise ValueError("file:%s not a SequenceFile of version 6" % path)
    key_class, at = name_at(data, 4)
    value_class, at = name_at(data, at)
    by_record, by_block = data[at] != 0, data[at + 1] != 0
    at += 2
    codec = None
    if by_record:
        codec_class, at = name_at(data, at)
        if codec_class not in codecs.CLASSES:
            raise ValueError("the codec %s cannot be read" % codec_class)
        codec = codecs.CLASSES[codec_class][1]
    entries = int.from_bytes(data[at : at + 4], "big")
    at += 4
    for _ in range(2 * entries):
        _, at = name_at(data, at)
    mark = data[at : at + SYNC_BYTES]
    at += SYNC_BYTES
    escaped = b"\xff\xff\xff\xff" + mark
    if start > at:
        at = data.find(escaped, start - 4 if start >= 4 else start)
        if at < 0:
            return
    while at < len(data):
        if data[at : at + 4] == b"\xff\xff\xff\xff":
            # A part ends at the first mark past its end.
            if at >= end:
                return
            at += len(escaped)
            if by_block:
                pairs, at = block_at(data, at, codec, key_class, value_class)
                yield from pairs
            continue
        size = int.from_bytes(data[at : at + 4], "big")
        key_size = int.from_bytes(data[at + 4 : at + 8], "big")
        key = data[at + 8 : at + 8 + key_size]
        value = data[at + 8 + key_size : at + 8 + size]
        if by_record:
            value = codecs.decompressed(codec, value)
        at += 8 + size
        yield writable.decode(key_class, key), writable.decode(value_class, value)


def name_at(data, at):
    size, at = writable.read_vint(data, at)
    return data[at : at + size].decode("utf-8"), at + size


def block_at(data, at, codec, key_class, value_class):
    count, at = writable.read_vint(data, at)
    parts = []
    for _ in range(4):
        size, at = writable.read_vint(data, at)
        parts.append(codecs.decompressed(codec, data[at : at + size]))
        at += size
    key_sizes, keys, value_sizes, values = parts
    pairs = zip(members(count, key_sizes, keys), members(count, value_sizes, values))
    return [(writable.decode(key_class, key), writable.decode(value_class, value)) for key, value in pairs], at


def members(count, sizes, data):
    at = start = 0
    for _ in range(count):
        size, at = writable.read_vint(sizes, at)
        yield data[start : start + size]
        start += size


class SequenceWriter:
    """Writes a partition's pairs to a file; classes are told, or taken from the partition's first pair."""

    def __init__(self, key_class, value_class, codec_class=None):
        self.key_class = key_class
        self.value_class = value_class
        self.codec_class = codec_class

    def __call__(self, file, pairs):
        mark = os.urandom(SYNC_BYTES)
        file.write(self.header(mark))
        if self.codec_class:
            self.write_blocks(file, pairs, mark)
            return
        last_mark = file.tell()
        for pair in pairs:
            key, value = self.encoded(pair)
            if file.tell() >= last_mark + SYNC_INTERVAL:
                file.write(b"\xff\xff\xff\xff" + mark)
                last_mark = file.tell()
            file.write((len(key) + len(value)).to_bytes(4, "big") + len(key).to_bytes(4, "big") + key + value)

    def header(self, mark):
        packed = b"\x01\x01" if self.codec_class else b"\x00\x00"
        names = [self.key_class, self.value_class]
        head = b"SEQ" + bytes([VERSION]) + b"".join(writable.vint(len(name)) + name.encode() for name in names) + packed
        if self.codec_class:
            head += writable.vint(len(self.codec_class)) + self.codec_class.encode()
        return head + b"\x00\x00\x00\x00" + mark

    def encoded(self, pair):
        encoded = []
        for value, kind, what in zip(pair, (self.key_class, self.value_class), ("key", "value")):
            try:
                encoded.append(writable.encode(kind, value))
            except Exception as error:
                try:
                    found = writable.class_of(value)
                except TypeError:
                    raise
                raise TypeError("wrong %s class: %s is not class %s" % (what, found, kind)) from error
        return encoded

    def write_blocks(self, file, pairs, mark):
        codec = codecs.CLASSES[self.codec_class][1]
        keys, values, size = [], [], 0

        def flush():
            file.write(b"\xff\xff\xff\xff" + mark + writable.vint(len(keys)))
            for group in (keys, values):
                for data in (b"".join(writable.vint(len(one)) for one in group), b"".join(group)):
                    packed = codecs.compressed(codec, data)
                    file.write(writable.vint(len(packed)) + packed)

        for pair in pairs:
            key, value = self.encoded(pair)
            keys.append(key)
            values.append(value)
            size += len(key) + len(value)
            if size >= BLOCK_BYTES:
                flush()
                keys, values, size = [], [], 0
        if keys:
            flush()
