//! Aggregation over all batches of a stream. The state is the aggregates' partial results by group: a batch's own are
//! merged with those of the groups that it touches, and what the output mode asks for is finished.
//!
//! DataFusion's aggregation does the counting, in three steps: partial over the batch, partial-reduce with the state,
//! final over what comes out. Groups with a session have their sessions merged before the second step ([`session`]).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{Column, DFSchemaRef, DataFusionError, Result as DfResult};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::{AggregateFunctionExpr, LoweredAggregateBuilder};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::scalar::ScalarValue;
use firesteel_functions::kernel::{from_arrow, from_datafusion};
use firesteel_plan::operator::partition_map::{self, PartitionMap};
use firesteel_protocol::{Result, SparkError};

use super::counted::Counted;
use super::exec::{StatefulExec, Work, all, later};
use super::node::{Planning, Stateful, StatefulNode, places};
use super::operator::{Kind, Operator};
use super::store::{Changes, Layout};
use super::{Run, aggregate_names, event_time, lanes, session};
use crate::progress::StateReport;
use crate::start::OutputMode;

const STORE: &str = "default";

/// The operator.
#[derive(Debug)]
pub struct AggregateState {
    /// Number of groups; the aggregates follow them.
    groups: usize,
    /// Of each grouping set: which groups it leaves out. The number of the set is a key beside the groups then.
    sets: Option<Vec<Vec<bool>>>,
    /// The group that the watermark speaks of.
    event: Option<usize>,
    /// The group that is a session.
    session: Option<usize>,
}

impl AggregateState {
    /// Reads an aggregate of a stream.
    pub fn of(aggregate: &Aggregate) -> Self {
        let keys = event_time::keys(aggregate);
        let sets = match &aggregate.group_expr[..] {
            [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] => Some(sets),
            _ => None,
        };
        let left_out = |set: &Vec<Expr>| keys.iter().map(|key| !set.contains(key)).collect();
        Self {
            groups: keys.len(),
            sets: sets.map(|sets| sets.iter().map(left_out).collect()),
            event: event_time::of_groups(aggregate),
            session: keys.iter().position(|key| session::is_session(key)),
        }
    }

    pub fn kind(&self) -> Kind {
        if self.session.is_some() { Kind::Session } else { Kind::Aggregate }
    }

    /// Whether groups grow old.
    pub fn has_event_time(&self) -> bool {
        self.event.is_some()
    }

    /// Takes the place of an aggregate.
    ///
    /// # Errors
    /// Sessions without a key.
    pub fn node(self, aggregate: &Aggregate, run: Run) -> DfResult<StatefulNode> {
        if self.session.is_some() && self.groups == 1 {
            let text = "Global aggregation with session window in streaming query is not supported.";
            let error = SparkError::new("_LEGACY_ERROR_TEMP_3068").with_message(text);
            return Err(DataFusionError::External(Box::new(error)));
        }
        Ok(StatefulNode {
            inputs: vec![Arc::clone(&aggregate.input)],
            exprs: event_time::keys(aggregate).into_iter().chain(&aggregate.aggr_expr).cloned().collect(),
            schema: Arc::clone(&aggregate.schema),
            run,
            stateful: Arc::new(self),
        })
    }
}

impl Stateful for AggregateState {
    fn name(&self) -> &'static str {
        "StatefulAggregate"
    }

    fn needed(&self, node: &StatefulNode, _: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![places(&node.inputs[0], &node.exprs, vec![])?])
    }

    fn schema(&self, _: &[Arc<LogicalPlan>], old: &DFSchemaRef) -> DfResult<DFSchemaRef> {
        Ok(Arc::clone(old))
    }

    /// Partial aggregation, the state, final aggregation.
    fn exec(&self, node: &StatefulNode, planning: &Planning<'_>) -> DfResult<Arc<dyn ExecutionPlan>> {
        let has_total = self.sets.iter().flatten().any(|set| set.iter().all(|left_out| *left_out));
        let counted = has_total.then(|| Arc::new(Counted::default()));
        let input = Arc::clone(&planning.inputs[0]);
        let input = match &counted {
            Some(counted) => partition_map::exec(input, Arc::clone(counted) as Arc<dyn PartitionMap>),
            None => input,
        };
        let input_schema = input.schema();
        let (group_expr, aggr_expr) = node.exprs.split_at(self.groups);
        let mut groups = vec![];
        for (index, expr) in group_expr.iter().enumerate() {
            groups.push((planning.expr(expr, 0)?, node.schema.field(index).name().clone()));
        }
        let group_by = match &self.sets {
            None => PhysicalGroupBy::new_single(groups),
            Some(sets) => {
                let null = |(expr, name): &(Arc<dyn PhysicalExpr>, String)| -> DfResult<_> {
                    let null = ScalarValue::try_from(&expr.data_type(&input_schema)?)?;
                    let null: Arc<dyn PhysicalExpr> = Arc::new(Literal::new(null));
                    Ok((null, name.clone()))
                };
                let nulls = groups.iter().map(null).collect::<DfResult<_>>()?;
                PhysicalGroupBy::new(groups, nulls, sets.clone(), true)
            }
        };
        let (mut aggregates, mut filters) = (vec![], vec![]);
        for expr in aggr_expr {
            let (props, logical) = (planning.session.execution_props(), planning.schema(0));
            let lowered =
                LoweredAggregateBuilder::new(expr, logical, &input_schema, props, planning.context).build()?;
            aggregates.push(lowered.aggregate);
            filters.push(lowered.filter);
        }
        let partial = AggregateExec::try_new(
            AggregateMode::Partial,
            group_by,
            aggregates,
            filters.clone(),
            input,
            Arc::clone(&input_schema),
        )?;
        let aggregates = partial.aggr_expr().to_vec();
        let group_by = partial.group_expr().as_final();
        let partial: Arc<dyn ExecutionPlan> = Arc::new(partial);
        let schema = partial.schema();
        let layout = layout(&schema, group_by.expr().len(), self.session);
        let delay = |at: usize| event_time::of_expr(&node.inputs[0], group_expr.get(at)?);
        node.run.operator.describe(|| aggregate_names::shape(layout, &schema, self.session, &aggregates, delay));
        let merge = Merge {
            group_by: group_by.clone(),
            aggregates: aggregates.clone(),
            input_schema: Arc::clone(&input_schema),
            event: self.event,
            session: self.session,
            counted,
            run: node.run.clone(),
        };
        let state = Arc::new(StatefulExec::new(vec![partial], Arc::new(merge), schema));
        let last = AggregateExec::try_new(AggregateMode::Final, group_by, aggregates, filters, state, input_schema)?;
        Ok(Arc::new(last))
    }

    fn event_time(&self, node: &StatefulNode, column: &Column) -> Option<i64> {
        let index = node.schema.index_of_column(column).ok().filter(|index| *index < self.groups)?;
        event_time::of_expr(&node.inputs[0], node.exprs.get(index)?)
    }
}

/// Merges a batch's partial results with the state.
#[derive(Debug)]
struct Merge {
    group_by: PhysicalGroupBy,
    aggregates: Vec<Arc<AggregateFunctionExpr>>,
    input_schema: SchemaRef,
    event: Option<usize>,
    session: Option<usize>,
    /// What came, where there is a total.
    counted: Option<Arc<Counted>>,
    run: Run,
}

impl Work for Merge {
    fn name(&self) -> &'static str {
        "StateMergeExec"
    }

    fn describe(&self) -> String {
        format!("mode={}, version={}", self.run.mode.name(), self.run.version)
    }

    fn operator(&self) -> &Operator {
        &self.run.operator
    }

    fn run(
        self: Arc<Self>,
        mut inputs: Vec<SendableRecordBatchStream>,
        schema: SchemaRef,
        context: Arc<TaskContext>,
    ) -> SendableRecordBatchStream {
        let own = Arc::clone(&schema);
        later(schema, async move {
            let mut partial = match inputs.pop() {
                Some(input) => all(input).await?,
                None => vec![],
            };
            if self.counted.as_ref().is_some_and(|counted| counted.is_empty()) {
                partial.clear();
            }
            self.merge(partial, own, context).await
        })
    }
}

impl Merge {
    async fn merge(
        self: Arc<Self>,
        partial: Vec<RecordBatch>,
        schema: SchemaRef,
        context: Arc<TaskContext>,
    ) -> Result<Vec<RecordBatch>> {
        let began = Instant::now();
        let operator = Arc::clone(&self.run.operator);
        let watermarks = self.run.watermarks;
        let layout = layout(&schema, self.group_by.expr().len(), self.session);
        let uses_watermark = self.event.is_some() && self.run.mode != OutputMode::Complete;
        // Late sessions are dropped even where all results are kept, as in Spark.
        let drops_late = uses_watermark || (self.event.is_some() && self.session.is_some());

        let mut report = StateReport::default();
        let mut rows = vec![];
        for batch in partial {
            let batch = if drops_late && watermarks.late_ms > 0 {
                let late = self.not_after(&batch, watermarks.late_ms)?;
                report.dropped_by_watermark += late.true_count() as u64;
                let fresh = arrow::compute::not(&late).map_err(from_arrow)?;
                filter_record_batch(&batch, &fresh).map_err(from_arrow)?
            } else {
                batch
            };
            if batch.num_rows() > 0 {
                rows.push(batch);
            }
        }
        let lanes = {
            let mut state = operator.lock();
            let store = state.store(&operator, STORE, &layout, self.run.version)?;
            lanes::split(store, rows, &context)?
        };
        let merge = |rows| Arc::clone(&self).groups(rows, Arc::clone(&schema), layout.clone(), Arc::clone(&context));
        let (mut touched, mut updated) = (vec![], vec![]);
        for (known, new) in lanes::side_by_side(lanes.into_iter().map(merge)).await? {
            touched.extend(known);
            updated.extend(new);
        }
        report.updated = updated.iter().map(|batch| batch.num_rows() as u64).sum();
        report.update_ms = millis(began);

        let began = Instant::now();
        let mut state = operator.lock();
        let store = state.store(&operator, STORE, &layout, self.run.version)?;
        let past = |batch: &RecordBatch| self.not_after(batch, watermarks.eviction_ms);
        // Sessions that grew have other starts: what was there of them goes.
        let (replaced, mut gone) = (if self.session.is_some() { touched } else { vec![] }, vec![]);
        let mut changes = Changes { updated: updated.clone(), removed: vec![] };
        if uses_watermark {
            let hidden: Vec<RecordBatch> = updated.iter().chain(&replaced).cloned().collect();
            gone = store.select(&hidden, &past)?;
            let split = Changes::split(updated.clone(), &past)?;
            gone.extend(split.removed);
            changes.updated = split.updated;
        }
        report.removed = gone.iter().map(|batch| batch.num_rows() as u64).sum();
        let mut still = HashSet::new();
        for batch in updated.iter().filter(|_| !replaced.is_empty()) {
            still.extend(store.ids(batch)?);
        }
        for batch in &replaced {
            report.removed += store.ids(batch)?.iter().filter(|id| !still.contains(*id)).count() as u64;
        }
        report.removal_ms = millis(began);
        let output = match self.run.mode {
            OutputMode::Complete => {
                let hidden: Vec<RecordBatch> = updated.iter().chain(&replaced).cloned().collect();
                let mut every = store.all(&hidden)?;
                every.extend(updated);
                every
            }
            OutputMode::Update => updated,
            OutputMode::Append => gone.clone(),
        };
        changes.removed = replaced;
        changes.removed.extend(gone);
        state.finish(self.run.version, vec![(STORE, changes)], report);
        output.iter().map(|batch| labelled(batch, &schema)).collect()
    }

    /// The groups of some rows as they were and as they are now.
    async fn groups(
        self: Arc<Self>,
        mut rows: Vec<RecordBatch>,
        schema: SchemaRef,
        layout: Layout,
        context: Arc<TaskContext>,
    ) -> Result<(Vec<RecordBatch>, Vec<RecordBatch>)> {
        let touched = {
            let operator = &self.run.operator;
            let mut state = operator.lock();
            state.store(operator, STORE, &layout, self.run.version)?.lookup(&rows)?
        };
        // What came first stays first: `first`, `last` and lists follow the order of the batches.
        let before = touched.iter().map(|batch| labelled(batch, &schema)).collect::<Result<Vec<_>>>()?;
        rows.splice(0..0, before);
        if let Some(session) = self.session {
            let merged = session::merged(&rows, &schema, &layout.key, session)?;
            rows = merged.into_iter().collect();
        }
        let updated = self.reduce(rows, &schema, context).await?;
        Ok((touched, updated))
    }

    /// Which groups have an event time that is not after a watermark.
    fn not_after(&self, batch: &RecordBatch, watermark_ms: i64) -> Result<BooleanArray> {
        match self.event {
            Some(index) => event_time::not_after(batch.column(index), watermark_ms),
            None => Ok(BooleanArray::from(vec![false; batch.num_rows()])),
        }
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
        let mut reduced = all(reduce.execute(0, context).map_err(from_datafusion)?).await?;
        reduced.retain(|batch| batch.num_rows() > 0);
        Ok(reduced)
    }
}

fn layout(schema: &SchemaRef, groups: usize, session: Option<usize>) -> Layout {
    let types: Vec<DataType> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
    let keys = (0..groups).filter(|at| Some(*at) != session).collect();
    Layout { types, key: keys, tag: session }
}

fn labelled(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &options).map_err(from_arrow)
}

/// Milliseconds since a moment.
pub fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
