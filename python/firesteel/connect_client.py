"""Accumulators that functions of DataFrames add to, the local properties that they read, and the jobs that the status
tracker tells of. Patches `pyspark.sql.connect.client.core`.

A server hands what workers added to the client, beside the rows; PySpark's client looks for its profilers' numbers there
and for nothing else. Here every accumulator of the program gets what is its own.
"""

import pickle

# What an RDD's task that writes a DataFrame says of its accumulators: a list of pairs under one number.
SEVERAL = -1000
# How the client's versions name what reads the pairs: since 4.2.1 it reads the profilers' only.
READERS = ("specialAccumulatorSer", "pickleSer")


def patch(module):
    for name in READERS:
        if hasattr(module, name):
            setattr(module, name, Updates(getattr(module, name)))
    client = module.SparkConnectClient
    make_request = getattr(client, "_execute_plan_request_with_metadata", None)
    if make_request is None:
        return

    def with_properties(self, *args, **kwargs):
        request = make_request(self, *args, **kwargs)
        request.tags.extend(tag for tag in property_tags() if tag not in request.tags)
        return request

    client._execute_plan_request_with_metadata = with_properties
    fetch = getattr(client, "_execute_and_fetch_as_iterator", None)
    if fetch is None:
        return

    def told(self, request, *args, **kwargs):
        job = begun(request.plan)
        try:
            yield from fetch(self, request, *args, **kwargs)
        except GeneratorExit:
            raise
        except BaseException:
            job.end("FAILED")
            raise
        finally:
            if job.status == "RUNNING":
                job.end("SUCCEEDED")

    client._execute_and_fetch_as_iterator = told


def begun(plan):
    """The job of a plan that asks for rows or writes them, with one stage: the client does not know more of it.

    Anything else, and what belongs to a job of RDDs, is a job that nobody sees.
    """
    from firesteel.status import Job

    active = active_context()
    jobs = getattr(active, "_jobs", None)
    kind = plan.WhichOneof("op_type")
    if kind == "compressed_operation":
        # Large plans; those of commands are told as little as small ones.
        seen = plan.compressed_operation.op_type == plan.compressed_operation.OP_TYPE_RELATION
    elif kind == "command":
        seen = (plan.command.WhichOneof("command_type") or "").startswith("write_operation")
    else:
        seen = not (plan.root.WhichOneof("rel_type") or "catalog").startswith("catalog")
    if jobs is None or not seen or getattr(jobs.thread, "busy", False):
        return Job(None, -1, None)
    job = jobs.begin(active.getLocalProperty("spark.jobGroup.id"))
    job.new_stage()
    job.tasks = 1
    return job


def active_context():
    """The program's `SparkContext`, if it has made one."""
    import sys

    context = sys.modules.get("firesteel.context")
    return context.SparkContext._active_spark_context if context is not None else None


def property_tags():
    """`SparkContext.setLocalProperty` of this thread: tags go along with what a thread sends, and may hold no commas."""
    active = active_context()
    properties = getattr(active, "_local_properties", None)
    if properties is None:
        return []
    tags = [
        "firesteel-property-%s-%s" % (key.encode("utf-8").hex(), str(value).encode("utf-8").hex())
        for key, value in sorted(properties.__dict__.items())
    ]
    group = active._group_tag()
    # By which cancelJobGroup finds what runs.
    return tags if group is None else [*tags, group]


class Updates:
    """Reads the pairs (accumulator, value) that a server hands over, and adds those that the program knows."""

    def __init__(self, serializer):
        self._serializer = serializer

    def loads(self, data):
        # From the workers whose records an RDD's actions read in the same way.
        identity, value = pickle.loads(data)
        if identity == SEVERAL:
            add(value)
        elif identity >= 0:
            add([(identity, value)])
        else:
            return self._serializer.loads(data)
        return identity, value

    def __getattr__(self, name):
        return getattr(self._serializer, name)


def add(pairs):
    from pyspark.accumulators import _accumulatorRegistry

    for identity, value in pairs:
        accumulator = _accumulatorRegistry.get(identity)
        if accumulator is not None:
            accumulator += value
