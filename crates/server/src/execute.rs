//! Runs an operation: the engine's rows and results become responses in the operation's buffer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use firesteel_engine::python::PythonOperation;
use firesteel_engine::{Execution, OperationHandle, Progress, Rows, StageSnapshot};
use firesteel_protocol::SparkError;
use firesteel_protocol::connect as pb;
use firesteel_streaming::command::events_response;
use firesteel_streaming::{Answer, is_streaming_command};
use futures::{FutureExt, StreamExt};
use pb::ExecutePlanResponse;
use pb::execute_plan_response::execution_progress::StageInfo;
use pb::execute_plan_response::{ExecutionProgress, ObservedMetrics, ResponseType, ResultComplete};
use pb::plan::OpType;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, timeout_at};

use crate::batch::{BatchLimits, BatchWriter};
use crate::error::{Failure, Result};
use crate::events;
use crate::operation::Operation;
use crate::session::SessionHolder;

/// Rows do not wait longer than this for company.
const MAX_WAIT: Duration = Duration::from_millis(200);

/// How a client wants its results.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExecuteOptions {
    pub(crate) limits: BatchLimits,
    /// Time between reports of progress; none, no reports.
    pub(crate) progress_interval: Option<Duration>,
}

/// Starts an operation on `queries`, the runtime that computes. Reports come from the caller's runtime, which
/// has time for them.
pub(crate) fn start(
    queries: &Handle,
    session: Arc<SessionHolder>,
    operation: Arc<Operation>,
    plan: pb::Plan,
    options: ExecuteOptions,
    python: PythonOperation,
) {
    let reporter = options.progress_interval.map(|interval| {
        AbortOnDrop(tokio::spawn(report_progress(envelope(&session, &operation), operation.clone(), interval)))
    });
    queries.spawn(async move {
        let work =
            AssertUnwindSafe(python.clone().scope(run(&session, &operation, plan, options, &python))).catch_unwind();
        let end = tokio::select! {
            biased;
            () = operation.cancel.cancelled() => Err(Failure::canceled()),
            end = work => end.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))),
        };
        drop(reporter);
        if let (Err(_), Some(accumulated)) = (&end, session.session.accumulated(&python)) {
            // Tasks that succeeded count, whatever became of the others.
            let told = ExecutePlanResponse { observed_metrics: vec![accumulated], ..envelope(&session, &operation) };
            operation.buffer.offer(told);
        }
        // An interrupt may have come when all was done but the telling: then that is what the client reads.
        let end = operation.buffer.ended().unwrap_or(end);
        events::operation_ended(&session.session, &operation, operation.rows.load(Ordering::Relaxed), &end);
        if let Err(failure) = &end {
            tracing::debug!(operation_id = operation.id, error = failure.message(), "operation failed");
        } else if operation.reattachable {
            let complete = ResponseType::ResultComplete(ResultComplete {});
            operation.buffer.push(respond(&envelope(&session, &operation), complete)).await;
        }
        operation.buffer.end(end);
    });
}

/// The error of a panic: a bug, which must not take the server down.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("panic");
    SparkError::internal(text).into()
}

async fn run(
    session: &SessionHolder,
    operation: &Operation,
    plan: pb::Plan,
    options: ExecuteOptions,
    python: &PythonOperation,
) -> Result<()> {
    let listens = session.session.engine.listener().is_some();
    let description = if listens { firesteel_engine::describe::plan(&plan) } else { String::new() };
    let mut tags = operation.tags.clone();
    if listens {
        events::operation_started(&session.session, operation, &description);
        tags.push(events::job_tag(&session.session, &operation.id));
    }
    let handle = OperationHandle {
        id: operation.id.clone(),
        tags,
        cancel: operation.cancel.clone(),
        progress: operation.progress.clone(),
        description,
        properties: Arc::clone(python.properties()),
        observed: firesteel_engine::Observed::default(),
    };
    let observed = Arc::clone(&handle.observed);
    let envelope = envelope(session, operation);
    let plan = match plan.op_type {
        Some(OpType::Command(command)) if is_streaming_command(&command) => {
            return stream_command(session, &envelope, operation, command).await;
        }
        op_type => pb::Plan { op_type },
    };
    match session.session.execute(plan, handle).await? {
        Execution::Rows(rows) => {
            let accumulated = || session.session.accumulated(python);
            stream_rows(&envelope, operation, rows, options.limits, accumulated).await
        }
        Execution::Response(responses) => {
            for response in responses {
                operation.buffer.push(respond(&envelope, response)).await;
            }
            let mut observed = std::mem::take(&mut *observed.lock().expect("no panics while locked"));
            observed.extend(session.session.accumulated(python));
            if !observed.is_empty() {
                let told = ExecutePlanResponse { observed_metrics: observed, ..envelope.clone() };
                operation.buffer.push(told).await;
            }
            Ok(())
        }
    }
}

/// A command of Structured Streaming; a listener hears for as long as its client wants.
async fn stream_command(
    session: &SessionHolder,
    envelope: &ExecutePlanResponse,
    operation: &Operation,
    command: pb::Command,
) -> Result<()> {
    match session.streams.execute(command, events::job_tags(&session.session, operation)).await? {
        Answer::Responses(responses) => {
            for response in responses {
                operation.buffer.push(respond(envelope, response)).await;
            }
        }
        Answer::Events(first, mut events) => {
            operation.buffer.push(respond(envelope, first)).await;
            while let Some(event) = events.recv().await {
                operation.buffer.push(respond(envelope, events_response(vec![event]))).await;
            }
        }
    }
    Ok(())
}

/// The schema, the batches and, with the last of them, the metrics.
async fn stream_rows(
    envelope: &ExecutePlanResponse,
    operation: &Operation,
    mut rows: Rows,
    limits: BatchLimits,
    accumulated: impl Fn() -> Option<ObservedMetrics>,
) -> Result<()> {
    let buffer = &operation.buffer;
    buffer.push(ExecutePlanResponse { schema: Some(rows.schema.clone()), ..envelope.clone() }).await;

    let mut writer = BatchWriter::new(rows.arrow_schema.clone(), limits);
    let mut deadline = None;
    loop {
        let next = match deadline {
            None => rows.batches.next().await,
            Some(deadline) => match timeout_at(deadline, rows.batches.next()).await {
                Ok(next) => next,
                Err(_) => Some(Ok(arrow::array::RecordBatch::new_empty(rows.arrow_schema.clone()))),
            },
        };
        let Some(batch) = next else { break };
        let batch = batch?;
        operation.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        let mut full = writer.add(batch)?;
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            full.extend(writer.flush()?);
        }
        deadline = writer.has_pending().then(|| deadline.unwrap_or_else(|| Instant::now() + MAX_WAIT));
        for batch in full {
            buffer.push(respond(envelope, ResponseType::ArrowBatch(batch))).await;
        }
    }

    let mut last: Vec<_> =
        writer.finish()?.into_iter().map(|batch| respond(envelope, ResponseType::ArrowBatch(batch))).collect();
    let mut summary = rows.summary.take();
    summary.observed.extend(accumulated());
    if last.is_empty() && (summary.metrics.is_some() || !summary.observed.is_empty()) {
        last.push(envelope.clone());
    }
    if let Some(response) = last.last_mut() {
        response.metrics = summary.metrics;
        response.observed_metrics = summary.observed;
    }
    for response in last {
        buffer.push(response).await;
    }
    Ok(())
}

/// Sends what has changed since the last report. Ends with its task.
async fn report_progress(envelope: ExecutePlanResponse, operation: Arc<Operation>, interval: Duration) {
    let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reported = vec![];
    loop {
        ticks.tick().await;
        let stages = stages(&operation.progress);
        if stages != reported && operation.is_running() {
            operation.buffer.offer(respond(&envelope, progress_response(&stages)));
            reported = stages;
        }
    }
}

fn stages(progress: &Progress) -> Vec<StageSnapshot> {
    progress.snapshot()
}

fn progress_response(stages: &[StageSnapshot]) -> ResponseType {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    ResponseType::ExecutionProgress(ExecutionProgress {
        stages: stages
            .iter()
            .map(|stage| StageInfo {
                stage_id: number(stage.id),
                num_tasks: number(stage.tasks),
                num_completed_tasks: number(stage.completed),
                input_bytes_read: number(stage.bytes_read),
                done: stage.done,
            })
            .collect(),
        num_inflight_tasks: number(stages.iter().map(|stage| stage.running).sum()),
    })
}

/// What all responses of an operation share; the buffer gives each its own id.
fn envelope(session: &SessionHolder, operation: &Operation) -> ExecutePlanResponse {
    ExecutePlanResponse {
        session_id: session.session.id().to_owned(),
        server_side_session_id: session.server_side_id(),
        operation_id: operation.id.clone(),
        ..Default::default()
    }
}

fn respond(envelope: &ExecutePlanResponse, response: ResponseType) -> ExecutePlanResponse {
    ExecutePlanResponse { response_type: Some(response), ..envelope.clone() }
}

/// A task that ends with its owner.
pub(crate) struct AbortOnDrop<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
