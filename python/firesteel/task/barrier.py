"""Barrier tasks: they are all running at once, and wait for each other through files of a directory that they share."""

import os
import time

PAUSE_SECONDS = 0.01


def enter(index, tasks, directory):
    """Make the worker's task context a barrier's. Spark's own workers have theirs already."""
    from pyspark.taskcontext import BarrierTaskContext, BarrierTaskInfo, TaskContext

    if isinstance(TaskContext._taskContext, BarrierTaskContext) and BarrierTaskContext._conn_info is not None:
        return

    class FileBarrierContext(BarrierTaskContext):
        """Each meeting is numbered: a task leaves its message there and goes on when all have."""

        _meetings = 0

        def barrier(self):
            self.allGather()

        def allGather(self, message=""):
            if not isinstance(message, str):
                raise TypeError("Argument `message` must be of type `str`")
            self._meetings += 1
            paths = [os.path.join(directory, "%d-%d" % (self._meetings, task)) for task in range(tasks)]
            with open(paths[index] + ".writing", "w", encoding="utf-8") as file:
                file.write(message)
            os.rename(paths[index] + ".writing", paths[index])
            return [arrived(path) for path in paths]

        def getTaskInfos(self):
            return [BarrierTaskInfo("localhost:0") for _ in range(tasks)]

    context = object.__new__(FileBarrierContext)
    TaskContext._taskContext = BarrierTaskContext._taskContext = context


def leave():
    from pyspark.taskcontext import BarrierTaskContext, TaskContext

    if type(BarrierTaskContext._taskContext).__name__ == "FileBarrierContext":
        TaskContext._taskContext = BarrierTaskContext._taskContext = None


def arrived(path):
    while not os.path.exists(path):
        time.sleep(PAUSE_SECONDS)
    with open(path, encoding="utf-8") as file:
        return file.read()
