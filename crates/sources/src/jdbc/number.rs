//! Decimals from text, as Java's `BigDecimal` reads them and Spark's `Decimal` rounds them.

use firesteel_protocol::SparkError;

/// Why a text is no decimal of a type.
#[derive(Debug, PartialEq, Eq)]
pub enum Bad {
    /// Not a number at all.
    Syntax,
    /// More digits than the type has.
    Overflow,
}

/// Reads a number as decimal(precision, scale): the value times 10^scale, rounded half up.
pub fn decimal(text: &str, precision: u8, scale: i8) -> Result<i128, Bad> {
    let (negative, body) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], body[at + 1..].parse::<i32>().map_err(|_| Bad::Syntax)?),
        None => (body, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(Bad::Syntax);
    }
    // Digits from here on lie behind the last one that is kept.
    let kept = whole.len() as i64 + i64::from(exponent) + i64::from(scale);
    let mut value: i128 = 0;
    let mut round_up = false;
    for (place, digit) in whole.bytes().chain(fraction.bytes()).enumerate() {
        let digit = i128::from(digit - b'0');
        match (place as i64).cmp(&kept) {
            std::cmp::Ordering::Less => value = append(value, digit)?,
            std::cmp::Ordering::Equal => round_up = digit >= 5,
            std::cmp::Ordering::Greater => break,
        }
    }
    let given = (whole.len() + fraction.len()) as i64;
    if value != 0 {
        for _ in given..kept {
            value = append(value, 0)?;
        }
    }
    value += i128::from(round_up);
    if value >= 10_i128.pow(u32::from(precision)) {
        return Err(Bad::Overflow);
    }
    Ok(if negative { -value } else { value })
}

fn append(value: i128, digit: i128) -> Result<i128, Bad> {
    value.checked_mul(10).and_then(|value| value.checked_add(digit)).ok_or(Bad::Overflow)
}

/// The Spark error for a number that does not fit.
pub fn overflow(text: &str, precision: u8, scale: i8) -> SparkError {
    SparkError::new("NUMERIC_VALUE_OUT_OF_RANGE.WITHOUT_SUGGESTION")
        .with("originalValue", text)
        .with("roundedValue", text)
        .with("precision", precision.to_string())
        .with("scale", scale.to_string())
}

/// Appends a decimal as plain digits.
pub fn write_decimal(value: i128, scale: i8, out: &mut String) {
    use std::fmt::Write;
    let scale = usize::try_from(scale).unwrap_or(0);
    let start = out.len();
    if value < 0 {
        out.push('-');
    }
    let digits_start = out.len();
    // Writing to a string cannot fail.
    let _ = write!(out, "{:0width$}", value.unsigned_abs(), width = scale + 1);
    if scale > 0 {
        let point = out.len() - scale;
        debug_assert!(point > digits_start && point > start);
        out.insert(point, '.');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_half_up() {
        assert_eq!(decimal("1.555", 10, 2), Ok(156));
        assert_eq!(decimal("-2.25", 10, 1), Ok(-23));
        assert_eq!(decimal("1.23456789012346e+19", 38, 6), Ok(12_345_678_901_234_600_000_000_000));
        assert_eq!(decimal("0.04", 10, 1), Ok(0));
        assert_eq!(decimal("5e-2", 10, 1), Ok(1));
        assert_eq!(decimal("5e-3", 10, 1), Ok(0));
        assert_eq!(decimal("1e30", 20, 0), Err(Bad::Overflow));
        assert_eq!(decimal("abc", 20, 0), Err(Bad::Syntax));
        assert_eq!(decimal("", 20, 0), Err(Bad::Syntax));
        assert_eq!(decimal("9.99", 2, 1), Err(Bad::Overflow));
    }

    #[test]
    fn decimals_are_written_plainly() {
        let text = |value, scale| {
            let mut out = String::new();
            write_decimal(value, scale, &mut out);
            out
        };
        assert_eq!(text(12_340, 3), "12.340");
        assert_eq!(text(-5, 2), "-0.05");
        assert_eq!(text(7, 0), "7");
    }
}
