//! JSON files. Reading order: `options`, `scan`, `read`, `decode`, `infer`, `writer`.

mod decode;
mod infer;
mod options;
mod read;
mod scan;
pub mod writer;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit};
use firesteel_protocol::types::{is_variant, name};
use firesteel_protocol::{Result, SparkError};

pub use options::JsonOptions;
pub use writer::JsonWriteOptions;

use crate::decode::{DecodeRequest, RecordDecoder, RecordEnd, RecordFormat};
use crate::record::mode::{check_corrupt_column, check_single_variant};
use crate::storage::InputFile;
use crate::{Options, SourceContext};

/// The format with its options read.
pub fn format(options: &Options, ctx: &SourceContext) -> Result<Arc<dyn RecordFormat>> {
    Ok(Arc::new(JsonFormat { options: Arc::new(JsonOptions::of(options, ctx)?) }))
}

#[derive(Debug)]
struct JsonFormat {
    options: Arc<JsonOptions>,
}

impl RecordFormat for JsonFormat {
    fn name(&self) -> &'static str {
        "json"
    }

    fn record_end(&self) -> Option<RecordEnd> {
        self.options.record_end()
    }

    fn infer(&self, files: &[InputFile], parallelism: usize) -> Result<Fields> {
        infer::infer(&self.options, files, parallelism)
    }

    fn check_schema(&self, fields: &Fields) -> Result<()> {
        check_corrupt_column(fields, &self.options.corrupt_column)?;
        check_single_variant(fields, self.options.single_variant.as_deref(), &self.options.corrupt_column)?;
        fields.iter().try_for_each(|field| check_type(field, field.data_type()))
    }

    fn corrupt_column(&self) -> Option<&str> {
        Some(&self.options.corrupt_column)
    }

    fn decoder(&self, request: &DecodeRequest<'_>) -> Result<Box<dyn RecordDecoder>> {
        Ok(Box::new(decode::JsonDecoder::new(&self.options, request)?))
    }
}

/// Refuses columns that JSON files cannot hold.
pub(crate) fn check_type(column: &Field, data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::Interval(IntervalUnit::MonthDayNano) => Err(SparkError::new("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
            .with("format", "JSON")
            .with("columnName", name::quote(column.name()))
            .with("columnType", format!("\"{}\"", name::sql(column.data_type())))),
        variant if is_variant(variant) => Ok(()),
        DataType::List(element) => check_type(column, element.data_type()),
        DataType::Map(entries, _) => check_type(column, entries.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check_type(column, field.data_type())),
        _ => Ok(()),
    }
}
