"""Files that tasks write, one a partition, and the pickled ones that they read back."""

import os


def part_name(index, extension="", infix=""):
    return "part-%s%05d%s" % (infix, index, extension)


def checksum_name(name):
    return ".%s.crc" % name


def is_checksum(name):
    """Whether a file holds the checksums of the one beside it; Hadoop's local file system does not show it."""
    return name.startswith(".") and name.endswith(".crc")


def write_checksums(path):
    """Beside a file Hadoop's local file system puts the checksums of every 512 bytes of it."""
    from zlib import crc32

    size = 512
    with open(path, "rb") as file, open(os.path.join(os.path.dirname(path), checksum_name(os.path.basename(path))), "wb") as sums:
        sums.write(b"crc\0" + size.to_bytes(4, "big"))
        while data := file.read(size << 12):
            chunks = (data[start : start + size] for start in range(0, len(data), size))
            sums.write(b"".join(crc32(chunk).to_bytes(4, "big") for chunk in chunks))


class PickledPart:
    """A step that writes a partition's records as pickled batches, each after its length."""

    def __init__(self, directory):
        self.directory = directory

    def __call__(self, index, records):
        from itertools import islice

        from firesteel.task.frame import quick_dumps

        source = iter(records)
        path = os.path.join(self.directory, part_name(index))
        with open(path + ".writing", "wb") as file:
            while True:
                batch = list(islice(source, 1024))
                if not batch:
                    break
                data = quick_dumps(batch)
                file.write(len(data).to_bytes(8, "big"))
                file.write(data)
        os.replace(path + ".writing", path)
        return iter(())


def pickled_records(directory):
    """A function of the partition's index that reads back what `PickledPart` wrote."""

    def read(index):
        from pickle import loads

        with open(os.path.join(directory, part_name(index)), "rb") as file:
            while True:
                size = file.read(8)
                if not size:
                    return
                yield from loads(file.read(int.from_bytes(size, "big")))

    return read


class WrittenPart:
    """A step that writes a partition's file and yields its name: through `_temporary`, so that a half is never seen."""

    def __init__(self, directory, extension, write, infix=""):
        self.directory = directory
        self.extension = extension
        self.infix = infix
        # write(file, records)
        self.write = write

    def __call__(self, index, records):
        temporary = os.path.join(self.directory, "_temporary")
        os.makedirs(temporary, exist_ok=True)
        name = part_name(index, self.extension, self.infix)
        path = os.path.join(temporary, "%s.%d" % (name, os.getpid()))
        with open(path, "wb") as file:
            self.write(file, records)
        os.replace(path, os.path.join(temporary, name))
        write_checksums(os.path.join(temporary, name))
        yield name
