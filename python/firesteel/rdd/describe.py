"""How an RDD and its lineage read: `repr(rdd)`, `toDebugString()`. Spark's RDDs have numbers, kinds and places of their own,
of which one node here may be several.
"""

import os
import sys

from firesteel.rdd import lineage

NATIVE = "coalesce at NativeMethodAccessorImpl.java:0"
PYTHON = "RDD at PythonRDD.scala:59"
# How many RDDs lie below that of `partitionBy` (keyed, paired, shuffled), and below that of `repartition`.
BY_KEY, DEALT = 3, 4
OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# What the records of these files are read from.
FILES = {"wholeTextFiles": "WholeTextFileRDD", "binaryFiles": "BinaryFileRDD"}


def call_site():
    """The call of the program that has led here, for example `reduceByKey at /home/me/count.py:7`."""
    import pyspark

    packages = OURS, os.path.dirname(os.path.abspath(pyspark.__file__)) + os.sep
    frame, name = sys._getframe(1), "partitionBy"
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(packages):
            return "%s at %s:%d" % (name, code.co_filename, frame.f_lineno)
        name, frame = code.co_name, frame.f_back
    return name


def title(node, number):
    if isinstance(node, lineage.Step) and node.is_same:
        node = node.parents[0]
    if isinstance(node, lineage.Shuffle) and node.hidden == BY_KEY:
        return line(node.name, "MapPartitionsRDD", number, "mapPartitions at PythonRDD.scala:197")
    return line(node.name, node.kind, number, node.where)


def line(name, kind, number, where):
    return "%s%s[%d] at %s" % (name + " " if name else "", kind, number, where)


def base_of(step):
    """What a Python step reads: steps in a row are one RDD, up to one that is kept or checkpointed."""
    node = step.parents[0]
    while is_open(node):
        node = node.parents[0]
    return node


def below(node, context):
    """What is drawn below a node's own line: (lines, whether a shuffle follows, lines after it, the nodes below)."""
    number = node.first_number(context)
    if node.checkpoint is not None:
        return [title(node.checkpoint, node.checkpoint.first_number(context))], False, [], ()
    if isinstance(node, lineage.Step):
        return below(node.parents[0], context) if node.is_same else ([], False, [], (base_of(node),))
    if isinstance(node, lineage.Made) and node.hidden:
        kind = FILES.get(node.where.split(" ")[0], "HadoopRDD")
        return [line(node.name if kind == "HadoopRDD" else None, kind, number - 1, node.where)], False, [], ()
    if node.hidden == BY_KEY:
        shuffled = line(None, "ShuffledRDD", number - 1, "partitionBy at NativeMethodAccessorImpl.java:0")
        keyed = [line(None, kind, number - 2 - n, node.site) for n, kind in enumerate(("PairwiseRDD", "PythonRDD"))]
        return [shuffled], True, keyed, [base_of(node)] if is_open(node.parents[0]) else node.parents
    if node.hidden == DEALT:
        joined = [line(None, kind, number - 1 - n, NATIVE) for n, kind in enumerate(("CoalescedRDD", "ShuffledRDD"))]
        dealt = [line(None, "MapPartitionsRDD", number - 3, NATIVE), line(None, "PythonRDD", number - 4, PYTHON)]
        return joined, True, dealt, [base_of(node)] if is_open(node.parents[0]) else node.parents
    return [], False, [], node.parents


def is_open(node):
    """Whether a step over this node is one RDD with it."""
    plain = node.storage_level is None and node.checkpoint_path is None
    return isinstance(node, lineage.Step) and plain and not node.is_same


def debug_string(rdd):
    """The lineage as Spark draws it: a line an RDD, shuffles indent."""
    root, lines = rdd._node, []
    level = root.storage_level
    stored = "[%s]" % str(level) if level is not None and not root.is_locally_checkpointed else "[]"

    def put(prefix, text):
        lines.append("%s%s %s" % (prefix, text, stored))

    def draw(node, first, rest):
        put(first, title(node, node.first_number(rdd.ctx)))
        if node.is_kept and node.storage_level is not None:
            lines.append((rest + " " if node is root else rest) + kept(node))
        own, is_shuffled, after, nodes = below(node, rdd.ctx)
        for text in own:
            put(rest, text)
        if is_shuffled:
            count = "(%d)" % node.parents[0].partition_count()
            here = rest.rstrip().removesuffix("|")
            rest = here + "  " + bar(count)
            put("%s+-%s " % (here, count), after[0])
            for text in after[1:]:
                put(rest, text)
        for one in nodes:
            draw(one, rest, rest)

    count = "(%d)" % rdd.getNumPartitions()
    draw(root, count + " ", bar(count))
    return "\n".join(lines)


def kept(node):
    """What is kept of a node: all partitions at once, with the bytes of their pickled records."""
    if node.kept_bytes is None:
        node.kept_bytes = node.kept.selectExpr("coalesce(sum(length(data)), 0L)").first()[0]
    sizes = (node.kept_bytes, 0) if node.storage_level.useMemory else (0, node.kept_bytes)
    memory, disk = map(shown_bytes, sizes)
    return "    CachedPartitions: %d; MemorySize: %s; DiskSize: %s" % (node.partition_count(), memory, disk)


def shown_bytes(size):
    """A size in the largest unit of which it has two or more."""
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size >= 2 << 10 * power:
            return "%.1f %s" % (size / (1 << 10 * power), unit)
    return "%.1f B" % size


def bar(count):
    """The line that leads down from a count of partitions."""
    before = (len(count) - 1) // 2
    return " " * before + "|" + " " * (len(count) - before)
