//! A run begins: sources and logs are opened, and the logs compared to find out where the query stands.

use std::sync::{Arc, Mutex};

use firesteel_protocol::{Result, SparkError};
use firesteel_sources::storage::hadoop_path;
use firesteel_sources::stream::log::illegal_state;
use firesteel_sources::stream::{open, source_dir};

use super::{Execution, Source, Spec};
use crate::StreamingQueryManager;
use crate::checkpoint::commit_log::CommitLog;
use crate::checkpoint::offset_log::{BatchMetadata, OffsetEntry, OffsetLog};
use crate::query::StreamingQuery;
use crate::source::PythonSource;
use crate::state::Operators;
use crate::state::store::Keeping;
use crate::watermark::{Policy, Watermark};

impl Execution {
    /// Opens sources and logs, and finds out where the query stands.
    pub(super) async fn open(
        spec: Arc<Spec>,
        query: Arc<StreamingQuery>,
        manager: Arc<StreamingQueryManager>,
    ) -> Result<Self> {
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
                operators_checked: false,
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
    pub(super) fn recover(&mut self) -> Result<()> {
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

    pub(super) fn entry(&self, batch_id: u64) -> Result<OffsetEntry> {
        let entry = self.offset_log.get(batch_id)?;
        let entry = entry.ok_or_else(|| illegal_state(format!("batch {batch_id} doesn't exist")))?;
        self.check_sources(&entry)?;
        Ok(entry)
    }

    pub(super) fn check_sources(&self, entry: &OffsetEntry) -> Result<()> {
        let (known, now) = (entry.offsets.len(), self.places.len());
        if known == now {
            return Ok(());
        }
        Err(SparkError::new("_LEGACY_ASSERTION").with_message(format!(
            "assertion failed: There are [{known}] sources in the checkpoint offsets and now there are [{now}] sources \
             requested by the query. Cannot continue."
        )))
    }
}

/// How state is kept: the number of partitions stays with the query.
fn keeping(metadata: &BatchMetadata, retained: u64, memory_mb: u64) -> Keeping {
    let partitions = metadata.conf.get("spark.sql.shuffle.partitions").and_then(|value| value.as_str());
    let partitions = partitions.and_then(|text| text.trim().parse().ok()).filter(|count| *count > 0);
    Keeping { partitions: partitions.unwrap_or(200), retained, budget_bytes: memory_mb << 20 }
}
