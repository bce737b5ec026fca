"""Many small jobs in one program: small_jobs.py JOBS. Prints what program and server hold after a tenth of them, and at the end."""

import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident():
    """Mebibytes of this process and of the one that started it."""
    held = []
    for pid in (os.getpid(), os.getppid()):
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            held.append(int(file.read().split()[1]) * PAGE >> 20)
    return held


jobs = int(sys.argv[1])
spark = SparkSession.builder.getOrCreate()
sc = spark.sparkContext
double = F.udf(lambda x: x * 2, "long")
for job in range(jobs):
    kind = job % 4
    if kind == 0:
        assert sc.parallelize(range(10), 2).map(lambda x: x + 1).sum() == 55
    elif kind == 1:
        assert len(sc.parallelize([(x % 3, x) for x in range(9)], 2).reduceByKey(lambda a, b: a + b).collect()) == 3
    elif kind == 2:
        assert spark.range(5).select(double("id").alias("d")).agg(F.sum("d")).first()[0] == 20
    else:
        assert spark.createDataFrame([(job, "x")], ["a", "b"]).filter("a >= 0").count() == 1
    if job + 1 in (jobs // 10, jobs):
        print("after", job + 1, "program", resident()[0], "parent", resident()[1], flush=True)
spark.stop()
