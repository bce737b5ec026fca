//! `transformWithState` in a batch query: no state but what the processor is given to begin with, and all of it forgotten
//! at the end. Spark's `TransformWithStateInPySparkExec` where it does not run in a stream.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use firesteel_protocol::Result;
use futures::StreamExt;

use super::stateful::{GroupChanges, GroupStates, PythonStateNode, Times, Wanted};
use super::variables;
use crate::operator::partition_exec::{PartitionWork, Rows};

/// The work: its inputs are the rows and, where there is one, the initial state. The groups come one after the other.
#[derive(Debug)]
pub(super) struct BatchState(pub PythonStateNode);

impl PartitionWork for BatchState {
    fn name(&self) -> &'static str {
        "TransformWithStateInPySparkExec"
    }

    fn describe(&self) -> String {
        self.0.function.name.clone()
    }

    fn schema(&self, _: &[SchemaRef]) -> SchemaRef {
        Arc::clone(self.0.schema.inner())
    }

    fn run(
        &self,
        _: usize,
        inputs: Vec<SendableRecordBatchStream>,
        _: &SchemaRef,
        _: &Arc<TaskContext>,
    ) -> datafusion::common::Result<Rows> {
        let now_ms = chrono::Utc::now().timestamp_millis();
        let times = Times { batch_ms: now_ms, watermark_ms: Some(-1), is_first: true };
        Ok(self.0.answer(inputs, Arc::new(NoStates), times).boxed())
    }
}

/// The state of a batch query: none.
#[derive(Debug)]
struct NoStates;

impl GroupStates for NoStates {
    fn lookup(&self, _: &RecordBatch) -> Result<Vec<RecordBatch>> {
        Ok(vec![])
    }

    fn select(&self, _: Wanted<'_>) -> Result<Vec<RecordBatch>> {
        Ok(vec![])
    }

    fn finish(&self, _: GroupChanges) -> Result<()> {
        Ok(())
    }

    fn variables(&self) -> Option<Bytes> {
        None
    }

    fn declare(&self, declared: Bytes) -> Result<Bytes> {
        variables::numbered(&declared, None)
    }
}
