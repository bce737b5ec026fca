//! Who hears of sessions and queries: the event log and the web UI. Spark's listener bus.
//!
//! The engine says what begins and ends; what that means in Spark's events is the listener's business.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use firesteel_protocol::connect as pb;

use crate::Session;
use crate::metrics::QueryRecord;

/// Rows that a session keeps: `cache()`, `checkpoint()`.
#[derive(Debug)]
pub struct KeptInfo {
    /// Unique in the process.
    pub number: u64,
    /// The plan that made them.
    pub name: String,
    pub level: pb::StorageLevel,
    /// Bytes in memory and on disk, by partition.
    pub partitions: Vec<(u64, u64)>,
}

/// Tells the listener when rows are kept no longer.
#[derive(Debug)]
pub(crate) struct KeptNote {
    pub(crate) listener: Arc<dyn Listener>,
    pub(crate) number: u64,
}

impl Drop for KeptNote {
    fn drop(&mut self) {
        self.listener.rows_dropped(self.number);
    }
}

/// Hears what happens. Calls come from the threads that run queries: they must return at once.
pub trait Listener: Send + Sync + std::fmt::Debug {
    /// A client's session begins; its builder's settings are not there yet.
    fn session_started(&self, session: &Arc<Session>);
    /// A client's session ends.
    fn session_ended(&self, session: &Session);
    /// A query begins to run.
    fn query_started(&self, session: &Session, record: &Arc<QueryRecord>);
    /// A query has ended; `plan` holds the numbers that its operators measured.
    fn query_ended(&self, record: &Arc<QueryRecord>, plan: Arc<dyn ExecutionPlan>);
    /// An event of Spark's own that needs no translation, as the event log has it.
    fn event(&self, session: &Session, event: serde_json::Value);
    /// Rows are kept for later queries.
    fn rows_kept(&self, session: &Session, kept: &KeptInfo);
    /// Rows with this number are kept no longer.
    fn rows_dropped(&self, number: u64);
    /// Where the web UI is, once it listens; starts it where nothing has yet.
    fn ui_url(&self, session: &Session) -> Option<String>;
}
