//! `console`: each batch as a table on standard output. Spark's `ConsoleWrite`.

use std::io::Write;

use arrow::datatypes::Schema;
use async_trait::async_trait;
use firesteel_engine::{relabel, show};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::Options;
use firesteel_sources::options::illegal_argument;
use futures::StreamExt;

use super::{Batch, Sink};
use crate::start::OutputMode;

/// The sink.
#[derive(Debug)]
pub struct ConsoleSink {
    rows: usize,
    truncate: usize,
}

impl ConsoleSink {
    pub fn new(options: &Options) -> Result<Self> {
        let rows = match options.get("numRows") {
            None => 20,
            Some(text) => text.trim().parse::<i64>().map(|rows| usize::try_from(rows).unwrap_or(0)).map_err(|_| {
                SparkError::new("_LEGACY_NUMBER_FORMAT").with_message(format!("For input string: \"{text}\""))
            })?,
        };
        let truncate = match options.get("truncate").unwrap_or("true").to_lowercase().as_str() {
            "true" => 20,
            "false" => 0,
            other => return Err(illegal_argument(format!("{other} is not a boolean string."))),
        };
        Ok(Self { rows, truncate })
    }
}

#[async_trait]
impl Sink for ConsoleSink {
    fn description(&self) -> String {
        "org.apache.spark.sql.execution.streaming.ConsoleTable$".into()
    }

    async fn add_batch(&self, batch_id: u64, batch: Batch, _: OutputMode) -> Result<Option<u64>> {
        let schema = std::sync::Arc::new(Schema::new(batch.fields.clone()));
        let mut stream = batch.stream()?;
        let (mut shown, mut kept, mut rows) = (vec![], 0, 0);
        // All rows are computed, those that are shown are kept.
        while let Some(next) = stream.next().await {
            let next = next?;
            rows += next.num_rows() as u64;
            if kept <= self.rows && next.num_rows() > 0 {
                kept += next.num_rows();
                shown.push(relabel::batch(&next, &schema)?);
            }
        }
        let text = show::rows_text(&shown, &batch.fields, &batch.session.env(), self.rows, self.truncate)?;
        let rule = "-------------------------------------------";
        let text = format!("{rule}\nBatch: {batch_id}\n{rule}\n{text}");
        // A reader that does not read holds up this query only.
        let print = move || {
            let mut out = std::io::stdout().lock();
            // A terminal that is gone stops no query.
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        };
        tokio::task::spawn_blocking(print).await.map_err(crate::task_failed)?;
        Ok(Some(rows))
    }

    fn counts_rows(&self) -> bool {
        true
    }
}
