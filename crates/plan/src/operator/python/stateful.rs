//! Functions over groups that remember: `applyInPandasWithState` and `transformWithState`. The node, and what keeps
//! their state, which is the streaming engine's business; what runs in a batch query is in [`super::batch_state`].

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use bytes::Bytes;
use datafusion::common::DFSchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use firesteel_functions::kernel::{from_arrow, to_datafusion};
use firesteel_protocol::{Result, SparkError};

use super::batch_state::BatchState;
use super::call::WorkerSettings;
use super::function::PythonFunction;
use super::group_state::{self, Timeout};
use super::processor::{self, TimeMode};
use crate::operator::partition_exec::PartitionExec;

/// Which of the functions it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Remembering {
    /// `applyInPandasWithState`: one value a group. `state` is its schema.
    GroupState { timeout: Timeout, state: Fields },
    /// `transformWithState`: any number of variables and timers.
    Processor { time: TimeMode, event_time: Option<EventColumn> },
}

/// The column of a processor's answer that carries event time. Spark's `UpdateEventTimeWatermarkColumn`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventColumn {
    /// Its name inside the plan.
    pub column: String,
    /// The delay of the watermark of the rows.
    pub delay_ms: i64,
}

/// A relation that the function gets, sorted by the keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StateSide {
    /// Columns whose equal values make a group.
    pub keys: Vec<String>,
    /// Columns that are sent, and as what the function sees them.
    pub sent: Vec<String>,
    pub taken: Fields,
    /// Where PySpark finds keys and values.
    pub arguments: Vec<usize>,
}

/// The logical node: inputs are the rows and, for a processor that asks for it, its initial state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonStateNode {
    pub inputs: Vec<Arc<LogicalPlan>>,
    pub sides: Vec<StateSide>,
    pub function: Arc<PythonFunction>,
    pub settings: SameSettings,
    pub given: Fields,
    pub kind: Remembering,
    /// `append`, `update` or `complete`.
    pub mode: String,
    pub schema: DFSchemaRef,
}

/// Where the rows of an answer go.
pub type Output = tokio::sync::mpsc::Sender<datafusion::common::Result<RecordBatch>>;

/// Settings are the session's: no node differs from another by them.
#[derive(Debug, Clone)]
pub struct SameSettings(pub WorkerSettings);

impl PartialEq for SameSettings {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for SameSettings {}

impl std::hash::Hash for SameSettings {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl PartialOrd for PythonStateNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.inputs.partial_cmp(&other.inputs)
    }
}

impl PythonStateNode {
    /// The operator of a batch query, which remembers nothing.
    pub fn exec(&self, inputs: &[Arc<dyn ExecutionPlan>]) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        if matches!(self.kind, Remembering::GroupState { .. }) {
            let text = "applyInPandasWithState is unsupported in batch query. Use applyInPandas instead.";
            let error = SparkError::new("_LEGACY_ERROR_TEMP_3176").with_message(text);
            return Err(firesteel_functions::kernel::to_datafusion(error));
        }
        Ok(Arc::new(PartitionExec::new(inputs.to_vec(), Arc::new(BatchState(self.clone())))))
    }

    /// The answer of the function for all groups of a batch.
    pub fn answer(
        &self,
        inputs: Vec<SendableRecordBatchStream>,
        states: Arc<dyn GroupStates>,
        times: Times,
    ) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStream::builder(Arc::clone(self.schema.inner()), 2);
        let (node, output) = (self.clone(), builder.tx());
        builder.spawn(async move {
            let answered = match &node.kind {
                Remembering::GroupState { .. } => group_state::run(node, inputs, states, times, output).await,
                Remembering::Processor { .. } => processor::run(node, inputs, states, times, output).await,
            };
            answered.map_err(to_datafusion)
        });
        builder.build()
    }

    /// Columns that are stored after the keys.
    pub fn stored(&self) -> Vec<DataType> {
        match self.kind {
            Remembering::GroupState { .. } => vec![DataType::Binary, DataType::Int64],
            Remembering::Processor { .. } => {
                vec![DataType::Int64, DataType::Binary, DataType::Binary, DataType::Int64]
            }
        }
    }

    /// The delay of the watermark that a column of the answer carries.
    pub fn event_delay_ms(&self, column: &str) -> Option<i64> {
        let Remembering::Processor { event_time: Some(own), .. } = &self.kind else { return None };
        (own.column == column).then_some(own.delay_ms)
    }

    /// Types of the keys.
    pub fn key_types(&self) -> Vec<DataType> {
        let schema = self.inputs[0].schema();
        let of = |key: &String| schema.field_with_unqualified_name(key).map(|field| field.data_type().clone());
        self.sides[0].keys.iter().filter_map(|key| of(key).ok()).collect()
    }
}

impl UserDefinedLogicalNodeCore for PythonStateNode {
    fn name(&self) -> &str {
        match self.kind {
            Remembering::GroupState { .. } => "FlatMapGroupsInPandasWithState",
            Remembering::Processor { .. } => "TransformWithStateInPySpark",
        }
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().map(Arc::as_ref).collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}, keys=[{}]", self.name(), self.function.name, self.sides[0].keys.join(", "))
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Ok(Self { inputs: inputs.into_iter().map(Arc::new).collect(), ..self.clone() })
    }
}

/// The clock of a batch, milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// When the batch began; -1: not a stream.
    pub batch_ms: i64,
    /// None: the rows have none.
    pub watermark_ms: Option<i64>,
    /// Whether it is the query's first batch.
    pub is_first: bool,
}

/// What a batch does to the state.
#[derive(Debug, Default)]
pub struct GroupChanges {
    /// Rows of keys and stored columns that come or replace others.
    pub updated: Vec<RecordBatch>,
    /// Rows that go; only what tells them apart counts.
    pub removed: Vec<RecordBatch>,
    pub updated_rows: u64,
    pub removed_rows: u64,
}

/// A predicate over rows.
pub type Wanted<'a> = &'a (dyn Fn(&RecordBatch) -> Result<BooleanArray> + Sync);

/// Keeps what groups remember: rows of their keys and the [`PythonStateNode::stored`] columns.
pub trait GroupStates: fmt::Debug + Send + Sync + 'static {
    /// The rows of some keys.
    fn lookup(&self, keys: &RecordBatch) -> Result<Vec<RecordBatch>>;

    /// The rows that `wanted` picks.
    fn select(&self, wanted: Wanted<'_>) -> Result<Vec<RecordBatch>>;

    /// Takes what the batch did.
    fn finish(&self, changes: GroupChanges) -> Result<()>;

    /// What a processor said of its variables, once it has; None asks it.
    fn variables(&self) -> Option<Bytes>;

    /// Keeps what it said, see [`super::variables::numbered`].
    fn declare(&self, variables: Bytes) -> Result<Bytes>;
}

/// The groups of a batch by number, in the order in which they came.
#[derive(Debug)]
pub(super) struct Numbers {
    converter: RowConverter,
    known: std::collections::HashMap<Box<[u8]>, usize>,
    /// Columns of the keys, a row a group.
    keys: Vec<RecordBatch>,
    schema: SchemaRef,
    count: usize,
}

impl Numbers {
    pub fn new(types: &[DataType]) -> Result<Self> {
        let sort = types.iter().map(|own| SortField::new(own.clone())).collect();
        let field = |(at, own): (usize, &DataType)| Field::new(format!("c{at}"), own.clone(), true);
        let schema = Arc::new(Schema::new(types.iter().enumerate().map(field).collect::<Vec<_>>()));
        let converter = RowConverter::new(sort).map_err(from_arrow)?;
        Ok(Self { converter, known: Default::default(), keys: vec![], schema, count: 0 })
    }

    /// A batch of the keys alone.
    pub fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(from_arrow)
    }

    /// The numbers of the keys, new ones where they have none yet, and which of them are new.
    pub fn of(&mut self, keys: &RecordBatch) -> Result<(Vec<usize>, Vec<bool>)> {
        let rows = self.converter.convert_columns(keys.columns()).map_err(from_arrow)?;
        let (mut numbers, mut fresh) = (Vec::with_capacity(keys.num_rows()), Vec::with_capacity(keys.num_rows()));
        for row in 0..keys.num_rows() {
            let bytes: &[u8] = if keys.num_columns() == 0 { &[] } else { rows.row(row).data() };
            let known = self.known.get(bytes).copied();
            fresh.push(known.is_none());
            numbers.push(known.unwrap_or_else(|| {
                self.known.insert(bytes.into(), self.count);
                self.count += 1;
                self.count - 1
            }));
        }
        if fresh.contains(&true) {
            let mask = BooleanArray::from(fresh.clone());
            self.keys.push(arrow::compute::filter_record_batch(keys, &mask).map_err(from_arrow)?);
        }
        Ok((numbers, fresh))
    }

    /// The keys of some numbers, a row each.
    pub fn keys_of(&mut self, numbers: &[usize]) -> Result<Vec<ArrayRef>> {
        let all = arrow::compute::concat_batches(&self.schema, &self.keys).map_err(from_arrow)?;
        self.keys = vec![all.clone()];
        let places: UInt32Array = numbers.iter().map(|number| u32::try_from(*number).ok()).collect();
        let take = |column: &ArrayRef| arrow::compute::take(column, &places, None).map_err(from_arrow);
        all.columns().iter().map(take).collect()
    }
}

/// Fields under which a NULL can stand.
pub(super) fn nullable(fields: &Fields) -> Fields {
    fields.iter().map(|field| Arc::new(field.as_ref().clone().with_nullable(true))).collect()
}
