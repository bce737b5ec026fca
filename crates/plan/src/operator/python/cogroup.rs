//! Functions over the groups of two relations with the same keys: `cogroup(..).applyInPandas`, `applyInArrow`.
//! Spark's `FlatMapCoGroupsInPandasExec`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Fields, Schema, SchemaRef};
use datafusion::common::DFSchemaRef;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use firesteel_functions::kernel::{from_arrow, to_datafusion};
use firesteel_protocol::Result;
use firesteel_python::{ByteStream, TaskInfo, encode};
use futures::StreamExt;

use super::call::PythonCall;
use super::convert::for_worker;
use super::group::positions;
use super::grouping::{Group, Groups};
use super::map::columns_of;
use crate::operator::partition_exec::{PartitionExec, PartitionWork, Rows};

/// One of the two relations, arranged by its keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Side {
    pub input: Arc<LogicalPlan>,
    pub keys: Vec<String>,
    /// Columns that are sent, and as what the function sees them.
    pub sent: Vec<String>,
    pub taken: Fields,
}

/// The logical node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonCogroupNode {
    pub sides: [Side; 2],
    pub call: PythonCall,
    pub given: Fields,
    pub operation: &'static str,
    pub schema: DFSchemaRef,
}

impl PartialOrd for PythonCogroupNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.sides[0].input.partial_cmp(&other.sides[0].input)
    }
}

impl PythonCogroupNode {
    pub fn exec(&self, left: Arc<dyn ExecutionPlan>, right: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(PartitionExec::new(vec![left, right], Arc::new(PythonCogroup(self.clone()))))
    }
}

impl UserDefinedLogicalNodeCore for PythonCogroupNode {
    fn name(&self) -> &str {
        "PythonCogroup"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.sides.iter().map(|side| side.input.as_ref()).collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "PythonCogroup: {}", self.call.label)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        let mut new = self.clone();
        for (side, input) in new.sides.iter_mut().zip(inputs) {
            side.input = Arc::new(input);
        }
        Ok(new)
    }
}

/// The work: the groups come one after the other.
#[derive(Debug)]
struct PythonCogroup(PythonCogroupNode);

impl PartitionWork for PythonCogroup {
    fn name(&self) -> &'static str {
        "PythonCogroupExec"
    }

    fn describe(&self) -> String {
        self.0.call.label.clone()
    }

    fn schema(&self, _: &[SchemaRef]) -> SchemaRef {
        Arc::clone(self.0.schema.inner())
    }

    fn run(
        &self,
        partition: usize,
        inputs: Vec<SendableRecordBatchStream>,
        schema: &SchemaRef,
        context: &Arc<TaskContext>,
    ) -> datafusion::common::Result<Rows> {
        let turns = inputs.into_iter().zip(&self.0.sides).map(|(input, side)| Turn::new(input, side, context));
        let turns = turns.collect::<Result<Vec<_>>>().map_err(to_datafusion)?;
        let Ok([left, right]) = <[Turn; 2]>::try_from(turns) else {
            return datafusion::common::internal_err!("a cogroup has two inputs");
        };
        let info = TaskInfo { partition, barrier: None };
        let call = &self.0.call;
        let bytes = Pair { left, right }.bytes();
        let results = firesteel_python::run(call.settings.session.clone(), Arc::clone(&call.program), info, bytes);
        let (given, operation, out) = (self.0.given.clone(), self.0.operation, Arc::clone(schema));
        let results = results.map(move |batch| {
            batch.and_then(|batch| columns_of(&batch, &given, operation, &out)).map_err(to_datafusion)
        });
        Ok(results.boxed())
    }
}

/// One side's groups, the next one in hand.
struct Turn {
    groups: Groups,
    next: Option<Group>,
    sent: Vec<usize>,
    schema: SchemaRef,
}

impl Turn {
    fn new(input: SendableRecordBatchStream, side: &Side, context: &TaskContext) -> Result<Self> {
        let schema = input.schema();
        let keys = positions(&schema, &side.keys)?;
        let sent = positions(&schema, &side.sent)?;
        let groups = Groups::new(input, keys)?.accounted(context.memory_pool());
        Ok(Self { groups, next: None, sent, schema: Arc::new(Schema::new(side.taken.clone())) })
    }

    async fn fill(&mut self) -> Result<()> {
        if self.next.is_none() {
            self.next = self.groups.next().await?;
        }
        Ok(())
    }

    /// The rows of a group; where this side has none, a batch without rows.
    fn batch(&self, group: Option<&Group>) -> Result<RecordBatch> {
        let Some(group) = group else { return Ok(RecordBatch::new_empty(Arc::clone(&self.schema))) };
        let whole = group.whole()?.project(&self.sent).map_err(from_arrow)?;
        for_worker(whole.columns(), whole.num_rows(), &self.schema)
    }
}

struct Pair {
    left: Turn,
    right: Turn,
}

impl Pair {
    fn bytes(self) -> ByteStream {
        Box::pin(futures::stream::unfold(Some(self), |state| async move {
            let mut pair = state?;
            match pair.next().await {
                Ok(Some(bytes)) => Some((Ok(bytes), Some(pair))),
                Ok(None) => Some((Ok(encode::end_of_groups()), None)),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    async fn next(&mut self) -> Result<Option<Vec<arrow::buffer::Buffer>>> {
        // Both at once: neither side may wait for the other to be read.
        let (left, right) = futures::join!(self.left.fill(), self.right.fill());
        left?;
        right?;
        let order = match (&self.left.next, &self.right.next) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => left.key.cmp(&right.key),
        };
        let left = if order.is_le() { self.left.next.take() } else { None };
        let right = if order.is_ge() { self.right.next.take() } else { None };
        let (left, right) = (self.left.batch(left.as_ref())?, self.right.batch(right.as_ref())?);
        encode::group(&[(&self.left.schema, &[left]), (&self.right.schema, &[right])]).map_err(from_arrow).map(Some)
    }
}
