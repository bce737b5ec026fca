"""What a Python worker does with a task: user functions of every kind, by the PySpark that is installed beside it.

PySpark's own `pyspark.worker` knows how functions of each evaluation type take their columns, which checks they pass and
how their results become Arrow; it reads the functions in the form in which the JVM would write them, so that is the form
in which they are put before it here. Only row-at-a-time functions without Arrow are done by `worker_rows`: there the JVM
does the other half.
"""

import base64
import importlib
import io
import os
import sys
import traceback

import pyspark
import pyspark.worker as spark_worker
from pyspark.accumulators import _accumulatorRegistry
from pyspark.serializers import CPickleSerializer, write_int, write_long, write_with_length
from pyspark.sql.types import StringType, _parse_datatype_json_string
from pyspark.taskcontext import BarrierTaskContext, TaskContext

OWN_FILES = tuple(
    os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    for name in ("worker.py", "worker_tasks.py", "worker_rows.py", "java_pickles.py")
)

# Types that clients of PySpark 3.5 pickled have none.
StringType.collation = "UTF8_BINARY"

VERSION = tuple(int(part) for part in pyspark.__version__.split(".")[:2])
# Since 4.2 settings are handed over apart from the functions.
CONF_APART = hasattr(spark_worker, "EvalConf")
# What PySpark 4.0 and 4.1 read with argument names.
OLD_NAMED_ARGUMENTS = {100, 101, 200, 202, 203, 204} | ({250, 251, 252, 253} if VERSION >= (4, 1) else set())


# Where PySpark 4.0 and 4.1 take every batch of one stream for a group, and 4.2 a stream for each group.
AGGREGATING = {201, 202, 203, 252, 253}
ONE_BATCH_A_GROUP = {"ArrowStreamPandasUDFSerializer", "ArrowStreamArrowUDFSerializer"}


def run(program, blobs, task, source, output):
    """Do one task; what it gives goes to the server with the end of the output."""
    check_python(program.get("python"))
    enter(task, program)
    _accumulatorRegistry.clear()
    try:
        answer = KINDS[program["kind"]](program, blobs, task, source, output) or {}
        if _accumulatorRegistry:
            answer["accumulators"] = [
                base64.b64encode(CPickleSerializer().dumps((key, one._value))).decode("ascii")
                for key, one in _accumulatorRegistry.items()
            ]
        return answer
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
    context._localProperties = task.get("properties") or {}
    TaskContext._setTaskContext(context)
    if kind is BarrierTaskContext:
        BarrierTaskContext._taskContext = context

    directory = task.get("files")
    if directory:
        for archive in task.get("archives") or []:
            unpack(archive, directory)
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


def unpack(archive, directory):
    """Unpack `a.zip#name` to the directory `name` among the session's files, once."""
    import shutil
    import tempfile

    path, _, name = archive.partition("#")
    target = os.path.join(directory, name or os.path.basename(path))
    if os.path.exists(target):
        return
    os.makedirs(directory, exist_ok=True)
    new = tempfile.mkdtemp(dir=directory)
    kind = next((own for own, ends, _ in shutil.get_unpack_formats() if path.endswith(tuple(ends))), "zip")
    shutil.unpack_archive(archive, new, kind)
    try:
        os.rename(new, target)
    except OSError:
        # Another worker was faster.
        shutil.rmtree(new, ignore_errors=True)


def describe(error, how="simplified"):
    """A failure for the user: the traceback of the user's own frames, as PySpark simplifies it, or all of it, or none."""
    from pyspark.util import try_simplify_traceback

    tail = error.__traceback__
    while tail is not None and os.path.abspath(tail.tb_frame.f_code.co_filename) in OWN_FILES:
        tail = tail.tb_next
    simple = try_simplify_traceback(tail) if tail is not None and how != "full" else None
    if simple is not None:
        tail = simple
        error.__cause__ = None
    condition = getattr(error, "getCondition", None)
    if how == "hidden":
        told = traceback.format_exception_only(type(error), error)
    else:
        told = traceback.format_exception(type(error), error, tail)
    return {
        "traceback": "".join(told),
        "message": str(error),
        "type": type(error).__name__,
        "java": getattr(error, "java_class", None),
        "phase": getattr(error, "phase", None),
        "parameters": getattr(error, "parameters", None),
        "condition": condition() if condition else None,
    }


def settings(kind, values):
    """One of PySpark's groups of settings for a worker."""
    conf = kind(None)
    conf._conf = dict(values)
    return conf


def write_text(text, target):
    write_with_length(text.encode("utf-8"), target)


def write_arguments(arguments, target, named=True):
    write_int(len(arguments), target)
    for offset, name in arguments:
        write_int(offset, target)
        if not named:
            continue
        target.write(b"\x01" if name is not None else b"\x00")
        if name is not None:
            write_text(name, target)


def udf(program, blobs, task, source, output):
    """Functions over columns, batches of rows or groups."""
    func, deserializer, serializer = read_functions(program, blobs)
    if "state_value_schema" in program.get("eval_conf", {}):
        from firesteel.worker_state import Pickles

        deserializer.pickleSer = Pickles(deserializer.state_object_schema)
    if program["eval_type"] in AGGREGATING and type(deserializer).__name__ in ONE_BATCH_A_GROUP:
        from firesteel.worker_rows import GroupsAsBatches

        groups = GroupsAsBatches(source)
        process(func, deserializer, serializer, task, groups, output)
        groups.finish()
    else:
        process(func, deserializer, serializer, task, source, output)


def read_functions(program, blobs):
    eval_type = program["eval_type"]
    functions = io.BytesIO()
    if not CONF_APART:
        write_old_settings(program, functions)
    write_int(len(program["functions"]), functions)
    named = CONF_APART or eval_type in OLD_NAMED_ARGUMENTS
    for number, one in enumerate(program["functions"]):
        write_arguments(one["arguments"], functions, named)
        write_int(len(one["commands"]), functions)
        for at in one["commands"]:
            write_with_length(blobs[at], functions)
        if CONF_APART:
            write_long(one.get("id", number), functions)
    functions.seek(0)
    more = ()
    if CONF_APART:
        runner = settings(spark_worker.RunnerConf, program["conf"])
        more = (runner, settings(spark_worker.EvalConf, program.get("eval_conf", {})))
    func, _, deserializer, serializer = spark_worker.read_udfs(CPickleSerializer(), functions, eval_type, *more)
    return func, deserializer, serializer


def write_old_settings(program, target):
    """Settings where PySpark 4.0 and 4.1 read them: before the functions, and not for functions without Arrow."""
    eval_type = program["eval_type"]
    if eval_type != spark_worker.PythonEvalType.SQL_BATCHED_UDF:
        write_int(len(program["conf"]), target)
        for key, value in program["conf"].items():
            write_text(key, target)
            write_text(value, target)
        if eval_type == spark_worker.PythonEvalType.SQL_ARROW_BATCHED_UDF and VERSION >= (4, 1):
            write_text(program["eval_conf"]["input_type"], target)
        eval_conf = program.get("eval_conf", {})
        if "state_value_schema" in eval_conf:
            write_text(eval_conf["state_value_schema"], target)
        if "grouping_key_schema" in eval_conf:
            write_int(int(eval_conf["state_server_socket_port"]), target)
            write_text(eval_conf["grouping_key_schema"], target)
    # No profiler.
    target.write(b"\x00")


def rows(program, blobs, task, source, output):
    """Functions over rows, without Arrow in Spark."""
    from firesteel.worker_rows import ArrowRows

    func, _, _ = read_functions(program, blobs)
    results = [CPickleSerializer().loads(blobs[one["commands"][-1]])[1] for one in program["functions"]]
    carrier = ArrowRows(input_type(program), results, binary_as_bytes(program))
    process(func, carrier, carrier, task, source, output)


def input_type(program):
    return _parse_datatype_json_string(program["eval_conf"]["input_type"])


def binary_as_bytes(program):
    return program["conf"].get("spark.sql.execution.pyspark.binaryAsBytes", "true").lower() == "true"


def udtf(program, blobs, task, source, output):
    """A table function."""
    function = io.BytesIO()
    eval_type = program["eval_type"]
    if not CONF_APART and eval_type != spark_worker.PythonEvalType.SQL_TABLE_UDF:
        write_int(len(program["conf"]), function)
        for key, value in program["conf"].items():
            write_text(key, function)
            write_text(value, function)
        if eval_type != spark_worker.PythonEvalType.SQL_ARROW_TABLE_UDF:
            offsets = [int(one) for one in program["eval_conf"]["table_arg_offsets"].split(",") if one]
            write_int(len(offsets), function)
            for offset in offsets:
                write_int(offset, function)
        elif VERSION >= (4, 1):
            write_text(program["eval_conf"]["input_type"], function)
    write_arguments(program["arguments"], function)
    write_int(len(program["partition_columns"]), function)
    for column in program["partition_columns"]:
        write_int(column, function)
    analyzed = program.get("analyzed")
    function.write(b"\x00" if analyzed is None else b"\x01")
    if analyzed is not None:
        write_with_length(blobs[analyzed], function)
    write_with_length(blobs[program["command"]], function)
    write_text(program["schema"], function)
    write_text(program["name"], function)
    function.seek(0)
    more = ()
    if CONF_APART:
        runner = settings(spark_worker.RunnerConf, program["conf"])
        more = (runner, settings(spark_worker.EvalConf, program["eval_conf"]))
    func, _, deserializer, serializer = spark_worker.read_udtf(CPickleSerializer(), function, eval_type, *more)
    if eval_type == spark_worker.PythonEvalType.SQL_TABLE_UDF:
        from firesteel.worker_rows import ArrowRows

        row_type = _parse_datatype_json_string(program["schema"])
        deserializer = serializer = ArrowRows(input_type(program), [row_type], binary_as_bytes(program), many=True)
    process(func, deserializer, serializer, task, source, output)


def analyze_udtf(program, blobs, task, source, output):
    """Ask a table function for its schema, by its own `analyze`."""
    import pyarrow as pa
    from pyspark.serializers import read_int
    from firesteel.worker_rows import value_converter

    pickler = CPickleSerializer()
    asked = io.BytesIO()
    write_text(program["name"], asked)
    write_with_length(blobs[program["command"]], asked)
    write_int(len(program["arguments"]), asked)
    for argument in program["arguments"]:
        write_text(argument["type"], asked)
        constant = argument.get("value")
        asked.write(b"\x00" if constant is None else b"\x01")
        if constant is not None:
            data_type = _parse_datatype_json_string(argument["type"])
            value = pa.ipc.open_stream(blobs[constant]).read_all().column(0).to_pylist()[0]
            convert = value_converter(data_type)
            value = value if convert is None else convert(value)
            write_with_length(pickler.dumps(data_type.toInternal(value)), asked)
        asked.write(b"\x01" if argument["table"] else b"\x00")
        name = argument.get("name")
        asked.write(b"\x00" if name is None else b"\x01")
        if name is not None:
            write_text(name, asked)
    told = io.BytesIO(ask("analyze_udtf", asked.getvalue()))

    def text():
        return told.read(read_int(told)).decode("utf-8")

    answer = {"schema": text()}
    answer["pickled"] = base64.b64encode(told.read(read_int(told))).decode("ascii")
    answer["single_partition"] = read_int(told) == 1
    answer["partition_by"] = [text() for _ in range(read_int(told))]
    answer["order_by"] = [[text(), read_int(told) == 1, read_int(told)] for _ in range(read_int(told))]
    answer["select"] = [[text(), text()] for _ in range(read_int(told))]
    return answer


def process(func, deserializer, serializer, task, source, output):
    results = func(task["partition"], deserializer.load_stream(source))
    try:
        serializer.dump_stream(results, output)
    finally:
        if hasattr(results, "close"):
            results.close()


def nothing(program, blobs, task, source, output):
    """A task that only starts the worker."""


def plan(program, blobs, task, source, output):
    """One of PySpark's planning modules: it reads what is asked and writes its answer."""
    try:
        output.write(ask(program["module"], blobs[0]))
    except Exception as error:
        # Spark asks a reader for its partitions by a call of its own, and says so.
        if any(frame.f_code.co_name == "write_read_func_and_partitions" for frame, _ in traceback.walk_tb(error.__traceback__)):
            error.phase = "partitions"
        raise


def ask(name, question):
    """The answer of the module `pyspark.sql.worker.NAME`."""
    module = importlib.import_module("pyspark.sql.worker." + name)
    told = io.BytesIO()
    if hasattr(module, "_main"):
        module._main(io.BytesIO(question), told)
        return told.getvalue()
    # PySpark 4.0 and 4.1: the question stands between what the JVM tells any worker and the end of the stream.
    asked = io.BytesIO()
    write_text("%d.%d" % sys.version_info[:2], asked)
    write_text("", asked)
    write_int(0, asked)
    asked.write(b"\x00")
    write_int(0, asked)
    asked.write(question)
    write_int(-4, asked)
    asked.seek(0)
    path = list(sys.path)
    try:
        module.main(asked, told)
    except SystemExit:
        failed = told.getvalue()
        at = failed.find(b"\xff\xff\xff\xfe")
        raise RuntimeError(failed[at + 8 :].decode("utf-8", "replace")) from None
    finally:
        sys.path[:] = path
    return told.getvalue()


def stateful(program, blobs, task, source, output):
    """A processor with state, or the question what it remembers."""
    from firesteel import worker_state

    return getattr(worker_state, program["kind"])(program, blobs, task, source, output)


KINDS = {"udf": udf, "rows": rows, "udtf": udtf, "analyze_udtf": analyze_udtf, "plan": plan, "nothing": nothing}
KINDS.update(processor=stateful, processor_init=stateful, pickles=stateful)
