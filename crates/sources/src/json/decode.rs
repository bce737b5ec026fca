//! JSON text to record batches: records, rows, and what happens to malformed ones.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, FieldRef, Fields, SchemaRef};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::types::is_variant;
use firesteel_protocol::{Result, SparkError};

use super::options::JsonOptions;
use super::read::{Outcome, Reader};
use super::scan::{Scanner, SyntaxError, Token};
use crate::decode::{DecodeRequest, RecordDecoder};
use crate::record::column::{Column, StructColumn, text_size_bytes};
use crate::record::lines::{Lines, Next, transcode};
use crate::record::{ParseMode, mode};

/// A batch ends early when its texts are this large.
const MAX_TEXT_BYTES: usize = 256 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Decodes one piece of a JSON file.
#[derive(Debug)]
pub struct JsonDecoder {
    input: Input,
    records: Records,
}

/// Where records come from.
#[derive(Debug)]
enum Input {
    /// One record a line.
    Lines(Lines),
    /// The whole file, which is one record or, in another character set, has to be transcoded.
    Whole { pending: Vec<u8>, lines: Option<Lines> },
}

/// Turns records into rows.
#[derive(Debug)]
struct Records {
    options: Arc<JsonOptions>,
    projected: SchemaRef,
    /// All projected columns but that of malformed records.
    root: StructColumn,
    /// Place and content of the column of malformed records, if a query needs it.
    corrupt: Option<(usize, Column)>,
    /// What is left of a document that is an array of rows: its text and where the next element is.
    rest: Option<(Vec<u8>, usize)>,
    batch_size: usize,
    rows: usize,
}

impl JsonDecoder {
    /// A decoder for one piece of a file.
    pub fn new(options: &Arc<JsonOptions>, request: &DecodeRequest<'_>) -> Result<Self> {
        let lines = || Lines::new(&options.line_end(), request.split.starts_at_file_start);
        let input = if options.multi_line {
            Input::Whole { pending: vec![], lines: None }
        } else if options.charset != "utf-8" {
            Input::Whole { pending: vec![], lines: Some(lines()) }
        } else {
            Input::Lines(lines())
        };
        Ok(Self { input, records: Records::new(options, request)? })
    }
}

impl RecordDecoder for JsonDecoder {
    fn decode(&mut self, bytes: &[u8]) -> Result<usize> {
        let records = &mut self.records;
        if records.is_full() {
            return Ok(0);
        }
        match &mut self.input {
            Input::Lines(lines) => lines.feed(bytes, |line| records.line(line)),
            Input::Whole { pending, .. } if !bytes.is_empty() => {
                pending.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            Input::Whole { pending, lines } => {
                let mut text = std::mem::take(pending);
                if records.options.charset != "utf-8" {
                    text = transcode(&text, &records.options.charset).unwrap_or_default();
                }
                match lines {
                    None => records.document(text)?,
                    Some(lines) => {
                        for part in [text.as_slice(), b""] {
                            lines.feed(part, |line| records.line(line).map(|_| Next::More))?;
                        }
                    }
                }
                Ok(0)
            }
        }
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>> {
        if self.records.rows == 0 && self.records.rest.is_some() {
            self.records.document(vec![])?;
        }
        self.records.flush()
    }

    fn is_full(&self) -> bool {
        self.records.is_full()
    }
}

impl Records {
    fn new(options: &Arc<JsonOptions>, request: &DecodeRequest<'_>) -> Result<Self> {
        let fields = request.projected.fields();
        let corrupt = fields.iter().position(|field| field.name() == &options.corrupt_column);
        let read: Vec<FieldRef> =
            fields.iter().enumerate().filter(|(at, _)| Some(*at) != corrupt).map(|(_, f)| Arc::clone(f)).collect();
        for field in &read {
            check_readable(field.data_type())?;
        }
        let capacity = request.batch_size.min(8192);
        let unreadable =
            || SparkError::unsupported("reading columns of this type from json files", "Read them as STRING.");
        Ok(Self {
            root: StructColumn::new(&Fields::from(read), capacity).ok_or_else(unreadable)?,
            corrupt: match corrupt {
                Some(at) => Some((at, Column::new(&DataType::Utf8, 16).ok_or_else(unreadable)?)),
                None => None,
            },
            rest: None,
            projected: Arc::clone(request.projected),
            batch_size: request.batch_size.max(1),
            rows: 0,
            options: Arc::clone(options),
        })
    }

    fn is_full(&self) -> bool {
        self.rows >= self.batch_size
    }

    fn line(&mut self, line: &[u8]) -> Result<Next> {
        self.record(line)?;
        Ok(if self.is_full() || self.rows.is_multiple_of(1024) && self.too_large() { Next::Stop } else { Next::More })
    }

    fn too_large(&mut self) -> bool {
        let large = self.rows > 0 && text_size_bytes(&self.root.children) > MAX_TEXT_BYTES;
        if large {
            self.batch_size = self.rows;
        }
        large
    }

    /// One record: an object, or an array of objects, each of which is a row.
    fn record(&mut self, text: &[u8]) -> Result<()> {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        if std::str::from_utf8(text).is_err() {
            return self.malformed(0, String::from_utf8_lossy(text).as_bytes());
        }
        let outcome = self.read(text);
        let appended = self.root.rows() - self.rows;
        match outcome {
            Ok(Outcome::Good) => {
                if let Some((_, column)) = &mut self.corrupt {
                    (0..appended).for_each(|_| column.append_null());
                }
                self.rows += appended;
                Ok(())
            }
            Ok(Outcome::Partial) => self.malformed(appended, text),
            Ok(Outcome::Bad) | Err(_) => self.malformed(0, text),
        }
    }

    /// Appends the rows of a record. Without success rows may be half appended.
    fn read(&mut self, text: &[u8]) -> Result<Outcome, SyntaxError> {
        let mut scanner = Scanner::new(text, self.options.grammar);
        if scanner.skip_blanks()?.is_none() {
            return Ok(Outcome::Good);
        }
        let reader = Reader { options: &self.options };
        if self.options.single_variant.is_some() {
            let outcome = match self.root.children.first_mut() {
                Some(column) => reader.value(&mut scanner, column)?,
                None => Outcome::Good,
            };
            if outcome == Outcome::Good {
                self.root.close();
            }
            return Ok(outcome);
        }
        match scanner.value()? {
            Token::Object => reader.object(&mut scanner, &mut self.root),
            Token::Array => {
                let (mut outcome, mut first) = (Outcome::Good, true);
                while scanner.next_element(first)? {
                    first = false;
                    if scanner.value()? != Token::Object {
                        return Ok(Outcome::Bad);
                    }
                    if reader.object(&mut scanner, &mut self.root)? != Outcome::Good {
                        outcome = Outcome::Partial;
                    }
                }
                Ok(outcome)
            }
            _ => Ok(Outcome::Bad),
        }
    }

    /// A record that does not fit, of which `kept` rows have been read in part.
    fn malformed(&mut self, kept: usize, text: &[u8]) -> Result<()> {
        self.root.truncate(self.rows + kept);
        if self.options.mode == ParseMode::DropMalformed {
            self.root.truncate(self.rows);
            return Ok(());
        }
        if kept == 0 {
            self.root.children.iter_mut().for_each(Column::append_null);
            self.root.close();
        }
        if self.options.mode == ParseMode::FailFast {
            return Err(self.fail_fast(text));
        }
        let appended = kept.max(1);
        if let Some((_, Column::Text(texts))) = &mut self.corrupt {
            (0..appended).for_each(|_| texts.push(text));
        }
        self.rows += appended;
        Ok(())
    }

    fn fail_fast(&mut self, text: &[u8]) -> SparkError {
        let values = match self.root.finish_children() {
            Ok(columns) => columns.iter().map(|column| column.slice(self.rows, 1)).collect::<Vec<ArrayRef>>(),
            Err(error) => return error,
        };
        let record = String::from_utf8_lossy(&text[..text.len().min(1000)]).into_owned();
        let cause = SparkError::internal(format!("a json record does not fit the schema: {record}"));
        mode::malformed_record(&values, cause)
    }

    /// A whole file; large arrays of rows are read batch by batch where malformed elements cannot change
    /// what becomes of the others.
    fn document(&mut self, text: Vec<u8>) -> Result<()> {
        if let Some((text, at)) = self.rest.take() {
            return self.elements(text, at);
        }
        let independent = self.corrupt.is_none()
            && self.options.mode == ParseMode::Permissive
            && self.options.single_variant.is_none();
        match independent.then(|| self.first_element(&text)).flatten() {
            Some(at) => self.elements(text, at),
            None if text.is_empty() => Ok(()),
            None => self.record(&text),
        }
    }

    /// Behind the `[` of a text that is an array of nothing but objects.
    fn first_element(&self, text: &[u8]) -> Option<usize> {
        std::str::from_utf8(text).ok()?;
        let mut scanner = Scanner::new(text, self.options.grammar);
        if text.starts_with(BYTE_ORDER_MARK) || scanner.value().ok()? != Token::Array {
            return None;
        }
        let at = scanner.position();
        let mut first = true;
        while scanner.next_element(first).ok()? {
            first = false;
            let Token::Object = scanner.value().ok()? else { return None };
            scanner.skip_object(true).ok()?;
        }
        Some(at)
    }

    /// Rows of the elements from `at` on, until a batch is full.
    fn elements(&mut self, text: Vec<u8>, at: usize) -> Result<()> {
        let invalid = |_: SyntaxError| SparkError::internal("a json document changed while it was read");
        let mut scanner = Scanner::within_array(&text, at, self.options.grammar);
        let reader = Reader { options: &self.options };
        let mut first = text[at - 1] == b'[';
        while scanner.next_element(first).map_err(invalid)? {
            first = false;
            scanner.value().map_err(invalid)?;
            reader.object(&mut scanner, &mut self.root).map_err(invalid)?;
            self.rows += 1;
            if self.rows >= self.batch_size {
                let at = scanner.position();
                self.rest = Some((text, at));
                return Ok(());
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let mut columns = self.root.finish_children()?;
        if let Some((at, column)) = &mut self.corrupt {
            columns.insert(*at, column.finish()?);
        }
        let size = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        RecordBatch::try_new_with_options(Arc::clone(&self.projected), columns, &size).map(Some).map_err(from_arrow)
    }
}

/// Types that Spark reads and this decoder does not, or that Spark fails on while it reads.
fn check_readable(data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::List(element) => check_readable(element.data_type()),
        variant if is_variant(variant) => Ok(()),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check_readable(field.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) if kv[0].data_type() == &DataType::Utf8 => check_readable(kv[1].data_type()),
            _ => Err(SparkError::unsupported(
                "reading json objects as maps whose keys are no strings",
                "Use MAP<STRING, ...> and cast the keys in the query.",
            )),
        },
        _ => Ok(()),
    }
}
