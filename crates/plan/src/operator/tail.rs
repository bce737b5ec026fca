//! The last rows of a relation, in order: `tail(n)`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::DFSchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::{StreamExt, TryStreamExt};

use super::exchange::ExchangeExec;
use super::partition_map::{self, PartitionMap};
use super::{Planned, only, over, schema_of};
use crate::Relation;

/// The logical node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub struct TailNode {
    input: Arc<LogicalPlan>,
    rows: usize,
}

/// Keeps the last `rows` rows.
pub fn plan(input: Relation, rows: usize) -> Planned {
    let node = TailNode { input: Arc::new(input.plan.clone()), rows };
    Ok(over(input, node))
}

impl TailNode {
    /// Joins the partitions in order, then keeps the last rows.
    pub fn exec(&self, input: Arc<dyn ExecutionPlan>) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let single: Arc<dyn ExecutionPlan> =
            match (input.output_partitioning().partition_count(), input.output_ordering()) {
                (1, _) => input,
                (_, Some(ordering)) => Arc::new(SortPreservingMergeExec::new(ordering.clone(), input)),
                _ => ExchangeExec::in_order(input),
            };
        Ok(partition_map::exec(single, Arc::new(Tail { rows: self.rows })))
    }
}

impl UserDefinedLogicalNodeCore for TailNode {
    fn name(&self) -> &str {
        "Tail"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        schema_of(&self.input)
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Tail: {}", self.rows)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Ok(Self { input: Arc::new(only(inputs)?), rows: self.rows })
    }
}

#[derive(Debug)]
struct Tail {
    rows: usize,
}

impl PartitionMap for Tail {
    fn name(&self) -> &'static str {
        "TailExec"
    }

    fn describe(&self) -> String {
        format!("rows={}", self.rows)
    }

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        Arc::clone(input)
    }

    fn apply(&self, _: usize, mut input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let rows = self.rows;
        let schema = input.schema();
        let last = async move {
            let mut kept: VecDeque<RecordBatch> = VecDeque::new();
            let mut count = 0;
            while let Some(batch) = input.next().await {
                let batch = batch?;
                count += batch.num_rows();
                kept.push_back(batch);
                // Whole batches that the last rows cannot touch are let go at once.
                while kept.front().is_some_and(|first| count - first.num_rows() >= rows) {
                    count -= kept.pop_front().map_or(0, |first| first.num_rows());
                }
            }
            if let Some(first) = kept.pop_front() {
                let skip = count.saturating_sub(rows);
                kept.push_front(first.slice(skip, first.num_rows() - skip));
            }
            Ok::<_, datafusion::common::DataFusionError>(futures::stream::iter(kept.into_iter().map(Ok)))
        };
        Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(last).try_flatten()))
    }
}
