"""Reliable checkpoints: an RDD's partitions in files under the checkpoint directory, read back instead of computed."""

import os

from firesteel.rdd import describe, lineage
from firesteel.task.part_file import PickledPart, pickled_records


def path_for(rdd):
    return "%s/rdd-%d" % (rdd.ctx.getCheckpointDir(), rdd.id())


def write_checkpoint(context, node):
    """Run the RDD once more, as Spark does unless it is persisted, and let its lineage begin at the files."""
    from firesteel.rdd import job
    from firesteel.rdd.hadoop_files import local_path

    directory = local_path(node.checkpoint_path)
    os.makedirs(directory, exist_ok=True)
    count = node.partition_count()
    writer = PickledPart(directory)
    job.run_tasks(context, lineage.Step(node, writer))
    node.checkpoint = reading(directory, count)
    node.checkpoint.where = describe.call_site()
    node.checkpoint.first_number(context)
    # What it was made of may go, or a program that loops would keep all that it ever made.
    node.parents = ()


def reading(directory, count):
    return lineage.Made(
        count, lambda: pickled_records(directory), "ReliableCheckpointRDD", "checkpoint at NativeMethodAccessorImpl.java:0"
    )


def read_checkpoint(context, path, count):
    """The RDD of a checkpoint that an earlier run has written."""
    from firesteel.rdd.hadoop_files import local_path
    from firesteel.rdd.rdd import RDD

    rdd = RDD(reading(local_path(path), count), context)
    rdd._node.checkpoint_path = path
    rdd._node.checkpoint = reading(local_path(path), count)
    return rdd
