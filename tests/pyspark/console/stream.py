"""What the console shows of a stream in every output mode."""
import json
import os
import tempfile

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.appName("console").master("local[2]").config("spark.sql.shuffle.partitions", "1").getOrCreate()
spark.conf.set("spark.sql.session.timeZone", "UTC")
folder = tempfile.mkdtemp()
for number, rows in enumerate([[("a", 0, 1), ("b", 1, 2)], [("a", 20, 3)], [], [("c", 40, 123456789), ("b", 2, None)]]):
    path = os.path.join(folder, f"f{number}.json")
    with open(path, "w") as file:
        for key, minute, value in rows:
            file.write(json.dumps({"k": key * 8, "t": f"2024-01-01 00:{minute:02d}:00", "v": value}) + "\n")
    os.utime(path, (1700000000 + number, 1700000000 + number))

stream = spark.readStream.schema("k STRING, t TIMESTAMP, v BIGINT").option("maxFilesPerTrigger", 1).json(folder)
late = stream.withWatermark("t", "5 minutes")


def show(title, frame, mode, **options):
    print("=====", title, mode, options, flush=True)
    query = frame.writeStream.format("console").outputMode(mode).options(**options).trigger(availableNow=True).start()
    query.awaitTermination()


for mode in ("append", "update"):
    show("rows", stream, mode)
for mode in ("update", "complete"):
    show("counts", stream.groupBy("k").count().orderBy("k") if mode == "complete" else stream.groupBy("k").count(), mode)
for mode in ("append", "update", "complete"):
    show("windows", late.groupBy(F.window("t", "10 minutes")).agg(F.sum("v").alias("total")).select("window.start", "total"), mode, truncate="false")
show("short", stream, "append", numRows=1, truncate="true")
try:
    show("few characters", stream, "append", truncate="5")
except Exception as error:
    print("5 is not a boolean string" in str(error), flush=True)
show("a vertical wish", stream, "append", vertical="true")
spark.stop()
