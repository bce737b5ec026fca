//! Batches of one size: what Python workers get, what an exchange gives.

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt};

/// Batches of exactly `rows` rows, the last one perhaps of fewer.
pub fn rebatch(
    input: SendableRecordBatchStream,
    rows: usize,
) -> impl Stream<Item = datafusion::common::Result<RecordBatch>> + Send + use<> {
    let schema = input.schema();
    // Without a limit everything is one batch.
    let target = rows.min(1 << 40);
    let state = Rebatch { input, coalescer: Some(BatchCoalescer::new(schema, target)), rows: target };
    futures::stream::unfold(state, |mut state| async move { state.next().await.map(|batch| (batch, state)) })
}

struct Rebatch {
    input: SendableRecordBatchStream,
    coalescer: Option<BatchCoalescer>,
    rows: usize,
}

impl Rebatch {
    async fn next(&mut self) -> Option<datafusion::common::Result<RecordBatch>> {
        loop {
            let coalescer = self.coalescer.as_mut()?;
            if let Some(batch) = coalescer.next_completed_batch() {
                return Some(Ok(batch));
            }
            match self.input.next().await {
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(Ok(batch)) => {
                    // A batch that is right as it is needs no copy.
                    if coalescer.is_empty() && batch.num_rows() == self.rows {
                        return Some(Ok(batch));
                    }
                    if let Err(error) = coalescer.push_batch(batch) {
                        self.coalescer = None;
                        return Some(Err(error.into()));
                    }
                }
                Some(Err(error)) => {
                    self.coalescer = None;
                    return Some(Err(error));
                }
                None => {
                    let mut last = self.coalescer.take()?;
                    if let Err(error) = last.finish_buffered_batch() {
                        return Some(Err(error.into()));
                    }
                    return last.next_completed_batch().map(Ok);
                }
            }
        }
    }
}
