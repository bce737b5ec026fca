//! CSV files. Reading order: `options`, `tokenize`, `header`, `stream`, `decode`, `infer`, `writer`.

mod decode;
mod header;
mod infer;
pub(crate) mod options;
mod stream;
mod tokenize;
pub mod writer;

use std::sync::Arc;

use arrow::datatypes::{DataType, Fields, IntervalUnit};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

pub use options::CsvOptions;
pub use writer::CsvWriteOptions;

use crate::decode::{DecodeRequest, RecordDecoder, RecordEnd, RecordFormat};
use crate::record::mode::check_corrupt_column;
use crate::storage::InputFile;
use crate::{Options, SourceContext};

/// The format with its options read.
pub fn format(options: &Options, ctx: &SourceContext) -> Result<Arc<dyn RecordFormat>> {
    Ok(Arc::new(CsvFormat { options: Arc::new(CsvOptions::of(options, ctx)?) }))
}

#[derive(Debug)]
struct CsvFormat {
    options: Arc<CsvOptions>,
}

impl RecordFormat for CsvFormat {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn record_end(&self) -> Option<RecordEnd> {
        self.options.record_end()
    }

    fn infer(&self, files: &[InputFile], parallelism: usize) -> Result<Fields> {
        infer::infer(&self.options, files, parallelism)
    }

    fn check_schema(&self, fields: &Fields) -> Result<()> {
        check_corrupt_column(fields, &self.options.corrupt_column)?;
        check_types(fields)
    }

    fn corrupt_column(&self) -> Option<&str> {
        Some(&self.options.corrupt_column)
    }

    fn decoder(&self, request: &DecodeRequest<'_>) -> Result<Box<dyn RecordDecoder>> {
        Ok(Box::new(decode::CsvDecoder::new(&self.options, request)?))
    }
}

/// Refuses columns that CSV files cannot hold.
pub(crate) fn check_types(fields: &Fields) -> Result<()> {
    for field in fields {
        match field.data_type() {
            DataType::Null
            | DataType::List(_)
            | DataType::Map(..)
            | DataType::Struct(_)
            | DataType::Interval(IntervalUnit::MonthDayNano) => {
                return Err(SparkError::new("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
                    .with("format", "CSV")
                    .with("columnName", name::quote(field.name()))
                    .with("columnType", format!("\"{}\"", name::sql(field.data_type()))));
            }
            _ => {}
        }
    }
    Ok(())
}
