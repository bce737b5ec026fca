//! Record batches to CSV text. Spark's `UnivocityGenerator` and the rules of quoting behind it.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Fields, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use firesteel_functions::datetime::pattern::Purpose;
use firesteel_protocol::types::{IntervalRange, name};
use firesteel_protocol::{Result, SparkError};
use memchr::memmem;

use super::options::{self, dialect};
use super::tokenize::Dialect;
use crate::options::OptionSpec;
use crate::record::Temporal;
use crate::record::number::{write_decimal, write_double, write_float};
use crate::record::temporal::{write_day_time, write_time, write_year_month};
use crate::{Options, SourceContext};

const QUOTE_ALL: OptionSpec = OptionSpec { key: "quoteAll", aliases: &[], default: "false", doc: "Quote all values." };
const ESCAPE_QUOTES: OptionSpec = OptionSpec {
    key: "escapeQuotes",
    aliases: &[],
    default: "true",
    doc: "Quote values that contain quotes, and escape the latter.",
};

/// How CSV is written.
#[derive(Debug, Clone)]
pub struct CsvWriteOptions {
    dialect: Dialect,
    comment: u8,
    /// Whether each file begins with the names of its columns.
    pub header: bool,
    pub line_sep: String,
    quote_all: bool,
    escape_quotes: bool,
    null_value: String,
    empty_value: String,
    temporal: Temporal,
}

impl CsvWriteOptions {
    /// Reads the options of a writer.
    pub fn of(given: &Options, ctx: &SourceContext) -> Result<Self> {
        let mut dialect = dialect(given)?;
        // Unlike a reader, a writer trims unless told otherwise.
        dialect.ignore_leading = given.given(&options::IGNORE_LEADING).is_none() || dialect.ignore_leading;
        dialect.ignore_trailing = given.given(&options::IGNORE_TRAILING).is_none() || dialect.ignore_trailing;
        Ok(Self {
            dialect,
            comment: options::ascii(given, &options::COMMENT)?.unwrap_or(b'#'),
            header: given.flag(&options::HEADER)?,
            line_sep: String::from_utf8(options::line_sep(given, false)?.unwrap_or_else(|| b"\n".to_vec()))
                .map_err(|error| SparkError::internal(error.to_string()))?,
            quote_all: given.flag(&QUOTE_ALL)?,
            escape_quotes: given.flag(&ESCAPE_QUOTES)?,
            null_value: given.text(&options::NULL_VALUE).to_string(),
            empty_value: given.given(&options::EMPTY_VALUE).unwrap_or("\"\"").to_string(),
            temporal: Temporal::of(given, ctx, "csv", Purpose::Format)?,
        })
    }
}

/// Refuses columns that CSV files cannot hold.
pub fn check_schema(fields: &Fields) -> Result<()> {
    super::check_types(fields)
}

/// Appends the line of column names. Whether a file has one is [`CsvWriteOptions::header`].
pub fn encode_header(fields: &Fields, options: &CsvWriteOptions, out: &mut Vec<u8>) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(&options.dialect.delimiter);
        }
        write_text(field.name().as_bytes(), index == 0, options, out);
    }
    out.extend_from_slice(options.line_sep.as_bytes());
}

/// Appends the rows of a batch, each with the line separator behind it.
pub fn encode_batch(batch: &RecordBatch, options: &CsvWriteOptions, out: &mut Vec<u8>) -> Result<()> {
    let ranges: Vec<_> = batch.schema_ref().fields().iter().map(|field| IntervalRange::of_field(field)).collect();
    for row in 0..batch.num_rows() {
        let start = out.len();
        encode_row(batch.columns(), &ranges, row, options, out)?;
        if out.len() == start {
            // Spark leaves out rows without any text, such as a NULL of an only column.
            continue;
        }
        out.extend_from_slice(options.line_sep.as_bytes());
    }
    Ok(())
}

/// Appends one row without a line separator. `ranges` are the units of columns of intervals.
fn encode_row(
    columns: &[ArrayRef],
    ranges: &[Option<IntervalRange>],
    row: usize,
    options: &CsvWriteOptions,
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut scratch = vec![];
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(&options.dialect.delimiter);
        }
        if column.is_null(row) || column.data_type() == &DataType::Null {
            write_literal(&options.null_value, options, out);
            continue;
        }
        match column.data_type() {
            DataType::Utf8 => write_text(column.as_string::<i32>().value(row).as_bytes(), index == 0, options, out),
            _ => {
                scratch.clear();
                write_scalar(column, ranges[index], row, options, &mut scratch)?;
                write_text(&scratch, index == 0, options, out);
            }
        }
    }
    Ok(())
}

/// NULL or an empty string, as the options say they look.
fn write_literal(text: &str, options: &CsvWriteOptions, out: &mut Vec<u8>) {
    let quote = options.dialect.quote.unwrap_or(0);
    if options.quote_all && text.as_bytes() != [quote, quote] {
        out.push(quote);
        out.extend_from_slice(text.as_bytes());
        out.push(quote);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn write_text(text: &[u8], first: bool, options: &CsvWriteOptions, out: &mut Vec<u8>) {
    // At the beginning of a line this would start a comment, unless blanks stood before it.
    let comment = first && text.first() == Some(&options.comment);
    let mut text = text;
    if options.dialect.ignore_leading {
        while let [b'\0'..=b' ', rest @ ..] = text {
            text = rest;
        }
    }
    // Line ends behind the text make it quoted even where they are then cut off.
    let quoted = options.quote_all || comment || needs_quotes(text, options);
    if options.dialect.ignore_trailing {
        while let [rest @ .., b'\0'..=b' '] = text {
            text = rest;
        }
    }
    if text.is_empty() {
        return write_literal(&options.empty_value, options, out);
    }
    if quoted {
        write_quoted(text, options, out);
    } else {
        out.extend_from_slice(text);
    }
}

fn needs_quotes(text: &[u8], options: &CsvWriteOptions) -> bool {
    let dialect = &options.dialect;
    if text.first().is_some_and(|start| Some(*start) == dialect.quote) {
        return true;
    }
    let special = match dialect.delimiter.as_slice() {
        [single] => memchr::memchr3(*single, b'\n', b'\r', text).is_some(),
        several => memchr::memchr2(b'\n', b'\r', text).is_some() || memmem::find(text, several).is_some(),
    };
    special || options.escape_quotes && dialect.quote.is_some_and(|quote| memchr::memchr(quote, text).is_some())
}

fn write_quoted(text: &[u8], options: &CsvWriteOptions, out: &mut Vec<u8>) {
    let dialect = &options.dialect;
    let quote = dialect.quote.unwrap_or(0);
    out.push(quote);
    for &byte in text {
        if Some(byte) == dialect.quote {
            out.push(dialect.escape.unwrap_or(0));
        } else if Some(byte) == dialect.escape {
            out.extend(dialect.escape_escape);
        }
        // Line ends inside of values are the file's too, if those are more than a character.
        if byte == b'\n' && options.line_sep.len() > 1 {
            out.extend_from_slice(options.line_sep.as_bytes());
            continue;
        }
        out.push(byte);
    }
    out.push(quote);
}

fn write_scalar(
    array: &ArrayRef,
    range: Option<IntervalRange>,
    row: usize,
    options: &CsvWriteOptions,
    out: &mut Vec<u8>,
) -> Result<()> {
    match array.data_type() {
        DataType::Boolean => out.extend_from_slice(if array.as_boolean().value(row) { b"true" } else { b"false" }),
        DataType::Int8 => integer(out, array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => integer(out, array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => integer(out, array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => integer(out, array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => write_float(out, array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => write_double(out, array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            write_decimal(out, array.as_primitive::<Decimal128Type>().value(row), *scale, false);
        }
        DataType::Date32 => return options.temporal.write_date(out, array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let us = array.as_primitive::<TimestampMicrosecondType>().value(row);
            return match zone {
                Some(_) => options.temporal.write_timestamp(out, us),
                None => options.temporal.write_timestamp_ntz(out, us),
            };
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            write_time(out, array.as_primitive::<Time64NanosecondType>().value(row))
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            write_year_month(out, array.as_primitive::<IntervalYearMonthType>().value(row), range);
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            write_day_time(out, array.as_primitive::<DurationMicrosecondType>().value(row), range);
        }
        DataType::Binary => write_binary(out, array.as_binary::<i32>().value(row)),
        other => {
            return Err(SparkError::new("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
                .with("format", "CSV")
                .with("columnName", "")
                .with("columnType", format!("\"{}\"", name::sql(other))));
        }
    }
    Ok(())
}

fn integer(out: &mut Vec<u8>, value: i64) {
    // Writing to a Vec does not fail.
    let _ = write!(out, "{value}");
}

/// `[61 FF]`.
fn write_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'[');
    for (index, byte) in bytes.iter().enumerate() {
        let blank = if index > 0 { " " } else { "" };
        let _ = write!(out, "{blank}{byte:02X}");
    }
    out.push(b']');
}
