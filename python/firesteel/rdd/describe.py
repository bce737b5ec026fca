"""How an RDD and its lineage read: `repr(rdd)`, `toDebugString()`."""


def title(node, number):
    name = node.name + " " if node.name else ""
    return "%s%s[%d] at %s" % (name, node.kind, number, node.where)


def debug_string(rdd):
    """The lineage as Spark draws it: shuffles indent, each line is one RDD. Narrow Python steps are one RDD."""
    lines = []
    numbers = {}

    def number(node):
        if node not in numbers:
            numbers[node] = rdd.id() if node is rdd._node else rdd.ctx._next_rdd_id()
        return numbers[node]

    def stored(node):
        level = node.storage_level
        return "[%s]" % str(level) if level is not None and not node.is_locally_checkpointed else "[]"

    def draw(node, first, rest):
        from firesteel.rdd import lineage

        lines.append("%s%s %s" % (first, title(node, number(node)), stored(node)))
        if node.checkpoint is not None:
            lines.append("%s ReliableCheckpointRDD[%d] at %s []" % (rest + "|", number(node.checkpoint), node.where))
            return
        parents = node.parents
        while isinstance(node, lineage.Step) and parents and isinstance(parents[0], lineage.Step):
            if parents[0].storage_level is not None or parents[0].checkpoint is not None:
                break
            node, parents = parents[0], parents[0].parents
        for parent in parents:
            if isinstance(node, lineage.Shuffle):
                count = "+-(%d) " % parent.partition_count()
                draw(parent, rest + count, rest + " " * (len(count) - 2) + "| ")
            else:
                draw(parent, rest + "|  ", rest)

    count = "(%d) " % rdd.getNumPartitions()
    draw(rdd._node, count, " " * (len(count) - 1))
    return "\n".join(lines)
