"""`sc._jsc`: the small part of the JVM's `JavaSparkContext` and `SparkContext` that scripts ask."""

from firesteel.unsupported import no_jvm


class JavaContext:
    """`sc._jsc`, and what its `sc()` gives: Hadoop's configuration, what the application is, and what is kept."""

    def __init__(self, context):
        self._context = context

    def sc(self):
        return self

    def hadoopConfiguration(self):
        return HadoopConfiguration(self._context._session)

    def getConf(self):
        return self._context.getConf()

    conf = getConf

    def getPersistentRDDs(self):
        return dict(self._context._persistent)

    def getExecutorMemoryStatus(self):
        """One executor, which is the driver, with the memory that the session may use."""
        return JavaMap({"%s:0" % self._context._conf.get("spark.driver.host"): memory()})

    def applicationId(self):
        return self._context.applicationId

    def appName(self):
        return self._context.appName

    def master(self):
        return self._context.master

    def version(self):
        return self._context.version

    def defaultParallelism(self):
        return self._context.defaultParallelism

    def defaultMinPartitions(self):
        return self._context.defaultMinPartitions

    def startTime(self):
        return self._context.startTime

    def sparkUser(self):
        return self._context.sparkUser()

    def isLocal(self):
        return True

    def isStopped(self):
        return self._context._stopped

    def setLogLevel(self, level):
        self._context.setLogLevel(level)

    def uiWebUrl(self):
        return Option(self._context.uiWebUrl)

    def __getattr__(self, name):
        raise no_jvm("_jsc." + name)


def memory():
    """Bytes of this machine's memory, used and free alike."""
    import os

    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class JavaMap(dict):
    """What scripts count: `size()`, and the keys."""

    def size(self):
        return len(self)

    def keySet(self):
        return JavaMap.fromkeys(self)

    def toString(self):
        return "Map(%s)" % ", ".join("%s -> %s" % pair for pair in self.items())


class Option:
    """Scala's `Option`."""

    def __init__(self, value):
        self._value = value

    def get(self):
        if self._value is None:
            from firesteel.rdd.errors import java_error

            raise java_error("java.util.NoSuchElementException", "None.get")
        return self._value

    def isDefined(self):
        return self._value is not None

    def isEmpty(self):
        return self._value is None

    def toString(self):
        return "None" if self._value is None else "Some(%s)" % self._value

    __str__ = toString


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
        if name in ("fs.defaultFS", "fs.default.name") and default is None:
            default = "file:///"
        return self._session.conf.get("spark.hadoop." + name, default)

    def __getattr__(self, name):
        raise no_jvm("hadoopConfiguration()." + name)
