//! `format_string` (`printf`) as `java.util.Formatter`, and `quote`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, make_array};
use arrow::datatypes::DataType::{self, Utf8};
use arrow::datatypes::IntervalUnit;
use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use firesteel_protocol::{Result, SparkError};

use crate::cast::text::{format_decimal, format_f32, format_f64};
use crate::cast::to_string_array;
use crate::kernel::KernelArgs;
use crate::rowwise::{map_strings, string_at, strings, write_strings};
use crate::{Call, Typed};

/// `format_string(format, ...)`.
pub(super) fn format_string(call: &Call) -> Result<Typed> {
    call.arity(1..)?;
    let mut args = call.args.clone();
    args[0] = call.coerce(0, &Utf8)?;
    let nullable = args[0].nullable;
    Ok(call.with_args(args).kernel("ansi_format_string", Utf8, nullable, kernel).named(call.display()))
}

/// A value to print.
enum Value {
    Null,
    Integer(i128, u32),
    Float(f64, bool),
    Decimal(i128, i8),
    Boolean(bool),
    Text(String),
}

/// An argument's values.
enum Column {
    Typed(ArrayRef),
    /// Already as text.
    Text(ArrayRef),
}

/// The numbers under values of time.
fn raw(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let data = array.to_data().into_builder().data_type(to.clone()).build().map_err(crate::kernel::from_arrow)?;
    Ok(make_array(data))
}

impl Column {
    fn new(array: ArrayRef, args: &KernelArgs<'_>) -> Result<Self> {
        use DataType::{Boolean, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Null};
        Ok(match array.data_type() {
            Null | Boolean | Int8 | Int16 | Int32 | Int64 | Float32 | Float64 | Decimal128(..) => Self::Typed(array),
            // Java is given what stands inside: days, microseconds, months.
            DataType::Date32 | DataType::Interval(IntervalUnit::YearMonth) => Self::Typed(raw(&array, &Int32)?),
            DataType::Timestamp(..) | DataType::Duration(_) | DataType::Time64(_) => Self::Typed(raw(&array, &Int64)?),
            _ => Self::Text(to_string_array(&array, args.env)?),
        })
    }

    fn value(&self, row: usize) -> Value {
        let array = match self {
            Self::Typed(array) | Self::Text(array) => array,
        };
        if array.is_null(row) || array.data_type() == &DataType::Null {
            return Value::Null;
        }
        match array.data_type() {
            DataType::Boolean => Value::Boolean(array.as_boolean().value(row)),
            DataType::Int8 => Value::Integer(i128::from(array.as_primitive::<Int8Type>().value(row)), 8),
            DataType::Int16 => Value::Integer(i128::from(array.as_primitive::<Int16Type>().value(row)), 16),
            DataType::Int32 => Value::Integer(i128::from(array.as_primitive::<Int32Type>().value(row)), 32),
            DataType::Int64 => Value::Integer(i128::from(array.as_primitive::<Int64Type>().value(row)), 64),
            DataType::Float32 => Value::Float(f64::from(array.as_primitive::<Float32Type>().value(row)), true),
            DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row), false),
            DataType::Decimal128(_, scale) => Value::Decimal(array.as_primitive::<Decimal128Type>().value(row), *scale),
            _ => Value::Text(array.as_string::<i32>().value(row).to_string()),
        }
    }
}

/// A piece of a format: text, or a conversion.
enum Piece {
    Text(String),
    Conversion(Conversion),
}

struct Conversion {
    /// Explicit argument number, from 1.
    argument: Option<usize>,
    flags: String,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

fn bad_format(format: &str) -> SparkError {
    SparkError::new("INVALID_PARAMETER_VALUE.PATTERN")
        .with("parameter", "`strfmt`")
        .with("functionName", "`format_string`")
        .with("value", format!("'{format}'"))
}

fn parse(format: &str) -> Result<Vec<Piece>> {
    let mut pieces = vec![];
    let mut text = String::new();
    let mut characters = format.chars().peekable();
    while let Some(c) = characters.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let mut digits = String::new();
        let mut flags = String::new();
        let mut argument = None;
        loop {
            match characters.peek() {
                Some(c @ ('-' | '#' | '+' | ' ' | ',' | '(')) => {
                    flags.push(*c);
                    characters.next();
                }
                Some('0') if digits.is_empty() => {
                    flags.push('0');
                    characters.next();
                }
                Some(c) if c.is_ascii_digit() => {
                    digits.push(*c);
                    characters.next();
                }
                Some('$') if argument.is_none() && flags == "0" && digits.is_empty() => {
                    return Err(SparkError::new("INVALID_PARAMETER_VALUE.ZERO_INDEX")
                        .with("parameter", "`strfmt`")
                        .with("functionName", "`format_string`"));
                }
                Some('$') => {
                    argument = digits.parse().ok();
                    digits.clear();
                    characters.next();
                }
                _ => break,
            }
        }
        let mut precision = None;
        if characters.peek() == Some(&'.') {
            characters.next();
            let mut places = String::new();
            while let Some(c) = characters.peek().filter(|c| c.is_ascii_digit()) {
                places.push(*c);
                characters.next();
            }
            precision = Some(places.parse().map_err(|_| bad_format(format))?);
        }
        let kind = characters.next().ok_or_else(|| bad_format(format))?;
        match kind {
            '%' => text.push('%'),
            'n' => text.push('\n'),
            kind => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                let width = digits.parse().unwrap_or(0);
                pieces.push(Piece::Conversion(Conversion { argument, flags, width, precision, kind }));
            }
        }
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let formats = strings(args, 0)?;
    let columns =
        (1..args.args.len()).map(|index| Column::new(args.array(index)?, args)).collect::<Result<Vec<_>>>()?;
    let constant = args.scalar_str(0).flatten().map(parse).transpose()?;
    write_strings(args.rows, |row, out| {
        let Some(format) = string_at(&formats, row) else { return Ok(false) };
        let own;
        let pieces = match &constant {
            Some(pieces) => pieces,
            None => {
                own = parse(format)?;
                &own
            }
        };
        let mut next = 0;
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Conversion(conversion) => {
                    let index = conversion.argument.map_or_else(
                        || {
                            next += 1;
                            next - 1
                        },
                        |number| number.saturating_sub(1),
                    );
                    let column = columns.get(index).ok_or_else(|| missing_argument(conversion))?;
                    convert(conversion, &column.value(row), out)?;
                }
            }
        }
        Ok(true)
    })
}

fn missing_argument(conversion: &Conversion) -> SparkError {
    java_error(format!("Format specifier '%{}'", conversion.kind))
}

fn mismatch(conversion: &Conversion, value: &Value) -> SparkError {
    let class = match value {
        Value::Text(_) => "org.apache.spark.unsafe.types.UTF8String",
        Value::Float(..) => "java.lang.Double",
        Value::Decimal(..) => "org.apache.spark.sql.types.Decimal",
        Value::Integer(..) => "java.lang.Integer",
        Value::Boolean(_) => "java.lang.Boolean",
        Value::Null => "null",
    };
    java_error(format!("{} != {class}", conversion.kind))
}

/// An exception of Java's `Formatter`, which has no condition in Spark.
fn java_error(message: String) -> SparkError {
    SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(message)
}

fn convert(conversion: &Conversion, value: &Value, out: &mut String) -> Result<()> {
    let upper = conversion.kind.is_ascii_uppercase();
    let text = match (conversion.kind.to_ascii_lowercase(), value) {
        ('b', Value::Null) => "false".to_string(),
        ('b', Value::Boolean(value)) => value.to_string(),
        ('b', _) => "true".to_string(),
        (_, Value::Null) => cut("null".to_string(), conversion.precision),
        ('s', value) => cut(plain(value), conversion.precision),
        ('d', Value::Integer(value, _)) => {
            return number(conversion, *value < 0, value.unsigned_abs().to_string(), out);
        }
        ('x', Value::Integer(value, bits)) => return radix(conversion, format!("{:x}", wrapped(*value, *bits)), out),
        ('o', Value::Integer(value, bits)) => return radix(conversion, format!("{:o}", wrapped(*value, *bits)), out),
        ('c', Value::Integer(value, _)) => {
            u32::try_from(*value).ok().and_then(char::from_u32).map(String::from).unwrap_or_default()
        }
        ('f' | 'e' | 'g', Value::Float(value, _)) if !value.is_finite() => format_f64(*value),
        ('f', Value::Float(value, _)) => {
            let digits = fixed(value.abs(), conversion.precision.unwrap_or(6));
            return number(conversion, value.is_sign_negative(), digits, out);
        }
        ('f', Value::Decimal(value, scale)) => {
            let places = conversion.precision.unwrap_or(6) as i8;
            let rescaled = crate::cast::decimal::rescale(value.abs(), *scale, places).unwrap_or(value.abs());
            return number(conversion, *value < 0, format_decimal(rescaled, places), out);
        }
        ('e', Value::Float(value, _)) => {
            let digits = scientific(value.abs(), conversion.precision.unwrap_or(6));
            return number(conversion, value.is_sign_negative(), digits, out);
        }
        ('g', Value::Float(value, _)) => {
            let digits = general(value.abs(), conversion.precision.unwrap_or(6).max(1));
            return number(conversion, value.is_sign_negative(), digits, out);
        }
        _ => return Err(mismatch(conversion, value)),
    };
    pad(if upper { text.to_uppercase() } else { text }, conversion, out);
    Ok(())
}

fn wrapped(value: i128, bits: u32) -> u128 {
    if bits == 128 { value as u128 } else { (value as u128) & ((1_u128 << bits) - 1) }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Integer(value, _) => value.to_string(),
        Value::Float(value, true) => format_f32(*value as f32),
        Value::Float(value, false) => format_f64(*value),
        Value::Decimal(value, scale) => format_decimal(*value, *scale),
        Value::Boolean(value) => value.to_string(),
        Value::Text(text) => text.clone(),
    }
}

fn cut(text: String, precision: Option<usize>) -> String {
    match precision {
        Some(length) => text.chars().take(length).collect(),
        None => text,
    }
}

/// Digits of a double rounded half up from its shortest form, as Java's Formatter does.
fn fixed(value: f64, places: usize) -> String {
    let places = places.min(30) as i8;
    match crate::cast::decimal::parse(&format!("{value:e}"), places) {
        crate::cast::decimal::Parsed::Value(unscaled) => format_decimal(unscaled, places),
        _ => format!("{value:.*}", places as usize),
    }
}

fn scientific(value: f64, places: usize) -> String {
    let text = format!("{value:.places$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn general(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return fixed(value, digits - 1);
    }
    if (1e-4..10_f64.powi(digits as i32)).contains(&value) {
        let whole = value.log10().floor() as i32 + 1;
        fixed(value, (digits as i32 - whole.max(1)).max(0) as usize + if whole < 1 { (1 - whole) as usize } else { 0 })
    } else {
        scientific(value, digits - 1)
    }
}

/// Sign, grouping and zero padding round the digits of a number.
fn number(conversion: &Conversion, negative: bool, mut digits: String, out: &mut String) -> Result<()> {
    let flag = |c: char| conversion.flags.contains(c);
    if flag(',') {
        let (whole, rest) = match digits.find('.') {
            Some(at) => digits.split_at(at),
            None => (digits.as_str(), ""),
        };
        digits = format!("{}{rest}", grouped(whole));
    }
    if conversion.kind.is_ascii_uppercase() {
        digits = digits.to_uppercase();
    }
    let (before, after) = match negative {
        true if flag('(') => ("(", ")"),
        true => ("-", ""),
        false if flag('+') => ("+", ""),
        false if flag(' ') => (" ", ""),
        false => ("", ""),
    };
    if flag('0') {
        let length = before.len() + digits.len() + after.len();
        digits = format!("{}{digits}", "0".repeat(conversion.width.saturating_sub(length)));
    }
    pad(format!("{before}{digits}{after}"), conversion, out);
    Ok(())
}

/// Digits with a comma before each group of three.
pub(super) fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn radix(conversion: &Conversion, digits: String, out: &mut String) -> Result<()> {
    let prefix = match (conversion.flags.contains('#'), conversion.kind.to_ascii_lowercase()) {
        (true, 'x') => "0x",
        (true, _) => "0",
        _ => "",
    };
    let zeros = if conversion.flags.contains('0') {
        "0".repeat(conversion.width.saturating_sub(prefix.len() + digits.len()))
    } else {
        String::new()
    };
    let text = format!("{prefix}{zeros}{digits}");
    pad(if conversion.kind.is_ascii_uppercase() { text.to_uppercase() } else { text }, conversion, out);
    Ok(())
}

fn pad(text: String, conversion: &Conversion, out: &mut String) {
    let missing = conversion.width.saturating_sub(text.chars().count());
    let blanks = " ".repeat(missing);
    if conversion.flags.contains('-') {
        out.push_str(&text);
        out.push_str(&blanks);
    } else {
        out.push_str(&blanks);
        out.push_str(&text);
    }
}

/// A string in single quotes, quotes in it escaped.
pub(super) fn quote(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let quoted: ArrayRef = map_strings(&strings(args, 0)?, |value, out| {
        out.push('\'');
        for c in value.chars() {
            if c == '\'' {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('\'');
    });
    Ok(Arc::clone(&quoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_java_formats_them() {
        assert_eq!(grouped("1234567"), "1,234,567");
        assert_eq!(fixed(1.005, 2), "1.01");
        assert_eq!(scientific(12345.678, 6), "1.234568e+04");
    }
}
