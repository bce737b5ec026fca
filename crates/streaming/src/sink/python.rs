//! `foreachBatch` and `foreach`: batches go to a function of the user in a Python process of the query's own.
//!
//! The process runs `python/firesteel/stream_worker.py` and speaks with this side over a Unix socket: frames of a
//! length and that many bytes. For foreachBatch it has a Connect session of its own, which is the user's session, and
//! finds the batch there as a kept table; for foreach the rows come as Arrow.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session as PlanSession, TableProvider};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use firesteel_engine::{Session, relabel};
use firesteel_functions::kernel::{from_arrow, from_datafusion};
use firesteel_plan::context::Stored;
use firesteel_protocol::connect::{self as pb, streaming_foreach_function::Function};
use firesteel_protocol::temporary::Folder;
use firesteel_protocol::types::json;
use firesteel_protocol::{Result, SparkError};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};

use super::{Batch, Sink, numbered};
use crate::start::OutputMode;

/// The program of the process.
const PROGRAM: &str = include_str!("../../../../python/firesteel/stream_worker.py");

/// A process that runs code of the user for a stream.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    socket: UnixStream,
    /// Holds the socket's name.
    _dir: Folder,
}

/// What a process is told at its start.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    kind: &'static str,
    /// The pickled function.
    command: Vec<u8>,
    /// What else its header says.
    more: Value,
    python: PathBuf,
    session: Arc<Session>,
}

impl Program {
    fn new(kind: &'static str, session: &Arc<Session>, function: &pb::StreamingForeachFunction) -> Result<Self> {
        let Some(Function::PythonFunction(function)) = &function.function else {
            return Err(SparkError::unsupported(
                format!("{kind} with functions that are not Python's"),
                "Write the function in Python.",
            ));
        };
        Ok(Self::of(kind, session, function.command.to_vec(), Value::Null))
    }

    /// A program of a kind of `stream_worker.py`.
    pub(crate) fn of(kind: &'static str, session: &Arc<Session>, command: Vec<u8>, more: Value) -> Self {
        let conf = session.conf();
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        // The function runs beside the user's program, so by the same interpreter.
        let python = session.engine.conf().python.interpreter.clone().or_else(|| {
            conf.lookup("spark.pyspark.driver.python")
                .or_else(|| conf.lookup("spark.pyspark.python"))
                .or_else(|| variable("PYSPARK_DRIVER_PYTHON"))
                .or_else(|| variable("PYSPARK_PYTHON"))
                .map(PathBuf::from)
        });
        let python = python.unwrap_or_else(|| "python3".into());
        Self { kind, command, more, python, session: Arc::clone(session) }
    }

    pub(crate) async fn start(&self) -> Result<Worker> {
        let failed = |what: &str, error: std::io::Error| {
            SparkError::new("STREAMING_PYTHON_RUNNER_INITIALIZATION_COMMUNICATION_FAILURE")
                .with("msg", format!("{what}: {error}"))
        };
        let dir = Folder::new("stream");
        let dir = dir.map_err(|error| failed("no temporary folder", error))?;
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).map_err(|error| failed("no socket", error))?;
        let pool = &self.session.engine.conf().python;
        let mut command = Command::new(&self.python);
        let mut modules = pool.modules.clone();
        if self.kind == "source" {
            modules.insert(0, (pool.package)(dir.path()).map_err(|error| failed("no package", error))?);
        }
        if !modules.is_empty() {
            let own = std::env::var_os("PYTHONPATH").filter(|path| !path.is_empty());
            let paths = modules.into_iter().chain(own.iter().flat_map(std::env::split_paths));
            if let Ok(paths) = std::env::join_paths(paths) {
                command.env("PYTHONPATH", paths);
            }
        }
        command
            .arg("-c")
            .arg(PROGRAM)
            .env("FIRESTEEL_STREAM_SOCKET", &path)
            .env("PYTHONUNBUFFERED", "YES")
            .envs(pool.environment.iter().cloned())
            // The address of the server comes with the first message.
            .env_remove("SPARK_REMOTE")
            .current_dir(&self.session.engine.conf().working_dir)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let endpoint = self.session.engine.endpoint().cloned();
        if let Some(token) = endpoint.as_ref().and_then(|endpoint| endpoint.token.as_ref()) {
            command.env("SPARK_CONNECT_AUTHENTICATE_TOKEN", token);
        }
        let mut child =
            command.spawn().map_err(|error| failed(&format!("cannot start {}", self.python.display()), error))?;
        let socket = tokio::select! {
            accepted = listener.accept() => accepted.map_err(|error| failed("no connection", error))?.0,
            status = child.wait() => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                return Err(SparkError::new("STREAMING_PYTHON_RUNNER_INITIALIZATION_COMMUNICATION_FAILURE")
                    .with("msg", format!("{} ended before it began: {status}", self.python.display())));
            }
        };
        let mut worker = Worker { child, socket, _dir: dir };
        let url = endpoint.map(|endpoint| endpoint.url).unwrap_or_default();
        let header = json!({
            "kind": self.kind,
            "url": url,
            "session_id": self.session.id(),
            "user_id": self.session.user_id(),
            "more": self.more,
        });
        worker.send(header.to_string().as_bytes()).await?;
        worker.send(&self.command).await?;
        worker.answer(self.kind).await?;
        Ok(worker)
    }
}

impl Worker {
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let length = u32::try_from(bytes.len()).map_err(|_| SparkError::internal("a message of more than 4 GiB"))?;
        let sent = async {
            self.socket.write_all(&length.to_be_bytes()).await?;
            self.socket.write_all(bytes).await?;
            self.socket.flush().await
        };
        sent.await.map_err(|error| gone(&error))
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> Result<Vec<u8>> {
        let read = async {
            let mut length = [0_u8; 4];
            self.socket.read_exact(&mut length).await?;
            let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
            self.socket.read_exact(&mut bytes).await?;
            Ok(bytes)
        };
        read.await.map_err(|error: std::io::Error| gone(&error))
    }

    /// The next frame as JSON.
    pub(crate) async fn said(&mut self) -> Result<Value> {
        let bytes = self.frame().await?;
        serde_json::from_slice(&bytes).map_err(|error| SparkError::internal(error.to_string()))
    }

    /// Waits for the function; its failure is the query's.
    async fn answer(&mut self, kind: &str) -> Result<()> {
        let answer = self.said().await?;
        match answer.get("error").and_then(Value::as_str) {
            None => Ok(()),
            Some(reason) => {
                let condition = match kind {
                    "source" => {
                        return Err(SparkError::new("PYTHON_DATA_SOURCE_ERROR")
                            .with("action", "plan")
                            .with("type", "initialize source")
                            .with("msg", reason));
                    }
                    "foreach" => "FOREACH_USER_FUNCTION_ERROR",
                    _ => "FOREACH_BATCH_USER_FUNCTION_ERROR",
                };
                Err(SparkError::new(condition).with("reason", reason))
            }
        }
    }
}

fn gone(error: &std::io::Error) -> SparkError {
    SparkError::new("_LEGACY_IO_EXCEPTION").with_message(format!("the Python process of the stream is gone: {error}"))
}

/// A process that is started by the first batch.
#[derive(Debug)]
pub(super) struct Lazy {
    program: Program,
    worker: tokio::sync::Mutex<Option<Worker>>,
}

impl Lazy {
    pub(super) fn new(program: Program) -> Self {
        Self { program, worker: tokio::sync::Mutex::new(None) }
    }

    /// Has the process take the rows of a batch, a partition after the other; their number.
    pub(super) async fn write(&self, batch_id: u64, batch: &Batch, kind: &str) -> Result<u64> {
        let mut slot = self.worker.lock().await;
        let worker = match slot.as_mut() {
            Some(worker) => worker,
            None => slot.insert(self.program.start().await?),
        };
        let zone = batch.session.conf().lookup("spark.sql.session.timeZone").unwrap_or_else(|| "UTC".into());
        let schema = Arc::new(Schema::new(relabel::client_fields(&batch.fields, &zone)));
        let spark = json::to_json(&DataType::Struct(batch.fields.clone()));
        let mut rows = 0;
        for partition in 0..batch.plan.output_partitioning().partition_count() {
            let header = json!({"batch": batch_id, "partition": partition, "schema": spark});
            worker.send(header.to_string().as_bytes()).await?;
            let mut stream = batch.plan.execute(partition, Arc::clone(&batch.task_ctx)).map_err(from_datafusion)?;
            while let Some(next) = stream.next().await {
                let next = relabel::batch(&next.map_err(from_datafusion)?, &schema)?;
                rows += next.num_rows() as u64;
                if next.num_rows() > 0 {
                    worker.send(&ipc(&next)?).await?;
                }
            }
            // An empty message ends the partition.
            worker.send(&[]).await?;
            worker.answer(kind).await?;
        }
        Ok(rows)
    }

    pub(super) async fn stop(&self) {
        if let Some(mut worker) = self.worker.lock().await.take() {
            // It may have ended by itself.
            let _ = worker.child.kill().await;
        }
    }
}

/// `foreachBatch`.
#[derive(Debug)]
pub struct ForeachBatchSink(Lazy);

impl ForeachBatchSink {
    pub fn new(session: &Arc<Session>, function: &pb::StreamingForeachFunction) -> Result<Self> {
        if session.engine.endpoint().is_none() {
            return Err(SparkError::unsupported("foreachBatch without a server", "Use the Spark Connect server."));
        }
        Program::new("foreachBatch", session, function).map(|program| Self(Lazy::new(program)))
    }
}

#[async_trait]
impl Sink for ForeachBatchSink {
    fn description(&self) -> String {
        "ForeachBatchSink".into()
    }

    async fn add_batch(&self, batch_id: u64, batch: Batch, _: OutputMode) -> Result<Option<u64>> {
        let mut slot = self.0.worker.lock().await;
        let worker = match slot.as_mut() {
            Some(worker) => worker,
            None => slot.insert(self.0.program.start().await?),
        };
        let session = &self.0.program.session;
        let id = uuid::Uuid::new_v4().to_string();
        let stored = Stored {
            fields: Arc::new(Schema::new(batch.fields.clone())),
            provider: Arc::new(BatchTable { schema: numbered(&batch.fields), plan: Mutex::new(batch.plan) }),
        };
        session.keep_table(&id, stored);
        let called = async {
            worker.send(json!({"df": id, "batch": batch_id}).to_string().as_bytes()).await?;
            worker.answer("foreachBatch").await
        };
        let outcome = called.await;
        session.forget_table(&id);
        outcome.map(|()| None)
    }

    async fn stop(&self) {
        self.0.stop().await;
    }
}

/// A batch's plan as a table: every scan runs it anew, as in Spark.
struct BatchTable {
    schema: SchemaRef,
    plan: Mutex<Arc<dyn ExecutionPlan>>,
}

impl std::fmt::Debug for BatchTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchTable").finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for BatchTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn PlanSession,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let plan = Arc::clone(&self.plan.lock().expect("no panics while locked"));
        let plan = reset_plan_states(plan)?;
        let schema = plan.schema();
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let columns = projection.unwrap_or(&all).iter().map(|&index| {
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(schema.field(index).name(), index));
            (column, self.schema.field(index).name().clone())
        });
        Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), plan)?))
    }
}

/// `foreach`.
#[derive(Debug)]
pub struct ForeachSink(Lazy);

impl ForeachSink {
    pub fn new(session: &Arc<Session>, function: &pb::StreamingForeachFunction) -> Result<Self> {
        Program::new("foreach", session, function).map(|program| Self(Lazy::new(program)))
    }
}

#[async_trait]
impl Sink for ForeachSink {
    fn description(&self) -> String {
        "ForeachWriterTable".into()
    }

    async fn add_batch(&self, batch_id: u64, batch: Batch, _: OutputMode) -> Result<Option<u64>> {
        self.0.write(batch_id, &batch, "foreach").await.map(Some)
    }

    fn counts_rows(&self) -> bool {
        true
    }

    async fn stop(&self) {
        self.0.stop().await;
    }
}

fn ipc(batch: &RecordBatch) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema()).map_err(from_arrow)?;
    writer.write(batch).map_err(from_arrow)?;
    writer.finish().map_err(from_arrow)?;
    drop(writer);
    Ok(bytes)
}
