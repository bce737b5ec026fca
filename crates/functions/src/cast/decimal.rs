//! Casts to and from DECIMAL, half rounded away from zero, as Spark's `Decimal.changePrecision`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray};
use arrow::compute::cast as arrow_cast;
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int64Type};
use firesteel_protocol::Result;

use super::text::{format_decimal, plain_f64};
use super::{EvalMode, cast_invalid_input, cast_overflow, number, out_of_range};
use crate::coerce;
use crate::kernel::from_arrow;

/// 10^`exponent`; `exponent` is at most 38.
pub fn power_of_ten(exponent: u32) -> i128 {
    POWERS[exponent as usize]
}

const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// Whether a value has at most `precision` digits.
pub fn fits(value: i128, precision: u8) -> bool {
    value.unsigned_abs() < power_of_ten(u32::from(precision)).unsigned_abs()
}

/// Precision and scale of a decimal type.
pub fn precision_scale(data_type: &DataType) -> (u8, i8) {
    match data_type {
        DataType::Decimal128(precision, scale) => (*precision, *scale),
        _ => (38, 18),
    }
}

/// An array of a decimal type out of its unscaled values.
pub fn with_type(array: PrimitiveArray<Decimal128Type>, to: &DataType) -> ArrayRef {
    Arc::new(array.with_data_type(to.clone()))
}

/// Quotient of integers, half rounded away from zero.
pub fn divide_half_up(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value / divisor, value % divisor);
    // `rest` is below 10^38, so that doubling stays in range.
    if rest.unsigned_abs() * 2 >= divisor.unsigned_abs() {
        quotient + if (value < 0) == (divisor < 0) { 1 } else { -1 }
    } else {
        quotient
    }
}

/// An unscaled value at another scale; `None` when it leaves the range of 38 digits.
pub fn rescale(value: i128, from: i8, to: i8) -> Option<i128> {
    let shift = i32::from(to) - i32::from(from);
    if shift >= 0 {
        if value == 0 {
            return Some(0);
        }
        (shift <= 38).then(|| value.checked_mul(power_of_ten(shift as u32))).flatten()
    } else if shift < -38 {
        Some(0)
    } else {
        Some(divide_half_up(value, power_of_ten(shift.unsigned_abs())))
    }
}

/// What a text says as a decimal of a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    Value(i128),
    TooLarge,
    Malformed,
}

/// Reads `[+-]digits[.digits][E[+-]digits]` at the given scale.
pub fn parse(text: &str, scale: i8) -> Parsed {
    let bytes = text.as_bytes();
    let (negative, mut rest) = match bytes.first() {
        Some(b'-') => (true, &bytes[1..]),
        Some(b'+') => (false, &bytes[1..]),
        Some(_) => (false, bytes),
        None => return Parsed::Malformed,
    };
    let mut exponent: i64 = 0;
    if let Some(at) = rest.iter().position(|b| matches!(b, b'e' | b'E')) {
        let digits = std::str::from_utf8(&rest[at + 1..]).unwrap_or("");
        let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        if unsigned.is_empty() || unsigned.len() > 10 || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
            return Parsed::Malformed;
        }
        exponent = digits.parse().unwrap_or(0);
        rest = &rest[..at];
    }
    let point = rest.iter().position(|b| *b == b'.').unwrap_or(rest.len());
    let fraction = rest.get(point + 1..).unwrap_or(&[]);
    let whole = &rest[..point];
    if whole.is_empty() && fraction.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Parsed::Malformed;
    }
    // The value is 0.d1d2d3... * 10^places.
    let digits = whole.iter().chain(fraction).map(|b| b - b'0');
    let leading = digits.clone().take_while(|d| *d == 0).count();
    let places = whole.len() as i64 + exponent - leading as i64;
    let kept = places + i64::from(scale);
    let mut digits = digits.skip(leading).peekable();
    if digits.peek().is_none() || kept < 0 {
        return Parsed::Value(0);
    }
    if kept > 39 {
        return Parsed::TooLarge;
    }
    let mut value: i128 = 0;
    for _ in 0..kept {
        let digit = i128::from(digits.next().unwrap_or(0));
        match value.checked_mul(10).and_then(|value| value.checked_add(digit)) {
            Some(next) => value = next,
            None => return Parsed::TooLarge,
        }
    }
    if digits.next().unwrap_or(0) >= 5 {
        value += 1;
    }
    Parsed::Value(if negative { -value } else { value })
}

/// A number's text without plus, exponent and zeros in front.
fn plain(text: &str) -> String {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => ("-", &text[1..]),
        Some(b'+') => ("", &text[1..]),
        _ => ("", text),
    };
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    // Texts that fit into no type at all stay as they are.
    let Some(exponent) = exponent.parse::<i32>().ok().filter(|exponent| exponent.abs() < 1_000) else {
        return text.to_string();
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = whole.len() as i32 + exponent;
    let (whole, fraction) = match usize::try_from(point) {
        Ok(point) if point >= digits.len() => (format!("{digits}{}", "0".repeat(point - digits.len())), String::new()),
        Ok(point) => (digits[..point].to_string(), digits[point..].to_string()),
        Err(_) => (String::new(), format!("{}{digits}", "0".repeat(point.unsigned_abs() as usize))),
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

pub(super) fn parse_decimals(array: &StringArray, to: &DataType, mode: EvalMode) -> Result<ArrayRef> {
    let (precision, scale) = precision_scale(to);
    let values = array.iter().map(|value| {
        let Some(text) = value else { return Ok(None) };
        let trimmed = number::trim(text);
        match parse(trimmed, scale) {
            Parsed::Value(value) if fits(value, precision) => Ok(Some(value)),
            Parsed::Malformed => mode.misfit(|| cast_invalid_input(text, &DataType::Utf8, to)),
            _ => mode.misfit(|| out_of_range(plain(trimmed), precision, scale)),
        }
    });
    Ok(with_type(values.collect::<Result<PrimitiveArray<Decimal128Type>>>()?, to))
}

/// Integers, floats and decimals to a decimal.
pub(super) fn from_number(array: &ArrayRef, to: &DataType, mode: EvalMode) -> Result<ArrayRef> {
    let (precision, scale) = precision_scale(to);
    match array.data_type() {
        DataType::Float32 | DataType::Float64 => {
            let wide = arrow_cast(array, &DataType::Float64).map_err(from_arrow)?;
            let values = wide.as_primitive::<Float64Type>().iter().map(|value| {
                let Some(value) = value.filter(|value| value.is_finite()) else { return Ok(None) };
                match parse(&format!("{value:e}"), scale) {
                    Parsed::Value(value) if fits(value, precision) => Ok(Some(value)),
                    _ => mode.misfit(|| out_of_range(plain_f64(value), precision, scale)),
                }
            });
            Ok(with_type(values.collect::<Result<PrimitiveArray<Decimal128Type>>>()?, to))
        }
        from => {
            let (_, from_scale) = coerce::decimal_of(from).unwrap_or((38, 0));
            let unscaled: PrimitiveArray<Decimal128Type> = match from {
                DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().clone(),
                _ => {
                    let wide = arrow_cast(array, &DataType::Int64).map_err(from_arrow)?;
                    wide.as_primitive::<Int64Type>().unary(i128::from)
                }
            };
            change_precision(&unscaled, from_scale, to, mode)
        }
    }
}

/// Unscaled values of scale `from_scale` as the decimal type `to`.
pub fn change_precision(
    unscaled: &PrimitiveArray<Decimal128Type>,
    from_scale: i8,
    to: &DataType,
    mode: EvalMode,
) -> Result<ArrayRef> {
    let (precision, scale) = precision_scale(to);
    let convert = |value: i128| rescale(value, from_scale, scale).filter(|value| fits(*value, precision));
    let values = if mode == EvalMode::Ansi {
        unscaled.try_unary::<_, Decimal128Type, _>(|value| {
            convert(value).ok_or_else(|| out_of_range(format_decimal(value, from_scale), precision, scale))
        })?
    } else {
        unscaled.unary_opt::<_, Decimal128Type>(convert)
    };
    Ok(with_type(values, to))
}

/// A decimal as the nearest double.
pub fn to_f64(value: i128, scale: i8) -> f64 {
    const EXACT: u128 = 1 << 53;
    if value.unsigned_abs() <= EXACT && (0..=22).contains(&scale) {
        // Both operands are exact, so that the quotient is rounded once.
        return value as f64 / 10_f64.powi(i32::from(scale));
    }
    format_decimal(value, scale).parse().unwrap_or(f64::NAN)
}

/// Decimals to integers (cut) and floats.
pub(super) fn to_number(array: &ArrayRef, to: &DataType, mode: EvalMode) -> Result<ArrayRef> {
    let from = array.data_type();
    let (_, scale) = precision_scale(from);
    let decimals = array.as_primitive::<Decimal128Type>();
    match to {
        DataType::Float64 => Ok(Arc::new(decimals.unary::<_, Float64Type>(|value| to_f64(value, scale)))),
        DataType::Float32 => {
            let single = |value: i128| {
                if value.unsigned_abs() <= 1 << 24 && (0..=10).contains(&scale) {
                    value as f32 / 10_f32.powi(i32::from(scale))
                } else {
                    format_decimal(value, scale).parse().unwrap_or(f32::NAN)
                }
            };
            Ok(Arc::new(decimals.unary::<_, Float32Type>(single)))
        }
        _ => {
            let divisor = power_of_ten(scale.max(0) as u32);
            let (low, high) = match to {
                DataType::Int8 => (i128::from(i8::MIN), i128::from(i8::MAX)),
                DataType::Int16 => (i128::from(i16::MIN), i128::from(i16::MAX)),
                DataType::Int32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
                _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
            };
            let whole = match mode {
                // Java's `longValue` keeps the low bits.
                EvalMode::Legacy => decimals.unary::<_, Int64Type>(|value| (value / divisor) as i64),
                EvalMode::Try => decimals.unary_opt::<_, Int64Type>(|value| {
                    let whole = value / divisor;
                    (low..=high).contains(&whole).then_some(whole as i64)
                }),
                EvalMode::Ansi => decimals.try_unary::<_, Int64Type, _>(|value| {
                    let whole = value / divisor;
                    if (low..=high).contains(&whole) {
                        return Ok(whole as i64);
                    }
                    Err(cast_overflow(format!("{}BD", format_decimal(value, scale)), from, to))
                })?,
            };
            number::narrow(&whole, from, to, EvalMode::Legacy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!(parse("1.25", 1), Parsed::Value(13));
        assert_eq!(parse("-1.25", 1), Parsed::Value(-13));
        assert_eq!(parse("1e5", 2), Parsed::Value(10_000_000));
        assert_eq!(parse("1e-40", 38), Parsed::Value(0));
        assert_eq!(parse("0.05", 1), Parsed::Value(1));
        assert_eq!(parse(".", 1), Parsed::Malformed);
        assert_eq!(parse("1e99", 0), Parsed::TooLarge);
    }

    #[test]
    fn halves_round_away_from_zero() {
        assert_eq!(divide_half_up(25, 10), 3);
        assert_eq!(divide_half_up(-25, 10), -3);
        assert_eq!(divide_half_up(24, 10), 2);
    }
}
