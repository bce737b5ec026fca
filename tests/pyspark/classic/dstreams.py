"""DStreams of RDDs that the program has queued: what each batch's RDD holds, partition by partition."""

import operator
import re
import threading
import time
import warnings

from pyspark import StorageLevel
from pyspark.streaming import DStream, StreamingContext, StreamingListener

warnings.simplefilter("ignore", FutureWarning)

BATCH = 0.5
PAIRS = [[("a", 1), ("b", 2)], [("a", 3)], [], [("c", 4), ("a", 5), ("b", 6)]]


def context(spark, tmp=None):
    made = StreamingContext(spark.sparkContext, BATCH)
    if tmp is not None:
        made.checkpoint(str(tmp / "checkpoint"))
    return made


# What the batches of the running context held: their functions are written to checkpoints, and find it by its name. What
# belongs to a context that has been stopped is told by its number.
KEPT, DONE, RUNS = {}, threading.Event(), [0]


def keep(run, name, batches, at, rdd):
    parts = rdd.glom().collect()
    if run != RUNS[0]:
        return
    number = round((at - KEPT.setdefault("began", at)).total_seconds() / BATCH)
    KEPT.setdefault(name, []).append([number, parts])
    if number >= batches:
        DONE.set()


def keeping(run, name, batches):
    def keep_batch(at, rdd):
        import __main__

        __main__.keep(run, name, batches, at, rdd)

    return keep_batch


def ran(ssc, streams, batches):
    """The partitions of these streams' first batches, by the number of the batch."""
    RUNS[0] += 1
    KEPT.clear()
    DONE.clear()
    streams["last"] = ssc.queueStream([[0]])
    for name, stream in streams.items():
        stream.foreachRDD(keeping(RUNS[0], name, batches))
    try:
        ssc.start()
        DONE.wait(60)
    finally:
        ssc.stop(False)
    return {name: [one for one in KEPT.get(name, []) if one[0] < batches] for name in streams if name != "last"}


def case_queue(spark, tmp):
    ssc = context(spark)
    sc = spark.sparkContext
    return ran(ssc, {
        "lists": ssc.queueStream([[1, 2, 3], ["x"]]),
        "at once": ssc.queueStream([[1, 2], [3]], oneAtATime=False),
        "default": ssc.queueStream([[1]], default=[7, 8]),
        "rdds": ssc.queueStream([sc.parallelize(range(5), 3), sc.parallelize("ab", 1)]),
        "default rdd": ssc.queueStream([sc.range(2, numSlices=1)], default=sc.parallelize([9], 1)),
    }, 3)


def case_records(spark, tmp):
    ssc = context(spark)
    numbers = ssc.queueStream([range(1, 7), [10], []])
    return ran(ssc, {
        "map": numbers.map(lambda x: x * x),
        "flatMap": numbers.flatMap(lambda x: [x] * (x % 3)),
        "filter": numbers.filter(lambda x: x % 2),
        "partitions": numbers.mapPartitions(lambda records: [sum(records)]),
        "with index": numbers.mapPartitionsWithIndex(lambda index, records: [(index, list(records))]),
        "glom": numbers.glom(),
        "count": numbers.count(),
        "reduce": numbers.reduce(operator.mul),
        "by value": numbers.map(lambda x: x % 2).countByValue(),
        "repartition": numbers.repartition(1),
        "union": numbers.union(numbers.map(str)),
        "of all": ssc.union(numbers, numbers, numbers.map(lambda x: -x)),
        "transform": numbers.transform(lambda rdd: rdd.sortBy(lambda x: -x)),
        "of two": ssc.transform([numbers, numbers.count()], lambda rdds: rdds[0].union(rdds[1])),
        "with time": numbers.transform(lambda at, rdd: rdd.map(lambda x: (x, at is not None))),
    }, 3)


def case_pairs(spark, tmp):
    ssc = context(spark)
    pairs = ssc.queueStream([*PAIRS])
    other = ssc.queueStream([[("a", "x"), ("d", "y")], [("b", "z")], [("q", "w")], []])
    count = 2
    return ran(ssc, {
        "reduceByKey": pairs.reduceByKey(operator.add),
        "one partition": pairs.reduceByKey(operator.add, 1),
        "groupByKey": pairs.groupByKey().mapValues(list),
        "combineByKey": pairs.combineByKey(lambda v: [v], lambda c, v: [*c, v], lambda c, d: c + d, count),
        "partitionBy": pairs.partitionBy(3, lambda key: ord(key)),
        "mapValues": pairs.mapValues(lambda v: v + 1),
        "flatMapValues": pairs.flatMapValues(lambda v: range(v % 3)),
        "join": pairs.join(other),
        "left": pairs.leftOuterJoin(other),
        "right": pairs.rightOuterJoin(other, 1),
        "full": pairs.fullOuterJoin(other),
        "cogroup": pairs.cogroup(other).mapValues(lambda two: [sorted(one) for one in two]),
    }, 4)


def case_windows(spark, tmp):
    ssc = context(spark)
    numbers = ssc.queueStream([[1, 2], [3], [4, 5], [6], [], [7]])
    return ran(ssc, {
        "window": numbers.window(1.0),
        "sliding": numbers.window(1.5, 1.0),
        "jumping": numbers.window(0.5, 1.0),
        "reduced": numbers.reduceByWindow(operator.add, None, 1.5, 0.5),
        "by key": numbers.map(lambda x: (x % 2, x)).reduceByKeyAndWindow(operator.add, None, 1.0, 0.5, 2),
    }, 6)


def case_windows_with_inverse(spark, tmp):
    ssc = context(spark, tmp)
    numbers = ssc.queueStream([[1, 2], [3], [4, 5], [6], [], [7], [8, 9]])
    pairs = numbers.map(lambda x: (x % 3, x))
    return ran(ssc, {
        "reduced": numbers.reduceByWindow(operator.add, operator.sub, 1.5, 0.5),
        "counted": numbers.countByWindow(1.5, 1.0),
        "by value": numbers.map(lambda x: x % 2).countByValueAndWindow(1.0, 0.5),
        "by key": pairs.reduceByKeyAndWindow(operator.add, operator.sub, 2.5, 0.5, 2),
        "filtered": pairs.reduceByKeyAndWindow(operator.add, operator.sub, 2.5, 0.5, 1, lambda pair: pair[1] > 0),
        "grouped": pairs.groupByKeyAndWindow(1.0, 0.5, 1).mapValues(list),
        "long": pairs.groupByKeyAndWindow(2.5, 0.5, 1).mapValues(sorted),
    }, 7)


def case_state(spark, tmp):
    ssc = context(spark, tmp)
    pairs = ssc.queueStream([*PAIRS, [("a", -100)]])

    def total(values, state):
        value = sum(values) + (state or 0)
        return None if value < 0 else value

    return ran(ssc, {
        "totals": pairs.updateStateByKey(total),
        "one partition": pairs.updateStateByKey(total, 1),
        "initial": pairs.updateStateByKey(total, initialRDD=spark.sparkContext.parallelize([("z", 10), ("a", 1)], 1)),
        "initial list": pairs.updateStateByKey(total, initialRDD=[("b", 5)]),
        "histories": pairs.updateStateByKey(lambda values, state: (state or []) + [values]),
    }, 6)


def case_missing_batches(spark, tmp):
    ssc = context(spark)
    numbers = ssc.queueStream([[1], [2], [3], [4]])
    odd = numbers.transform(lambda rdd: rdd if rdd.first() % 2 else None)
    return ran(ssc, {
        "odd": odd,
        "with all": odd.transformWith(lambda one, another: one.union(another), numbers),
        "window": odd.window(1.0),
    }, 4)


def failing(action):
    try:
        return {"no error": repr(action())}
    except Exception as raised:
        lines = str(raised).splitlines()
        java = [line[2:] for line in lines if line.startswith(": ")]
        last = [line for line in lines if re.match(r"\w+(\.\w+)*(Error|Exception)\b", line)]
        own = type(raised).__module__ == "builtins"
        told = str(raised) if own or not java else re.sub(r": \S+DStream\S* .*has not", ": A stream has not", java[0])
        return {"class": type(raised).__name__, "told": told, "last": None if own or "Python" not in told else last[-1]}


def case_wrong(spark, tmp):
    ssc = context(spark)
    numbers = ssc.queueStream([[1]])
    return {
        "no duration": failing(lambda: StreamingContext(spark.sparkContext)),
        "empty queue": failing(lambda: ssc.queueStream([])),
        "not a list": failing(lambda: ssc.queueStream(5)),
        "window": failing(lambda: numbers.window(0.7)),
        "slide": failing(lambda: numbers.window(1, 0.7)),
        "by window": failing(lambda: numbers.reduceByWindow(operator.add, None, 0.7, 0.5)),
        "no streams": failing(lambda: ssc.union()),
        "slides": failing(lambda: ssc.union(numbers, numbers.window(1, 1))),
        "slides of two": failing(lambda: numbers.union(numbers.window(1, 1))),
        "one stream": ssc.union(numbers) is numbers,
        "transform": failing(lambda: numbers.transform(lambda a, b, c: a)),
        "transform of two": failing(lambda: numbers.transformWith(lambda a: a, numbers)),
        "built in": failing(lambda: numbers.foreachRDD(print)),
        "level": failing(lambda: numbers.persist(None)),
        "set up": failing(lambda: StreamingContext.getActiveOrCreate(None, 3)),
        "types": [type(numbers).__name__, type(numbers.map(len)).__name__, isinstance(numbers.map(len), DStream)],
        "duration": numbers.window(1, 1)._slideDuration,
    }


def case_states_of_a_context(spark, tmp):
    found = {}
    ssc = context(spark)
    found["before"] = ssc.awaitTerminationOrTimeout(0.1)
    found["nothing to do"] = failing(ssc.start)
    ssc.stop(False)
    ssc = context(spark)
    numbers = ssc.queueStream([[1]])
    found["not begun"] = failing(lambda: numbers.slice(0, 1))
    numbers.foreachRDD(lambda rdd: None)
    found["none active"] = StreamingContext.getActive() is None
    ssc.start()
    found["again"] = failing(ssc.start)
    found["active"] = StreamingContext.getActive() is ssc
    found["or create"] = StreamingContext.getActiveOrCreate(None, lambda: None) is ssc
    found["adding"] = failing(lambda: ssc.queueStream([[1]]))
    found["adding an output"] = failing(lambda: numbers.map(lambda x: x).pprint())
    found["waiting"] = [ssc.awaitTerminationOrTimeout(0.2), ssc.awaitTermination(0.2)]
    ssc.stop(False, True)
    found["stopped"] = [ssc.awaitTerminationOrTimeout(5), ssc.awaitTermination(), StreamingContext.getActive()]
    found["stop again"] = failing(lambda: ssc.stop(False))
    found["start again"] = failing(ssc.start)
    found["adding later"] = failing(lambda: ssc.queueStream([[1]]))
    found["the session goes on"] = spark.sparkContext.parallelize([1, 2]).sum()
    return found


def failed(spark, make):
    ssc = context(spark)
    make(ssc.queueStream([[1, 0]]))
    ssc.start()
    try:
        return failing(lambda: ssc.awaitTerminationOrTimeout(20))
    finally:
        ssc.stop(False)


def case_failing_batches(spark, tmp):
    def own(rdd):
        raise KeyError("mine")

    unwritable = context(spark, tmp)
    sc = spark.sparkContext
    unwritable.queueStream([[1]]).foreachRDD(lambda rdd: sc.version)
    told = failing(unwritable.start)
    unwritable.stop(False)
    return {
        "in a task": failed(spark, lambda numbers: numbers.map(lambda x: 1 // x).foreachRDD(lambda rdd: print(rdd.collect()))),
        "in foreachRDD": failed(spark, lambda numbers: numbers.foreachRDD(own)),
        "in transform": failed(spark, lambda numbers: numbers.transform(own).pprint()),
        "not an RDD": failed(spark, lambda numbers: numbers.transform(lambda rdd: 3).pprint()),
        "not to be written": [told["class"], told["told"][:90]],
    }


def case_listener(spark, tmp):
    told, lock = [], threading.Lock()

    def tell(*what):
        with lock:
            told.append(list(what))

    class Listener(StreamingListener):
        def onStreamingStarted(self, event):
            tell("started", event.time() > 1e12)

        def onBatchSubmitted(self, event):
            info = event.batchInfo()
            delays = [info.schedulingDelay(), info.processingDelay(), info.totalDelay()]
            tell("submitted", info.numRecords(), delays, info.processingStartTime())

        def onBatchStarted(self, event):
            info = event.batchInfo()
            tell("batch started", info.processingStartTime() >= info.submissionTime(), info.processingEndTime())

        def onBatchCompleted(self, event):
            info = event.batchInfo()
            total = info.schedulingDelay() + info.processingDelay()
            tell("completed", info.totalDelay() == total, info.batchTime().milliseconds() % 500, len(info.outputOperationInfos()))

        def onOutputOperationStarted(self, event):
            tell("operation", event.outputOperationInfo().id(), event.outputOperationInfo().endTime())

        def onOutputOperationCompleted(self, event):
            info = event.outputOperationInfo()
            tell("operation ended", info.id(), info.endTime() >= info.startTime(), info.failureReason())

    ssc = context(spark)
    ssc.addStreamingListener(Listener())
    numbers = ssc.queueStream([[1, 2]])
    done = threading.Event()
    numbers.foreachRDD(lambda rdd: None)
    numbers.foreachRDD(lambda at, rdd: done.set())
    ssc.start()
    done.wait(60)
    time.sleep(2)
    ssc.stop(False)
    return told[:8]


def case_slices(spark, tmp):
    ssc = context(spark)
    numbers = ssc.queueStream([[1], [2], [3], [4], [5]])
    ssc.remember(60)
    times, done = [], threading.Event()

    def keep(at, rdd):
        times.append(at.timestamp())
        if len(times) == 4:
            done.set()

    numbers.persist(StorageLevel.MEMORY_ONLY).foreachRDD(keep)
    ssc.start()
    done.wait(60)
    whole = [at for at in times[:4] if at == int(at)][0]
    found = [rdd.collect() for rdd in numbers.slice(int(whole), int(whole) + 1)]
    ssc.stop(False)
    return [[one[0] - found[0][0] for one in found], numbers.is_cached]


def case_files(spark, tmp):
    """Files that come into a directory while the stream runs, and what is written of each batch."""
    import os

    folder, out = tmp / "in", tmp / "out"
    folder.mkdir()
    (folder / "old.txt").write_text("before\n")
    os.utime(folder / "old.txt", (1, 1))
    ssc = context(spark)
    lines = ssc.textFileStream(str(folder))
    records = ssc.binaryRecordsStream(str(folder), 4)
    found, binary = [], []
    lines.foreachRDD(lambda rdd: found.extend(rdd.collect()))
    records.foreachRDD(lambda rdd: binary.extend(bytes(one).decode() for one in rdd.collect()))
    lines.map(lambda line: (line[0], 1)).reduceByKey(operator.add, 1).saveAsTextFiles(str(out / "counts"), "txt")
    ssc.start()

    def arrives(name, text, count):
        (tmp / name).write_text(text)
        os.rename(tmp / name, folder / name)
        deadline = time.time() + 30
        while len(binary) < count and time.time() < deadline:
            time.sleep(0.1)

    arrives("one.txt", "one\ntwo\nsix\n", 3)
    arrives(".hidden.txt", "no\n", 3)
    arrives("two.txt", "tent", 4)
    arrives("four.txt", "tac\ntic\n", 6)
    time.sleep(2 * BATCH)
    ssc.stop(False, True)
    written = sorted(line for part in out.glob("counts-*.txt/part-*") for line in part.read_text().split("\n") if line)
    names = {re.sub(r"\d{13}", "TIME", path.name) for path in out.iterdir()}
    return [sorted(found), sorted(binary), written, sorted(names)]
