"""How `SparkContext` makes RDDs: from the program's own data, and from files that tasks read themselves."""

from firesteel.rdd import hadoop_files, lineage
from firesteel.rdd.dataframes import rows_of
from firesteel.rdd.errors import wrong_argument
from firesteel.rdd.rdd import RDD
from firesteel.unsupported import unsupported

SEQUENCE_FORMATS = (
    "org.apache.hadoop.mapred.SequenceFileInputFormat",
    "org.apache.hadoop.mapreduce.lib.input.SequenceFileInputFormat",
)
TEXT_FORMATS = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.mapreduce.lib.input.TextInputFormat",
)
KEY_VALUE_FORMATS = (
    "org.apache.hadoop.mapred.KeyValueTextInputFormat",
    "org.apache.hadoop.mapreduce.lib.input.KeyValueTextInputFormat",
)
RECORD_DELIMITER = "textinputformat.record.delimiter"
KEY_SEPARATOR = "mapreduce.input.keyvaluelinerecordreader.key.value.separator"


class Sources:
    def parallelize(self, c, numSlices=None):
        self._check_running()
        slices = int(numSlices) if numSlices is not None else self.defaultParallelism
        if isinstance(c, range) and len(c):
            return self._range_rdd(c, slices)
        if "__len__" not in dir(c):
            c = list(c)
        # Records travel in batches there, and whole batches are dealt to the partitions.
        batch = max(1, min(len(c) // slices, self._batchSize or 1024))
        if slices < 0:
            return RDD(lineage.Made(fail_positive, lambda: None), self)
        c = list(c)
        batches = -(-len(c) // batch)
        bounds = [part * batches // slices * batch for part in range(slices + 1)]
        return RDD(lineage.Local([c[start:end] for start, end in zip(bounds, bounds[1:])], batch), self)

    def _range_rdd(self, numbers, slices):
        if slices < 0:
            return RDD(lineage.Made(fail_positive, lambda: None), self)
        if slices == 0:
            raise ZeroDivisionError("integer division or modulo by zero")
        size = len(numbers)
        step = numbers[1] - numbers[0] if size > 1 else 1
        first = numbers[0]

        def numbers_of(index, _records):
            ends = (first + int(part * size / slices) * step for part in (index, index + 1))
            return range(*ends, step)

        nothing = lineage.Made(slices, lambda: no_records, lineage.Local.kind, lineage.Local.where)
        return RDD(nothing, self)._step(numbers_of)

    def range(self, start, end=None, step=1, numSlices=None):
        return self.parallelize(range(0, start, step) if end is None else range(start, end, step), numSlices)

    def emptyRDD(self):
        self._check_running("emptyRDD")
        return RDD(lineage.Made(0, lambda: no_records, "EmptyRDD", "emptyRDD at NativeMethodAccessorImpl.java:0"), self)

    def union(self, rdds):
        first = rdds[0]
        if all(one.partitioner is not None and one.partitioner == first.partitioner for one in rdds):
            whole = first
            for one in rdds[1:]:
                whole = whole.union(one)
            return whole
        return RDD(lineage.Union([one._node for one in rdds]), self)

    # Files.

    def _files_rdd(self, name, find_parts, make_reader):
        """An RDD whose parts are found when they are first needed; `make_reader(parts)` is the source in the task."""
        self._check_running()
        found = []

        def parts():
            if not found:
                found.append(find_parts())
            return found[0]

        node = lineage.Made(lambda: len(parts()), lambda: make_reader(parts()), "MapPartitionsRDD")
        node.name = name
        node.where = "%s at NativeMethodAccessorImpl.java:0" % make_reader.__name__
        return RDD(node, self)

    def textFile(self, name, minPartitions=None, use_unicode=True):
        minimum = minPartitions or min(self.defaultParallelism, 2)
        if hadoop_files.is_remote(name):
            lines = rows_of(self._session.read.text(hadoop_files.split_paths(name)))
            return lines.map(first_column if use_unicode else first_column_as_bytes)

        if self._jsc.hadoopConfiguration().get(RECORD_DELIMITER):
            records = self._text_format_rdd(name, minimum, False, {}).values()
            return records if use_unicode else records.map(lambda record: record.encode("utf-8"))

        def textFile(parts):
            from firesteel.task.lines import LineReader

            return LineReader(parts, use_unicode)

        return self._files_rdd(name, lambda: hadoop_files.splits(hadoop_files.files(name), minimum), textFile)

    def wholeTextFiles(self, path, minPartitions=None, use_unicode=True):
        minimum = minPartitions or self.defaultMinPartitions
        if hadoop_files.is_remote(path):
            return self.binaryFiles(path).mapValues(as_text if use_unicode else bytes)

        def wholeTextFiles(parts):
            from firesteel.task.binary import WholeFiles

            return WholeFiles(parts, True, use_unicode)

        return self._files_rdd(
            path,
            lambda: hadoop_files.text_groups(hadoop_files.files(path, hadoop_files.NEW_API), minimum),
            wholeTextFiles,
        )

    def binaryFiles(self, path, minPartitions=None):
        minimum = minPartitions or self.defaultMinPartitions
        if hadoop_files.is_remote(path):
            read = self._session.read.format("binaryFile").load(hadoop_files.split_paths(path))
            return rows_of(read.select("path", "content")).map(path_and_content)

        def binaryFiles(parts):
            from firesteel.task.binary import WholeFiles

            return WholeFiles(parts, False)

        def groups():
            listed = hadoop_files.files(path, hadoop_files.NEW_API)
            return hadoop_files.binary_groups(listed, minimum, self.defaultParallelism)

        return self._files_rdd(path, groups, binaryFiles)

    def binaryRecords(self, path, recordLength):
        def binaryRecords(parts):
            from firesteel.task.binary import FixedRecords

            return FixedRecords(parts, recordLength)

        def parts():
            return hadoop_files.fixed_splits(hadoop_files.files(path, hadoop_files.NEW_API), recordLength)

        return self._files_rdd(path, parts, binaryRecords)

    def pickleFile(self, name, minPartitions=None):
        return self._sequence_rdd(name, minPartitions or self.defaultMinPartitions, unpickled)

    def sequenceFile(
        self,
        path,
        keyClass=None,
        valueClass=None,
        keyConverter=None,
        valueConverter=None,
        minSplits=None,
        batchSize=0,
    ):
        refuse_converters("sequenceFile", keyConverter, valueConverter)
        return self._sequence_rdd(path, minSplits or min(self.defaultParallelism, 2), as_pair)

    def _sequence_rdd(self, path, minimum, shape):
        def sequenceFile(parts):
            from firesteel.task.sequence_file import SequenceSource

            return SequenceSource(parts, shape)

        def parts():
            from firesteel.task.sequence_file import SYNC_INTERVAL

            return hadoop_files.splits(hadoop_files.files(path), minimum, SYNC_INTERVAL, is_splittable=False)

        return self._files_rdd(path, parts, sequenceFile)

    def newAPIHadoopFile(
        self,
        path,
        inputFormatClass,
        keyClass,
        valueClass,
        keyConverter=None,
        valueConverter=None,
        conf=None,
        batchSize=0,
    ):
        refuse_converters("newAPIHadoopFile", keyConverter, valueConverter)
        return self._format_rdd(path, inputFormatClass, 1, conf)

    def hadoopFile(
        self,
        path,
        inputFormatClass,
        keyClass,
        valueClass,
        keyConverter=None,
        valueConverter=None,
        conf=None,
        batchSize=0,
    ):
        refuse_converters("hadoopFile", keyConverter, valueConverter)
        return self._format_rdd(path, inputFormatClass, self.defaultMinPartitions, conf)

    def newAPIHadoopRDD(
        self, inputFormatClass, keyClass, valueClass, keyConverter=None, valueConverter=None, conf=None, batchSize=0
    ):
        refuse_converters("newAPIHadoopRDD", keyConverter, valueConverter)
        return self._format_rdd(input_directory(conf), inputFormatClass, 1, conf)

    def hadoopRDD(
        self, inputFormatClass, keyClass, valueClass, keyConverter=None, valueConverter=None, conf=None, batchSize=0
    ):
        refuse_converters("hadoopRDD", keyConverter, valueConverter)
        return self._format_rdd(input_directory(conf), inputFormatClass, self.defaultMinPartitions, conf)

    def _format_rdd(self, path, input_format, minimum, conf):
        if input_format in SEQUENCE_FORMATS:
            return self._sequence_rdd(path, minimum, as_pair)
        if input_format in TEXT_FORMATS + KEY_VALUE_FORMATS:
            return self._text_format_rdd(path, minimum, input_format in KEY_VALUE_FORMATS, conf or {})
        raise unsupported(
            "The input format %s" % input_format,
            "sc.textFile, sc.sequenceFile, or spark.read for the format (parquet, avro, orc), then .rdd.",
        )

    def _text_format_rdd(self, path, minimum, is_key_value, conf):
        """Lines, or records between delimiters, with their places; or keys and values out of them."""
        hadoop = self._jsc.hadoopConfiguration()
        delimiter = conf.get(RECORD_DELIMITER) or hadoop.get(RECORD_DELIMITER)
        separator = (conf.get(KEY_SEPARATOR) or hadoop.get(KEY_SEPARATOR) or "\t")[:1]

        def textFile(parts):
            from firesteel.task.lines import KeyValues, LineReader, RecordReader

            reader = RecordReader(parts, delimiter) if delimiter else LineReader(parts, True, with_offsets=True)
            return KeyValues(reader, separator) if is_key_value else reader

        def parts():
            files = hadoop_files.files(path)
            return [(name, 0, size) for name, size in files if size] if delimiter else hadoop_files.splits(files, minimum)

        return self._files_rdd(path, parts, textFile)

    # Running.

    def runJob(self, rdd, partitionFunc, partitions=None, allowLocal=False):
        """The records that a function makes of these partitions, in the order in which the partitions are told."""
        if partitions is None:
            partitions = range(rdd.getNumPartitions())
        partitions = list(partitions)
        for index in partitions:
            if not 0 <= index < rdd.getNumPartitions():
                raise wrong_argument(
                    "Attempting to access a non-existent partition: %d. Total number of partitions: %d"
                    % (index, rdd.getNumPartitions())
                )
        parts = rdd.mapPartitions(partitionFunc)._parts(set(partitions))
        return [record for index in partitions for record in parts.get(index, [])]


def first_column(row):
    return row[0]


def first_column_as_bytes(row):
    return row[0].encode("utf-8")


def path_and_content(row):
    return row[0], bytes(row[1])


def as_text(content):
    return content.decode("utf-8", "replace")


def no_records(_index):
    return iter(())


def as_pair(key, value):
    return ((key, value),)


def unpickled(_key, value):
    from pickle import loads

    from firesteel.task import java_object

    for data in java_object.loads(bytes(value)):
        yield from loads(data)


def fail_positive():
    raise wrong_argument("Positive number of partitions required")


def input_directory(conf):
    for key in ("mapreduce.input.fileinputformat.inputdir", "mapred.input.dir"):
        if conf and key in conf:
            return conf[key]
    from firesteel.rdd.errors import java_error

    raise java_error("java.io.IOException", "No input paths specified in job")


def refuse_converters(name, *converters):
    if any(converters):
        raise unsupported("A converter class in SparkContext.%s" % name, "rdd.map(f) after reading: converters are JVM code.")
