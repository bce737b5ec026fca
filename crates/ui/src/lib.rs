//! What runs and what ran: Spark's event log, the web UI, REST, the history server.
//!
//! Reading order: [`recorder`] hears of queries and makes Spark's events of them ([`stages`] cuts plans), [`event_log`]
//! writes them, [`store`] keeps what they say ([`model`], [`metric`]), [`logs`] reads them again, [`web`] shows it all.

pub mod application;
pub mod encode;
pub mod event;
pub mod event_log;
pub mod history;
pub mod json;
pub mod limits;
pub mod logs;
pub mod lz4;
pub mod metric;
pub mod model;
pub mod quantile;
pub mod recorder;
pub mod snappy;
pub mod stages;
pub mod store;
pub mod track;
pub mod web;
pub mod zip;

pub use recorder::Recorder;
