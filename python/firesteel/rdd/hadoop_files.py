"""Which files a path means and how they are split among partitions, as Hadoop's input formats do it."""

import glob
import os
import re

from firesteel.rdd.errors import java_error, wrong_argument
from firesteel.task import codecs
from firesteel.unsupported import unsupported

# Hadoop takes the blocks of a local file to be 32 MiB.
LOCAL_BLOCK_BYTES = 32 << 20
# The last part of a file may be a tenth larger than the others.
SLOP = 1.1
OLD_API = "org.apache.hadoop.mapred.InvalidInputException"
NEW_API = "org.apache.hadoop.mapreduce.lib.input.InvalidInputException"


def local_path(path):
    """The path of a local file, plain or as a `file:` URI."""
    from urllib.parse import unquote, urlparse

    if "://" in path or path.startswith("file:"):
        uri = urlparse(path)
        if uri.scheme != "file":
            raise unsupported(
                "Reading or writing %s by an RDD" % path,
                "spark.read.text(path).rdd.map(lambda row: row[0]) and df.write.text(path), or a local file.",
            )
        return os.path.abspath(unquote(uri.path))
    return os.path.abspath(path)


def is_remote(paths):
    """Whether some path is in a store that is not this machine's: what the server reads and writes."""
    return any("://" in path and not path.startswith("file:") for path in split_paths(paths))


def files(paths, error_class=OLD_API):
    """(path, size) of the files that a comma-separated list of paths and patterns names, hidden ones left out."""
    found, problems = [], []
    for path in split_paths(paths):
        if not path:
            raise wrong_argument("Can not create a Path from an empty string")
        pattern = local_path(path)
        is_pattern = any(mark in pattern for mark in "*?[{")
        matches = sorted({one for plain in braces(pattern) for one in glob.glob(plain)}) if is_pattern else [pattern]
        matches = [one for one in matches if os.path.exists(one) and not (is_pattern and is_hidden(one))]
        if not matches:
            text = "Input Pattern file:%s matches 0 files" if is_pattern else "Input path does not exist: file:%s"
            problems.append(text % pattern)
        for one in matches:
            if os.path.isdir(one):
                # In the directory's own order, as Java lists it.
                found.extend(os.path.join(one, name) for name in os.listdir(one) if not is_hidden(name))
            else:
                found.append(one)
    if problems:
        raise java_error(error_class, "\n".join(problems))
    for one in found:
        if os.path.isdir(one):
            raise java_error("java.io.IOException", "Not a file: file:%s" % one)
    return [(one, os.path.getsize(one)) for one in found]


def is_hidden(path):
    return os.path.basename(path).startswith(("_", "."))


def split_paths(paths):
    """A list of paths by its commas, not those within braces."""
    parts, depth, start = [], 0, 0
    for position, mark in enumerate(paths):
        depth += (mark == "{") - (mark == "}")
        if mark == "," and depth == 0:
            parts.append(paths[start:position])
            start = position + 1
    return [part.strip() for part in [*parts, paths[start:]]]


def braces(pattern):
    """`a{b,c}` is `ab` and `ac`."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if not found:
        return [pattern]
    ends = (pattern[: found.start()], pattern[found.end() :])
    return [one for choice in found.group(1).split(",") for one in braces(ends[0] + choice + ends[1])]


def splits(listed, min_splits, min_size=1, is_splittable=True):
    """(path, start, end) of each part: of files that are not empty, of equal size but no larger than a block.

    A compressed file is one part, whose end is -1.
    """
    total = sum(size for _, size in listed)
    goal = total // max(min_splits, 1)
    part = max(min_size, min(goal, LOCAL_BLOCK_BYTES))
    found = []
    for path, size in listed:
        if size == 0:
            continue
        if is_splittable and codecs.of_file(path):
            found.append((path, 0, -1))
            continue
        start = 0
        while (size - start) / part > SLOP:
            found.append((path, start, start + part))
            start += part
        if start < size:
            found.append((path, start, size))
    return found


def fixed_splits(listed, record_length):
    found = []
    if listed and record_length <= 0:
        raise java_error("java.io.IOException", "Records of %d bytes: the length must be greater than zero" % record_length)
    part = max(LOCAL_BLOCK_BYTES // max(record_length, 1), 1) * record_length
    for path, size in listed:
        start = 0
        while (size - start) / part > SLOP:
            found.append((path, start, start + part))
            start += part
        if start < size:
            found.append((path, start, size))
    return found


def combined(listed, largest):
    """Groups of whole files, each closed when it has reached `largest` bytes; empty files come in a second pass."""
    groups, current, size = [], [], 0
    for path, length in listed:
        if length == 0:
            continue
        current.append(path)
        size += length
        if size >= largest:
            groups.append(current)
            current, size = [], 0
    grouped = {path for group in groups for path in group}
    rest = [path for path, _ in listed if path not in grouped]
    if rest:
        groups.append(rest)
    return groups


def text_groups(listed, min_partitions):
    total = sum(size for _, size in listed)
    return combined(listed, max(-(-total // max(min_partitions, 1)), 1))


def binary_groups(listed, min_partitions, parallelism):
    open_cost, largest = 4 << 20, 128 << 20
    total = sum(size + open_cost for _, size in listed)
    return combined(listed, min(largest, max(open_cost, total // max(parallelism, min_partitions))))
