//! Data sources in Python as streams: the user's reader lives in a process of the query's own
//! (`python/firesteel/stream_source.py`), which is asked for offsets and rows.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use firesteel_engine::Session;
use firesteel_functions::kernel::{from_arrow, from_datafusion};
use firesteel_plan::operator::python::convert::conform;
use firesteel_protocol::types::json;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::stream::{MicroBatchSource, Offset, PYTHON, PYTHON_OPTIONS};
use firesteel_sources::{ReadRequest, SourceContext};
use serde_json::{Value, json};

use crate::sink::python::{Program, Worker};

/// The source.
#[derive(Debug)]
pub struct PythonSource {
    name: String,
    schema: SchemaRef,
    runtime: tokio::runtime::Handle,
    /// None once the query has ended.
    worker: Option<Worker>,
    /// Where a query begins that has no offsets yet.
    initial: Option<Offset>,
    /// The last offset of a query that reads only what is there now.
    available_now: Option<Offset>,
}

impl PythonSource {
    /// Starts the reader of a request that is one for it. Blocks.
    pub fn of(
        request: &ReadRequest,
        session: &Arc<Session>,
        ctx: &SourceContext,
    ) -> Result<Option<Box<dyn MicroBatchSource>>> {
        if request.format.as_deref() != Some(PYTHON) {
            return Ok(None);
        }
        let option = |at: usize| request.options.get(PYTHON_OPTIONS[at]).unwrap_or_default();
        let command = unhex(option(0)).ok_or_else(|| SparkError::internal("a Python source that is no text"))?;
        let schema = request.schema.clone().unwrap_or_else(|| Arc::new(Schema::empty()));
        let rows = session.conf().lookup("spark.sql.execution.arrow.maxRecordsPerBatch");
        let rows = rows.and_then(|text| text.trim().parse::<i64>().ok()).filter(|rows| *rows > 0).unwrap_or(10_000);
        let spark = json::to_json(&DataType::Struct(schema.fields().clone())).to_string();
        let program = Program::of("source", session, command, json!({ "schema": spark, "rows": rows }));
        let runtime = ctx.runtime.clone();
        let worker = runtime.block_on(program.start())?;
        let name = option(1).to_string();
        Ok(Some(Box::new(Self { name, schema, runtime, worker: Some(worker), initial: None, available_now: None })))
    }

    /// Puts a question; frames that come before its answer go to `frames`.
    fn ask(&mut self, action: &str, message: &Value, mut frames: impl FnMut(&[u8]) -> Result<()>) -> Result<Value> {
        let Some(worker) = &mut self.worker else { return Err(SparkError::internal("a source that was stopped")) };
        self.runtime.block_on(async {
            worker.send(message.to_string().as_bytes()).await?;
            loop {
                let frame = worker.frame().await?;
                if frame.first() != Some(&b'{') {
                    frames(&frame)?;
                    continue;
                }
                let answer: Value =
                    serde_json::from_slice(&frame).map_err(|error| SparkError::internal(error.to_string()))?;
                return match answer["error"].as_str() {
                    None => Ok(answer),
                    Some(reason) => Err(SparkError::new("PYTHON_STREAMING_DATA_SOURCE_RUNTIME_ERROR")
                        .with("action", action)
                        .with("msg", reason)),
                };
            }
        })
    }

    fn offset(&mut self, action: &str, message: &Value) -> Result<Offset> {
        let answer = self.ask(action, message, none)?;
        let text = answer["offset"].as_str().ok_or_else(|| SparkError::internal("an offset that is no text"))?;
        Ok(Offset(text.to_string()))
    }

    /// Where a batch begins.
    fn start(&mut self, start: Option<&Offset>) -> Result<String> {
        if let Some(known) = start.or(self.initial.as_ref()) {
            return Ok(known.0.clone());
        }
        let first = self.offset("initialOffset", &json!({ "do": "initial" }))?;
        Ok(self.initial.insert(first).0.clone())
    }
}

fn none(_: &[u8]) -> Result<()> {
    Ok(())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

impl MicroBatchSource for PythonSource {
    fn description(&self) -> String {
        format!("PythonMicroBatchStream[{}]", self.name)
    }

    fn latest_offset(&mut self, start: Option<&Offset>, limited: bool) -> Result<Option<Offset>> {
        if let Some(fixed) = &self.available_now {
            return Ok(Some(fixed.clone()));
        }
        let from = self.start(start)?;
        let message = json!({ "do": "latest", "start": from, "limited": limited });
        let latest = self.offset("latestOffset", &message)?;
        // A query that has read nothing yet, and finds nothing, has no batch to run.
        Ok((start.is_some() || latest.0 != from).then_some(latest))
    }

    fn batch(&mut self, start: Option<&Offset>, end: &Offset) -> Result<Arc<dyn TableProvider>> {
        let from = self.start(start)?;
        let schema = Arc::clone(&self.schema);
        let (mut partitions, mut partition) = (vec![], vec![]);
        self.ask("planPartitions", &json!({ "do": "rows", "start": from, "end": end.0 }), |frame| {
            if frame.is_empty() {
                partitions.push(std::mem::take(&mut partition));
                return Ok(());
            }
            for batch in StreamReader::try_new(frame, None).map_err(from_arrow)? {
                let batch = batch.map_err(from_arrow)?;
                let columns = conform(batch.columns(), schema.fields(), "read()")?;
                partition.push(RecordBatch::try_new(Arc::clone(&schema), columns).map_err(from_arrow)?);
            }
            Ok(())
        })?;
        if partitions.is_empty() {
            partitions.push(vec![]);
        }
        Ok(Arc::new(MemTable::try_new(schema, partitions).map_err(from_datafusion)?))
    }

    fn commit(&mut self, end: &Offset) -> Result<()> {
        let message = json!({ "do": "commit", "end": end.0 });
        self.ask("commitSource", &message, none).map(drop)
    }

    fn prepare_available_now(&mut self, start: Option<&Offset>) -> Result<()> {
        let knows = self.ask("prepareForTriggerAvailableNow", &json!({ "do": "available_now" }), none)?;
        if knows["done"] != json!(true) {
            self.available_now = self.latest_offset(start, false)?;
        }
        Ok(())
    }

    fn stop(&mut self) {
        let Some(mut worker) = self.worker.take() else { return };
        self.runtime.spawn(async move {
            let told = async {
                worker.send(json!({ "do": "stop" }).to_string().as_bytes()).await?;
                worker.said().await
            };
            // The process ends with this side of its socket, whatever it says now.
            let _ = tokio::time::timeout(std::time::Duration::from_secs(10), told).await;
        });
    }
}
