"""The status API's types, so that scripts can import them. Jobs and stages are not tracked yet."""

from collections import namedtuple

from firesteel.unsupported import unsupported

__all__ = ["StatusTracker", "SparkJobInfo", "SparkStageInfo", "SparkExecutorInfo"]

SparkJobInfo = namedtuple("SparkJobInfo", "jobId stageIds status")
SparkStageInfo = namedtuple(
    "SparkStageInfo",
    "stageId currentAttemptId name numTasks numActiveTasks numCompletedTasks numFailedTasks",
)
SparkExecutorInfo = namedtuple(
    "SparkExecutorInfo",
    "host port cacheSize numRunningTasks usedOnHeapStorageMemory usedOffHeapStorageMemory "
    "totalOnHeapStorageMemory totalOffHeapStorageMemory",
)


class StatusTracker:
    def __init__(self, *args):
        raise unsupported("SparkContext.statusTracker", "wait for the result of the action itself.")
