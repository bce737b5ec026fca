//! Counts the rows of a batch that an aggregate takes in, or a sink.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_plan::operator::partition_map::PartitionMap;
use futures::TryStreamExt;

/// Counts the rows of a batch. DataFusion has a total of no rows, too; a stream has none, and tells nothing new then.
#[derive(Debug, Default)]
pub struct Counted {
    rows: Arc<AtomicU64>,
}

impl PartitionMap for Counted {
    fn name(&self) -> &'static str {
        "CountExec"
    }

    fn apply(&self, _: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let (schema, rows) = (input.schema(), Arc::clone(&self.rows));
        let counted = input.inspect_ok(move |batch| {
            rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, counted))
    }
}

impl Counted {
    /// Whether no row has come.
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    /// The rows that have come.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }
}
