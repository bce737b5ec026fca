//! CSV text to record batches: records, fields, values, and what happens to malformed ones.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use firesteel_functions::cast::interval::{parse_day_time, parse_year_month};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::{Result, SparkError};

use super::header;
use super::options::CsvOptions;
use super::stream::{Sink, Stream};
use super::tokenize::{Failure, Place, Tokenizer};
use crate::decode::{DecodeRequest, RecordDecoder, SplitInfo};
use crate::record::column::{Column, text_size_bytes};
use crate::record::lines::{Lines, Next, transcode};
use crate::record::number::{BigDecimal, parse_double, parse_float, parse_integer};
use crate::record::temporal::parse_time;
use crate::record::{ParseMode, mode};

/// A batch ends early when its texts are this large.
const MAX_TEXT_BYTES: usize = 256 << 20;

/// Decodes one piece of a CSV file.
#[derive(Debug)]
pub struct CsvDecoder {
    input: Input,
    records: Records,
}

/// Where records come from.
#[derive(Debug)]
enum Input {
    /// One record a line.
    Lines(Lines),
    /// Records may span lines; bytes wait until their record is complete.
    Stream(Stream),
}

/// Turns records into rows.
#[derive(Debug)]
struct Records {
    options: Arc<CsvOptions>,
    tokenizer: Tokenizer,
    projected: SchemaRef,
    columns: Vec<Column>,
    /// For each column the field that it is read from; `None` for the column of malformed records.
    sources: Vec<Option<usize>>,
    /// How many fields a record must have, if that is looked at.
    expected_fields: Option<usize>,
    /// No field is needed: records are counted.
    count_only: bool,
    header_pending: bool,
    /// Names that a header must have.
    header_names: Vec<String>,
    path: String,
    batch_size: usize,
    rows: usize,
}

impl CsvDecoder {
    /// A decoder for one piece of a file.
    pub fn new(options: &Arc<CsvOptions>, request: &DecodeRequest<'_>) -> Result<Self> {
        let SplitInfo { starts_at_file_start, .. } = request.split;
        let input = if options.multi_line {
            Input::Stream(Stream::new(options, starts_at_file_start))
        } else {
            Input::Lines(Lines::new(&options.line_end(), starts_at_file_start))
        };
        Ok(Self { input, records: Records::new(options, request)? })
    }
}

impl RecordDecoder for CsvDecoder {
    fn decode(&mut self, bytes: &[u8]) -> Result<usize> {
        let records = &mut self.records;
        match &mut self.input {
            Input::Lines(lines) => {
                if records.is_full() {
                    return Ok(0);
                }
                if records.options.charset == "utf-8" || bytes.is_empty() {
                    return lines.feed(bytes, |line| records.line(line));
                }
                // Every other character set that is read line by line has one byte a character.
                let text = transcode(bytes, &records.options.charset).unwrap_or_default();
                let mut rest = text.as_slice();
                while !rest.is_empty() {
                    let taken = lines.feed(rest, |line| records.line(line).map(|_| Next::More))?;
                    rest = &rest[taken..];
                }
                Ok(bytes.len())
            }
            Input::Stream(stream) => {
                stream.push(bytes);
                stream.drain(records, bytes.is_empty())?;
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>> {
        self.records.flush()
    }

    fn is_full(&self) -> bool {
        self.records.is_full()
    }
}

impl Records {
    fn new(options: &Arc<CsvOptions>, request: &DecodeRequest<'_>) -> Result<Self> {
        let is_corrupt = |name: &str| name == options.corrupt_column;
        // Fields are numbered without the column of malformed records, which no file has.
        let data: Vec<usize> =
            (0..request.schema.fields().len()).filter(|i| !is_corrupt(request.schema.field(*i).name())).collect();
        let source = |column: &usize| data.iter().position(|index| index == column);
        let sources: Vec<Option<usize>> = request.projection.iter().map(source).collect();
        let needed = sources.iter().flatten().count();
        let pruned = options.column_pruning && needed < data.len();
        let columns = request
            .projected
            .fields()
            .iter()
            .map(|field| {
                Column::of_field(field, request.batch_size.min(8192)).ok_or_else(|| {
                    let kind = firesteel_protocol::types::name::sql(field.data_type());
                    SparkError::unsupported(format!("reading {kind} from csv files"), "Read the column as STRING.")
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let mut tokenizer = Tokenizer::new(options.dialect.clone(), None);
        if pruned {
            tokenizer.set_limit(sources.iter().flatten().max().map_or(0, |last| last + 1));
        }
        let names = |indices: &[usize]| indices.iter().map(|i| request.schema.field(*i).name().clone()).collect();
        let header_names = if pruned {
            let kept: Vec<usize> = data.iter().copied().filter(|index| request.projection.contains(index)).collect();
            names(&kept)
        } else {
            names(&data)
        };
        Ok(Self {
            tokenizer,
            projected: Arc::clone(request.projected),
            columns,
            sources,
            expected_fields: (!pruned).then_some(data.len()),
            count_only: options.column_pruning && needed == 0,
            header_pending: options.header && request.split.starts_at_file_start,
            header_names,
            path: request.split.path.to_string(),
            batch_size: request.batch_size.max(1),
            rows: 0,
            options: Arc::clone(options),
        })
    }

    fn is_full(&self) -> bool {
        self.rows >= self.batch_size
    }

    /// One line of a file that is read line by line.
    fn line(&mut self, line: &[u8]) -> Result<Next> {
        if line.iter().all(|byte| *byte <= b' ') || self.is_comment(line) {
            return Ok(Next::More);
        }
        if std::str::from_utf8(line).is_ok() {
            self.valid_line(line)
        } else {
            let valid = String::from_utf8_lossy(line).into_owned();
            self.valid_line(valid.as_bytes())
        }
    }

    fn is_comment(&self, line: &[u8]) -> bool {
        match self.options.comment {
            Some(comment) if self.header_pending => line.iter().find(|b| **b > b' ') == Some(&comment),
            Some(comment) => line.first() == Some(&comment),
            None => false,
        }
    }

    fn valid_line(&mut self, line: &[u8]) -> Result<Next> {
        if self.header_pending {
            self.header_pending = false;
            self.check_header(line)?;
            return Ok(Next::More);
        }
        if self.count_only {
            self.append_counted();
        } else {
            if let Err(failure) = self.tokenizer.record(line, 0, true) {
                return Err(self.failed(failure, line));
            }
            self.append(line, line)?;
        }
        Ok(if self.is_full() || self.rows.is_multiple_of(1024) && self.too_large() { Next::Stop } else { Next::More })
    }

    fn too_large(&mut self) -> bool {
        let large = text_size_bytes(&self.columns) > MAX_TEXT_BYTES;
        if large {
            self.batch_size = self.rows;
        }
        large
    }

    fn check_header(&mut self, line: &[u8]) -> Result<()> {
        if self.options.enforce_schema {
            return Ok(());
        }
        self.tokenizer.set_limit(usize::MAX);
        if let Err(failure) = self.tokenizer.record(line, 0, true) {
            return Err(self.failed(failure, line));
        }
        self.check_header_tokens(line)?;
        if self.expected_fields.is_none() {
            self.tokenizer.set_limit(self.sources.iter().flatten().max().map_or(0, |last| last + 1));
        }
        Ok(())
    }

    fn check_header_tokens(&self, input: &[u8]) -> Result<()> {
        if self.options.enforce_schema {
            return Ok(());
        }
        let mut names = header::texts(&self.tokenizer, input);
        if self.expected_fields.is_none() {
            // With pruning the parser yields the needed fields only, of the header too.
            let mut needed: Vec<usize> = self.sources.iter().flatten().copied().collect();
            needed.sort_unstable();
            names = needed.into_iter().map(|index| names.get(index).cloned().flatten()).collect();
        }
        let expected: Vec<&str> = self.header_names.iter().map(String::as_str).collect();
        header::check(&names, &expected, &self.path, &self.options)
    }

    fn append_counted(&mut self) {
        self.columns.iter_mut().for_each(Column::append_null);
        self.rows += 1;
    }

    /// The fields that the tokenizer has found as a row. `input` holds them, `record` is the text of the record.
    fn append(&mut self, input: &[u8], record: &[u8]) -> Result<()> {
        let tokens = self.tokenizer.tokens();
        let options = &*self.options;
        let mut malformed = self.expected_fields.is_some_and(|expected| expected != tokens.len());
        let wrong_length = malformed;
        let mut corrupt = None;
        for (index, (column, source)) in self.columns.iter_mut().zip(&self.sources).enumerate() {
            let Some(source) = source else {
                corrupt = Some(index);
                continue;
            };
            let text = match tokens.get(*source) {
                Some(token) if token.place == Place::Empty => Some(options.empty_value.as_bytes()),
                Some(token) => self.tokenizer.text(input, *token),
                None => None,
            };
            match text {
                Some(text) if text != options.null_value.as_bytes() => {
                    if !append_text(column, text, options) {
                        column.append_null();
                        malformed = true;
                    }
                }
                _ => column.append_null(),
            }
        }
        if malformed {
            match options.mode {
                ParseMode::Permissive => {}
                ParseMode::DropMalformed => {
                    self.columns.iter_mut().for_each(|column| column.truncate(self.rows));
                    return Ok(());
                }
                ParseMode::FailFast => return Err(self.fail_fast(record, wrong_length)),
            }
        }
        if let Some(index) = corrupt {
            match &mut self.columns[index] {
                Column::Text(texts) if malformed => texts.push(record),
                column => column.append_null(),
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn fail_fast(&mut self, record: &[u8], wrong_length: bool) -> SparkError {
        let rows = self.rows;
        let mut values: Vec<ArrayRef> = vec![];
        for (column, source) in self.columns.iter_mut().zip(&self.sources) {
            if source.is_none() {
                column.append_null();
            }
            match column.finish() {
                Ok(array) => values.push(array.slice(rows, 1)),
                Err(error) => return error,
            }
        }
        let text = String::from_utf8_lossy(record);
        let cause = if wrong_length {
            SparkError::new("MALFORMED_CSV_RECORD").with("badRecord", text)
        } else {
            SparkError::internal(format!("a field cannot be read as its column's type: {text}"))
        };
        mode::malformed_record(&values, cause)
    }

    fn failed(&self, failure: Failure, record: &[u8]) -> SparkError {
        let text: Cow<'_, str> = String::from_utf8_lossy(record);
        let limits = &self.options.dialect;
        let reason = match failure {
            Failure::Incomplete => "the record is not complete".to_string(),
            Failure::TooManyColumns => format!("more than {} columns (option `maxColumns`)", limits.max_columns),
            Failure::TooLong => {
                format!("a field longer than {} (option `maxCharsPerColumn`)", limits.max_chars.unwrap_or(0))
            }
            Failure::UnescapedQuote => "a quote that is not escaped inside a quoted field".to_string(),
        };
        SparkError::new("MALFORMED_CSV_RECORD").with("badRecord", text).with_source(SparkError::internal(reason))
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let columns = self.columns.iter_mut().map(Column::finish).collect::<Result<Vec<_>>>()?;
        let size = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        RecordBatch::try_new_with_options(Arc::clone(&self.projected), columns, &size).map(Some).map_err(from_arrow)
    }
}

impl Sink for Records {
    fn stream(&mut self, input: &[u8], mut at: usize, newline: u8, complete: bool) -> Result<usize> {
        self.tokenizer.set_newline(newline);
        while at < input.len() {
            if input[at] == newline {
                at += 1;
                continue;
            }
            if self.options.comment == Some(input[at]) {
                match memchr::memchr(newline, &input[at..]) {
                    Some(length) => at += length + 1,
                    None if complete => return Ok(input.len()),
                    None => return Ok(at),
                }
                continue;
            }
            let end = match self.tokenizer.record(input, at, complete) {
                Ok(end) => end,
                Err(Failure::Incomplete) => return Ok(at),
                Err(failure) => return Err(self.failed(failure, &input[at..input.len().min(at + 1000)])),
            };
            if self.header_pending {
                self.header_pending = false;
                self.check_header_tokens(input)?;
            } else if self.count_only {
                self.append_counted();
            } else {
                // The line end behind a field that is not closed is no part of the record's text.
                let record = &input[at..end];
                self.append(input, record.strip_suffix(&[newline]).unwrap_or(record))?;
            }
            at = (end + 1).min(input.len());
        }
        Ok(at)
    }
}

/// Appends a field's text as the value of its column's type; appends nothing and says so if it is none.
#[inline]
fn append_text(column: &mut Column, text: &[u8], options: &CsvOptions) -> bool {
    match column {
        Column::Text(c) | Column::Binary(c) => {
            c.push(text);
            true
        }
        Column::Int(c) => c.try_push(parse_integer(text).and_then(|value| i32::try_from(value).ok())),
        Column::Long(c) => c.try_push(parse_integer(text)),
        Column::Short(c) => c.try_push(parse_integer(text).and_then(|value| i16::try_from(value).ok())),
        Column::Byte(c) => c.try_push(parse_integer(text).and_then(|value| i8::try_from(value).ok())),
        Column::Double(c) => c.try_push(double(text, options)),
        Column::Float(c) => c.try_push(match double(text, options) {
            Some(value) if value.is_finite() => utf8(text).and_then(parse_float),
            other => other.map(|value| value as f32),
        }),
        Column::Boolean(c) => {
            let value = match text {
                _ if text.eq_ignore_ascii_case(b"true") => true,
                _ if text.eq_ignore_ascii_case(b"false") => false,
                _ => return false,
            };
            c.push(value);
            true
        }
        Column::Decimal(c, precision, scale) => {
            c.try_push(BigDecimal::parse(text, true).and_then(|value| value.to_decimal(*precision, *scale)))
        }
        Column::Date(c) => c.try_push(utf8(text).and_then(|text| options.temporal.parse_date(text))),
        Column::Timestamp(c) => c.try_push(utf8(text).and_then(|text| options.temporal.parse_timestamp(text))),
        Column::TimestampNtz(c) => c.try_push(utf8(text).and_then(|text| options.temporal.parse_timestamp_ntz(text))),
        Column::Time(c, digits) => c.try_push(utf8(text).and_then(|text| parse_time(text, *digits))),
        Column::YearMonth(c, range) => c.try_push(utf8(text).and_then(|text| parse_year_month(text, *range))),
        Column::DayTime(c, range) => c.try_push(utf8(text).and_then(|text| parse_day_time(text, *range))),
        Column::Variant(_) | Column::Void(_) | Column::Struct(_) | Column::List(_) | Column::Map(_) => false,
    }
}

fn double(text: &[u8], options: &CsvOptions) -> Option<f64> {
    let text = utf8(text)?;
    if text == options.nan_value {
        Some(f64::NAN)
    } else if text == options.negative_inf {
        Some(f64::NEG_INFINITY)
    } else if text == options.positive_inf {
        Some(f64::INFINITY)
    } else {
        parse_double(text)
    }
}

fn utf8(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok()
}
