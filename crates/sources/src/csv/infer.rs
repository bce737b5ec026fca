//! Names and types of the columns of CSV files. Spark's `CSVInferSchema`.

use std::cell::Cell;
use std::io::Read;

use arrow::datatypes::{DataType, Field, Fields};
use firesteel_protocol::types;
use firesteel_protocol::{Result, SparkError};

use super::header::safe_names;
use super::options::CsvOptions;
use super::stream::{Sink, Stream};
use super::tokenize::{Failure, Tokenizer};
use crate::record::blocks::{Block, read_blocks, work_on_blocks};
use crate::record::lines::{Lines, Next, transcode};
use crate::record::number::{BigDecimal, parse_double, parse_integer};
use crate::record::sample::Sampler;
use crate::storage::{InputFile, read_error};

/// The columns of CSV files; none if the files hold no record.
pub fn infer(options: &CsvOptions, files: &[InputFile], parallelism: usize) -> Result<Fields> {
    let (names, first_line) = match first_record(options, files)? {
        Some(found) => found,
        None => return Ok(Fields::empty()),
    };
    let mut kinds = vec![Kind::Unknown; names.len()];
    if options.infer_schema {
        let sampler = Sampler::new(options.sampling_ratio);
        let (files, threads) = sampler.order(files, parallelism);
        let files = files.as_slice();
        let found = if options.multi_line {
            sampler.refuse_whole_files()?;
            vec![infer_streams(options, files, names.len())?]
        } else {
            let header = options.header.then_some(first_line.as_slice());
            let end = (options.charset == "utf-8").then(|| options.line_end());
            let state = || Guess::new(options, names.len(), header);
            let work = |guess: &mut Guess<'_>, block: Block| guess.block(block);
            let guesses = work_on_blocks(files, end.as_ref(), threads, state, work)?;
            guesses.into_iter().map(|guess| guess.kinds).collect()
        };
        for other in found {
            for (kind, other) in kinds.iter_mut().zip(other) {
                *kind = kind.merge(other, options);
            }
        }
    } else {
        kinds.fill(Kind::Text);
    }
    Ok(names.into_iter().zip(kinds).map(|(name, kind)| Field::new(name, kind.data_type(), true)).collect())
}

/// Column names by the first record of the files, and the text of that record.
fn first_record(options: &CsvOptions, files: &[InputFile]) -> Result<Option<(Vec<String>, Vec<u8>)>> {
    let mut found = None;
    if options.multi_line {
        for file in files {
            let mut first =
                FirstRecord { options, tokenizer: Tokenizer::new(options.dialect.clone(), None), names: None };
            read_stream(options, file, &mut first)?;
            if let Some(names) = first.names {
                return Ok(Some((names, vec![])));
            }
        }
        return Ok(None);
    }
    let end = (options.charset == "utf-8").then(|| options.line_end());
    read_blocks(files, end.as_ref(), |block| {
        each_line(options, block, |line| {
            if is_skipped(options, line) {
                return Ok(Next::More);
            }
            let mut tokenizer = Tokenizer::new(options.dialect.clone(), None);
            cut(&mut tokenizer, line)?;
            found = Some((safe_names(&tokenizer, line, options), line.to_vec()));
            Ok(Next::Stop)
        })?;
        Ok(found.is_none())
    })?;
    Ok(found)
}

/// The lines of a block, as valid UTF-8.
fn each_line(options: &CsvOptions, block: Block, mut each: impl FnMut(&[u8]) -> Result<Next>) -> Result<()> {
    let bytes = match options.charset.as_str() {
        "utf-8" if std::str::from_utf8(&block.bytes).is_ok() => block.bytes,
        "utf-8" => String::from_utf8_lossy(&block.bytes).into_owned().into_bytes(),
        charset => transcode(&block.bytes, charset).unwrap_or_default(),
    };
    let mut lines = Lines::new(&options.line_end(), block.starts_file);
    let stopped = Cell::new(false);
    let mut each = |line: &[u8]| {
        let next = each(line)?;
        stopped.set(next == Next::Stop);
        Ok::<_, SparkError>(next)
    };
    lines.feed(&bytes, &mut each)?;
    if !stopped.get() {
        lines.feed(b"", &mut each)?;
    }
    Ok(())
}

fn is_skipped(options: &CsvOptions, line: &[u8]) -> bool {
    line.iter().all(|byte| *byte <= b' ') || options.comment.is_some() && line.first() == options.comment.as_ref()
}

fn cut(tokenizer: &mut Tokenizer, line: &[u8]) -> Result<()> {
    tokenizer.record(line, 0, true).map(|_| ()).map_err(|failure| malformed(failure, line))
}

fn malformed(failure: Failure, record: &[u8]) -> SparkError {
    SparkError::new("MALFORMED_CSV_RECORD")
        .with("badRecord", String::from_utf8_lossy(record))
        .with_source(SparkError::internal(format!("{failure:?}")))
}

/// The types that the values read so far allow.
struct Guess<'a> {
    options: &'a CsvOptions,
    tokenizer: Tokenizer,
    kinds: Vec<Kind>,
    /// Lines like this one are headers.
    header: Option<&'a [u8]>,
    sampler: Sampler,
}

impl<'a> Guess<'a> {
    fn new(options: &'a CsvOptions, columns: usize, header: Option<&'a [u8]>) -> Self {
        let tokenizer = Tokenizer::new(options.dialect.clone(), None);
        let sampler = Sampler::new(options.sampling_ratio);
        Self { options, tokenizer, kinds: vec![Kind::Unknown; columns], header, sampler }
    }

    fn block(&mut self, block: Block) -> Result<()> {
        let options = self.options;
        each_line(options, block, |line| {
            let taken = self.sampler.takes();
            if taken && !is_skipped(options, line) && self.header != Some(line) {
                cut(&mut self.tokenizer, line)?;
                self.observe(line);
            }
            Ok(Next::More)
        })
    }

    /// Takes the fields that the tokenizer has found into account.
    fn observe(&mut self, input: &[u8]) {
        for (kind, token) in self.kinds.iter_mut().zip(self.tokenizer.tokens()) {
            let text = self.tokenizer.text(input, *token).and_then(|text| std::str::from_utf8(text).ok());
            let Some(text) = text.filter(|text| !text.is_empty() && *text != self.options.null_value) else { continue };
            if *kind != Kind::Text {
                let found = kind.of(text, self.options);
                *kind = kind.merge(found, self.options);
            }
        }
    }
}

/// Reads a file to its end as one stream of records.
fn read_stream(options: &CsvOptions, file: &InputFile, sink: &mut impl Sink) -> Result<()> {
    let mut reader = file.open()?;
    let mut stream = Stream::new(options, true);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let length = reader.read(&mut buffer).map_err(|error| read_error(&file.path, error))?;
        stream.push(&buffer[..length]);
        stream.drain(sink, length == 0)?;
        if length == 0 {
            return Ok(());
        }
    }
}

fn infer_streams(options: &CsvOptions, files: &[InputFile], columns: usize) -> Result<Vec<Kind>> {
    let mut records = GuessedRecords { guess: Guess::new(options, columns, None), header_pending: false };
    for file in files {
        records.header_pending = options.header;
        read_stream(options, file, &mut records)?;
    }
    Ok(records.guess.kinds)
}

/// All records of a stream go into a guess; the first of each file may be a header.
struct GuessedRecords<'a> {
    guess: Guess<'a>,
    header_pending: bool,
}

impl Sink for GuessedRecords<'_> {
    fn stream(&mut self, input: &[u8], at: usize, newline: u8, complete: bool) -> Result<usize> {
        let comment = self.guess.options.comment;
        self.guess.tokenizer.set_newline(newline);
        let mut at = at;
        while let Some(start) = record_start(input, at, newline, comment, complete) {
            let end = match self.guess.tokenizer.record(input, start, complete) {
                Ok(end) => end,
                Err(Failure::Incomplete) => return Ok(start),
                Err(failure) => return Err(malformed(failure, &input[start..input.len().min(start + 1000)])),
            };
            if !std::mem::take(&mut self.header_pending) {
                self.guess.observe(input);
            }
            at = (end + 1).min(input.len());
        }
        Ok(at)
    }
}

/// Only the first record of a stream is of interest.
struct FirstRecord<'a> {
    options: &'a CsvOptions,
    tokenizer: Tokenizer,
    names: Option<Vec<String>>,
}

impl Sink for FirstRecord<'_> {
    fn stream(&mut self, input: &[u8], at: usize, newline: u8, complete: bool) -> Result<usize> {
        if self.names.is_some() {
            return Ok(input.len());
        }
        self.tokenizer.set_newline(newline);
        let Some(start) = record_start(input, at, newline, self.options.comment, complete) else { return Ok(at) };
        match self.tokenizer.record(input, start, complete) {
            Ok(_) => {
                self.names = Some(safe_names(&self.tokenizer, input, self.options));
                Ok(input.len())
            }
            Err(Failure::Incomplete) => Ok(start),
            Err(failure) => Err(malformed(failure, &input[start..input.len().min(start + 1000)])),
        }
    }
}

/// Where the next record of a stream starts, empty lines and comments left out; `None` if none is there.
fn record_start(input: &[u8], mut at: usize, newline: u8, comment: Option<u8>, complete: bool) -> Option<usize> {
    while at < input.len() {
        if input[at] == newline {
            at += 1;
        } else if comment == Some(input[at]) {
            match memchr::memchr(newline, &input[at..]) {
                Some(length) => at += length + 1,
                None if complete => return None,
                // The comment goes on in bytes to come; the tokenizer reports it as incomplete.
                None => return Some(at),
            }
        } else {
            return Some(at);
        }
    }
    None
}

/// What a column can be, by the values seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No value yet.
    Unknown,
    Int,
    Long,
    Decimal(u8, u8),
    Double,
    Date,
    TimestampNtz,
    Timestamp,
    Boolean,
    Text,
}

impl Kind {
    /// The kind of one more value of a column that was of this kind so far.
    fn of(self, text: &str, options: &CsvOptions) -> Self {
        // Each test falls through to the next, from the narrowest type on; a column's kind says where to begin.
        match self {
            Self::Unknown | Self::Int => Self::integer(text, options),
            Self::Long => Self::long(text, options),
            Self::Decimal(..) => Self::decimal(text, options),
            Self::Double => Self::double(text, options),
            Self::Date => Self::date(text, options),
            Self::TimestampNtz => Self::timestamp_ntz(text, options),
            Self::Timestamp => Self::timestamp(text, options),
            Self::Boolean => Self::boolean(text),
            Self::Text => Self::Text,
        }
    }

    fn integer(text: &str, options: &CsvOptions) -> Self {
        match parse_integer(text.as_bytes()) {
            Some(value) if i32::try_from(value).is_ok() => Self::Int,
            Some(_) => Self::Long,
            None => Self::decimal(text, options),
        }
    }

    fn long(text: &str, options: &CsvOptions) -> Self {
        if parse_integer(text.as_bytes()).is_some() { Self::Long } else { Self::decimal(text, options) }
    }

    /// Only whole numbers become decimals.
    fn decimal(text: &str, options: &CsvOptions) -> Self {
        match BigDecimal::parse(text.as_bytes(), true) {
            Some(number) if number.scale() == 0 && number.precision <= 38 => Self::Decimal(number.precision as u8, 0),
            _ => Self::double(text, options),
        }
    }

    fn double(text: &str, options: &CsvOptions) -> Self {
        let special = [&options.nan_value, &options.positive_inf, &options.negative_inf];
        if parse_double(text).is_some() || special.iter().any(|value| *value == text) {
            Self::Double
        } else if options.prefer_date {
            Self::date(text, options)
        } else {
            Self::timestamp_ntz(text, options)
        }
    }

    fn date(text: &str, options: &CsvOptions) -> Self {
        if options.temporal.looks_like_date(text) { Self::Date } else { Self::timestamp_ntz(text, options) }
    }

    fn timestamp_ntz(text: &str, options: &CsvOptions) -> Self {
        if options.temporal.looks_like_timestamp_ntz(text) {
            Self::TimestampNtz
        } else {
            Self::timestamp(text, options)
        }
    }

    fn timestamp(text: &str, options: &CsvOptions) -> Self {
        if options.temporal.looks_like_timestamp(text) { Self::Timestamp } else { Self::boolean(text) }
    }

    fn boolean(text: &str) -> Self {
        if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") { Self::Boolean } else { Self::Text }
    }

    /// The kind of a column that has values of both kinds.
    fn merge(self, other: Self, options: &CsvOptions) -> Self {
        use Kind::{Date, Decimal, Double, Int, Long, Text, Timestamp, TimestampNtz, Unknown};
        match (self, other) {
            (a, b) if a == b => a,
            (Unknown, kind) | (kind, Unknown) => kind,
            (Int, Long) | (Long, Int) => Long,
            (Int | Long | Decimal(..), Double) | (Double, Int | Long | Decimal(..)) => Double,
            (Int, Decimal(p, s)) | (Decimal(p, s), Int) => Self::wider(10, 0, p, s),
            (Long, Decimal(p, s)) | (Decimal(p, s), Long) => Self::wider(20, 0, p, s),
            (Decimal(p, s), Decimal(q, t)) => Self::wider(p, s, q, t),
            (Timestamp, TimestampNtz) | (TimestampNtz, Timestamp) => Timestamp,
            (Date, Timestamp) | (Timestamp, Date) if options.temporal.dates_are_timestamps(false) => Timestamp,
            (Date, TimestampNtz) | (TimestampNtz, Date) if options.temporal.dates_are_timestamps(true) => TimestampNtz,
            _ => Text,
        }
    }

    fn wider(p: u8, s: u8, q: u8, t: u8) -> Self {
        let scale = s.max(t);
        let precision = (p - s).max(q - t) + scale;
        if precision > 38 { Self::Double } else { Self::Decimal(precision, scale) }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Unknown | Self::Text => DataType::Utf8,
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
            Self::Decimal(precision, scale) => DataType::Decimal128(precision, scale as i8),
            Self::Double => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::TimestampNtz => types::timestamp_ntz(),
            Self::Timestamp => types::timestamp(),
            Self::Boolean => DataType::Boolean,
        }
    }
}
