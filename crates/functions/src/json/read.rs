//! `from_json(json, schema[, options])`. Values are converted column by column: all values of a field at once.
//! What does not fit its type becomes NULL; the rest of the record stays.

use std::sync::Arc;

use arrow::array::BinaryArray;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, DurationMicrosecondArray, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, IntervalYearMonthArray, ListArray, StringArray,
    StructArray, Time64NanosecondArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, IntervalUnit};
use base64::Engine;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{self, IntervalRange, ddl, has_lengths, json, name};
use firesteel_protocol::{Result, SparkError};

use super::options::{Formats, GRAMMAR, Options};
use super::value::Json;
use crate::cast::interval::{parse_day_time, parse_year_month};
use crate::cast::time::time_of;
use crate::collection::list::nullable;
use crate::collection::new_map;
use crate::kernel::{KernelArgs, from_arrow};
use crate::{Call, Typed, constant};

const OPTIONS: &[&str] =
    &["mode", "dateFormat", "timestampFormat", "timestampNTZFormat", "timeZone", "columnNameOfCorruptRecord"];

/// `from_json(json, schema[, options])`.
pub fn from_json(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    let display = format!("{}({})", call.name, call.args[0].name);
    let schema = schema(call, 1)?;
    let data_type = nullable(&schema);
    if !matches!(data_type, DataType::Struct(_) | DataType::List(_) | DataType::Map(..)) {
        return Err(SparkError::new("DATATYPE_MISMATCH.INVALID_JSON_SCHEMA")
            .with("schema", format!("\"{}\"", name::sql(&data_type)))
            .with("sqlExpr", format!("\"{display}\"")));
    }
    if !matches!(call.args[0].data_type, DataType::Utf8 | DataType::Null) {
        return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{display}\""))
            .with("paramIndex", "first")
            .with("requiredType", "\"STRING\"")
            .with("inputSql", format!("\"{}\"", call.args[0].name))
            .with("inputType", format!("\"{}\"", call.args[0].sql_type())));
    }
    let known: Vec<&str> = [OPTIONS, GRAMMAR, OF_INFERENCE].concat();
    let options = Options::of(call, 2, &known)?;
    check_mode(&options, "`from_json`")?;
    let inner = call.with_args(vec![call.coerce(0, &DataType::Utf8)?]);
    let name = if matches!(data_type, DataType::Map(..)) { "entries".to_string() } else { display };
    Ok(inner.kernel_with("from_json", data_type, true, options.encode(), kernel).named(name))
}

/// PERMISSIVE or FAILFAST.
pub(crate) fn check_mode(options: &Options, function: &str) -> Result<()> {
    match options.get("mode").map(str::to_uppercase).as_deref() {
        None | Some("PERMISSIVE" | "FAILFAST") => Ok(()),
        Some(mode @ "DROPMALFORMED") => {
            Err(SparkError::new("PARSE_MODE_UNSUPPORTED").with("funcName", function).with("mode", mode))
        }
        // Spark takes what it does not know for PERMISSIVE.
        Some(_) => Ok(()),
    }
}

/// A constant schema: DDL, JSON, or what `schema_of_json` gives.
pub(crate) fn schema(call: &Call, index: usize) -> Result<DataType> {
    // Spark's parser raises it, but in the analyzer.
    let found = any_schema(call, index).map_err(|error| match error.condition() {
        "UNSUPPORTED_DATATYPE" | "PARSE_SYNTAX_ERROR" => error.raised_as("UNRESOLVED_COLUMN"),
        _ => error,
    })?;
    // Nobody would look at the lengths.
    match has_lengths(&Field::new("", found.clone(), true)) {
        true => Err(SparkError::new("UNSUPPORTED_CHAR_OR_VARCHAR_AS_STRING")),
        false => Ok(found),
    }
}

fn any_schema(call: &Call, index: usize) -> Result<DataType> {
    let arg = &call.args[index];
    let invalid =
        || SparkError::new("INVALID_SCHEMA.NON_STRING_LITERAL").with("inputSchema", format!("\"{}\"", arg.name));
    let Some(ScalarValue::Utf8(Some(text))) = constant::evaluate(&arg.expr) else { return Err(invalid()) };
    if text.trim_start().starts_with('{') || text.trim_start().starts_with('"') {
        return json::parse(&text);
    }
    if let Ok(field) = ddl::parse_type(&text) {
        return Ok(field.data_type().clone());
    }
    // Of a text that is neither a type nor columns Spark tells why it is no type.
    let words: Vec<&str> = text.split_whitespace().collect();
    if let [word] = words.as_slice()
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        return ddl::parse_type(&text).map(|field| field.data_type().clone());
    }
    ddl::parse_schema(&text).map(DataType::Struct).map_err(|error| match words.as_slice() {
        [_, second] if error.condition() == "UNSUPPORTED_DATATYPE" => SparkError::new("PARSE_SYNTAX_ERROR")
            .with("error", format!("'{second}'"))
            .with("hint", format!(": extra input '{second}'")),
        _ => error,
    })
}

fn kernel(args: &KernelArgs) -> Result<ArrayRef> {
    let texts = args.array(0)?;
    convert_texts(texts.as_string::<i32>(), args.return_type, &Options::decode(args.param), args.env)
}

/// Options that say how a schema is found: where it is given they change nothing.
const OF_INFERENCE: &[&str] = &["primitivesAsString", "prefersDecimal", "dropFieldIfAllNull", "samplingRatio"];

/// Reads texts as values of a struct, array or map type.
pub fn convert_texts(
    texts: &StringArray,
    data_type: &DataType,
    options: &Options,
    env: &crate::Env,
) -> Result<ArrayRef> {
    let reader = Reader { formats: Formats::reading(options, env)? };
    let fail_fast = options.get("mode").is_some_and(|mode| mode.eq_ignore_ascii_case("FAILFAST"));
    let grammar = options.grammar();
    let corrupt_name = options.get("columnNameOfCorruptRecord").unwrap_or(&env.corrupt_column);
    // A blank text is no record at all.
    let blank = |row: usize| texts.is_null(row) || texts.value(row).trim().is_empty();
    let parsed: Vec<Option<Json<'_>>> = (0..texts.len())
        .map(|row| if blank(row) { None } else { Json::parse_with(texts.value(row), grammar) })
        .collect();
    let mut bad: Vec<bool> = (0..texts.len()).map(|row| !blank(row) && parsed[row].is_none()).collect();

    let array = match data_type {
        DataType::Struct(fields) => {
            let records: Vec<Option<&Json<'_>>> = parsed.iter().map(Option::as_ref).collect();
            for (record, bad) in records.iter().zip(&mut bad) {
                *bad |= !matches!(record, None | Some(Json::Object(_) | Json::Null));
            }
            let (columns, misfits) = reader.fields(&records, fields)?;
            for (bad, misfit) in bad.iter_mut().zip(misfits) {
                *bad |= misfit;
            }
            // A malformed record is a struct of NULLs, a blank or NULL text is NULL.
            let valid: Vec<bool> = (0..texts.len()).map(|row| !blank(row)).collect();
            let mut columns = columns;
            if let Some(at) = fields.iter().position(|field| field.name() == corrupt_name)
                && fields[at].data_type() == &DataType::Utf8
            {
                let raw = (0..texts.len()).map(|row| bad[row].then(|| texts.value(row)));
                columns[at] = Arc::new(raw.collect::<StringArray>());
            }
            Arc::new(
                StructArray::try_new_with_length(fields.clone(), columns, Some(valid.into()), texts.len())
                    .map_err(from_arrow)?,
            ) as ArrayRef
        }
        DataType::List(element) if matches!(element.data_type(), DataType::Struct(_)) => {
            // A record that is no array is an array of itself.
            let wrapped: Vec<Option<Json<'_>>> = parsed
                .into_iter()
                .map(|value| match value {
                    Some(object @ Json::Object(_)) => Some(Json::Array(vec![object])),
                    other => other,
                })
                .collect();
            let (array, misfits) =
                reader.convert(&wrapped.iter().map(Option::as_ref).collect::<Vec<_>>(), &whole(data_type))?;
            bad.iter_mut().zip(misfits).for_each(|(bad, misfit)| *bad |= misfit);
            array
        }
        _ => {
            let (array, misfits) =
                reader.convert(&parsed.iter().map(Option::as_ref).collect::<Vec<_>>(), &whole(data_type))?;
            bad.iter_mut().zip(misfits).for_each(|(bad, misfit)| *bad |= misfit);
            array
        }
    };
    if fail_fast && let Some(row) = bad.iter().position(|bad| *bad) {
        return Err(SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
            .with("badRecord", bad_record(texts.value(row), data_type))
            .with("failFastMode", "FAILFAST"));
    }
    Ok(array)
}

/// What errors show of a bad record: of a struct the row of NULLs.
pub(crate) fn bad_record(text: &str, data_type: &DataType) -> String {
    match data_type {
        DataType::Struct(fields) => format!("[{}]", vec!["null"; fields.len()].join(",")),
        _ => text.to_string(),
    }
}

struct Reader {
    formats: Formats,
}

/// An array and the rows in which something did not fit.
type Converted = (ArrayRef, Vec<bool>);

impl Reader {
    fn fields(&self, records: &[Option<&Json<'_>>], fields: &Fields) -> Result<(Vec<ArrayRef>, Vec<bool>)> {
        let mut misfits = vec![false; records.len()];
        let mut columns = Vec::with_capacity(fields.len());
        for field in fields {
            // The last of members with the same name counts.
            let member = |record: &Option<&'_ Json<'_>>| -> Option<usize> {
                match record {
                    Some(Json::Object(members)) => members.iter().rposition(|(name, _)| name == field.name()),
                    _ => None,
                }
            };
            let values: Vec<Option<&Json<'_>>> = records
                .iter()
                .map(|record| match (record, member(record)) {
                    (Some(Json::Object(members)), Some(at)) => Some(&members[at].1),
                    _ => None,
                })
                .collect();
            let (column, bad) = self.convert(&values, field)?;
            misfits.iter_mut().zip(bad).for_each(|(all, one)| *all |= one);
            columns.push(column);
        }
        Ok((columns, misfits))
    }

    fn convert(&self, values: &[Option<&Json<'_>>], field: &Field) -> Result<Converted> {
        let data_type = field.data_type();
        let mut bad = vec![false; values.len()];
        // Reads one value; NULL of null, a misfit is marked.
        macro_rules! read {
            ($array:ty, $read:expr) => {{
                let read = $read;
                let array: $array = values
                    .iter()
                    .zip(&mut bad)
                    .map(|(value, bad)| match value {
                        None | Some(Json::Null) => None,
                        Some(value) => {
                            let result = read(*value);
                            *bad = result.is_none();
                            result
                        }
                    })
                    .collect();
                array
            }};
        }
        macro_rules! integer {
            ($array:ty) => {
                Arc::new(read!($array, |value: &Json<'_>| match value {
                    Json::Int(digits) => digits.parse().ok(),
                    _ => None,
                }))
            };
        }
        let array: ArrayRef = match data_type {
            DataType::Utf8 => Arc::new(read!(StringArray, |value: &Json<'_>| Some(value.to_text()))),
            DataType::Boolean => Arc::new(read!(BooleanArray, |value: &Json<'_>| match value {
                Json::Bool(value) => Some(*value),
                _ => None,
            })),
            DataType::Int8 => integer!(Int8Array),
            DataType::Int16 => integer!(Int16Array),
            DataType::Int32 => integer!(Int32Array),
            DataType::Int64 => integer!(Int64Array),
            DataType::Float64 => Arc::new(read!(Float64Array, float)),
            DataType::Float32 => {
                Arc::new(read!(Float32Array, |value: &Json<'_>| float(value).map(|value| value as f32)))
            }
            DataType::Decimal128(precision, scale) => {
                let decimals = read!(Decimal128Array, |value: &Json<'_>| match value {
                    Json::Int(text) | Json::Float(text) => decimal(text, *precision, *scale),
                    Json::Text(text) => decimal(text.trim(), *precision, *scale),
                    _ => None,
                });
                Arc::new(decimals.with_data_type(data_type.clone()))
            }
            DataType::Date32 => Arc::new(read!(Date32Array, |value: &Json<'_>| match value {
                Json::Text(text) => self.formats.parse_date(text),
                _ => None,
            })),
            DataType::Timestamp(_, zone) => {
                let times = read!(TimestampMicrosecondArray, |value: &Json<'_>| match (value, zone) {
                    (Json::Text(text), Some(_)) => self.formats.parse_timestamp(text),
                    (Json::Text(text), None) => self.formats.parse_timestamp_ntz(text),
                    (Json::Int(digits), Some(_)) => digits.parse::<i64>().ok()?.checked_mul(1_000_000),
                    _ => None,
                });
                Arc::new(times.with_data_type(data_type.clone()))
            }
            DataType::Binary => Arc::new(read!(BinaryArray, |value: &Json<'_>| match value {
                Json::Text(text) => base64::engine::general_purpose::STANDARD.decode(text.as_bytes()).ok(),
                _ => None,
            })),
            DataType::Time64(_) => {
                let digits = types::time_precision(data_type, field.metadata()).unwrap_or(types::TIME_DIGITS);
                let unit = 10_i64.pow(9 - u32::from(digits.min(9)));
                Arc::new(read!(Time64NanosecondArray, |value: &Json<'_>| match value {
                    Json::Text(text) => time_of(text).map(|us| us * 1000 / unit * unit),
                    _ => None,
                }))
            }
            DataType::Interval(IntervalUnit::YearMonth) => {
                let units = IntervalRange::of_field(field).unwrap_or(IntervalRange::YEAR_MONTH);
                Arc::new(read!(IntervalYearMonthArray, |value: &Json<'_>| match value {
                    Json::Text(text) => parse_year_month(text, units),
                    _ => None,
                }))
            }
            DataType::Duration(_) => {
                let units = IntervalRange::of_field(field).unwrap_or(IntervalRange::DAY_TIME);
                Arc::new(read!(DurationMicrosecondArray, |value: &Json<'_>| match value {
                    Json::Text(text) => parse_day_time(text, units),
                    _ => None,
                }))
            }
            DataType::Null => new_null_array(data_type, values.len()),
            DataType::Struct(fields) => {
                let objects: Vec<Option<&Json<'_>>> = only(values, &mut bad, |value| matches!(value, Json::Object(_)));
                let (columns, misfits) = self.fields(&objects, fields)?;
                bad.iter_mut().zip(misfits).for_each(|(bad, misfit)| *bad |= misfit);
                let valid: Vec<bool> = objects.iter().map(Option::is_some).collect();
                let array = StructArray::try_new_with_length(fields.clone(), columns, Some(valid.into()), values.len());
                Arc::new(array.map_err(from_arrow)?)
            }
            DataType::List(element) => {
                let arrays = only(values, &mut bad, |value| matches!(value, Json::Array(_)));
                let items = arrays.iter().flatten().flat_map(|array| match array {
                    Json::Array(items) => items.as_slice(),
                    _ => &[],
                });
                let (items, misfits) = self.convert(&items.map(Some).collect::<Vec<_>>(), element)?;
                let lengths: Vec<usize> = arrays
                    .iter()
                    .map(|array| if let Some(Json::Array(items)) = array { items.len() } else { 0 })
                    .collect();
                // An array with an element that does not fit is NULL, unless the element is partly good.
                let whole = matches!(element.data_type(), DataType::Struct(_));
                let valid = spread(&lengths, &misfits, &mut bad)
                    .into_iter()
                    .zip(&arrays)
                    .map(|(bad, array)| array.is_some() && (whole || !bad));
                let valid: Vec<bool> = valid.collect();
                let list = ListArray::try_new(
                    Arc::clone(element),
                    OffsetBuffer::from_lengths(lengths),
                    items,
                    Some(valid.into()),
                );
                Arc::new(list.map_err(from_arrow)?)
            }
            DataType::Map(entries, _) => {
                let DataType::Struct(key_value) = entries.data_type() else {
                    return Err(SparkError::internal("map entries are a struct"));
                };
                let objects = only(values, &mut bad, |value| matches!(value, Json::Object(_)));
                let members = objects.iter().flatten().flat_map(|object| match object {
                    Json::Object(members) => members.as_slice(),
                    _ => &[],
                });
                let (keys, items): (Vec<Json<'_>>, Vec<Option<&Json<'_>>>) =
                    members.map(|(key, value)| (Json::Text(key.clone()), Some(value))).unzip();
                let (keys, _) = self.convert(&keys.iter().map(Some).collect::<Vec<_>>(), &key_value[0])?;
                let (items, misfits) = self.convert(&items, &key_value[1])?;
                let lengths: Vec<usize> = objects
                    .iter()
                    .map(|object| if let Some(Json::Object(members)) = object { members.len() } else { 0 })
                    .collect();
                let spread = spread(&lengths, &misfits, &mut bad);
                let valid: Vec<bool> =
                    spread.into_iter().zip(&objects).map(|(bad, object)| object.is_some() && !bad).collect();
                new_map(data_type, OffsetBuffer::from_lengths(lengths), keys, items, Some(valid.into()))?
            }
            other => {
                return Err(SparkError::unsupported(
                    format!("from_json to {}", name::sql(other)),
                    "Read the member as STRING and cast it.",
                ));
            }
        };
        Ok((array, bad))
    }
}

/// A type outside of any column.
fn whole(data_type: &DataType) -> Field {
    Field::new("value", data_type.clone(), true)
}

/// The values of the right shape; others are marked, nulls left out.
fn only<'j, 'a>(
    values: &[Option<&'j Json<'a>>],
    bad: &mut [bool],
    fits: fn(&Json<'_>) -> bool,
) -> Vec<Option<&'j Json<'a>>> {
    let check = |(value, bad): (&Option<&'j Json<'a>>, &mut bool)| {
        let value = value.filter(|value| **value != Json::Null)?;
        *bad = !fits(value);
        (!*bad).then_some(value)
    };
    values.iter().zip(bad).map(check).collect()
}

/// Marks the rows whose elements are marked; gives those marks alone.
fn spread(lengths: &[usize], misfits: &[bool], bad: &mut [bool]) -> Vec<bool> {
    let mut at = 0;
    let mut marks = Vec::with_capacity(lengths.len());
    for (length, bad) in lengths.iter().zip(bad) {
        let mark = misfits[at..at + length].iter().any(|misfit| *misfit);
        at += length;
        *bad |= mark;
        marks.push(mark);
    }
    marks
}

fn float(value: &Json<'_>) -> Option<f64> {
    match value {
        Json::Int(text) | Json::Float(text) => Json::float(text),
        Json::Text(text) => match text.as_ref() {
            special @ ("NaN" | "Infinity" | "-Infinity" | "+Infinity" | "INF" | "-INF" | "+INF") => {
                Json::float(special)
            }
            _ => None,
        },
        _ => None,
    }
}

/// A number's text as decimal, half up.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut unscaled: i128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        unscaled = unscaled.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
    }
    let shift = i32::from(scale) + exponent - fraction.len() as i32;
    let value = if shift >= 0 {
        unscaled.checked_mul(10_i128.checked_pow(shift as u32)?)?
    } else {
        match 10_i128.checked_pow(shift.unsigned_abs()) {
            Some(divisor) => (unscaled + divisor / 2) / divisor,
            None => 0,
        }
    };
    (value < 10_i128.pow(u32::from(precision))).then_some(sign * value)
}
