"""Whole files and records of a fixed length."""


class WholeFiles:
    """A source of (URI, content) pairs; `groups` are the paths of each partition."""

    def __init__(self, groups, as_text, use_unicode=True):
        self.groups = groups
        self.as_text = as_text
        self.use_unicode = use_unicode

    def __call__(self, index):
        from firesteel.task import codecs

        for path in self.groups[index]:
            with open(path, "rb") as file:
                data = file.read()
            if self.as_text:
                if codecs.of_file(path):
                    data = codecs.decompressed(codecs.of_file(path), data)
                name = "file:" + path
                if self.use_unicode:
                    yield name, data.decode("utf-8", "replace")
                else:
                    yield name.encode("utf-8"), data
            else:
                yield "file:" + path, data


class FixedRecords:
    """A source of records of `length` bytes; `splits` are (path, start, end)."""

    def __init__(self, splits, length):
        self.splits = splits
        self.length = length

    def __call__(self, index):
        path, start, end = self.splits[index]
        with open(path, "rb") as file:
            file.seek(start)
            while start < end:
                data = file.read(self.length)
                if len(data) < self.length:
                    raise EOFError("%s ends within a record of %d bytes" % (path, self.length))
                start += self.length
                yield data
