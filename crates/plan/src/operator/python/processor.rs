//! `transformWithState`: a group's rows go to a `StatefulProcessor`, before them what the group remembers; what it
//! remembers then comes back beside its answer. Spark's `TransformWithStateInPySparkExec`, but that Spark's worker asks
//! for each value over a socket.
//!
//! To the worker go frames: a kind, a length and that many bytes ([`frame`]). A stored row is a slot (the number of the
//! variable in its upper 16 bits, the number of the value in the lower 48; variable 0 is the timers, whose number is
//! their time), a user's key, a value and when it expires. Keys and values are as PySpark pickles them.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Fields, Int64Type, Schema};
use bytes::Bytes;
use datafusion::execution::SendableRecordBatchStream;
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::types::{ddl, json};
use firesteel_protocol::{Result, SparkError};
use firesteel_python::{Answer, Argument, ByteStream, Function, Program, TaskInfo};
use futures::StreamExt;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::PythonCall;
use super::convert::{conform, out_of_struct};
use super::function::eval_type;
use super::map::labelled;
use super::processor_input::Input;
use super::stateful::{GroupChanges, GroupStates, Numbers, Output, PythonStateNode, Remembering, StateSide, Times};

/// Bits of a slot that number a value.
pub const VALUE_BITS: u32 = 48;

/// What time a processor lives by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeMode {
    None,
    ProcessingTime,
    EventTime,
}

impl TimeMode {
    /// Reads Spark's word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::None, Self::ProcessingTime, Self::EventTime]
            .into_iter()
            .find(|own| own.word().eq_ignore_ascii_case(word))
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::ProcessingTime => "ProcessingTime",
            Self::EventTime => "EventTime",
        }
    }
}

/// The kinds of frames.
pub(super) mod frame {
    pub const END: u8 = 0;
    pub const ROWS: u8 = 1;
    pub const STATE: u8 = 2;
    pub const KEYS: u8 = 3;
    pub const HEADER: u8 = 4;
}

/// The processor's answer for all groups.
pub async fn run(
    node: PythonStateNode,
    inputs: Vec<SendableRecordBatchStream>,
    states: Arc<dyn GroupStates>,
    times: Times,
    output: Output,
) -> Result<()> {
    let node = Arc::new(node);
    let Remembering::Processor { time, .. } = &node.kind else {
        return Err(SparkError::internal("a function with one state is no processor"));
    };
    let time = *time;
    let declared = match states.variables() {
        Some(known) => known,
        None => states.declare(declared(&node, time).await?)?,
    };
    let header = json!({
        "declared": serde_json::from_slice::<Value>(&declared).unwrap_or_default(),
        "batch_ms": times.batch_ms,
        "watermark_ms": times.watermark_ms.unwrap_or(0),
        "time": time.word(),
    });
    let numbers = Arc::new(Mutex::new(Numbers::new(&node.key_types())?));
    let input = Input::new(&node, inputs, &states, &numbers, (time, times))?;
    let bytes: ByteStream = Box::pin(
        futures::stream::iter([Ok(framed(frame::HEADER, header.to_string().as_bytes()))]).chain(input.frames()),
    );
    let arguments = node.sides.iter().flat_map(|side| &side.arguments);
    let arguments = arguments.map(|offset| Argument { offset: *offset, name: None }).collect();
    let function = Function { commands: vec![node.function.command.clone()], arguments };
    let eval = json!({ "grouping_key_schema": key_schema(&node.sides[0]), "state_server_socket_port": "0" });
    let call = PythonCall::with_settings(&node.settings.0, &[(Arc::clone(&node.function), function)], eval)?;
    let session = node.settings.0.session.clone();
    let info = TaskInfo { partition: 0, barrier: None };
    let mut answers = firesteel_python::answers(session, Arc::clone(&call.program), info, bytes);
    let mut changed = vec![];
    let operation = match node.function.eval_type {
        eval_type::TRANSFORM_WITH_STATE_PANDAS | eval_type::TRANSFORM_WITH_STATE_PANDAS_INITIAL => {
            "transformWithStateInPandas()"
        }
        _ => "transformWithState()",
    };
    while let Some(answer) = answers.next().await {
        match answer? {
            Answer::Aside(rows) => changed.push(rows),
            Answer::Rows(rows) if rows.num_rows() == 0 => {}
            Answer::Rows(rows) => {
                let columns = conform(&out_of_struct(&rows), &node.given, operation)?;
                let rows = labelled(columns, rows.num_rows(), node.schema.inner())?;
                if output.send(Ok(rows)).await.is_err() {
                    // A reader that has enough: what the batch does to the state is found out by another run.
                    return Ok(());
                }
            }
        }
    }
    finish(&node, &states, changed, &mut numbers.lock(), times)
}

/// Asks the processor's `init` for its variables. Schemas that it gives as text are read here, on the way.
async fn declared(node: &PythonStateNode, time: TimeMode) -> Result<Bytes> {
    let session = &node.settings.0.session;
    let mut schemas = serde_json::Map::new();
    loop {
        let details = json!({
            "python": node.function.python,
            "schemas": schemas,
            "key": key_schema(&node.sides[0]),
            "time": time.word(),
        });
        let blobs = [node.function.command.clone()];
        let program = Program::new("processor_init", details, &blobs, eval_type::is_pandas(node.function.eval_type));
        let (said, _) = firesteel_python::call(session, &program).await?;
        let Some(text) = said["parse"].as_str() else {
            let declared = json!({ "schemas": schemas, "variables": said["variables"] });
            return Ok(declared.to_string().into());
        };
        let parsed = match ddl::parse_schema(text) {
            Ok(fields) => json!({ "schema": json::to_json(&DataType::Struct(fields)).to_string() }),
            Err(error) => json!({ "error": error.to_string() }),
        };
        if schemas.insert(text.to_string(), parsed).is_some() {
            return Err(SparkError::internal("a processor asks for the same schema again"));
        }
    }
}

fn key_schema(side: &StateSide) -> String {
    let of = |key: &String| side.sent.iter().position(|sent| sent == key).map(|at| Arc::clone(&side.taken[at]));
    let fields: Fields = side.keys.iter().filter_map(of).collect();
    json::to_json(&DataType::Struct(fields)).to_string()
}

/// What the worker says of the state, and what has expired, as changes.
fn finish(
    node: &PythonStateNode,
    states: &Arc<dyn GroupStates>,
    changed: Vec<RecordBatch>,
    numbers: &mut Numbers,
    times: Times,
) -> Result<()> {
    let width = node.sides[0].keys.len();
    let types: Vec<DataType> = node.key_types().into_iter().chain(node.stored()).collect();
    let fields: Vec<Field> =
        types.into_iter().enumerate().map(|(at, own)| Field::new(format!("c{at}"), own, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut changes = GroupChanges::default();
    for rows in changed.iter().filter(|rows| rows.num_rows() > 0) {
        let own = rows.column(0).as_primitive::<Int64Type>().values().iter();
        let own: Vec<usize> = own.map(|number| usize::try_from(*number).unwrap_or(usize::MAX)).collect();
        let mut columns = numbers.keys_of(&own)?;
        columns.extend_from_slice(&rows.columns()[1..5]);
        let all = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(from_arrow)?;
        let gone = rows.column(5).as_boolean();
        let come = arrow::compute::not(gone).map_err(from_arrow)?;
        for (mask, side) in [(gone, &mut changes.removed), (&come, &mut changes.updated)] {
            if mask.true_count() > 0 {
                side.push(arrow::compute::filter_record_batch(&all, mask).map_err(from_arrow)?);
            }
        }
    }
    changes.updated_rows = changes.updated.iter().map(|batch| batch.num_rows() as u64).sum();
    changes.removed_rows = changes.removed.iter().map(|batch| batch.num_rows() as u64).sum();
    if times.batch_ms >= 0 {
        let expired = states.select(&|batch| Ok(expired(batch, width, times.batch_ms)))?;
        changes.removed_rows += expired.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
        changes.removed.extend(expired);
    }
    states.finish(changes)
}

/// Which stored rows are values whose time has come.
fn expired(batch: &RecordBatch, width: usize, now_ms: i64) -> BooleanArray {
    let slots = batch.column(width).as_primitive::<Int64Type>();
    let ends = batch.column(width + 3).as_primitive::<Int64Type>();
    let is = |(slot, end): (Option<i64>, Option<i64>)| {
        Some(slot.is_some_and(|slot| slot >> VALUE_BITS != 0) && end.is_some_and(|end| end <= now_ms))
    };
    slots.iter().zip(ends.iter()).map(is).collect()
}

pub(super) fn framed(kind: u8, bytes: &[u8]) -> Vec<Buffer> {
    let mut head = vec![kind];
    head.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    head.extend_from_slice(bytes);
    vec![Buffer::from_vec(head)]
}
