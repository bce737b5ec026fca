//! `transformWithState` in a batch query: no state but what the processor is given to begin with, and all of it forgotten
//! at the end. Spark's `TransformWithStateInPySparkExec` where it does not run in a stream.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use firesteel_protocol::Result;
use futures::StreamExt;

use super::stateful::{GroupChanges, GroupStates, PythonStateNode, Times, Wanted};
use super::variables;
use crate::operator::partition_map::order_of;

/// The operator: its inputs, one partition each, are the rows and, where there is one, the initial state.
#[derive(Debug)]
pub(super) struct BatchStateExec {
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    node: PythonStateNode,
    /// The groups come one after the other.
    orders: Vec<Option<OrderingRequirements>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl BatchStateExec {
    pub fn new(inputs: Vec<Arc<dyn ExecutionPlan>>, node: PythonStateNode) -> Self {
        let orders = inputs.iter().map(order_of).collect();
        Self::with_orders(inputs, node, orders)
    }

    fn with_orders(
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        node: PythonStateNode,
        orders: Vec<Option<OrderingRequirements>>,
    ) -> Self {
        let own = inputs[0].properties();
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(node.schema.inner())),
            Partitioning::UnknownPartitioning(own.partitioning.partition_count()),
            own.emission_type,
            own.boundedness,
        ));
        Self { inputs, node, orders, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for BatchStateExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.node.function.name)
    }
}

impl ExecutionPlan for BatchStateExec {
    fn name(&self) -> &str {
        "TransformWithStateInPySparkExec"
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
        Ok(Arc::new(Self::with_orders(children, self.node.clone(), self.orders.clone())))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        let inputs = self.inputs.iter().map(|input| input.execute(partition, Arc::clone(&context)));
        let inputs = inputs.collect::<datafusion::common::Result<Vec<_>>>()?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let now_ms = chrono::Utc::now().timestamp_millis();
        let times = Times { batch_ms: now_ms, watermark_ms: Some(-1), is_first: true };
        let answer = self.node.answer(inputs, Arc::new(NoStates), times).inspect(move |batch| {
            if let Ok(batch) = batch {
                metrics.record_output(batch.num_rows());
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), answer)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
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
