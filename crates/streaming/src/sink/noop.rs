//! `noop`: rows are computed and thrown away.

use async_trait::async_trait;
use firesteel_protocol::Result;
use futures::StreamExt;

use super::{Batch, Sink};
use crate::start::OutputMode;

/// The sink.
#[derive(Debug)]
pub struct NoopSink;

#[async_trait]
impl Sink for NoopSink {
    fn description(&self) -> String {
        "NoopTable".into()
    }

    async fn add_batch(&self, _: u64, batch: Batch, _: OutputMode) -> Result<Option<u64>> {
        let mut rows = 0;
        let mut stream = batch.stream()?;
        while let Some(batch) = stream.next().await {
            rows += batch?.num_rows() as u64;
        }
        Ok(Some(rows))
    }

    fn counts_rows(&self) -> bool {
        true
    }
}
