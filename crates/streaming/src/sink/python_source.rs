//! Data sources in Python that are written to: each partition's rows go to the user's writer, whose messages are
//! committed with the batch's number. A batch that runs again is committed again: the writer knows it by its number.

use std::sync::Arc;

use arrow::datatypes::{DataType, Fields};
use async_trait::async_trait;
use firesteel_engine::Session;
use firesteel_plan::operator::python::function::PythonDataSource;
use firesteel_protocol::Result;
use firesteel_protocol::types::json;
use firesteel_sources::Options;
use serde_json::json;

use super::python::{Lazy, Program};
use super::{Batch, Sink};
use crate::start::OutputMode;

/// The sink.
#[derive(Debug)]
pub struct PythonSourceSink {
    name: String,
    process: Lazy,
}

impl PythonSourceSink {
    pub fn new(
        session: &Arc<Session>,
        source: &PythonDataSource,
        options: &Options,
        path: Option<&str>,
        (fields, mode): (&Fields, OutputMode),
    ) -> Self {
        let mut given = serde_json::Map::new();
        for (key, value) in options.iter() {
            given.insert(key.to_string(), json!(value));
        }
        if let Some(path) = path {
            given.insert("path".into(), json!(path));
        }
        let more = json!({
            "options": given,
            "schema": json::to_json(&DataType::Struct(fields.clone())).to_string(),
            "overwrite": mode == OutputMode::Complete,
        });
        let program = Program::of("sink", session, source.command.to_vec(), more);
        Self { name: source.name.clone(), process: Lazy::new(program) }
    }
}

#[async_trait]
impl Sink for PythonSourceSink {
    fn description(&self) -> String {
        self.name.clone()
    }

    async fn add_batch(&self, batch_id: u64, batch: Batch, _: OutputMode) -> Result<Option<u64>> {
        let rows = self.process.write(batch_id, &batch, "sink").await?;
        self.process.commit(batch_id).await?;
        Ok(Some(rows))
    }

    fn counts_rows(&self) -> bool {
        true
    }

    async fn stop(&self) {
        self.process.stop().await;
    }
}
