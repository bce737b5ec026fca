import logging
import sys
from pyspark.sql import SparkSession

logging.getLogger("py4j").setLevel(logging.ERROR)


class Log4j(object):
    """Wrapper class for Log4j JVM object."""

    def __init__(self, spark):
        conf = spark.sparkContext.getConf()
        app_id = conf.get('spark.app.id')
        app_name = conf.get('spark.app.name')
        log4j = spark._jvm.org.apache.log4j
        message_prefix = '<' + app_name + ' ' + app_id + '>'
        self.logger = log4j.LogManager.getLogger(message_prefix)

    def error(self, message):
        self.logger.error(message)
        return None

    def info(self, message):
        self.logger.info(message)
        return None


spark = SparkSession.builder.appName("jobs").master("local[2]").config("spark.ui.showConsoleProgress", "false").enableHiveSupport().getOrCreate()
sc = spark.sparkContext
log = Log4j(spark)
log.info("started")
log.error("an error that is none")
logger = sc._jvm.org.apache.log4j.LogManager.getLogger(__name__)
logger.warn("warned")
log4jLogger = sc._jvm.org.apache.log4j
log4jLogger.LogManager.getLogger("org").setLevel(log4jLogger.Level.ERROR)
log4jLogger.LogManager.getRootLogger().setLevel(log4jLogger.Level.OFF)
logger.isInfoEnabled(); logger.debug("no")
sc._jsc.hadoopConfiguration().set("mapreduce.input.fileinputformat.input.dir.recursive", "true")
sc._jsc.hadoopConfiguration().set("fs.s3a.access.key", "x")
print(sc._jsc.hadoopConfiguration().get("fs.s3a.access.key"), sc._jsc.hadoopConfiguration().get("no.such.key"))
hadoop = sc._jvm.org.apache.hadoop
fs = hadoop.fs.FileSystem.get(sc._jsc.hadoopConfiguration())
path = hadoop.fs.Path(sys.argv[2] + "/dir")
print(fs.exists(path), fs.mkdirs(path), fs.exists(path), fs.getFileStatus(path).isDirectory())
sc.parallelize(["a", "b"], 2).saveAsTextFile(sys.argv[2] + "/dir/out")
for status in sorted(fs.listStatus(hadoop.fs.Path(sys.argv[2] + "/dir/out")), key=lambda s: s.getPath().getName()):
    print(status.getPath().getName(), status.getLen(), status.isFile())
print(fs.rename(hadoop.fs.Path(sys.argv[2] + "/dir/out"), hadoop.fs.Path(sys.argv[2] + "/dir/moved")), fs.delete(hadoop.fs.Path(sys.argv[2] + "/dir/moved"), True))
print([s.getPath().toString().split("/")[-1] for s in fs.globStatus(hadoop.fs.Path(sys.argv[2] + "/*"))])
print(sc._jvm.java.lang.Math.max(3, 4) if hasattr(sc._jvm, "java") else None)
print(sc._jsc.sc().applicationId() == sc.applicationId, sc.version == spark.version, sc.appName)
print(sc._conf.get("spark.app.name"), spark.sparkContext._conf.get("spark.master"), sc.getConf().get("spark.submit.deployMode"))
print(spark.sparkContext.sparkUser() != "", sc.startTime > 0, sc.pythonVer == "%d.%d" % sys.version_info[:2])
print(len(sc._jsc.sc().getExecutorMemoryStatus().toString()) > 0 if hasattr(sc._jsc.sc(), "getExecutorMemoryStatus") else None)
spark.stop()
spark.stop()
