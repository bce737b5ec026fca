//! What a query keeps from batch to batch: stateful operators and their state.
//!
//! [`install()`] puts stateful operators in place of aggregates, deduplications, joins and limits of streams. Each has an
//! [`operator::Operator`] that outlives the batches, with a [`store::Store`] of rows by key or two of them, written below
//! the checkpoint's `state/` in versions: batch N reads version N and writes version N + 1. The format is Firesteel's own.
//!
//! Reading order: [`node`] and [`exec`] (what all operators share), [`event_time`] (the column that the watermark speaks
//! of), [`operator`], [`store`], [`part`] (a partition in memory), [`lanes`] (partitions side by side), [`mod@file`]
//! (versions on disk), [`shape`] (names), then the operators [`aggregate`] with [`session`], [`dedup`], [`limit`],
//! [`join`] with [`join_plan`], [`range`] and [`join_work`], and [`python`].

pub mod aggregate;
mod aggregate_names;
pub(crate) mod counted;
pub mod dedup;
pub mod event_time;
pub mod exec;
pub mod file;
mod install;
pub mod join;
pub mod join_plan;
pub mod join_work;
pub mod lanes;
pub mod limit;
pub mod node;
pub mod operator;
pub mod part;
pub mod python;
pub mod range;
pub mod session;
pub mod shape;
pub mod store;

pub use install::{count, install, is_streaming_python};

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use firesteel_protocol::{Result, SparkError};
use firesteel_sources::storage::hadoop_path;

use crate::progress::StateReport;
use crate::start::OutputMode;
use operator::{Kind, Operator};
use shape::Described;
use store::Keeping;

/// The watermarks of an operator in a batch, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// Rows that are not later than this are dropped.
    pub late_ms: i64,
    /// State that is not later than this goes.
    pub eviction_ms: i64,
}

impl Watermarks {
    /// The slower of two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self { late_ms: self.late_ms.min(other.late_ms), eviction_ms: self.eviction_ms.min(other.eviction_ms) }
    }
}

/// How an operator runs in a batch.
#[derive(Debug, Clone)]
pub struct Run {
    pub operator: Arc<Operator>,
    pub mode: OutputMode,
    /// The version of the state that is read.
    pub version: u64,
    pub watermarks: Watermarks,
    /// When the batch began.
    pub timestamp_ms: i64,
}

/// What a batch knows of time.
#[derive(Debug, Clone, Copy)]
pub struct BatchTime {
    /// The query's watermarks.
    pub watermarks: Watermarks,
    /// When the batch began.
    pub timestamp_ms: i64,
}

/// The stateful operators of a query.
#[derive(Debug)]
pub struct Operators {
    dir: PathBuf,
    keeping: Keeping,
    all: Mutex<Vec<Arc<Operator>>>,
}

impl Operators {
    /// State below `dir`.
    ///
    /// # Errors
    /// State that Spark wrote: its format is not read.
    pub fn new(dir: &Path, keeping: Keeping) -> Result<Self> {
        for name in firesteel_sources::stream::log::names(dir)? {
            if dir.join(&name).join("_metadata").is_dir() {
                return Err(SparkError::unsupported(
                    format!(
                        "the state that Apache Spark wrote to {} (rows of Spark's UnsafeRow in HDFSBackedStateStore or \
                         RocksDB files; Firesteel keeps its own as Arrow files)",
                        hadoop_path(dir)
                    ),
                    "Let Spark finish this query, or start it anew with another checkpoint.",
                ));
            }
        }
        Ok(Self { dir: dir.to_path_buf(), keeping, all: Mutex::default() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Operator>>> {
        self.all.lock().expect("no panics while locked")
    }

    /// Whether no plan has named one yet.
    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn operator(&self, index: usize, kind: Kind, waits: bool, version: u64) -> Arc<Operator> {
        let mut all = self.lock();
        while all.len() <= index {
            let dir = self.dir.join(all.len().to_string());
            all.push(Arc::new(Operator::new(&dir, kind, waits, self.keeping)));
        }
        all[index].begin(version);
        Arc::clone(&all[index])
    }

    /// Refuses a query whose operators are not those of the state that it goes on with; `schemas`: nor may their rows
    /// be others. Spark's `OperatorStateMetadataValidator`.
    ///
    /// # Errors
    /// Operators came, went or changed since the state was written.
    pub fn check(&self, batch_id: u64, schemas: bool) -> Result<()> {
        if batch_id == 0 {
            return Ok(());
        }
        let all = self.lock();
        let ids: Vec<u64> = (0..all.len() as u64).rev().collect();
        let mut stored: Vec<(u64, String)> = vec![];
        for folder in firesteel_sources::stream::log::names(&self.dir)? {
            if folder.parse::<usize>().is_err() {
                continue;
            }
            // What has no name is as old as this check is new.
            let Some(own) = Described::read(&self.dir.join(folder))? else { return Ok(()) };
            stored.push((own.id, own.name));
        }
        stored.sort();
        let mut current: Vec<(u64, String)> =
            all.iter().zip(&ids).map(|(own, id)| (*id, own.kind.name().to_string())).collect();
        current.sort();
        let shown = |operators: &[(u64, String)]| {
            let each = operators.iter().map(|(id, name)| format!("(OperatorId: {id} -> OperatorName: {name})"));
            each.collect::<Vec<_>>().join(", ")
        };
        if stored.is_empty() && !current.is_empty() {
            return Err(SparkError::new("STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY")
                .with("OpsInCurBatchSeq", shown(&current)));
        }
        if stored != current {
            return Err(SparkError::new("STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA")
                .with("OpsInMetadataSeq", shown(&stored))
                .with("OpsInCurBatchSeq", shown(&current)));
        }
        for operator in all.iter().filter(|_| schemas) {
            if let Some(stored) = operator.stored()? {
                operator.check(&stored)?;
            }
        }
        Ok(())
    }

    /// Whether a batch without data may have something to say, once the watermark has moved.
    pub fn wait_for_watermark(&self, mode: OutputMode) -> bool {
        self.lock().iter().any(|operator| operator.waits_for_watermark(mode))
    }

    /// Whether a batch without data has something to say at a time.
    pub fn is_due(&self, now_ms: i64) -> bool {
        self.lock().iter().any(|operator| operator.is_due(now_ms))
    }

    /// Whether every operator has seen all rows of the batch.
    pub fn have_seen_all(&self) -> bool {
        self.lock().iter().all(|operator| operator.has_seen_all())
    }

    /// Writes what the batch did to the state. Blocks.
    pub fn commit(&self, batch_id: u64) -> Result<Vec<StateReport>> {
        let all = self.lock();
        let ids = (0..all.len() as u64).rev();
        let mut reports = vec![];
        for (operator, id) in all.iter().zip(ids) {
            reports.push(operator.commit(batch_id, id)?);
        }
        // Spark names the operators from the last to the first.
        reports.reverse();
        Ok(reports)
    }
}
