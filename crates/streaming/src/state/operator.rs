//! A stateful operator between batches: its store, what the running batch wants to change, and what it measured.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use arrow::datatypes::DataType;
use firesteel_protocol::Result;

use super::store::{Changes, Store};
use crate::progress::StateReport;
use crate::start::OutputMode;

/// What an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Aggregate,
    Dedup,
    DedupWithinWatermark,
}

impl Kind {
    /// Spark's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aggregate => "stateStoreSave",
            Self::Dedup => "dedupe",
            Self::DedupWithinWatermark => "dedupeWithinWatermark",
        }
    }
}

/// The operator.
#[derive(Debug)]
pub struct Operator {
    pub kind: Kind,
    /// `state/<operator>/0`.
    dir: PathBuf,
    /// Whether its keys go when the watermark has passed them.
    waits: bool,
    retained: u64,
    state: Mutex<State>,
}

/// What an operator holds.
#[derive(Debug, Default)]
pub struct State {
    /// The store and its version.
    store: Option<(Store, u64)>,
    /// Set when the batch's rows have all been seen; a second run of the batch sets it anew.
    pending: Option<Changes>,
    report: StateReport,
}

impl State {
    /// The store at a version, read if it is not there.
    pub fn store(&mut self, dir: &Path, types: &[DataType], key_columns: usize, version: u64) -> Result<&Store> {
        let fits = self.store.as_ref().is_some_and(|(_, own)| *own == version);
        if !fits {
            let mut store = Store::new(dir, types, key_columns)?;
            store.load(version)?;
            self.store = Some((store, version));
        }
        match &self.store {
            Some((store, _)) => Ok(store),
            None => Err(firesteel_protocol::SparkError::internal("a store that was just opened is gone")),
        }
    }

    /// What the batch does to the state, and its numbers.
    pub fn finish(&mut self, pending: Changes, report: StateReport) {
        self.pending = Some(pending);
        self.report = report;
    }
}

impl Operator {
    pub fn new(dir: &Path, kind: Kind, waits: bool, retained: u64) -> Self {
        Self { kind, dir: dir.join("0"), waits, retained, state: Mutex::default() }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panics while locked")
    }

    /// Whether time alone can bring out rows or let state go.
    pub fn waits_for_watermark(&self, mode: OutputMode) -> bool {
        self.waits && (self.kind != Kind::Aggregate || mode != OutputMode::Complete)
    }

    /// Writes the version after a batch.
    pub fn commit(&self, batch_id: u64) -> Result<StateReport> {
        let since = Instant::now();
        let mut state = self.lock();
        let changes = state.pending.take();
        let seen = changes.is_some();
        let mut report = if seen { std::mem::take(&mut state.report) } else { StateReport::default() };
        report.operator = self.kind.name();
        // A sink that never asked for the rows leaves the state as it was.
        if let Some((store, version)) = state.store.as_mut() {
            store.commit(&changes.unwrap_or_default(), batch_id + 1, self.retained)?;
            *version = batch_id + 1;
            report.total = store.len() as u64;
            report.memory_bytes = store.memory_bytes();
        }
        report.commit_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(report)
    }
}
