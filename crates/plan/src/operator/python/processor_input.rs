//! What goes to a `StatefulProcessor`'s worker, a frame at a time: keys and what they remember before their rows, and at
//! the end those whose timers are due.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StructArray, new_null_array};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Fields, Int64Type, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::Result;
use firesteel_python::{ByteStream, encode};
use parking_lot::Mutex;

use super::convert::relabel;
use super::group::positions;
use super::grouping::{Group, Groups};
use super::map::labelled;
use super::processor::{TimeMode, VALUE_BITS, frame, framed};
use super::stateful::{GroupStates, Numbers, PythonStateNode, Times, nullable};

/// Rows of one group and one relation.
struct Piece {
    side: usize,
    rows: RecordBatch,
}

/// A relation's groups, with the next one at hand.
struct Relation {
    groups: Groups,
    next: Option<Group>,
    keys: Vec<usize>,
    sent: Vec<usize>,
}

/// What goes to the worker.
pub(super) struct Input {
    relations: Vec<Relation>,
    node: Arc<PythonStateNode>,
    states: Arc<dyn GroupStates>,
    numbers: Arc<Mutex<Numbers>>,
    time: TimeMode,
    times: Times,
    schema: SchemaRef,
    encoder: Option<encode::Batches>,
    /// Pieces that wait, one relation's together.
    waiting: VecDeque<Piece>,
    /// Frames that wait.
    ready: VecDeque<Vec<Buffer>>,
    is_started: bool,
    is_done: bool,
}

impl Input {
    pub fn new(
        node: &Arc<PythonStateNode>,
        inputs: Vec<SendableRecordBatchStream>,
        states: &Arc<dyn GroupStates>,
        numbers: &Arc<Mutex<Numbers>>,
        (time, times): (TimeMode, Times),
    ) -> Result<Self> {
        let mut relations = vec![];
        for (side, input) in node.sides.iter().zip(inputs) {
            // Only a query's first batch meets the initial state.
            if !relations.is_empty() && !times.is_first {
                break;
            }
            let schema = input.schema();
            let (keys, sent) = (positions(&schema, &side.keys)?, positions(&schema, &side.sent)?);
            relations.push(Relation { groups: Groups::new(input, keys.clone())?, next: None, keys, sent });
        }
        let fields: Fields = match &node.sides[..] {
            [one] => nullable(&one.taken),
            sides => ["inputData", "initState"]
                .iter()
                .zip(sides)
                .map(|(name, side)| Arc::new(Field::new(*name, DataType::Struct(nullable(&side.taken)), true)))
                .collect(),
        };
        let schema = Arc::new(Schema::new(fields));
        let encoder = Some(encode::Batches::new(&schema).map_err(from_arrow)?);
        Ok(Self {
            relations,
            node: Arc::clone(node),
            states: Arc::clone(states),
            numbers: Arc::clone(numbers),
            time,
            times,
            schema,
            encoder,
            waiting: VecDeque::new(),
            ready: VecDeque::new(),
            is_started: false,
            is_done: false,
        })
    }

    pub fn frames(self) -> ByteStream {
        Box::pin(futures::stream::unfold(self, |mut input| async move {
            loop {
                if let Some(bytes) = input.ready.pop_front() {
                    return Some((Ok(bytes), input));
                }
                if input.is_done {
                    return None;
                }
                if let Err(error) = input.advance().await {
                    input.is_done = true;
                    return Some((Err(error), input));
                }
            }
        }))
    }

    /// Makes the next frames.
    async fn advance(&mut self) -> Result<()> {
        let limit = self.node.settings.0.batch_rows;
        let mut keys = vec![];
        let mut rows: usize = self.waiting.iter().map(|piece| piece.rows.num_rows()).sum();
        while rows < limit {
            let groups = self.next_groups().await?;
            if groups.is_empty() {
                break;
            }
            let mut key = None;
            for (side, group) in groups {
                let relation = &self.relations[side];
                rows += group.rows();
                if key.is_none() {
                    let first = &group.batches[0];
                    let columns: Vec<ArrayRef> =
                        relation.keys.iter().map(|own| first.column(*own).slice(0, 1)).collect();
                    key = Some(self.numbers.lock().batch(columns, 1)?);
                }
                for batch in group.batches_of(limit)? {
                    let rows = batch.project(&relation.sent).map_err(from_arrow)?;
                    self.waiting.push_back(Piece { side, rows });
                }
            }
            keys.extend(key);
        }
        if let Some(first) = keys.first() {
            let keys = arrow::compute::concat_batches(&first.schema(), &keys).map_err(from_arrow)?;
            self.remember(&keys)?;
        }
        match self.waiting.is_empty() {
            false => self.send_rows(limit),
            true => self.send_end(),
        }
    }

    /// The groups of the least key that is left: of the initial state, of the rows, or both.
    async fn next_groups(&mut self) -> Result<Vec<(usize, Group)>> {
        for relation in &mut self.relations {
            if relation.next.is_none() {
                relation.next = relation.groups.next().await?;
            }
        }
        let least = self.relations.iter().filter_map(|relation| Some(&relation.next.as_ref()?.key)).min().cloned();
        let Some(least) = least else { return Ok(vec![]) };
        let mut found = vec![];
        for (side, relation) in self.relations.iter_mut().enumerate().rev() {
            if relation.next.as_ref().is_some_and(|group| group.key == least) {
                found.extend(relation.next.take().map(|group| (side, group)));
            }
        }
        Ok(found)
    }

    /// Tells the worker of keys and what they remember.
    fn remember(&mut self, keys: &RecordBatch) -> Result<()> {
        let mut numbers = self.numbers.lock();
        let (own, fresh) = numbers.of(keys)?;
        if !fresh.contains(&true) {
            return Ok(());
        }
        let mask = BooleanArray::from(fresh);
        let keys = arrow::compute::filter_record_batch(keys, &mask).map_err(from_arrow)?;
        let new: Vec<i64> = own.iter().zip(mask.values()).filter(|(_, new)| *new).map(|(own, _)| *own as i64).collect();
        let side = &self.node.sides[0];
        let mut fields = vec![Arc::new(Field::new("number", DataType::Int64, false))];
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(new))];
        for (key, column) in side.keys.iter().zip(keys.columns()) {
            if let Some(at) = side.sent.iter().position(|sent| sent == key) {
                let field = side.taken[at].as_ref().clone().with_nullable(true);
                columns.push(relabel(column, field.data_type())?);
                fields.push(Arc::new(field));
            }
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(from_arrow)?;
        self.ready.push_back(framed_buffers(frame::KEYS, alone(&batch)?));
        let width = side.keys.len();
        for rows in self.states.lookup(&keys)? {
            let keys = numbers.batch(rows.columns()[..width].to_vec(), rows.num_rows())?;
            let own: Int64Array = numbers.of(&keys)?.0.into_iter().map(|number| Some(number as i64)).collect();
            let mut columns: Vec<ArrayRef> = vec![Arc::new(own)];
            columns.extend_from_slice(&rows.columns()[width..]);
            let types = std::iter::once(DataType::Int64).chain(self.node.stored());
            let fields: Vec<Field> =
                types.enumerate().map(|(at, own)| Field::new(format!("c{at}"), own, true)).collect();
            let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(from_arrow)?;
            self.ready.push_back(framed_buffers(frame::STATE, alone(&batch)?));
        }
        Ok(())
    }

    fn send_rows(&mut self, limit: usize) -> Result<()> {
        let side = self.waiting.front().map_or(0, |piece| piece.side);
        let (mut pieces, mut total) = (vec![], 0);
        while let Some(piece) = self.waiting.front() {
            total += piece.rows.num_rows();
            if piece.side != side || (total > limit && !pieces.is_empty()) {
                break;
            }
            pieces.extend(self.waiting.pop_front().map(|piece| piece.rows));
        }
        let rows = arrow::compute::concat_batches(&pieces[0].schema(), &pieces).map_err(from_arrow)?;
        let taken = nullable(&self.node.sides[side].taken);
        let columns = rows.columns().iter().zip(&taken).map(|(column, field)| relabel(column, field.data_type()));
        let mut columns = columns.collect::<Result<Vec<_>>>()?;
        if self.node.sides.len() > 1 {
            let own: ArrayRef = Arc::new(StructArray::try_new(taken, columns, None).map_err(from_arrow)?);
            let none = new_null_array(self.schema.field(1 - side).data_type(), rows.num_rows());
            columns = if side == 0 { vec![own, none] } else { vec![none, own] };
        }
        let batch = labelled(columns, rows.num_rows(), &self.schema)?;
        self.is_started = true;
        if let Some(encoder) = &mut self.encoder {
            let bytes = encoder.batch(&batch).map_err(from_arrow)?;
            self.ready.push_back(framed_buffers(frame::ROWS, bytes));
        }
        Ok(())
    }

    /// The end of the rows, then what the groups remember whose timers are due.
    fn send_end(&mut self) -> Result<()> {
        if let Some(encoder) = self.encoder.take() {
            let bytes = encoder.finish().map_err(from_arrow)?;
            self.ready.push_back(framed_buffers(frame::ROWS, bytes));
        }
        let limit_ms = match self.time {
            TimeMode::None => None,
            TimeMode::ProcessingTime => Some(self.times.batch_ms),
            TimeMode::EventTime => self.times.watermark_ms,
        };
        if let Some(limit_ms) = limit_ms {
            let width = self.node.sides[0].keys.len();
            let timers = self.states.select(&|batch| Ok(due(batch, width, limit_ms)))?;
            for rows in timers {
                let keys = self.numbers.lock().batch(rows.columns()[..width].to_vec(), rows.num_rows())?;
                self.remember(&each_once(&keys)?)?;
            }
        }
        self.ready.push_back(framed(frame::END, &[]));
        self.is_done = true;
        Ok(())
    }
}

/// The rows that differ from all before them.
fn each_once(keys: &RecordBatch) -> Result<RecordBatch> {
    let sort = keys.schema().fields().iter().map(|f| arrow::row::SortField::new(f.data_type().clone())).collect();
    let converter = arrow::row::RowConverter::new(sort).map_err(from_arrow)?;
    if keys.num_columns() == 0 {
        return Ok(keys.slice(0, keys.num_rows().min(1)));
    }
    let rows = converter.convert_columns(keys.columns()).map_err(from_arrow)?;
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let mask: BooleanArray = (0..keys.num_rows()).map(|row| Some(seen.insert(rows.row(row).data()))).collect();
    arrow::compute::filter_record_batch(keys, &mask).map_err(from_arrow)
}

/// Which stored rows are timers that are due.
fn due(batch: &RecordBatch, width: usize, limit_ms: i64) -> BooleanArray {
    let slots = batch.column(width).as_primitive::<Int64Type>();
    slots.iter().map(|slot| Some(slot.is_some_and(|slot| slot >> VALUE_BITS == 0 && slot <= limit_ms))).collect()
}

fn framed_buffers(kind: u8, buffers: Vec<Buffer>) -> Vec<Buffer> {
    let size: usize = buffers.iter().map(|buffer| buffer.len()).sum();
    let mut head = vec![kind];
    head.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    let mut all = vec![Buffer::from_vec(head)];
    all.extend(buffers);
    all
}

/// A batch as an Arrow stream of its own.
fn alone(batch: &RecordBatch) -> Result<Vec<Buffer>> {
    let mut encoder = encode::Batches::new(&batch.schema()).map_err(from_arrow)?;
    let mut bytes = encoder.batch(batch).map_err(from_arrow)?;
    bytes.extend(encoder.finish().map_err(from_arrow)?);
    Ok(bytes)
}
