//! A running or ended query as its clients see it: ids, status, reports, failure, and how to stop it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firesteel_engine::CancelToken;
use firesteel_protocol::{Result, SparkError};
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use crate::task_failed;

/// Tasks on other threads at a time.
const MOST_BUSY: u32 = 64;

/// What a query does right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub message: String,
    pub is_data_available: bool,
    pub is_trigger_active: bool,
}

/// Why a query failed.
#[derive(Debug, Clone)]
pub struct QueryFailure {
    /// The condition of the cause.
    pub condition: String,
    /// What the cause says, condition and SQLSTATE included.
    pub message: String,
    /// Offsets and state of the query when it failed.
    pub debug: String,
}

/// The query.
#[derive(Debug)]
pub struct StreamingQuery {
    /// Stays over restarts.
    pub id: String,
    /// New at every start.
    pub run_id: String,
    pub name: Option<String>,
    pub cancel: CancelToken,
    state: Mutex<State>,
    ended: watch::Sender<bool>,
    /// Triggers that have begun.
    triggers: AtomicU64,
    /// The number of the last trigger that found nothing new.
    idle_trigger: watch::Sender<u64>,
    /// What runs on other threads.
    busy: Arc<Semaphore>,
    /// The plan of the last batch.
    explanation: Mutex<Option<(String, String)>>,
}

#[derive(Debug)]
struct State {
    status: Status,
    reports: VecDeque<Value>,
    /// Spark drops reports until fewer than this are there.
    most_reports: usize,
    failure: Option<QueryFailure>,
}

impl StreamingQuery {
    /// A query that keeps less than `most_reports` of its reports, but always the last.
    pub fn new(id: String, name: Option<String>, most_reports: usize) -> Self {
        let status =
            Status { message: "Initializing sources".into(), is_data_available: false, is_trigger_active: false };
        Self {
            id,
            run_id: uuid::Uuid::new_v4().to_string(),
            name,
            cancel: CancelToken::new(),
            state: Mutex::new(State { status, reports: VecDeque::new(), most_reports, failure: None }),
            ended: watch::Sender::new(false),
            triggers: AtomicU64::new(0),
            idle_trigger: watch::Sender::new(0),
            busy: Arc::new(Semaphore::new(MOST_BUSY as usize)),
            explanation: Mutex::default(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panics while locked")
    }

    pub fn status(&self) -> Status {
        self.lock().status.clone()
    }

    /// Says what the query does now.
    pub fn set_status(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.lock().status);
    }

    pub fn is_active(&self) -> bool {
        !*self.ended.borrow()
    }

    pub fn failure(&self) -> Option<QueryFailure> {
        self.lock().failure.clone()
    }

    /// The last reports, the oldest first.
    pub fn reports(&self) -> Vec<Value> {
        self.lock().reports.iter().cloned().collect()
    }

    pub fn last_report(&self) -> Option<Value> {
        self.lock().reports.back().cloned()
    }

    pub(crate) fn add_report(&self, report: Value) {
        let mut state = self.lock();
        while state.reports.len() + 1 >= state.most_reports.max(2) {
            state.reports.pop_front();
        }
        state.reports.push_back(report);
    }

    /// Runs what may block on another thread; it comes to its end even where nobody waits for it any more.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.busy).acquire_owned().await;
        let work = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(task_failed)?
    }

    /// Waits for what still runs on other threads.
    pub(crate) async fn settle(&self) {
        // Nobody closes the semaphore.
        let _ = self.busy.acquire_many(MOST_BUSY).await;
    }

    /// A trigger begins; its number.
    pub(crate) fn begin_trigger(&self) -> u64 {
        self.triggers.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// A trigger found nothing new.
    pub(crate) fn was_idle(&self, trigger: u64) {
        self.idle_trigger.send_replace(trigger);
    }

    pub(crate) fn explain_as(&self, simple: String, extended: String) {
        *self.explanation.lock().expect("no panics while locked") = Some((simple, extended));
    }

    /// The plan of the last batch.
    pub fn explanation(&self, extended: bool) -> String {
        match &*self.explanation.lock().expect("no panics while locked") {
            Some((_, text)) if extended => text.clone(),
            Some((text, _)) => text.clone(),
            None => "No physical plan. Waiting for data.".into(),
        }
    }

    /// The query has ended.
    pub(crate) fn end(&self, failure: Option<QueryFailure>) {
        {
            let mut state = self.lock();
            state.status = Status {
                message: match &failure {
                    Some(failure) => format!("Terminated with exception: {}", failure.message),
                    None => "Stopped".into(),
                },
                is_data_available: false,
                is_trigger_active: false,
            };
            state.failure = failure;
        }
        self.ended.send_replace(true);
    }

    /// Waits for the end; whether it came within the time. A failure is an error.
    pub async fn await_termination(&self, timeout: Option<Duration>) -> Result<bool> {
        let mut ended = self.ended.subscribe();
        let wait = async move {
            // The sender lives as long as this query.
            let _ = ended.wait_for(|ended| *ended).await;
        };
        let in_time = match timeout {
            None => {
                wait.await;
                true
            }
            Some(timeout) => tokio::time::timeout(timeout, wait).await.is_ok(),
        };
        match self.failure() {
            Some(failure) if in_time => Err(self.failed(&failure)),
            _ => Ok(in_time),
        }
    }

    /// Waits until everything that was there is processed.
    pub async fn process_all_available(&self) -> Result<()> {
        // The trigger that runs now may have looked before the data came: a later one counts.
        let begun = self.triggers.load(Ordering::SeqCst);
        let mut idle = self.idle_trigger.subscribe();
        let mut ended = self.ended.subscribe();
        if let Some(failure) = self.failure() {
            return Err(self.failed(&failure));
        }
        tokio::select! {
            _ = idle.wait_for(|trigger| *trigger > begun) => {}
            _ = ended.wait_for(|ended| *ended) => {}
        }
        match self.failure() {
            Some(failure) => Err(self.failed(&failure)),
            None => Ok(()),
        }
    }

    /// Ends the query, between two batches or within one, and waits for it.
    pub async fn stop(&self) {
        self.cancel.cancel();
        let mut ended = self.ended.subscribe();
        // The sender lives as long as this query.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// `STREAM_FAILED` with the cause.
    pub fn failed(&self, failure: &QueryFailure) -> SparkError {
        SparkError::new("STREAM_FAILED")
            .with("id", &self.id)
            .with("runId", &self.run_id)
            .with("message", &failure.message)
            .with_details(&failure.debug)
    }
}
