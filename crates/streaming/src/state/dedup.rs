//! `dropDuplicates` over all batches of a stream. The state is the keys that were seen and when each may be forgotten.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchemaRef, DataFusionError};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use firesteel_functions::kernel::from_arrow;
use firesteel_plan::operator::stream_dedup::StreamDedupNode;
use firesteel_plan::operator::watermark::event_times;
use firesteel_protocol::{Result, SparkError};
use futures::StreamExt;

use super::store::{Changes, Key};
use super::{Run, event_time};
use crate::progress::StateReport;

/// When a key may be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DedupSpec {
    /// The event time's column and what is added to it, microseconds; none: keys stay for ever.
    event: Option<(String, i64)>,
}

impl DedupSpec {
    /// Reads the plan below a deduplication.
    pub fn of(node: &StreamDedupNode) -> Self {
        let columns = node.input.schema().columns();
        let event = if node.within_watermark {
            event_time::of_plan(&node.input)
                .map(|(index, delay_ms)| (columns[index].name.clone(), delay_ms.saturating_mul(1000)))
        } else {
            // Only a key that grows old itself can be forgotten.
            let old = |key: &&String| {
                columns
                    .iter()
                    .find(|column| column.name == **key)
                    .is_some_and(|column| event_time::of_column(&node.input, column).is_some())
            };
            node.keys.iter().find(old).map(|key| (key.clone(), 0))
        };
        Self { event }
    }

    /// Whether keys are forgotten at all.
    pub fn expires(&self) -> bool {
        self.event.is_some()
    }
}

/// The logical node.
#[derive(Debug, Clone)]
pub struct StatefulDedupNode {
    input: Arc<LogicalPlan>,
    keys: Vec<String>,
    spec: DedupSpec,
    run: Run,
}

impl StatefulDedupNode {
    /// Takes the place of a deduplication.
    pub fn new(node: &StreamDedupNode, spec: DedupSpec, run: Run) -> Self {
        Self { input: Arc::clone(&node.input), keys: node.keys.clone(), spec, run }
    }

    pub fn exec(&self, input: Arc<dyn ExecutionPlan>) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let schema = input.schema();
        let keys = self.keys.iter().map(|key| schema.index_of(key)).collect::<Result<Vec<_>, _>>()?;
        let event = match &self.spec.event {
            Some((column, delay_us)) => Some((schema.index_of(column)?, *delay_us)),
            None => None,
        };
        let dedup = Arc::new(Dedup { keys, event, run: self.run.clone() });
        Ok(Arc::new(StatefulDedupExec::new(single(input), dedup)))
    }
}

fn single(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    match input.output_partitioning().partition_count() {
        1 => input,
        _ => Arc::new(CoalescePartitionsExec::new(input)),
    }
}

impl PartialEq for StatefulDedupNode {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.run.operator, &other.run.operator) && self.input == other.input && self.keys == other.keys
    }
}

impl Eq for StatefulDedupNode {}

impl Hash for StatefulDedupNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
        self.keys.hash(state);
    }
}

impl PartialOrd for StatefulDedupNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for StatefulDedupNode {
    fn name(&self) -> &str {
        "StatefulDeduplicate"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "StatefulDeduplicate: {}", self.keys.join(", "))
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        let Some(input) = inputs.pop() else {
            return Err(DataFusionError::Internal("a deduplication without input".into()));
        };
        Ok(Self { input: Arc::new(input), ..self.clone() })
    }
}

/// What the operator knows.
#[derive(Debug)]
struct Dedup {
    keys: Vec<usize>,
    event: Option<(usize, i64)>,
    run: Run,
}

/// The operator.
#[derive(Debug)]
struct StatefulDedupExec {
    input: Arc<dyn ExecutionPlan>,
    dedup: Arc<Dedup>,
    properties: Arc<PlanProperties>,
}

impl StatefulDedupExec {
    fn new(input: Arc<dyn ExecutionPlan>, dedup: Arc<Dedup>) -> Self {
        let own = input.properties();
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            own.emission_type,
            own.boundedness,
        ));
        Self { input, dedup, properties }
    }
}

impl DisplayAs for StatefulDedupExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "StatefulDedupExec: keys={:?}, version={}", self.dedup.keys, self.dedup.run.version)
    }
}

impl ExecutionPlan for StatefulDedupExec {
    fn name(&self) -> &str {
        "StatefulDedupExec"
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
            return Err(DataFusionError::Internal("a deduplication without input".into()));
        };
        Ok(Arc::new(Self::new(single(input), Arc::clone(&self.dedup))))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        let schema = self.input.schema();
        let input = self.input.execute(partition, context)?;
        let work = Work {
            schema: state_schema(&schema, &self.dedup.keys),
            dedup: Arc::clone(&self.dedup),
            input: Some(input),
            seen: HashSet::new(),
            new_rows: vec![],
            report: StateReport::default(),
            duplicates: 0,
            began: Instant::now(),
        };
        let stream = futures::stream::unfold(work, |mut work| async move {
            let next = work.next().await?;
            Some((next.map_err(|error| DataFusionError::External(Box::new(error))), work))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }
}

/// The key's columns, then the time when it may be forgotten.
fn state_schema(input: &SchemaRef, keys: &[usize]) -> SchemaRef {
    let mut fields: Vec<Field> = keys
        .iter()
        .enumerate()
        .map(|(at, index)| Field::new(format!("c{at}"), input.field(*index).data_type().clone(), true))
        .collect();
    fields.push(Field::new(format!("c{}", keys.len()), DataType::Int64, true));
    Arc::new(Schema::new(fields))
}

/// One run of the operator.
struct Work {
    schema: SchemaRef,
    dedup: Arc<Dedup>,
    input: Option<SendableRecordBatchStream>,
    /// Keys that are new in this batch.
    seen: HashSet<Key>,
    new_rows: Vec<RecordBatch>,
    report: StateReport,
    duplicates: u64,
    began: Instant,
}

impl Work {
    async fn next(&mut self) -> Option<Result<RecordBatch>> {
        let input = self.input.as_mut()?;
        match input.next().await {
            Some(Ok(batch)) => Some(self.keep(&batch)),
            Some(Err(error)) => {
                self.input = None;
                Some(Err(firesteel_functions::kernel::from_datafusion(error)))
            }
            None => {
                self.input = None;
                self.finish().err().map(Err)
            }
        }
    }

    fn types(&self) -> Vec<DataType> {
        self.schema.fields().iter().map(|field| field.data_type().clone()).collect()
    }

    /// The rows whose key is new.
    fn keep(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let run = &self.dedup.run;
        let times = self.dedup.event.map(|(index, _)| times(batch.column(index))).transpose()?;
        let mut columns: Vec<ArrayRef> = self.dedup.keys.iter().map(|index| Arc::clone(batch.column(*index))).collect();
        let late_us = run.watermarks.late_ms.saturating_mul(1000);
        let types = self.types();
        let operator = Arc::clone(&run.operator);
        let mut state = operator.lock();
        let store = state.store(operator.dir(), &types, self.dedup.keys.len(), run.version)?;
        let keys = store.keys(&columns, batch.num_rows())?;
        let mut mask = Vec::with_capacity(keys.len());
        for (row, key) in keys.into_iter().enumerate() {
            let late =
                late_us > 0 && times.as_ref().is_some_and(|times| times.is_valid(row) && times.value(row) <= late_us);
            if late {
                self.report.dropped_by_watermark += 1;
                mask.push(false);
                continue;
            }
            let new = !store.contains(&key) && self.seen.insert(key);
            self.duplicates += u64::from(!new);
            mask.push(new);
        }
        let mask = BooleanArray::from(mask);
        let expiry: ArrayRef = match (&times, self.dedup.event) {
            (Some(times), Some((_, delay_us))) => {
                // A row without time counts as one of the epoch, as in Spark.
                let value = |time: Option<i64>| time.unwrap_or(0).saturating_add(delay_us);
                Arc::new(times.iter().map(|time| Some(value(time))).collect::<Int64Array>())
            }
            _ => Arc::new(Int64Array::new_null(batch.num_rows())),
        };
        columns.push(expiry);
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(from_arrow)?;
        if mask.true_count() > 0 {
            self.new_rows.push(filter_record_batch(&rows, &mask).map_err(from_arrow)?);
        }
        filter_record_batch(batch, &mask).map_err(from_arrow)
    }

    /// Notes what the batch does to the state.
    fn finish(&mut self) -> Result<()> {
        let run = &self.dedup.run;
        let types = self.types();
        let operator = Arc::clone(&run.operator);
        let mut state = operator.lock();
        let store = state.store(operator.dir(), &types, self.dedup.keys.len(), run.version)?;
        self.report.updated = self.seen.len() as u64;
        self.report.update_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let began = Instant::now();
        let mut changes = Changes { updated: std::mem::take(&mut self.new_rows), removed: vec![] };
        if self.dedup.event.is_some() {
            let limit_us = run.watermarks.eviction_ms.saturating_mul(1000);
            let place = self.dedup.keys.len();
            let past = |batch: &RecordBatch| -> Result<BooleanArray> {
                let expiry = batch.column(place).as_primitive::<Int64Type>();
                Ok(expiry.iter().map(|time| Some(time.is_some_and(|time| time <= limit_us))).collect())
            };
            changes.removed = store.select(&[], &past)?;
            let mut stays = vec![];
            for batch in std::mem::take(&mut changes.updated) {
                let past = past(&batch)?;
                let kept = arrow::compute::not(&past).map_err(from_arrow)?;
                if past.true_count() > 0 {
                    changes.removed.push(filter_record_batch(&batch, &past).map_err(from_arrow)?);
                }
                if kept.true_count() > 0 {
                    stays.push(filter_record_batch(&batch, &kept).map_err(from_arrow)?);
                }
            }
            changes.updated = stays;
        }
        self.report.removed = changes.removed.iter().map(|batch| batch.num_rows() as u64).sum();
        self.report.removal_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.report.custom = vec![("numDroppedDuplicateRows", self.duplicates)];
        state.finish(changes, std::mem::take(&mut self.report));
        Ok(())
    }
}

/// Event times as microseconds.
fn times(column: &ArrayRef) -> Result<Int64Array> {
    let times = event_times(column).ok_or_else(|| SparkError::internal("the event time is no time"))?;
    let times = arrow::compute::cast(&times, &DataType::Int64).map_err(from_arrow)?;
    Ok(times.as_primitive::<Int64Type>().clone())
}
