//! Parquet files that Spark reads with the same schema: its key-value metadata, its types and its names.
//!
//! One thing differs from Spark's default: timestamps are written as TIMESTAMP_MICROS (Spark's own
//! `spark.sql.parquet.outputTimestampType=TIMESTAMP_MICROS`), not as the deprecated INT96, which the
//! parquet library cannot write. Spark reads both alike.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, RecordBatch, make_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, SchemaRef, TimeUnit};
use firesteel_protocol::{Result, SparkError, types};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::format::FileWriter;
use super::target::Target;
use crate::codec;
use crate::{Options, SourceContext};

/// The Spark release whose files these are like.
const SPARK_VERSION: &str = "4.2.1";
/// Spark's `parquet.block.size`.
const ROW_GROUP_BYTES: usize = 128 * 1024 * 1024;

/// Options read.
#[derive(Debug)]
pub struct ParquetSettings {
    properties: WriterProperties,
    extension: &'static str,
    /// The columns as parquet stores them.
    stored: SchemaRef,
    /// Whether `stored` differs from the data's schema.
    restored: bool,
}

impl ParquetSettings {
    /// Reads the options.
    pub fn new(options: &Options, schema: &SchemaRef, ctx: &SourceContext) -> Result<Self> {
        refuse_legacy(ctx)?;
        let (compression, extension) = compression(options, ctx)?;
        let row_type = types::json::to_json(&DataType::Struct(plain_strings(schema.fields()))).to_string();
        let metadata = vec![
            KeyValue::new("org.apache.spark.version".to_string(), SPARK_VERSION.to_string()),
            KeyValue::new("org.apache.spark.sql.parquet.row.metadata".to_string(), row_type),
        ];
        let size = |key: &str, default: usize| -> Result<usize> {
            let Some(text) = options.get(key) else { return Ok(default) };
            text.trim().parse().map_err(|_| {
                SparkError::new("_LEGACY_NUMBER_FORMAT").with_message(format!("For input string: \"{text}\""))
            })
        };
        let dictionary =
            options.get("parquet.enable.dictionary").is_none_or(|text| !text.eq_ignore_ascii_case("false"));
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_key_value_metadata(Some(metadata))
            .set_dictionary_enabled(dictionary)
            .set_max_row_group_bytes(Some(size("parquet.block.size", ROW_GROUP_BYTES)?.max(1024)))
            .set_data_page_size_limit(size("parquet.page.size", 1024 * 1024)?.max(1024))
            // Names lists and maps as the parquet format says: list.element, key_value.
            .set_coerce_types(true)
            .build();
        let stored: Fields = schema.fields().iter().map(stored_field).collect();
        let restored = &stored != schema.fields();
        Ok(Self { properties, extension, stored: Arc::new(Schema::new(stored)), restored })
    }

    /// `.snappy.parquet`.
    pub fn extension(&self) -> String {
        format!("{}.parquet", self.extension)
    }
}

/// Columns of CHAR and VARCHAR are strings in a file.
fn plain_strings(fields: &Fields) -> Fields {
    let plain = |field: &Arc<Field>| {
        let mut metadata = field.metadata().clone();
        metadata.remove(types::CHAR_VARCHAR_KEY);
        Arc::new(field.as_ref().clone().with_metadata(metadata))
    };
    fields.iter().map(plain).collect()
}

fn refuse_legacy(ctx: &SourceContext) -> Result<()> {
    if ctx.conf_flag("spark.sql.parquet.writeLegacyFormat", false) {
        return Err(SparkError::unsupported(
            "spark.sql.parquet.writeLegacyFormat=true",
            "Leave it false: every reader of today reads the standard format.",
        ));
    }
    let kind = ctx.conf("spark.sql.parquet.outputTimestampType").unwrap_or_default();
    if kind.eq_ignore_ascii_case("TIMESTAMP_MILLIS") {
        return Err(SparkError::unsupported(
            "spark.sql.parquet.outputTimestampType=TIMESTAMP_MILLIS",
            "Use TIMESTAMP_MICROS.",
        ));
    }
    Ok(())
}

/// The codec and what it puts into a file's name.
fn compression(options: &Options, ctx: &SourceContext) -> Result<(Compression, &'static str)> {
    let given = options.get("compression").or_else(|| options.get("parquet.compression")).map(str::to_string);
    let name = given.or_else(|| ctx.conf("spark.sql.parquet.compression.codec")).unwrap_or_else(|| "snappy".into());
    let level = options.get("parquet.compression.codec.zstd.level").and_then(|level| level.parse().ok()).unwrap_or(3);
    Ok(match name.to_ascii_lowercase().as_str() {
        "none" | "uncompressed" => (Compression::UNCOMPRESSED, ""),
        "snappy" => (Compression::SNAPPY, ".snappy"),
        "gzip" => (Compression::GZIP(GzipLevel::default()), ".gz"),
        "zstd" => (Compression::ZSTD(ZstdLevel::try_new(level).unwrap_or_default()), ".zstd"),
        "lz4" => (Compression::LZ4, ".lz4hadoop"),
        "lz4_raw" | "lz4raw" => (Compression::LZ4_RAW, ".lz4raw"),
        "lzo" | "brotli" => {
            return Err(SparkError::unsupported(
                format!("parquet compression {name}"),
                "Use snappy, zstd, gzip or lz4.",
            ));
        }
        _ => {
            let available = "brotli, uncompressed, lzo, snappy, lz4_raw, none, zstd, lz4, gzip";
            return Err(codec::unknown(&name, available));
        }
    })
}

/// Year-month intervals are plain INT32 in Spark's files; everything else is as parquet has it.
fn stored_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Interval(IntervalUnit::YearMonth) => DataType::Int32,
        DataType::Duration(_) => DataType::Int64,
        // Spark has TIME in microseconds.
        DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::List(element) => DataType::List(stored_field(element)),
        DataType::Map(entries, sorted) => DataType::Map(stored_field(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(stored_field).collect()),
        other => other.clone(),
    }
}

fn stored_field(field: &Arc<Field>) -> Arc<Field> {
    let data_type = stored_type(field.data_type());
    if &data_type == field.data_type() {
        return Arc::clone(field);
    }
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// The same buffers under a type of the same layout; times of the day in microseconds.
fn restore(data: ArrayData, data_type: &DataType) -> Result<ArrayData> {
    if data.data_type() == data_type {
        return Ok(data);
    }
    if matches!(data_type, DataType::Time64(_)) {
        let micros = cast(&make_array(data), data_type).map_err(|error| SparkError::internal(error.to_string()))?;
        return Ok(micros.to_data());
    }
    let inner: Vec<&DataType> = match data_type {
        DataType::List(field) | DataType::Map(field, _) => vec![field.data_type()],
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        _ => vec![],
    };
    let children = data.child_data().iter().cloned().zip(inner).map(|(child, to)| restore(child, to));
    let children = children.collect::<Result<Vec<_>>>()?;
    data.into_builder()
        .data_type(data_type.clone())
        .child_data(children)
        .build()
        .map_err(|error| SparkError::internal(error.to_string()))
}

/// A parquet file that is being written.
pub struct ParquetFile {
    writer: ArrowWriter<File>,
    /// `None`: batches are stored as they are.
    stored: Option<SchemaRef>,
    target: Target,
}

impl ParquetFile {
    /// Begins a file.
    pub fn begin(settings: &ParquetSettings, file: File, target: &Target) -> Result<Self> {
        // Spark names the root so; Arrow's own schema would only repeat what Spark's metadata says.
        let options = ArrowWriterOptions::new()
            .with_properties(settings.properties.clone())
            .with_skip_arrow_metadata(true)
            .with_schema_root("spark_schema".into());
        let writer = ArrowWriter::try_new_with_options(file, Arc::clone(&settings.stored), options)
            .map_err(|cause| target.write_failed(cause))?;
        Ok(Self { writer, stored: settings.restored.then(|| Arc::clone(&settings.stored)), target: target.clone() })
    }
}

impl FileWriter for ParquetFile {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let restored = match &self.stored {
            None => None,
            Some(schema) => {
                let columns = batch.columns().iter().zip(schema.fields());
                let columns: Result<Vec<ArrayRef>> = columns
                    .map(|(column, field)| Ok(make_array(restore(column.to_data(), field.data_type())?)))
                    .collect();
                let batch = RecordBatch::try_new(Arc::clone(schema), columns?);
                Some(batch.map_err(|error| SparkError::internal(error.to_string()))?)
            }
        };
        let batch = restored.as_ref().unwrap_or(batch);
        self.writer.write(batch).map_err(|cause| self.target.write_failed(cause))
    }

    fn memory_size(&self) -> usize {
        self.writer.memory_size()
    }

    fn flush(&mut self) -> Result<()> {
        self.writer.flush().map_err(|cause| self.target.write_failed(cause))
    }

    fn finish(self: Box<Self>) -> Result<u64> {
        let Self { mut writer, target, .. } = *self;
        writer.finish().map_err(|cause| target.write_failed(cause))?;
        let length = writer.inner().metadata().map_err(|cause| target.write_failed(cause))?.len();
        Ok(length)
    }
}
