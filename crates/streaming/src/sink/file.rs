//! Files: a batch writes its files, then one entry of `_spark_metadata` makes them visible all at once.
//! Spark's `FileStreamSink`. `toTable` writes to a table's folder in the same way.

use std::path::PathBuf;

use async_trait::async_trait;
use firesteel_engine::Session;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::Options;
use firesteel_sources::listing::absolute;
use firesteel_sources::sink::{SaveMode, WriteRequest, write_listed};
use firesteel_sources::storage::hadoop_path;
use firesteel_sources::stream::file_options::{duration_ms, unreadable_duration};
use firesteel_sources::stream::sink_log::SinkLog;

use super::{Batch, Sink};
use crate::start::OutputMode;
use crate::task_failed;

/// The sink.
#[derive(Debug)]
pub struct FileSink {
    root: PathBuf,
    request: WriteRequest,
    /// The option `retention`: the log forgets files that are older.
    retention_ms: Option<i64>,
}

impl FileSink {
    /// Files of a format below `path`.
    pub fn new(
        session: &Session,
        path: &str,
        format: Option<String>,
        options: Options,
        partition_by: Vec<String>,
    ) -> Result<Self> {
        let retention_ms = match options.get("retention") {
            None => None,
            Some(text) => {
                let ms = duration_ms(text).ok_or_else(|| unreadable_duration(text))?;
                Some(i64::try_from(ms).unwrap_or(i64::MAX))
            }
        };
        let root = absolute(path, &session.engine.conf().working_dir)?;
        let request = WriteRequest {
            format,
            mode: SaveMode::Append,
            options,
            path: root.to_string_lossy().into_owned(),
            partition_by,
            ..WriteRequest::default()
        };
        Ok(Self { root, request, retention_ms })
    }
}

#[async_trait]
impl Sink for FileSink {
    fn description(&self) -> String {
        format!("FileSink[{}]", hadoop_path(&self.root))
    }

    async fn add_batch(&self, batch_id: u64, batch: Batch, _: OutputMode) -> Result<Option<u64>> {
        let ctx = batch.session.source_context(batch.session.env());
        let open = {
            let (root, ctx, retention_ms) = (self.root.clone(), ctx.clone(), self.retention_ms);
            move || {
                let log = SinkLog::open(&root, &ctx)?.retaining(retention_ms);
                let latest = log.latest()?;
                Ok::<_, SparkError>((log, latest))
            }
        };
        let (log, latest) = tokio::task::spawn_blocking(open).await.map_err(task_failed)??;
        if latest.is_some_and(|latest| batch_id <= latest) {
            tracing::info!(batch_id, "the batch is in the sink already");
            return Ok(None);
        }
        let (stats, files) = write_listed(&self.request, batch.plan, &batch.fields, batch.task_ctx, &ctx).await?;
        tracing::debug!(batch_id, rows = stats.rows, files = stats.files, "rows written");
        let added = tokio::task::spawn_blocking(move || log.add(batch_id, &files)).await.map_err(task_failed)??;
        if !added {
            return Err(SparkError::new("CONCURRENT_STREAM_LOG_UPDATE").with("batchId", batch_id.to_string()));
        }
        Ok(None)
    }

    fn temporary_checkpoint(&self) -> bool {
        false
    }
}
