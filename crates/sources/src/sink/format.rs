//! What a file is written with: the formats, their options, and the writer of one file.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use firesteel_protocol::{Result, SparkError};

use super::encoder::{self, EncoderFactory};
use super::parquet::{ParquetFile, ParquetSettings};
use super::target::Target;
use crate::avro::{AvroFile, AvroSettings};
use crate::codec::TextCodec;
use crate::hive::SerDe;
use crate::orc::{OrcFile, OrcSettings};
use crate::{Options, SourceContext};

/// A format that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatKind {
    Avro,
    Csv,
    Json,
    Orc,
    Parquet,
    Text,
    Xml,
    /// Text files as Hive's tables keep them.
    Hive(SerDe),
    Noop,
}

impl FormatKind {
    /// Finds a format by its short name or class name.
    pub fn of(name: Option<&str>, ctx: &SourceContext) -> Result<Self> {
        let default = ctx.conf("spark.sql.sources.default").unwrap_or_else(|| "parquet".into());
        let given = name.unwrap_or(&default);
        match given.to_ascii_lowercase().as_str() {
            "csv" | "com.databricks.spark.csv" => return Ok(Self::Csv),
            "json" => return Ok(Self::Json),
            "orc" => return Ok(Self::Orc),
            "avro" | "com.databricks.spark.avro" => return Ok(Self::Avro),
            "parquet" => return Ok(Self::Parquet),
            "text" => return Ok(Self::Text),
            "xml" | "com.databricks.spark.xml" => return Ok(Self::Xml),
            "noop" => return Ok(Self::Noop),
            "org.apache.hadoop.hive.serde2.lazy.lazysimpleserde" => return Ok(Self::Hive(SerDe::Lazy)),
            "org.apache.hadoop.hive.serde2.opencsvserde" => return Ok(Self::Hive(SerDe::OpenCsv)),
            "org.apache.hadoop.hive.serde2.regexserde" => return Ok(Self::Hive(SerDe::Regex)),
            "hive" => return Err(SparkError::new("_LEGACY_ERROR_TEMP_1187").with("operation", "write")),
            "binaryfile" => return Err(SparkError::new("UNSUPPORTED_FEATURE.WRITE_FOR_BINARY_SOURCE")),
            "kafka" | "delta" | "iceberg" => {
                return Err(SparkError::unsupported(
                    format!("writing the format {given}"),
                    "Write parquet, orc, avro, csv, json, xml or text.",
                ));
            }
            _ => {}
        }
        // Spark also takes the names of its own classes.
        let classes = [
            ("csv.CSVFileFormat", Self::Csv),
            ("json.JsonFileFormat", Self::Json),
            ("orc.OrcFileFormat", Self::Orc),
            ("parquet.ParquetFileFormat", Self::Parquet),
            ("text.TextFileFormat", Self::Text),
            ("xml.XmlFileFormat", Self::Xml),
        ];
        let package = "org.apache.spark.sql.execution.datasources.";
        let class = given.strip_prefix(package);
        classes
            .into_iter()
            .find_map(|(name, kind)| {
                (class == Some(name) || class.is_some_and(|c| name.starts_with(&format!("{c}.")))).then_some(kind)
            })
            .ok_or_else(|| SparkError::new("DATA_SOURCE_NOT_FOUND").with("provider", given))
    }

    /// The name in Spark's messages.
    pub fn title(self) -> &'static str {
        match self {
            Self::Avro => "Avro",
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Orc => "ORC",
            Self::Parquet => "Parquet",
            Self::Text => "Text",
            Self::Xml => "XML",
            Self::Hive(_) => "Hive",
            Self::Noop => "noop",
        }
    }
}

/// A format with its options read.
#[derive(Debug)]
pub enum Format {
    Avro(AvroSettings),
    Orc(OrcSettings),
    Parquet(ParquetSettings),
    /// CSV, JSON and text.
    Records {
        extension: &'static str,
        codec: TextCodec,
        encoder: Arc<dyn EncoderFactory>,
    },
    Noop,
}

impl Format {
    /// Reads the options of a format.
    pub fn new(kind: FormatKind, options: &Options, schema: &SchemaRef, ctx: &SourceContext) -> Result<Self> {
        let (extension, encoder): (_, Arc<dyn EncoderFactory>) = match kind {
            FormatKind::Noop => return Ok(Self::Noop),
            FormatKind::Avro => return Ok(Self::Avro(AvroSettings::new(options, schema, ctx)?)),
            FormatKind::Orc => return Ok(Self::Orc(OrcSettings::new(options, schema, ctx)?)),
            FormatKind::Parquet => return Ok(Self::Parquet(ParquetSettings::new(options, schema, ctx)?)),
            FormatKind::Csv => (".csv", encoder::csv_factory(options, schema, ctx)?),
            FormatKind::Json => (".json", encoder::json_factory(options, ctx)?),
            FormatKind::Xml => (".xml", encoder::xml_factory(options, ctx)?),
            FormatKind::Text => (".txt", encoder::text_factory(options)?),
            FormatKind::Hive(serde) => ("", encoder::hive_factory(serde, options)?),
        };
        let given = options.get("compression").or_else(|| match kind {
            FormatKind::Csv | FormatKind::Xml => options.get("codec"),
            _ => None,
        });
        Ok(Self::Records { extension, codec: TextCodec::parse(given.unwrap_or("none"))?, encoder })
    }

    /// Rows are thrown away.
    pub fn is_noop(&self) -> bool {
        matches!(self, Self::Noop)
    }

    /// What a file's name ends with: `.snappy.parquet`, `.csv.gz`.
    pub fn extension(&self) -> String {
        match self {
            Self::Avro(settings) => settings.extension(),
            Self::Orc(settings) => settings.extension(),
            Self::Parquet(settings) => settings.extension(),
            Self::Records { extension, codec, .. } => format!("{extension}{}", codec.extension()),
            Self::Noop => String::new(),
        }
    }

    /// Begins a file.
    pub fn create(&self, path: &Path, target: &Target) -> Result<Box<dyn FileWriter>> {
        let file = File::create_new(path).map_err(|cause| target.write_failed(cause))?;
        Ok(match self {
            Self::Avro(settings) => Box::new(AvroFile::begin(settings, file, target)?),
            Self::Orc(settings) => Box::new(OrcFile::begin(settings, file, target)?),
            Self::Parquet(settings) => Box::new(ParquetFile::begin(settings, file, target)?),
            Self::Records { codec, encoder, .. } => {
                let file = codec.writer(file).map_err(|cause| target.write_failed(cause))?;
                Box::new(encoder::RecordFile::begin(file, encoder.encoder()?, target)?)
            }
            Self::Noop => return Err(SparkError::internal("noop writes no files")),
        })
    }
}

/// A file that is being written.
pub trait FileWriter: Send {
    /// Adds rows.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Bytes held in memory that [`FileWriter::flush`] would write out.
    fn memory_size(&self) -> usize {
        0
    }

    /// Writes out what is held in memory.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Completes the file and gives its size in bytes.
    fn finish(self: Box<Self>) -> Result<u64>;
}
