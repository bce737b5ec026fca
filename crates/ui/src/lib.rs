//! What runs and what ran: Spark's event log, the web UI, REST, the history server.
//!
//! Reading order: [`recorder`] hears of queries and makes Spark's events of them ([`stages`] cuts plans), [`log`]
//! writes and reads them, [`store`] keeps what they say ([`model`], [`metric`]), [`web`] shows it all.

pub mod application;
pub mod encode;
pub mod event;
pub mod history;
pub mod json;
pub mod limits;
pub mod log;
pub mod metric;
pub mod model;
pub mod peaks;
pub mod quantile;
pub mod recorder;
pub mod redact;
pub mod stages;
pub mod store;
pub mod threads;
pub mod track;
pub mod web;

pub use recorder::Recorder;
