"""Actions that write files: each task its own, under `_temporary` until all are done; then `_SUCCESS`."""

import os
import shutil

from firesteel.rdd import hadoop_files
from firesteel.rdd.errors import java_error
from firesteel.task import codecs
from firesteel.task.part_file import WrittenPart, checksum_name, write_checksums
from firesteel.unsupported import unsupported

SEQUENCE_FORMATS = (
    "org.apache.hadoop.mapred.SequenceFileOutputFormat",
    "org.apache.hadoop.mapreduce.lib.output.SequenceFileOutputFormat",
)
TEXT_FORMATS = (
    "org.apache.hadoop.mapred.TextOutputFormat",
    "org.apache.hadoop.mapreduce.lib.output.TextOutputFormat",
)


# What the writer of DataFrames calls the codecs, by the ends of their files.
COMPRESSIONS = {".gz": "gzip", ".bz2": "bzip2", ".deflate": "deflate", ".zst": "zstd", ".lz4": "lz4", ".snappy": "snappy"}


def as_line(record):
    return (record.decode("utf-8", "replace") if isinstance(record, bytes) else str(record),)


class Saving:
    def saveAsTextFile(self, path, compressionCodecClass=None):
        codec = codec_of(compressionCodecClass)
        if hadoop_files.is_remote(path):
            writer = self.map(as_line).toDF("value string").write
            writer = writer.option("compression", COMPRESSIONS[codec[0]]) if codec else writer
            writer.mode("error").text(path)
            return

        def write(file, records):
            target = codecs.Writer(codec[1], file) if codec else file
            pending, size = [], 0
            for record in records:
                line = record if isinstance(record, bytes) else str(record).encode("utf-8")
                pending.append(line)
                size += len(line)
                if size >= 1 << 18:
                    target.write(b"\n".join(pending) + b"\n")
                    pending, size = [], 0
            if pending:
                target.write(b"\n".join(pending) + b"\n")
            if codec:
                target.close()

        self._write_parts(path, codec[0] if codec else "", write)
        # Its records as texts, and as pairs, are RDDs there.
        self.ctx._next_rdd_id(), self.ctx._next_rdd_id()

    def saveAsPickleFile(self, path, batchSize=10):
        def batches(records):
            from itertools import islice

            from firesteel.task import frame

            source, size = iter(records), batchSize or 1
            while True:
                batch = list(islice(source, size))
                if not batch:
                    return
                data = frame.dumps(batch)
                if not batchSize:
                    size = size * 2 if len(data) < 1 << 16 else max(size // 2, 1)
                yield data

        def pairs(records):
            from itertools import islice

            from firesteel.task import java_object

            source = batches(records)
            while True:
                # Ten batches make a record of the file.
                arrays = list(islice(source, 10))
                if not arrays:
                    return
                yield None, java_object.dumps(arrays)

        self.mapPartitions(pairs)._write_sequence(path, "NullWritable", "BytesWritable")

    def saveAsSequenceFile(self, path, compressionCodecClass=None):
        codec_of(compressionCodecClass)
        self._write_sequence(path, None, None, compressionCodecClass)

    def saveAsHadoopFile(
        self,
        path,
        outputFormatClass,
        keyClass=None,
        valueClass=None,
        keyConverter=None,
        valueConverter=None,
        conf=None,
        compressionCodecClass=None,
    ):
        refuse_converters("saveAsHadoopFile", keyConverter, valueConverter)
        self._write_format(path, outputFormatClass, keyClass, valueClass, compressionCodecClass, "")

    def saveAsNewAPIHadoopFile(
        self,
        path,
        outputFormatClass,
        keyClass=None,
        valueClass=None,
        keyConverter=None,
        valueConverter=None,
        conf=None,
    ):
        refuse_converters("saveAsNewAPIHadoopFile", keyConverter, valueConverter)
        self._write_format(path, outputFormatClass, keyClass, valueClass, None, "r-")

    def saveAsHadoopDataset(self, conf, keyConverter=None, valueConverter=None):
        refuse_converters("saveAsHadoopDataset", keyConverter, valueConverter)
        self._write_dataset(conf, "mapred.output.format.class", "")

    def saveAsNewAPIHadoopDataset(self, conf, keyConverter=None, valueConverter=None):
        refuse_converters("saveAsNewAPIHadoopDataset", keyConverter, valueConverter)
        self._write_dataset(conf, "mapreduce.job.outputformat.class", "r-")

    def _write_dataset(self, conf, format_key, infix):
        def first(*keys):
            return next((conf[key] for key in keys if key in conf), None)

        path = first("mapreduce.output.fileoutputformat.outputdir", "mapred.output.dir")
        if path is None:
            raise java_error("org.apache.hadoop.mapred.InvalidJobConfException", "Output directory not set in JobConf.")
        self._write_format(
            path,
            first(format_key, "mapred.output.format.class", "mapreduce.job.outputformat.class") or TEXT_FORMATS[0],
            first("mapreduce.job.output.key.class", "mapred.output.key.class"),
            first("mapreduce.job.output.value.class", "mapred.output.value.class"),
            None,
            infix,
        )

    def _write_format(self, path, output_format, key_class, value_class, codec_class, infix):
        codec = codec_of(codec_class)
        if output_format in SEQUENCE_FORMATS:
            self._write_sequence(path, key_class, value_class, codec_class, infix)
        elif output_format in TEXT_FORMATS:

            def write(file, records):
                target = codecs.Writer(codec[1], file) if codec else file
                for key, value in records:
                    parts = [shown(one) for one in (key, value) if one is not None]
                    target.write(("\t".join(parts) + "\n").encode("utf-8"))
                if codec:
                    target.close()

            self._write_parts(path, codec[0] if codec else "", write, infix)
        else:
            raise unsupported(
                "The output format %s" % output_format,
                "saveAsSequenceFile, saveAsTextFile, or a DataFrame's write (rdd.toDF().write).",
            )

    def _write_sequence(self, path, key_class, value_class, codec_class=None, infix=""):
        from firesteel.task import writable
        from firesteel.task.sequence_file import SequenceWriter

        if key_class is None or value_class is None:
            first = self.take(1)
            try:
                kinds = [writable.class_of(one) for one in first[0]] if first else [writable.TEXT, writable.TEXT]
            except TypeError as error:
                raise java_error("org.apache.spark.SparkException", str(error)) from None
            key_class, value_class = key_class or kinds[0], value_class or kinds[1]
        classes = [one if "." in one else writable.PREFIX + one for one in (key_class, value_class)]
        for one in classes:
            if one not in writable.SUPPORTED:
                raise unsupported("The writable class %s" % one, "Text, IntWritable, LongWritable, BytesWritable and such.")
        self._write_parts(path, "", SequenceWriter(*classes, codec_class), infix)

    def _write_parts(self, path, extension, write, infix=""):
        """Run `write(file, records)` for each partition and put the files in place."""
        directory = hadoop_files.local_path(path)
        if os.path.exists(directory) and self._refuses_existing_output():
            raise java_error(
                "org.apache.hadoop.mapred.FileAlreadyExistsException",
                "Output directory file:%s already exists" % directory,
            )
        temporary = os.path.join(directory, "_temporary")
        os.makedirs(temporary, exist_ok=True)
        try:
            names = self._step(WrittenPart(directory, extension, write, infix)).collect()
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        for name in names:
            for one in (checksum_name(name), name):
                os.replace(os.path.join(temporary, one), os.path.join(directory, one))
        shutil.rmtree(temporary, ignore_errors=True)
        done = os.path.join(directory, "_SUCCESS")
        with open(done, "wb"):
            pass
        write_checksums(done)

    def _refuses_existing_output(self):
        given = self.ctx._conf.get("spark.hadoop.validateOutputSpecs", "true")
        return given.lower() != "false"


def codec_of(class_name):
    """(file extension, codec) of a Hadoop codec class; None for none."""
    if not class_name:
        return None
    if class_name not in codecs.CLASSES:
        raise java_error("java.lang.ClassNotFoundException", class_name)
    return codecs.CLASSES[class_name]


def shown(value):
    """A value as Java's `toString` of its writable."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray)):
        return " ".join("%02x" % one for one in value)
    return str(value)


def refuse_converters(name, *converters):
    if any(converters):
        raise unsupported("A converter class in RDD.%s" % name, "rdd.map(f) before saving: converters are JVM code.")
