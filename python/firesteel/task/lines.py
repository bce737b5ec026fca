"""Lines of a part of a file, as Hadoop's line reader cuts them: a line belongs to the part that it begins in, and one that
begins exactly at a part's end belongs to it too. A line ends with LF, CR or CRLF.
"""

BLOCK_BYTES = 1 << 22


class LineReader:
    """A source of lines: `splits` are the (path, start, end) of each partition; an end of -1 is a whole compressed file."""

    def __init__(self, splits, use_unicode, with_offsets=False):
        self.splits = splits
        self.use_unicode = use_unicode
        # Pairs of the place where a line begins and the line, as Hadoop's text format gives them.
        self.with_offsets = with_offsets

    def __call__(self, index):
        from firesteel.task import codecs

        path, start, end = self.splits[index]
        with open(path, "rb") as file:
            if end < 0:
                with codecs.reader(codecs.of_file(path), file) as stream:
                    if self.with_offsets:
                        yield from offsets(stream.read(), 0)
                    else:
                        yield from lines(stream, None, self.use_unicode)
                return
            first = after_line(file, start) if start else 0
            last = after_line(file, end)
            if first >= last:
                return
            file.seek(first)
            if self.with_offsets:
                yield from offsets(file.read(last - first), first)
            else:
                yield from lines(file, last - first, self.use_unicode)


class RecordReader:
    """A source of the texts between delimiters, each with the place where it begins, of whole files."""

    def __init__(self, splits, delimiter):
        self.splits = splits
        self.delimiter = delimiter.encode("utf-8")

    def __call__(self, index):
        from firesteel.task import codecs

        path = self.splits[index][0]
        codec = codecs.of_file(path)
        with open(path, "rb") as file:
            data = codecs.reader(codec, file).read() if codec else file.read()
        position = 0
        # A delimiter at the very end ends the last record.
        for record in data.removesuffix(self.delimiter).split(self.delimiter) if data else ():
            yield position, record.decode("utf-8", "replace")
            position += len(record) + len(self.delimiter)


class KeyValues:
    """Pairs out of pairs of places and lines: what stands before the separator, and what follows it."""

    def __init__(self, source, separator):
        self.source = source
        self.separator = separator

    def __call__(self, index):
        for _, line in self.source(index):
            key, _, value = line.partition(self.separator)
            yield key, value


def offsets(data, position):
    for line in data.splitlines(keepends=True):
        yield position, line.rstrip(b"\r\n").decode("utf-8", "replace")
        position += len(line)


def after_line(file, position):
    """Where the next line begins after the line, or rest of a line, at a position."""
    file.seek(position)
    while True:
        block = file.read(4096)
        if not block:
            return position
        ends = [place for place in (block.find(b"\n"), block.find(b"\r")) if place >= 0]
        if not ends:
            position += len(block)
            continue
        end = min(ends)
        position += end + 1
        if block[end : end + 1] == b"\r":
            following = block[end + 1 : end + 2] or file.read(1)
            if following == b"\n":
                position += 1
        return position


def lines(stream, size, use_unicode):
    """The lines of the next `size` bytes of a stream, or of all of it."""
    rest = b""
    while True:
        block = stream.read(BLOCK_BYTES if size is None else min(BLOCK_BYTES, size))
        if size is not None:
            size -= len(block)
        data = rest + block if rest else block
        is_last = not block or size == 0
        if is_last:
            cut = len(data)
        else:
            # A CR at the very end may be half of a CRLF.
            cut = max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1
        rest = data[cut:]
        yield from lines_of(data[:cut] if rest else data, use_unicode)
        if is_last:
            return


def lines_of(data, use_unicode):
    if b"\r" in data:
        return [text(line, use_unicode) for line in data.splitlines()]
    if use_unicode:
        found = data.decode("utf-8", "replace").split("\n")
    else:
        found = [text(line, False) for line in data.split(b"\n")]
    if not found[-1]:
        found.pop()
    return found


def text(line, use_unicode):
    if use_unicode:
        return line.decode("utf-8", "replace")
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        # The bytes went through a string there, which replaced what was none.
        return line.decode("utf-8", "replace").encode("utf-8")
    return line
