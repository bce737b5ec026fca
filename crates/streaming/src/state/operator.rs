//! A stateful operator between batches: its stores, what the running batch wants to change, and what it measured.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use bytes::Bytes;
use firesteel_protocol::{Result, SparkError};

use super::shape::{Described, OperatorShape};
use super::store::{Changes, Keeping, Layout, Store};
use crate::progress::StateReport;
use crate::start::OutputMode;

/// Partitions whose snapshots reports name: the default of
/// `spark.sql.streaming.stateStore.numStateStoreInstanceMetricsToReport`.
const SHOWN_PARTITIONS: usize = 5;

/// What an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Aggregate,
    Session,
    Dedup,
    DedupWithinWatermark,
    Join,
    Limit,
    GroupState,
    Processor,
}

impl Kind {
    /// Spark's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aggregate => "stateStoreSave",
            Self::Session => "sessionWindowStateStoreSaveExec",
            Self::Dedup => "dedupe",
            Self::DedupWithinWatermark => "dedupeWithinWatermark",
            Self::Join => "symmetricHashJoin",
            Self::Limit => "globalLimit",
            Self::GroupState => "applyInPandasWithState",
            Self::Processor => "transformWithStateInPandasExec",
        }
    }

    /// The state stores that Spark has for it.
    fn instances(self, partitions: u64) -> u64 {
        match self {
            Self::Join => 4 * partitions,
            Self::Limit => 1,
            _ => partitions,
        }
    }
}

/// The operator.
#[derive(Debug)]
pub struct Operator {
    pub kind: Kind,
    /// `state/<operator>`.
    dir: PathBuf,
    /// Whether its keys go when the watermark has passed them.
    waits: bool,
    keeping: Keeping,
    state: Mutex<State>,
}

/// What an operator holds.
#[derive(Debug, Default)]
pub struct State {
    /// The version that the running batch reads.
    version: u64,
    /// By name, at the running batch's version or at one that a plan of an earlier batch reads again.
    stores: Vec<(&'static str, Store)>,
    /// Set when the batch's rows have all been seen; a second run of the batch sets it anew.
    pending: Option<Vec<(&'static str, Changes)>>,
    report: StateReport,
    /// What a function in Python declared.
    pub variables: Option<Bytes>,
    /// When the first group is due; a query that has just been started does not know, and looks.
    pub due_ms: Option<i64>,
    /// What the rows are called, until it is written.
    shape: Option<OperatorShape>,
    /// Whether this run has written it.
    is_described: bool,
}

impl State {
    /// What a batch that read `version` does to the stores, and its numbers. A plan of an earlier batch that runs once
    /// more (a view of foreachBatch has it) changes nothing.
    pub fn finish(&mut self, version: u64, pending: Vec<(&'static str, Changes)>, report: StateReport) {
        if version == self.version {
            self.pending = Some(pending);
            self.report = report;
        }
    }

    /// Whether `version` is what the running batch reads.
    pub fn is_current(&self, version: u64) -> bool {
        version == self.version
    }

    /// A store at a version, opened if it is not open.
    pub fn store(
        &mut self,
        operator: &Operator,
        name: &'static str,
        layout: &Layout,
        version: u64,
    ) -> Result<&mut Store> {
        let open = self.stores.iter().position(|(own, store)| *own == name && store.version() == version);
        let at = match open {
            Some(at) => at,
            None => {
                let store = Store::open(&operator.dir.join(name), layout, operator.keeping, version)?;
                self.stores.push((name, store));
                self.stores.len() - 1
            }
        };
        Ok(&mut self.stores[at].1)
    }
}

impl Operator {
    pub fn new(dir: &Path, kind: Kind, waits: bool, keeping: Keeping) -> Self {
        Self { kind, dir: dir.to_path_buf(), waits, keeping, state: Mutex::default() }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether groups of it are due at a time.
    pub fn is_due(&self, now_ms: i64) -> bool {
        self.lock().due_ms.is_some_and(|due_ms| due_ms < now_ms)
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panics while locked")
    }

    /// Whether the rows of the running batch have all come through.
    pub fn has_seen_all(&self) -> bool {
        self.lock().pending.is_some()
    }

    /// A batch that reads `version` begins, perhaps anew: forgets what an earlier run of it wanted.
    pub fn begin(&self, version: u64) {
        let mut state = self.lock();
        state.pending = None;
        state.version = version;
        state.stores.retain(|(_, store)| store.version() == version);
    }

    /// Whether time alone can bring out rows or let state go.
    pub fn waits_for_watermark(&self, mode: OutputMode) -> bool {
        let aggregates = matches!(self.kind, Kind::Aggregate | Kind::Session);
        self.waits && !(aggregates && mode == OutputMode::Complete)
    }

    /// Adds the numbers that Spark's `HDFSBackedStateStoreProvider` tells of its stores.
    fn measure(&self, state: &State, report: &mut StateReport) {
        let stores = || state.stores.iter().map(|(_, store)| store);
        let mut put = |key: &str, number: u64| {
            report.custom.push((key.to_string(), i64::try_from(number).unwrap_or(i64::MAX)));
        };
        put("loadedMapCacheHitCount", stores().map(|store| store.hits).sum());
        put("loadedMapCacheMissCount", stores().map(|store| store.misses).sum());
        put("stateOnCurrentVersionSizeBytes", stores().map(Store::memory_bytes).sum());
        // A version is either complete or not there: none is forced, none repaired.
        put("forceSnapshotCount", 0);
        put("numSnapshotsAutoRepaired", 0);
        if self.kind != Kind::Join {
            // All partitions have their snapshot at once: the first few tell as much as any.
            let snapshot = stores().filter_map(Store::snapshot).min();
            let snapshot = snapshot.and_then(|version| i64::try_from(version).ok()).unwrap_or(-1);
            let told = (0..self.keeping.partitions.min(SHOWN_PARTITIONS))
                .map(|partition| (format!("SnapshotLastUploaded.partition_{partition}_default"), snapshot));
            report.custom.extend(told);
        }
    }

    /// Says what the rows are called; the first batch of a run writes it down.
    pub fn describe(&self, shape: impl FnOnce() -> OperatorShape) {
        let mut state = self.lock();
        if !state.is_described {
            state.shape = Some(shape());
        }
    }

    /// What the state below the folder is, as an earlier run wrote it down.
    pub fn stored(&self) -> Result<Option<Described>> {
        Described::read(&self.dir)
    }

    /// Refuses to go on with state whose rows are others.
    ///
    /// # Errors
    /// Keys or values have other types, or a processor other modes.
    pub fn check(&self, stored: &Described) -> Result<()> {
        match &self.lock().shape {
            Some(shape) => shape.goes_on_from(&stored.shape),
            None => Ok(()),
        }
    }

    /// Writes the version after a batch. `id` is Spark's number of the operator.
    pub fn commit(&self, batch_id: u64, id: u64) -> Result<StateReport> {
        let since = Instant::now();
        let mut state = self.lock();
        if let Some(shape) = state.shape.take() {
            let name = self.kind.name().to_string();
            Described { id, name, partitions: self.keeping.partitions, shape }.write(&self.dir)?;
            state.is_described = true;
        }
        let version = state.version;
        state.stores.retain(|(_, store)| store.version() == version);
        let Some(pending) = state.pending.take() else {
            return Err(SparkError::internal("a stateful operator has not seen its rows"));
        };
        let mut report = std::mem::take(&mut state.report);
        report.operator = self.kind.name();
        report.partitions = self.keeping.partitions as u64;
        report.instances = self.kind.instances(report.partitions);
        for (name, changes) in &pending {
            let Some((_, store)) = state.stores.iter_mut().find(|(own, _)| own == name) else {
                return Err(SparkError::internal("a store was never opened"));
            };
            store.commit(changes, batch_id + 1)?;
            report.total += store.row_count();
            report.memory_bytes += store.memory_bytes();
        }
        self.measure(&state, &mut report);
        report.commit_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(report)
    }
}
