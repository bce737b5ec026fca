//! What is known of an application: jobs, stages, tasks, SQL executions, streams, sessions.
//!
//! Times are milliseconds since 1970; -1 where a thing has not happened yet. [`crate::store`] fills this from events.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use crate::metric::TaskMetrics;
use crate::peaks::Peaks;

/// Who ran, when.
#[derive(Debug, Clone, Default)]
pub struct App {
    pub id: String,
    pub attempt: Option<String>,
    pub name: String,
    pub user: String,
    pub spark_version: String,
    pub start_ms: i64,
    pub end_ms: i64,
    pub last_updated_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    #[default]
    Pending,
    Running,
    Succeeded,
    Failed,
    /// Its work was there already, or was not needed.
    Skipped,
    Killed,
}

impl Status {
    /// As REST names a job's.
    pub fn job(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed | Self::Killed => "FAILED",
            _ => "RUNNING",
        }
    }

    /// As REST names a stage's.
    pub fn stage(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "ACTIVE",
            Self::Succeeded => "COMPLETE",
            Self::Failed | Self::Killed => "FAILED",
            Self::Skipped => "SKIPPED",
        }
    }

    /// As REST names a task's.
    pub fn task(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
            _ => "RUNNING",
        }
    }

    /// As REST names a SQL execution's.
    pub fn execution(self) -> &'static str {
        match self {
            Self::Succeeded => "COMPLETED",
            Self::Failed | Self::Killed => "FAILED",
            _ => "RUNNING",
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Job {
    pub id: i64,
    pub name: String,
    pub description: Option<String>,
    pub group: Option<String>,
    pub tags: Vec<String>,
    pub submitted_ms: i64,
    pub completed_ms: i64,
    pub status: Status,
    pub stage_ids: Vec<i64>,
    pub execution: Option<i64>,
    pub error: Option<String>,
}

/// Number of tasks by how they went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub active: i64,
    pub complete: i64,
    pub failed: i64,
    pub killed: i64,
    /// Partitions that are done: a partition may take several tasks.
    pub indices: i64,
}

#[derive(Debug, Clone, Default)]
pub struct Stage {
    pub id: i64,
    pub attempt: i64,
    pub name: String,
    pub details: String,
    pub description: Option<String>,
    pub job_ids: Vec<i64>,
    pub parent_ids: Vec<i64>,
    pub num_tasks: i64,
    pub submitted_ms: i64,
    pub first_task_ms: i64,
    pub completed_ms: i64,
    pub status: Status,
    pub failure: Option<String>,
    pub counts: Counts,
    pub metrics: TaskMetrics,
    pub rdd_ids: Vec<i64>,
    pub rdds: Vec<StageRdd>,
    /// By task id.
    pub tasks: BTreeMap<i64, Task>,
    /// Tasks that are not kept any more.
    pub tasks_dropped: i64,
    pub accumulables: Vec<(i64, String, String)>,
    pub resource_profile: i64,
    /// What executors used at most, by executor.
    pub peaks: BTreeMap<Arc<str>, Peaks>,
    /// How many tasks were killed, by reason.
    pub killed: BTreeMap<Box<str>, i64>,
}

/// A node of a stage's graph.
#[derive(Debug, Clone, Default)]
pub struct StageRdd {
    pub id: i64,
    pub name: String,
    /// The operator that the node belongs to.
    pub scope: String,
    pub parents: Vec<i64>,
    pub partitions: i64,
    pub storage_level: String,
    pub cached_partitions: i64,
    pub memory_bytes: i64,
    pub disk_bytes: i64,
}

#[derive(Debug, Clone, Default)]
pub struct Task {
    pub id: i64,
    pub index: i64,
    pub attempt: i64,
    pub partition: i64,
    pub launched_ms: i64,
    pub finished_ms: i64,
    pub getting_result_ms: i64,
    pub executor: Arc<str>,
    pub host: Arc<str>,
    pub locality: Arc<str>,
    pub speculative: bool,
    pub status: Status,
    pub error: Option<Box<str>>,
    pub metrics: Option<Box<TaskMetrics>>,
}

impl Task {
    /// Milliseconds it took, or takes so far.
    pub fn duration_ms(&self, now_ms: i64) -> i64 {
        let end = if self.finished_ms > 0 { self.finished_ms } else { now_ms };
        (end - self.launched_ms).max(0)
    }
}

#[derive(Debug, Clone, Default)]
pub struct Executor {
    pub id: String,
    pub host_port: String,
    pub cores: i64,
    pub added_ms: i64,
    pub removed: Option<(i64, String)>,
    pub max_memory: i64,
    pub max_on_heap: i64,
    pub max_off_heap: i64,
    pub counts: Counts,
    pub duration_ms: i64,
    pub gc_ms: i64,
    pub input_bytes: i64,
    pub shuffle_read: i64,
    pub shuffle_write: i64,
    /// What it used at most, where its log tells.
    pub peaks: Option<Peaks>,
    /// Memory and disk that broadcast values take.
    pub broadcast: (i64, i64),
    pub logs: Vec<(String, String)>,
}

/// Rows that are kept between queries.
#[derive(Debug, Clone, Default)]
pub struct StoredRdd {
    pub id: i64,
    pub name: String,
    pub storage_level: String,
    pub num_partitions: i64,
    /// Memory, disk and level by partition.
    pub blocks: BTreeMap<i64, (i64, i64, String, String)>,
}

/// A physical plan's operator.
#[derive(Debug, Clone, Default)]
pub struct PlanNode {
    pub name: String,
    pub text: String,
    pub metadata: Vec<(String, String)>,
    /// Name, accumulator, kind.
    pub metrics: Vec<(String, i64, String)>,
    pub children: Vec<PlanNode>,
}

/// A metric's value over tasks.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    pub total: i64,
    pub count: i64,
    pub min: i64,
    pub max: i64,
    /// Stage and task of the largest.
    pub max_at: Option<(i64, i64)>,
    /// Values of single tasks, while they may still be needed for the median.
    pub values: Vec<i64>,
    pub median: i64,
    /// The stages of these tasks, and how many tasks those have: in Spark's spread, tasks that told nothing have 0.
    pub stages: Vec<i64>,
    pub tasks: i64,
}

impl Measured {
    /// Smallest, middle and largest value over the tasks, where there are several.
    #[must_use]
    pub fn spread(&self) -> Option<[i64; 3]> {
        let silent = self.tasks > self.count;
        let median = if self.values.is_empty() { self.median } else { self.middle() };
        let (min, max) = if silent { (self.min.min(0), self.max.max(0)) } else { (self.min, self.max) };
        (self.count.max(self.tasks) > 1).then_some([min, median, max])
    }

    /// The middle of the values; 0 for none.
    fn middle(&self) -> i64 {
        let mut sorted = self.values.clone();
        sorted.resize(usize::try_from(self.tasks).unwrap_or(0).max(sorted.len()), 0);
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or(0)
    }

    /// Nothing more comes: the median is known, single values are not needed any more.
    pub fn settle(&mut self) {
        self.median = self.middle();
        self.values = vec![];
    }
}

#[derive(Debug, Clone, Default)]
pub struct Execution {
    pub id: i64,
    pub root: i64,
    pub description: String,
    pub details: String,
    pub physical: String,
    pub plan: PlanNode,
    pub modified_conf: Vec<(String, String)>,
    pub job_tags: Vec<String>,
    pub query_id: Option<String>,
    pub submitted_ms: i64,
    pub completed_ms: i64,
    pub error: Option<String>,
    pub jobs: Vec<i64>,
    pub stages: Vec<i64>,
    pub values: BTreeMap<i64, Measured>,
    /// Sums so far, while it runs here.
    pub live: BTreeMap<i64, i64>,
}

impl Execution {
    pub fn status(&self) -> Status {
        match (&self.error, self.completed_ms > 0) {
            (_, false) => Status::Running,
            (Some(error), true) if !error.is_empty() => Status::Failed,
            _ => Status::Succeeded,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Stream {
    pub id: String,
    pub run_id: String,
    pub name: Option<String>,
    pub started_ms: i64,
    pub ended_ms: i64,
    pub exception: Option<String>,
    pub batches: i64,
    pub rows: i64,
    /// The last reports of batches.
    pub progress: VecDeque<Value>,
}

/// A client's session.
#[derive(Debug, Clone, Default)]
pub struct ConnectSession {
    pub id: String,
    pub user: String,
    pub started_ms: i64,
    pub ended_ms: i64,
    pub operations: i64,
}

/// What a client asked for.
#[derive(Debug, Clone, Default)]
pub struct ConnectOperation {
    pub id: String,
    pub session: String,
    pub user: String,
    pub job_tag: String,
    pub text: String,
    pub started_ms: i64,
    pub ended_ms: i64,
    pub status: Status,
    pub rows: Option<i64>,
    pub error: Option<String>,
}

/// Settings, as pairs sorted by key.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub runtime: Vec<(String, String)>,
    pub spark: Vec<(String, String)>,
    pub hadoop: Vec<(String, String)>,
    pub system: Vec<(String, String)>,
    pub metrics: Vec<(String, String)>,
    pub classpath: Vec<(String, String)>,
    pub resource_profiles: Vec<Value>,
}
