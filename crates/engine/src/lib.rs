//! Spark without a network: engine, session, configuration, query execution, commands.
//!
//! Reading order: [`engine`] (one a process), [`session`], [`conf`], [`query`] (a relation becomes rows),
//! [`runner`] (partitions become a stream), [`analyze`], [`command`], [`catalog`],
//! [`variables`], [`routines`], [`cache`].

pub mod analyze;
pub mod artifacts;
pub mod cache;
pub mod cancel;
pub mod catalog;
pub mod command;
pub mod conf;
mod conf_table;
pub mod describe;
pub mod engine;
pub mod explain;
pub mod kept;
pub mod listener;
pub mod memory;
pub mod metrics;
pub mod progress;
pub mod python;
pub mod query;
pub mod relabel;
pub mod routines;
pub mod runner;
mod second_plan;
pub mod session;
pub mod show;
pub mod user;
mod variables;

pub use artifacts::Artifacts;
pub use cancel::CancelToken;
pub use conf::SessionConf;
pub use engine::{Endpoint, Engine, EngineConf};
pub use listener::Listener;
pub use progress::{Progress, StageProgress, StageSnapshot};
pub use query::{Execution, Observed, OperationHandle, Rows, RowsSummary, Summary};
pub use session::{ExtraPlanner, Session};

/// The version of Spark whose behaviour this is.
pub const SPARK_VERSION: &str = "4.2.1";
