"""`Partitioner`: which of a number of partitions a key belongs to."""

__all__ = ["Partitioner"]


class Partitioner:
    def __init__(self, numPartitions, partitionFunc):
        self.numPartitions = numPartitions
        self.partitionFunc = partitionFunc

    def __eq__(self, other):
        return (
            isinstance(other, Partitioner)
            and self.numPartitions == other.numPartitions
            and self.partitionFunc == other.partitionFunc
        )

    __hash__ = None

    def __call__(self, key):
        return self.partitionFunc(key) % self.numPartitions
