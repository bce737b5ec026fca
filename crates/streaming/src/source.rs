//! Data sources in Python as streams: the user's reader lives in a process of the query's own
//! (`python/firesteel/stream_source.py`), which is asked for offsets and partitions. The partitions of a batch are read in
//! Python workers, side by side.

use std::sync::Arc;

use arrow::datatypes::{DataType, Fields, Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::catalog::{Session as PlanSession, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use firesteel_engine::Session;
use firesteel_functions::kernel::{from_arrow, from_datafusion};
use firesteel_plan::operator::python::convert::conform;
use firesteel_plan::operator::python::{PythonCall, WorkerSettings, map};
use firesteel_plan::relation::python_source::{Reader, failed, partition_rows};
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
    /// The pickled source, and the Python that pickled it.
    instance: Bytes,
    python: String,
    settings: WorkerSettings,
    /// What reads a partition; made for the first batch.
    call: Option<PythonCall>,
    /// Whether offsets are asked for with a limit.
    is_limited: bool,
    /// Where a query begins that has no offsets yet.
    initial: Option<Offset>,
    /// The last offset of a query that reads only what is there now.
    available_now: Option<Offset>,
    /// What the reader itself tells of its newest offset.
    reported: Option<Offset>,
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
        let instance = Bytes::from(command.clone());
        let schema = request.schema.clone().unwrap_or_else(|| Arc::new(Schema::empty()));
        let settings = WorkerSettings::of(&session.resolve_context());
        let spark = json::to_json(&DataType::Struct(schema.fields().clone())).to_string();
        let program = Program::of("source", session, command, json!({ "schema": spark, "rows": settings.batch_rows }));
        let runtime = ctx.runtime.clone();
        let worker = runtime.block_on(program.start())?;
        let mut source = Self {
            name: option(1).to_string(),
            schema,
            runtime,
            worker: Some(worker),
            instance,
            python: option(2).to_string(),
            settings,
            call: None,
            is_limited: false,
            initial: None,
            available_now: None,
            reported: None,
        };
        let features = source.ask("checkSupportedFeatures", &json!({ "do": "features" }), none)?;
        source.is_limited = features["limited"] == json!(true);
        Ok(Some(Box::new(source)))
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

/// How a frame of rows begins; pickles begin otherwise.
const START_OF_ARROW: &[u8] = b"\xff\xff\xff\xff";

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
        if !self.is_limited {
            return self.offset("latestOffset", &json!({ "do": "latest" })).map(Some);
        }
        let from = self.start(start)?;
        let message = json!({ "do": "latest", "start": from, "limited": limited });
        let latest = self.offset("latestOffset", &message)?;
        let reported = self.ask("reportLatestOffset", &json!({ "do": "report" }), none)?;
        self.reported = reported["offset"].as_str().map(|text| Offset(text.to_string()));
        // A query that has read nothing yet, and finds nothing, has no batch to run.
        Ok((start.is_some() || latest.0 != from).then_some(latest))
    }

    fn batch(&mut self, start: Option<&Offset>, end: &Offset) -> Result<Arc<dyn TableProvider>> {
        let from = self.start(start)?;
        let schema = Arc::clone(&self.schema);
        let (mut partitions, mut fetched) = (vec![], vec![]);
        let message = json!({ "do": "partitions", "start": from, "end": end.0 });
        let told = self.ask("planPartitions", &message, |frame| {
            if !frame.starts_with(START_OF_ARROW) {
                partitions.push(Bytes::copy_from_slice(frame));
                return Ok(());
            }
            for batch in StreamReader::try_new(frame, None).map_err(from_arrow)? {
                let batch = batch.map_err(from_arrow)?;
                let columns = conform(batch.columns(), schema.fields(), "read()")?;
                fetched.push(RecordBatch::try_new(Arc::clone(&schema), columns).map_err(from_arrow)?);
            }
            Ok(())
        })?;
        if told["fetched"] == json!(true) || partitions.is_empty() {
            return Ok(Arc::new(MemTable::try_new(schema, vec![fetched]).map_err(from_datafusion)?));
        }
        let call = match &self.call {
            Some(call) => call.clone(),
            None => {
                let reader =
                    Reader { settings: &self.settings, source: &self.name, python: &self.python, may_push: false };
                let planned = self.runtime.block_on(reader.plan(&self.instance, self.schema.fields(), true));
                let (call, _) = planned.map_err(|error| failed("plan", &self.name, error))?;
                self.call.insert(call).clone()
            }
        };
        Ok(Arc::new(PartitionsTable { partitions: partition_rows(&partitions)?, call, schema }))
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

    fn reported_latest(&self) -> Option<Offset> {
        self.reported.clone()
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

/// The partitions of a batch; each is read where it is scanned.
#[derive(Debug)]
struct PartitionsTable {
    /// A row a partition.
    partitions: Arc<dyn TableProvider>,
    call: PythonCall,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for PartitionsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn PlanSession,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let partitions = self.partitions.scan(state, None, &[], None).await?;
        let taken: Fields = partitions.schema().fields().clone();
        let rows = map::exec(partitions, self.call.clone(), &taken, self.schema.fields().clone(), "read()");
        let Some(projection) = projection else { return Ok(rows) };
        let columns = projection.iter().map(|&index| {
            let name = self.schema.field(index).name();
            (Arc::new(Column::new(name, index)) as Arc<dyn PhysicalExpr>, name.clone())
        });
        Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), rows)?))
    }
}
