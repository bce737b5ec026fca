//! The queries of a session. Spark's `StreamingQueryManager`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Weak};
use std::time::Duration;

use firesteel_engine::Session;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::options::illegal_argument;
use tokio::sync::watch;

use crate::listener::ListenerBus;
use crate::query::StreamingQuery;

/// Ended queries whose status and failure can still be asked for.
const RETAINED: usize = 100;

/// The running queries of this process by their checkpoint's id: one checkpoint has one run.
static RUNNING: LazyLock<Mutex<HashMap<String, Weak<StreamingQuery>>>> = LazyLock::new(Mutex::default);

/// The queries of a session.
#[derive(Debug)]
pub struct StreamingQueryManager {
    pub session: Arc<Session>,
    pub listeners: Arc<ListenerBus>,
    state: Mutex<State>,
    /// Counts the queries that have ended.
    ended: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// In order of their start.
    queries: Vec<Arc<StreamingQuery>>,
    /// The last query that ended since `resetTerminated`.
    last_ended: Option<Arc<StreamingQuery>>,
}

impl StreamingQueryManager {
    pub fn new(session: Arc<Session>) -> Arc<Self> {
        session.engine.set_reader(crate::state_source::open);
        let listeners = Arc::new(ListenerBus::new(&session));
        Arc::new(Self { session, listeners, state: Mutex::default(), ended: watch::Sender::new(0) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panics while locked")
    }

    /// Running queries.
    pub fn active(&self) -> Vec<Arc<StreamingQuery>> {
        self.lock().queries.iter().filter(|query| query.is_active()).cloned().collect()
    }

    /// The running query of an id.
    pub fn get(&self, id: &str) -> Result<Option<Arc<StreamingQuery>>> {
        if uuid::Uuid::parse_str(id).is_err() {
            return Err(illegal_argument(format!("Invalid UUID string: {id}")));
        }
        Ok(self.active().into_iter().find(|query| query.id == id))
    }

    /// A query of this session, running or not.
    pub fn find(&self, id: &str, run_id: &str) -> Result<Arc<StreamingQuery>> {
        let state = self.lock();
        let found = state.queries.iter().find(|query| query.id == id && query.run_id == run_id);
        found.cloned().ok_or_else(|| SparkError::new("CONNECT_INVALID_PLAN.STREAMING_QUERY_NOT_FOUND").with("id", id))
    }

    /// Makes a query known, unless its name is taken.
    pub(crate) fn register(&self, query: &Arc<StreamingQuery>) -> Result<()> {
        let mut state = self.lock();
        if let Some(name) = &query.name {
            if state.queries.iter().any(|own| own.is_active() && own.name.as_ref() == Some(name)) {
                return Err(illegal_argument(format!(
                    "Cannot start query with name {name} as a query with that name is already active in this \
                     SparkSession"
                )));
            }
        }
        let ended = state.queries.iter().filter(|own| !own.is_active()).count();
        if ended > RETAINED {
            if let Some(oldest) = state.queries.iter().position(|own| !own.is_active()) {
                state.queries.remove(oldest);
            }
        }
        state.queries.push(Arc::clone(query));
        Ok(())
    }

    /// A query has ended.
    pub(crate) fn note_end(&self, query: &Arc<StreamingQuery>) {
        self.lock().last_ended = Some(Arc::clone(query));
        self.ended.send_modify(|count| *count += 1);
    }

    /// Waits until any query has ended since the last [`Self::reset_terminated`]; a failure is an error.
    pub async fn await_any(&self, timeout: Option<Duration>) -> Result<bool> {
        let mut ended = self.ended.subscribe();
        let wait = async {
            loop {
                if let Some(query) = self.lock().last_ended.clone() {
                    return query;
                }
                // The sender lives as long as this manager.
                let _ = ended.changed().await;
            }
        };
        let query = match timeout {
            None => wait.await,
            Some(timeout) => match tokio::time::timeout(timeout, wait).await {
                Ok(query) => query,
                Err(_) => return Ok(false),
            },
        };
        match query.failure() {
            Some(failure) => Err(query.failed(&failure)),
            None => Ok(true),
        }
    }

    /// Forgets what has ended so far.
    pub fn reset_terminated(&self) {
        self.lock().last_ended = None;
    }

    /// Stops all queries: the session ends.
    pub fn stop_all(&self) {
        for query in self.active() {
            query.cancel.cancel();
        }
        self.listeners.stop();
    }
}

/// Stops the run that a checkpoint has, and notes the new one.
pub(crate) async fn take_over(query: &Arc<StreamingQuery>, stop_other: bool) -> Result<()> {
    loop {
        let other = {
            let mut running = RUNNING.lock().expect("no panics while locked");
            running.retain(|_, own| own.upgrade().is_some_and(|own| own.is_active()));
            match running.get(&query.id).and_then(Weak::upgrade) {
                Some(other) => other,
                None => {
                    running.insert(query.id.clone(), Arc::downgrade(query));
                    return Ok(());
                }
            }
        };
        if !stop_other {
            return Err(SparkError::new("_LEGACY_ILLEGAL_STATE").with_message(format!(
                "Cannot start query with id {} as another query with same id is already active. Perhaps you are \
                 attempting to restart a query from checkpoint that is already active. You may stop the old query by \
                 setting the SQL configuration: spark.conf.set(\"spark.sql.streaming.stopActiveRunOnRestart\", true) \
                 and retry.",
                query.id
            )));
        }
        tracing::warn!(id = query.id, "the query's older run is stopped");
        other.stop().await;
    }
}
