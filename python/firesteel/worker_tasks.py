"""What a Python worker does with a task: user functions of every kind, by the PySpark that is installed beside it.

PySpark's own `pyspark.worker` knows how functions of each evaluation type take their columns, which checks they pass and
how their results become Arrow; it reads the functions in the form in which the JVM would write them, so that is the form
in which they are put before it here. Only row-at-a-time functions without Arrow are done by `worker_rows`: there the JVM
does the other half.
"""

import importlib
import io
import os
import sys
import traceback

import pyspark.worker as spark_worker
from pyspark.serializers import CPickleSerializer, write_int, write_long, write_with_length
from pyspark.taskcontext import BarrierTaskContext, TaskContext

OWN_FILES = tuple(
    os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    for name in ("worker.py", "worker_tasks.py", "worker_rows.py")
)


def run(program, blobs, task, source, output):
    """Do one task; what it gives goes to the server with the end of the output."""
    check_python(program.get("python"))
    enter(task, program)
    try:
        return KINDS[program["kind"]](program, blobs, task, source, output)
    finally:
        TaskContext._setTaskContext(None)
        BarrierTaskContext._setTaskContext(None)


def check_python(version):
    """Functions are pickled as bytecode, which is of one Python version."""
    own = "%d.%d" % sys.version_info[:2]
    if version and version != own:
        from pyspark.errors import PySparkRuntimeError

        raise PySparkRuntimeError(
            errorClass="PYTHON_VERSION_MISMATCH",
            messageParameters={"worker_version": own, "driver_version": version},
        )


def enter(task, program):
    """Set up what user code can ask for: the task's context, the files of the session."""
    kind = BarrierTaskContext if task.get("barrier") is not None else TaskContext
    context = object.__new__(kind)
    context._stageId = 0
    context._partitionId = task["partition"]
    context._attemptNumber = 0
    context._taskAttemptId = task["attempt"]
    context._cpus = 1
    context._resources = {}
    context._localProperties = program.get("properties") or {}
    TaskContext._setTaskContext(context)
    if kind is BarrierTaskContext:
        BarrierTaskContext._taskContext = context

    directory = task.get("files")
    if directory:
        if os.path.isdir(directory):
            os.chdir(directory)
        from pyspark import SparkFiles

        SparkFiles._root_directory = directory
        SparkFiles._is_running_on_worker = True
    new = [path for path in task.get("includes") or [] if path not in sys.path]
    for path in new:
        sys.path.insert(1, path)
    if new:
        importlib.invalidate_caches()


def describe(error):
    """A failure for the user: the traceback of the user's own frames, as PySpark simplifies it."""
    from pyspark.util import try_simplify_traceback

    tail = error.__traceback__
    while tail is not None and os.path.abspath(tail.tb_frame.f_code.co_filename) in OWN_FILES:
        tail = tail.tb_next
    simple = try_simplify_traceback(tail) if tail is not None else None
    if simple is not None:
        tail = simple
        error.__cause__ = None
    condition = getattr(error, "getCondition", None)
    return {
        "traceback": "".join(traceback.format_exception(type(error), error, tail)),
        "message": str(error),
        "type": type(error).__name__,
        "condition": condition() if condition else None,
    }


def settings(kind, values):
    """One of PySpark's groups of settings for a worker."""
    conf = kind(None)
    conf._conf = dict(values)
    return conf


def write_text(text, target):
    write_with_length(text.encode("utf-8"), target)


def write_arguments(arguments, target):
    write_int(len(arguments), target)
    for offset, name in arguments:
        write_int(offset, target)
        target.write(b"\x01" if name is not None else b"\x00")
        if name is not None:
            write_text(name, target)


def udf(program, blobs, task, source, output):
    """Functions over columns, batches of rows or groups."""
    functions = io.BytesIO()
    write_int(len(program["functions"]), functions)
    for number, one in enumerate(program["functions"]):
        write_arguments(one["arguments"], functions)
        write_int(len(one["commands"]), functions)
        for at in one["commands"]:
            write_with_length(blobs[at], functions)
        write_long(one.get("id", number), functions)
    functions.seek(0)
    func, _, deserializer, serializer = spark_worker.read_udfs(
        CPickleSerializer(),
        functions,
        program["eval_type"],
        settings(spark_worker.RunnerConf, program["conf"]),
        settings(spark_worker.EvalConf, program.get("eval_conf", {})),
    )
    process(func, deserializer, serializer, task, source, output)


def process(func, deserializer, serializer, task, source, output):
    results = func(task["partition"], deserializer.load_stream(source))
    try:
        serializer.dump_stream(results, output)
    finally:
        if hasattr(results, "close"):
            results.close()


def nothing(program, blobs, task, source, output):
    """A task that only starts the worker."""


KINDS = {"udf": udf, "nothing": nothing}
