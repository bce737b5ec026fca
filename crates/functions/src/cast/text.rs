//! Values as text: what CAST to STRING gives and what `show` prints.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, GenericStringBuilder, PrimitiveArray, StringArray,
    new_null_array,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Field, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
    Time64NanosecondType, TimestampMicrosecondType,
};
use firesteel_protocol::types::{IntervalRange, is_variant};
use firesteel_protocol::{Result, SparkError};

use super::datetime::{write_date, write_time, write_timestamp};
use super::float_digits;
use super::interval::{write_calendar, write_day_time, write_year_month};
use super::zone::Zone;
use crate::Env;
use crate::variant::Variants;

/// Spark's cast to STRING, nested values included.
pub fn to_string_array(array: &ArrayRef, env: &Env) -> Result<ArrayRef> {
    render(array, None, env, cast_style(env))
}

/// [`to_string_array`] of a field's values, whose metadata knows the units of intervals.
pub fn to_string_field(array: &ArrayRef, field: &Field, env: &Env) -> Result<ArrayRef> {
    to_string_units(array, IntervalRange::of_field(field), env)
}

pub(super) fn to_string_units(array: &ArrayRef, units: Option<IntervalRange>, env: &Env) -> Result<ArrayRef> {
    render(array, units, env, cast_style(env))
}

/// What `DataFrame.show` prints: as the cast, but binary as `[61 62]`, NULL inside values as `NULL` and
/// decimals never with an exponent.
pub fn display_array(array: &ArrayRef, field: &Field, env: &Env) -> Result<ArrayRef> {
    render(array, IntervalRange::of_field(field), env, Style::Show)
}

fn cast_style(env: &Env) -> Style {
    if env.legacy.bracketed_texts { Style::Bracketed } else { Style::Cast }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Cast,
    /// Under `spark.sql.legacy.castComplexTypesToString.enabled`.
    Bracketed,
    Show,
}

fn render(array: &ArrayRef, units: Option<IntervalRange>, env: &Env, style: Style) -> Result<ArrayRef> {
    if array.data_type() == &DataType::Utf8 {
        return Ok(Arc::clone(array));
    }
    if array.data_type() == &DataType::Null {
        return Ok(new_null_array(&DataType::Utf8, array.len()));
    }
    let writer = Writer::new(array, units, env, style)?;
    let mut builder = GenericStringBuilder::<i32>::with_capacity(array.len(), array.len() * 8);
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_null();
        } else {
            text.clear();
            writer.write(&mut text, row);
            builder.append_value(&text);
        }
    }
    let strings: StringArray = builder.finish();
    Ok(Arc::new(strings))
}

/// Writes the values of one array.
struct Writer<'a> {
    array: &'a ArrayRef,
    kind: Kind<'a>,
    style: Style,
}

enum Kind<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Int8(&'a PrimitiveArray<Int8Type>),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    Float32(&'a PrimitiveArray<Float32Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Decimal { values: &'a PrimitiveArray<Decimal128Type>, scale: i8, plain: bool },
    Utf8(&'a StringArray),
    Binary(&'a arrow::array::BinaryArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Timestamp(&'a PrimitiveArray<TimestampMicrosecondType>, Zone),
    Time(&'a PrimitiveArray<Time64NanosecondType>),
    YearMonth(&'a PrimitiveArray<IntervalYearMonthType>, IntervalRange),
    DayTime(&'a PrimitiveArray<DurationMicrosecondType>, IntervalRange),
    Calendar(&'a PrimitiveArray<IntervalMonthDayNanoType>),
    List(&'a arrow::array::ListArray, Box<Writer<'a>>),
    Map(&'a arrow::array::MapArray, Box<Writer<'a>>, Box<Writer<'a>>),
    Struct(Vec<Writer<'a>>),
    Variant(Variants, crate::datetime::Zone),
}

impl<'a> Writer<'a> {
    fn new(array: &'a ArrayRef, units: Option<IntervalRange>, env: &Env, style: Style) -> Result<Self> {
        fn p<T: ArrowPrimitiveType>(array: &ArrayRef) -> &PrimitiveArray<T> {
            array.as_primitive::<T>()
        }
        let kind = match array.data_type() {
            DataType::Null => Kind::Null,
            DataType::Boolean => Kind::Boolean(array.as_boolean()),
            DataType::Int8 => Kind::Int8(p(array)),
            DataType::Int16 => Kind::Int16(p(array)),
            DataType::Int32 => Kind::Int32(p(array)),
            DataType::Int64 => Kind::Int64(p(array)),
            DataType::Float32 => Kind::Float32(p(array)),
            DataType::Float64 => Kind::Float64(p(array)),
            // In `show` and in ANSI mode there is never an exponent.
            DataType::Decimal128(_, scale) => {
                Kind::Decimal { values: p(array), scale: *scale, plain: env.ansi || style == Style::Show }
            }
            DataType::Utf8 => Kind::Utf8(array.as_string()),
            DataType::Binary => Kind::Binary(array.as_binary()),
            DataType::Date32 => Kind::Date(p(array)),
            DataType::Timestamp(_, Some(_)) => Kind::Timestamp(p(array), Zone::parse(&env.time_zone)?),
            DataType::Timestamp(_, None) => Kind::Timestamp(p(array), Zone::Fixed(0)),
            DataType::Time64(_) => Kind::Time(p(array)),
            DataType::Interval(IntervalUnit::YearMonth) => {
                Kind::YearMonth(p(array), units.unwrap_or(IntervalRange::YEAR_MONTH))
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => Kind::Calendar(p(array)),
            DataType::Duration(_) => Kind::DayTime(p(array), units.unwrap_or(IntervalRange::DAY_TIME)),
            DataType::List(element) => {
                let list = array.as_list::<i32>();
                Kind::List(list, Box::new(Self::new(list.values(), IntervalRange::of_field(element), env, style)?))
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let (key_field, value_field) = map.entries_fields();
                let key = Self::new(map.keys(), IntervalRange::of_field(key_field), env, style)?;
                let value = Self::new(map.values(), IntervalRange::of_field(value_field), env, style)?;
                Kind::Map(map, Box::new(key), Box::new(value))
            }
            variant if is_variant(variant) => {
                Kind::Variant(Variants::new(array), crate::datetime::Zone::of(&env.time_zone)?)
            }
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns().iter().zip(fields);
                let writer = |(column, field): (&'a ArrayRef, &'a Arc<Field>)| {
                    Self::new(column, IntervalRange::of_field(field), env, style)
                };
                Kind::Struct(columns.map(writer).collect::<Result<_>>()?)
            }
            other => return Err(SparkError::internal(format!("no text for values of {other}"))),
        };
        Ok(Self { array, kind, style })
    }

    /// Before a map or a struct.
    fn opening(&self) -> char {
        if self.style == Style::Bracketed { '[' } else { '{' }
    }

    fn closing(&self) -> char {
        if self.style == Style::Bracketed { ']' } else { '}' }
    }

    /// The space before a value inside of another one, of which nothing may be written.
    fn write_space(&self, out: &mut String, row: usize) {
        if self.style != Style::Bracketed || !self.array.is_null(row) && !matches!(self.kind, Kind::Null) {
            out.push(' ');
        }
    }

    /// Writes a value inside another one, where NULL is a word.
    fn write_nested(&self, out: &mut String, row: usize) {
        match (self.array.is_null(row) || matches!(self.kind, Kind::Null), self.style) {
            (false, _) => self.write(out, row),
            (true, Style::Bracketed) => {}
            (true, Style::Cast) => out.push_str("null"),
            (true, Style::Show) => out.push_str("NULL"),
        }
    }

    fn write(&self, out: &mut String, row: usize) {
        match &self.kind {
            Kind::Null => out.push_str("null"),
            Kind::Boolean(a) => out.push_str(if a.value(row) { "true" } else { "false" }),
            Kind::Int8(a) => push(out, a.value(row)),
            Kind::Int16(a) => push(out, a.value(row)),
            Kind::Int32(a) => push(out, a.value(row)),
            Kind::Int64(a) => push(out, a.value(row)),
            Kind::Float32(a) => out.push_str(&format_f32(a.value(row))),
            Kind::Float64(a) => out.push_str(&format_f64(a.value(row))),
            Kind::Decimal { values, scale, plain: true } => out.push_str(&format_decimal(values.value(row), *scale)),
            Kind::Decimal { values, scale, plain: false } => {
                out.push_str(&format_decimal_with_exponent(values.value(row), *scale));
            }
            Kind::Utf8(a) => out.push_str(a.value(row)),
            Kind::Binary(a) => match self.style {
                Style::Cast | Style::Bracketed => out.push_str(&String::from_utf8_lossy(a.value(row))),
                Style::Show => write_hex(out, a.value(row)),
            },
            Kind::Date(a) => write_date(out, i64::from(a.value(row))),
            Kind::Timestamp(a, zone) => write_timestamp(out, zone.to_local(a.value(row))),
            Kind::Time(a) => write_time(out, a.value(row) / 1000),
            Kind::YearMonth(a, range) => write_year_month(out, a.value(row), *range),
            Kind::DayTime(a, range) => write_day_time(out, a.value(row), *range),
            Kind::Calendar(a) => write_calendar(out, a.value(row)),
            Kind::List(a, items) => {
                let (start, end) = (a.value_offsets()[row] as usize, a.value_offsets()[row + 1] as usize);
                out.push('[');
                for at in start..end {
                    if at > start {
                        out.push(',');
                        items.write_space(out, at);
                    }
                    items.write_nested(out, at);
                }
                out.push(']');
            }
            Kind::Map(a, keys, values) => {
                let (start, end) = (a.value_offsets()[row] as usize, a.value_offsets()[row + 1] as usize);
                out.push(self.opening());
                for at in start..end {
                    if at > start {
                        out.push_str(", ");
                    }
                    keys.write_nested(out, at);
                    out.push_str(" ->");
                    values.write_space(out, at);
                    values.write_nested(out, at);
                }
                out.push(self.closing());
            }
            Kind::Variant(variants, zone) => {
                // Malformed bytes have no text.
                if let Ok(Some(item)) = variants.item(row) {
                    item.write(out, *zone);
                }
            }
            Kind::Struct(columns) => {
                out.push(self.opening());
                for (index, column) in columns.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                        column.write_space(out, row);
                    }
                    column.write_nested(out, row);
                }
                out.push(self.closing());
            }
        }
    }
}

fn push(out: &mut String, value: impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{value}");
}

fn write_hex(out: &mut String, bytes: &[u8]) {
    out.push('[');
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        push(out, format_args!("{byte:02X}"));
    }
    out.push(']');
}

/// Java 17's `Double.toString`.
pub fn format_f64(value: f64) -> String {
    java_float(value, || float_digits::of_f64(value))
}

/// Java 17's `Float.toString`.
pub fn format_f32(value: f32) -> String {
    java_float(f64::from(value), || float_digits::of_f32(value))
}

/// `digits` are those of the absolute value and the power of ten of the first.
fn java_float(value: f64, digits: impl Fn() -> (String, i32)) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{sign}Infinity");
    }
    if value == 0.0 {
        return format!("{sign}0.0");
    }
    let (digits, exponent) = digits();
    if (-3..7).contains(&exponent) {
        format!("{sign}{}", with_point(&digits, exponent))
    } else {
        let fraction = if digits.len() > 1 { &digits[1..] } else { "0" };
        format!("{sign}{}.{fraction}E{exponent}", &digits[..1])
    }
}

/// Digits with a decimal point after place `exponent` and at least one digit on either side.
fn with_point(digits: &str, exponent: i32) -> String {
    if exponent < 0 {
        return format!("0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    if digits.len() > whole {
        format!("{}.{}", &digits[..whole], &digits[whole..])
    } else {
        format!("{digits}{}.0", "0".repeat(whole - digits.len()))
    }
}

/// A double in full, without exponent and without a needless `.0`.
pub fn plain_f64(value: f64) -> String {
    format!("{value}")
}

/// A decimal in full: `-0.050`.
pub fn format_decimal(value: i128, scale: i8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs().to_string();
    if scale <= 0 {
        return format!(
            "{sign}{digits}{}",
            if value == 0 { String::new() } else { "0".repeat(scale.unsigned_abs() as usize) }
        );
    }
    let scale = scale as usize;
    if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        format!("{sign}{whole}.{fraction}")
    } else {
        format!("{sign}0.{}{digits}", "0".repeat(scale - digits.len()))
    }
}

/// Java's `BigDecimal.toString`, which has an exponent for very small values.
pub fn format_decimal_with_exponent(value: i128, scale: i8) -> String {
    let digits = value.unsigned_abs().to_string();
    let adjusted = digits.len() as i32 - 1 - i32::from(scale);
    if scale >= 0 && adjusted >= -6 {
        return format_decimal(value, scale);
    }
    let sign = if value < 0 { "-" } else { "" };
    let point = if digits.len() > 1 { "." } else { "" };
    format!("{sign}{}{point}{}E{adjusted:+}", &digits[..1], &digits[1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_as_java_prints_them() {
        let cases = [(1.0, "1.0"), (1e7, "1.0E7"), (9_999_999.0, "9999999.0"), (0.001, "0.001"), (1e-4, "1.0E-4")];
        for (value, text) in cases {
            assert_eq!(format_f64(value), text);
        }
        assert_eq!(format_f64(-0.0), "-0.0");
        assert_eq!(format_f64(4.9e-324), "4.9E-324");
        assert_eq!(format_f32(0.1), "0.1");
    }

    #[test]
    fn decimals() {
        assert_eq!(format_decimal(-50, 3), "-0.050");
        assert_eq!(format_decimal_with_exponent(100, 9), "1.00E-7");
    }
}
