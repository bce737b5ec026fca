//! Metrics of every physical operator, kept a while for each query.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricValue;
use firesteel_protocol::SparkError;
use firesteel_protocol::connect::execute_plan_response::{Metrics, metrics};

use crate::{OperationHandle, Session};

/// How many queries are kept.
const KEPT: usize = 200;

/// Numbers queries, in the order in which they start.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// One query: its operators (each with its metrics) and how it went.
#[derive(Debug)]
pub struct QueryRecord {
    /// Unique in the process.
    pub number: u64,
    pub operation_id: String,
    /// The client's session.
    pub session_id: String,
    pub tags: Vec<String>,
    /// What the user wrote or did, for people to read; empty where nobody listens.
    pub description: String,
    /// `SparkContext.setLocalProperty` of the thread that asked.
    pub properties: Arc<BTreeMap<String, String>>,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// What went wrong, where something did.
    error: OnceLock<String>,
    /// What a write came to: rows, bytes, files.
    written: OnceLock<Written>,
    listener: Option<Arc<dyn crate::Listener>>,
    /// While the query runs. A plan may hold the build side of its joins: it is let go at the end.
    plan: Mutex<Option<Arc<dyn ExecutionPlan>>>,
    /// What the operators measured, once the query has ended.
    metrics: OnceLock<Metrics>,
    started: Instant,
    /// Milliseconds it took, once it has ended.
    duration_ms: AtomicU64,
    state: AtomicU8,
}

/// What a query has written.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    pub rows: u64,
    pub size_bytes: u64,
    pub files: u64,
    pub folders: u64,
}

/// How a query went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryState {
    Running,
    Succeeded,
    Failed,
    /// Its reader went away or interrupted it.
    Stopped,
}

impl QueryRecord {
    pub fn state(&self) -> QueryState {
        match self.state.load(Ordering::Relaxed) {
            0 => QueryState::Running,
            1 => QueryState::Succeeded,
            2 => QueryState::Failed,
            _ => QueryState::Stopped,
        }
    }

    /// Milliseconds so far, or in all.
    pub fn duration_ms(&self) -> u64 {
        match self.state() {
            QueryState::Running => u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            _ => self.duration_ms.load(Ordering::Relaxed),
        }
    }

    /// What the operators have measured so far, or in all.
    pub fn metrics(&self) -> Metrics {
        let plan = self.plan.lock().expect("no panics while locked").clone();
        match plan {
            Some(plan) => message(&plan),
            None => self.metrics.get().cloned().unwrap_or_default(),
        }
    }

    /// The plan, while the query runs.
    pub fn plan(&self) -> Option<Arc<dyn ExecutionPlan>> {
        self.plan.lock().expect("no panics while locked").clone()
    }

    /// What went wrong.
    pub fn error(&self) -> Option<&str> {
        self.error.get().map(String::as_str)
    }

    /// What was written, once it is there.
    pub fn written(&self) -> Option<Written> {
        self.written.get().copied()
    }

    /// Notes what a write came to.
    pub fn set_written(&self, written: Written) {
        // A query writes once.
        let _ = self.written.set(written);
    }

    fn end(self: &Arc<Self>, state: u8) {
        let plan = self.plan.lock().expect("no panics while locked").take();
        if let Some(plan) = &plan {
            self.metrics.get_or_init(|| message(plan));
        }
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.duration_ms.store(elapsed, Ordering::Relaxed);
        self.state.store(state, Ordering::Relaxed);
        if let (Some(listener), Some(plan)) = (&self.listener, plan) {
            listener.query_ended(self, plan);
        }
    }
}

/// The last queries of a session.
#[derive(Debug, Default)]
pub struct QueryLog {
    records: Mutex<VecDeque<Arc<QueryRecord>>>,
}

impl QueryLog {
    /// Notes the start of a query.
    pub fn start(
        &self,
        session: &Session,
        operation: &OperationHandle,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Arc<QueryRecord> {
        let listener = session.engine.listener();
        let record = Arc::new(QueryRecord {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            operation_id: operation.id.clone(),
            session_id: session.id().to_string(),
            tags: operation.tags.clone(),
            description: operation.description.clone(),
            properties: Arc::clone(&operation.properties),
            started_ms: chrono::Utc::now().timestamp_millis(),
            error: OnceLock::new(),
            written: OnceLock::new(),
            listener: listener.cloned(),
            plan: Mutex::new(Some(plan)),
            metrics: OnceLock::new(),
            started: Instant::now(),
            duration_ms: AtomicU64::new(0),
            state: AtomicU8::new(0),
        });
        let mut records = self.records.lock().expect("no panics while locked");
        if records.len() == KEPT {
            records.pop_front();
        }
        records.push_back(Arc::clone(&record));
        drop(records);
        if let Some(listener) = listener {
            listener.query_started(session, &record);
        }
        record
    }

    /// The kept queries, oldest first.
    pub fn records(&self) -> Vec<Arc<QueryRecord>> {
        self.records.lock().expect("no panics while locked").iter().cloned().collect()
    }
}

/// Notes the end of a query; one that is dropped without a word was stopped.
#[derive(Debug)]
pub struct EndGuard(Option<Arc<QueryRecord>>);

impl EndGuard {
    pub fn new(record: Arc<QueryRecord>) -> Self {
        Self(Some(record))
    }

    pub fn succeeded(&mut self) {
        self.end(1);
    }

    pub fn failed(&mut self, error: &SparkError) {
        if let Some(record) = &self.0 {
            // The first error counts.
            let _ = record.error.set(error.to_string());
        }
        self.end(if error.condition() == "OPERATION_CANCELED" { 3 } else { 2 });
    }

    fn end(&mut self, state: u8) {
        if let Some(record) = self.0.take() {
            record.end(state);
        }
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.end(3);
    }
}

/// The metrics of a plan's operators as message.
pub fn message(plan: &Arc<dyn ExecutionPlan>) -> Metrics {
    let mut objects = vec![];
    add(plan, 0, &mut objects);
    Metrics { metrics: objects }
}

fn add(plan: &Arc<dyn ExecutionPlan>, parent: i64, objects: &mut Vec<metrics::MetricObject>) {
    let plan_id = objects.len() as i64 + 1;
    let mut values: HashMap<String, metrics::MetricValue> = HashMap::new();
    for metric in plan.metrics().map(|set| set.aggregate_by_name()).iter().flat_map(|set| set.iter()) {
        let value = metric.value();
        let kind = match value {
            MetricValue::ElapsedCompute(_) | MetricValue::Time { .. } => "nsTiming",
            MetricValue::SpilledBytes(_) | MetricValue::CurrentMemoryUsage(_) => "size",
            _ => "sum",
        };
        let own = metrics::MetricValue {
            name: value.name().to_string(),
            value: i64::try_from(value.as_usize()).unwrap_or(i64::MAX),
            metric_type: kind.into(),
        };
        values.insert(value.name().to_string(), own);
    }
    objects.push(metrics::MetricObject { name: plan.name().to_string(), plan_id, parent, execution_metrics: values });
    for child in plan.children() {
        add(child, plan_id, objects);
    }
}

/// Bytes that the plan's scans have read.
pub fn bytes_scanned(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let own =
        plan.metrics().and_then(|set| set.sum_by_name("bytes_scanned")).map_or(0, |value| value.as_usize() as u64);
    own + plan.children().into_iter().map(bytes_scanned).sum::<u64>()
}
