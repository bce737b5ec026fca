//! Casts to and between integers and floats, and their parsing: Spark's `UTF8String.toLong` and
//! Java's `Double.parseDouble`.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryBuilder, BooleanArray, PrimitiveArray, StringArray,
};
use arrow::compute::cast as arrow_cast;
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use firesteel_protocol::{Result, SparkError};

use super::text::{format_f32, format_f64};
use super::{EvalMode, cast_invalid_input, cast_overflow};
use crate::kernel::from_arrow;

/// Spark's `trimAll`: no whitespace or control characters at either end.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ' || c == '\u{7f}')
}

/// An integer as Spark reads it. `allow_fraction` drops digits after a point (outside ANSI mode).
pub fn parse_i64(text: &str, allow_fraction: bool) -> Option<i64> {
    let bytes = trim(text).as_bytes();
    let (negative, digits) = match bytes.first()? {
        b'-' => (true, &bytes[1..]),
        b'+' => (false, &bytes[1..]),
        _ => (false, bytes),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    let mut at = 0;
    while at < digits.len() {
        let byte = digits[at];
        at += 1;
        if byte == b'.' && allow_fraction {
            break;
        }
        if !byte.is_ascii_digit() {
            return None;
        }
        // Counted downwards, since the smallest integer has no positive twin.
        value = value.checked_mul(10)?.checked_sub(i64::from(byte - b'0'))?;
    }
    if !digits[at..].iter().all(u8::is_ascii_digit) {
        return None;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// A float as Java's `Double.parseDouble` and Spark's special words read it.
pub fn parse_f64(text: &str) -> Option<f64> {
    parse_float(text, |digits| digits.parse().ok(), f64::NAN, f64::INFINITY)
}

fn parse_f32(text: &str) -> Option<f32> {
    parse_float(text, |digits| digits.parse().ok(), f32::NAN, f32::INFINITY)
}

fn parse_float<F: std::ops::Neg<Output = F>>(
    text: &str,
    parse: impl Fn(&str) -> Option<F>,
    nan: F,
    infinity: F,
) -> Option<F> {
    let text = trim(text);
    match text.as_bytes().last()? {
        b'0'..=b'9' | b'.' => plain_digits(text).then(|| parse(text)).flatten(),
        b'd' | b'D' | b'f' | b'F'
            if text.len() > 1 && matches!(text.as_bytes()[text.len() - 2], b'0'..=b'9' | b'.') =>
        {
            let digits = &text[..text.len() - 1];
            plain_digits(digits).then(|| parse(digits)).flatten()
        }
        _ => match text.to_ascii_lowercase().as_str() {
            "nan" => Some(nan),
            "inf" | "+inf" | "infinity" | "+infinity" => Some(infinity),
            "-inf" | "-infinity" => Some(-infinity),
            _ => None,
        },
    }
}

/// Rust reads `inf`, `nan` and the like by itself; those words have been dealt with.
fn plain_digits(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E')) && text != "."
}

pub(super) fn parse_integers(array: &StringArray, to: &DataType, mode: EvalMode) -> Result<ArrayRef> {
    fn parse<T: ArrowPrimitiveType>(array: &StringArray, to: &DataType, mode: EvalMode) -> Result<ArrayRef>
    where
        T::Native: TryFrom<i64>,
    {
        let legacy = mode == EvalMode::Legacy;
        let values = array.iter().map(|value| {
            let Some(text) = value else { return Ok(None) };
            match parse_i64(text, legacy).and_then(|number| T::Native::try_from(number).ok()) {
                Some(number) => Ok(Some(number)),
                None => mode.misfit(|| cast_invalid_input(text, &DataType::Utf8, to)),
            }
        });
        Ok(Arc::new(values.collect::<Result<PrimitiveArray<T>>>()?))
    }
    match to {
        DataType::Int8 => parse::<Int8Type>(array, to, mode),
        DataType::Int16 => parse::<Int16Type>(array, to, mode),
        DataType::Int32 => parse::<Int32Type>(array, to, mode),
        _ => parse::<Int64Type>(array, to, mode),
    }
}

pub(super) fn parse_floats(array: &StringArray, to: &DataType, mode: EvalMode) -> Result<ArrayRef> {
    fn parse<T: ArrowPrimitiveType>(
        array: &StringArray,
        to: &DataType,
        mode: EvalMode,
        parse_one: fn(&str) -> Option<T::Native>,
    ) -> Result<ArrayRef> {
        let values = array.iter().map(|value| {
            let Some(text) = value else { return Ok(None) };
            match parse_one(text) {
                Some(number) => Ok(Some(number)),
                None => mode.misfit(|| cast_invalid_input(text, &DataType::Utf8, to)),
            }
        });
        Ok(Arc::new(values.collect::<Result<PrimitiveArray<T>>>()?))
    }
    match to {
        DataType::Float32 => parse::<Float32Type>(array, to, mode, parse_f32),
        _ => parse::<Float64Type>(array, to, mode, parse_f64),
    }
}

pub(super) fn from_boolean(array: &BooleanArray, to: &DataType, mode: EvalMode) -> Result<ArrayRef> {
    let bytes: ArrayRef = Arc::new(array.iter().map(|value| value.map(i8::from)).collect::<PrimitiveArray<Int8Type>>());
    match to {
        DataType::Decimal128(..) => super::decimal::from_number(&bytes, to, mode),
        _ => arrow_cast(&bytes, to).map_err(from_arrow),
    }
}

pub(super) fn to_boolean(array: &ArrayRef) -> Result<ArrayRef> {
    fn nonzero<T: ArrowPrimitiveType>(array: &ArrayRef) -> ArrayRef {
        let array = array.as_primitive::<T>();
        let zero = T::Native::default();
        // `!=`, so that -0.0 is false and NaN true.
        Arc::new(BooleanArray::from_unary(array, |value| value != zero))
    }
    Ok(match array.data_type() {
        DataType::Int8 => nonzero::<Int8Type>(array),
        DataType::Int16 => nonzero::<Int16Type>(array),
        DataType::Int32 => nonzero::<Int32Type>(array),
        DataType::Int64 => nonzero::<Int64Type>(array),
        DataType::Float32 => nonzero::<Float32Type>(array),
        DataType::Float64 => nonzero::<Float64Type>(array),
        DataType::Decimal128(..) => nonzero::<Decimal128Type>(array),
        other => return Err(SparkError::internal(format!("no cast from {other} to BOOLEAN"))),
    })
}

/// Integers and floats to integers and floats.
pub(super) fn to_number(array: &ArrayRef, to: &DataType, mode: EvalMode) -> Result<ArrayRef> {
    match (array.data_type(), to) {
        (_, DataType::Float32 | DataType::Float64) => arrow_cast(array, to).map_err(from_arrow),
        (DataType::Float32 | DataType::Float64, _) => float_to_integer(array, to, mode),
        _ => {
            let wide = arrow_cast(array, &DataType::Int64).map_err(from_arrow)?;
            narrow(wide.as_primitive(), array.data_type(), to, mode)
        }
    }
}

/// Long integers as a narrower type; `from` is the type that errors name.
pub(super) fn narrow(
    array: &PrimitiveArray<Int64Type>,
    from: &DataType,
    to: &DataType,
    mode: EvalMode,
) -> Result<ArrayRef> {
    fn one<T: ArrowPrimitiveType>(
        array: &PrimitiveArray<Int64Type>,
        from: &DataType,
        to: &DataType,
        mode: EvalMode,
        wrap: fn(i64) -> T::Native,
    ) -> Result<ArrayRef>
    where
        T::Native: TryFrom<i64>,
    {
        if mode == EvalMode::Legacy {
            return Ok(Arc::new(array.unary::<_, T>(wrap)));
        }
        if mode == EvalMode::Try {
            return Ok(Arc::new(array.unary_opt::<_, T>(|value| T::Native::try_from(value).ok())));
        }
        let checked = array.try_unary::<_, T, _>(|value| {
            T::Native::try_from(value).map_err(|_| cast_overflow(integer_literal(value, from), from, to))
        });
        Ok(Arc::new(checked?))
    }
    match to {
        DataType::Int8 => one::<Int8Type>(array, from, to, mode, |v| v as i8),
        DataType::Int16 => one::<Int16Type>(array, from, to, mode, |v| v as i16),
        DataType::Int32 => one::<Int32Type>(array, from, to, mode, |v| v as i32),
        _ => Ok(Arc::new(array.clone())),
    }
}

/// An integer as Spark prints it in errors: `300`, `3000000000L`, `7S`, `1Y`.
pub(crate) fn integer_literal(value: i64, data_type: &DataType) -> String {
    let suffix = match data_type {
        DataType::Int8 => "Y",
        DataType::Int16 => "S",
        DataType::Int64 => "L",
        _ => "",
    };
    format!("{value}{suffix}")
}

fn float_to_integer(array: &ArrayRef, to: &DataType, mode: EvalMode) -> Result<ArrayRef> {
    let from = array.data_type();
    let single = from == &DataType::Float32;
    let wide = arrow_cast(array, &DataType::Float64).map_err(from_arrow)?;
    let wide = wide.as_primitive::<Float64Type>();
    let (low, high) = match to {
        DataType::Int8 => (f64::from(i8::MIN), f64::from(i8::MAX)),
        DataType::Int16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
        DataType::Int32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        _ => (i64::MIN as f64, i64::MAX as f64),
    };
    if mode == EvalMode::Legacy {
        // As Java: to int or long, saturating, then cut to the narrow type.
        let whole = wide.unary::<_, Int64Type>(|value| match to {
            DataType::Int64 => value as i64,
            _ => i64::from(value as i32),
        });
        return narrow(&whole, from, to, EvalMode::Legacy);
    }
    let literal = |value: f64| match (single, value.is_finite()) {
        (true, true) => format_f32(value as f32),
        (false, true) => format!("{}D", format_f64(value)),
        (_, false) => format_f64(value),
    };
    let convert = |value: f64| (value.floor() <= high && value.ceil() >= low).then_some(value as i64);
    let whole = if mode == EvalMode::Try {
        wide.unary_opt::<_, Int64Type>(convert)
    } else {
        wide.try_unary::<_, Int64Type, _>(|value| {
            convert(value).ok_or_else(|| cast_overflow(literal(value), from, to))
        })?
    };
    narrow(&whole, from, to, mode)
}

/// Big-endian bytes of integers: outside ANSI mode only.
pub(super) fn to_binary(array: &ArrayRef) -> Result<ArrayRef> {
    let width = match array.data_type() {
        DataType::Int8 => 1,
        DataType::Int16 => 2,
        DataType::Int32 => 4,
        _ => 8,
    };
    let wide = arrow_cast(array, &DataType::Int64).map_err(from_arrow)?;
    let mut builder = BinaryBuilder::with_capacity(array.len(), array.len() * width);
    for value in wide.as_primitive::<Int64Type>() {
        builder.append_option(value.map(|value| value.to_be_bytes()[8 - width..].to_vec()));
    }
    Ok(Arc::new(builder.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        assert_eq!(parse_i64(" -9223372036854775808\n", false), Some(i64::MIN));
        assert_eq!(parse_i64("9223372036854775808", false), None);
        assert_eq!(parse_i64("1.9", true), Some(1));
        assert_eq!(parse_i64("1.9", false), None);
        assert_eq!(parse_i64("+", false), None);
    }

    #[test]
    fn floats() {
        assert_eq!(parse_f64("1e5"), Some(1e5));
        assert_eq!(parse_f64("5.d"), Some(5.0));
        assert_eq!(parse_f64("-Inf"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_f64("infx"), None);
    }
}
