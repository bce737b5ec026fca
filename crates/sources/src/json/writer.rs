//! Record batches to JSON text, one object a row. Spark's `JacksonGenerator`.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Field, Fields, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use firesteel_functions::datetime::pattern::Purpose;
use firesteel_functions::variant::Variants;
use firesteel_protocol::types::{IntervalRange, is_variant, name};
use firesteel_protocol::{Result, SparkError};

use crate::options::{OptionSpec, illegal_argument};
use crate::record::Temporal;
use crate::record::number::{write_decimal, write_double, write_float};
use crate::record::temporal::{write_day_time, write_time, write_year_month};
use crate::{Options, SourceContext};

const IGNORE_NULL_FIELDS: OptionSpec = OptionSpec {
    key: "ignoreNullFields",
    aliases: &[],
    default: "",
    doc: "Leave out fields that are NULL; spark.sql.jsonGenerator.ignoreNullFields if not given.",
};
const NON_ASCII: OptionSpec = OptionSpec {
    key: "writeNonAsciiCharacterAsCodePoint",
    aliases: &[],
    default: "false",
    doc: "Write characters beyond ASCII as \\uXXXX.",
};
const PRETTY: OptionSpec =
    OptionSpec { key: "pretty", aliases: &[], default: "false", doc: "Indent objects; for `to_json`." };
const LINE_SEP: OptionSpec = OptionSpec { key: "lineSep", aliases: &[], default: "\n", doc: "What ends a record." };

/// How JSON is written.
#[derive(Debug, Clone)]
pub struct JsonWriteOptions {
    pub ignore_null_fields: bool,
    pub ascii_only: bool,
    pub pretty: bool,
    pub line_sep: String,
    pub temporal: Temporal,
}

impl JsonWriteOptions {
    /// Reads the options of a writer.
    pub fn of(options: &Options, ctx: &SourceContext) -> Result<Self> {
        if options.given(&LINE_SEP) == Some("") {
            return Err(illegal_argument("requirement failed: 'lineSep' cannot be an empty string."));
        }
        Ok(Self {
            ignore_null_fields: match options.given(&IGNORE_NULL_FIELDS) {
                Some(_) => options.flag(&IGNORE_NULL_FIELDS)?,
                None => ctx.conf_flag("spark.sql.jsonGenerator.ignoreNullFields", true),
            },
            ascii_only: options.flag(&NON_ASCII)?,
            pretty: options.flag(&PRETTY)?,
            line_sep: options.text(&LINE_SEP).to_string(),
            temporal: Temporal::of(options, ctx, "json", Purpose::Format)?,
        })
    }
}

/// Appends the rows of a batch, each with the line separator behind it.
pub fn encode_batch(batch: &RecordBatch, options: &JsonWriteOptions, out: &mut Vec<u8>) -> Result<()> {
    let names: Vec<&str> = batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    let keys: Vec<Vec<u8>> = names.iter().map(|name| key(name, options)).collect();
    for row in 0..batch.num_rows() {
        encode_object(batch.columns(), batch.schema_ref().fields(), &keys, row, options, 0, out)?;
        out.extend_from_slice(options.line_sep.as_bytes());
    }
    Ok(())
}

/// `"name":`, ready to be written.
fn key(name: &str, options: &JsonWriteOptions) -> Vec<u8> {
    let mut key = vec![];
    write_string(&mut key, name, options.ascii_only);
    key.extend_from_slice(if options.pretty { b" : " } else { b":" });
    key
}

fn encode_object(
    columns: &[ArrayRef],
    fields: &Fields,
    keys: &[Vec<u8>],
    row: usize,
    options: &JsonWriteOptions,
    level: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    out.push(b'{');
    let mut first = true;
    for ((column, key), field) in columns.iter().zip(keys).zip(fields) {
        if options.ignore_null_fields && is_null(column, row) {
            continue;
        }
        separate(&mut first, options, level + 1, out);
        out.extend_from_slice(key);
        value(column, field, row, options, level + 1, out)?;
    }
    close(first, options, level, out);
    out.push(b'}');
    Ok(())
}

fn is_null(column: &ArrayRef, row: usize) -> bool {
    column.is_null(row) || column.data_type() == &DataType::Null
}

/// What stands in front of a field.
fn separate(first: &mut bool, options: &JsonWriteOptions, level: usize, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    if options.pretty {
        indent(level, out);
    }
}

fn close(empty: bool, options: &JsonWriteOptions, level: usize, out: &mut Vec<u8>) {
    match (options.pretty, empty) {
        (true, true) => out.push(b' '),
        (true, false) => indent(level, out),
        (false, _) => {}
    }
}

fn indent(level: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', level * 2));
}

/// Appends a value. `field` is the array's own, which knows the units of intervals.
fn value(
    array: &ArrayRef,
    field: &Field,
    row: usize,
    options: &JsonWriteOptions,
    level: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    if is_null(array, row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Utf8 => write_string(out, array.as_string::<i32>().value(row), options.ascii_only),
        variant if is_variant(variant) => {
            if let Some(item) = Variants::new(array).item(row)? {
                out.extend_from_slice(item.text(options.temporal.zone()).as_bytes());
            }
        }
        DataType::Struct(fields) => {
            let keys: Vec<Vec<u8>> = fields.iter().map(|field| key(field.name(), options)).collect();
            return encode_object(array.as_struct().columns(), fields, &keys, row, options, level, out);
        }
        DataType::List(element) => {
            let elements = array.as_list::<i32>().value(row);
            out.push(b'[');
            for index in 0..elements.len() {
                match (index, options.pretty) {
                    (0, true) => out.push(b' '),
                    (0, false) => {}
                    (_, true) => out.extend_from_slice(b", "),
                    (_, false) => out.push(b','),
                }
                value(&elements, element, index, options, level, out)?;
            }
            if options.pretty {
                out.push(b' ');
            }
            out.push(b']');
        }
        DataType::Map(entry, _) => {
            let DataType::Struct(kv) = entry.data_type() else {
                return Err(SparkError::internal("a map whose entries are no struct"));
            };
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            out.push(b'{');
            let mut first = true;
            for index in 0..entries.len() {
                separate(&mut first, options, level + 1, out);
                out.extend_from_slice(&key(&map_key(keys, index)?, options));
                value(values, &kv[1], index, options, level + 1, out)?;
            }
            close(first, options, level, out);
            out.push(b'}');
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            number_or_text(out, value.is_finite(), |out| write_double(out, value));
        }
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            number_or_text(out, value.is_finite(), |out| write_float(out, value));
        }
        DataType::Date32
        | DataType::Timestamp(..)
        | DataType::Time64(_)
        | DataType::Interval(_)
        | DataType::Duration(_)
        | DataType::Binary => {
            out.push(b'"');
            scalar(array, IntervalRange::of_field(field), row, &options.temporal, out)?;
            out.push(b'"');
        }
        _ => scalar(array, None, row, &options.temporal, out)?,
    }
    Ok(())
}

/// NaN and infinities are written as strings.
fn number_or_text(out: &mut Vec<u8>, number: bool, write: impl FnOnce(&mut Vec<u8>)) {
    if number {
        return write(out);
    }
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// A value without quotes round it.
fn scalar(
    array: &ArrayRef,
    range: Option<IntervalRange>,
    row: usize,
    temporal: &Temporal,
    out: &mut Vec<u8>,
) -> Result<()> {
    match array.data_type() {
        DataType::Boolean => out.extend_from_slice(if array.as_boolean().value(row) { b"true" } else { b"false" }),
        DataType::Int8 => integer(out, array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => integer(out, array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => integer(out, array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => integer(out, array.as_primitive::<Int64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            write_decimal(out, array.as_primitive::<Decimal128Type>().value(row), *scale, false);
        }
        DataType::Date32 => return temporal.write_date(out, array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let us = array.as_primitive::<TimestampMicrosecondType>().value(row);
            return match zone {
                Some(_) => temporal.write_timestamp(out, us),
                None => temporal.write_timestamp_ntz(out, us),
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
        DataType::Binary => encode_base64(out, array.as_binary::<i32>().value(row)),
        other => {
            let feature = format!("writing {} as json", name::sql(other));
            return Err(SparkError::unsupported(feature, "Cast the column to STRING."));
        }
    }
    Ok(())
}

/// Keys of maps are texts of Spark's internal values: dates as days, timestamps as microseconds.
fn map_key(keys: &ArrayRef, row: usize) -> Result<String> {
    let mut text = vec![];
    match keys.data_type() {
        DataType::Utf8 => return Ok(keys.as_string::<i32>().value(row).to_string()),
        DataType::Float64 => write_double(&mut text, keys.as_primitive::<Float64Type>().value(row)),
        DataType::Float32 => write_float(&mut text, keys.as_primitive::<Float32Type>().value(row)),
        DataType::Date32 => integer(&mut text, keys.as_primitive::<Date32Type>().value(row).into()),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            integer(&mut text, keys.as_primitive::<TimestampMicrosecondType>().value(row));
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            integer(&mut text, keys.as_primitive::<IntervalYearMonthType>().value(row).into());
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            integer(&mut text, keys.as_primitive::<DurationMicrosecondType>().value(row));
        }
        DataType::Boolean | DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            scalar(keys, None, row, &Temporal::utc(), &mut text)?;
        }
        DataType::Decimal128(_, scale) => {
            write_decimal(&mut text, keys.as_primitive::<Decimal128Type>().value(row), *scale, false);
        }
        other => {
            let feature = format!("writing maps with keys of type {} as json", name::sql(other));
            return Err(SparkError::unsupported(feature, "Cast the keys to STRING."));
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn integer(out: &mut Vec<u8>, value: i64) {
    // Writing to a Vec does not fail.
    let _ = write!(out, "{value}");
}

/// A string in quotes: quotes, backslashes and control characters are escaped.
fn write_string(out: &mut Vec<u8>, text: &str, ascii_only: bool) {
    out.push(b'"');
    if ascii_only && !text.is_ascii() {
        for unit in text.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => write_plain(out, &[byte]),
                _ => {
                    let _ = write!(out, "\\u{unit:04X}");
                }
            }
        }
    } else {
        write_plain(out, text.as_bytes());
    }
    out.push(b'"');
}

fn write_plain(out: &mut Vec<u8>, text: &[u8]) {
    let mut from = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            control => {
                let _ = write!(out, "\\u{control:04X}");
            }
        }
    }
    out.extend_from_slice(&text[from..]);
}

fn encode_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let bits = group.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= group.len() { digit } else { b'=' });
        }
    }
}
