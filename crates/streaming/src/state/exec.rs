//! The physical operator of all stateful operators: one partition, whose rows are a [`Work`]'s.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, reset_plan_states};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use firesteel_functions::kernel::from_datafusion;
use firesteel_plan::operator::partition_exec::order_of;
use futures::{StreamExt, TryStreamExt};

use super::operator::Operator;

/// What an operator does with the rows of a batch.
pub trait Work: fmt::Debug + Send + Sync + 'static {
    /// The operator's name in plans.
    fn name(&self) -> &'static str;

    /// What plans say of it.
    fn describe(&self) -> String;

    /// Whose state it changes.
    fn operator(&self) -> &Operator;

    /// The rows that come out; each input is one partition.
    fn run(
        self: Arc<Self>,
        inputs: Vec<SendableRecordBatchStream>,
        schema: SchemaRef,
        context: Arc<TaskContext>,
    ) -> SendableRecordBatchStream;
}

/// The operator.
#[derive(Debug)]
pub struct StatefulExec {
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    work: Arc<dyn Work>,
    schema: SchemaRef,
    /// The orders of the inputs that the work depends on, so that no rule drops them.
    orders: Vec<Option<OrderingRequirements>>,
    properties: Arc<PlanProperties>,
}

impl StatefulExec {
    /// An operator over inputs whose order it depends on.
    pub fn ordered(inputs: Vec<Arc<dyn ExecutionPlan>>, work: Arc<dyn Work>, schema: SchemaRef) -> Self {
        let orders = inputs.iter().map(order_of).collect();
        Self { orders, ..Self::new(inputs, work, schema) }
    }

    /// An operator over inputs of any number of partitions.
    pub fn new(inputs: Vec<Arc<dyn ExecutionPlan>>, work: Arc<dyn Work>, schema: SchemaRef) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        let orders = vec![None; inputs.len()];
        Self { inputs: inputs.into_iter().map(single).collect(), work, schema, orders, properties }
    }
}

/// The rows of all partitions as one.
pub fn single(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    match input.output_partitioning().partition_count() {
        1 => input,
        _ => Arc::new(CoalescePartitionsExec::new(input)),
    }
}

impl DisplayAs for StatefulExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.work.name(), self.work.describe())
    }
}

impl ExecutionPlan for StatefulExec {
    fn name(&self) -> &str {
        self.work.name()
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
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let same = Self::new(children, Arc::clone(&self.work), Arc::clone(&self.schema));
        Ok(Arc::new(Self { orders: self.orders.clone(), ..same }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let inputs = self.inputs.iter().map(|input| input.execute(partition, Arc::clone(&context)));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        Ok(Arc::clone(&self.work).run(inputs, Arc::clone(&self.schema), context))
    }
}

/// Has every stateful operator of a plan see all rows of its batch, whoever asked for how many of them.
pub async fn finish(plan: &Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> firesteel_protocol::Result<()> {
    let fresh = reset_plan_states(Arc::clone(plan)).map_err(from_datafusion)?;
    for node in stateful(&fresh) {
        let unseen = (node.as_ref() as &dyn std::any::Any)
            .downcast_ref::<StatefulExec>()
            .is_some_and(|own| !own.work.operator().has_seen_all());
        if unseen {
            let fresh = reset_plan_states(node).map_err(from_datafusion)?;
            let mut rows = fresh.execute(0, Arc::clone(context)).map_err(from_datafusion)?;
            while let Some(batch) = rows.next().await {
                batch.map_err(from_datafusion)?;
            }
        }
    }
    Ok(())
}

/// The stateful operators of a plan, those below others first.
fn stateful(plan: &Arc<dyn ExecutionPlan>) -> Vec<Arc<dyn ExecutionPlan>> {
    let mut found: Vec<_> = plan.children().into_iter().flat_map(stateful).collect();
    if (plan.as_ref() as &dyn std::any::Any).is::<StatefulExec>() {
        found.push(Arc::clone(plan));
    }
    found
}

/// Batches that a future gives.
pub fn later(
    schema: SchemaRef,
    batches: impl Future<Output = firesteel_protocol::Result<Vec<RecordBatch>>> + Send + 'static,
) -> SendableRecordBatchStream {
    let work = async move {
        let batches = batches.await.map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok::<_, DataFusionError>(futures::stream::iter(batches.into_iter().map(Ok)))
    };
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(work).try_flatten()))
}

/// All rows of an input.
pub async fn all(input: SendableRecordBatchStream) -> firesteel_protocol::Result<Vec<RecordBatch>> {
    input.try_collect().await.map_err(from_datafusion)
}
