//! Files of records: a format turns batches into bytes, a codec compresses them.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use firesteel_protocol::{Result, SparkError};

use super::charset::{Charset, Transcoded};
use super::format::FileWriter;
use super::target::Target;
use crate::codec::CodecWriter;
use crate::csv::{self, CsvWriteOptions};
use crate::hive::{HiveOptions, HiveWriter, SerDe};
use crate::json::{self, JsonWriteOptions};
use crate::xml::writer::XmlWriteOptions;
use crate::{Options, SourceContext};

/// Bytes collected before they go to the file.
const BUFFER_BYTES: usize = 1 << 18;

/// Makes an encoder for each file.
pub trait EncoderFactory: fmt::Debug + Send + Sync {
    /// An encoder for a new file.
    fn encoder(&self) -> Result<Box<dyn RecordEncoder>>;
}

/// Turns batches into the bytes of one file.
pub trait RecordEncoder: Send {
    /// What stands before the first row, in empty files too.
    fn start(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    /// Appends the rows of a batch.
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()>;

    /// What stands behind the last row.
    fn end(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// A file of records that is being written.
pub struct RecordFile {
    out: Box<dyn CodecWriter>,
    encoder: Box<dyn RecordEncoder>,
    buffer: Vec<u8>,
    target: Target,
}

impl RecordFile {
    /// Begins a file.
    pub fn begin(out: Box<dyn CodecWriter>, mut encoder: Box<dyn RecordEncoder>, target: &Target) -> Result<Self> {
        let mut buffer = vec![];
        encoder.start(&mut buffer)?;
        Ok(Self { out, encoder, buffer, target: target.clone() })
    }
}

impl FileWriter for RecordFile {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.encoder.encode(batch, &mut self.buffer)?;
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn memory_size(&self) -> usize {
        self.buffer.capacity()
    }

    fn flush(&mut self) -> Result<()> {
        self.out.write_all(&self.buffer).map_err(|cause| self.target.write_failed(cause))?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        self.encoder.end(&mut self.buffer)?;
        self.flush()?;
        let Self { out, target, .. } = *self;
        let length = out.complete().and_then(|file| Ok(file.metadata()?.len()));
        length.map_err(|cause| target.write_failed(cause))
    }
}

fn in_charset(inner: Box<dyn RecordEncoder>, charset: Option<Charset>) -> Box<dyn RecordEncoder> {
    match charset {
        Some(charset) => Box::new(Transcoded { inner, charset, begun: false, scratch: vec![] }),
        None => inner,
    }
}

/// Plain text: one string column, a line for each row.
pub fn text_factory(options: &Options) -> Result<Arc<dyn EncoderFactory>> {
    let separator = options.get("lineSep").unwrap_or("\n");
    if separator.is_empty() {
        return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT")
            .with_message("requirement failed: 'lineSep' cannot be an empty string."));
    }
    Ok(Arc::new(Text { separator: Arc::from(separator.as_bytes()) }))
}

#[derive(Debug, Clone)]
struct Text {
    separator: Arc<[u8]>,
}

impl EncoderFactory for Text {
    fn encoder(&self) -> Result<Box<dyn RecordEncoder>> {
        Ok(Box::new(self.clone()))
    }
}

impl RecordEncoder for Text {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let lines = batch.column(0).as_string::<i32>();
        out.reserve(lines.value_data().len() + lines.len() * self.separator.len());
        for row in 0..lines.len() {
            // NULL is an empty line.
            if lines.is_valid(row) {
                out.extend_from_slice(lines.value(row).as_bytes());
            }
            out.extend_from_slice(&self.separator);
        }
        Ok(())
    }
}

/// CSV, see [`crate::csv`].
pub fn csv_factory(options: &Options, schema: &SchemaRef, ctx: &SourceContext) -> Result<Arc<dyn EncoderFactory>> {
    let charset = Charset::of(options, "CSVOptions")?;
    let options = Arc::new(CsvWriteOptions::of(options, ctx)?);
    Ok(Arc::new(Csv { options, schema: Arc::clone(schema), charset }))
}

#[derive(Debug, Clone)]
struct Csv {
    options: Arc<CsvWriteOptions>,
    schema: SchemaRef,
    charset: Option<Charset>,
}

impl EncoderFactory for Csv {
    fn encoder(&self) -> Result<Box<dyn RecordEncoder>> {
        Ok(in_charset(Box::new(self.clone()), self.charset))
    }
}

impl RecordEncoder for Csv {
    fn start(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.options.header {
            csv::writer::encode_header(self.schema.fields(), &self.options, out);
        }
        Ok(())
    }

    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        csv::writer::encode_batch(batch, &self.options, out)
    }
}

/// JSON lines, see [`crate::json`].
pub fn json_factory(options: &Options, ctx: &SourceContext) -> Result<Arc<dyn EncoderFactory>> {
    let charset = Charset::of(options, "JSONOptionsInRead")?;
    Ok(Arc::new(Json { options: Arc::new(JsonWriteOptions::of(options, ctx)?), charset }))
}

#[derive(Debug, Clone)]
struct Json {
    options: Arc<JsonWriteOptions>,
    charset: Option<Charset>,
}

impl EncoderFactory for Json {
    fn encoder(&self) -> Result<Box<dyn RecordEncoder>> {
        Ok(in_charset(Box::new(self.clone()), self.charset))
    }
}

impl RecordEncoder for Json {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        json::writer::encode_batch(batch, &self.options, out)
    }
}

/// XML, see [`crate::xml`].
pub fn xml_factory(options: &Options, ctx: &SourceContext) -> Result<Arc<dyn EncoderFactory>> {
    let charset = Charset::of(options, "XmlOptions")?;
    Ok(Arc::new(Xml { options: Arc::new(XmlWriteOptions::of(options, ctx)?), charset, begun: false }))
}

#[derive(Debug, Clone)]
struct Xml {
    options: Arc<XmlWriteOptions>,
    charset: Option<Charset>,
    /// A file without rows has no root.
    begun: bool,
}

impl EncoderFactory for Xml {
    fn encoder(&self) -> Result<Box<dyn RecordEncoder>> {
        Ok(in_charset(Box::new(self.clone()), self.charset))
    }
}

impl RecordEncoder for Xml {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        if batch.num_rows() > 0 && !std::mem::replace(&mut self.begun, true) {
            self.options.open(out);
        }
        self.options.rows(batch, out)
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.begun {
            self.options.close(out);
        }
        Ok(())
    }
}

/// Lines of Hive's tables, see [`crate::hive`].
pub fn hive_factory(serde: SerDe, options: &Options) -> Result<Arc<dyn EncoderFactory>> {
    Ok(Arc::new(HiveWriter::new(Arc::new(HiveOptions::of(serde, options)?))?))
}

impl EncoderFactory for HiveWriter {
    fn encoder(&self) -> Result<Box<dyn RecordEncoder>> {
        Ok(Box::new(self.clone()))
    }
}

impl RecordEncoder for HiveWriter {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        self.rows(batch, out)
    }
}
