//! `console`: each batch as a table on standard output. Spark's `ConsoleWrite`.

use arrow::datatypes::Schema;
use async_trait::async_trait;
use firesteel_engine::command::console::{self, Console};
use firesteel_engine::{relabel, show};
use firesteel_protocol::Result;
use firesteel_sources::Options;
use futures::StreamExt;

use super::{Batch, Sink};
use crate::start::OutputMode;

/// The sink.
#[derive(Debug)]
pub struct ConsoleSink(Options);

impl ConsoleSink {
    /// The options are looked at by the first batch, as in Spark.
    pub fn new(options: &Options) -> Self {
        Self(options.clone())
    }
}

#[async_trait]
impl Sink for ConsoleSink {
    fn description(&self) -> String {
        "org.apache.spark.sql.execution.streaming.ConsoleTable$".into()
    }

    async fn add_batch(&self, batch_id: u64, batch: Batch, _: OutputMode) -> Result<Option<u64>> {
        let console = Console::new(&self.0)?;
        let schema = std::sync::Arc::new(Schema::new(batch.fields.clone()));
        let mut stream = batch.stream()?;
        let (mut shown, mut kept, mut rows, limit) = (vec![], 0, 0, console.rows);
        // All rows are computed, those that are shown are kept.
        while let Some(next) = stream.next().await {
            let next = next?;
            rows += next.num_rows() as u64;
            if kept <= limit && next.num_rows() > 0 {
                kept += next.num_rows();
                shown.push(relabel::batch(&next, &schema)?);
            }
        }
        let text = show::rows_text(&shown, &batch.fields, &batch.session.env(), limit, console.truncate)?;
        let rule = "-------------------------------------------";
        let text = format!("{rule}\nBatch: {batch_id}\n{rule}\n{text}");
        console::print(text).await?;
        Ok(Some(rows))
    }

    fn counts_rows(&self) -> bool {
        true
    }
}
