//! The rows of an Avro file, the wanted columns only.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Fields, Schema};
use arrow_avro::reader::{Reader, ReaderBuilder};
use datafusion::physical_plan::metrics::Count;
use firesteel_functions::avro::array::to_spark;
use firesteel_functions::kernel::{from_arrow, from_datafusion};
use firesteel_protocol::{Result, SparkError};

use super::{AvroOptions, damaged, fields, parsed, schema_text};
use crate::parquet::{adapter, default};
use crate::scan::stream::{Batches, Columns, FilePiece, PieceReader};
use crate::storage::read_error;

/// Reads Avro files.
#[derive(Debug)]
pub struct AvroReader {
    pub options: AvroOptions,
}

impl PieceReader for AvroReader {
    fn name(&self) -> &'static str {
        "avro"
    }

    fn open(&self, piece: FilePiece, columns: &Columns, bytes_read: Count) -> Result<Batches> {
        if self.options.leaves(&piece.file) {
            return Ok(Box::new(std::iter::empty()));
        }
        let path = &piece.file.path;
        let open = || -> Result<_> {
            let file = File::open(path).map_err(|error| read_error(path, error))?;
            Ok(BufReader::with_capacity(1 << 18, Counted { file, bytes_read: bytes_read.clone() }))
        };
        let builder = || ReaderBuilder::new().with_batch_size(columns.batch_size);
        let plain = builder().build(open()?).map_err(damaged)?;
        let (found, resolved) = match &self.options.schema {
            Some(schema) => (fields(schema)?, Some(parsed(schema))),
            None => (fields(&schema_text(&plain)?)?, None),
        };
        if found.iter().all(|field| field.data_type().is_null()) {
            // The library takes blocks without bytes for blocks without rows.
            return Err(SparkError::unsupported(
                "Avro records of nothing but NULLs",
                "Write them with a column that has values.",
            ));
        }
        let places = self.places(&found, columns)?;
        let mut read: Vec<usize> = places.iter().flatten().copied().collect();
        read.sort_unstable();
        read.dedup();
        let reader = match resolved {
            Some(schema) => {
                read = (0..found.len()).collect();
                builder().with_reader_schema(schema).build(open()?).map_err(damaged)?
            }
            None if read.len() == found.len() || read.is_empty() => {
                read = (0..found.len()).collect();
                plain
            }
            None => builder().with_projection(read.clone()).build(open()?).map_err(damaged)?,
        };
        let place_of = |place: usize| read.iter().position(|own| *own == place);
        let places = places.iter().map(|place| place.and_then(place_of)).collect();
        let found = read.iter().map(|at| Arc::clone(&found[*at])).collect();
        Ok(Box::new(Rows { reader, found, places, columns: columns.clone(), done: false }))
    }
}

impl AvroReader {
    /// For each wanted column its place in the file.
    fn places(&self, found: &Fields, columns: &Columns) -> Result<Vec<Option<usize>>> {
        let schema = Schema::new(found.clone());
        columns
            .projection
            .iter()
            .map(|at| {
                let wanted = columns.schema.field(*at);
                let place = if self.options.positional {
                    Some(*at).filter(|at| *at < found.len())
                } else {
                    adapter::find(&schema, wanted.name(), self.options.case_sensitive)?
                };
                match place {
                    Some(place) if !readable(found[place].data_type(), wanted.data_type()) => Err(damaged(format!(
                        "the column {} is {}, not {}",
                        wanted.name(),
                        found[place].data_type(),
                        wanted.data_type()
                    ))),
                    place => Ok(place),
                }
            })
            .collect()
    }
}

/// Whether Spark's deserializer reads one type as the other.
fn readable(found: &DataType, wanted: &DataType) -> bool {
    use DataType::{Binary, Boolean, Date32, Decimal128, Duration, Float32, Float64, Int32, Int64, Interval, Utf8};
    match (found, wanted) {
        (DataType::Null, _) | (Int32, Int64 | Float32 | Float64) | (Int64, Float32 | Float64) | (Float32, Float64) => {
            true
        }
        (Int32, Int32) | (Int64, Int64) | (Boolean, Boolean) | (Utf8 | Binary, Utf8 | Binary) | (Date32, Date32) => {
            true
        }
        (Decimal128(p, s), Decimal128(precision, scale)) => {
            scale >= s && i16::from(*precision) - i16::from(*scale) >= i16::from(*p) - i16::from(*s)
        }
        (DataType::Timestamp(_, a), DataType::Timestamp(_, b)) => a.is_some() == b.is_some(),
        (Interval(_), Interval(_)) | (Duration(_), Duration(_)) => true,
        (DataType::Struct(a), DataType::Struct(b)) => {
            b.len() == a.len()
                && b.iter().zip(a).all(|(wanted, found)| {
                    wanted.name().eq_ignore_ascii_case(found.name()) && readable(found.data_type(), wanted.data_type())
                })
        }
        (DataType::List(a), DataType::List(b)) => readable(a.data_type(), b.data_type()),
        (DataType::Map(a, _), DataType::Map(b, _)) => match (a.data_type(), b.data_type()) {
            (DataType::Struct(a), DataType::Struct(b)) => readable(a[1].data_type(), b[1].data_type()),
            _ => false,
        },
        (a, b) => a == b,
    }
}

/// Counts what is read.
struct Counted {
    file: File,
    bytes_read: Count,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.bytes_read.add(length);
        Ok(length)
    }
}

struct Rows {
    reader: Reader<BufReader<Counted>>,
    /// Spark's types of what the reader gives.
    found: Fields,
    /// For each wanted column its place there.
    places: Vec<Option<usize>>,
    columns: Columns,
    done: bool,
}

impl Rows {
    fn batch(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        if batch.num_columns() != self.found.len() {
            return Err(SparkError::internal("an Avro batch of other columns"));
        }
        let rows = batch.num_rows();
        let mut arrays: Vec<ArrayRef> = vec![];
        for (place, field) in self.places.iter().zip(self.columns.projected.fields()) {
            arrays.push(match place {
                Some(at) => {
                    let own = to_spark(batch.column(*at), self.found[*at].data_type())?;
                    to_spark(&own, field.data_type())?
                }
                None => match default::value(field) {
                    Some(value) => value.to_array_of_size(rows).map_err(from_datafusion)?,
                    None => new_null_array(field.data_type(), rows),
                },
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.columns.projected), arrays, &options).map_err(from_arrow)
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.reader.next().map(|batch| batch.map_err(damaged).and_then(|batch| self.batch(&batch)));
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}
