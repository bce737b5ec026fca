//! A stream as DataFusion sees it: a table with a schema that gets its rows when a batch runs, and counts them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use firesteel_protocol::SparkError;
use futures::StreamExt;

/// A stream in a plan.
#[derive(Debug)]
pub struct StreamTable {
    /// Which occurrence of a stream in its query it is.
    pub index: usize,
    /// `rate`, `FileSource[/in]`.
    pub name: String,
    schema: SchemaRef,
    /// The rows of the running batch.
    batch: Option<Arc<dyn TableProvider>>,
    rows: Arc<AtomicU64>,
}

impl StreamTable {
    /// A stream that has no rows yet.
    pub fn placeholder(name: String, schema: SchemaRef) -> Self {
        Self { index: 0, name, schema, batch: None, rows: Arc::default() }
    }

    /// The same stream as another occurrence.
    #[must_use]
    pub fn at(&self, index: usize) -> Self {
        Self {
            index,
            name: self.name.clone(),
            schema: Arc::clone(&self.schema),
            batch: self.batch.clone(),
            rows: Arc::clone(&self.rows),
        }
    }

    /// The same stream with the rows of a batch; `rows` counts what is read.
    #[must_use]
    pub fn with_batch(&self, batch: Arc<dyn TableProvider>, rows: Arc<AtomicU64>) -> Self {
        Self { index: self.index, name: self.name.clone(), schema: Arc::clone(&self.schema), batch: Some(batch), rows }
    }

    /// The stream that a table is, if it is one.
    pub fn of(provider: &Arc<dyn TableProvider>) -> Option<&Self> {
        (provider.as_ref() as &dyn std::any::Any).downcast_ref()
    }
}

/// The streams that a plan reads, by name and occurrence, from left to right.
pub fn streams(plan: &LogicalPlan) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = vec![];
    let visited = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            if let Ok(provider) = source_as_provider(&scan.source) {
                if let Some(stream) = StreamTable::of(&provider) {
                    if found.iter().all(|(index, _)| *index != stream.index) {
                        found.push((stream.index, stream.name.clone()));
                    }
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(visited.is_ok(), "the visitor never fails");
    found
}

/// Whether a plan reads a stream.
pub fn is_streaming(plan: &LogicalPlan) -> bool {
    let found = plan.exists(|node| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(false) };
        Ok(source_as_provider(&scan.source).is_ok_and(|provider| StreamTable::of(&provider).is_some()))
    });
    found.unwrap_or(false)
}

/// What Spark says to a query on a stream that is run as a batch.
pub fn must_be_started(name: &str) -> SparkError {
    let text = "Queries with streaming sources must be executed with writeStream.start(), or from a streaming table or \
                flow definition within a Spark Declarative Pipeline.";
    SparkError::new("_LEGACY_ERROR_TEMP_3102").with("msg", text).with_message(format!("{text};\n{name}"))
}

#[async_trait]
impl TableProvider for StreamTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters stay above the scan, so that all rows that were read are counted.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        Ok(vec![TableProviderFilterPushDown::Unsupported; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let Some(batch) = &self.batch else {
            return Err(DataFusionError::External(Box::new(must_be_started(&self.name))));
        };
        let input = batch.scan(state, projection, filters, None).await?;
        Ok(Arc::new(StreamScanExec::new(input, Arc::clone(&self.rows), self.name.clone())))
    }
}

/// The scan of a batch; counts its rows, and promises nothing about their number beforehand.
#[derive(Debug)]
struct StreamScanExec {
    input: Arc<dyn ExecutionPlan>,
    rows: Arc<AtomicU64>,
    name: String,
    properties: Arc<PlanProperties>,
}

impl StreamScanExec {
    fn new(input: Arc<dyn ExecutionPlan>, rows: Arc<AtomicU64>, name: String) -> Self {
        let own = input.properties();
        let partitions = input.output_partitioning().partition_count();
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(partitions),
            own.emission_type,
            own.boundedness,
        ));
        Self { input, rows, name, properties }
    }
}

impl DisplayAs for StreamScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "StreamScanExec: {}", self.name)
    }
}

impl ExecutionPlan for StreamScanExec {
    fn name(&self) -> &str {
        "StreamScanExec"
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
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else {
            return Err(DataFusionError::Internal("a stream's scan needs an input".into()));
        };
        Ok(Arc::new(Self::new(input, Arc::clone(&self.rows), self.name.clone())))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        let rows = Arc::clone(&self.rows);
        let input = self.input.execute(partition, context)?;
        let schema = input.schema();
        let counted = input.map(move |batch| {
            if let Ok(batch) = &batch {
                rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                super::fault::point("a batch of rows is read")?;
            }
            batch
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, counted)))
    }
}
