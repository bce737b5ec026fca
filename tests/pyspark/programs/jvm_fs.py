import sys
from pyspark.sql import SparkSession
import os, shutil
spark = SparkSession.builder.master("local[1]").getOrCreate()
sc = spark.sparkContext
base = sys.argv[2] + "/fs25"
shutil.rmtree(base, ignore_errors=True); os.makedirs(base + "/sub"); open(base + "/a.txt", "w").write("xyz")
URI = sc._jvm.java.net.URI
Path = sc._jvm.org.apache.hadoop.fs.Path
FileSystem = sc._jvm.org.apache.hadoop.fs.FileSystem
Configuration = sc._jvm.org.apache.hadoop.conf.Configuration
fs = FileSystem.get(sc._jsc.hadoopConfiguration())
print(fs.exists(Path(base)), fs.exists(Path(base + "/nope")))
for st in sorted(fs.listStatus(Path(base)), key=lambda s: s.getPath().getName()):
    print(st.getPath().getName(), st.isDirectory(), st.isFile(), st.getLen() if st.isFile() else None)
print(fs.mkdirs(Path(base + "/new")), fs.rename(Path(base + "/a.txt"), Path(base + "/b.txt")), fs.delete(Path(base + "/sub"), True), sorted(os.listdir(base)))
fs2 = FileSystem.get(URI("file:///"), Configuration())
print(fs2.getFileStatus(Path(base + "/b.txt")).getLen(), fs2.getUri().toString())
print(sc._jsc.hadoopConfiguration().get("fs.defaultFS"), sc._jsc.hadoopConfiguration().get("none.such"))
sc._jsc.hadoopConfiguration().set("fs.s3a.access.key", "abc")
print(sc._jsc.hadoopConfiguration().get("fs.s3a.access.key"))
log4j = sc._jvm.org.apache.log4j
logger = log4j.LogManager.getLogger("myapp")
logger.setLevel(log4j.Level.ERROR)
logger.info("hidden")
print(fs.getContentSummary(Path(base)).getLength(), fs.isDirectory(Path(base)), fs.isFile(Path(base)))
print([s.getPath().getName() for s in fs.globStatus(Path(base + "/*.txt"))])
out = fs.create(Path(base + "/w.txt")); out.write(bytearray(b"hello")); out.close()
print(open(base + "/w.txt").read())
print(sc._jvm.java.lang.System.currentTimeMillis() > 0, sc._jvm.java.lang.System.getProperty("user.dir") is not None)
print(Path("/a/b").getParent().toString(), Path("/a/b", "c").toString())
spark.stop()
