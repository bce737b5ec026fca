//! The limits of a recursive query: levels and rows, `spark.sql.cteRecursionLevelLimit` and `.cteRecursionRowLimit`.
//!
//! The node stands over the table of the last level's rows, which each level reads anew.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::SchemaRef;
use datafusion::common::DFSchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_functions::kernel::to_datafusion;
use firesteel_protocol::SparkError;
use futures::StreamExt;

use super::partition_map::{PartitionMap, PartitionMapExec};
use super::{Planned, only, over, schema_of};
use crate::Relation;

/// The logical node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub struct RecursionNode {
    input: Arc<LogicalPlan>,
    /// Levels behind the first; none: any number.
    levels: Option<usize>,
    rows: Option<usize>,
}

/// Fails when `input` is read for more than `levels` levels.
pub fn plan(input: Relation, levels: Option<usize>, rows: Option<usize>) -> Planned {
    let node = RecursionNode { input: Arc::new(input.plan.clone()), levels, rows };
    Ok(over(input, node))
}

impl RecursionNode {
    pub fn exec(&self, input: Arc<dyn ExecutionPlan>) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let map = Levels {
            levels: self.levels,
            rows: self.rows,
            read: AtomicUsize::new(0),
            counted: Arc::new(AtomicUsize::new(0)),
        };
        Ok(Arc::new(PartitionMapExec::new(input, Arc::new(map))))
    }
}

impl UserDefinedLogicalNodeCore for RecursionNode {
    fn name(&self) -> &str {
        "Recursion"
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
        write!(f, "Recursion: levels={:?}, rows={:?}", self.levels, self.rows)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Ok(Self { input: Arc::new(only(inputs)?), ..self.clone() })
    }
}

#[derive(Debug)]
struct Levels {
    levels: Option<usize>,
    rows: Option<usize>,
    /// How often the table was read.
    read: AtomicUsize,
    /// Rows that were read.
    counted: Arc<AtomicUsize>,
}

impl PartitionMap for Levels {
    fn name(&self) -> &'static str {
        "RecursionExec"
    }

    fn describe(&self) -> String {
        format!("levels={:?}, rows={:?}", self.levels, self.rows)
    }

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        Arc::clone(input)
    }

    fn apply(&self, _: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = input.schema();
        let read = self.read.fetch_add(1, Ordering::Relaxed);
        if let Some(levels) = self.levels.filter(|levels| read >= *levels) {
            let error = SparkError::new("RECURSION_LEVEL_LIMIT_EXCEEDED").with("levelLimit", levels.to_string());
            let failed = futures::stream::once(async move { Err(to_datafusion(error)) });
            return Box::pin(RecordBatchStreamAdapter::new(schema, failed));
        }
        let (rows, counted) = (self.rows, Arc::clone(&self.counted));
        let output = input.map(move |batch| {
            let batch = batch?;
            let all = counted.fetch_add(batch.num_rows(), Ordering::Relaxed) + batch.num_rows();
            match rows.filter(|limit| all > *limit) {
                Some(limit) => Err(to_datafusion(
                    SparkError::new("RECURSION_ROW_LIMIT_EXCEEDED").with("rowLimit", limit.to_string()),
                )),
                None => Ok(batch),
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, output))
    }
}
