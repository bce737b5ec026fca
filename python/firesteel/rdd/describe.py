"""How an RDD and its lineage read: `repr(rdd)`, `toDebugString()`."""


from firesteel.rdd import lineage


def is_plain(node):
    return node.storage_level is None and node.checkpoint is None


def title(node, number):
    name = node.name + " " if node.name else ""
    return "%s%s[%d] at %s" % (name, node.kind, number, node.where)


def debug_string(rdd):
    """The lineage as Spark draws it: shuffles indent, each line is one RDD. Narrow Python steps are one RDD."""
    lines = []
    numbers = {}

    def number(node):
        if node not in numbers:
            numbers[node] = rdd.id() if node is rdd._node else node.first_number(rdd.ctx)
        return numbers[node]

    def stored(node):
        level = node.storage_level
        return "[%s]" % str(level) if level is not None and not node.is_locally_checkpointed else "[]"

    def draw(node, first, rest):
        lines.append("%s%s %s" % (first, title(node, number(node)), stored(node)))
        if node.checkpoint is not None:
            lines.append("%s|  %s []" % (rest, title(node.checkpoint, number(node.checkpoint))))
            return
        # Steps in a row are one RDD there.
        parents = node.parents
        while isinstance(node, lineage.Step) and isinstance(parents[0], lineage.Step) and is_plain(parents[0]):
            node, parents = parents[0], parents[0].parents
        for parent in parents:
            if isinstance(node, lineage.Shuffle):
                draw(parent, "%s+-(%d) " % (rest, parent.partition_count()), rest + "   ")
            else:
                draw(parent, rest + "|  ", rest)

    count = "(%d) " % rdd.getNumPartitions()
    draw(rdd._node, count, " ")
    return "\n".join(lines)
