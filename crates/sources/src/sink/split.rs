//! Cuts batches by the values of their partition columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Int32Type;
use arrow::row::{RowConverter, SortField};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::{Result, SparkError};

use super::check::PartitionColumn;
use super::name;
use super::value::{self, TimeZone};

/// Rows of one batch that go to one folder.
pub struct Piece {
    /// `a=1/b=x`; with buckets, [`BUCKET_MARK`] and the bucket's number follow.
    pub folder: Arc<str>,
    rows: Rows,
}

/// Which rows: mostly a run of them, as data tends to come in order.
enum Rows {
    Run { start: usize, length: usize },
    Scattered(Vec<u32>),
}

impl Piece {
    /// These rows of the batch (or of another one with as many rows).
    pub fn of(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        match &self.rows {
            Rows::Run { start, length } if *length == batch.num_rows() && *start == 0 => Ok(batch.clone()),
            Rows::Run { start, length } => Ok(batch.slice(*start, *length)),
            Rows::Scattered(rows) => take_record_batch(batch, &UInt32Array::from(rows.clone())).map_err(from_arrow),
        }
    }
}

impl Rows {
    fn push(&mut self, row: usize) {
        match self {
            Self::Run { start, length } if *start + *length == row => *length += 1,
            Self::Run { start, length } => {
                let mut rows: Vec<u32> = (*start..*start + *length).map(|row| row as u32).collect();
                rows.push(row as u32);
                *self = Self::Scattered(rows);
            }
            Self::Scattered(rows) => rows.push(row as u32),
        }
    }
}

/// Between a folder and the number of a bucket.
pub const BUCKET_MARK: char = '\0';

/// Finds the folder of each row, and its bucket.
pub struct Splitter {
    columns: Vec<PartitionColumn>,
    /// The place of the column with the bucket.
    bucket: Option<usize>,
    converter: RowConverter,
    time_zone: TimeZone,
    /// Folders by encoded partition values, forgotten when there are too many.
    known: HashMap<Box<[u8]>, Arc<str>>,
}

impl Splitter {
    /// For batches whose partition columns look like those of `batch`.
    pub fn new(
        columns: &[PartitionColumn],
        bucket: Option<usize>,
        batch: &RecordBatch,
        time_zone: TimeZone,
    ) -> Result<Self> {
        let places = columns.iter().map(|column| column.index).chain(bucket);
        let fields = places.map(|at| SortField::new(batch.column(at).data_type().clone()));
        let converter = RowConverter::new(fields.collect())
            .map_err(|error| SparkError::internal(format!("partition columns cannot be compared: {error}")))?;
        Ok(Self { columns: columns.to_vec(), bucket, converter, time_zone, known: HashMap::new() })
    }

    /// The pieces of a batch in the order in which they begin.
    pub fn split(&mut self, batch: &RecordBatch) -> Result<Vec<Piece>> {
        let places = self.columns.iter().map(|column| column.index).chain(self.bucket);
        let values: Vec<ArrayRef> = places.map(|at| Arc::clone(batch.column(at))).collect();
        let rows = self.converter.convert_columns(&values).map_err(from_arrow)?;
        let mut pieces: Vec<Piece> = vec![];
        let mut places: HashMap<&[u8], usize> = HashMap::new();
        let mut last: Option<(&[u8], usize)> = None;
        for index in 0..batch.num_rows() {
            let key = rows.row(index).data();
            let place = match last {
                Some((previous, place)) if previous == key => place,
                _ => match places.get(key) {
                    Some(place) => *place,
                    None => {
                        let folder = self.folder(key, &values, index)?;
                        // NULL and the empty string share a folder.
                        let place = pieces.iter().position(|piece| piece.folder == folder).unwrap_or(pieces.len());
                        if place == pieces.len() {
                            pieces.push(Piece { folder, rows: Rows::Run { start: index, length: 0 } });
                        }
                        places.insert(key, place);
                        place
                    }
                },
            };
            pieces[place].rows.push(index);
            last = Some((key, place));
        }
        Ok(pieces)
    }

    fn folder(&mut self, key: &[u8], values: &[ArrayRef], row: usize) -> Result<Arc<str>> {
        if let Some(folder) = self.known.get(key) {
            return Ok(Arc::clone(folder));
        }
        let mut folders = Vec::with_capacity(self.columns.len());
        for (column, array) in self.columns.iter().zip(values) {
            let value = value::text(array, row, self.time_zone)?;
            folders.push(name::partition_folder(&column.name, value.as_deref()));
        }
        let mut folder = folders.join("/");
        if self.bucket.is_some() {
            let bucket = values.last().and_then(|array| array.as_primitive_opt::<Int32Type>());
            let bucket = bucket.map_or(0, |buckets| buckets.value(row));
            folder.push_str(&format!("{BUCKET_MARK}{bucket:05}"));
        }
        let folder: Arc<str> = folder.into();
        if self.known.len() > 10_000 {
            self.known.clear();
        }
        self.known.insert(key.into(), Arc::clone(&folder));
        Ok(folder)
    }
}
