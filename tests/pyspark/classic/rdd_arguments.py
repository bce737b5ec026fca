"""The public methods of `SparkContext` and `RDD` with unusual arguments: what they give, and what they fail with."""

import operator
import os
import re
import threading

from pyspark import BarrierTaskContext, SparkContext, SparkFiles, StorageLevel, TaskContext

USER = re.compile(r"^(\w+\.)*\w*(Error|Exception)\b.*:")


def answered(action, tmp):
    """The value as it prints, or what it failed with: the user's own line, or the JVM's, or the message."""
    try:
        return cleaned(repr(action()), tmp)
    except Exception as raised:
        lines = str(raised).split("\n")
        java = [line[2:] for line in lines if line.startswith(": ")]
        user = [line for line in lines if USER.match(line)]
        told = user[-1] if user and "Worker" not in user[-1] else java[0] if java else lines[0]
        return [type(raised).__name__, cleaned(told, tmp)[:250].rstrip()]


def cleaned(text, tmp):
    return re.sub(r"0x[0-9a-f]+", "0x", text).replace(str(tmp), "TMP")


class Data:
    """What the cases begin with."""

    def __init__(self, spark):
        self.sc = sc = spark.sparkContext
        self.r = sc.parallelize([3, 1, 2, 5, 4], 2)
        self.p = sc.parallelize([("a", 1), ("b", 2), ("a", 3)], 2)
        self.e, self.s = sc.emptyRDD(), sc.parallelize(["x y", "z", ""], 2)


def answers(tmp, cases):
    return {name: answered(action, tmp) for name, action in cases.items()}


def case_sources_and_the_context(spark, tmp):
    data = Data(spark)
    sc, r, p, e, s = data.sc, data.r, data.p, data.e, data.s  # noqa: F841
    return answers(tmp, {
        "parallelize neg": lambda: sc.parallelize([1], -1).collect(),
        "parallelize 0": lambda: sc.parallelize([1], 0).collect(),
        "parallelize float": lambda: sc.parallelize([1, 2], 1.5).getNumPartitions(),
        "parallelize str n": lambda: sc.parallelize([1, 2], "2").getNumPartitions(),
        "parallelize str n bad": lambda: sc.parallelize([1, 2], "a").getNumPartitions(),
        "parallelize none": lambda: sc.parallelize(None).collect(),
        "parallelize int": lambda: sc.parallelize(5).collect(),
        "parallelize str": lambda: sc.parallelize("abc", 2).glom().collect(),
        "parallelize dict": lambda: sorted(sc.parallelize({"a": 1, "b": 2}, 1).collect()),
        "parallelize set": lambda: sc.parallelize({1, 2}, 1).collect(),
        "range 0 step": lambda: sc.range(0, 5, 0).collect(),
        "range neg slices": lambda: sc.range(0, 5, 1, -2).collect(),
        "range str": lambda: sc.range("a").collect(),
        "range float": lambda: sc.range(2.5).collect(),
        "textFile missing": lambda: sc.textFile(str(tmp) + "/no").collect(),
        "textFile empty": lambda: sc.textFile("").collect(),
        "wholeTextFiles missing": lambda: sc.wholeTextFiles(str(tmp) + "/no").collect(),
        "binaryFiles missing": lambda: sc.binaryFiles(str(tmp) + "/no").collect(),
        "binaryRecords 0": lambda: sc.binaryRecords(str(tmp), 0).collect(),
        "binaryRecords neg": lambda: sc.binaryRecords(str(tmp), -1).collect(),
        "sequenceFile missing": lambda: sc.sequenceFile(str(tmp) + "/no").collect(),
        "union empty": lambda: sc.union([]),
        "union one": lambda: sc.union([r]).collect(),
        "broadcast": lambda: (sc.broadcast([1]).value, type(sc.broadcast(1)).__name__),
        "accum str": lambda: sc.accumulator("a"),
        "accum none": lambda: sc.accumulator(None),
        "accum bool": lambda: sc.accumulator(True).value,
        "addFile missing": lambda: sc.addFile(str(tmp) + "/nope"),
        "addFile dir": lambda: sc.addFile(str(tmp)),
        "addPyFile missing": lambda: sc.addPyFile(str(tmp) + "/nope.py"),
        "setLogLevel": lambda: sc.setLogLevel("NO"),
        "runJob": lambda: sc.runJob(r, lambda it: [sum(it)]),
        "runJob parts": lambda: sc.runJob(r, lambda it: [sum(it)], [1]),
        "runJob bad part": lambda: sc.runJob(r, lambda it: [sum(it)], [7]),
        "runJob dup": lambda: sc.runJob(r, lambda it: [sum(it)], [1, 1, 0]),
        "runJob empty": lambda: sc.runJob(r, lambda it: [sum(it)], []),
        "setJobGroup": lambda: sc.setJobGroup("a", "b"),
        "getLocalProperty": lambda: (sc.getLocalProperty("spark.jobGroup.id"), sc.getLocalProperty("zz")),
        "setLocalProperty none": lambda: (sc.setLocalProperty("spark.jobGroup.id", None), sc.getLocalProperty("spark.jobGroup.id")),
        "jobtag": lambda: (sc.addJobTag("a"), sc.getJobTags(), sc.removeJobTag("b"), sc.clearJobTags(), sc.getJobTags()),
        "jobtag comma": lambda: sc.addJobTag("a,b"),
        "jobtag empty": lambda: sc.addJobTag(""),
        "jobtag none": lambda: sc.addJobTag(None),
    })


def case_records(spark, tmp):
    data = Data(spark)
    sc, r, p, e, s = data.sc, data.r, data.p, data.e, data.s  # noqa: F841
    return answers(tmp, {
        "map noniter": lambda: r.flatMap(lambda x: x).collect(),
        "mapPartitions none": lambda: r.mapPartitions(lambda it: None).collect(),
        "mapPartitions int": lambda: r.mapPartitions(lambda it: 5).collect(),
        "mapPartitionsWithIndex args": lambda: r.mapPartitionsWithIndex(lambda it: it).collect(),
        "mapPartitionsWithSplit": lambda: r.mapPartitionsWithSplit(lambda i, it: [i]).collect(),
        "filter none": lambda: r.filter(None).collect(),
        "distinct unhash": lambda: sc.parallelize([[1], [1]]).distinct().collect(),
        "sample neg": lambda: r.sample(False, -0.1).collect(),
        "sample 2": lambda: r.sample(False, 2.0).collect(),
        "sample seed": lambda: sc.parallelize(range(100), 4).sample(False, 0.1, 81).collect(),
        "sample repl": lambda: sc.parallelize(range(100), 4).sample(True, 0.1, 81).collect(),
        "sample str": lambda: r.sample(False, "a").collect(),
        "takeSample neg": lambda: r.takeSample(False, -1),
        "takeSample 0": lambda: r.takeSample(False, 0),
        "takeSample seed": lambda: sc.parallelize(range(100), 4).takeSample(False, 5, 1),
        "takeSample repl": lambda: sc.parallelize(range(10), 4).takeSample(True, 20, 1),
        "randomSplit": lambda: [x.collect() for x in sc.parallelize(range(20), 2).randomSplit([2, 3], 17)],
        "randomSplit neg": lambda: [x.collect() for x in r.randomSplit([-1, 3], 17)],
        "randomSplit zero": lambda: [x.collect() for x in r.randomSplit([0.0, 0.0], 17)],
        "randomSplit empty": lambda: r.randomSplit([]),
        "add": lambda: r + [1],
        "intersection": lambda: sorted(r.intersection(sc.parallelize([1, 2, 2, 9])).collect()),
        "intersection bad": lambda: r.intersection([1]).collect(),
        "subtract": lambda: sorted(r.subtract(sc.parallelize([1, 2]), 1).collect()),
        "subtractByKey": lambda: p.subtractByKey(sc.parallelize([("a", 9)])).collect(),
        "cartesian": lambda: r.cartesian(sc.parallelize([1])).collect(),
        "groupBy": lambda: sorted(((k, sorted(v)) for k, v in r.groupBy(lambda x: x % 2).collect())),
        "groupBy n": lambda: r.groupBy(lambda x: x % 2, 5).getNumPartitions(),
        "pipe fail": lambda: r.pipe("false", checkCode=True).collect(),
        "pipe env": lambda: sc.parallelize(["1"], 1).pipe("printenv FOO", {"FOO": "BAR"}).collect(),
        "foreach err": lambda: r.foreach(lambda x: 1 // 0),
        "foreachPartition": lambda: r.foreachPartition(lambda it: 5),
        "collect group": lambda: r.collectWithJobGroup("g", "d"),
    })


def case_folds(spark, tmp):
    data = Data(spark)
    sc, r, p, e, s = data.sc, data.r, data.p, data.e, data.s  # noqa: F841
    return answers(tmp, {
        "reduce empty": lambda: e.reduce(operator.add),
        "reduce empty parts": lambda: sc.parallelize([], 3).reduce(operator.add),
        "treeReduce depth": lambda: r.treeReduce(operator.add, 0),
        "treeReduce empty": lambda: e.treeReduce(operator.add),
        "treeReduce": lambda: r.treeReduce(operator.add, 5),
        "fold": lambda: r.fold(1, operator.add),
        "fold empty": lambda: e.fold(1, operator.add),
        "aggregate": lambda: r.aggregate((0, 0), lambda a, x: (a[0] + x, a[1] + 1), lambda a, b: (a[0] + b[0], a[1] + b[1])),
        "aggregate mutable": lambda: r.aggregate([], lambda a, x: a + [x], lambda a, b: a + b),
        "treeAggregate depth": lambda: r.treeAggregate(0, operator.add, operator.add, 0),
        "treeAggregate": lambda: sc.parallelize(range(20), 10).treeAggregate(0, operator.add, operator.add, 3),
        "max empty": lambda: e.max(),
        "min empty": lambda: sc.parallelize([], 2).min(),
        "max key": lambda: r.max(lambda x: -x),
        "sum empty": lambda: e.sum(),
        "sum str": lambda: s.sum(),
        "count empty": lambda: e.count(),
        "stats empty": lambda: str(e.stats()),
        "mean empty": lambda: e.mean(),
        "mean str": lambda: s.mean(),
        "hist": lambda: r.histogram(2),
        "hist list": lambda: r.histogram([0, 3, 6]),
        "hist 0": lambda: r.histogram(0),
        "hist empty": lambda: e.histogram(2),
        "hist unsorted": lambda: r.histogram([3, 1]),
        "hist dup": lambda: r.histogram([1, 1]),
        "hist one": lambda: r.histogram([1]),
        "hist str": lambda: s.histogram(2),
        "hist float": lambda: r.histogram(1.5),
        "hist nan": lambda: sc.parallelize([1.0, float("nan"), 3.0]).histogram(2),
        "hist inf": lambda: sc.parallelize([1.0, float("inf")]).histogram(2),
        "hist mixed": lambda: sc.parallelize([1, "a"]).histogram(2),
        "hist same": lambda: sc.parallelize([2, 2]).histogram(3),
        "hist strb": lambda: sc.parallelize(["ab", "ac", "b"]).histogram(["a", "b", "c"]),
        "hist none": lambda: r.histogram(None),
        "hist tuple": lambda: r.histogram((0, 3, 6)),
        "countApprox": lambda: r.countApprox(1000, 1.0),
        "sumApprox": lambda: r.sumApprox(1000),
        "meanApprox": lambda: r.meanApprox(1000),
        "cad small": lambda: r.countApproxDistinct(1e-05),
        "top": lambda: r.top(2),
        "top neg": lambda: r.top(-1),
        "top key": lambda: r.top(2, key=str),
        "top empty": lambda: e.top(2),
        "takeOrdered": lambda: r.takeOrdered(3),
        "takeOrdered neg": lambda: r.takeOrdered(-1),
        "takeOrdered empty": lambda: e.takeOrdered(3),
        "takeOrdered 0": lambda: r.takeOrdered(0),
        "take 0": lambda: r.take(0),
        "take neg": lambda: r.take(-1),
        "take more": lambda: r.take(100),
        "first empty": lambda: e.first(),
        "isEmpty": lambda: (e.isEmpty(), r.isEmpty()),
    })


def case_pairs(spark, tmp):
    data = Data(spark)
    sc, r, p, e, s = data.sc, data.r, data.p, data.e, data.s  # noqa: F841
    return answers(tmp, {
        "countByValue": lambda: dict(r.countByValue()),
        "countByKey": lambda: dict(p.countByKey()),
        "countByKey bad": lambda: r.countByKey(),
        "collectAsMap": lambda: p.collectAsMap(),
        "collectAsMap bad": lambda: r.collectAsMap(),
        "keys bad": lambda: r.keys().collect(),
        "lookup": lambda: p.lookup("a"),
        "lookup none": lambda: p.lookup("zz"),
        "reduceByKey": lambda: sorted(p.reduceByKey(operator.add).collect()),
        "reduceByKey bad": lambda: r.reduceByKey(operator.add).collect(),
        "reduceByKeyLocally": lambda: p.reduceByKeyLocally(operator.add),
        "rbkl empty": lambda: e.reduceByKeyLocally(operator.add),
        "partitionBy func": lambda: p.partitionBy(2, lambda k: "a").collect(),
        "partitionBy big": lambda: p.partitionBy(2, lambda k: 10 ** 20).glom().collect(),
        "partitionBy negf": lambda: p.partitionBy(3, lambda k: -1).glom().collect(),
        "partitionBy None": lambda: p.partitionBy(None).getNumPartitions(),
        "partitioner": lambda: (p.partitioner, p.partitionBy(2).partitioner == p.partitionBy(2).partitioner, p.partitionBy(2).mapValues(str).partitioner is not None),
        "groupByKey": lambda: sorted(((k, list(v)) for k, v in p.groupByKey().collect())),
        "gbk repr": lambda: type(p.groupByKey().first()[1]).__name__,
        "foldByKey": lambda: sorted(p.foldByKey(0, operator.add).collect()),
        "aggregateByKey": lambda: sorted(p.aggregateByKey([], lambda a, x: a + [x], lambda a, b: a + b).collect()),
        "combineByKey": lambda: sorted(p.combineByKey(str, lambda a, b: a + str(b), operator.add).collect()),
        "join": lambda: sorted(p.join(p).collect()),
        "join n": lambda: p.join(p, 3).getNumPartitions(),
        "left": lambda: sorted(p.leftOuterJoin(sc.parallelize([("b", 5)])).collect()),
        "right": lambda: sorted(p.rightOuterJoin(sc.parallelize([("z", 5)])).collect()),
        "full": lambda: sorted(p.fullOuterJoin(sc.parallelize([("z", 5)])).collect(), key=str),
        "cogroup": lambda: sorted(((k, [list(x) for x in v]) for k, v in p.cogroup(p).collect())),
        "groupWith": lambda: sorted(((k, [list(x) for x in v]) for k, v in p.groupWith(p, p).collect())),
        "join bad": lambda: p.join(5),
        "join notpair": lambda: r.join(r).collect(),
    })


def case_order_and_partitions(spark, tmp):
    data = Data(spark)
    sc, r, p, e, s = data.sc, data.r, data.p, data.e, data.s  # noqa: F841
    return answers(tmp, {
        "sortBy": lambda: r.sortBy(lambda x: -x).collect(),
        "sortBy n": lambda: r.sortBy(lambda x: x, False, 1).glom().collect(),
        "sortByKey": lambda: p.sortByKey(False).collect(),
        "sortByKey keyf": lambda: p.sortByKey(True, 1, lambda k: k.upper()).collect(),
        "sortByKey mixed": lambda: sc.parallelize([(1, 1), ("a", 2)]).sortByKey().collect(),
        "sortBy empty": lambda: e.sortBy(lambda x: x).collect(),
        "rasp": lambda: sc.parallelize([(3, "a"), (1, "b"), (2, "c")], 2).repartitionAndSortWithinPartitions(2, lambda k: k % 2).glom().collect(),
        "rasp desc": lambda: sc.parallelize([(3, "a"), (1, "b"), (2, "c")], 2).repartitionAndSortWithinPartitions(1, ascending=False).glom().collect(),
        "zip": lambda: r.zip(r.map(str)).collect(),
        "zip parts": lambda: r.zip(sc.parallelize([1, 2, 3, 4, 5], 3)).collect(),
        "zip lens": lambda: sc.parallelize([1, 2, 3], 2).zip(sc.parallelize([1, 2], 2)).collect(),
        "zipWithIndex": lambda: r.zipWithIndex().collect(),
        "zipWithUniqueId": lambda: r.zipWithUniqueId().collect(),
        "coalesce 0": lambda: r.coalesce(0).collect(),
        "coalesce neg": lambda: r.coalesce(-1).collect(),
        "coalesce more": lambda: r.coalesce(5).getNumPartitions(),
        "coalesce shuffle": lambda: r.coalesce(5, True).getNumPartitions(),
        "coalesce str": lambda: r.coalesce("a"),
        "repartition 0": lambda: r.repartition(0).collect(),
        "repartition": lambda: sorted(r.repartition(3).collect()),
        "glom": lambda: r.glom().collect(),
        "keyBy": lambda: r.keyBy(str).collect(),
        "values": lambda: p.values().collect(),
        "mapValues bad": lambda: r.mapValues(str).collect(),
        "flatMapValues": lambda: p.flatMapValues(lambda v: [v] * v).collect(),
        "flatMapValues bad": lambda: p.flatMapValues(lambda v: v).collect(),
        "sampleByKey": lambda: len(sc.parallelize([("a", i) for i in range(100)]).sampleByKey(False, {"a": 0.5}, 1).collect()),
        "sampleByKey missing": lambda: p.sampleByKey(False, {"a": 0.5}, 1).collect(),
        "sampleByKey neg": lambda: p.sampleByKey(False, {"a": -0.5}, 1).collect(),
    })


def case_saving(spark, tmp):
    data = Data(spark)
    sc, r, p, e, s = data.sc, data.r, data.p, data.e, data.s  # noqa: F841
    return answers(tmp, {
        "saveAsTextFile": lambda: (r.saveAsTextFile(str(tmp) + "/t"), sorted((x for x in os.listdir(str(tmp) + "/t") if not x.startswith(".")))),
        "saveAsTextFile again": lambda: r.saveAsTextFile(str(tmp) + "/t"),
        "saveAsTextFile codec": lambda: r.saveAsTextFile(str(tmp) + "/u", "no.Codec"),
        "saveAsTextFile gz": lambda: (r.saveAsTextFile(str(tmp) + "/g", "org.apache.hadoop.io.compress.GzipCodec"), sorted(sc.textFile(str(tmp) + "/g").collect())),
        "saveAsPickleFile": lambda: (r.saveAsPickleFile(str(tmp) + "/p"), sorted(sc.pickleFile(str(tmp) + "/p").collect())),
        "saveAsSequenceFile": lambda: (p.saveAsSequenceFile(str(tmp) + "/s"), sorted(sc.sequenceFile(str(tmp) + "/s").collect())),
        "seq types": lambda: (sc.parallelize([(1.5, True), (2.5, False)], 1).saveAsSequenceFile(str(tmp) + "/s4"), sc.sequenceFile(str(tmp) + "/s4").collect()),
        "seq bytes": lambda: (sc.parallelize([(b"a", None)], 1).saveAsSequenceFile(str(tmp) + "/s5"), sc.sequenceFile(str(tmp) + "/s5").collect()),
        "seq dict": lambda: (sc.parallelize([("a", {1: 2})], 1).saveAsSequenceFile(str(tmp) + "/s6"), sc.sequenceFile(str(tmp) + "/s6").collect()),
        "text bytes": lambda: (sc.parallelize([b"a", u"é", None, 1], 1).saveAsTextFile(str(tmp) + "/tb"), sc.textFile(str(tmp) + "/tb").collect()),
        "textFile nouni": lambda: sc.textFile(str(tmp) + "/tb", use_unicode=False).collect(),
    })


def case_keeping_and_tasks(spark, tmp):
    data = Data(spark)
    sc, r, p, e, s = data.sc, data.r, data.p, data.e, data.s  # noqa: F841
    return answers(tmp, {
        "persist twice": lambda: r.map(str).persist().persist(StorageLevel.DISK_ONLY),
        "persist level": lambda: str(r.map(str).persist(StorageLevel.MEMORY_AND_DISK_2).getStorageLevel()),
        "level none": lambda: str(r.getStorageLevel()),
        "persist bad": lambda: r.map(str).persist(5),
        "unpersist": lambda: r.map(str).unpersist().is_cached,
        "name": lambda: (r.setName("nn").name(), r.map(str).name()),
        "toLocalIterator": lambda: list(r.toLocalIterator()),
        "tli pre": lambda: list(r.toLocalIterator(True)),
        "barrier": lambda: r.barrier().mapPartitions(lambda it: [len(list(it))]).collect(),
        "barrier info": lambda: r.barrier().mapPartitions(lambda it: [len(BarrierTaskContext.get().getTaskInfos())]).collect(),
        "barriertc driver": lambda: BarrierTaskContext.get(),
        "barriertc nonbarrier": lambda: r.mapPartitions(lambda it: [BarrierTaskContext.get()]).collect(),
        "tc driver": lambda: TaskContext.get(),
        "tc": lambda: r.mapPartitions(lambda it: [(TaskContext.get().partitionId(), TaskContext.get().attemptNumber(), TaskContext.get().getLocalProperty("zz"), TaskContext.get().cpus(), TaskContext.get().resources())]).collect(),
        "broadcast lock": lambda: sc.broadcast(threading.Lock()),
        "lock in task": lambda: (lambda l: r.map(lambda x: l).collect())(threading.Lock()),
        "ret lock": lambda: r.map(lambda x: threading.Lock()).collect(),
        "generator rec": lambda: r.map(lambda x: (y for y in [1])).collect(),
        "stopiter": lambda: r.map(lambda x: next(iter([]))).collect(),
        "bcast unpersist": lambda: (lambda b: (b.unpersist(), b.value))(sc.broadcast(1)),
        "sparkfiles": lambda: isinstance(SparkFiles.getRootDirectory(), str),
        "sf get": lambda: SparkFiles.get("a").endswith("/a"),
        "withResources": lambda: r.getResourceProfile(),
        "iter rdd": lambda: list(r),
        "len rdd": lambda: len(r),
        "bool rdd": lambda: bool(r),
        "eq": lambda: r == r,
        "getNumPartitions": lambda: e.getNumPartitions(),
        "subscript": lambda: r[0],
        "attr": lambda: r.nope,
        "sc attr": lambda: sc.nope,
        "sc.show_profiles": lambda: sc.show_profiles(),
        "cancelJobGroup": lambda: sc.cancelJobGroup("x"),
        "cancelAllJobs": lambda: sc.cancelAllJobs(),
        "cancelJobsWithTag": lambda: sc.cancelJobsWithTag("x"),
    })
