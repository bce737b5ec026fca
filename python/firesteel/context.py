"""`SparkContext`: the application around a Connect session, with what classic scripts ask it for.

There is one application to a program, as in Spark; its properties come from the session, from what `firesteel submit`
was told, and from this machine. Making RDDs (`parallelize`, `textFile`) is not here yet.
"""

import os
import re
import sys
import threading
import time

from firesteel import submitted
from firesteel.broadcast import Broadcast
from firesteel.unsupported import no_jvm, unsupported

__all__ = ["SparkContext"]

LOCAL_MASTER = re.compile(r"local(?:\[\s*(\d+|\*)\s*(?:,\s*\d+\s*)?\])?$")
LOG_LEVELS = {"ALL", "DEBUG", "ERROR", "FATAL", "INFO", "OFF", "TRACE", "WARN"}
READ_WAY = "spark.read, which gives a DataFrame."
RDD_MAKERS = {
    "parallelize": "spark.createDataFrame(data, schema).",
    "range": "spark.range(start, end, step).",
    "emptyRDD": "spark.createDataFrame([], schema).",
    "textFile": "spark.read.text(path).",
    "wholeTextFiles": "spark.read.text(path, wholetext=True).",
    "binaryFiles": 'spark.read.format("binaryFile").load(path).',
    "binaryRecords": READ_WAY,
    "pickleFile": READ_WAY,
    "sequenceFile": READ_WAY,
    "hadoopFile": READ_WAY,
    "hadoopRDD": READ_WAY,
    "newAPIHadoopFile": READ_WAY,
    "newAPIHadoopRDD": READ_WAY,
    "union": "DataFrame.union.",
    "runJob": "a DataFrame action.",
    "accumulator": "an aggregate (df.agg), or DataFrame.observe.",
    "show_profiles": "spark.profile.show().",
    "dump_profiles": "spark.profile.dump(path).",
    "cancelJobGroup": "sc.addJobTag and sc.cancelJobsWithTag.",
}


def check_master(master):
    """Raise for a master that is not this machine: clusters are not here yet."""
    if LOCAL_MASTER.match(master) is None:
        raise unsupported("The master %r" % master, 'run on this machine: take .master(...) out, or use "local[*]".')


def parallelism_of(master):
    """How many tasks run at once under a local master."""
    cores = (LOCAL_MASTER.match(master) or LOCAL_MASTER.match("local[*]")).group(1)
    if cores is None:
        return 1
    return (os.cpu_count() or 1) if cores == "*" else int(cores)


class SparkContext:
    """The main entry point of classic PySpark."""

    PACKAGE_EXTENSIONS = (".zip", ".egg", ".jar")
    _active_spark_context = None
    _lock = threading.RLock()

    def __init__(
        self,
        master=None,
        appName=None,
        sparkHome=None,
        pyFiles=None,
        environment=None,
        batchSize=0,
        serializer=None,
        conf=None,
        gateway=None,
        jsc=None,
        profiler_cls=None,
        udf_profiler_cls=None,
        memory_profiler_cls=None,
    ):
        active = SparkContext._active_spark_context
        if active is not None:
            raise ValueError(
                "Cannot run multiple SparkContexts at once; existing SparkContext(app=%s, master=%s)"
                % (active.appName, active.master)
            )
        options = dict(conf.getAll()) if conf is not None else {}
        if master is not None:
            options["spark.master"] = master
        if appName is not None:
            options["spark.app.name"] = appName
        for name, value in (environment or {}).items():
            options["spark.executorEnv." + name] = value

        from firesteel.session_builder import open_session

        with SparkContext._lock:
            SparkContext._active_spark_context = self
            try:
                self._attach(open_session(dict(options), "getOrCreate"), options)
            except BaseException:
                SparkContext._active_spark_context = None
                raise
        for path in pyFiles or []:
            self.addPyFile(path)

    def _attach(self, session, options):
        from pyspark.conf import SparkConf

        self._session = session
        self._started = int(time.time() * 1000)
        self._local_properties = threading.local()
        self._checkpoint_dir = None
        self._stopped = False
        settings = {"spark.master": "local[*]", "spark.app.name": "pyspark-shell", **submitted.configuration(), **options}
        settings.setdefault("spark.app.id", "local-%d" % self._started)
        settings.setdefault("spark.app.startTime", str(self._started))
        settings.setdefault("spark.driver.host", "localhost")
        settings.setdefault("spark.executor.id", "driver")
        settings.setdefault("spark.submit.deployMode", "client")
        self._conf = SparkConf(loadDefaults=False).setAll(list(settings.items()))

    @classmethod
    def _of_session(cls, session, options):
        """The program's context; a session made without one gets it here."""
        with cls._lock:
            context = cls._active_spark_context
            if context is None:
                context = cls.__new__(cls)
                context._attach(session, options)
                cls._active_spark_context = context
            return context

    @classmethod
    def _session_stopped(cls, session):
        """Stopping the session that the application began with ends the application, as in classic PySpark."""
        with cls._lock:
            context = cls._active_spark_context
            if context is not None and getattr(context, "_session", None) is session:
                context._stopped = True
                cls._active_spark_context = None

    @classmethod
    def getOrCreate(cls, conf=None):
        with cls._lock:
            if cls._active_spark_context is None:
                cls(conf=conf)
            return cls._active_spark_context

    @classmethod
    def setSystemProperty(cls, key, value):
        raise no_jvm("SparkContext.setSystemProperty", "SparkConf().set(key, value).")

    def stop(self):
        if not self._stopped:
            self._session.stop()
            SparkContext._session_stopped(self._session)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def __repr__(self):
        return "<SparkContext master=%s appName=%s>" % (self.master, self.appName)

    def _repr_html_(self):
        return "<div><p><b>SparkContext</b></p><dl><dt>Version</dt><dd>v%s</dd><dt>Master</dt><dd>%s</dd>" % (
            self.version,
            self.master,
        ) + ("<dt>AppName</dt><dd>%s</dd></dl></div>" % self.appName)

    def __reduce__(self):
        from pyspark.errors import PySparkRuntimeError

        raise PySparkRuntimeError(errorClass="CONTEXT_ONLY_VALID_ON_DRIVER", messageParameters={})

    # Properties of the application.

    @property
    def master(self):
        return self._conf.get("spark.master")

    @property
    def appName(self):
        return self._conf.get("spark.app.name")

    @property
    def applicationId(self):
        return self._conf.get("spark.app.id")

    @property
    def version(self):
        return self._session.version

    @property
    def pythonVer(self):
        return "%d.%d" % sys.version_info[:2]

    @property
    def startTime(self):
        return self._started

    @property
    def uiWebUrl(self):
        """None: there is no web interface yet."""
        return None

    @property
    def defaultParallelism(self):
        given = self._conf.get("spark.default.parallelism")
        return int(given) if given else parallelism_of(self.master)

    @property
    def defaultMinPartitions(self):
        return min(self.defaultParallelism, 2)

    @property
    def environment(self):
        prefix = "spark.executorEnv."
        return {key[len(prefix) :]: value for key, value in self._conf.getAll() if key.startswith(prefix)}

    @property
    def pythonExec(self):
        return os.environ.get("PYSPARK_PYTHON", "python3")

    @property
    def resources(self):
        return {}

    def sparkUser(self):
        import getpass

        return os.environ.get("SPARK_USER") or getpass.getuser()

    def getConf(self):
        """A copy: changing it changes nothing here."""
        from pyspark.conf import SparkConf

        return SparkConf(loadDefaults=False).setAll(self._conf.getAll())

    # Settings.

    def setLogLevel(self, logLevel):
        """Accepted for every level that Spark knows. The server logs warnings; `FIRESTEEL_LOG` says otherwise."""
        if logLevel.upper() not in LOG_LEVELS:
            raise ValueError(
                "Supplied level %s did not match one of: %s" % (logLevel, ",".join(sorted(LOG_LEVELS)))
            )

    def setCheckpointDir(self, dirName):
        self._checkpoint_dir = dirName
        self._session.conf._set_all({"spark.checkpoint.dir": dirName}, silent=True)

    def getCheckpointDir(self):
        return self._checkpoint_dir

    def setLocalProperty(self, key, value):
        properties = self._local_properties.__dict__
        if value is None:
            properties.pop(key, None)
        else:
            properties[key] = value

    def getLocalProperty(self, key):
        return self._local_properties.__dict__.get(key)

    def setJobGroup(self, groupId, description, interruptOnCancel=False):
        self.setLocalProperty("spark.jobGroup.id", groupId)
        self.setLocalProperty("spark.job.description", description)
        self.setLocalProperty("spark.job.interruptOnCancel", str(interruptOnCancel).lower())

    def setJobDescription(self, value):
        self.setLocalProperty("spark.job.description", value)

    def setInterruptOnCancel(self, interruptOnCancel):
        self.setLocalProperty("spark.job.interruptOnCancel", str(interruptOnCancel).lower())

    def addJobTag(self, tag):
        self._session.addTag(tag)

    def removeJobTag(self, tag):
        self._session.removeTag(tag)

    def getJobTags(self):
        return self._session.getTags()

    def clearJobTags(self):
        self._session.clearTags()

    def cancelJobsWithTag(self, tag):
        self._session.interruptTag(tag)

    def cancelAllJobs(self):
        self._session.interruptAll()

    # Files and values that functions use.

    def addFile(self, path, recursive=False):
        import shutil

        source = local_path(path)
        target = os.path.join(submitted.files_directory(), os.path.basename(source.rstrip("/")))
        if not os.path.isdir(source):
            shutil.copy(source, target)
        elif recursive:
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            raise ValueError("%s is a directory: use addFile(path, recursive=True)" % path)

    def addPyFile(self, path):
        self.addFile(path)
        directory = submitted.files_directory()
        name = os.path.basename(local_path(path))
        entry = os.path.join(directory, name) if name.endswith(self.PACKAGE_EXTENSIONS) else directory
        if entry not in sys.path:
            sys.path.insert(1, entry)
        import importlib

        importlib.invalidate_caches()

    def addArchive(self, path):
        raise unsupported("SparkContext.addArchive", "unpack it, and use sc.addFile(path, recursive=True).")

    @property
    def listFiles(self):
        return sorted(os.listdir(submitted.files_directory()))

    def broadcast(self, value):
        return Broadcast(self, value)

    def statusTracker(self):
        from firesteel.status import StatusTracker

        return StatusTracker(self)

    # The way into Hadoop's configuration that scripts use, and the rest of the JVM, which is not there.

    @property
    def _jsc(self):
        return None if self._stopped else JavaContext(self._session)

    @property
    def _jvm(self):
        raise no_jvm("SparkContext._jvm")

    @property
    def _gateway(self):
        raise no_jvm("SparkContext._gateway")


def refuse(name, way_round):
    def method(self, *args, **kwargs):
        raise unsupported("SparkContext.%s" % name, way_round)

    method.__name__ = name
    return method


for _name, _way_round in RDD_MAKERS.items():
    setattr(SparkContext, _name, refuse(_name, _way_round))


def local_path(path):
    """The path of a local file, plain or as a `file:` URI."""
    from urllib.parse import unquote, urlparse

    uri = urlparse(path)
    if uri.scheme == "file":
        return unquote(uri.path)
    if uri.scheme and "://" in path:
        raise unsupported("Adding the file %s" % path, "download it, and add the local file.")
    return path


class JavaContext:
    """`sc._jsc`: only its Hadoop configuration."""

    def __init__(self, session):
        self._session = session

    def hadoopConfiguration(self):
        return HadoopConfiguration(self._session)

    def sc(self):
        return self

    def __getattr__(self, name):
        raise no_jvm("_jsc." + name)


class HadoopConfiguration:
    """`sc._jsc.hadoopConfiguration()`: its keys are the session's `spark.hadoop.*`."""

    def __init__(self, session):
        self._session = session

    def set(self, name, value):
        self._session.conf.set("spark.hadoop." + name, str(value))

    def setBoolean(self, name, value):
        self.set(name, "true" if value else "false")

    setInt = setLong = setFloat = setDouble = set

    def setIfUnset(self, name, value):
        if self.get(name) is None:
            self.set(name, value)

    def unset(self, name):
        self._session.conf.unset("spark.hadoop." + name)

    def get(self, name, default=None):
        return self._session.conf.get("spark.hadoop." + name, default)

    def __getattr__(self, name):
        raise no_jvm("hadoopConfiguration()." + name)
