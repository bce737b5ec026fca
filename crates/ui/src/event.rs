//! The events of tasks, which are most of a log, in a form that is read without building trees.

use serde::Deserialize;

use crate::metric::TaskMetrics;
use crate::model::{Status, Task};

/// `SparkListenerTaskStart` and `SparkListenerTaskEnd`.
#[derive(Debug, Deserialize)]
pub struct TaskEvent {
    #[serde(rename = "Stage ID")]
    pub stage: i64,
    #[serde(rename = "Stage Attempt ID", default)]
    pub stage_attempt: i64,
    #[serde(rename = "Task Info")]
    pub info: TaskInfo,
    #[serde(rename = "Task End Reason", default)]
    pub reason: Option<EndReason>,
    #[serde(rename = "Task Metrics", default)]
    metrics: Option<Metrics>,
}

#[derive(Debug, Deserialize)]
pub struct TaskInfo {
    #[serde(rename = "Task ID")]
    id: i64,
    #[serde(rename = "Index")]
    index: i64,
    #[serde(rename = "Attempt", default)]
    attempt: i64,
    #[serde(rename = "Partition ID", default)]
    partition: Option<i64>,
    #[serde(rename = "Launch Time")]
    launched_ms: i64,
    #[serde(rename = "Finish Time", default)]
    finished_ms: i64,
    #[serde(rename = "Getting Result Time", default)]
    getting_result_ms: i64,
    #[serde(rename = "Executor ID", default)]
    executor: Box<str>,
    #[serde(rename = "Host", default)]
    host: Box<str>,
    #[serde(rename = "Locality", default)]
    locality: Box<str>,
    #[serde(rename = "Speculative", default)]
    speculative: bool,
    #[serde(rename = "Failed", default)]
    failed: bool,
    #[serde(rename = "Killed", default)]
    killed: bool,
    #[serde(rename = "Accumulables", default)]
    pub accumulables: Vec<Accumulable>,
}

#[derive(Debug, Deserialize)]
pub struct Accumulable {
    #[serde(rename = "ID")]
    pub id: i64,
    #[serde(rename = "Metadata", default)]
    metadata: Option<Metadata>,
    #[serde(rename = "Update", default)]
    update: Option<Number>,
}

#[derive(Debug, Deserialize, PartialEq)]
enum Metadata {
    #[serde(rename = "sql")]
    Sql,
    #[serde(other)]
    Other,
}

/// Spark writes SQL metrics as text and its own as numbers; user accumulators may be anything.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Number {
    Integer(i64),
    Text(Box<str>),
    Other(serde::de::IgnoredAny),
}

impl Accumulable {
    /// The number that a task adds to a SQL metric.
    pub fn sql_update(&self) -> Option<i64> {
        if self.metadata != Some(Metadata::Sql) {
            return None;
        }
        match self.update.as_ref()? {
            Number::Integer(value) => Some(*value),
            Number::Text(text) => text.parse().ok(),
            Number::Other(_) => None,
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct EndReason {
    #[serde(rename = "Reason", default)]
    reason: Box<str>,
    #[serde(rename = "Description", default)]
    description: Option<Box<str>>,
    #[serde(rename = "Full Stack Trace", default)]
    stack: Option<Box<str>>,
    #[serde(rename = "Kill Reason", default)]
    kill_reason: Option<Box<str>>,
    #[serde(rename = "Class Name", default)]
    class: Option<Box<str>>,
}

impl EndReason {
    fn text(&self) -> Box<str> {
        if let Some(stack) = &self.stack {
            return stack.clone();
        }
        let parts: Vec<&str> = [self.class.as_deref(), self.kill_reason.as_deref(), self.description.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        if parts.is_empty() { self.reason.clone() } else { parts.join(": ").into() }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metrics {
    #[serde(rename = "Executor Deserialize Time")]
    deserialize: i64,
    #[serde(rename = "Executor Deserialize CPU Time")]
    deserialize_cpu: i64,
    #[serde(rename = "Executor Run Time")]
    run: i64,
    #[serde(rename = "Executor CPU Time")]
    cpu: i64,
    #[serde(rename = "Result Size")]
    result_size: i64,
    #[serde(rename = "JVM GC Time")]
    gc: i64,
    #[serde(rename = "Result Serialization Time")]
    serialization: i64,
    #[serde(rename = "Memory Bytes Spilled")]
    memory_spilled: i64,
    #[serde(rename = "Disk Bytes Spilled")]
    disk_spilled: i64,
    #[serde(rename = "Peak Execution Memory")]
    peak_memory: i64,
    #[serde(rename = "Input Metrics")]
    input: Input,
    #[serde(rename = "Output Metrics")]
    output: Output,
    #[serde(rename = "Shuffle Read Metrics")]
    read: Read,
    #[serde(rename = "Shuffle Write Metrics")]
    write: Write,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Input {
    #[serde(rename = "Bytes Read")]
    bytes: i64,
    #[serde(rename = "Records Read")]
    records: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Output {
    #[serde(rename = "Bytes Written")]
    bytes: i64,
    #[serde(rename = "Records Written")]
    records: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Read {
    #[serde(rename = "Remote Blocks Fetched")]
    remote_blocks: i64,
    #[serde(rename = "Local Blocks Fetched")]
    local_blocks: i64,
    #[serde(rename = "Fetch Wait Time")]
    wait: i64,
    #[serde(rename = "Remote Bytes Read")]
    remote_bytes: i64,
    #[serde(rename = "Remote Bytes Read To Disk")]
    remote_to_disk: i64,
    #[serde(rename = "Local Bytes Read")]
    local_bytes: i64,
    #[serde(rename = "Total Records Read")]
    records: i64,
    #[serde(rename = "Remote Requests Duration")]
    duration: i64,
    #[serde(rename = "Push Based Shuffle")]
    push: Push,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Push {
    #[serde(rename = "Corrupt Merged Block Chunks")]
    corrupt: i64,
    #[serde(rename = "Merged Fetch Fallback Count")]
    fallback: i64,
    #[serde(rename = "Merged Remote Blocks Fetched")]
    remote_blocks: i64,
    #[serde(rename = "Merged Local Blocks Fetched")]
    local_blocks: i64,
    #[serde(rename = "Merged Remote Chunks Fetched")]
    remote_chunks: i64,
    #[serde(rename = "Merged Local Chunks Fetched")]
    local_chunks: i64,
    #[serde(rename = "Merged Remote Bytes Read")]
    remote_bytes: i64,
    #[serde(rename = "Merged Local Bytes Read")]
    local_bytes: i64,
    #[serde(rename = "Merged Remote Requests Duration")]
    duration: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Write {
    #[serde(rename = "Shuffle Bytes Written")]
    bytes: i64,
    #[serde(rename = "Shuffle Write Time")]
    time: i64,
    #[serde(rename = "Shuffle Records Written")]
    records: i64,
}

impl Metrics {
    /// In the order of [`crate::metric::METRICS`].
    fn flat(&self) -> TaskMetrics {
        let (read, push) = (&self.read, &self.read.push);
        TaskMetrics([
            self.deserialize,
            self.deserialize_cpu,
            self.run,
            self.cpu,
            self.result_size,
            self.gc,
            self.serialization,
            self.memory_spilled,
            self.disk_spilled,
            self.peak_memory,
            self.input.bytes,
            self.input.records,
            self.output.bytes,
            self.output.records,
            read.remote_blocks,
            read.local_blocks,
            read.wait,
            read.remote_bytes,
            read.remote_to_disk,
            read.local_bytes,
            read.records,
            read.duration,
            push.corrupt,
            push.fallback,
            push.remote_blocks,
            push.local_blocks,
            push.remote_chunks,
            push.local_chunks,
            push.remote_bytes,
            push.local_bytes,
            push.duration,
            self.write.bytes,
            self.write.time,
            self.write.records,
        ])
    }
}

impl TaskEvent {
    /// The task, and what it adds to SQL metrics.
    pub fn into_task(self) -> (Task, Vec<(i64, i64)>) {
        let updates = self.info.accumulables.iter().filter_map(|own| Some((own.id, own.sql_update()?))).collect();
        let info = self.info;
        let ended = self.reason.as_ref().map(|reason| (reason.reason.as_ref() == "Success", reason));
        let status = match &ended {
            None => Status::Running,
            Some((true, _)) => Status::Succeeded,
            Some((false, reason)) if info.killed || reason.reason.as_ref() == "TaskKilled" => Status::Killed,
            Some((false, _)) => Status::Failed,
        };
        let status = if info.failed && status == Status::Succeeded { Status::Failed } else { status };
        let error = ended.filter(|(success, _)| !success).map(|(_, reason)| reason.text());
        let task = Task {
            id: info.id,
            index: info.index,
            attempt: info.attempt,
            partition: info.partition.unwrap_or(info.index),
            launched_ms: info.launched_ms,
            finished_ms: info.finished_ms,
            getting_result_ms: info.getting_result_ms,
            executor: info.executor,
            host: info.host,
            locality: info.locality,
            speculative: info.speculative,
            status,
            error,
            metrics: self.metrics.map(|metrics| Box::new(metrics.flat())),
        };
        (task, updates)
    }
}
