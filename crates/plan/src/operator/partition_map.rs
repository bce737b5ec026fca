//! An operator that treats each partition's stream by itself: what sample, tail and the numbering of rows share.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::StreamExt;

use super::only;

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
#[derive(Debug)]
pub struct PartitionMapExec {
    input: Arc<dyn ExecutionPlan>,
    map: Arc<dyn PartitionMap>,
    /// The order in which the rows came when the query was planned: the map may depend on it, so no rule may drop it.
    order: Option<OrderingRequirements>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl PartitionMapExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, map: Arc<dyn PartitionMap>) -> Self {
        let order = order_of(&input);
        Self::with_order(input, map, order)
    }

    fn with_order(
        input: Arc<dyn ExecutionPlan>,
        map: Arc<dyn PartitionMap>,
        order: Option<OrderingRequirements>,
    ) -> Self {
        let schema = map.schema(&input.schema());
        let own = input.properties();
        let partitioning =
            datafusion::physical_plan::Partitioning::UnknownPartitioning(own.partitioning.partition_count());
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            partitioning,
            own.emission_type,
            own.boundedness,
        ));
        Self { input, map, order, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

/// The order of an operator's rows, as what an operator above it requires.
pub fn order_of(input: &Arc<dyn ExecutionPlan>) -> Option<OrderingRequirements> {
    input.output_ordering().map(|order| OrderingRequirements::from(order.clone()))
}

impl DisplayAs for PartitionMapExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.map.name(), self.map.describe())
    }
}

impl ExecutionPlan for PartitionMapExec {
    fn name(&self) -> &str {
        self.map.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.order.clone()]
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
        Ok(Arc::new(Self::with_order(only(children)?, Arc::clone(&self.map), self.order.clone())))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let output = self.map.apply_in(partition, input, &context);
        let counted = output.map(move |batch| {
            if let Ok(batch) = &batch {
                metrics.record_output(batch.num_rows());
            }
            batch
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), counted)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
