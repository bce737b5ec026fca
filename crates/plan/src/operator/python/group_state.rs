//! `applyInPandasWithState`: a group's rows and the one value that it remembers go to the function together, its new
//! value comes back with its rows. Groups that have timed out follow. Spark's `FlatMapGroupsInPandasWithStateExec`; what
//! travels is what PySpark's `ApplyInPandasWithStateSerializer` reads and writes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int64Array, RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::types::json;
use firesteel_protocol::{Result, SparkError};
use firesteel_python::{Argument, Function, TaskInfo};
use futures::{Stream, StreamExt};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::PythonCall;
use super::convert::conform;
use super::group::positions;
use super::group_state_rows::{Cutter, Piece, PieceWriter, state_fields};
use super::grouping::Groups;
use super::map::{arrow_stream, labelled};
use super::stateful::{GroupChanges, GroupStates, Numbers, Output, PythonStateNode, Remembering, Times, nullable};
use super::variables;

/// No timeout is set.
pub(super) const NEVER: i64 = -1;

/// When groups without rows are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timeout {
    Never,
    ProcessingTime,
    EventTime,
}

impl Timeout {
    /// Reads Spark's word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Never, Self::ProcessingTime, Self::EventTime].into_iter().find(|own| own.word() == word)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Never => "NoTimeout",
            Self::ProcessingTime => "ProcessingTimeTimeout",
            Self::EventTime => "EventTimeTimeout",
        }
    }
}

/// The function's answer for all groups.
pub async fn run(
    node: PythonStateNode,
    mut inputs: Vec<SendableRecordBatchStream>,
    states: Arc<dyn GroupStates>,
    times: Times,
    output: Output,
) -> Result<()> {
    let Some(input) = inputs.pop() else { return Ok(()) };
    Task::new(node, states, times)?.run(input, &output).await
}

/// What became of a group's value.
struct Change {
    value: Option<Vec<u8>>,
    timeout_ms: i64,
    is_removed: bool,
}

struct Task {
    node: Arc<PythonStateNode>,
    call: PythonCall,
    timeout: Timeout,
    states: Arc<dyn GroupStates>,
    times: Times,
    numbers: Arc<Mutex<Numbers>>,
    /// The schema of what is sent.
    sent: SchemaRef,
    changes: HashMap<usize, Change>,
}

impl Task {
    fn new(node: PythonStateNode, states: Arc<dyn GroupStates>, times: Times) -> Result<Self> {
        let Remembering::GroupState { timeout, state } = &node.kind else {
            return Err(SparkError::internal("a processor is no function with one state"));
        };
        let (side, timeout) = (&node.sides[0], *timeout);
        let arguments = side.arguments.iter().map(|offset| Argument { offset: *offset, name: None }).collect();
        let function = Function { commands: vec![node.function.command.clone()], arguments };
        let schema = json::to_json(&DataType::Struct(state.clone())).to_string();
        let eval = json!({ "state_value_schema": schema });
        let call = PythonCall::with_settings(&node.settings.0, &[(Arc::clone(&node.function), function)], eval)?;
        let mut fields: Vec<_> = nullable(&side.taken).iter().cloned().collect();
        fields.push(Arc::new(Field::new("__state", DataType::Struct(state_fields()), true)));
        let numbers = Arc::new(Mutex::new(Numbers::new(&node.key_types())?));
        let sent = Arc::new(Schema::new(fields));
        Ok(Self { node: Arc::new(node), call, timeout, states, times, numbers, sent, changes: HashMap::new() })
    }

    async fn run(&mut self, input: SendableRecordBatchStream, output: &Output) -> Result<()> {
        if let (Remembering::GroupState { state, .. }, None) = (&self.node.kind, self.states.variables()) {
            self.states.declare(variables::of_group(state))?;
        }
        let schema = input.schema();
        let side = &self.node.sides[0];
        let (keys, sent) = (positions(&schema, &side.keys)?, positions(&schema, &side.sent)?);
        let cutter = Cutter {
            groups: Groups::new(input, keys.clone())?,
            keys,
            sent,
            limit: self.node.settings.0.batch_rows,
            waiting: VecDeque::new(),
            ended: false,
            numbers: Arc::clone(&self.numbers),
            states: Arc::clone(&self.states),
        };
        let (writer, now) = (self.writer(false), ());
        let batches = futures::stream::unfold((cutter, now), move |(mut cutter, now)| {
            let writer = writer.clone();
            async move {
                let pieces = cutter.next().await;
                let batch = match pieces {
                    Ok(pieces) if pieces.is_empty() => return None,
                    Ok(pieces) => writer.batch(&pieces),
                    Err(error) => Err(error),
                };
                Some((batch, (cutter, now)))
            }
        });
        if !self.call(batches.boxed(), output).await? {
            return Ok(());
        }
        let expired = self.expired()?;
        if !expired.is_empty() {
            let writer = self.writer(true);
            let limit = self.node.settings.0.batch_rows;
            let mut batches = vec![];
            for pieces in expired.chunks(limit.max(1)) {
                batches.push(writer.batch(pieces));
            }
            if !self.call(futures::stream::iter(batches).boxed(), output).await? {
                return Ok(());
            }
        }
        self.finish()
    }

    fn writer(&self, timed_out: bool) -> PieceWriter {
        let (timeout, times, sent) = (self.timeout, self.times, Arc::clone(&self.sent));
        PieceWriter { timeout, times, timed_out, sent }
    }

    /// Has the worker answer batches; their rows go on, their states stay. False for a reader that has enough: what the
    /// batch does to the state is found out by another run.
    async fn call(
        &mut self,
        mut batches: std::pin::Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>,
        output: &Output,
    ) -> Result<bool> {
        // Without groups there is nothing to call.
        let Some(first) = batches.next().await else { return Ok(true) };
        let bytes = arrow_stream(futures::stream::iter([first]).chain(batches), Arc::clone(&self.sent));
        let session = self.node.settings.0.session.clone();
        let info = TaskInfo { partition: 0, barrier: None };
        let mut answers = firesteel_python::run(session, Arc::clone(&self.call.program), info, bytes);
        while let Some(answer) = answers.next().await {
            if let Some(rows) = self.take(&answer?)? {
                if output.send(Ok(rows)).await.is_err() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Reads an answer: counts, rows, states.
    fn take(&mut self, answer: &RecordBatch) -> Result<Option<RecordBatch>> {
        let column = |at: usize| {
            let column = answer.columns().get(at).and_then(|column| column.as_struct_opt());
            column.ok_or_else(|| SparkError::internal("a Python worker answered without state"))
        };
        let (counts, rows, states) = (column(0)?, column(1)?, column(2)?);
        let count = |at: usize| {
            let counts = counts.column(at).as_primitive_opt::<Int32Type>().filter(|counts| !counts.is_empty());
            usize::try_from(counts.map_or(0, |counts| counts.value(0))).unwrap_or(0)
        };
        let state = |at: usize| states.column(at);
        for row in 0..count(1) {
            let text = arrow::compute::cast(state(0), &DataType::Utf8).map_err(from_arrow)?;
            let said: Value = serde_json::from_str(text.as_string::<i32>().value(row))
                .map_err(|error| SparkError::internal(format!("the state of a group: {error}")))?;
            let number = arrow::compute::cast(state(1), &DataType::Binary).map_err(from_arrow)?;
            let number = number.as_binary::<i32>().value(row).try_into().map(u64::from_le_bytes);
            let number = number.map_err(|_| SparkError::internal("a group without number"))?;
            let object = arrow::compute::cast(state(2), &DataType::Binary).map_err(from_arrow)?;
            let object = object.as_binary::<i32>();
            let old = arrow::compute::cast(state(3), &DataType::Int64).map_err(from_arrow)?;
            let old_ms = old.as_primitive::<Int64Type>().value(row);
            let timeout_ms = said["timeoutTimestamp"].as_f64().map_or(NEVER, |ms| ms as i64);
            let is = |key: &str| said[key].as_bool().unwrap_or(false);
            let number = usize::try_from(number).unwrap_or(usize::MAX);
            if is("removed") && timeout_ms == NEVER {
                self.changes.insert(number, Change { value: None, timeout_ms, is_removed: true });
            } else if is("updated") || is("removed") || timeout_ms != old_ms {
                let value = (is("defined") && object.is_valid(row)).then(|| object.value(row).to_vec());
                self.changes.insert(number, Change { value, timeout_ms, is_removed: false });
            }
        }
        let kept = count(0);
        if kept == 0 {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = rows.columns().iter().map(|column| column.slice(0, kept)).collect();
        let columns = conform(&columns, &self.node.given, "applyInPandasWithState()")?;
        labelled(columns, kept, self.node.schema.inner()).map(Some)
    }

    /// The groups whose time has come, each with one row of its keys.
    fn expired(&mut self) -> Result<Vec<Piece>> {
        let limit_ms = match self.timeout {
            Timeout::Never => return Ok(vec![]),
            Timeout::ProcessingTime => self.times.batch_ms,
            Timeout::EventTime => self.times.watermark_ms.unwrap_or(i64::MIN),
        };
        let past = move |ms: i64| ms != NEVER && ms < limit_ms;
        let width = self.node.sides[0].keys.len();
        let old = self.states.select(&|batch| {
            let times = batch.column(width + 1).as_primitive::<Int64Type>();
            Ok(times.iter().map(|ms| Some(ms.is_some_and(past))).collect())
        })?;
        let mut found: Vec<(usize, Option<Vec<u8>>)> = vec![];
        let numbers = Arc::clone(&self.numbers);
        let mut numbers = numbers.lock();
        for batch in old {
            let keys = numbers.batch(batch.columns()[..width].to_vec(), batch.num_rows())?;
            let values = batch.column(width).as_binary::<i32>();
            for (row, number) in numbers.of(&keys)?.0.into_iter().enumerate() {
                if !self.changes.contains_key(&number) {
                    found.push((number, values.is_valid(row).then(|| values.value(row).to_vec())));
                }
            }
        }
        for (number, change) in &self.changes {
            if !change.is_removed && past(change.timeout_ms) {
                found.push((*number, change.value.clone()));
            }
        }
        found.sort_unstable_by_key(|(number, _)| *number);
        let all: Vec<usize> = found.iter().map(|(number, _)| *number).collect();
        if all.is_empty() {
            return Ok(vec![]);
        }
        let keys = numbers.keys_of(&all)?;
        let side = &self.node.sides[0];
        let columns =
            side.sent.iter().zip(&side.taken).map(|(name, field)| match side.keys.iter().position(|key| key == name) {
                Some(key) => super::convert::relabel(&keys[key], field.data_type()),
                None => Ok(new_null_array(field.data_type(), all.len())),
            });
        let schema = Arc::new(Schema::new(nullable(&side.taken)));
        let rows = labelled(columns.collect::<Result<_>>()?, all.len(), &schema)?;
        let piece = |(row, (number, value)): (usize, (usize, Option<Vec<u8>>))| Piece {
            number,
            rows: rows.slice(row, 1),
            is_last: true,
            exists: value.is_some(),
            value,
        };
        Ok(found.into_iter().enumerate().map(piece).collect())
    }

    /// Hands over what became of all groups.
    fn finish(&mut self) -> Result<()> {
        let mut changes = GroupChanges::default();
        let mut numbers = self.numbers.lock();
        for removed in [true, false] {
            let mut own: Vec<(usize, &Change)> = vec![];
            own.extend(self.changes.iter().filter(|(_, change)| change.is_removed == removed).map(|(n, c)| (*n, c)));
            if own.is_empty() {
                continue;
            }
            own.sort_unstable_by_key(|(number, _)| *number);
            let mut columns = numbers.keys_of(&own.iter().map(|(number, _)| *number).collect::<Vec<_>>())?;
            let values: BinaryArray = own.iter().map(|(_, change)| change.value.as_deref()).collect();
            columns.push(Arc::new(values));
            columns.push(Arc::new(Int64Array::from_iter_values(own.iter().map(|(_, change)| change.timeout_ms))));
            let types = self.node.key_types().into_iter().chain(self.node.stored());
            let fields = types.enumerate().map(|(at, own)| Field::new(format!("c{at}"), own, true));
            let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            let batch = RecordBatch::try_new(schema, columns).map_err(from_arrow)?;
            let rows = batch.num_rows() as u64;
            if removed {
                changes.removed_rows = rows;
                changes.removed.push(batch);
            } else {
                changes.updated_rows = rows;
                changes.updated.push(batch);
            }
        }
        self.states.finish(changes)
    }
}
