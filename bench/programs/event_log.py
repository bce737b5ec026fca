#!/usr/bin/env python3
"""Writes an event log as large as a long application of Spark leaves: `event_log.py FILE MEGABYTES [TASKS]`.

SQL queries of three stages each, TASKS tasks in the largest stage (default: 200), every event with all that Spark writes
into it (plans, call stacks, internal accumulators), so that a reader has as much to skip as in real life.
"""

import json
import sys

SQL = "org.apache.spark.sql.execution.ui.SparkListener"
START = 1_700_000_000_000
STACK = "\n".join(f"org.apache.spark.sql.execution.Some$Class{n}.$anonfun$method${n}(Some{n}.scala:{n * 7})" for n in range(20))
METRICS = [("number of output rows", "sum"), ("peak memory", "size"), ("spill size", "size"), ("time in aggregation build", "timing"),
           ("data size", "size"), ("shuffle bytes written", "size"), ("shuffle records written", "sum"),
           ("shuffle write time", "nsTiming"), ("records read", "sum"), ("local bytes read", "size"), ("fetch wait time", "timing"),
           ("duration", "timing")]
NODES = ["Sort", "Exchange", "HashAggregate", "AQEShuffleRead", "ShuffleQueryStage", "Exchange", "HashAggregate", "Project",
         "BroadcastHashJoin", "Filter", "ColumnarToRow", "Scan parquet"]
INTERNAL = ["executorDeserializeTime", "executorDeserializeCpuTime", "executorRunTime", "executorCpuTime", "resultSize", "jvmGCTime",
            "resultSerializationTime", "peakExecutionMemory", "peakOnHeapExecutionMemory", "shuffle.write.bytesWritten",
            "shuffle.write.recordsWritten", "shuffle.write.writeTime", "input.recordsRead", "input.bytesRead"]
EXECUTOR = ["JVMHeapMemory", "JVMOffHeapMemory", "OnHeapExecutionMemory", "OffHeapExecutionMemory", "OnHeapStorageMemory",
            "OffHeapStorageMemory", "OnHeapUnifiedMemory", "OffHeapUnifiedMemory", "DirectPoolMemory", "MappedPoolMemory",
            "ProcessTreeJVMVMemory", "ProcessTreeJVMRSSMemory", "ProcessTreePythonVMemory", "ProcessTreePythonRSSMemory",
            "ProcessTreeOtherVMemory", "ProcessTreeOtherRSSMemory", "MinorGCCount", "MinorGCTime", "MajorGCCount", "MajorGCTime"]
PROPERTIES = {f"spark.some.setting.{n}": f"a value of setting {n}, as long as such values are" for n in range(40)}


def text(value):
    return json.dumps(value, separators=(",", ":"))


def plan(first):
    """A plan of one branch; accumulators count up from `first`."""
    node = None
    for number, name in enumerate(NODES):
        metrics = [{"name": metric, "accumulatorId": first + number * len(METRICS) + index, "metricType": kind}
                   for index, (metric, kind) in enumerate(METRICS)]
        columns = ", ".join(f"column_{n}#{first + n}L" for n in range(20))
        node = {"nodeName": name, "simpleString": f"{name} [{columns}]", "children": [node] if node else [], "metadata": {}, "metrics": metrics}
    return node


def stage_info(stage, tasks, query, extra):
    rdds = [{"RDD ID": stage * 4 + n, "Name": "MapPartitionsRDD", "Scope": text({"id": f"spark_plan_{stage * 4 + n}", "name": f"WholeStageCodegen ({n})"}),
             "Callsite": f"collect at job.py:{query}", "Parent IDs": [stage * 4 + n - 1] if n else [],
             "Storage Level": {"Use Disk": False, "Use Memory": False, "Use Off Heap": False, "Deserialized": False, "Replication": 1},
             "Barrier": False, "DeterministicLevel": "DETERMINATE", "Number of Partitions": tasks, "Number of Cached Partitions": 0,
             "Memory Size": 0, "Disk Size": 0} for n in range(4)]
    return {"Stage ID": stage, "Stage Attempt ID": 0, "Stage Name": f"collect at job.py:{query}", "Number of Tasks": tasks, "RDD Info": rdds,
            "Parent IDs": [stage - 1] if stage % 3 else [], "Details": STACK, **extra, "Resource Profile Id": 0, "Shuffle Push Enabled": False,
            "Shuffle Push Mergers Count": 0}


def task_templates(first):
    """Start and end of a task; what differs between tasks is left open."""
    sql = "".join('{"ID":%d,"Name":"%s","Update":"%%(rows)d","Value":"%%(sum)d","Internal":true,"Count Failed Values":true,"Metadata":"sql"},'
                  % (first + index, name) for index, (name, _) in enumerate(METRICS))
    own = ",".join('{"ID":%d,"Name":"internal.metrics.%s","Update":%%(rows)d,"Value":%%(sum)d,"Internal":true,"Count Failed Values":true}'
                   % (first + 500 + index, name) for index, name in enumerate(INTERNAL))
    info = ('"Task Info":{"Task ID":%(task)d,"Index":%(index)d,"Attempt":0,"Partition ID":%(index)d,"Launch Time":%(launch)d,'
            '"Executor ID":"%(executor)d","Host":"10.0.0.%(executor)d","Locality":"PROCESS_LOCAL","Speculative":false,"Getting Result Time":0,')
    begin = ('{"Event":"SparkListenerTaskStart","Stage ID":%(stage)d,"Stage Attempt ID":0,' + info
             + '"Finish Time":0,"Failed":false,"Killed":false,"Accumulables":[]}}\n')
    end = ('{"Event":"SparkListenerTaskEnd","Stage ID":%(stage)d,"Stage Attempt ID":0,"Task Type":"ShuffleMapTask","Task End Reason":{"Reason":"Success"},'
           + info + '"Finish Time":%(finish)d,"Failed":false,"Killed":false,"Accumulables":[' + sql + own + ']},"Task Executor Metrics":{'
           + ",".join(f'"{name}":0' for name in EXECUTOR)
           + '},"Task Metrics":{"Executor Deserialize Time":55,"Executor Deserialize CPU Time":50630076,"Executor Run Time":%(took)d,"Executor CPU Time":106465957,'
             '"Peak Execution Memory":262144,"Peak On Heap Execution Memory":8650736,"Peak Off Heap Execution Memory":0,"Result Size":2292,"JVM GC Time":3,'
             '"Result Serialization Time":0,"Memory Bytes Spilled":0,"Disk Bytes Spilled":0,"Shuffle Read Metrics":{"Remote Blocks Fetched":0,"Local Blocks Fetched":7,'
             '"Fetch Wait Time":0,"Remote Bytes Read":0,"Remote Bytes Read To Disk":0,"Local Bytes Read":%(rows)d,"Total Records Read":%(rows)d,"Remote Requests Duration":0,'
             '"Push Based Shuffle":{"Corrupt Merged Block Chunks":0,"Merged Fetch Fallback Count":0,"Merged Remote Blocks Fetched":0,"Merged Local Blocks Fetched":0,'
             '"Merged Remote Chunks Fetched":0,"Merged Local Chunks Fetched":0,"Merged Remote Bytes Read":0,"Merged Local Bytes Read":0,"Merged Remote Requests Duration":0}},'
             '"Shuffle Write Metrics":{"Shuffle Bytes Written":%(rows)d,"Shuffle Write Time":20888192,"Shuffle Records Written":%(rows)d},"Input Metrics":{"Bytes Read":0,'
             '"Records Read":%(rows)d},"Output Metrics":{"Bytes Written":0,"Records Written":0},"Updated Blocks":[]}}\n')
    return begin, end


def query(number, at, task, most):
    """Lines of one query, with the number of the next task."""
    first = 1_000_000 + number * 1000
    own_plan = plan(first)
    described = "== Physical Plan ==\n" + "\n".join(f"({n}) {name}\nOutput [20]: [{own_plan['simpleString']}]" for n, name in enumerate(NODES))
    yield text({"Event": SQL + "SQLExecutionStart", "executionId": number, "rootExecutionId": number, "description": f"collect at job.py:{number}",
                "details": STACK, "physicalPlanDescription": described, "sparkPlanInfo": own_plan, "time": at, "modifiedConfigs": {}, "jobTags": []}) + "\n", task
    stages = [(number * 3 + n, tasks) for n, tasks in enumerate((most, max(most // 4, 1), 1))]
    properties = {**PROPERTIES, "spark.sql.execution.id": str(number)}
    infos = [stage_info(stage, tasks, number, {"Accumulables": []}) for stage, tasks in stages]
    yield text({"Event": "SparkListenerJobStart", "Job ID": number, "Submission Time": at, "Stage Infos": infos, "Stage IDs": [stage for stage, _ in stages],
                "Properties": properties}) + "\n", task
    begin, end = task_templates(first)
    for stage, tasks in stages:
        yield text({"Event": "SparkListenerStageSubmitted", "Stage Info": stage_info(stage, tasks, number, {"Submission Time": at, "Accumulables": []}),
                    "Properties": properties}) + "\n", task
        for index in range(tasks):
            took = 100 + (task * 7919) % 900
            values = {"task": task, "index": index, "stage": stage, "launch": at + index, "executor": 1 + task % 8, "finish": at + index + took,
                      "took": took - 50, "rows": (task * 104729) % 100_000, "sum": task}
            yield begin % values, task
            yield end % values, task
            task += 1
        at += 1000 + tasks
        sums = [{"ID": first + index, "Name": name, "Value": "1", "Internal": True, "Count Failed Values": True, "Metadata": "sql"}
                for index, (name, _) in enumerate(METRICS)]
        yield text({"Event": "SparkListenerStageCompleted", "Stage Info": stage_info(stage, tasks, number, {
            "Submission Time": at - tasks, "Completion Time": at, "Accumulables": sums})}) + "\n", task
        yield text({"Event": SQL + "SQLAdaptiveExecutionUpdate", "executionId": number, "physicalPlanDescription": described,
                    "sparkPlanInfo": own_plan}) + "\n", task
    yield text({"Event": "SparkListenerJobEnd", "Job ID": number, "Completion Time": at, "Job Result": {"Result": "JobSucceeded"}}) + "\n", task
    yield text({"Event": SQL + "SQLExecutionEnd", "executionId": number, "time": at, "errorMessage": ""}) + "\n", task


def write(path, megabytes, most=200):
    name = f"application_{START}_{megabytes}"
    with open(path + ".unfinished", "w", encoding="utf-8") as file:
        file.write(text({"Event": "SparkListenerLogStart", "Spark Version": "4.2.1"}) + "\n")
        for executor in range(1, 9):
            file.write(text({"Event": "SparkListenerExecutorAdded", "Timestamp": START, "Executor ID": str(executor),
                             "Executor Info": {"Host": f"10.0.0.{executor}", "Total Cores": 4, "Log Urls": {}}}) + "\n")
        file.write(text({"Event": "SparkListenerApplicationStart", "App Name": "a large log", "App ID": name, "Timestamp": START, "User": "bench"}) + "\n")
        number, at, task, written = 0, START + 1000, 0, 0
        while written < megabytes << 20:
            for line, task in query(number, at, task, most):
                file.write(line)
                written += len(line)
            task += 1
            number, at = number + 1, at + 5000 + most
        file.write(text({"Event": "SparkListenerApplicationEnd", "Timestamp": at}) + "\n")
    import os

    os.replace(path + ".unfinished", path)
    return name


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 200)
