//! Text files as Hive's tables keep them: a line a row, read and written by one of Hive's serdes.
//!
//! Reading order: [`options`], `split` (a line becomes texts), `value` (texts become values), `writer`.

pub mod options;
mod split;
mod value;
pub mod writer;

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::types::{declared_text, limit_of, name};
use firesteel_protocol::{Result, SparkError};

pub use options::{HiveOptions, SerDe};
pub use writer::HiveWriter;

use crate::decode::{DecodeRequest, RecordDecoder, RecordEnd, RecordFormat};
use crate::record::column::Column;
use crate::storage::InputFile;
use crate::{Options, SourceContext, text};

/// The format with its options read.
pub fn format(serde: SerDe, options: &Options, ctx: &SourceContext) -> Result<Arc<dyn RecordFormat>> {
    let lines = text::format(&Options::default(), ctx)?;
    Ok(Arc::new(HiveFormat { options: Arc::new(HiveOptions::of(serde, options)?), lines }))
}

/// Refuses columns that no type of Hive's is.
pub fn check_schema(fields: &Fields) -> Result<()> {
    let foreign = |field: &&Arc<Field>| Column::of_field(field, 0).is_none();
    match fields.iter().find(foreign) {
        Some(field) => Err(SparkError::new("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
            .with("format", "Hive")
            .with("columnName", name::quote(field.name()))
            .with("columnType", format!("\"{}\"", name::sql_of_field(field)))),
        None => Ok(()),
    }
}

#[derive(Debug)]
struct HiveFormat {
    options: Arc<HiveOptions>,
    lines: Arc<dyn RecordFormat>,
}

impl RecordFormat for HiveFormat {
    fn name(&self) -> &'static str {
        "hive"
    }

    fn record_end(&self) -> Option<RecordEnd> {
        self.lines.record_end()
    }

    fn infer(&self, _: &[InputFile], _: usize) -> Result<Fields> {
        Err(SparkError::internal("the catalog knows the columns of Hive's tables"))
    }

    fn check_schema(&self, fields: &Fields) -> Result<()> {
        check_schema(fields)
    }

    fn decoder(&self, request: &DecodeRequest<'_>) -> Result<Box<dyn RecordDecoder>> {
        let line: SchemaRef = Arc::new(Schema::new(vec![Field::new("value", DataType::Utf8, true)]));
        let projection: &[usize] = if request.projection.is_empty() { &[] } else { &[0] };
        let projected = Arc::new(line.project(projection).map_err(from_arrow)?);
        let lines = DecodeRequest { schema: &line, projection, projected: &projected, ..*request };
        let columns = request.projected.fields().iter();
        let columns = columns.map(|field| {
            let column = Column::of_field(field, request.batch_size.min(8192));
            column.ok_or_else(|| SparkError::internal(format!("a column of {}", field.data_type())))
        });
        Ok(Box::new(HiveDecoder {
            lines: self.lines.decoder(&lines)?,
            options: Arc::clone(&self.options),
            places: request.projection.to_vec(),
            width: request.schema.fields().len(),
            limits: request.projected.fields().iter().map(|field| length_of(field)).collect(),
            columns: columns.collect::<Result<_>>()?,
            projected: Arc::clone(request.projected),
        }))
    }
}

/// The length of CHAR and VARCHAR, which are read as texts.
fn length_of(field: &Field) -> Option<(usize, bool)> {
    declared_text(field.metadata()).and_then(|declared| limit_of(&declared))
}

/// Lines come from the reader of text files.
struct HiveDecoder {
    lines: Box<dyn RecordDecoder>,
    options: Arc<HiveOptions>,
    /// Which field of a line each column is.
    places: Vec<usize>,
    /// Columns of the table in its files.
    width: usize,
    /// The lengths of columns of CHAR and VARCHAR, and whether they are padded.
    limits: Vec<Option<(usize, bool)>>,
    columns: Vec<Column>,
    projected: SchemaRef,
}

impl RecordDecoder for HiveDecoder {
    fn decode(&mut self, bytes: &[u8]) -> Result<usize> {
        self.lines.decode(bytes)
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>> {
        let Some(lines) = self.lines.flush()? else { return Ok(None) };
        if !self.places.is_empty() {
            let texts = lines.column(0).as_string::<i32>();
            for row in 0..texts.len() {
                let fields = split::fields(texts.value(row), self.width, &self.options)?;
                for ((column, place), limit) in self.columns.iter_mut().zip(&self.places).zip(&self.limits) {
                    match fields.get(*place) {
                        Some(Some(text)) => value::append(column, text, *limit, &self.options),
                        _ => column.append_null(),
                    }
                }
            }
        }
        let columns = self.columns.iter_mut().map(Column::finish).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(lines.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.projected), columns, &options);
        batch.map(Some).map_err(from_arrow)
    }

    fn is_full(&self) -> bool {
        self.lines.is_full()
    }
}
