//! The `binaryFile` source: one row a file with its path, time, length and bytes.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::physical_plan::metrics::Count;
use firesteel_protocol::{Result, SparkError, types};

use crate::options::illegal_argument;
use crate::scan::stream::{Batches, Columns, FilePiece, PieceReader};
use crate::storage::{hadoop_path, read_error};

/// Columns of the source.
pub fn fields() -> Fields {
    Fields::from(vec![
        Field::new("path", DataType::Utf8, true),
        Field::new("modificationTime", types::timestamp(), true),
        Field::new("length", DataType::Int64, true),
        Field::new("content", DataType::Binary, true),
    ])
}

/// A user's schema must be the source's own.
pub fn check_schema(given: &Fields) -> Result<()> {
    let own = fields();
    let same = given.len() == own.len()
        && given.iter().zip(&own).all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type());
    if same { Ok(()) } else { Err(illegal_argument("requirement failed: ")) }
}

/// Reads files as rows.
#[derive(Debug)]
pub struct BinaryReader;

impl PieceReader for BinaryReader {
    fn name(&self) -> &str {
        "binaryFile"
    }

    fn open(&self, piece: FilePiece, columns: &Columns, bytes_read: Count) -> Result<Batches> {
        let file = &piece.file;
        let mut arrays: Vec<ArrayRef> = vec![];
        for column in &columns.projection {
            arrays.push(match column {
                0 => Arc::new(StringArray::from(vec![hadoop_path(&file.path)])),
                1 => Arc::new(TimestampMicrosecondArray::from(vec![file.modified_us]).with_timezone("UTC")),
                2 => Arc::new(Int64Array::from(vec![i64::try_from(file.size_bytes).unwrap_or(i64::MAX)])),
                _ => {
                    if file.size_bytes > i32::MAX as u64 {
                        return Err(SparkError::unsupported(
                            format!("reading the content of {} (more than 2 GB)", hadoop_path(&file.path)),
                            "Leave the column `content` out.",
                        ));
                    }
                    let content = std::fs::read(&file.path).map_err(|error| read_error(&file.path, error))?;
                    bytes_read.add(content.len());
                    Arc::new(BinaryArray::from_vec(vec![content.as_slice()]))
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&columns.projected), arrays, &options)
            .map_err(firesteel_functions::kernel::from_arrow);
        Ok(Box::new(std::iter::once(batch)))
    }
}
