"""The status API: which jobs and stages an RDD program has run, as `sc.statusTracker()` tells them."""

import itertools
import threading
from collections import OrderedDict, namedtuple

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
# As many as Spark keeps (spark.ui.retainedJobs).
RETAINED = 1000


class Job:
    """A running or finished job: its stages are numbered as they are made."""

    def __init__(self, jobs, number, group):
        self.jobs = jobs
        self.number = number
        self.group = group
        self.status = "RUNNING"
        self.stages = []
        self.tasks = 0

    def new_stage(self):
        number = next(self.jobs.stage_numbers)
        self.stages.append(number)
        with self.jobs.lock:
            self.jobs.stages[number] = self
            while len(self.jobs.stages) > 10 * RETAINED:
                self.jobs.stages.popitem(last=False)
        return number

    def end(self, status):
        self.status = status


class Jobs:
    """The jobs of a context, the latest thousand."""

    def __init__(self):
        self.lock = threading.Lock()
        self.numbers = itertools.count()
        self.stage_numbers = itertools.count()
        self.jobs = OrderedDict()
        self.stages = OrderedDict()
        # Whether this thread runs a job of RDDs: what it sends meanwhile is part of that.
        self.thread = threading.local()

    def begin(self, group):
        with self.lock:
            job = Job(self, next(self.numbers), group)
            self.jobs[job.number] = job
            while len(self.jobs) > RETAINED:
                self.jobs.popitem(last=False)
        return job

    def all(self):
        with self.lock:
            return list(self.jobs.values())


class StatusTracker:
    """Low-level status reporting: what is known may be gone a moment later."""

    def __init__(self, jobs):
        self._jobs = jobs

    def getJobIdsForGroup(self, jobGroup=None):
        return [job.number for job in reversed(self._jobs.all()) if job.group == jobGroup]

    def getActiveStageIds(self):
        return sorted(stage for job in self._running() for stage in job.stages)

    def getActiveJobsIds(self):
        return sorted(job.number for job in self._running())

    def _running(self):
        return [job for job in self._jobs.all() if job.status == "RUNNING"]

    def getJobInfo(self, jobId):
        job = self._jobs.jobs.get(jobId)
        return None if job is None else SparkJobInfo(jobId, list(job.stages), job.status)

    def getStageInfo(self, stageId):
        """The server runs a stage as a whole: its tasks are active until all are done."""
        job = self._jobs.stages.get(stageId)
        if job is None:
            return None
        running = job.status == "RUNNING"
        return SparkStageInfo(
            stageId,
            0,
            "stage %d" % stageId,
            job.tasks,
            job.tasks if running else 0,
            job.tasks if job.status == "SUCCEEDED" else 0,
            0,
        )
