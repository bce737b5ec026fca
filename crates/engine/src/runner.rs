//! The local runner: as many partitions at once as there are slots, their rows in the order of the partitions, as Spark
//! collects them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::record_batch::RecordBatch;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use firesteel_functions::kernel::from_datafusion;
use firesteel_protocol::{Result, SparkError};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use firesteel_sources::slots::{Slots, first_failure};

use crate::query::BatchStream;
use crate::{OperationHandle, StageProgress};

/// Batches that a partition may be ahead of its reader.
const AHEAD: usize = 8;

/// Runs every partition as a task. Dropping the stream, or the operation's switch, stops them all.
pub fn run(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    operation: &OperationHandle,
) -> Result<BatchStream> {
    let partitions = plan.output_partitioning().partition_count();
    let stage = operation.progress.add_stage(partitions as u64);
    let mut receivers = Vec::with_capacity(partitions);
    let senders: Vec<_> = (0..partitions)
        .map(|_| {
            let (sender, receiver) = mpsc::channel(AHEAD);
            receivers.push(receiver);
            sender
        })
        .collect();
    // An error comes out of turn: the partition before may wait for the one that failed.
    let (failed, errors) = mpsc::unbounded_channel();
    let slots = context.session_config().target_partitions();
    let (input, running) = (Arc::clone(&plan), Arc::clone(&stage));
    let all = senders.into_iter().enumerate().map(move |(partition, sender)| {
        task(Arc::clone(&input), partition, Arc::clone(&context), (sender, failed.clone()), Arc::clone(&running))
    });
    let mut all = Slots::new(slots, all);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Some(ended) = all.next().await {
            ended?;
        }
        Ok(())
    });
    let cancel = operation.cancel.clone();
    let state = State { receivers: receivers.into_iter(), current: None, errors, tasks, stage, plan };
    let output = futures::stream::unfold(Some(state), move |state| {
        let cancel = cancel.clone();
        async move {
            let mut state = state?;
            tokio::select! {
                biased;
                () = cancel.cancelled() => Some((Err(cancelled()), None)),
                next = state.next() => match next? {
                    Ok(batch) => Some((Ok(batch), Some(state))),
                    Err(error) => Some((Err(error), None)),
                }
            }
        }
    });
    Ok(Box::pin(output))
}

/// What a cancelled query says.
pub fn cancelled() -> SparkError {
    SparkError::new("OPERATION_CANCELED")
}

struct State {
    receivers: std::vec::IntoIter<mpsc::Receiver<RecordBatch>>,
    current: Option<mpsc::Receiver<RecordBatch>>,
    errors: mpsc::UnboundedReceiver<(usize, SparkError)>,
    /// The task that runs all others; aborted when dropped.
    tasks: JoinSet<std::result::Result<(), JoinError>>,
    stage: Arc<StageProgress>,
    plan: Arc<dyn ExecutionPlan>,
}

impl State {
    /// The next batch of the first partition that has one left.
    async fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            if self.current.is_none() {
                self.current = self.receivers.next();
            }
            let Some(current) = &mut self.current else {
                self.stage.done.store(true, Ordering::Relaxed);
                self.stage.bytes_read.store(crate::metrics::bytes_scanned(&self.plan), Ordering::Relaxed);
                return match self.errors.recv().await {
                    Some(first) => Some(Err(first_failure(first, &mut self.errors).await)),
                    None => self.panicked().await,
                };
            };
            let next = tokio::select! {
                biased;
                Some(first) = self.errors.recv() => return Some(Err(first_failure(first, &mut self.errors).await)),
                next = current.recv() => next,
            };
            match next {
                Some(item) => return Some(Ok(item)),
                None => self.current = None,
            }
        }
    }

    /// A task that ended by a panic closed its channel without an error: say so instead of losing its rows.
    async fn panicked(&mut self) -> Option<Result<RecordBatch>> {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended.and_then(|all| all)
                && error.is_panic()
            {
                return Some(Err(SparkError::internal(format!("a task panicked: {error}"))));
            }
        }
        None
    }
}

async fn task(
    plan: Arc<dyn ExecutionPlan>,
    partition: usize,
    context: Arc<TaskContext>,
    (sender, failed): (mpsc::Sender<RecordBatch>, mpsc::UnboundedSender<(usize, SparkError)>),
    stage: Arc<StageProgress>,
) {
    stage.running.fetch_add(1, Ordering::Relaxed);
    let error = match plan.execute(partition, context) {
        Ok(mut stream) => loop {
            match stream.next().await {
                Some(Ok(batch)) => {
                    if sender.send(batch).await.is_err() {
                        break None;
                    }
                }
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        },
        Err(error) => Some(error),
    };
    if let Some(error) = error {
        // A reader that is gone needs no error.
        let _ = failed.send((partition, from_datafusion(error)));
    }
    stage.running.fetch_sub(1, Ordering::Relaxed);
    stage.completed.fetch_add(1, Ordering::Relaxed);
}
