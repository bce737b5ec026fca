//! `applyInPandasWithState` and `transformWithState` over all batches of a stream. The functions run in
//! `firesteel_plan::operator::python`; here is what they remember.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use bytes::Bytes;
use datafusion::common::{Column, DFSchemaRef, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_functions::kernel::{from_arrow, to_datafusion};
use firesteel_plan::operator::python::group_state::Timeout;
use firesteel_plan::operator::python::processor::{TimeMode, VALUE_BITS};
use firesteel_plan::operator::python::stateful::{
    GroupChanges, GroupStates, PythonStateNode, Remembering, Times, Wanted,
};
use firesteel_plan::operator::python::variables;
use firesteel_plan::operator::watermark::event_times;
use firesteel_protocol::{Result, SparkError, types};
use firesteel_sources::options::illegal_argument;
use firesteel_sources::stream::log;
use futures::StreamExt;
use serde_json::{Value, json};

use super::aggregate::millis;
use super::exec::{StatefulExec, Work};
use super::node::{Planning, Stateful, StatefulNode};
use super::operator::{Kind, Operator};
use super::shape::{At, OperatorShape, Shown, StoreShape};
use super::store::{Changes, Layout};
use super::{Run, event_time};
use crate::progress::StateReport;

const STORE: &str = "default";
/// What the function's variables are, below the operator's folder.
pub const VARIABLES: &str = "variables";

/// The operator.
#[derive(Debug)]
pub struct PythonState {
    node: PythonStateNode,
    /// The name of the column with event time, among those that come in.
    event: Option<String>,
}

/// What makes a function hear of groups that have no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    None,
    ProcessingTime,
    EventTime,
}

impl PythonState {
    pub fn of(node: &PythonStateNode) -> Self {
        let columns = node.inputs[0].schema().columns();
        let event = event_time::of_plan(&node.inputs[0]).map(|(index, _)| columns[index].name.clone());
        Self { node: node.clone(), event }
    }

    pub fn kind(&self) -> Kind {
        match self.node.kind {
            Remembering::GroupState { .. } => Kind::GroupState,
            Remembering::Processor { .. } => Kind::Processor,
        }
    }

    pub fn clock(&self) -> Clock {
        match self.node.kind {
            Remembering::GroupState { timeout: Timeout::ProcessingTime, .. }
            | Remembering::Processor { time: TimeMode::ProcessingTime, .. } => Clock::ProcessingTime,
            Remembering::GroupState { timeout: Timeout::EventTime, .. }
            | Remembering::Processor { time: TimeMode::EventTime, .. } => Clock::EventTime,
            _ => Clock::None,
        }
    }

    /// Takes the place of the node.
    pub fn node(self, run: Run) -> StatefulNode {
        StatefulNode {
            inputs: self.node.inputs.clone(),
            exprs: vec![],
            schema: Arc::clone(&self.node.schema),
            run,
            stateful: Arc::new(self),
        }
    }
}

impl PythonState {
    /// What the rows are called. The variables of a processor are in a file of their own.
    fn shape(&self) -> OperatorShape {
        let keys = self.node.key_types();
        let width = keys.len();
        let names = self.node.sides[0].keys.iter();
        let key =
            names.zip(keys.clone()).enumerate().map(|(at, (name, own))| Shown::new(name, own, true, At::Column(at)));
        let types = keys.iter().cloned().chain(self.node.stored()).collect();
        let (value, tag, properties) = match &self.node.kind {
            Remembering::GroupState { timeout, state } => {
                let state = DataType::Struct(state.clone());
                let mut value = vec![Shown::new("groupState", state, true, At::Pickled(width))];
                if *timeout != Timeout::Never {
                    value.push(Shown::new("timeoutTimestamp", DataType::Int64, false, At::Column(width + 1)));
                }
                (value, None, Value::Null)
            }
            Remembering::Processor { time, .. } => {
                let mode = &self.node.mode;
                let mode = mode[..1].to_uppercase() + &mode[1..];
                (vec![], Some(width), json!({ "timeMode": time.word(), "outputMode": mode }))
            }
        };
        let layout = Layout { types, key: (0..width).collect(), tag };
        let store = StoreShape { name: STORE.into(), layout, key: key.collect(), value };
        OperatorShape { stores: vec![store], properties }
    }
}

impl Stateful for PythonState {
    fn name(&self) -> &'static str {
        match self.node.kind {
            Remembering::GroupState { .. } => "FlatMapGroupsInPandasWithState",
            Remembering::Processor { .. } => "TransformWithStateInPySpark",
        }
    }

    fn schema(&self, _: &[Arc<LogicalPlan>], old: &DFSchemaRef) -> DfResult<DFSchemaRef> {
        Ok(Arc::clone(old))
    }

    fn exec(&self, node: &StatefulNode, planning: &Planning<'_>) -> DfResult<Arc<dyn ExecutionPlan>> {
        let is_processor = matches!(self.node.kind, Remembering::Processor { .. });
        if is_processor && self.node.sides.iter().any(|side| side.keys.is_empty()) {
            return Err(to_datafusion(illegal_argument(
                "requirement failed: The expressions for hash of a StatefulOpClusteredDistribution should not be Nil. An \
                 AllTuples should be used to represent a distribution that only has a single partition.",
            )));
        }
        if let (true, [rows, initial]) = (is_processor, &self.node.sides[..]) {
            check_keys(rows.keys.len(), initial.keys.len()).map_err(to_datafusion)?;
        }
        let event = match &self.event {
            Some(name) if self.clock() == Clock::EventTime => Some(planning.inputs[0].schema().index_of(name)?),
            _ => None,
        };
        node.run.operator.describe(|| self.shape());
        let work = PythonWork {
            node: self.node.clone(),
            run: node.run.clone(),
            event,
            has_watermark: self.event.is_some(),
            clock: self.clock(),
        };
        let schema = Arc::clone(self.node.schema.inner());
        Ok(Arc::new(StatefulExec::ordered(planning.inputs.to_vec(), Arc::new(work), schema)))
    }

    /// A processor names the column of its answer that carries event time.
    fn event_time(&self, _: &StatefulNode, column: &Column) -> Option<i64> {
        self.node.event_delay_ms(&column.name)
    }
}

#[derive(Debug)]
struct PythonWork {
    node: PythonStateNode,
    run: Run,
    /// The column by which rows are late.
    event: Option<usize>,
    has_watermark: bool,
    clock: Clock,
}

impl Work for PythonWork {
    fn name(&self) -> &'static str {
        match self.node.kind {
            Remembering::GroupState { .. } => "FlatMapGroupsInPandasWithStateExec",
            Remembering::Processor { .. } => "TransformWithStateInPySparkExec",
        }
    }

    fn describe(&self) -> String {
        format!("{}, version={}", self.node.function.name, self.run.version)
    }

    fn operator(&self) -> &Operator {
        &self.run.operator
    }

    fn run(
        self: Arc<Self>,
        inputs: Vec<SendableRecordBatchStream>,
        _: SchemaRef,
        _: Arc<TaskContext>,
    ) -> SendableRecordBatchStream {
        let late: Arc<AtomicU64> = Arc::default();
        let mut own = vec![];
        for (at, input) in inputs.into_iter().enumerate() {
            own.push(match self.event.filter(|_| at == 0 && self.run.watermarks.late_ms > 0) {
                Some(event) => in_time(input, event, self.run.watermarks.late_ms, Arc::clone(&late)),
                None => input,
            });
        }
        let width = self.node.key_types().len();
        let types = self.node.key_types().into_iter().chain(self.node.stored()).collect();
        let tag = matches!(self.node.kind, Remembering::Processor { .. }).then_some(width);
        let states = States {
            layout: Layout { types, key: (0..width).collect(), tag },
            run: self.run.clone(),
            late,
            began: Instant::now(),
            ticks: self.clock == Clock::ProcessingTime,
        };
        let times = Times {
            batch_ms: self.run.timestamp_ms,
            watermark_ms: self.has_watermark.then_some(self.run.watermarks.eviction_ms),
            is_first: self.run.version == 0,
        };
        let answer = self.node.answer(own, Arc::new(states), times);
        let Remembering::Processor { event_time: Some(event), .. } = &self.node.kind else { return answer };
        match answer.schema().index_of(&event.column) {
            Ok(at) => after_watermark(answer, at, self.run.watermarks.eviction_ms),
            Err(_) => answer,
        }
    }
}

/// Spark's state server refuses keys of an initial state that are more or fewer than those of the rows.
fn check_keys(wanted: usize, given: usize) -> Result<()> {
    if wanted == given {
        return Ok(());
    }
    Err(SparkError::new("PYTHON_EXCEPTION").with("msg", "An exception was thrown from the Python worker").with(
        "traceback",
        format!(
            "Traceback (most recent call last):\npyspark.errors.exceptions.base.PySparkRuntimeError: Error setting implicit \
             key: [STRUCT_ARRAY_LENGTH_MISMATCH] Input row doesn't have expected number of values required by the schema. \
             {wanted} fields are required while {given} values are provided.\n"
        ),
    ))
}

/// Rows of an answer, none of which may be older than the watermark. Spark's `UpdateEventTimeWatermarkColumnExec`.
fn after_watermark(answer: SendableRecordBatchStream, event: usize, watermark_ms: i64) -> SendableRecordBatchStream {
    let schema = answer.schema();
    let rows = answer.map(move |batch| {
        let batch = batch?;
        let times = numbers_of(batch.column(event), &batch.schema().field(event).name().clone());
        // Spark compares microseconds with the watermark's milliseconds.
        let times = times.map_err(to_datafusion)?;
        match times.iter().flatten().find(|time| *time <= watermark_ms) {
            None => Ok(batch),
            Some(time) => Err(to_datafusion(
                SparkError::new("EMITTING_ROWS_OLDER_THAN_WATERMARK_NOT_ALLOWED")
                    .with("emittedRowEventTime", time.to_string())
                    .with("currentWatermark", watermark_ms.to_string()),
            )),
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

/// The numbers that stand for the times of a column: numbers and days pass for times, as in Spark.
fn numbers_of(column: &ArrayRef, name: &str) -> Result<Int64Array> {
    let times = match column.data_type() {
        DataType::Date32 => arrow::compute::cast(column, &DataType::Int32).ok(),
        own if own.is_integer() => Some(Arc::clone(column)),
        _ => event_times(column),
    };
    let name = name.rsplit_once('#').map_or(name, |(name, _)| name);
    let times = times.ok_or_else(|| {
        SparkError::new("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE")
            .with("eventName", types::name::quote(name))
            .with("eventType", format!("\"{}\"", types::name::sql(column.data_type())))
    })?;
    let numbers = arrow::compute::cast(&times, &DataType::Int64).map_err(from_arrow)?;
    Ok(numbers.as_primitive::<Int64Type>().clone())
}

/// The rows that are not late.
fn in_time(
    input: SendableRecordBatchStream,
    event: usize,
    late_ms: i64,
    count: Arc<AtomicU64>,
) -> SendableRecordBatchStream {
    let schema = input.schema();
    let rows = input.map(move |batch| {
        let batch = batch?;
        let fresh = || -> Result<RecordBatch> {
            let late = event_time::not_after(batch.column(event), late_ms)?;
            count.fetch_add(late.true_count() as u64, Ordering::Relaxed);
            filter_record_batch(&batch, &arrow::compute::not(&late).map_err(from_arrow)?).map_err(from_arrow)
        };
        fresh().map_err(to_datafusion)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

/// What the groups of an operator remember.
#[derive(Debug)]
struct States {
    layout: Layout,
    run: Run,
    late: Arc<AtomicU64>,
    began: Instant,
    /// Whether groups are due at times that no watermark tells.
    ticks: bool,
}

impl States {
    /// When the groups of some rows are due; the rows that say nothing of it are no timers.
    fn timers<'b>(&self, batch: &'b RecordBatch) -> impl Iterator<Item = Option<i64>> + 'b {
        let width = self.layout.key.len();
        let is_tagged = self.layout.tag.is_some();
        let times = batch.column(width + usize::from(!is_tagged)).as_primitive::<Int64Type>();
        times.iter().map(move |ms| ms.filter(|ms| if is_tagged { ms >> VALUE_BITS == 0 } else { *ms >= 0 }))
    }

    /// When the first group is due once the changes are made.
    fn due_ms(&self, changes: &GroupChanges) -> Result<Option<i64>> {
        let changed: Vec<RecordBatch> = changes.updated.iter().chain(&changes.removed).cloned().collect();
        let mut state = self.run.operator.lock();
        let store = state.store(&self.run.operator, STORE, &self.layout, self.run.version)?;
        // What the predicate sees may be gone; what is selected is not.
        let stored = store.select(&changed, &|batch| Ok(self.timers(batch).map(|ms| Some(ms.is_some())).collect()))?;
        Ok(stored.iter().chain(&changes.updated).flat_map(|batch| self.timers(batch)).flatten().min())
    }
}

impl GroupStates for States {
    fn lookup(&self, keys: &RecordBatch) -> Result<Vec<RecordBatch>> {
        let operator = Arc::clone(&self.run.operator);
        let mut state = operator.lock();
        let keys = std::slice::from_ref(keys);
        state.store(&operator, STORE, &self.layout, self.run.version)?.lookup(keys)
    }

    fn select(&self, wanted: Wanted<'_>) -> Result<Vec<RecordBatch>> {
        let operator = Arc::clone(&self.run.operator);
        let mut state = operator.lock();
        state.store(&operator, STORE, &self.layout, self.run.version)?.select(&[], wanted)
    }

    fn finish(&self, changes: GroupChanges) -> Result<()> {
        let due_ms = if self.ticks { self.due_ms(&changes)? } else { None };
        let report = StateReport {
            updated: changes.updated_rows,
            removed: changes.removed_rows,
            dropped_by_watermark: self.late.load(Ordering::Relaxed),
            update_ms: millis(self.began),
            ..StateReport::default()
        };
        let operator = Arc::clone(&self.run.operator);
        let mut state = operator.lock();
        state.store(&operator, STORE, &self.layout, self.run.version)?;
        if state.is_current(self.run.version) {
            state.due_ms = due_ms;
        }
        let changes = Changes { updated: changes.updated, removed: changes.removed };
        state.finish(self.run.version, vec![(STORE, changes)], report);
        Ok(())
    }

    fn variables(&self) -> Option<Bytes> {
        self.run.operator.lock().variables.clone()
    }

    fn declare(&self, declared: Bytes) -> Result<Bytes> {
        let operator = &self.run.operator;
        let path = operator.dir().join(VARIABLES);
        let before = match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(log::failed("cannot read", &path, error)),
        };
        let own = variables::numbered(&declared, before.as_deref())?;
        if before.as_deref() != Some(&own) {
            log::replace(&path, &own)?;
        }
        operator.lock().variables = Some(own.clone());
        Ok(own)
    }
}
