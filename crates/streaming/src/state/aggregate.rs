//! Aggregation over all batches of a stream. The state is the aggregates' partial results by group: a batch's own are
//! merged with those of the groups that it touches, and what the output mode asks for is finished.
//!
//! DataFusion's aggregation does the counting, in three steps: partial over the batch, partial-reduce with the state,
//! final over what comes out.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{BooleanArray, Int64Array};
use arrow::compute::filter_record_batch;
use arrow::compute::kernels::cmp::lt_eq;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::aggregate::{AggregateFunctionExpr, LoweredAggregateBuilder};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use datafusion::physical_planner::PhysicalPlanner;
use firesteel_plan::operator::watermark::event_times;
use firesteel_protocol::{Result, SparkError};
use futures::{StreamExt, TryStreamExt};

use super::Run;
use super::store::{Changes, Store};
use crate::progress::StateReport;
use crate::start::OutputMode;

/// The logical node.
#[derive(Debug, Clone)]
pub struct StatefulAggregateNode {
    pub input: Arc<LogicalPlan>,
    pub group_expr: Vec<Expr>,
    aggr_expr: Vec<Expr>,
    pub schema: DFSchemaRef,
    /// The group that the watermark speaks of.
    event_key: Option<usize>,
    run: Run,
}

impl StatefulAggregateNode {
    /// Takes the place of an aggregate.
    pub fn new(aggregate: &Aggregate, event_key: Option<usize>, run: Run) -> Self {
        Self {
            input: Arc::clone(&aggregate.input),
            group_expr: aggregate.group_expr.clone(),
            aggr_expr: aggregate.aggr_expr.clone(),
            schema: Arc::clone(&aggregate.schema),
            event_key,
            run,
        }
    }

    /// Partial aggregation, the state, final aggregation.
    pub fn exec(
        &self,
        planner: &dyn PhysicalPlanner,
        logical: &DFSchema,
        input: Arc<dyn ExecutionPlan>,
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let input_schema = input.schema();
        let mut groups = vec![];
        for (index, expr) in self.group_expr.iter().enumerate() {
            let physical = planner.create_physical_expr(expr, logical, session, context)?;
            groups.push((physical, self.schema.field(index).name().clone()));
        }
        let (mut aggregates, mut filters) = (vec![], vec![]);
        for expr in &self.aggr_expr {
            let props = session.execution_props();
            let lowered = LoweredAggregateBuilder::new(expr, logical, &input_schema, props, context).build()?;
            aggregates.push(lowered.aggregate);
            filters.push(lowered.filter);
        }
        let partial = AggregateExec::try_new(
            AggregateMode::Partial,
            PhysicalGroupBy::new_single(groups),
            aggregates,
            filters.clone(),
            input,
            Arc::clone(&input_schema),
        )?;
        let aggregates = partial.aggr_expr().to_vec();
        let group_by = partial.group_expr().as_final();
        let single: Arc<dyn ExecutionPlan> = match partial.properties().output_partitioning().partition_count() {
            1 => Arc::new(partial),
            _ => Arc::new(CoalescePartitionsExec::new(Arc::new(partial))),
        };
        let merge = Merge {
            group_by: group_by.clone(),
            aggregates: aggregates.clone(),
            input_schema: Arc::clone(&input_schema),
            event_key: self.event_key,
            run: self.run.clone(),
        };
        let state = Arc::new(StateMergeExec::new(single, Arc::new(merge)));
        let last = AggregateExec::try_new(AggregateMode::Final, group_by, aggregates, filters, state, input_schema)?;
        Ok(Arc::new(last))
    }
}

impl PartialEq for StatefulAggregateNode {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.run.operator, &other.run.operator)
            && self.input == other.input
            && self.group_expr == other.group_expr
            && self.aggr_expr == other.aggr_expr
    }
}

impl Eq for StatefulAggregateNode {}

impl Hash for StatefulAggregateNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
        self.group_expr.hash(state);
        self.aggr_expr.hash(state);
    }
}

impl PartialOrd for StatefulAggregateNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for StatefulAggregateNode {
    fn name(&self) -> &str {
        "StatefulAggregate"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.group_expr.iter().chain(&self.aggr_expr).cloned().collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let list = |exprs: &[Expr]| exprs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "StatefulAggregate: groupBy=[{}], aggr=[{}]", list(&self.group_expr), list(&self.aggr_expr))
    }

    fn with_exprs_and_inputs(
        &self,
        mut exprs: Vec<Expr>,
        mut inputs: Vec<LogicalPlan>,
    ) -> datafusion::common::Result<Self> {
        let aggr_expr = exprs.split_off(self.group_expr.len());
        let Some(input) = inputs.pop() else {
            return Err(DataFusionError::Internal("an aggregation without input".into()));
        };
        Ok(Self { input: Arc::new(input), group_expr: exprs, aggr_expr, ..self.clone() })
    }

    /// The columns that the expressions name.
    fn necessary_children_exprs(&self, _: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let mut needed = vec![];
        for expr in self.group_expr.iter().chain(&self.aggr_expr) {
            for column in expr.column_refs() {
                needed.push(schema.index_of_column(column).ok()?);
            }
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}

/// Merges a batch's partial results with the state.
#[derive(Debug)]
struct Merge {
    group_by: PhysicalGroupBy,
    aggregates: Vec<Arc<AggregateFunctionExpr>>,
    input_schema: SchemaRef,
    event_key: Option<usize>,
    run: Run,
}

/// The operator between partial and final aggregation.
#[derive(Debug)]
struct StateMergeExec {
    input: Arc<dyn ExecutionPlan>,
    merge: Arc<Merge>,
    properties: Arc<PlanProperties>,
}

impl StateMergeExec {
    fn new(input: Arc<dyn ExecutionPlan>, merge: Arc<Merge>) -> Self {
        let own = input.properties();
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            own.emission_type,
            own.boundedness,
        ));
        Self { input, merge, properties }
    }
}

impl DisplayAs for StateMergeExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let run = &self.merge.run;
        write!(f, "StateMergeExec: mode={}, version={}", run.mode.name(), run.version)
    }
}

impl ExecutionPlan for StateMergeExec {
    fn name(&self) -> &str {
        "StateMergeExec"
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
            return Err(DataFusionError::Internal("an aggregation without input".into()));
        };
        let single: Arc<dyn ExecutionPlan> = match input.output_partitioning().partition_count() {
            1 => input,
            _ => Arc::new(CoalescePartitionsExec::new(input)),
        };
        Ok(Arc::new(Self::new(single, Arc::clone(&self.merge))))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let (merge, schema) = (Arc::clone(&self.merge), self.input.schema());
        let merged = async move {
            let partial: Vec<RecordBatch> = input.try_collect().await?;
            let output = merge.run(partial, schema, context).await;
            let output = output.map_err(|error| DataFusionError::External(Box::new(error)))?;
            Ok::<_, DataFusionError>(futures::stream::iter(output.into_iter().map(Ok)))
        };
        let stream = futures::stream::once(merged).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), stream)))
    }
}

impl Merge {
    async fn run(
        &self,
        partial: Vec<RecordBatch>,
        schema: SchemaRef,
        context: Arc<TaskContext>,
    ) -> Result<Vec<RecordBatch>> {
        let began = Instant::now();
        let operator = &self.run.operator;
        let watermarks = self.run.watermarks;
        let keys = self.group_by.expr().len();
        let types: Vec<DataType> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        let uses_watermark = self.event_key.is_some() && self.run.mode != OutputMode::Complete;

        let mut report = StateReport::default();
        let (mut touched, mut rows) = (vec![], vec![]);
        {
            let mut state = operator.lock();
            let store = state.store(operator.dir(), &types, keys, self.run.version)?;
            for batch in partial {
                let batch = if uses_watermark && watermarks.late_ms > 0 {
                    let late = self.not_after(&batch, watermarks.late_ms)?;
                    report.dropped_by_watermark += late.true_count() as u64;
                    let fresh = arrow::compute::not(&late).map_err(firesteel_functions::kernel::from_arrow)?;
                    filter_record_batch(&batch, &fresh).map_err(firesteel_functions::kernel::from_arrow)?
                } else {
                    batch
                };
                if batch.num_rows() > 0 {
                    rows.push(batch);
                }
            }
            // Rows of one group may come from several partitions: their stored row is merged once.
            if !rows.is_empty() {
                let all =
                    arrow::compute::concat_batches(&schema, &rows).map_err(firesteel_functions::kernel::from_arrow)?;
                touched.extend(store.lookup(&all)?);
            }
        }
        rows.extend(touched.iter().map(|batch| labelled(batch, &schema)).collect::<Result<Vec<_>>>()?);
        let updated = self.reduce(rows, &schema, context).await?;
        report.updated = updated.iter().map(|batch| batch.num_rows() as u64).sum();
        report.update_ms = millis(began);

        let began = Instant::now();
        let mut state = operator.lock();
        let store = state.store(operator.dir(), &types, keys, self.run.version)?;
        let mut changes = Changes { updated: updated.clone(), removed: vec![] };
        if uses_watermark {
            changes = self.evict(store, updated.clone(), watermarks.eviction_ms)?;
        }
        report.removed = changes.removed.iter().map(|batch| batch.num_rows() as u64).sum();
        report.removal_ms = millis(began);
        let output = match self.run.mode {
            OutputMode::Complete => {
                let mut all = store.all(&updated)?;
                all.extend(updated);
                all
            }
            OutputMode::Update => updated,
            OutputMode::Append => changes.removed.clone(),
        };
        state.finish(changes, report);
        output.iter().map(|batch| labelled(batch, &schema)).collect()
    }

    /// Which rows of a batch have an event time that is not after a watermark.
    fn not_after(&self, batch: &RecordBatch, watermark_ms: i64) -> Result<BooleanArray> {
        let column = self.event_key.and_then(|index| event_times(batch.column(index)));
        let times = column.ok_or_else(|| SparkError::internal("the event time is no time"))?;
        let times = arrow::compute::cast(&times, &DataType::Int64).map_err(firesteel_functions::kernel::from_arrow)?;
        let limit = Int64Array::new_scalar(watermark_ms.saturating_mul(1000));
        let past = lt_eq(&times, &limit).map_err(firesteel_functions::kernel::from_arrow)?;
        // A row without time is never past.
        Ok(past.iter().map(|past| Some(past == Some(true))).collect())
    }

    /// Groups that the watermark has passed leave the state, whether they were there before or not.
    fn evict(&self, store: &Store, updated: Vec<RecordBatch>, watermark_ms: i64) -> Result<Changes> {
        let mut changes =
            Changes { removed: store.select(&updated, &|batch| self.not_after(batch, watermark_ms))?, updated: vec![] };
        for batch in updated {
            let past = self.not_after(&batch, watermark_ms)?;
            let stays = arrow::compute::not(&past).map_err(firesteel_functions::kernel::from_arrow)?;
            let part = |mask: &BooleanArray| {
                filter_record_batch(&batch, mask).map_err(firesteel_functions::kernel::from_arrow)
            };
            if past.true_count() > 0 {
                changes.removed.push(part(&past)?);
            }
            if stays.true_count() > 0 {
                changes.updated.push(part(&stays)?);
            }
        }
        Ok(changes)
    }

    /// Merges partial results of the same groups.
    async fn reduce(
        &self,
        rows: Vec<RecordBatch>,
        schema: &SchemaRef,
        context: Arc<TaskContext>,
    ) -> Result<Vec<RecordBatch>> {
        if rows.is_empty() {
            return Ok(vec![]);
        }
        let from_datafusion = firesteel_functions::kernel::from_datafusion;
        let source = MemorySourceConfig::try_new_exec(&[rows], Arc::clone(schema), None).map_err(from_datafusion)?;
        let reduce = AggregateExec::try_new(
            AggregateMode::PartialReduce,
            self.group_by.clone(),
            self.aggregates.clone(),
            vec![None; self.aggregates.len()],
            source,
            Arc::clone(&self.input_schema),
        )
        .map_err(from_datafusion)?;
        let mut stream = reduce.execute(0, context).map_err(from_datafusion)?;
        let mut reduced = vec![];
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(from_datafusion)?;
            if batch.num_rows() > 0 {
                reduced.push(batch);
            }
        }
        Ok(reduced)
    }
}

fn labelled(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &options)
        .map_err(firesteel_functions::kernel::from_arrow)
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
