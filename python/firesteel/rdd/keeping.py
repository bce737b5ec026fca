"""Keeping an RDD's partitions: `persist`, `checkpoint`, and undoing it. Kept partitions are on the server."""

from firesteel.rdd.errors import java_error, refused


class Keeping:
    def cache(self):
        return self.persist()

    def persist(self, storageLevel=None):
        from pyspark.storagelevel import StorageLevel

        level = StorageLevel.MEMORY_ONLY if storageLevel is None else storageLevel
        if not isinstance(level, StorageLevel):
            raise TypeError("storageLevel must be of type pyspark.StorageLevel")
        node = self._node
        if node.is_locally_checkpointed:
            # What stands for lost partitions must not be lost.
            level = StorageLevel(True, level.useMemory, level.useOffHeap, level.deserialized, level.replication)
        elif node.storage_level is not None and level != node.storage_level:
            raise refused(
                "UnsupportedOperationException",
                "org.apache.spark.SparkUnsupportedOperationException",
                "Cannot change storage level of an RDD after it was already assigned a level",
            )
        node.storage_level = level
        self.ctx._persistent[self.id()] = self
        return self

    def unpersist(self, blocking=False):
        node = self._node
        node.storage_level = None
        self.ctx._persistent.pop(self.id(), None)
        if not node.always_kept and not node.is_locally_checkpointed:
            node.kept = None
        return self

    @property
    def is_cached(self):
        return self._node.storage_level is not None

    def getStorageLevel(self):
        from pyspark.storagelevel import StorageLevel

        level = self._node.storage_level
        return level if level is not None else StorageLevel(False, False, False, False, 1)

    def checkpoint(self):
        from firesteel.rdd.checkpoint import path_for

        if self.ctx.getCheckpointDir() is None:
            raise java_error(
                "org.apache.spark.SparkException", "Checkpoint directory has not been set in the SparkContext"
            )
        if self._node.checkpoint_path is None:
            self._node.checkpoint_path = path_for(self)
            self.ctx._checkpoints_asked += 1

    @property
    def is_checkpointed(self):
        return self._node.checkpoint_path is not None or self._node.is_locally_checkpointed

    def isCheckpointed(self):
        node = self._node
        return node.checkpoint is not None or (node.is_locally_checkpointed and node.is_kept)

    def localCheckpoint(self):
        from pyspark.storagelevel import StorageLevel

        self.id()
        self._node.is_locally_checkpointed = True
        if self._node.storage_level is None:
            self._node.storage_level = StorageLevel.MEMORY_AND_DISK_DESER

    def isLocallyCheckpointed(self):
        return self._node.is_locally_checkpointed

    def getCheckpointFile(self):
        return self._node.checkpoint_path if self._node.checkpoint is not None else None

    def cleanShuffleDependencies(self, blocking=False):
        """Forget the shuffles that this RDD is made of; they are computed again where they are needed again."""
        stack = [self._node]
        while stack:
            node = stack.pop()
            if node.always_kept and node.storage_level is None:
                node.kept = None
            stack.extend(node.parents)
