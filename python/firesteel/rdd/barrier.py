"""`RDD.barrier()`: a stage whose tasks start together and can wait for each other."""

__all__ = ["RDDBarrier"]


class RDDBarrier:
    @classmethod
    def __class_getitem__(cls, _):
        """`RDDBarrier[int]` in annotations."""
        return cls

    def __init__(self, rdd):
        self.rdd = rdd

    def mapPartitions(self, f, preservesPartitioning=False):
        return self.mapPartitionsWithIndex(lambda index, records: f(records), preservesPartitioning)

    def mapPartitionsWithIndex(self, f, preservesPartitioning=False):
        mapped = self.rdd.mapPartitionsWithIndex(f, preservesPartitioning)
        mapped._node.is_barrier = True
        return mapped


# As it is known to programs, and printed.
RDDBarrier.__module__ = "pyspark.core.rdd"
