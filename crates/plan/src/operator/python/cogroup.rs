//! Functions over the groups of two relations with the same keys: `cogroup(..).applyInPandas`, `applyInArrow`.
//! Spark's `FlatMapCoGroupsInPandasExec`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Fields, Schema, SchemaRef};
use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use firesteel_functions::kernel::{from_arrow, to_datafusion};
use firesteel_protocol::Result;
use firesteel_python::{ByteStream, TaskInfo, encode};
use futures::StreamExt;

use super::call::PythonCall;
use super::convert::for_worker;
use super::group::positions;
use super::grouping::{Group, Groups};
use super::map::columns_of;
use crate::operator::partition_map::order_of;

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
        Arc::new(PythonCogroupExec::new([left, right], self.clone()))
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

#[derive(Debug)]
struct PythonCogroupExec {
    inputs: [Arc<dyn ExecutionPlan>; 2],
    node: PythonCogroupNode,
    /// The groups come one after the other.
    orders: Vec<Option<OrderingRequirements>>,
    properties: Arc<PlanProperties>,
}

impl PythonCogroupExec {
    fn new(inputs: [Arc<dyn ExecutionPlan>; 2], node: PythonCogroupNode) -> Self {
        let own = inputs[0].properties();
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(node.schema.inner())),
            Partitioning::UnknownPartitioning(own.partitioning.partition_count()),
            own.emission_type,
            own.boundedness,
        ));
        let orders = inputs.iter().map(order_of).collect();
        Self { inputs, node, orders, properties }
    }
}

impl DisplayAs for PythonCogroupExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "PythonCogroupExec: {}", self.node.call.label)
    }
}

impl ExecutionPlan for PythonCogroupExec {
    fn name(&self) -> &str {
        "PythonCogroupExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.orders.clone()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> datafusion::common::Result<TreeNodeRecursion>,
    ) -> datafusion::common::Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        match <[Arc<dyn ExecutionPlan>; 2]>::try_from(children) {
            Ok(inputs) => {
                let new = Self::new(inputs, self.node.clone());
                Ok(Arc::new(Self { orders: self.orders.clone(), ..new }))
            }
            Err(_) => datafusion::common::internal_err!("a cogroup has two inputs"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        let [left, right] = &self.inputs;
        let pair = Pair {
            left: Turn::new(left.execute(partition, Arc::clone(&context))?, &self.node.sides[0], &context)
                .map_err(to_datafusion)?,
            right: Turn::new(right.execute(partition, Arc::clone(&context))?, &self.node.sides[1], &context)
                .map_err(to_datafusion)?,
        };
        let info = TaskInfo { partition, barrier: None };
        let call = &self.node.call;
        let results =
            firesteel_python::run(call.settings.session.clone(), Arc::clone(&call.program), info, pair.bytes());
        let (given, operation) = (self.node.given.clone(), self.node.operation);
        let out = Arc::clone(self.node.schema.inner());
        let results = results.map(move |batch| {
            batch.and_then(|batch| columns_of(&batch, &given, operation, &out)).map_err(to_datafusion)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), results)))
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
