//! Structured Streaming: a query runs again and again on what is new, batch by batch.
//!
//! Reading order: [`command`] (what clients ask), [`manager`] (the queries of a session), [`start`] (checks and
//! settings), [`query`] (a query as its clients see it), [`run`] (the loop), [`plan`] (the plan of one batch),
//! [`checkpoint`] (offset log, commit log), [`source`] (data sources in Python), [`sink`], [`state`] (what is kept from batch to batch), [`state_source`] (who reads it), [`watermark`],
//! [`observe`] (metrics of a batch), [`progress`], [`listener`]. Sources are in `firesteel_sources::stream`.

pub mod check;
mod check_python;
mod check_window;
pub mod checkpoint;
pub mod command;
pub mod listener;
pub mod manager;
pub mod observe;
pub mod plan;
pub mod progress;
pub mod query;
pub mod run;
pub mod sink;
mod source;
pub mod start;
pub mod state;
pub mod state_source;
pub mod trigger;
pub mod watermark;

pub use command::{Answer, is_streaming_command};
pub use manager::StreamingQueryManager;

use firesteel_protocol::SparkError;

/// What a blocking task failed with when it did not come to an end.
pub(crate) fn task_failed(error: tokio::task::JoinError) -> SparkError {
    SparkError::internal(format!("a task of a stream failed: {error}"))
}

pub(crate) use firesteel_sources::stream::clock::now_ms;

/// `2024-01-01T00:00:00.000Z`.
pub(crate) fn iso_time(ms: i64) -> String {
    match chrono::DateTime::from_timestamp_millis(ms) {
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        None => ms.to_string(),
    }
}
