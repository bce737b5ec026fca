//! The physical operator that most of ours are: partitions stay apart, and what happens to the rows of one is a
//! [`PartitionWork`]'s. Those with one input and nothing to declare are a [`super::partition_map::PartitionMap`].

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, EquivalenceProperties, OrderingRequirements, PhysicalExpr};
use datafusion::physical_optimizer::output_requirements::OutputRequirementExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    replace_children_if_necessary,
};
use futures::StreamExt;
use futures::stream::BoxStream;

/// The batches that come out of a partition.
pub type Rows = BoxStream<'static, Result<RecordBatch>>;

/// What an operator does.
pub trait PartitionWork: fmt::Debug + Send + Sync + Any {
    /// The operator's name in plans.
    fn name(&self) -> &'static str;
    /// The rest of its line in EXPLAIN.
    fn describe(&self) -> String;
    /// The columns that come out, of those of each input.
    fn schema(&self, inputs: &[SchemaRef]) -> SchemaRef;
    /// Expressions over the input's columns.
    fn arguments(&self) -> &[Arc<dyn PhysicalExpr>] {
        &[]
    }
    /// Whether the columns of the one input come out first, with the rows in their order.
    fn extends_input(&self) -> bool {
        false
    }
    /// Transforms the rows of a partition; `schema` is that of the result.
    fn run(
        &self,
        partition: usize,
        inputs: Vec<SendableRecordBatchStream>,
        schema: &SchemaRef,
        context: &Arc<TaskContext>,
    ) -> Result<Rows>;
}

/// The operator. Its inputs have the same number of partitions.
#[derive(Debug)]
pub struct PartitionExec {
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    work: Arc<dyn PartitionWork>,
    /// The orders in which the rows came when the query was planned: the work may depend on them, so no rule may drop them.
    orders: Vec<Option<OrderingRequirements>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl PartitionExec {
    pub fn new(inputs: Vec<Arc<dyn ExecutionPlan>>, work: Arc<dyn PartitionWork>) -> Self {
        let inputs: Vec<Arc<dyn ExecutionPlan>> = inputs.into_iter().map(keeping_hidden_order).collect();
        let orders = inputs.iter().map(order_of).collect();
        Self::with_orders(inputs, work, orders)
    }

    fn with_orders(
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        work: Arc<dyn PartitionWork>,
        orders: Vec<Option<OrderingRequirements>>,
    ) -> Self {
        let schemas: Vec<SchemaRef> = inputs.iter().map(|input| input.schema()).collect();
        let schema = work.schema(&schemas);
        let own = inputs[0].properties();
        let equivalences = match work.extends_input() {
            // What orders the input orders this: its columns keep their places.
            true => EquivalenceProperties::new_with_orderings(schema, own.eq_properties.oeq_class().iter().cloned()),
            false => EquivalenceProperties::new(schema),
        };
        let properties = Arc::new(PlanProperties::new(
            equivalences,
            Partitioning::UnknownPartitioning(own.partitioning.partition_count()),
            own.emission_type,
            own.boundedness,
        ));
        Self { inputs, work, orders, properties, metrics: ExecutionPlanMetricsSet::new() }
    }

    /// The work of a plan's operator, if it is of this kind.
    pub fn work<W: PartitionWork>(plan: &Arc<dyn ExecutionPlan>) -> Option<&W> {
        let own = (plan.as_ref() as &dyn Any).downcast_ref::<Self>()?;
        (own.work.as_ref() as &dyn Any).downcast_ref()
    }
}

/// An input that is sorted by what its own columns no longer tell, as after `df.orderBy(hidden).drop(..)`: nobody above
/// can require that order, and DataFusion drops sorts that nobody requires. So it is required where the sort is.
fn keeping_hidden_order(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    if input.output_ordering().is_some() {
        return input;
    }
    with_required_sort(&input).unwrap_or(input)
}

fn with_required_sort(plan: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    if let Some(sort) = (plan.as_ref() as &dyn Any).downcast_ref::<SortExec>() {
        let order = OrderingRequirements::from(sort.expr().clone());
        let anywhere = Distribution::UnspecifiedDistribution;
        // It ends with the optimizer's last rules.
        return Some(Arc::new(OutputRequirementExec::new(Arc::clone(plan), Some(order), anywhere, None)));
    }
    let [child] = plan.children()[..] else { return None };
    if !plan.maintains_input_order()[0] {
        return None;
    }
    let kept = with_required_sort(child)?;
    replace_children_if_necessary(Arc::clone(plan), vec![kept]).ok()
}

/// The order of an operator's rows, as what an operator above it requires.
pub fn order_of(input: &Arc<dyn ExecutionPlan>) -> Option<OrderingRequirements> {
    input.output_ordering().map(|order| OrderingRequirements::from(order.clone()))
}

impl DisplayAs for PartitionExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.work.name(), self.work.describe())
    }
}

impl ExecutionPlan for PartitionExec {
    fn name(&self) -> &str {
        self.work.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![self.work.extends_input(); self.inputs.len()]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.orders.clone()
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for argument in self.work.arguments() {
            if visit(argument)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.len() != self.inputs.len() {
            return datafusion::common::internal_err!("{} was given another number of inputs", self.name());
        }
        Ok(Arc::new(Self::with_orders(children, Arc::clone(&self.work), self.orders.clone())))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let inputs = self.inputs.iter().map(|input| input.execute(partition, Arc::clone(&context)));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let rows = self.work.run(partition, inputs, &self.schema(), &context)?;
        let counted = rows.inspect(move |batch| {
            if let Ok(batch) = batch {
                metrics.record_output(batch.num_rows());
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), counted)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
