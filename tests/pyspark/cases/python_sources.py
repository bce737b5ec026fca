"""Data sources written in Python, and files that Python functions find in their workers."""

import os

from pyspark.sql import functions as F
from support.cases import failure


def numbers_source():
    from pyspark.sql.datasource import DataSource, DataSourceReader, DataSourceWriter, InputPartition, WriterCommitMessage

    class Message(WriterCommitMessage):
        def __init__(self, count):
            self.count = count

    class Numbers(DataSource):
        @classmethod
        def name(cls):
            return "numbers"

        def schema(self):
            return "n int, text string"

        def reader(self, schema):
            return Reader(int(self.options.get("count", 3)), int(self.options.get("parts", 1)), len(schema.fields))

        def writer(self, schema, overwrite):
            return Writer(self.options["path"], overwrite)

    class Reader(DataSourceReader):
        def __init__(self, count, parts, width):
            self.count, self.parts, self.width = count, parts, width

        def partitions(self):
            return [InputPartition(part) for part in range(self.parts)]

        def read(self, partition):
            for n in range(self.count):
                yield (partition.value * 100 + n, f"number {n}")[: self.width]

    class Writer(DataSourceWriter):
        def __init__(self, path, overwrite):
            self.path, self.overwrite = path, overwrite

        def write(self, rows):
            rows = list(rows)
            if any(row.n is not None and row.n < 0 for row in rows):
                raise ValueError("negative")
            return Message(len(rows))

        def commit(self, messages):
            with open(self.path, "a") as file:
                file.write(f"{sum(message.count for message in messages)} {self.overwrite}\n")

        def abort(self, messages):
            with open(self.path, "a") as file:
                file.write("aborted\n")

    return Numbers


def case_read(spark, tmp):
    spark.dataSource.register(numbers_source())
    read = spark.read.format("numbers")
    return {
        "default": read.load(),
        "options": spark.read.format("numbers").option("count", 2).option("parts", 2).load(),
        "schema": spark.read.format("numbers").schema("m bigint").load(),
        "query": spark.read.format("numbers").load().filter("n > 0").select("text"),
        "name": spark.read.format("NUMBERS").load().count(),
    }


def case_write(spark, tmp):
    spark.dataSource.register(numbers_source())
    path = os.path.join(str(tmp), "written")
    df = spark.createDataFrame([(1, "a"), (2, "b")], "n int, text string").coalesce(1)
    df.write.format("numbers").mode("append").save(path)
    df.write.format("numbers").mode("overwrite").option("path", path).save()
    failed = failure(lambda: df.select(-F.col("n"), "text").toDF("n", "text").write.format("numbers").mode("append").save(path))
    with open(path) as file:
        lines = file.read().split("\n")
    return {"lines": lines, "failed": failed["error"]["class"], "mode": failure(lambda: df.write.format("numbers").save(path))}


def case_artifacts(spark, tmp):
    import shutil

    module = tmp / "own_module_of_the_case.py"
    module.write_text("def shout(text):\n    return text.upper() + '!'\n")
    data = tmp / "words_of_the_case.txt"
    data.write_text("hello")
    folder = tmp / "folder"
    folder.mkdir()
    (folder / "inside.txt").write_text("packed")
    archive = shutil.make_archive(str(tmp / "packed"), "zip", folder)
    spark.addArtifacts(str(module), pyfile=True)
    spark.addArtifacts(str(data), file=True)
    spark.addArtifacts(archive + "#unpacked", archive=True)

    @F.udf("string")
    def own(x):
        from own_module_of_the_case import shout

        return shout(x)

    @F.udf("string")
    def read(name):
        with open(name) as file:
            return file.read()

    df = spark.createDataFrame([("a",)], ["x"])
    return {"module": df.select(own("x")), "file": df.select(read(F.lit("words_of_the_case.txt"))), "archive": df.select(read(F.lit("unpacked/inside.txt")))}
