//! The loop of a query: wait for the trigger, write down what the batch reads, run it, write down that it is done.
//! Spark's `MicroBatchExecution`.
//!
//! A kill at any moment loses nothing: what the offset log names and the commit log does not is run again, with the
//! same offsets, and the sinks know batches by their number.
//!
//! The steps, in their order: [`open`], [`construct`], [`batch`], [`report`].

mod batch;
mod construct;
mod open;
mod report;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use firesteel_engine::Session;
use firesteel_plan::operator::watermark::EventTimes;
use firesteel_protocol::{Result, SparkError, connect as pb};
use firesteel_sources::stream::{MicroBatchSource, Offset, clock};

use crate::checkpoint::commit_log::CommitLog;
use crate::checkpoint::offset_log::{BatchMetadata, OffsetLog};
use crate::observe::Observed;
use crate::plan::StreamSlot;
use crate::progress::{Durations, StateReport};
use crate::query::{QueryFailure, StreamingQuery};
use crate::sink::Sink;
use crate::start::{Checkpoint, OutputMode};
use crate::state::Operators;
use crate::trigger::Trigger;
use crate::watermark::Watermark;
use crate::{StreamingQueryManager, now_ms};

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
    /// The plan as failures show it.
    pub plan_text: String,
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
    /// Whether they were found to be those of the state.
    operators_checked: bool,
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
        // A part of the work may see that the query is stopped before the query does.
        let outcome = outcome.or_else(|failure| {
            match query.cancel.is_cancelled() && failure.0.condition() == "OPERATION_CANCELED" {
                true => Ok(()),
                false => Err(failure),
            }
        });
        spec.sink.stop().await;
        // What was begun on other threads may still write; only then is the checkpoint free.
        query.settle().await;
        spec.checkpoint.unlock();
        let failure = outcome.err().map(|(error, debug)| {
            tracing::warn!(id = query.id, %error, "a streaming query failed");
            QueryFailure { condition: error.condition().to_string(), message: error.to_string(), debug }
        });
        let told = failure.as_ref().map(|failure| {
            let class = firesteel_protocol::condition::exception_classes(&failure.condition).first().copied();
            (format!("{}: {}", class.unwrap_or("java.lang.Exception"), failure.message), failure.condition.clone())
        });
        manager.listeners.terminated(
            &query.id,
            &query.run_id,
            told.as_ref().map(|(message, condition)| (message.as_str(), condition.as_str())),
        );
        // Listeners are told before those who wait for the end.
        query.end(failure);
        manager.note_end(&query);
    }

    async fn start_and_loop(
        spec: Arc<Spec>,
        query: Arc<StreamingQuery>,
        manager: Arc<StreamingQueryManager>,
    ) -> std::result::Result<(), (SparkError, String)> {
        let plan_text = format!("\n\nLogical Plan:\n{}", spec.plan_text);
        let describe = |committed: &str, available: &str, state: &str, plan: &str| {
            let name = query.name.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
            format!(
                "=== Streaming Query ===\nIdentifier: {name}[id = {}, runId = {}]\nCurrent Committed Offsets: \
                 {committed}\nCurrent Available Offsets: {available}\n\nCurrent State: {state}\nThread State: RUNNABLE{plan}",
                query.id, query.run_id
            )
        };
        let opened = Self::open(Arc::clone(&spec), Arc::clone(&query), manager).await;
        let mut run = opened.map_err(|error| (error, describe("{}", "{}", "INITIALIZING", "")))?;
        let stop = StopSources(run.sources.iter().map(|source| Arc::clone(&source.source)).collect());
        let end = run.triggers().await;
        drop(stop);
        end.map_err(|error| {
            let debug =
                describe(&run.offsets_text(&run.committed), &run.offsets_text(&run.available), "ACTIVE", &plan_text);
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

    /// The offsets of the places as those of the sources.
    fn by_source(&self, offsets: Vec<Option<Offset>>) -> Vec<Option<Offset>> {
        let mut own = vec![None; self.sources.len()];
        for (source, offset) in self.places.iter().zip(offsets) {
            own[*source] = offset;
        }
        own
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
                match clock::turned_ms().filter(|_| waits_for_time) {
                    Some(now_ms) => turned_to(now_ms.saturating_add_unsigned(pause.as_millis() as u64)).await,
                    None => tokio::time::sleep(pause).await,
                }
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

    async fn ask<T: Send + 'static>(
        &self,
        index: usize,
        work: impl FnOnce(&mut dyn MicroBatchSource) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let source = Arc::clone(&self.sources[index].source);
        let work = move || work(source.lock().expect("no panics while locked").as_mut());
        self.query.blocking(work).await
    }
}

/// Waits for a clock that a test turns.
async fn turned_to(time_ms: i64) {
    while clock::turned_ms().is_some_and(|now_ms| now_ms < time_ms) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
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
