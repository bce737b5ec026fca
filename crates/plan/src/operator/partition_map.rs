//! An operator that treats each partition's stream by itself: what sample, tail and the numbering of rows share.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt;

use super::only;
use super::partition_exec::{PartitionExec, PartitionWork, Rows};

/// What happens to a partition.
pub trait PartitionMap: fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;
    /// The rest of the operator's line in EXPLAIN.
    fn describe(&self) -> String {
        String::new()
    }
    /// The schema of the result: the input's, if the map does not say otherwise.
    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        Arc::clone(input)
    }
    /// Transforms the rows of partition `partition`.
    fn apply(&self, partition: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream;
    /// The same, for maps that take memory from the task.
    fn apply_in(
        &self,
        partition: usize,
        input: SendableRecordBatchStream,
        _: &Arc<TaskContext>,
    ) -> SendableRecordBatchStream {
        self.apply(partition, input)
    }
}

/// The operator. Rows keep their partition; their order within it is the map's business.
pub fn exec(input: Arc<dyn ExecutionPlan>, map: Arc<dyn PartitionMap>) -> Arc<dyn ExecutionPlan> {
    Arc::new(PartitionExec::new(vec![input], Arc::new(Mapped(map))))
}

/// Whether an operator is a map of that name.
pub fn is_named(plan: &Arc<dyn ExecutionPlan>, name: &str) -> bool {
    PartitionExec::work::<Mapped>(plan).is_some_and(|own| own.0.name() == name)
}

#[derive(Debug)]
struct Mapped(Arc<dyn PartitionMap>);

impl PartitionWork for Mapped {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn schema(&self, inputs: &[SchemaRef]) -> SchemaRef {
        self.0.schema(&inputs[0])
    }

    fn run(
        &self,
        partition: usize,
        inputs: Vec<SendableRecordBatchStream>,
        _: &SchemaRef,
        context: &Arc<TaskContext>,
    ) -> datafusion::common::Result<Rows> {
        Ok(self.0.apply_in(partition, only(inputs)?, context).boxed())
    }
}
