//! `commits/N`: batch N is in the sink. Spark's `CommitLog`.

use std::path::Path;

use firesteel_protocol::Result;
use firesteel_sources::stream::log::{self, NumberedLog, illegal_state};
use serde_json::Value;

/// The newest version that is understood; 2 and 3 say more of state than is needed here.
const SUPPORTED: u32 = 3;

/// The log.
#[derive(Debug, Clone)]
pub struct CommitLog(NumberedLog);

impl CommitLog {
    pub fn open(checkpoint: &Path) -> Result<Self> {
        NumberedLog::open(&checkpoint.join("commits")).map(Self)
    }

    /// A log to be read only.
    pub fn at(checkpoint: &Path) -> Self {
        Self(NumberedLog::at(&checkpoint.join("commits")))
    }

    pub fn latest(&self) -> Result<Option<u64>> {
        self.0.latest()
    }

    pub fn ids(&self) -> Result<Vec<u64>> {
        self.0.ids()
    }

    /// The watermark after a batch; none where the batch is not committed.
    pub fn next_watermark_ms(&self, batch_id: u64) -> Result<Option<i64>> {
        let Some(text) = self.0.get(batch_id)? else { return Ok(None) };
        let file = self.0.file(batch_id);
        let body = log::body(&text, SUPPORTED, &file)?;
        let value: Value = serde_json::from_str(body)
            .map_err(|error| illegal_state(format!("Failed to read log file {}. {error}", file.display())))?;
        Ok(Some(value.get("nextBatchWatermarkMs").and_then(Value::as_i64).unwrap_or(0)))
    }

    /// Commits a batch; `false` if somebody else did.
    pub fn add(&self, batch_id: u64, next_watermark_ms: i64) -> Result<bool> {
        self.0.add(batch_id, format!("v1\n{{\"nextBatchWatermarkMs\":{next_watermark_ms}}}").as_bytes())
    }

    pub fn purge_below(&self, batch_id: u64) -> Result<()> {
        self.0.purge_below(batch_id)
    }
}
