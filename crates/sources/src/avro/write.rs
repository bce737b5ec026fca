//! Avro files with the schemas that Spark writes. Rows are encoded by `arrow-avro`; the container is put together here,
//! since the library's own writer does not keep the order of unions that a given schema has.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow_avro::schema::SCHEMA_METADATA_KEY;
use arrow_avro::writer::format::AvroBinaryFormat;
use arrow_avro::writer::{Encoder, WriterBuilder};
use firesteel_functions::avro::array::to_written;
use firesteel_functions::avro::schema::avro_schema;
use firesteel_protocol::{Result, SparkError};

use super::written;
use crate::sink::{FileWriter, Target};
use crate::{Options, SourceContext};

/// The Spark release whose files these are like.
const SPARK_VERSION: &str = "4.2.1";

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    None,
    Snappy,
    Deflate,
    Zstandard,
}

impl Codec {
    fn parse(name: &str) -> Result<Self> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "uncompressed" => Self::None,
            "snappy" => Self::Snappy,
            "deflate" => Self::Deflate,
            "zstandard" => Self::Zstandard,
            "bzip2" | "xz" => {
                return Err(SparkError::unsupported(
                    format!("Avro compression {name}"),
                    "Use snappy, deflate, zstandard or uncompressed.",
                ));
            }
            _ => return Err(SparkError::new("CODEC_SHORT_NAME_NOT_FOUND").with("codecName", name)),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "null",
            Self::Snappy => "snappy",
            Self::Deflate => "deflate",
            Self::Zstandard => "zstandard",
        }
    }

    fn compress(self, block: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(block.to_vec()),
            Self::Snappy => {
                let mut packed = snap::raw::Encoder::new().compress_vec(block).map_err(io::Error::other)?;
                let mut checksum = flate2::Crc::new();
                checksum.update(block);
                packed.extend_from_slice(&checksum.sum().to_be_bytes());
                Ok(packed)
            }
            Self::Deflate => {
                let mut encoder = flate2::write::DeflateEncoder::new(vec![], flate2::Compression::default());
                encoder.write_all(block)?;
                encoder.finish()
            }
            Self::Zstandard => zstd::bulk::compress(block, 3),
        }
    }
}

/// Options read.
#[derive(Debug)]
pub struct AvroSettings {
    codec: Codec,
    /// The columns as they are written; its metadata holds the schema of Avro.
    schema: SchemaRef,
    /// The schema of Avro.
    json: String,
}

impl AvroSettings {
    /// Reads the options.
    pub fn new(options: &Options, schema: &SchemaRef, ctx: &SourceContext) -> Result<Self> {
        let given = options.get("compression").map(str::to_string);
        let name = given.or_else(|| ctx.conf("spark.sql.avro.compression.codec")).unwrap_or_else(|| "snappy".into());
        let record = options.get("recordName").unwrap_or("topLevelRecord");
        let namespace = options.get("recordNamespace").unwrap_or("");
        let rows = DataType::Struct(schema.fields().clone());
        let own = || avro_schema(&rows, false, record, namespace).to_string();
        let json = options.get("avroSchema").map_or_else(own, str::to_string);
        let metadata = [(SCHEMA_METADATA_KEY.to_string(), json.clone())];
        let schema = Arc::new(Schema::new(written(schema)).with_metadata(metadata.into()));
        Ok(Self { codec: Codec::parse(&name)?, schema, json })
    }

    /// `.snappy.avro`.
    pub fn extension(&self) -> String {
        match self.codec {
            Codec::None => ".avro".into(),
            codec => format!(".{}.avro", codec.name()),
        }
    }
}

/// An Avro file that is being written.
pub struct AvroFile {
    out: BufWriter<File>,
    encoder: Encoder,
    codec: Codec,
    schema: SchemaRef,
    /// Stands behind each block.
    mark: [u8; 16],
    target: Target,
}

impl std::fmt::Debug for AvroFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AvroFile").field("target", &self.target).finish_non_exhaustive()
    }
}

impl AvroFile {
    /// Begins a file.
    pub fn begin(settings: &AvroSettings, file: File, target: &Target) -> Result<Self> {
        let builder = WriterBuilder::new(settings.schema.as_ref().clone());
        let encoder = builder.build_encoder::<AvroBinaryFormat>().map_err(|cause| target.write_failed(cause))?;
        let mark = *uuid::Uuid::new_v4().as_bytes();
        let mut header = b"Obj\x01".to_vec();
        let entries = [
            (SCHEMA_METADATA_KEY, settings.json.as_str()),
            ("org.apache.spark.version", SPARK_VERSION),
            ("avro.codec", settings.codec.name()),
        ];
        long(entries.len(), &mut header);
        for text in entries.iter().flat_map(|(key, value)| [key, value]) {
            long(text.len(), &mut header);
            header.extend_from_slice(text.as_bytes());
        }
        long(0, &mut header);
        header.extend_from_slice(&mark);
        let mut out = BufWriter::with_capacity(1 << 18, file);
        out.write_all(&header).map_err(|cause| target.write_failed(cause))?;
        let schema = Arc::clone(&settings.schema);
        Ok(Self { out, encoder, codec: settings.codec, schema, mark, target: target.clone() })
    }
}

/// A count as Avro writes it.
fn long(value: usize, out: &mut Vec<u8>) {
    let mut value = (value as u64) << 1;
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

impl FileWriter for AvroFile {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns: Result<Vec<ArrayRef>> =
            columns.map(|(column, field)| to_written(column, field.data_type())).collect();
        let written = RecordBatch::try_new(self.encoder.schema(), columns?);
        let written = written.map_err(|error| SparkError::internal(error.to_string()))?;
        let failed = |cause| self.target.write_failed(cause);
        self.encoder.encode(&written).map_err(|cause| self.target.write_failed(cause))?;
        let rows = self.encoder.flush();
        let packed = self.codec.compress(rows.bytes()).map_err(failed)?;
        let mut head = vec![];
        long(batch.num_rows(), &mut head);
        long(packed.len(), &mut head);
        for part in [head.as_slice(), &packed, &self.mark] {
            self.out.write_all(part).map_err(failed)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<u64> {
        let Self { mut out, target, .. } = *self;
        out.flush().map_err(|cause| target.write_failed(cause))?;
        let length = out.get_ref().metadata().map_err(|cause| target.write_failed(cause))?.len();
        Ok(length)
    }
}
