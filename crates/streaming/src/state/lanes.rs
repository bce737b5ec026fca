//! Work on a state by its partitions, as many at once as there are cores.
//!
//! A key's rows are all in one partition of the state, so lanes of partitions never meet: each looks up and computes by
//! itself. Small batches have one lane; what is small is done before another thread has begun.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::TaskContext;
use firesteel_protocol::{Result, SparkError};

use super::store::Store;

/// Rows that are worth a lane of their own.
const ROWS_OF_A_LANE: usize = 8192;

/// How many lanes some rows are worth.
pub fn count(rows: &[RecordBatch], partitions: usize, context: &TaskContext) -> usize {
    let rows: usize = rows.iter().map(RecordBatch::num_rows).sum();
    (rows / ROWS_OF_A_LANE).min(context.session_config().target_partitions()).min(partitions).max(1)
}

/// The rows of each lane; those of a key stay in their order.
pub fn split(store: &Store, rows: Vec<RecordBatch>, context: &Arc<TaskContext>) -> Result<Vec<Vec<RecordBatch>>> {
    let count = count(&rows, store.partitions(), context);
    split_into(store, rows, count)
}

/// The rows of each of `count` lanes.
pub fn split_into(store: &Store, rows: Vec<RecordBatch>, count: usize) -> Result<Vec<Vec<RecordBatch>>> {
    if count == 1 {
        return Ok(vec![rows]);
    }
    let mut lanes = vec![vec![]; count];
    for batch in rows {
        for (lane, part) in store.split(&batch, count)?.into_iter().enumerate() {
            lanes[lane].extend(part);
        }
    }
    Ok(lanes)
}

/// Does something with each of some partitions, side by side where there are `rows` enough; in their order. Blocks.
pub fn each<P: Send, T: Send>(parts: Vec<P>, rows: u64, work: impl Fn(P) -> Result<T> + Sync) -> Result<Vec<T>> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let worth = usize::try_from(rows / ROWS_OF_A_LANE as u64).unwrap_or(usize::MAX);
    let lanes = worth.min(cores).min(parts.len()).max(1);
    if lanes == 1 {
        return parts.into_iter().map(work).collect();
    }
    let size = parts.len().div_ceil(lanes);
    let mut rest = parts.into_iter().peekable();
    std::thread::scope(|scope| {
        let work = &work;
        let mut running = vec![];
        while rest.peek().is_some() {
            let lane: Vec<P> = rest.by_ref().take(size).collect();
            running.push(scope.spawn(move || lane.into_iter().map(work).collect::<Result<Vec<T>>>()));
        }
        let mut done = vec![];
        for lane in running {
            let ended = lane.join().map_err(|_| SparkError::internal("a lane of the state has panicked"))?;
            done.extend(ended?);
        }
        Ok(done)
    })
}

/// Waits for the work of all lanes; their results in the order of the lanes. Where one fails or nobody waits any more,
/// the others end.
pub async fn side_by_side<T, F>(work: impl ExactSizeIterator<Item = F>) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let mut results = Vec::with_capacity(work.len());
    if work.len() == 1 {
        for own in work {
            results.push(own.await?);
        }
        return Ok(results);
    }
    let tasks: Vec<SpawnedTask<Result<T>>> = work.map(SpawnedTask::spawn).collect();
    for task in tasks {
        let joined = task.join().await;
        results.push(joined.map_err(|error| SparkError::internal(format!("a lane of the state: {error}")))??);
    }
    Ok(results)
}
