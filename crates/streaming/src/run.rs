//! The loop of a query: wait for the trigger, write down what the batch reads, run it, write down that it is done.
//! Spark's `MicroBatchExecution`.
//!
//! A kill at any moment loses nothing: what the offset log names and the commit log does not is run again, with the
//! same offsets, and the sinks know batches by their number.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::displayable;
use firesteel_engine::metrics::EndGuard;
use firesteel_engine::{OperationHandle, Session};
use firesteel_functions::kernel::from_datafusion;
use firesteel_plan::operator::watermark::{EventTimeTracker, EventTimes, WatermarkNode};
use firesteel_protocol::{Result, SparkError, connect as pb};
use firesteel_sources::storage::hadoop_path;
use firesteel_sources::stream::log::illegal_state;
use firesteel_sources::stream::{MicroBatchSource, Offset, fault, open, source_dir};

use crate::checkpoint::commit_log::CommitLog;
use crate::checkpoint::offset_log::{BatchMetadata, OffsetEntry, OffsetLog};
use crate::observe::{self, Observed};
use crate::plan::{StreamBatch, StreamSlot, resolve_batch};
use crate::progress::{Durations, Report, SourceReport, StateReport};
use crate::query::{QueryFailure, StreamingQuery};
use crate::sink::{Batch, Sink};
use crate::source::PythonSource;
use crate::start::{Checkpoint, OutputMode};
use crate::state::store::Keeping;
use crate::state::{self, BatchTime, Operators, Watermarks, exec};
use crate::trigger::Trigger;
use crate::watermark::{Policy, Watermark};
use crate::{StreamingQueryManager, iso_time, now_ms};

/// A trigger without data is reported again after this time.
const IDLE_REPORT_MS: i64 = 10_000;

/// What to run.
#[derive(Debug)]
pub struct Spec {
    pub session: Arc<Session>,
    pub relation: pb::Relation,
    /// All streams that the relation resolves.
    pub all: Vec<StreamSlot>,
    /// Those that its plan reads: the query's sources.
    pub slots: Vec<StreamSlot>,
    pub checkpoint: Checkpoint,
    pub sink: Box<dyn Sink>,
    pub mode: OutputMode,
    pub trigger: Trigger,
}

type SharedSource = Arc<Mutex<Box<dyn MicroBatchSource>>>;

#[derive(Debug)]
struct Source {
    /// Where it stands in the query: more than one place where a DataFrame is used twice.
    slots: Vec<StreamSlot>,
    source: SharedSource,
    description: String,
}

/// A run of a query.
#[derive(Debug)]
pub struct Execution {
    spec: Arc<Spec>,
    query: Arc<StreamingQuery>,
    manager: Arc<StreamingQueryManager>,
    sources: Vec<Source>,
    /// The source of each place, from left to right: what the offset log lists.
    places: Vec<usize>,
    offset_log: OffsetLog,
    commit_log: CommitLog,
    operators: Arc<Operators>,
    /// Whether a plan has said which operators there are.
    operators_known: bool,
    watermark: Watermark,
    /// The batch that runs, or runs next.
    batch_id: u64,
    /// Whether its offsets are in the log.
    constructed: bool,
    metadata: BatchMetadata,
    /// The watermark of the batch before.
    previous_watermark_ms: i64,
    committed: Vec<Option<Offset>>,
    available: Vec<Option<Offset>>,
    last_trigger_ms: Option<i64>,
    last_idle_report_ms: i64,
    /// Batches whose logs are kept.
    retained: u64,
    polling_ms: u64,
    no_data_batches: bool,
}

/// What a batch came to.
struct Outcome {
    rows: Vec<u64>,
    observed: Observed,
    output_rows: i64,
    event_time: Option<(Option<EventTimes>, i64)>,
    state: Vec<StateReport>,
}

impl Execution {
    /// Runs a query to its end.
    pub async fn run(spec: Spec, query: Arc<StreamingQuery>, manager: Arc<StreamingQueryManager>) {
        let spec = Arc::new(spec);
        let outcome = {
            let work = Self::start_and_loop(Arc::clone(&spec), Arc::clone(&query), Arc::clone(&manager));
            let work = std::panic::AssertUnwindSafe(work);
            tokio::select! {
                biased;
                () = query.cancel.cancelled() => Ok(()),
                end = futures::FutureExt::catch_unwind(work) => end.unwrap_or_else(|_| {
                    Err((SparkError::internal("the query panicked"), String::new()))
                }),
            }
        };
        spec.sink.stop().await;
        // What was begun on other threads may still write; only then is the checkpoint free.
        query.settle().await;
        spec.checkpoint.unlock();
        let failure = outcome.err().map(|(error, debug)| {
            tracing::warn!(id = query.id, %error, "a streaming query failed");
            QueryFailure { condition: error.condition().to_string(), message: error.to_string(), debug }
        });
        query.end(failure.clone());
        manager.note_end(&query);
        let told = failure.as_ref().map(|failure| {
            let class = firesteel_protocol::condition::exception_classes(&failure.condition).first().copied();
            (format!("{}: {}", class.unwrap_or("java.lang.Exception"), failure.message), failure.condition.clone())
        });
        manager.listeners.terminated(
            &query.id,
            &query.run_id,
            told.as_ref().map(|(message, condition)| (message.as_str(), condition.as_str())),
        );
    }

    async fn start_and_loop(
        spec: Arc<Spec>,
        query: Arc<StreamingQuery>,
        manager: Arc<StreamingQueryManager>,
    ) -> std::result::Result<(), (SparkError, String)> {
        let describe = |committed: &str, available: &str, state: &str| {
            let name = query.name.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
            format!(
                "=== Streaming Query ===\nIdentifier: {name}[id = {}, runId = {}]\nCurrent Committed Offsets: \
                 {committed}\nCurrent Available Offsets: {available}\n\nCurrent State: {state}\nThread State: RUNNABLE",
                query.id, query.run_id
            )
        };
        let opened = Self::open(Arc::clone(&spec), Arc::clone(&query), manager).await;
        let mut run = opened.map_err(|error| (error, describe("{}", "{}", "INITIALIZING")))?;
        let stop = StopSources(run.sources.iter().map(|source| Arc::clone(&source.source)).collect());
        let end = run.triggers().await;
        drop(stop);
        end.map_err(|error| {
            let debug = describe(&run.offsets_text(&run.committed), &run.offsets_text(&run.available), "ACTIVE");
            (error, debug)
        })
    }

    fn offsets_text(&self, offsets: &[Option<Offset>]) -> String {
        let known = self
            .sources
            .iter()
            .zip(offsets)
            .filter_map(|(source, offset)| Some(format!("{}: {}", source.description, offset.as_ref()?)));
        format!("{{{}}}", known.collect::<Vec<_>>().join(","))
    }

    /// Opens sources and logs, and finds out where the query stands.
    async fn open(spec: Arc<Spec>, query: Arc<StreamingQuery>, manager: Arc<StreamingQueryManager>) -> Result<Self> {
        let own = Arc::clone(&query);
        let blocking = move || -> Result<Self> {
            let checkpoint = &spec.checkpoint.path;
            let conf = spec.session.conf();
            let polling = conf.checked("spark.sql.streaming.pollingDelay")?;
            let polling = polling.and_then(|text| firesteel_sources::stream::file_options::duration_ms(&text));
            let no_data = conf.checked("spark.sql.streaming.noDataMicroBatches.enabled")?;
            let retained = conf.checked("spark.sql.streaming.minBatchesToRetain")?;
            let retained = retained.and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(100).max(1);
            let memory_mb = conf.checked("spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB")?;
            let memory_mb = memory_mb.and_then(|text| text.trim().parse::<u32>().ok()).map_or(500, u64::from);
            let offset_log = OffsetLog::open(checkpoint)?;
            let commit_log = CommitLog::open(checkpoint)?;
            let (mut sources, mut places): (Vec<Source>, Vec<usize>) = (vec![], vec![]);
            for slot in &spec.slots {
                let same = |source: &Source| slot.plan_id.is_some() && source.slots[0].plan_id == slot.plan_id;
                if let Some(known) = sources.iter().position(same) {
                    sources[known].slots.push(slot.clone());
                    places.push(known);
                    continue;
                }
                let ctx = spec.session.source_context(spec.session.env());
                let source = match PythonSource::of(&slot.request, &spec.session, &ctx)? {
                    Some(python) => python,
                    None => open(&slot.request, &source_dir(checkpoint, sources.len()), &ctx)?,
                };
                let description = source.description();
                places.push(sources.len());
                sources.push(Source { slots: vec![slot.clone()], source: Arc::new(Mutex::new(source)), description });
            }
            let count = sources.len();
            let metadata = BatchMetadata { conf: BatchMetadata::conf_of(conf), ..BatchMetadata::default() };
            let policy = conf.checked("spark.sql.streaming.multipleWatermarkPolicy")?.unwrap_or_default();
            let mut run = Self {
                operators: Arc::new(Operators::new(
                    &checkpoint.join("state"),
                    keeping(&metadata, retained, memory_mb),
                )?),
                operators_known: false,
                watermark: Watermark::new(Policy::of(&policy)),
                batch_id: 0,
                constructed: false,
                metadata,
                previous_watermark_ms: 0,
                committed: vec![None; count],
                available: vec![None; count],
                last_trigger_ms: None,
                last_idle_report_ms: i64::MIN,
                retained,
                polling_ms: polling.unwrap_or(10).max(1),
                no_data_batches: no_data.is_none_or(|text| text.trim().eq_ignore_ascii_case("true")),
                spec: Arc::clone(&spec),
                query,
                manager,
                sources,
                places,
                offset_log,
                commit_log,
            };
            run.recover()?;
            run.operators =
                Arc::new(Operators::new(&checkpoint.join("state"), keeping(&run.metadata, retained, memory_mb))?);
            Ok(run)
        };
        own.blocking(blocking).await
    }

    /// Compares the last entry of the offset log with the last one of the commit log.
    fn recover(&mut self) -> Result<()> {
        let Some(latest) = self.offset_log.latest()? else { return Ok(()) };
        let entry = self.entry(latest)?;
        if latest > 0 {
            let before = self.offset_log.get(latest - 1)?.ok_or_else(|| {
                illegal_state(format!(
                    "The offset log for batch {} doesn't exist, which is required to restart the query from the latest \
                     batch {latest} from the offset log. Please ensure there are two subsequent offset logs available \
                     for the latest batch via manually deleting the offset file(s). Please also ensure the latest batch \
                     for commit log is equal or one batch earlier than the latest batch for offset log.",
                    latest - 1
                ))
            })?;
            self.check_sources(&before)?;
            self.committed = self.by_source(before.offsets);
            self.previous_watermark_ms = before.metadata.watermark_ms;
        }
        self.available = self.by_source(entry.offsets);
        self.batch_id = latest;
        self.constructed = true;
        self.watermark.restore(entry.metadata.watermark_ms);
        // The settings that a query began with stay with it.
        for (key, value) in entry.metadata.conf {
            self.metadata.conf.insert(key, value);
        }
        if let Some(policy) = self.metadata.conf.get("spark.sql.streaming.multipleWatermarkPolicy") {
            let mut watermark = Watermark::new(Policy::of(policy.as_str().unwrap_or_default()));
            watermark.restore(entry.metadata.watermark_ms);
            self.watermark = watermark;
        }
        self.metadata.watermark_ms = entry.metadata.watermark_ms;
        self.metadata.timestamp_ms = entry.metadata.timestamp_ms;
        match self.commit_log.latest()? {
            Some(done) if done == latest => {
                let next = self.commit_log.next_watermark_ms(done)?.unwrap_or(0);
                self.watermark.restore(entry.metadata.watermark_ms.max(next));
                self.previous_watermark_ms = entry.metadata.watermark_ms;
                self.committed.clone_from(&self.available);
                self.batch_id = latest + 1;
                self.constructed = false;
            }
            Some(done) if done > latest => {
                return Err(illegal_state(format!(
                    "batch {done} is committed in {}, but the offset log ends at batch {latest}",
                    hadoop_path(&self.spec.checkpoint.path)
                )));
            }
            Some(done) if done + 1 < latest => {
                tracing::warn!(batch_id = latest, committed = done, "batches between were never committed");
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    fn entry(&self, batch_id: u64) -> Result<OffsetEntry> {
        let entry = self.offset_log.get(batch_id)?;
        let entry = entry.ok_or_else(|| illegal_state(format!("batch {batch_id} doesn't exist")))?;
        self.check_sources(&entry)?;
        Ok(entry)
    }

    /// The offsets of the places as those of the sources.
    fn by_source(&self, offsets: Vec<Option<Offset>>) -> Vec<Option<Offset>> {
        let mut own = vec![None; self.sources.len()];
        for (source, offset) in self.places.iter().zip(offsets) {
            own[*source] = offset;
        }
        own
    }

    fn check_sources(&self, entry: &OffsetEntry) -> Result<()> {
        let (known, now) = (entry.offsets.len(), self.places.len());
        if known == now {
            return Ok(());
        }
        Err(SparkError::new("_LEGACY_ASSERTION").with_message(format!(
            "assertion failed: There are [{known}] sources in the checkpoint offsets and now there are [{now}] sources \
             requested by the query. Cannot continue."
        )))
    }

    /// One trigger after the other.
    async fn triggers(&mut self) -> Result<()> {
        if self.spec.trigger == Trigger::AvailableNow {
            for (index, start) in self.committed.clone().into_iter().enumerate() {
                self.ask(index, move |source| source.prepare_available_now(start.as_ref())).await?;
            }
            // A batch that was cut is finished first; its rows are not counted among those that are there now.
        }
        loop {
            let started_ms = now_ms();
            let number = self.query.begin_trigger();
            let had_batch = self.trigger(started_ms).await?;
            let pause = self.spec.trigger.pause(started_ms, now_ms(), had_batch, self.polling_ms);
            let Some(pause) = pause else { return Ok(()) };
            if !had_batch {
                self.query.was_idle(number);
            }
            if !pause.is_zero() {
                let waits_for_time =
                    matches!(self.spec.trigger, Trigger::ProcessingTime { interval_ms } if interval_ms > 0);
                if waits_for_time {
                    self.query.set_status(|status| status.message = "Waiting for next trigger".into());
                }
                tokio::time::sleep(pause).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    /// One trigger; whether it ran a batch.
    async fn trigger(&mut self, started_ms: i64) -> Result<bool> {
        let began = Instant::now();
        let mut durations = Durations::default();
        self.query.set_status(|status| status.is_trigger_active = true);
        if !self.constructed {
            self.constructed = self.construct(&mut durations).await?;
        }
        let ran = self.constructed;
        let report_batch = self.batch_id;
        let (start, end) = (self.committed.clone(), self.available.clone());
        let outcome = if ran {
            self.query.set_status(|status| {
                status.message = "Processing new data".into();
                status.is_data_available = true;
            });
            let outcome = self.batch(&mut durations).await?;
            self.batch_id += 1;
            self.constructed = false;
            Some(outcome)
        } else {
            self.query.set_status(|status| {
                status.message = "Waiting for data to arrive".into();
                status.is_data_available = false;
            });
            None
        };
        durations.add("triggerExecution", began);
        self.report(started_ms, report_batch, &durations, outcome, &start, &end);
        self.last_trigger_ms = Some(started_ms);
        self.query.set_status(|status| status.is_trigger_active = false);
        Ok(ran)
    }

    /// Asks the sources what there is and writes the offsets of the next batch; `false` where there is none to run.
    async fn construct(&mut self, durations: &mut Durations) -> Result<bool> {
        let since = Instant::now();
        let limited = self.spec.trigger != Trigger::Once;
        for index in 0..self.sources.len() {
            let text = format!("Getting offsets from {}", self.sources[index].description);
            self.query.set_status(|status| status.message = text);
            let start = self.committed[index].clone();
            let latest = self.ask(index, move |source| source.latest_offset(start.as_ref(), limited)).await?;
            if latest.is_some() {
                self.available[index] = latest;
            }
        }
        durations.add("latestOffset", since);
        fault::point("the offsets are known");
        let new_data = self.available != self.committed;
        let watermark_ms = self.watermark.current_ms();
        // What the watermark or the clock has passed since comes out by a batch without data.
        if !new_data && !self.has_more_to_say().await? {
            return Ok(false);
        }
        let since = Instant::now();
        let previous = self.metadata.watermark_ms;
        let metadata = BatchMetadata { watermark_ms, timestamp_ms: now_ms(), conf: self.metadata.conf.clone() };
        let entry = OffsetEntry {
            metadata: metadata.clone(),
            offsets: self.places.iter().map(|source| self.available[*source].clone()).collect(),
        };
        let (log, batch_id, retained) = (self.offset_log.clone(), self.batch_id, self.retained);
        let commits = self.commit_log.clone();
        let before = self.query.blocking(move || -> Result<Option<OffsetEntry>> {
            if !log.add(batch_id, &entry)? {
                return Err(SparkError::new("CONCURRENT_STREAM_LOG_UPDATE").with("batchId", batch_id.to_string()));
            }
            if batch_id > retained {
                log.purge_below(batch_id - retained)?;
                commits.purge_below(batch_id - retained)?;
            }
            if batch_id == 0 { Ok(None) } else { log.get(batch_id - 1) }
        });
        let before = before.await?;
        fault::point("the offsets are written");
        if batch_id > 0 {
            self.previous_watermark_ms = previous;
        }
        self.metadata = metadata;
        // Only now is the batch before done for good: it can not be run again.
        if let Some(before) = before {
            for (index, end) in self.by_source(before.offsets).into_iter().enumerate() {
                if let Some(end) = end {
                    self.ask(index, move |source| source.commit(&end)).await?;
                }
            }
        }
        durations.add("walCommit", since);
        fault::point("the sources know what is done");
        Ok(true)
    }

    /// Whether an operator has something to say without new rows: the watermark has moved, or its time has come.
    async fn has_more_to_say(&mut self) -> Result<bool> {
        if !self.no_data_batches || self.batch_id == 0 {
            return Ok(false);
        }
        self.meet_operators().await?;
        let moved = self.watermark.current_ms() > self.metadata.watermark_ms;
        Ok((moved && self.operators.wait_for_watermark(self.spec.mode)) || self.operators.is_due(now_ms()))
    }

    /// A run that was cut between a batch and the one without data leaves that to the next run, which has not met its
    /// operators yet.
    async fn meet_operators(&mut self) -> Result<()> {
        if !self.operators_known {
            let (spec, operators) = (Arc::clone(&self.spec), Arc::clone(&self.operators));
            let (timestamp_ms, batch_id) = (self.metadata.timestamp_ms, self.batch_id);
            let meet = move || {
                let relation = resolve_batch(&spec.session, &spec.relation, timestamp_ms, &spec.all, &[])?.relation;
                let watermarks = Watermarks { late_ms: 0, eviction_ms: 0 };
                state::install(relation, &operators, spec.mode, batch_id, BatchTime { watermarks, timestamp_ms })
                    .map(drop)
            };
            self.query.blocking(meet).await?;
            self.operators_known = true;
        }
        Ok(())
    }

    async fn ask<T: Send + 'static>(
        &self,
        index: usize,
        work: impl FnOnce(&mut dyn MicroBatchSource) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let source = Arc::clone(&self.sources[index].source);
        let work = move || work(source.lock().expect("no panics while locked").as_mut());
        self.query.blocking(work).await
    }

    /// Runs the batch and commits it.
    async fn batch(&mut self, durations: &mut Durations) -> Result<Outcome> {
        let since = Instant::now();
        let (mut batches, mut counts) = (vec![], vec![]);
        for index in 0..self.sources.len() {
            let (start, end) = (self.committed[index].clone(), self.available[index].clone());
            let rows: Arc<dyn TableProvider> = match end {
                Some(end) if start.as_ref() != Some(&end) => {
                    self.ask(index, move |source| source.batch(start.as_ref(), &end)).await?
                }
                _ => empty(&self.sources[index].slots[0])?,
            };
            let count = Arc::new(AtomicU64::new(0));
            counts.push(Arc::clone(&count));
            for slot in &self.sources[index].slots {
                batches.push(StreamBatch { index: slot.index, rows: Arc::clone(&rows), count: Arc::clone(&count) });
            }
        }
        durations.add("getBatch", since);

        let since = Instant::now();
        let watermarks = Watermarks { late_ms: self.previous_watermark_ms, eviction_ms: self.metadata.watermark_ms };
        let planned = self.plan(&batches, watermarks).await?;
        self.operators_known = true;
        durations.add("queryPlanning", since);

        let since = Instant::now();
        fault::point("the batch is planned");
        let (session, operation) = (&self.manager.session, &planned.batch.operation);
        let record = session.queries.start(session, operation, Arc::clone(&planned.batch.plan));
        let mut guard = EndGuard::new(record);
        let added = self.spec.sink.add_batch(self.batch_id, planned.batch.clone(), self.spec.mode).await;
        let added = added.inspect_err(|error| guard.failed(error))?;
        fault::point("the sink has the batch");
        // A sink that has the batch already, or looks at some rows only, leaves state behind.
        if !self.operators.have_seen_all() {
            let finished = exec::finish(&planned.batch.plan, &planned.batch.task_ctx).await;
            finished.inspect_err(|error| guard.failed(error))?;
        }
        guard.succeeded();
        let rows: Vec<u64> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let observed = observe::metrics(&planned.observed).await?;
        let operators = Arc::clone(&self.operators);
        let batch_id = self.batch_id;
        let state = self.query.blocking(move || operators.commit(batch_id)).await?;
        durations.add("addBatch", since);
        fault::point("the state is written");

        let measured: Vec<(Option<EventTimes>, i64)> =
            planned.trackers.iter().map(|(tracker, delay)| (tracker.times(), *delay)).collect();
        self.watermark.update(&measured);

        let since = Instant::now();
        let (log, next) = (self.commit_log.clone(), self.watermark.current_ms());
        let written = self.query.blocking(move || log.add(batch_id, next)).await?;
        if !written {
            return Err(SparkError::new("CONCURRENT_STREAM_LOG_UPDATE").with("batchId", batch_id.to_string()));
        }
        self.committed.clone_from(&self.available);
        durations.add("commitOffsets", since);
        fault::point("the batch is committed");
        Ok(Outcome {
            rows,
            observed,
            output_rows: added.map_or(-1, |rows| i64::try_from(rows).unwrap_or(i64::MAX)),
            event_time: measured.first().map(|(times, _)| (*times, self.metadata.watermark_ms)),
            state,
        })
    }

    /// Resolves and plans the batch.
    async fn plan(&self, batches: &[StreamBatch], watermarks: Watermarks) -> Result<PlannedBatch> {
        let (spec, operators, query) = (Arc::clone(&self.spec), Arc::clone(&self.operators), Arc::clone(&self.query));
        let (timestamp_ms, batch_id, batches) = (self.metadata.timestamp_ms, self.batch_id, batches.to_vec());
        let work = move || -> Result<PlannedBatch> {
            let session = &spec.session;
            let resolved = resolve_batch(session, &spec.relation, timestamp_ms, &spec.all, &batches)?;
            let relation = resolved.relation;
            let fields = relation.fields();
            let trackers = trackers(&relation.plan);
            let logical = relation.plan.display_indent().to_string();
            let time = BatchTime { watermarks, timestamp_ms };
            let relation = state::install(relation, &operators, spec.mode, batch_id, time)?;
            let planned = session.physical_with(relation, vec![], vec![Arc::new(state::node::StatefulPlanner)])?;
            let physical = displayable(planned.physical.as_ref()).indent(false).to_string();
            let optimized = planned.optimized.display_indent().to_string();
            query.explain_as(
                format!("== Physical Plan ==\n{physical}"),
                format!(
                    "== Parsed Logical Plan ==\n{logical}\n\n== Analyzed Logical Plan ==\n{logical}\n\n\
                     == Optimized Logical Plan ==\n{optimized}\n\n== Physical Plan ==\n{physical}"
                ),
            );
            let task_ctx = Arc::new(TaskContext::from(&session.state()?));
            let operation = OperationHandle {
                id: format!("{}-{batch_id}", query.run_id),
                cancel: query.cancel.clone(),
                description: format!(
                    "{}id = {}\nrunId = {}\nbatch = {batch_id}",
                    query.name.as_ref().map(|name| format!("{name}\n")).unwrap_or_default(),
                    query.id,
                    query.run_id
                ),
                ..OperationHandle::default()
            };
            let batch = Batch { plan: planned.physical, fields, task_ctx, session: Arc::clone(session), operation };
            let mut observed = vec![];
            for (name, metrics) in resolved.observed {
                let fields = metrics.fields();
                let plan = session.physical(metrics, vec![])?.physical;
                observed.push((name, Batch { plan, fields, ..batch.clone() }));
            }
            Ok(PlannedBatch { batch, trackers, observed })
        };
        self.query.blocking(work).await
    }

    /// Tells the clients how the trigger went.
    fn report(
        &mut self,
        started_ms: i64,
        batch_id: u64,
        durations: &Durations,
        outcome: Option<Outcome>,
        start: &[Option<Offset>],
        end: &[Option<Offset>],
    ) {
        let idle = outcome.is_none();
        let now = now_ms();
        if idle && now.saturating_sub(IDLE_REPORT_MS) < self.last_idle_report_ms {
            return;
        }
        self.last_idle_report_ms = now;
        let mut sources = vec![];
        for (index, source) in self.sources.iter().enumerate() {
            let shared = Arc::clone(&source.source);
            let latest = shared.lock().expect("no panics while locked").reported_latest();
            sources.push(SourceReport {
                description: source.description.clone(),
                start: start[index].clone(),
                end: end[index].clone(),
                latest,
                rows: outcome.as_ref().map_or(0, |outcome| outcome.rows[index]),
            });
        }
        let none = Observed::default();
        let report = Report {
            id: &self.query.id,
            run_id: &self.query.run_id,
            name: self.query.name.as_deref(),
            started_ms,
            previous_ms: self.last_trigger_ms,
            batch_id,
            durations,
            event_time: outcome.as_ref().and_then(|outcome| outcome.event_time),
            state: outcome.as_ref().map_or(&[], |outcome| &outcome.state),
            observed: outcome.as_ref().map_or(&none, |outcome| &outcome.observed),
            sources: &sources,
            sink: &self.spec.sink.description(),
            output_rows: match &outcome {
                Some(outcome) => outcome.output_rows,
                None if self.spec.sink.counts_rows() => 0,
                None => -1,
            },
        };
        if idle {
            self.manager.listeners.idle(&self.query.id, &self.query.run_id, &iso_time(started_ms));
        } else if self.manager.listeners.is_used() {
            self.manager.listeners.progress(&report.event());
        }
        self.query.add_report(report.recent());
    }
}

struct PlannedBatch {
    batch: Batch,
    /// What measures event time, with the delay of each.
    trackers: Vec<(Arc<EventTimeTracker>, i64)>,
    /// What `observe()` computes of the same rows.
    observed: Vec<(String, Batch)>,
}

/// How state is kept: the number of partitions stays with the query.
fn keeping(metadata: &BatchMetadata, retained: u64, memory_mb: u64) -> Keeping {
    let partitions = metadata.conf.get("spark.sql.shuffle.partitions").and_then(|value| value.as_str());
    let partitions = partitions.and_then(|text| text.trim().parse().ok()).filter(|count| *count > 0);
    Keeping { partitions: partitions.unwrap_or(200), retained, budget_bytes: memory_mb << 20 }
}

/// Sources end with the run, however it ends.
struct StopSources(Vec<SharedSource>);

impl Drop for StopSources {
    fn drop(&mut self) {
        for source in &self.0 {
            if let Ok(mut source) = source.try_lock() {
                source.stop();
            }
        }
    }
}

/// A stream without rows.
fn empty(slot: &StreamSlot) -> Result<Arc<dyn TableProvider>> {
    let schema = slot.opened.provider.schema();
    let fields: Vec<arrow::datatypes::Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    let schema = Arc::new(Schema::new(fields));
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![]]).map_err(from_datafusion)?))
}

fn trackers(plan: &LogicalPlan) -> Vec<(Arc<EventTimeTracker>, i64)> {
    use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
    let mut found = vec![];
    let visited = plan.apply(|node| {
        if let LogicalPlan::Extension(extension) = node {
            if let Some(node) = extension.node.as_any().downcast_ref::<WatermarkNode>() {
                found.push((Arc::clone(&node.tracker), node.delay_ms));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(visited.is_ok(), "the visitor never fails");
    found
}
