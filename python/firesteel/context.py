"""`SparkContext`: the application around a Connect session, with what classic scripts ask it for.

There is one application to a program, as in Spark; its properties come from the session, from what `firesteel submit`
was told, and from this machine. How it makes RDDs is in `rdd.sources`, its way into Java in `jvm`.
"""

import atexit
import itertools
import os
import re
import sys
import threading
import time
import weakref

from firesteel import jvm, submitted
from firesteel.broadcast import Broadcast
from firesteel.rdd import class_names
from firesteel.rdd.errors import java_error, wrong_argument
from firesteel.rdd.hadoop_files import local_path
from firesteel.rdd.sources import Sources
from firesteel.status import Jobs, StatusTracker
from firesteel.unsupported import unsupported

__all__ = ["SparkContext"]

LOCAL_MASTER = re.compile(r"local(?:\[\s*(\d+|\*)\s*(?:,\s*\d+\s*)?\])?$")
LOG_LEVELS = ("ALL", "DEBUG", "ERROR", "WARN", "INFO", "OFF", "FATAL", "TRACE")


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


class SparkContext(Sources):
    """The main entry point of classic PySpark."""

    PACKAGE_EXTENSIONS = (".zip", ".egg", ".jar")
    _active_spark_context = None
    _next_accum_id = 0
    # Of an instance only: PySpark's SparkConf asks the class whether there is a JVM.
    _jvm = None
    _gateway = None
    _system_properties = {"SPARK_SUBMIT": "true"}
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
                "Cannot run multiple SparkContexts at once; existing SparkContext(app=%s, master=%s) created by %s at %s:%s "
                % (active.appName, active.master, *active._made_at)
            )
        options = {key: text for key, text in self._system_properties.items() if key.startswith("spark.")}
        options.update(dict(conf.getAll()) if conf is not None else {})
        if master is not None:
            options["spark.master"] = master
        if appName is not None:
            options["spark.app.name"] = appName
        for name, value in (environment or {}).items():
            options["spark.executorEnv." + name] = value

        from firesteel.session_builder import open_session

        self._profiler_classes = profiler_cls, udf_profiler_cls, memory_profiler_cls
        with SparkContext._lock:
            SparkContext._active_spark_context = self
            try:
                self._attach(open_session(dict(options), "getOrCreate"), options)
                self._batchSize, self.sparkHome = batchSize, sparkHome
            except BaseException:
                SparkContext._active_spark_context = None
                raise
        for path in pyFiles or []:
            self.addPyFile(path)

    def _attach(self, session, options):
        from pyspark.conf import SparkConf

        self._made_at = caller()
        self._session = session
        atexit.register(close_client, weakref.ref(session))
        self._started = int(time.time() * 1000)
        self._local_properties = threading.local()
        self._checkpoint_dir = None
        self._checkpoints_asked = 0
        self._stopped = False
        self._batchSize = 0
        self.sparkHome = None
        self._jvm = jvm.Package()
        self._gateway = jvm.Gateway()
        self._jobs = Jobs()
        self._rdd_ids = itertools.count()
        # Persisted RDDs by number, for `_jsc.getPersistentRDDs()`.
        self._persistent = weakref.WeakValueDictionary()
        # Where workers look for modules besides their own path.
        self._python_paths = []
        self._archives = []
        self._added_files = []
        self._told = set()
        settings = {"spark.master": "local[*]", "spark.app.name": "pyspark-shell", **submitted.configuration(), **options}
        settings.setdefault("spark.app.id", "local-%d" % self._started)
        settings.setdefault("spark.app.startTime", str(self._started))
        settings.setdefault("spark.driver.host", "localhost")
        settings.setdefault("spark.executor.id", "driver")
        settings.setdefault("spark.rdd.compress", "True")
        settings.setdefault("spark.serializer.objectStreamReset", "100")
        settings.setdefault("spark.submit.deployMode", "client")
        self._conf = SparkConf(loadDefaults=False).setAll(list(settings.items()))
        self._code_is_shipped = False
        wanted = [settings.get(key) == "true" for key in ("spark.python.profile", "spark.python.profile.memory")]
        self.profiler_collector = self._profilers() if any(wanted) else None

    def _profilers(self):
        """What gathers the profiles of tasks, where `spark.python.profile` or `spark.python.profile.memory` asks for them."""
        from pyspark import profiler

        rdd, udf, memory = getattr(self, "_profiler_classes", (None, None, None))
        return profiler.ProfilerCollector(
            rdd or profiler.BasicProfiler,
            udf or profiler.UDFBasicProfiler,
            memory or profiler.MemoryProfiler,
            self._conf.get("spark.python.profile.dump"),
        )

    def _ship_code(self):
        """Once: give other servers' workers the modules that tasks use. Firesteel's workers have them."""
        if not self._code_is_shipped:
            self._code_is_shipped = True
            if os.environ.get(submitted.RUN_DIR) is None:
                self._session.addArtifacts(submitted.package_archive(), pyfile=True)

    @classmethod
    def _of_session(cls, session, options):
        """The program's context; a session made without one gets it here, one that was stopped keeps its own."""
        with cls._lock:
            context = cls._active_spark_context
            if context is None and "_stopped_context" in session.__dict__:
                return session.__dict__["_stopped_context"]
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
                session.__dict__["_stopped_context"] = context
                cls._active_spark_context = None

    @classmethod
    def getOrCreate(cls, conf=None):
        with cls._lock:
            if cls._active_spark_context is None:
                cls(conf=conf)
            return cls._active_spark_context

    @classmethod
    def setSystemProperty(cls, key, value):
        """Kept for `getSystemProperty`, and for the configuration of a context made later."""
        cls._system_properties[key] = value

    @classmethod
    def getSystemProperty(cls, key):
        return cls._system_properties.get(key)

    def stop(self):
        if not self._stopped:
            self._session.stop()
            SparkContext._session_stopped(self._session)

    def _check_running(self, wanted="sc"):
        """After `stop`, what PySpark asks the JVM's context for is an attribute of None."""
        if self._stopped:
            raise AttributeError("'NoneType' object has no attribute %r" % wanted)

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
        self._check_running()
        return self._conf.get("spark.app.id")

    @property
    def version(self):
        self._check_running("version")
        return self._session.version

    @property
    def pythonVer(self):
        return "%d.%d" % sys.version_info[:2]

    @property
    def startTime(self):
        return self._started

    @property
    def uiWebUrl(self):
        """The address of the web UI; None where `spark.ui.enabled` is false."""
        self._check_running()
        return self._session.conf.get("firesteel.ui.url", None)

    @property
    def defaultParallelism(self):
        self._check_running()
        given = self._conf.get("spark.default.parallelism")
        return int(given) if given else parallelism_of(self.master)

    @property
    def defaultMinPartitions(self):
        return min(self.defaultParallelism, 2)

    @property
    def environment(self):
        prefix = "spark.executorEnv."
        given = {key[len(prefix) :]: value for key, value in self._conf.getAll() if key.startswith(prefix)}
        return {**given, "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0")}

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
        self._check_running("setLogLevel")
        if logLevel.upper() not in LOG_LEVELS:
            raise wrong_argument(
                "requirement failed: Supplied level %s did not match one of: %s" % (logLevel, ",".join(LOG_LEVELS))
            )
        jvm.Logger.getRootLogger().setLevel(logLevel.upper())

    def setCheckpointDir(self, dirName):
        self._check_running()
        import uuid

        if dirName is None:
            self._checkpoint_dir = None
            return
        directory = os.path.join(local_path(dirName), str(uuid.uuid4()))
        os.makedirs(directory)
        self._checkpoint_dir = "file:" + directory
        # DataFrames are checkpointed by the server.
        told = {"spark.checkpoint.dir": self._checkpoint_dir}
        if hasattr(self._session.conf, "_set_all"):
            self._session.conf._set_all(told, silent=True)

    def getCheckpointDir(self):
        return self._checkpoint_dir

    def setLocalProperty(self, key, value):
        self._check_running("setLocalProperty")
        properties = self._local_properties.__dict__
        if value is None:
            properties.pop(key, None)
        else:
            properties[key] = value

    def getLocalProperty(self, key):
        return self._local_properties.__dict__.get(key)

    def setJobGroup(self, groupId, description, interruptOnCancel=False):
        self._check_running("setJobGroup")
        self.setLocalProperty("spark.jobGroup.id", groupId)
        self.setLocalProperty("spark.job.description", description)
        self.setLocalProperty("spark.job.interruptOnCancel", str(interruptOnCancel).lower())

    def setJobDescription(self, value):
        self.setLocalProperty("spark.job.description", value)

    def setInterruptOnCancel(self, interruptOnCancel):
        self.setLocalProperty("spark.job.interruptOnCancel", str(interruptOnCancel).lower())

    def addJobTag(self, tag):
        self._session.addTag(checked_tag(tag))

    def removeJobTag(self, tag):
        if checked_tag(tag) in self._session.getTags():
            self._session.removeTag(tag)

    def getJobTags(self):
        return self._session.getTags()

    def clearJobTags(self):
        self._session.clearTags()

    def cancelJobsWithTag(self, tag):
        self._session.interruptTag(tag)

    def cancelAllJobs(self):
        self._session.interruptAll()

    def cancelJobGroup(self, groupId):
        self._session.interruptTag(tag_of_group(groupId))

    def _group_tag(self):
        """The tag of this thread's jobs, by which its group is cancelled."""
        group = self.getLocalProperty("spark.jobGroup.id")
        return None if group is None else tag_of_group(group)

    def _next_rdd_id(self):
        return next(self._rdd_ids)

    # Files and values that functions use.

    def addFile(self, path, recursive=False):
        self._check_running()
        import shutil

        source = existing(path)
        target = os.path.join(submitted.files_directory(), os.path.basename(source.rstrip("/")))
        if os.path.isdir(source):
            if not recursive:
                raise java_error(
                    "org.apache.spark.SparkException",
                    "[UNSUPPORTED_ADD_FILE.DIRECTORY] Don't support add file. The file file:%s/ is a directory, consider to "
                    'set "spark.sql.legacy.addSingleFileInAddFile" to "false". SQLSTATE: 0A000' % source,
                )
            shutil.copytree(source, target, dirs_exist_ok=True)
            # Artifacts are files: workers elsewhere get the folder packed.
            name = os.path.basename(target)
            packed = shutil.make_archive(os.path.join(submitted.private_directory("folders"), name), "zip", target)
            self._tell_workers("%s#%s" % (packed, name), archive=True)
        else:
            shutil.copy(source, target)
            self._tell_workers(target, file=True)
        self._added_files.append("file:" + source)

    def _tell_workers(self, path, **kind):
        """Once for each file: an artifact cannot change."""
        if path not in self._told:
            self._told.add(path)
            self._session.addArtifacts(path, **kind)

    def addPyFile(self, path):
        self._check_running()
        import shutil

        source = existing(path)
        directory = submitted.files_directory()
        target = os.path.join(directory, os.path.basename(source))
        shutil.copy(source, target)
        self._added_files.append("file:" + source)
        if target.endswith((".zip", ".py", ".egg", ".jar")):
            self._tell_workers(target, pyfile=True)
        entry = target if target.endswith(self.PACKAGE_EXTENSIONS) else directory
        if entry not in sys.path:
            sys.path.insert(1, entry)
        if entry not in self._python_paths:
            self._python_paths.append(entry)
        import importlib

        importlib.invalidate_caches()

    @property
    def listFiles(self):
        return sorted(set(self._added_files))

    def addArchive(self, path):
        import shutil

        archive, _, name = path.partition("#")
        source = local_path(archive)
        shutil.unpack_archive(source, os.path.join(submitted.files_directory(), name or os.path.basename(source)))
        self._tell_workers("%s#%s" % (source, name) if name else source, archive=True)
        self._archives.append(path)

    @property
    def listArchives(self):
        return sorted({"file:" + local_path(path) for path in self._archives})

    def broadcast(self, value):
        self._check_running("broadcast")
        return Broadcast(self, value)

    def accumulator(self, value, accum_param=None):
        from pyspark import accumulators

        if accum_param is None:
            for kind, param in (
                (int, accumulators.INT_ACCUMULATOR_PARAM),
                (float, accumulators.FLOAT_ACCUMULATOR_PARAM),
                (complex, accumulators.COMPLEX_ACCUMULATOR_PARAM),
            ):
                if isinstance(value, kind):
                    accum_param = param
                    break
            else:
                raise TypeError("No default accumulator param for type %s" % type(value))
        with SparkContext._lock:
            SparkContext._next_accum_id += 1
            return accumulators.Accumulator(SparkContext._next_accum_id - 1, value, accum_param)

    def statusTracker(self):
        self._check_running("statusTracker")
        return StatusTracker(self._jobs)

    def show_profiles(self):
        if self.profiler_collector is None:
            raise no_profiles()
        self.profiler_collector.show_profiles()

    def dump_profiles(self, path):
        if self.profiler_collector is None:
            raise no_profiles()
        self.profiler_collector.dump_profiles(path)

    # The way into Hadoop's configuration that scripts use, and the rest of the JVM, which is not there.

    @property
    def _jsc(self):
        from firesteel.java_context import JavaContext

        return None if self._stopped else JavaContext(self)



class_names.own(SparkContext, "pyspark.core.context")


def caller():
    """The call of the program that has led here: the function's name, and the file and line that call it."""
    import traceback

    name, ours = "__init__", ("firesteel", "pyspark")
    for frame in reversed(traceback.extract_stack()[:-1]):
        if not any(os.sep + package + os.sep in frame.filename for package in ours):
            return name, frame.filename, frame.lineno
        name = frame.name
    return name, "<unknown>", 0


def close_client(reference):
    """At the program's end: what is kept on the server ends with the session, and need not be given back piece by piece."""
    session = reference()
    if session is not None and not session.client.is_closed:
        session.client.close()


def existing(path):
    source = local_path(path)
    if not os.path.exists(source):
        raise java_error("java.io.FileNotFoundException", "File file:%s does not exist" % source)
    return source


def checked_tag(tag):
    for wrong, told in ((tag is None, "null"), (tag == "", "an empty string")):
        if wrong:
            raise wrong_argument("Spark job tag cannot be %s." % told)
    if "," in tag:
        raise wrong_argument("Spark job tag cannot contain ','.")
    return tag


def tag_of_group(group):
    """Tags may hold no commas, groups may."""
    return "firesteel-group-" + str(group).encode("utf-8").hex()


def no_profiles():
    from pyspark.errors import PySparkRuntimeError

    return PySparkRuntimeError(errorClass="INCORRECT_CONF_FOR_PROFILE", messageParameters={})
