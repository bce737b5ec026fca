//! What the next batch is: sources tell how far they can be read, the offset log notes it.

use std::sync::Arc;
use std::time::Instant;

use firesteel_protocol::{Result, SparkError};
use firesteel_sources::stream::fault;

use super::Execution;
use crate::checkpoint::offset_log::{BatchMetadata, OffsetEntry};
use crate::now_ms;
use crate::plan::resolve_batch;
use crate::progress::Durations;
use crate::state::{self, BatchTime, Watermarks};
use crate::trigger::Trigger;

impl Execution {
    /// Asks the sources what there is and writes the offsets of the next batch; `false` where there is none to run.
    pub(super) async fn construct(&mut self, durations: &mut Durations) -> Result<bool> {
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
        fault::step("the offsets are known")?;
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
        fault::step("the offsets are written")?;
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
        fault::step("the sources know what is done")?;
        Ok(true)
    }

    /// Whether an operator has something to say without new rows: the watermark has moved, or its time has come.
    pub(super) async fn has_more_to_say(&mut self) -> Result<bool> {
        if !self.no_data_batches || self.batch_id == 0 {
            return Ok(false);
        }
        self.meet_operators().await?;
        let moved = self.watermark.current_ms() > self.metadata.watermark_ms;
        Ok((moved && self.operators.wait_for_watermark(self.spec.mode)) || self.operators.is_due(now_ms()))
    }

    /// A run that was cut between a batch and the one without data leaves that to the next run, which has not met its
    /// operators yet.
    pub(super) async fn meet_operators(&mut self) -> Result<()> {
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
}
