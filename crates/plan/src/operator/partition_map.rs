//! An operator that treats each partition's stream by itself: what sample, tail and the numbering of rows share.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use super::only;

/// What happens to a partition.
pub trait PartitionMap: fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;
    /// The rest of the operator's line in EXPLAIN.
    fn describe(&self) -> String;
    fn schema(&self, input: &SchemaRef) -> SchemaRef;
    /// Transforms the rows of partition `partition`.
    fn apply(&self, partition: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream;
}

/// The operator. Rows keep their partition; their order within it is the map's business.
#[derive(Debug)]
pub struct PartitionMapExec {
    input: Arc<dyn ExecutionPlan>,
    map: Arc<dyn PartitionMap>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl PartitionMapExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, map: Arc<dyn PartitionMap>) -> Self {
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
        Self { input, map, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
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
        Ok(Arc::new(Self::new(only(children)?, Arc::clone(&self.map))))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let output = self.map.apply(partition, self.input.execute(partition, context)?);
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
