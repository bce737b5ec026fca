"""Files by RDD: text, whole files, pickle and sequence files, codecs, and what Hadoop's FileSystem says of them."""

import os


def told(action):
    try:
        return repr(action())
    except Exception as raised:
        return "already exists" if "already exists" in str(raised) else "does not exist" if "does not exist" in str(raised) else \
            "matches 0 files" if "matches 0 files" in str(raised) else type(raised).__name__


def write_lines(folder):
    folder.mkdir()
    for number in (1, 2, 3, 10):
        text = "".join(f"line {number} {line}\n" for line in range(number * 10))
        (folder / f"f{number}.txt").write_text(text)
    (folder / "_hidden").write_text("no\n")
    (folder / "zero").write_text("")


def case_text(spark, tmp):
    sc = spark.sparkContext
    folder = tmp / "text"
    write_lines(folder)
    odd = tmp / "odd"
    odd.write_bytes(b"a\r\nb\rc\n\nd\xc3\xa9\x0be\x0cf\xe2\x80\xa8g\nlast")
    broken = tmp / "broken"
    broken.write_bytes(b"ok\nbad \xff\xfe\n")
    one = str(folder / "f10.txt")
    return {
        "lines": sc.textFile(one).collect()[:3],
        "partitions": [[len(part) for part in sc.textFile(one, n).glom().collect()] for n in (1, 2, 3, 7)],
        "folder": sorted(sc.textFile(str(folder)).collect())[:5],
        "folder counts": sorted(len(part) for part in sc.textFile(str(folder)).glom().collect()),
        "pattern": [len(part) for part in sc.textFile(str(folder / "f[12].txt")).glom().collect()],
        "braces": sc.textFile(str(folder / "f{1,3}.txt")).count(),
        "several": sc.textFile(f"{folder}/f1.txt,{folder}/f2.txt").count(),
        "uri": sc.textFile(f"file://{folder}/f1.txt").count(),
        "odd ends": [sc.textFile(str(odd), n).glom().collect() for n in (1, 2, 3, 5, 9)],
        "bytes": sc.textFile(str(odd), use_unicode=False).collect(),
        "broken": [sc.textFile(str(broken)).collect(), sc.textFile(str(broken), use_unicode=False).collect()],
        "missing": [told(lambda: sc.textFile(str(tmp / "none")).count()), told(lambda: sc.textFile(str(tmp / "none*")).count())],
        "name": sc.textFile(one).name().endswith("f10.txt"),
    }


def case_whole(spark, tmp):
    sc = spark.sparkContext
    folder = tmp / "whole"
    folder.mkdir()
    for number in range(4):
        (folder / f"p{number}.txt").write_text(f"text {number}\n" * (number + 1))
    named = lambda rdd: sorted((os.path.basename(name), content) for name, content in rdd.collect())  # noqa: E731
    return {
        "text": named(sc.wholeTextFiles(str(folder))),
        "partitions": [sc.wholeTextFiles(str(folder), n).getNumPartitions() for n in (1, 2, 4)],
        "scheme": sc.wholeTextFiles(str(folder)).keys().first().startswith("file:/"),
        "binary": named(sc.binaryFiles(str(folder))),
        "binary partitions": sc.binaryFiles(str(folder), 3).getNumPartitions(),
        "records": sc.binaryRecords(str(folder / "p0.txt"), 7).collect(),
    }


def case_save_text(spark, tmp):
    sc = spark.sparkContext
    rdd = sc.parallelize(["a", 1, None, b"raw", ("é", 2.5), "two\nlines"], 3)
    rdd.saveAsTextFile(str(tmp / "out"))
    answer = {
        "files": sorted(name for name in os.listdir(tmp / "out") if not name.endswith(".crc")),
        "content": [(tmp / "out" / f"part-0000{n}").read_text() for n in range(3)],
        "again": told(lambda: rdd.saveAsTextFile(str(tmp / "out"))),
        "back": sorted(sc.textFile(str(tmp / "out")).collect()),
    }
    for codec in ("Gzip", "BZip2", "Default", "Snappy", "Lz4"):
        target = str(tmp / codec)
        rdd.saveAsTextFile(target, f"org.apache.hadoop.io.compress.{codec}Codec")
        answer[codec] = [sorted(name for name in os.listdir(target) if name.startswith("part")),
                         sorted(sc.textFile(target).collect())]
    return answer


def case_pickle(spark, tmp):
    sc = spark.sparkContext
    values = [1, "a", None, 2.5, (1, [2]), {"k": b"v"}] * 10
    sc.parallelize(values, 2).saveAsPickleFile(str(tmp / "out"), 5)
    read = sc.pickleFile(str(tmp / "out"))
    return [sorted(map(repr, read.collect())), read.getNumPartitions(),
            sorted(name for name in os.listdir(tmp / "out") if name.startswith("part"))]


def case_sequence(spark, tmp):
    sc = spark.sparkContext
    answer = {}
    kinds = {
        "text": [("a", "x"), ("é", "")], "numbers": [(1, 1.5), (-2, 2.5)], "long": [(2**40, 1)], "bytes": [(b"k", bytearray(b"v"))],
        "none": [(1, None)], "booleans": [(True, False)], "maps": [("k", {"a": 1, "b": 2})],
    }
    for name, pairs in kinds.items():
        target = str(tmp / name)
        sc.parallelize(pairs, 1).saveAsSequenceFile(target)
        with open(target + "/part-00000", "rb") as file:
            head = file.read(100).split(b"\0")[0]
        answer[name] = [head, sc.sequenceFile(target).collect()]
    many = sc.parallelize([(n, "v" * (n % 50)) for n in range(3000)], 2)
    many.saveAsSequenceFile(str(tmp / "packed"), "org.apache.hadoop.io.compress.GzipCodec")
    answer["compressed"] = sc.sequenceFile(str(tmp / "packed")).map(lambda pair: len(pair[1])).sum()
    many.saveAsNewAPIHadoopFile(
        str(tmp / "new"), "org.apache.hadoop.mapreduce.lib.output.SequenceFileOutputFormat",
        "org.apache.hadoop.io.IntWritable", "org.apache.hadoop.io.Text",
    )
    back = sc.newAPIHadoopFile(
        str(tmp / "new"), "org.apache.hadoop.mapreduce.lib.input.SequenceFileInputFormat",
        "org.apache.hadoop.io.IntWritable", "org.apache.hadoop.io.Text",
    )
    answer["new API"] = [back.count(), sorted(name for name in os.listdir(tmp / "new") if name.startswith("part"))]
    sc.parallelize([("k", 1)], 1).saveAsHadoopFile(str(tmp / "tabs"), "org.apache.hadoop.mapred.TextOutputFormat")
    answer["text format"] = (tmp / "tabs" / "part-00000").read_text()
    return answer


def case_file_system(spark, tmp):
    sc = spark.sparkContext
    jvm = sc._jvm
    (tmp / "a").mkdir()
    (tmp / "a" / "x.txt").write_text("12345")
    path = jvm.org.apache.hadoop.fs.Path(str(tmp / "a"))
    fs = jvm.org.apache.hadoop.fs.FileSystem.get(sc._jsc.hadoopConfiguration())
    listed = [(one.getPath().getName(), one.getLen(), one.isFile()) for one in fs.listStatus(path)]
    answer = {"exists": [fs.exists(path), fs.exists(jvm.org.apache.hadoop.fs.Path(str(tmp / "b")))], "listed": listed}
    answer["mkdirs"] = fs.mkdirs(jvm.org.apache.hadoop.fs.Path(str(tmp / "c" / "d")))
    answer["rename"] = [fs.rename(path, jvm.org.apache.hadoop.fs.Path(str(tmp / "e")))]
    answer["size"] = fs.getContentSummary(jvm.org.apache.hadoop.fs.Path(str(tmp / "e"))).getLength()
    answer["delete"] = [fs.delete(jvm.org.apache.hadoop.fs.Path(str(tmp / "e")), True), sorted(os.listdir(tmp))]
    answer["of a path"] = path.getFileSystem(sc._jsc.hadoopConfiguration()).exists(path)
    return answer


def case_added_files(spark, tmp):
    from pyspark import SparkFiles

    sc = spark.sparkContext
    (tmp / "data.txt").write_text("42")
    (tmp / "classic_helper.py").write_text("def doubled(x):\n    return 2 * x\n")
    sc.addFile(str(tmp / "data.txt"))
    sc.addPyFile(str(tmp / "classic_helper.py"))

    def read(x):
        import classic_helper

        with open(SparkFiles.get("data.txt")) as file:
            return int(file.read()) + classic_helper.doubled(x)

    return [sc.parallelize([1, 2], 2).map(read).collect(), open(SparkFiles.get("data.txt")).read()]
