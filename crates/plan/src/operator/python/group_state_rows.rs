//! The rows of `applyInPandasWithState` on their way to the worker: groups are cut into pieces, each with what its group
//! remembers, as PySpark's `ApplyInPandasWithStateSerializer` reads them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, Int32Array, RecordBatch, StringArray, StructArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, SchemaRef};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::Result;
use parking_lot::Mutex;
use serde_json::json;

use super::convert::for_worker;
use super::group_state::{NEVER, Timeout};
use super::grouping::Groups;
use super::stateful::{GroupStates, Numbers, Times};

/// Rows of a group that travel together.
pub(super) struct Piece {
    pub number: usize,
    pub rows: RecordBatch,
    pub is_last: bool,
    /// The group's value, for its first piece.
    pub value: Option<Vec<u8>>,
    pub exists: bool,
}

pub(super) fn state_fields() -> Fields {
    vec![
        Field::new("properties", DataType::Utf8, true),
        Field::new("keyRowAsUnsafe", DataType::Binary, true),
        Field::new("object", DataType::Binary, true),
        Field::new("startOffset", DataType::Int32, true),
        Field::new("numRows", DataType::Int32, true),
        Field::new("isLastChunk", DataType::Boolean, true),
    ]
    .into()
}

/// Cuts groups into pieces, whose values it looks up.
pub(super) struct Cutter {
    pub groups: Groups,
    pub keys: Vec<usize>,
    pub sent: Vec<usize>,
    pub limit: usize,
    pub waiting: VecDeque<Piece>,
    pub ended: bool,
    pub numbers: Arc<Mutex<Numbers>>,
    pub states: Arc<dyn GroupStates>,
}

impl Cutter {
    /// Pieces of at most as many rows as a batch may have; none at the end.
    pub async fn next(&mut self) -> Result<Vec<Piece>> {
        let mut rows: usize = self.waiting.iter().map(|piece| piece.rows.num_rows()).sum();
        let mut keys = vec![];
        let before = self.waiting.len();
        while rows < self.limit && !self.ended {
            let Some(group) = self.groups.next().await? else {
                self.ended = true;
                break;
            };
            rows += group.rows();
            let batches = group.batches_of(self.limit)?;
            let columns: Vec<ArrayRef> = self.keys.iter().map(|key| batches[0].column(*key).slice(0, 1)).collect();
            let mut numbers = self.numbers.lock();
            let key = numbers.batch(columns, 1)?;
            let number = numbers.of(&key)?.0[0];
            keys.push(key);
            let last = batches.len() - 1;
            for (at, batch) in batches.into_iter().enumerate() {
                let rows = batch.project(&self.sent).map_err(from_arrow)?;
                self.waiting.push_back(Piece { number, rows, is_last: at == last, value: None, exists: false });
            }
        }
        if let Some(first) = keys.first() {
            let keys = arrow::compute::concat_batches(&first.schema(), &keys).map_err(from_arrow)?;
            self.look_up(&keys, before)?;
        }
        let (mut pieces, mut total) = (vec![], 0);
        while let Some(piece) = self.waiting.front() {
            total += piece.rows.num_rows();
            if total > self.limit && !pieces.is_empty() {
                break;
            }
            pieces.extend(self.waiting.pop_front());
        }
        Ok(pieces)
    }

    /// Gives the pieces from `from` on their values.
    fn look_up(&mut self, keys: &RecordBatch, from: usize) -> Result<()> {
        let mut values: HashMap<usize, Option<Vec<u8>>> = HashMap::new();
        let mut numbers = self.numbers.lock();
        for batch in self.states.lookup(keys)? {
            let width = self.keys.len();
            let keys = numbers.batch(batch.columns()[..width].to_vec(), batch.num_rows())?;
            let stored = batch.column(width).as_binary::<i32>();
            for (row, number) in numbers.of(&keys)?.0.into_iter().enumerate() {
                values.insert(number, stored.is_valid(row).then(|| stored.value(row).to_vec()));
            }
        }
        for piece in self.waiting.iter_mut().skip(from) {
            if let Some(value) = values.get(&piece.number) {
                piece.value.clone_from(value);
                piece.exists = value.is_some();
            }
        }
        Ok(())
    }
}

/// Writes pieces as PySpark reads them: their rows, and beside them a row of each piece's state.
#[derive(Clone)]
pub(super) struct PieceWriter {
    pub timeout: Timeout,
    pub times: Times,
    pub timed_out: bool,
    pub sent: SchemaRef,
}

impl PieceWriter {
    pub fn batch(&self, pieces: &[Piece]) -> Result<RecordBatch> {
        let schema = pieces[0].rows.schema();
        let rows =
            arrow::compute::concat_batches(&schema, pieces.iter().map(|piece| &piece.rows)).map_err(from_arrow)?;
        let count = rows.num_rows();
        let (mut offsets, mut sizes, mut from) = (vec![], vec![], 0_usize);
        for piece in pieces {
            offsets.push(i32::try_from(from).ok());
            sizes.push(i32::try_from(piece.rows.num_rows()).ok());
            from += piece.rows.num_rows();
        }
        let missing = count - pieces.len();
        let properties: StringArray =
            pieces.iter().map(|piece| Some(self.properties(piece))).chain(vec![None; missing]).collect();
        let mut keys = BinaryBuilder::new();
        let mut objects = BinaryBuilder::new();
        for piece in pieces {
            keys.append_value((piece.number as u64).to_le_bytes());
            objects.append_option(piece.value.as_deref());
        }
        for _ in 0..missing {
            keys.append_null();
            objects.append_null();
        }
        let number = |own: Vec<Option<i32>>| -> ArrayRef {
            Arc::new(own.into_iter().chain(vec![None; missing]).collect::<Int32Array>())
        };
        let last: BooleanArray = pieces.iter().map(|piece| Some(piece.is_last)).chain(vec![None; missing]).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(properties),
            Arc::new(keys.finish()),
            Arc::new(objects.finish()),
            number(offsets),
            number(sizes),
            Arc::new(last),
        ];
        let there = NullBuffer::from_iter((0..count).map(|row| row < pieces.len()));
        let states = StructArray::try_new(state_fields(), columns, Some(there)).map_err(from_arrow)?;
        let mut columns = rows.columns().to_vec();
        columns.push(Arc::new(states));
        for_worker(&columns, count, &self.sent)
    }

    /// What PySpark's `GroupState` begins with.
    fn properties(&self, piece: &Piece) -> String {
        let properties = json!({
            "batchProcessingTimeMs": self.times.batch_ms,
            "eventTimeWatermarkMs": self.times.watermark_ms.unwrap_or(NEVER),
            "timeoutConf": self.timeout.word(),
            "hasTimedOut": self.timed_out,
            "watermarkPresent": self.times.watermark_ms.is_some(),
            "defined": piece.exists,
            "updated": false,
            "removed": false,
            "timeoutTimestamp": NEVER,
        });
        properties.to_string()
    }
}
