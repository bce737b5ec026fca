//! Spark's JSON of events, as its history server reads them.

use firesteel_engine::listener::KeptInfo;
use serde_json::{Map, Value, json};

use crate::metric::{self, TaskMetrics};
use crate::stages::{Cut, Measured, MetricName};

/// The executor that runs everything: the process itself.
pub const DRIVER: &str = "driver";

pub fn event(name: &str, fields: Value) -> Value {
    let mut own = Map::new();
    own.insert("Event".into(), name.into());
    if let Value::Object(fields) = fields {
        own.extend(fields);
    }
    Value::Object(own)
}

pub fn sql_event(name: &str, fields: Value) -> Value {
    event(&format!("org.apache.spark.sql.execution.ui.SparkListener{name}"), fields)
}

/// A plan's operators with their metrics' accumulators.
pub fn plan_info(cut: &Cut, index: usize, metrics: &[Vec<(MetricName, i64)>]) -> Value {
    let node = &cut.nodes[index];
    let children: Vec<Value> = node.children.iter().map(|child| plan_info(cut, *child, metrics)).collect();
    let metrics: Vec<Value> = metrics[index]
        .iter()
        .map(|(name, id)| json!({"name": name.name, "accumulatorId": id, "metricType": name.kind}))
        .collect();
    json!({
        "nodeName": node.name,
        "simpleString": node.text,
        "children": children,
        "metadata": {},
        "metrics": metrics,
    })
}

/// A stage as `Stage Info`.
#[derive(Debug)]
pub struct StageInfo<'a> {
    pub id: i64,
    pub name: &'a str,
    pub tasks: usize,
    pub parents: Vec<i64>,
    pub rdds: Vec<Value>,
    pub details: &'a str,
    pub submitted_ms: Option<i64>,
    pub completed_ms: Option<i64>,
    pub failure: Option<&'a str>,
}

impl StageInfo<'_> {
    pub fn json(&self) -> Value {
        let mut own = json!({
            "Stage ID": self.id,
            "Stage Attempt ID": 0,
            "Stage Name": self.name,
            "Number of Tasks": self.tasks,
            "RDD Info": self.rdds,
            "Parent IDs": self.parents,
            "Details": self.details,
        });
        if let Some(at) = self.submitted_ms {
            own["Submission Time"] = at.into();
        }
        if let Some(at) = self.completed_ms {
            own["Completion Time"] = at.into();
        }
        if let Some(failure) = self.failure {
            own["Failure Reason"] = failure.into();
        }
        own["Accumulables"] = json!([]);
        own["Resource Profile Id"] = 0.into();
        own["Shuffle Push Enabled"] = false.into();
        own["Shuffle Push Mergers Count"] = 0.into();
        own
    }
}

/// An operator as node of its stage's graph.
pub fn rdd_info(cut: &Cut, index: usize, base: i64, partitions: usize, name: &str) -> Value {
    let node = &cut.nodes[index];
    let id = |index: usize| base + i64::try_from(index).unwrap_or(0);
    let scope = json!({"id": format!("spark_plan_{}", id(index)), "name": node.name});
    json!({
        "RDD ID": id(index),
        "Name": format!("{}RDD", node.name),
        "Scope": scope.to_string(),
        "Callsite": name,
        "Parent IDs": node.children.iter().map(|child| id(*child)).collect::<Vec<_>>(),
        "Storage Level": {
            "Use Disk": false, "Use Memory": false, "Use Off Heap": false, "Deserialized": false, "Replication": 1,
        },
        "Barrier": false,
        "DeterministicLevel": "DETERMINATE",
        "Number of Partitions": partitions,
        "Number of Cached Partitions": 0,
        "Memory Size": 0,
        "Disk Size": 0,
    })
}

/// A task as `Task Info`; `accumulables` are (name, id, update, total so far).
pub fn task_info(
    id: i64,
    index: usize,
    host: &str,
    times: (i64, i64),
    failed: bool,
    accumulables: &[(&MetricName, i64, i64, i64)],
) -> Value {
    let accumulables: Vec<Value> = accumulables
        .iter()
        .map(|(name, id, update, total)| {
            json!({
                "ID": id,
                "Name": name.name,
                "Update": update.to_string(),
                "Value": total.to_string(),
                "Internal": true,
                "Count Failed Values": true,
                "Metadata": "sql",
            })
        })
        .collect();
    json!({
        "Task ID": id,
        "Index": index,
        "Attempt": 0,
        "Partition ID": index,
        "Launch Time": times.0,
        "Executor ID": DRIVER,
        "Host": host,
        "Locality": "PROCESS_LOCAL",
        "Speculative": false,
        "Getting Result Time": 0,
        "Finish Time": times.1,
        "Failed": failed,
        "Killed": false,
        "Accumulables": accumulables,
    })
}

/// What a task measured, as `Task Metrics`.
pub fn task_metrics(measured: &Measured, run_ms: i64) -> Value {
    let TaskMetrics(numbers) = &measured.metrics;
    json!({
        "Executor Deserialize Time": 0,
        "Executor Deserialize CPU Time": 0,
        "Executor Run Time": run_ms,
        "Executor CPU Time": numbers[metric::CPU_TIME],
        "Peak Execution Memory": numbers[metric::PEAK_MEMORY],
        "Result Size": 0,
        "JVM GC Time": 0,
        "Result Serialization Time": 0,
        "Memory Bytes Spilled": numbers[metric::MEMORY_SPILLED],
        "Disk Bytes Spilled": numbers[metric::DISK_SPILLED],
        "Shuffle Read Metrics": {
            "Remote Blocks Fetched": 0,
            "Local Blocks Fetched": numbers[metric::LOCAL_BLOCKS],
            "Fetch Wait Time": 0,
            "Remote Bytes Read": 0,
            "Remote Bytes Read To Disk": 0,
            "Local Bytes Read": numbers[metric::LOCAL_BYTES_READ],
            "Total Records Read": numbers[metric::SHUFFLE_RECORDS_READ],
            "Remote Requests Duration": 0,
        },
        "Shuffle Write Metrics": {
            "Shuffle Bytes Written": numbers[metric::SHUFFLE_BYTES_WRITTEN],
            "Shuffle Write Time": numbers[metric::SHUFFLE_WRITE_TIME],
            "Shuffle Records Written": numbers[metric::SHUFFLE_RECORDS_WRITTEN],
        },
        "Input Metrics": {
            "Bytes Read": numbers[metric::INPUT_BYTES],
            "Records Read": numbers[metric::INPUT_RECORDS],
        },
        "Output Metrics": {
            "Bytes Written": numbers[metric::OUTPUT_BYTES],
            "Records Written": numbers[metric::OUTPUT_RECORDS],
        },
        "Updated Blocks": [],
    })
}

/// The blocks of rows that are kept.
pub fn blocks_updated(kept: &KeptInfo) -> Vec<Value> {
    let level = |memory: bool, disk: bool| {
        json!({
            "Use Disk": disk, "Use Memory": memory, "Use Off Heap": kept.level.use_off_heap,
            "Deserialized": kept.level.deserialized, "Replication": kept.level.replication.max(1),
        })
    };
    let block = |(partition, (memory, disk)): (usize, &(u64, u64))| {
        event(
            "SparkListenerBlockUpdated",
            json!({
                "Block Updated Info": {
                    "Block Manager ID": {"Executor ID": DRIVER, "Host": "localhost", "Port": 1},
                    "Block ID": format!("rdd_{}_{partition}", kept.number),
                    "Storage Level": level(*disk == 0, *disk > 0),
                    "Memory Size": memory,
                    "Disk Size": disk,
                },
                "RDD Name": kept.name,
                "RDD Storage Level": level(kept.level.use_memory, kept.level.use_disk),
            }),
        )
    };
    kept.partitions.iter().enumerate().map(block).collect()
}
