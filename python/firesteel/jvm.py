"""The small part of `sc._jvm` that scripts use: Hadoop's `FileSystem` and `Path` on local files, Log4j's loggers, and a few
classes of the Java library. Everything else says that there is no JVM.
"""

import os
import shutil
import sys
import time

from firesteel.task.part_file import checksum_name, is_checksum
from firesteel.unsupported import no_jvm


def local(path):
    from firesteel.rdd.hadoop_files import local_path

    return local_path(str(path))


class Configuration:
    """`org.apache.hadoop.conf.Configuration` by itself: what a script puts in, and where files are by default."""

    def __init__(self, *_):
        self._values = {"fs.defaultFS": "file:///"}

    def set(self, name, value):
        self._values[name] = str(value)

    def setBoolean(self, name, value):
        self.set(name, "true" if value else "false")

    setInt = setLong = setFloat = setDouble = setStrings = set

    def get(self, name, default=None):
        return self._values.get(name, default)

    def getBoolean(self, name, default=False):
        return str(self._values.get(name, default)).lower() == "true"

    def getInt(self, name, default=0):
        return int(self._values.get(name, default))

    def unset(self, name):
        self._values.pop(name, None)


class OutputStream:
    """`FSDataOutputStream`: what `FileSystem.create` gives."""

    def __init__(self, path):
        self._file = open(path, "wb")

    def write(self, data):
        self._file.write(bytes([data & 255]) if isinstance(data, int) else bytes(data))

    def writeBytes(self, text):
        self._file.write(text.encode("latin-1", "replace"))

    def writeUTF(self, text):
        data = text.encode("utf-8")
        self._file.write(len(data).to_bytes(2, "big") + data)

    def flush(self):
        self._file.flush()

    hflush = hsync = flush

    def close(self):
        self._file.close()


class Path:
    """`org.apache.hadoop.fs.Path`."""

    def __init__(self, parent, child=None):
        self._text = str(parent) if child is None else "%s/%s" % (str(parent).rstrip("/"), child)
        if len(self._text) > 1 and not self._text.endswith("://"):
            self._text = self._text.rstrip("/")

    def getName(self):
        return self._text.rsplit("/", 1)[-1]

    def getParent(self):
        parent = self._text.rsplit("/", 1)[0]
        return Path(parent or "/") if parent != self._text else None

    def getFileSystem(self, configuration=None):
        return FileSystem()

    def toString(self):
        return self._text

    __str__ = toString

    def toUri(self):
        return URI(self._text)

    def __eq__(self, other):
        return isinstance(other, Path) and self._text == other._text

    def __hash__(self):
        return hash(self._text)


class URI:
    """`java.net.URI`."""

    def __init__(self, text):
        self._text = str(text)

    @classmethod
    def create(cls, text):
        return cls(text)

    def getScheme(self):
        from urllib.parse import urlparse

        return urlparse(self._text).scheme or None

    def getPath(self):
        from urllib.parse import urlparse

        return urlparse(self._text).path

    def getHost(self):
        from urllib.parse import urlparse

        return urlparse(self._text).hostname

    def toString(self):
        return self._text

    __str__ = toString


class FileStatus:
    def __init__(self, path):
        self._path = path

    def getPath(self):
        return Path("file:" + self._path)

    def getLen(self):
        return 0 if os.path.isdir(self._path) else os.path.getsize(self._path)

    def isDirectory(self):
        return os.path.isdir(self._path)

    isDir = isDirectory

    def isFile(self):
        return os.path.isfile(self._path)

    def getModificationTime(self):
        return int(os.path.getmtime(self._path) * 1000)


class ContentSummary:
    def __init__(self, path):
        self._files = [path] if os.path.isfile(path) else []
        self._directories = 0
        for directory, _, names in os.walk(path):
            self._directories += 1
            self._files += [os.path.join(directory, name) for name in names]

    def getLength(self):
        return sum(os.path.getsize(path) for path in self._files)

    def getFileCount(self):
        return len(self._files)

    def getDirectoryCount(self):
        return self._directories


def checksum_of(target):
    return os.path.join(os.path.dirname(target), checksum_name(os.path.basename(target)))


class FileSystem:
    """`org.apache.hadoop.fs.FileSystem` of this machine's files."""

    @classmethod
    def get(cls, *_configuration):
        return cls()

    @classmethod
    def getLocal(cls, _configuration=None):
        return cls()

    def getUri(self):
        return URI("file:///")

    def getScheme(self):
        return "file"

    def exists(self, path):
        return os.path.exists(local(path))

    def isDirectory(self, path):
        return os.path.isdir(local(path))

    def isFile(self, path):
        return os.path.isfile(local(path))

    def mkdirs(self, path, permission=None):
        os.makedirs(local(path), exist_ok=True)
        return True

    def delete(self, path, recursive=True):
        target = local(path)
        if not os.path.lexists(target):
            return False
        if not os.path.isdir(target) or os.path.islink(target):
            os.unlink(target)
            if os.path.exists(checksum_of(target)):
                os.unlink(checksum_of(target))
        elif recursive:
            shutil.rmtree(target)
        elif os.listdir(target):
            raise OSError("Directory %s is not empty" % target)
        else:
            os.rmdir(target)
        return True

    def rename(self, source, target):
        old, new = local(source), local(target)
        if not os.path.exists(old):
            return False
        if os.path.isdir(new):
            new = os.path.join(new, os.path.basename(old))
        if os.path.exists(new) or not os.path.isdir(os.path.dirname(new)):
            return False
        os.rename(old, new)
        if os.path.exists(checksum_of(old)):
            os.rename(checksum_of(old), checksum_of(new))
        return True

    def listStatus(self, path):
        target = local(path)
        if not os.path.exists(target):
            from firesteel.rdd.errors import java_error

            raise java_error("java.io.FileNotFoundException", "File %s does not exist" % path)
        if os.path.isfile(target):
            return [FileStatus(target)]
        return [FileStatus(os.path.join(target, name)) for name in sorted(os.listdir(target)) if not is_checksum(name)]

    def globStatus(self, path):
        import glob

        from firesteel.rdd.hadoop_files import braces

        found = {one for plain in braces(local(path)) for one in glob.glob(plain)}
        return [FileStatus(one) for one in sorted(found) if not is_checksum(os.path.basename(one))]

    def getFileStatus(self, path):
        target = local(path)
        if not os.path.exists(target):
            from firesteel.rdd.errors import java_error

            raise java_error("java.io.FileNotFoundException", "File %s does not exist" % path)
        return FileStatus(target)

    def getContentSummary(self, path):
        return ContentSummary(local(path))

    def create(self, path, overwrite=True, *_):
        target = local(path)
        if os.path.exists(target) and not overwrite:
            from firesteel.rdd.errors import java_error

            raise java_error("org.apache.hadoop.fs.FileAlreadyExistsException", "File already exists: %s" % target)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        return OutputStream(target)

    def createNewFile(self, path):
        target = local(path)
        if os.path.exists(target):
            return False
        self.create(path).close()
        return True

    def copyFromLocalFile(self, *arguments):
        source, target = arguments[-2:]
        shutil.copy(local(source), local(target))

    copyToLocalFile = copyFromLocalFile

    def getHomeDirectory(self):
        return Path("file:" + os.path.expanduser("~"))

    def getWorkingDirectory(self):
        return Path("file:" + os.getcwd())

    def makeQualified(self, path):
        return Path("file:" + local(path))

    def close(self):
        pass


class Level:
    """`org.apache.log4j.Level`: names in their order."""

    ORDER = ("ALL", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF")


for _name in Level.ORDER:
    setattr(Level, _name, _name)


class Logger:
    """A Log4j logger: lines to the standard error stream, as Spark's console appender lays them out."""

    root_level = "INFO"
    _known = {}

    def __init__(self, name):
        self._name = name
        self._level = None

    @classmethod
    def getLogger(cls, name):
        name = getattr(name, "__name__", None) or str(name)
        return cls._known.setdefault(name, cls(name))

    @classmethod
    def getRootLogger(cls):
        return cls.getLogger("root")

    def setLevel(self, level):
        if self._name == "root":
            Logger.root_level = str(level)
        self._level = str(level)

    def getLevel(self):
        return self._level or Logger.root_level

    def getName(self):
        return self._name

    def isEnabledFor(self, level):
        return Level.ORDER.index(str(level)) >= Level.ORDER.index(self.getLevel())

    def isDebugEnabled(self):
        return self.isEnabledFor("DEBUG")

    def isInfoEnabled(self):
        return self.isEnabledFor("INFO")

    def log(self, level, message):
        if self.isEnabledFor(level):
            at = time.strftime("%y/%m/%d %H:%M:%S")
            sys.stderr.write("%s %s %s: %s\n" % (at, level, self._name.rsplit(".", 1)[-1], message))
            sys.stderr.flush()


def _logging(level):
    return lambda self, message, *_: self.log(level, message)


for _name in ("trace", "debug", "info", "warn", "error", "fatal"):
    setattr(Logger, _name, _logging(_name.upper()))


class System:
    """`java.lang.System`."""

    @staticmethod
    def currentTimeMillis():
        return int(time.time() * 1000)

    @staticmethod
    def nanoTime():
        return time.monotonic_ns()

    @staticmethod
    def getenv(name):
        return os.environ.get(name)

    @staticmethod
    def getProperty(name, default=None):
        known = {"user.dir": os.getcwd(), "user.name": os.environ.get("USER"), "java.io.tmpdir": "/tmp"}
        return known.get(name, default)


class Math:
    """`java.lang.Math`."""

    abs, max, min, pow = abs, max, min, staticmethod(lambda base, exponent: float(base) ** exponent)


class Thread:
    """`java.lang.Thread`."""

    @staticmethod
    def sleep(milliseconds):
        time.sleep(milliseconds / 1000)


class UUID:
    """`java.util.UUID`."""

    @staticmethod
    def randomUUID():
        import uuid

        return URI(uuid.uuid4())


CLASSES = {
    "org.apache.hadoop.conf.Configuration": Configuration,
    "org.apache.hadoop.fs.FileSystem": FileSystem,
    "org.apache.hadoop.fs.Path": Path,
    "org.apache.log4j.LogManager": Logger,
    "org.apache.log4j.Logger": Logger,
    "org.apache.log4j.Level": Level,
    "java.net.URI": URI,
    "java.lang.Math": Math,
    "java.lang.System": System,
    "java.lang.Thread": Thread,
    "java.util.UUID": UUID,
}


class Package:
    """`sc._jvm`, and the names on the way to a class."""

    def __init__(self, prefix=""):
        self._prefix = prefix

    def __getattr__(self, name):
        full = self._prefix + name
        if not self._prefix and "java.lang." + name in CLASSES:
            return CLASSES["java.lang." + name]
        if full in CLASSES:
            return CLASSES[full]
        if any(known.startswith(full + ".") for known in CLASSES):
            return Package(full + ".")
        raise no_jvm("_jvm." + full)


class Gateway:
    """`sc._gateway`: the way to `jvm`."""

    jvm = Package()

    def __getattr__(self, name):
        raise no_jvm("_gateway." + name)
