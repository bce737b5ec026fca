//! The order in which `repartition(n)` deals rows out. Spark sorts each partition's rows by the hash of their bytes first
//! (`spark.sql.execution.sortBeforeRepartition`), so that a task that runs again deals them alike; users see the result in
//! `show()` and in files. Few rows get that order; many keep their own, which is the same in every run.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_functions::hash::unsafe_row::row_hashes;
use futures::{StreamExt, stream};

use super::partition_map::{self, PartitionMap};

/// Rows of a partition that are few.
const FEW_ROWS: usize = 1 << 16;
/// Their bytes at most.
const FEW_BYTES: usize = 1 << 24;

/// Rows of each partition in the order of their hashes, if they are few.
pub fn by_hash(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    partition_map::exec(input, Arc::new(ByHash))
}

#[derive(Debug)]
struct ByHash;

impl PartitionMap for ByHash {
    fn name(&self) -> &'static str {
        "DealOrderExec"
    }

    fn describe(&self) -> String {
        "by hash".into()
    }

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        Arc::clone(input)
    }

    fn apply(&self, _: usize, mut input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = input.schema();
        let own = Arc::clone(&schema);
        let output = async move {
            let (mut held, mut rows, mut bytes) = (vec![], 0, 0);
            while let Some(batch) = input.next().await {
                let failed = batch.is_err();
                if let Ok(batch) = &batch {
                    rows += batch.num_rows();
                    bytes += batch.get_array_memory_size();
                }
                held.push(batch);
                if failed || rows > FEW_ROWS || bytes > FEW_BYTES {
                    return stream::iter(held).chain(input).boxed();
                }
            }
            let held = held.into_iter().collect::<datafusion::common::Result<Vec<_>>>();
            let sorted = held.and_then(|batches| sorted(&schema, &batches));
            stream::iter([sorted]).boxed()
        };
        Box::pin(RecordBatchStreamAdapter::new(own, stream::once(output).flatten()))
    }
}

/// The rows as one batch, in the order of their hashes; as they came where their types have none.
fn sorted(schema: &SchemaRef, batches: &[RecordBatch]) -> datafusion::common::Result<RecordBatch> {
    let batch = concat_batches(schema, batches)?;
    let Some(hashes) = row_hashes(batch.columns(), batch.num_rows()) else { return Ok(batch) };
    let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
    order.sort_by_key(|row| hashes[*row as usize]);
    if batch.num_columns() == 0 {
        return Ok(batch);
    }
    Ok(take_record_batch(&batch, &UInt32Array::from(order))?)
}
