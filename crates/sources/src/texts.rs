//! Records that come as texts of a column instead of files: `spark.read.json(df)`, `csv`, `xml`. JSON and CSV read
//! bytes, so the texts are put one behind the other with a separator that none of them contains; XML reads each text.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use firesteel_protocol::{Result, SparkError, types};

use crate::decode::{DecodeRequest, RecordDecoder, RecordFormat, SplitInfo};
use crate::format::Format;
use crate::storage::InputFile;
use crate::xml::texts::XmlTexts;
use crate::{Options, SourceContext, csv, json};

/// Stands behind each text: ASCII's own record separator.
const SEPARATOR: &str = "\u{1e}";

/// Texts of a format, its schema known.
#[derive(Debug)]
pub struct TextRecords {
    kind: Kind,
    schema: SchemaRef,
    /// A CSV header: lines like it are no records.
    header: Option<String>,
}

#[derive(Debug, Clone)]
enum Kind {
    /// JSON and CSV.
    Bytes(Arc<dyn RecordFormat>),
    Xml(XmlTexts),
}

/// A function that gives the texts when the schema has to be inferred, or the header to be found.
pub type Texts<'a> = dyn Fn(Option<usize>) -> Result<Vec<StringArray>> + 'a;

impl TextRecords {
    /// Texts of JSON, CSV or XML. `texts` is asked for all of them if there is no schema, and for the first few to find a
    /// CSV header.
    pub fn open(
        format: &str,
        options: &Options,
        schema: Option<&Fields>,
        texts: &Texts<'_>,
        ctx: &SourceContext,
    ) -> Result<Self> {
        let mut own = options.clone();
        // Each text is a record, whatever these say.
        for key in ["multiLine", "wholeFile", "encoding", "charset", "lineSep"] {
            own.remove(key);
        }
        own.set("lineSep", SEPARATOR);
        let has_header = own.get("header").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let format = Format::of(format)?;
        if matches!(format, Format::Xml) {
            let kind = XmlTexts::open(&own, ctx)?;
            let fields = match schema {
                Some(fields) => fields.iter().map(|field| Arc::new(nullable(field))).collect(),
                None => kind.infer(&texts(None)?)?,
            };
            kind.check_schema(&fields)?;
            return Ok(Self { kind: Kind::Xml(kind), schema: Arc::new(Schema::new(fields)), header: None });
        }
        let header = match format {
            Format::Csv if has_header => first_line(&texts(Some(100))?, &own)?,
            _ => None,
        };
        let inferring = open_format(&format, &own, ctx)?;
        let fields = match schema {
            Some(fields) => fields.iter().map(|field| Arc::new(nullable(field))).collect(),
            None => infer(inferring.as_ref(), &texts(None)?)?,
        };
        // Headers are taken out here: a format knows them at the start of files only.
        own.remove("header");
        let format = open_format(&format, &own, ctx)?;
        format.check_schema(&fields)?;
        Ok(Self { kind: Kind::Bytes(format), schema: Arc::new(Schema::new(fields)), header })
    }

    /// Columns under Spark's names.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// A decoder for the texts of one partition.
    pub fn decoder(&self, batch_size: usize) -> Result<TextDecoder> {
        let format = match &self.kind {
            Kind::Bytes(format) => format,
            Kind::Xml(texts) => {
                let reader = Reader::Xml(texts.clone(), Arc::clone(&self.schema));
                return Ok(TextDecoder { reader, header: None });
            }
        };
        let projection: Vec<usize> = (0..self.schema.fields().len()).collect();
        let request = DecodeRequest {
            schema: &self.schema,
            projection: &projection,
            projected: &self.schema,
            batch_size,
            split: SplitInfo { path: "", starts_at_file_start: false },
        };
        Ok(TextDecoder { reader: Reader::Bytes(format.decoder(&request)?), header: self.header.clone() })
    }
}

fn open_format(format: &Format, options: &Options, ctx: &SourceContext) -> Result<Arc<dyn RecordFormat>> {
    match format {
        Format::Json => json::format(options, ctx),
        Format::Csv => csv::format(options, ctx),
        _ => Err(SparkError::internal("texts are JSON or CSV")),
    }
}

fn nullable(field: &Field) -> Field {
    let data_type = match field.data_type() {
        variant if types::is_variant(variant) => variant.clone(),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| Arc::new(nullable(f))).collect()),
        DataType::List(element) => DataType::List(Arc::new(nullable(element))),
        other => other.clone(),
    };
    field.clone().with_data_type(data_type).with_nullable(true)
}

/// The first text that is neither blank nor a comment.
fn first_line(texts: &[StringArray], options: &Options) -> Result<Option<String>> {
    let comment = options.get("comment").and_then(|comment| comment.chars().next());
    let counts = |text: &&str| !text.trim().is_empty() && (comment.is_none() || text.chars().next() != comment);
    Ok(texts.iter().flat_map(|array| array.iter().flatten()).find(counts).map(str::to_string))
}

fn infer(format: &dyn RecordFormat, texts: &[StringArray]) -> Result<Fields> {
    let failed = |error: std::io::Error| SparkError::internal(error.to_string()).with_source(error);
    let mut file = tempfile::NamedTempFile::new().map_err(failed)?;
    let mut size_bytes = 0;
    {
        let mut out = std::io::BufWriter::new(file.as_file_mut());
        for text in texts.iter().flat_map(|array| array.iter().flatten()) {
            check(text)?;
            out.write_all(text.as_bytes()).and_then(|()| out.write_all(SEPARATOR.as_bytes())).map_err(failed)?;
            size_bytes += text.len() as u64 + 1;
        }
        out.flush().map_err(failed)?;
    }
    let input = InputFile { path: file.path().to_path_buf(), size_bytes, modified_us: 0 };
    format.infer(&[input], 1)
}

fn check(text: &str) -> Result<()> {
    if text.contains(SEPARATOR) {
        return Err(SparkError::unsupported(
            "texts with the character U+001E in a DataFrame that is read as JSON or CSV",
            "Replace the character with regexp_replace first.",
        ));
    }
    Ok(())
}

/// Turns the texts of a partition into rows.
pub struct TextDecoder {
    reader: Reader,
    header: Option<String>,
}

enum Reader {
    Bytes(Box<dyn RecordDecoder>),
    Xml(XmlTexts, SchemaRef),
}

impl std::fmt::Debug for TextDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextDecoder").finish_non_exhaustive()
    }
}

impl TextDecoder {
    /// Reads texts; gives the batches that got full.
    pub fn read(&mut self, texts: &StringArray) -> Result<Vec<RecordBatch>> {
        let decoder = match &mut self.reader {
            Reader::Bytes(decoder) => decoder,
            Reader::Xml(reader, schema) => return Ok(vec![reader.read(texts, schema)?]),
        };
        let mut batches = vec![];
        for text in texts.iter().flatten() {
            if self.header.as_deref() == Some(text) {
                continue;
            }
            check(text)?;
            feed(decoder.as_mut(), text.as_bytes(), &mut batches)?;
            feed(decoder.as_mut(), SEPARATOR.as_bytes(), &mut batches)?;
        }
        Ok(batches)
    }

    /// The last batches.
    pub fn finish(&mut self) -> Result<Vec<RecordBatch>> {
        let Reader::Bytes(decoder) = &mut self.reader else { return Ok(vec![]) };
        let mut batches = vec![];
        decoder.decode(b"")?;
        while let Some(batch) = decoder.flush()? {
            batches.push(batch);
        }
        Ok(batches)
    }
}

fn feed(decoder: &mut dyn RecordDecoder, bytes: &[u8], batches: &mut Vec<RecordBatch>) -> Result<()> {
    let mut rest = bytes;
    // Empty input would mean the end.
    while !rest.is_empty() {
        let taken = decoder.decode(rest)?;
        rest = &rest[taken..];
        if !rest.is_empty() || decoder.is_full() {
            batches.extend(decoder.flush()?);
        }
    }
    Ok(())
}
