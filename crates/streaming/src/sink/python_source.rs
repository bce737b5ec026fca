//! Data sources in Python that are written to: the user's writer takes each partition in a worker; what the writers say is
//! committed with the batch's number. A batch that runs again is committed again: the writer knows it by its number.

use std::sync::Arc;

use arrow::datatypes::Fields;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::physical_plan::ExecutionPlanProperties;
use firesteel_engine::command::python_source::{self, NONE, Writing};
use firesteel_engine::{Session, runner};
use firesteel_plan::operator::partition_map;
use firesteel_plan::operator::python::function::PythonDataSource;
use firesteel_plan::operator::python::{WorkerSettings, map};
use firesteel_plan::relation::python_source as plan;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::Options;
use firesteel_sources::options::illegal_argument;
use futures::StreamExt;
use tokio::sync::OnceCell;

use super::{Batch, Sink};
use crate::start::OutputMode;
use crate::state::counted::Counted;

/// The sink.
#[derive(Debug)]
pub struct PythonSourceSink {
    source: PythonDataSource,
    options: Vec<(String, String)>,
    fields: Fields,
    overwrite: bool,
    settings: WorkerSettings,
    /// How rows are written; asked for by the first batch.
    writing: OnceCell<Writing>,
    /// The pickled source, whose writer commits.
    instance: OnceCell<Bytes>,
}

impl PythonSourceSink {
    pub fn new(
        session: &Arc<Session>,
        source: &PythonDataSource,
        options: &Options,
        path: Option<&str>,
        (fields, mode): (&Fields, OutputMode),
    ) -> Self {
        let given = options.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        let path = path.map(|path| ("path".to_string(), path.to_string()));
        Self {
            source: source.clone(),
            options: given.chain(path).collect(),
            fields: fields.clone(),
            overwrite: mode == OutputMode::Complete,
            settings: WorkerSettings::of(&session.resolve_context()),
            writing: OnceCell::new(),
            instance: OnceCell::new(),
        }
    }

    async fn writing(&self) -> Result<&Writing> {
        let ask = || async {
            let how = (&self.fields, self.overwrite);
            let planned = python_source::plan(&self.settings, &self.source, &self.options, how, true).await;
            planned.map_err(|error| plan::failed("initialize", "writer", error))
        };
        self.writing.get_or_try_init(ask).await
    }

    /// Runs the plan; adds what each partition's writer says, and tells how many rows they took.
    async fn write(&self, batch: &Batch, messages: &mut Vec<Bytes>) -> Result<u64> {
        let call = self.writing().await?.call.clone();
        let counted = Arc::new(Counted::default());
        let input = partition_map::exec(Arc::clone(&batch.plan), Arc::clone(&counted) as _);
        let message = vec![python_source::message_field()].into();
        let written = map::exec(input, call, &batch.fields, message, "write()");
        let mut said = runner::run(written, Arc::clone(&batch.task_ctx), &batch.operation)?;
        while let Some(next) = said.next().await {
            messages.extend(python_source::messages(&[next?]));
        }
        Ok(counted.rows())
    }

    /// Commits a batch, or takes it back.
    async fn end(&self, batch_id: u64, messages: &[Bytes], abort: bool) -> Result<()> {
        let ask = || async {
            let created = plan::create(&self.settings, &self.source, Some(&self.fields), &self.options).await;
            created.map_err(|error| plan::failed("create", "instance", error))?.bytes()
        };
        let instance = self.instance.get_or_try_init(ask).await?;
        let how = (&self.fields, self.overwrite);
        let ended = python_source::end_batch(&self.settings, (&self.source, instance), how, messages, batch_id, abort);
        let action = if abort { "abort" } else { "commit" };
        ended.await.map_err(|error| match error.param("traceback") {
            Some(traceback) => SparkError::new("PYTHON_STREAMING_DATA_SOURCE_RUNTIME_ERROR")
                .with("action", action)
                .with("msg", traceback),
            None => error,
        })
    }
}

#[async_trait]
impl Sink for PythonSourceSink {
    fn description(&self) -> String {
        self.source.name.clone()
    }

    async fn add_batch(&self, batch_id: u64, batch: Batch, mode: OutputMode) -> Result<Option<u64>> {
        if mode == OutputMode::Update {
            let name = &self.source.name;
            return Err(illegal_argument(format!("requirement failed: {name} does not support Update mode.")));
        }
        self.writing().await?;
        let mut messages = vec![];
        let written = self.write(&batch, &mut messages).await;
        let partitions = batch.plan.output_partitioning().partition_count();
        let ended = match written {
            Ok(rows) => self.end(batch_id, &messages, false).await.map(|()| Some(rows)),
            Err(error) => Err(error),
        };
        if ended.is_err() && !batch.operation.cancel.is_cancelled() {
            messages.resize(partitions.max(messages.len()), Bytes::from_static(NONE));
            // The failure itself says more than that of the clean-up.
            let _ = self.end(batch_id, &messages, true).await;
        }
        ended
    }

    fn counts_rows(&self) -> bool {
        true
    }

    fn temporary_checkpoint(&self) -> bool {
        false
    }
}
