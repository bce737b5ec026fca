"""Streams that clean up the files that they have read."""

import json
import os
import re
import time

from pyspark.errors import PySparkException


def drop(folder, names, rows=1):
    os.makedirs(folder, exist_ok=True)
    for number, name in enumerate(names):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(json.dumps({"v": number * 10 + row}) + "\n" for row in range(rows)))
        os.utime(path, (1700000000 + number, 1700000000 + number))
    return str(folder)


def left(folder):
    """The files that are left, once nothing changes any more."""
    def now():
        return sorted(os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names)

    before, same = now(), 0
    while same < 10:
        time.sleep(0.1)
        after = now()
        same = same + 1 if after == before else 0
        before = after
    return before


def folders(folder):
    return sorted(os.path.relpath(os.path.join(at, name), folder) for at, names, _ in os.walk(folder) for name in names)


def run(spark, tmp, path, name="cp", **options):
    frame = spark.readStream.schema("v INT").options(**{"maxFilesPerTrigger": 1, "cleanSource": "delete", **options}).json(path)
    write = frame.writeStream.format("noop").option("checkpointLocation", str(tmp / "checkpoints" / name))
    query = write.trigger(availableNow=True).start()
    query.awaitTermination()
    return [one["sources"][0]["numInputRows"] for one in query.recentProgress]


def tried(action):
    try:
        return action()
    except PySparkException as raised:
        told = (raised.getMessageParameters() or {}).get("message", "").split("\n")[0]
        return [type(raised).__name__, raised.getCondition(), re.sub(r"(file:)?/\S+", "FILE", told)]


def case_delete(spark, tmp):
    names = ["a.json", "b.json", "c d.json", "e%20f.json"]
    path = drop(tmp / "in", names)
    told = {"first": [run(spark, tmp, path), left(path)]}
    told["again"] = [run(spark, tmp, path), left(path)]
    drop(tmp / "in", ["later.json"])
    told["later"] = [run(spark, tmp, path), left(path)]
    told["nothing new"] = [run(spark, tmp, path), left(path)]
    told["from the start"] = [run(spark, tmp, path, "other"), left(path)]
    return told


def case_folders(spark, tmp):
    path = drop(tmp / "in", ["x=1/a.json", "x=1/b.json", "x=2/c.json", "x=3/d.json"])
    told = {"partitions": [run(spark, tmp, path), left(path), folders(path)]}
    path = drop(tmp / "deep", ["y/a.json", "y/z/b.json", "c.json"])
    told["recursive"] = [run(spark, tmp, path, "deep", recursiveFileLookup="true"), left(path), folders(path)]
    path = drop(tmp / "glob", ["d1/a.json", "d1/b.json", "d2/c.json", "e/d.json"])
    told["pattern"] = [run(spark, tmp, path + "/d*", "glob"), left(path), folders(path)]
    path = drop(tmp / "filter", ["a.json", "b.json", "c.txt"])
    told["filter"] = [run(spark, tmp, path, "filter", pathGlobFilter="*.json"), left(path)]
    path = drop(tmp / "all", ["a.json", "b.json", "c.json"])
    told["all at once"] = [run(spark, tmp, path, "all", maxFilesPerTrigger=10), left(path)]
    told["all at once, again"] = [run(spark, tmp, path, "all", maxFilesPerTrigger=10), left(path)]
    path = drop(tmp / "off", ["a.json", "b.json"])
    told["off"] = [run(spark, tmp, path, "off", cleanSource="OFF"), left(path)]
    return told


def case_archive(spark, tmp):
    path = drop(tmp / "in", ["a.json", "b.json", "c.json"])
    old = tmp / "old"
    archived = lambda: [re.sub(r".*/in/", "in/", name) for name in left(old)]  # noqa: E731
    told = {"archived": [run(spark, tmp, path, cleanSource="archive", sourceArchiveDir=str(old)), left(path), archived()]}
    drop(tmp / "in", ["b.json", "z.json"], 2)
    told["over an old one"] = [run(spark, tmp, path, cleanSource="archive", sourceArchiveDir=str(old), fileNameOnly="false"), left(path), archived()]
    told["in itself"] = tried(lambda: run(spark, tmp, path, "itself", cleanSource="archive", sourceArchiveDir=path + "/sub"))
    told["its parent"] = tried(lambda: run(spark, tmp, path, "parent", cleanSource="archive", sourceArchiveDir=str(tmp)))
    told["with a pattern"] = tried(lambda: run(spark, tmp, path + "/*", "pattern", cleanSource="archive", sourceArchiveDir=path + "/x/y"))
    return told


def case_written_by_a_stream(spark, tmp):
    path = drop(tmp / "in", ["a.json", "b.json"])
    frame = spark.readStream.schema("v INT").json(path)
    write = frame.writeStream.format("json").option("checkpointLocation", str(tmp / "cp")).trigger(availableNow=True)
    write.start(str(tmp / "out")).awaitTermination()
    return tried(lambda: run(spark, tmp, str(tmp / "out"), "read"))
