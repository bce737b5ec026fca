import os
import sys
import zipfile
from pyspark import SparkContext, SparkFiles, SparkConf

out = sys.argv[2]
with open(out + "/helpers_of_program.py", "w") as f:
    f.write("FACTOR = 3\ndef scale(x):\n    return x * FACTOR\n")
with zipfile.ZipFile(out + "/packed.zip", "w") as z:
    z.writestr("packed_lib/__init__.py", "from packed_lib.more import twice\n")
    z.writestr("packed_lib/more.py", "def twice(x):\n    return 2 * x\n")
with open(out + "/lookup.txt", "w") as f:
    f.write("1,one\n2,two\n3,three\n")

sc = SparkContext(conf=SparkConf().setMaster("local[2]").setAppName("files"))
sc.addPyFile(out + "/helpers_of_program.py")
sc.addPyFile("file://" + out + "/packed.zip")
sc.addFile(out + "/lookup.txt")


def named(iterator):
    with open(SparkFiles.get("lookup.txt")) as file:
        table = dict(line.strip().split(",") for line in file)
    for x in iterator:
        yield table.get(str(x), "?")


def scaled(x):
    import helpers_of_program
    from packed_lib import twice
    return twice(helpers_of_program.scale(x))


print(sc.parallelize([1, 2, 3, 4], 2).mapPartitions(named).collect())
print(sc.parallelize([1, 2]).map(scaled).collect())
import helpers_of_program
print(helpers_of_program.scale(5))
print(os.path.basename(SparkFiles.get("lookup.txt")), os.path.exists(SparkFiles.getRootDirectory()), os.path.isfile(SparkFiles.get("lookup.txt")))
print(sorted(os.path.basename(f) for f in sc.listFiles))
os.makedirs(out + "/dir/sub", exist_ok=True)
with open(out + "/dir/sub/x.txt", "w") as f:
    f.write("deep")
sc.addFile(out + "/dir", recursive=True)
print(sc.parallelize([0]).map(lambda _: open(os.path.join(SparkFiles.get("dir"), "sub", "x.txt")).read()).collect())
try:
    sc.addFile(out + "/absent.txt")
except Exception as e:
    print(type(e).__name__)
sc.stop()
