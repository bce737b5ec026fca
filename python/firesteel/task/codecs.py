"""Hadoop's compression codecs, by class name and by file name: gzip, bzip2, deflate, zstd, snappy and lz4."""

import io

# class name: (file extension, name here)
CLASSES = {
    "org.apache.hadoop.io.compress.GzipCodec": (".gz", "gzip"),
    "org.apache.hadoop.io.compress.BZip2Codec": (".bz2", "bzip2"),
    "org.apache.hadoop.io.compress.DefaultCodec": (".deflate", "deflate"),
    "org.apache.hadoop.io.compress.DeflateCodec": (".deflate", "deflate"),
    "org.apache.hadoop.io.compress.ZStandardCodec": (".zst", "zstd"),
    "org.apache.hadoop.io.compress.SnappyCodec": (".snappy", "snappy"),
    "org.apache.hadoop.io.compress.Lz4Codec": (".lz4", "lz4"),
}
EXTENSIONS = dict(CLASSES.values())
# Snappy and lz4 files are blocks, each after its two lengths.
BLOCK_BYTES = 1 << 18


def of_file(path):
    """The codec of a file by its name; None for a plain one."""
    for extension, codec in EXTENSIONS.items():
        if path.endswith(extension):
            return codec
    return None


def compressed(codec, data):
    if codec == "gzip":
        import gzip

        return gzip.compress(data, mtime=0)
    if codec == "bzip2":
        import bz2

        return bz2.compress(data)
    if codec == "deflate":
        import zlib

        return zlib.compress(data)
    if codec == "zstd":
        import pyarrow

        return pyarrow.Codec("zstd").compress(data, asbytes=True)
    blocks = []
    for start in range(0, len(data), BLOCK_BYTES):
        block = data[start : start + BLOCK_BYTES]
        small = block_codec(codec).compress(block, asbytes=True)
        blocks.append(len(block).to_bytes(4, "big") + len(small).to_bytes(4, "big") + small)
    return b"".join(blocks)


def block_codec(codec):
    import pyarrow

    return pyarrow.Codec("lz4_raw" if codec == "lz4" else codec)


def decompressed(codec, data):
    with reader(codec, io.BytesIO(data)) as stream:
        return stream.read()


def reader(codec, file):
    """A binary stream of the plain bytes of a compressed file."""
    if codec == "gzip":
        import gzip

        return gzip.GzipFile(fileobj=file)
    if codec == "bzip2":
        import bz2

        return bz2.BZ2File(file)
    if codec == "zstd":
        import pyarrow

        return pyarrow.CompressedInputStream(pyarrow.PythonFile(file, mode="r"), "zstd")
    if codec == "deflate":
        import zlib

        return io.BytesIO(zlib.decompress(file.read()))
    return io.BytesIO(b"".join(blocks(codec, file)))


def blocks(codec, file):
    while True:
        length = file.read(4)
        if len(length) < 4:
            return
        left = int.from_bytes(length, "big")
        while left > 0:
            size = int.from_bytes(file.read(4), "big")
            data = file.read(size)
            plain = block_codec(codec).decompress(data, decompressed_size=left, asbytes=True)
            left -= len(plain)
            yield plain


class Writer:
    """A binary file that compresses what is written to it, piece by piece where the codec allows."""

    def __init__(self, codec, file):
        import bz2
        import zlib

        self.file = file
        self.codec = codec
        if codec == "gzip":
            self.packer = zlib.compressobj(wbits=31)
        elif codec == "deflate":
            self.packer = zlib.compressobj()
        elif codec == "bzip2":
            self.packer = bz2.BZ2Compressor()
        else:
            self.packer = None

    def write(self, data):
        self.file.write(self.packer.compress(data) if self.packer else compressed(self.codec, data))

    def close(self):
        if self.packer:
            self.file.write(self.packer.flush())
