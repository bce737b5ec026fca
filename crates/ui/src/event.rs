//! Lines of a log, read where it can be done without building trees: tasks are most of a log.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::metric::TaskMetrics;
use crate::model::{Status, Task};
use crate::peaks::Peaks;

/// What a line says.
#[derive(Debug)]
pub enum Line {
    Task(TaskNote),
    Other(Value),
    /// Nothing that is kept.
    Nothing,
    /// It is no event: why.
    Bad(String),
}

/// A task that begins or ends.
#[derive(Debug)]
pub struct TaskNote {
    /// Stage and attempt.
    pub stage: (i64, i64),
    pub task: Task,
    /// What it adds to SQL metrics, by accumulator.
    pub updates: Vec<(i64, i64)>,
    /// What its executor used; where it has ended.
    pub peaks: Option<Peaks>,
}

/// Events that are read and say nothing that is kept: most of a log besides the tasks.
const IGNORED: [&[u8]; 2] = [b"SparkListenerTaskGettingResult", b"SparkListenerSpeculativeTaskSubmitted"];

/// The event's name. Spark writes it first; `None` where it does not stand there.
pub fn name_of(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"{\"Event\":\"")?;
    rest.iter().position(|byte| *byte == b'"').map(|end| &rest[..end])
}

/// Reads a line of a log.
pub fn read(line: &[u8], names: &mut Names) -> Line {
    match name_of(line) {
        Some(name) if IGNORED.contains(&name) => Line::Nothing,
        Some(b"SparkListenerTaskStart" | b"SparkListenerTaskEnd") => match serde_json::from_slice::<TaskEvent>(line) {
            Ok(event) => Line::Task(event.note(names)),
            Err(error) => Line::Bad(error.to_string()),
        },
        _ => match serde_json::from_slice(line) {
            Ok(event) => Line::Other(event),
            Err(error) => Line::Bad(error.to_string()),
        },
    }
}

/// A task out of an event that has been read as a tree.
pub fn task(event: &Value) -> Option<TaskNote> {
    TaskEvent::deserialize(event).ok().map(|event| event.note(&mut Names::default()))
}

/// Names that many tasks share.
#[derive(Debug, Default)]
pub struct Names(HashSet<Arc<str>>);

impl Names {
    fn shared(&mut self, name: &str) -> Arc<str> {
        match self.0.get(name) {
            Some(own) => Arc::clone(own),
            None => {
                let own: Arc<str> = name.into();
                self.0.insert(Arc::clone(&own));
                own
            }
        }
    }
}

/// `SparkListenerTaskStart` and `SparkListenerTaskEnd`.
#[derive(Debug, Deserialize)]
struct TaskEvent<'a> {
    #[serde(rename = "Stage ID")]
    stage: i64,
    #[serde(rename = "Stage Attempt ID", default)]
    stage_attempt: i64,
    #[serde(rename = "Task Info", borrow)]
    info: TaskInfo<'a>,
    #[serde(rename = "Task End Reason", default)]
    reason: Option<EndReason>,
    #[serde(rename = "Task Executor Metrics", default)]
    peaks: Option<Peaks>,
    #[serde(rename = "Task Metrics", default)]
    metrics: Option<Metrics>,
}

#[derive(Debug, Deserialize)]
struct TaskInfo<'a> {
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
    #[serde(rename = "Executor ID", default, borrow)]
    executor: Cow<'a, str>,
    #[serde(rename = "Host", default, borrow)]
    host: Cow<'a, str>,
    #[serde(rename = "Locality", default, borrow)]
    locality: Cow<'a, str>,
    #[serde(rename = "Speculative", default)]
    speculative: bool,
    #[serde(rename = "Failed", default)]
    failed: bool,
    #[serde(rename = "Killed", default)]
    killed: bool,
    #[serde(rename = "Accumulables", default)]
    accumulables: Updates,
}

/// What a task adds to SQL metrics, by accumulator; other accumulators are left out as they are read.
#[derive(Debug, Default)]
struct Updates(Vec<(i64, i64)>);

impl<'de> Deserialize<'de> for Updates {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Updates;

            fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
                to.write_str("accumulables")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Updates, A::Error> {
                let mut all = vec![];
                while let Some(own) = list.next_element::<Accumulable>()? {
                    if let (Some(Metadata::Sql), Some(Number(Some(value)))) = (own.metadata, own.update) {
                        all.push((own.id, value));
                    }
                }
                Ok(Updates(all))
            }
        }
        from.deserialize_seq(List)
    }
}

#[derive(Debug, Deserialize)]
struct Accumulable {
    #[serde(rename = "ID")]
    id: i64,
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
#[derive(Debug)]
struct Number(Option<i64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyNumber)
    }
}

struct AnyNumber;

impl<'de> Visitor<'de> for AnyNumber {
    type Value = Number;

    fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
        to.write_str("a value")
    }

    fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
        Ok(Number(Some(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
        Ok(Number(i64::try_from(value).ok()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Number, E> {
        Ok(Number(value.parse().ok()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_unit<E>(self) -> Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Number, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Number(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Number, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Number(None))
    }
}

#[derive(Debug, Deserialize)]
struct EndReason {
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

impl TaskEvent<'_> {
    fn note(self, names: &mut Names) -> TaskNote {
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
            executor: names.shared(&info.executor),
            host: names.shared(&info.host),
            locality: names.shared(&info.locality),
            speculative: info.speculative,
            status,
            error,
            metrics: self.metrics.map(|metrics| Box::new(metrics.flat())),
        };
        TaskNote { stage: (self.stage, self.stage_attempt), task, updates: info.accumulables.0, peaks: self.peaks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accumulators_of_any_kind() {
        let line = br#"{"Event":"SparkListenerTaskEnd","Stage ID":3,"Stage Attempt ID":1,"Task End Reason":{"Reason":"Success"},
            "Task Info":{"Task ID":7,"Index":2,"Launch Time":5,"Finish Time":9,"Executor ID":"1","Host":"a \u0022b","Accumulables":[
            {"ID":1,"Update":"12","Metadata":"sql"},{"ID":2,"Update":13,"Metadata":"sql"},{"ID":3,"Update":[[1],{"a":2}]},
            {"ID":4,"Update":1.5,"Metadata":"sql"},{"ID":5,"Update":{"x":[]},"Metadata":"other"},{"ID":6}]}}"#;
        let Line::Task(own) = read(line, &mut Names::default()) else { panic!("no task") };
        assert_eq!((own.stage, own.updates), ((3, 1), vec![(1, 12), (2, 13)]));
        assert_eq!((own.task.host.as_ref(), own.task.status), ("a \"b", Status::Succeeded));
    }

    #[test]
    fn what_is_no_event_is_told() {
        let read = |line: &str| read(line.as_bytes(), &mut Names::default());
        assert!(matches!(read("{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":"), Line::Bad(_)));
        assert!(matches!(read("null"), Line::Other(_)));
        assert!(matches!(read("{\"Event\":\"SparkListenerTaskGettingResult\",\"x"), Line::Nothing));
    }
}
