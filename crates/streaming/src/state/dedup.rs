//! `dropDuplicates` over all batches of a stream. The state is the keys that were seen and when each may be forgotten.
//!
//! Rows are taken in rounds, of which each looks up its keys by the state's partitions, side by side ([`lanes`]).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{DFSchemaRef, DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_functions::kernel::{from_arrow, from_datafusion};
use firesteel_plan::operator::stream_dedup::StreamDedupNode;
use firesteel_plan::operator::watermark::event_times;
use firesteel_protocol::{Result, SparkError};
use futures::StreamExt;
use serde_json::{Value, json};

use super::exec::{StatefulExec, Work as StatefulWork};
use super::node::{Planning, Stateful, StatefulNode};
use super::operator::{Kind, Operator};
use super::shape::{At, OperatorShape, Shown, StoreShape};
use super::store::{Changes, Layout, Seen};
use super::{Run, event_time, lanes};
use crate::progress::StateReport;

const STORE: &str = "default";
/// Rows and bytes that a round takes: enough for all cores, and few enough to be held.
const ROWS_OF_A_ROUND: usize = 128 * 1024;
const BYTES_OF_A_ROUND: usize = 32 << 20;

/// The operator: which columns are the key, and when a key may be forgotten.
#[derive(Debug, Clone)]
pub struct DedupState {
    keys: Vec<String>,
    /// The event time's column and what is added to it, microseconds; none: keys stay for ever.
    event: Option<(String, i64)>,
}

impl DedupState {
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
        Self { keys: node.keys.clone(), event }
    }

    /// Whether keys are forgotten at all.
    pub fn expires(&self) -> bool {
        self.event.is_some()
    }

    /// Takes the place of a deduplication.
    pub fn node(self, node: &StreamDedupNode, run: Run) -> StatefulNode {
        StatefulNode {
            inputs: vec![Arc::clone(&node.input)],
            exprs: vec![],
            schema: Arc::clone(node.input.schema()),
            run,
            stateful: Arc::new(self),
        }
    }
}

impl Stateful for DedupState {
    fn name(&self) -> &'static str {
        "StatefulDeduplicate"
    }

    fn schema(&self, inputs: &[Arc<LogicalPlan>], _: &DFSchemaRef) -> DfResult<DFSchemaRef> {
        Ok(Arc::clone(inputs[0].schema()))
    }

    fn needed(&self, node: &StatefulNode, output: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = node.inputs[0].schema();
        let mut needed = output.to_vec();
        for name in self.keys.iter().chain(self.event.as_ref().map(|(name, _)| name)) {
            needed.push(schema.index_of_column_by_name(None, name)?);
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }

    fn exec(&self, node: &StatefulNode, planning: &Planning<'_>) -> DfResult<Arc<dyn ExecutionPlan>> {
        let schema = planning.inputs[0].schema();
        let keys = self.keys.iter().map(|key| schema.index_of(key)).collect::<std::result::Result<Vec<_>, _>>()?;
        let event = match &self.event {
            Some((column, delay_us)) => Some((schema.index_of(column)?, *delay_us)),
            None => None,
        };
        node.run.operator.describe(|| self.shape(node, &schema, &keys));
        let dedup = Arc::new(Dedup { keys, event, run: node.run.clone() });
        Ok(Arc::new(StatefulExec::new(planning.inputs.to_vec(), dedup, schema)))
    }
}

impl DedupState {
    /// What the rows are called. A key that says by itself when it goes needs no value.
    fn shape(&self, node: &StatefulNode, schema: &SchemaRef, keys: &[usize]) -> OperatorShape {
        let own = state_schema(schema, keys);
        let types = own.fields().iter().map(|field| field.data_type().clone()).collect();
        let key = keys.iter().enumerate().map(|(at, index)| {
            let field = schema.field(*index);
            let columns = node.inputs[0].schema().columns();
            let column = columns.iter().find(|column| column.name == *field.name());
            let delay_ms = column.and_then(|column| event_time::of_column(&node.inputs[0], column));
            let metadata = delay_ms.map_or(json!({}), |ms| json!({ "spark.watermarkDelayMs": ms }));
            Shown::new(field.name(), field.data_type().clone(), true, At::Column(at)).with_metadata(&metadata)
        });
        let value = match node.run.operator.kind {
            Kind::DedupWithinWatermark => Shown::new("expiresAtMicros", DataType::Int64, false, At::Column(keys.len())),
            _ => Shown::new("__dummy__", DataType::Null, true, At::Nowhere),
        };
        let layout = Layout::first(types, keys.len());
        let store = StoreShape { name: STORE.into(), layout, key: key.collect(), value: vec![value] };
        OperatorShape { stores: vec![store], properties: Value::Null }
    }
}

/// What the operator knows.
#[derive(Debug)]
struct Dedup {
    keys: Vec<usize>,
    event: Option<(usize, i64)>,
    run: Run,
}

impl StatefulWork for Dedup {
    fn name(&self) -> &'static str {
        "StatefulDedupExec"
    }

    fn describe(&self) -> String {
        format!("keys={:?}, version={}", self.keys, self.run.version)
    }

    fn operator(&self) -> &Operator {
        &self.run.operator
    }

    fn run(
        self: Arc<Self>,
        mut inputs: Vec<SendableRecordBatchStream>,
        schema: SchemaRef,
        _: Arc<TaskContext>,
    ) -> SendableRecordBatchStream {
        let work = Work {
            schema: state_schema(&schema, &self.keys),
            dedup: self,
            input: inputs.pop(),
            seen: None,
            ready: VecDeque::new(),
            new_rows: vec![],
            report: StateReport::default(),
            duplicates: 0,
            began: Instant::now(),
        };
        let stream = futures::stream::unfold(work, |mut work| async move {
            let next = work.next().await?;
            Some((next.map_err(|error| DataFusionError::External(Box::new(error))), work))
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, stream))
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

impl Dedup {
    /// The rows as the state has them, and which of them are not late.
    fn read(&self, batch: &RecordBatch, schema: &SchemaRef) -> Result<(RecordBatch, BooleanBuffer)> {
        let times = self.event.map(|(index, _)| times(batch.column(index))).transpose()?;
        let mut columns: Vec<ArrayRef> = self.keys.iter().map(|index| Arc::clone(batch.column(*index))).collect();
        let late_us = self.run.watermarks.late_ms.saturating_mul(1000);
        let expiry: ArrayRef = match (&times, self.event) {
            (Some(times), Some((_, delay_us))) => {
                // A row without time counts as one of the epoch, as in Spark.
                let value = |time: Option<i64>| time.unwrap_or(0).saturating_add(delay_us);
                Arc::new(times.iter().map(|time| Some(value(time))).collect::<Int64Array>())
            }
            _ => Arc::new(Int64Array::new_null(batch.num_rows())),
        };
        columns.push(expiry);
        let rows = RecordBatch::try_new(Arc::clone(schema), columns).map_err(from_arrow)?;
        let is_late = |times: &Int64Array, row| times.is_valid(row) && times.value(row) <= late_us;
        let in_time = match times.filter(|_| late_us > 0) {
            Some(times) => BooleanBuffer::collect_bool(batch.num_rows(), |row| !is_late(&times, row)),
            None => BooleanBuffer::new_set(batch.num_rows()),
        };
        Ok((rows, in_time))
    }
}

/// One run of the operator.
struct Work {
    schema: SchemaRef,
    dedup: Arc<Dedup>,
    input: Option<SendableRecordBatchStream>,
    /// Keys that are new in this batch; none: no row has come.
    seen: Option<Seen>,
    /// Rows of the last round that go on.
    ready: VecDeque<RecordBatch>,
    new_rows: Vec<RecordBatch>,
    report: StateReport,
    duplicates: u64,
    began: Instant,
}

impl Work {
    async fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some(Ok(batch));
            }
            self.input.as_ref()?;
            let kept = match self.round().await {
                Ok(round) => self.keep(round),
                Err(error) => Err(error),
            };
            match kept {
                Ok(kept) => self.ready.extend(kept),
                Err(error) => {
                    self.input = None;
                    return Some(Err(error));
                }
            }
            if self.input.is_none() {
                if let Err(error) = self.finish() {
                    return Some(Err(error));
                }
            }
        }
    }

    /// The rows of the next round; at the end there is no more input.
    async fn round(&mut self) -> Result<Vec<RecordBatch>> {
        let (mut round, mut rows, mut bytes) = (vec![], 0, 0);
        while let Some(input) = self.input.as_mut().filter(|_| rows < ROWS_OF_A_ROUND && bytes < BYTES_OF_A_ROUND) {
            match input.next().await {
                Some(batch) => {
                    let batch = batch.map_err(from_datafusion)?;
                    rows += batch.num_rows();
                    bytes += batch.get_array_memory_size();
                    round.push(batch);
                }
                None => self.input = None,
            }
        }
        round.retain(|batch| batch.num_rows() > 0);
        Ok(round)
    }

    fn layout(&self) -> Layout {
        let types = self.schema.fields().iter().map(|field| field.data_type().clone()).collect();
        Layout::first(types, self.dedup.keys.len())
    }

    /// The rows whose key is new.
    fn keep(&mut self, round: Vec<RecordBatch>) -> Result<Vec<RecordBatch>> {
        let Some(rows) = round.iter().map(RecordBatch::num_rows).reduce(|a, b| a + b) else { return Ok(vec![]) };
        let dedup = Arc::clone(&self.dedup);
        let (layout, schema) = (self.layout(), &self.schema);
        let read = lanes::each(round.iter().collect(), rows as u64, |batch| dedup.read(batch, schema))?;
        let (states, in_time): (Vec<RecordBatch>, Vec<BooleanBuffer>) = read.into_iter().unzip();
        let new = {
            let operator = &dedup.run.operator;
            let mut state = operator.lock();
            let store = state.store(operator, STORE, &layout, dedup.run.version)?;
            let seen = self.seen.get_or_insert_with(|| Seen::new(store.partitions()));
            store.fresh(&states, &in_time, seen)?
        };
        let in_time: usize = in_time.iter().map(BooleanBuffer::count_set_bits).sum();
        let kept: usize = new.iter().map(BooleanArray::true_count).sum();
        self.report.dropped_by_watermark += (rows - in_time) as u64;
        self.duplicates += (in_time - kept) as u64;
        let filtered =
            lanes::each(round.iter().zip(&states).zip(&new).collect(), rows as u64, |((own, state), new)| {
                let filter = |batch| filter_record_batch(batch, new).map_err(from_arrow);
                Ok((filter(own)?, filter(state)?))
            })?;
        let (out, states): (Vec<RecordBatch>, Vec<RecordBatch>) = filtered.into_iter().unzip();
        self.new_rows.extend(states.into_iter().filter(|batch| batch.num_rows() > 0));
        Ok(out.into_iter().filter(|batch| batch.num_rows() > 0).collect())
    }

    /// Notes what the batch does to the state.
    fn finish(&mut self) -> Result<()> {
        let run = &self.dedup.run;
        let layout = self.layout();
        let operator = Arc::clone(&run.operator);
        let mut state = operator.lock();
        let store = state.store(&operator, STORE, &layout, run.version)?;
        self.report.updated = self.seen.as_ref().map_or(0, Seen::count) as u64;
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
            let stored = store.select(&[], &past)?;
            changes = Changes::split(changes.updated, &past)?;
            changes.removed.extend(stored);
        }
        self.report.removed = changes.removed.iter().map(|batch| batch.num_rows() as u64).sum();
        self.report.removal_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.report.custom =
            vec![("numDroppedDuplicateRows".into(), i64::try_from(self.duplicates).unwrap_or(i64::MAX))];
        state.finish(run.version, vec![(STORE, changes)], std::mem::take(&mut self.report));
        Ok(())
    }
}

/// Event times as microseconds.
fn times(column: &ArrayRef) -> Result<Int64Array> {
    let times = event_times(column).ok_or_else(|| SparkError::internal("the event time is no time"))?;
    let times = arrow::compute::cast(&times, &DataType::Int64).map_err(from_arrow)?;
    Ok(times.as_primitive::<Int64Type>().clone())
}
