//! Numbers in text as Java reads and prints them.

use std::io::Write;

/// `Long.parseLong`: digits with an optional sign, nothing else.
#[inline]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    if digits.len() <= 18 {
        let mut value = 0_i64;
        for &byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + i64::from(digit);
        }
        return Some(if negative { -value } else { value });
    }
    let mut value = 0_i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Negative numbers reach one further, so the sum is kept negative.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// `Double.parseDouble`: blanks around, a suffix `d` or `f`, `NaN`, `Infinity` and hexadecimal floats are fine.
pub fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned.as_bytes().first()? {
        b'0' if unsigned.len() > 2 && matches!(unsigned.as_bytes()[1], b'x' | b'X') => {
            return parse_hexadecimal(&unsigned[2..]).map(|value| sign * value);
        }
        b'0'..=b'9' | b'.' => {}
        _ if unsigned == "NaN" => return Some(f64::NAN),
        _ if unsigned == "Infinity" => return Some(sign * f64::INFINITY),
        _ => return None,
    }
    unsigned.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(unsigned).parse::<f64>().ok().map(|value| sign * value)
}

/// `Float.parseFloat`.
pub fn parse_float(text: &str) -> Option<f32> {
    let plain = text.trim_matches(|c: char| c <= ' ');
    let plain = plain.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(plain);
    match parse_double(text)? {
        value if value.is_nan() => Some(f32::NAN),
        // Rounding twice could differ from rounding once, so decimal texts are read anew.
        value => Some(plain.parse::<f32>().unwrap_or(value as f32)),
    }
}

/// Mantissa and exponent of Java's hexadecimal floats, `1.8p3`.
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let text = text.strip_suffix(['d', 'D', 'f', 'F']).filter(|rest| rest.contains(['p', 'P'])).unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0_f64;
    for digit in whole.chars() {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let mut scale = 1.0 / 16.0;
    for digit in fraction.chars() {
        value += f64::from(digit.to_digit(16)?) * scale;
        scale /= 16.0;
    }
    Some(value * 2.0_f64.powi(exponent))
}

/// A decimal number as written: `unscaled * 10^-scale`, like Java's `BigDecimal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BigDecimal {
    /// The first 38 significant digits.
    unscaled: i128,
    scale: i64,
    /// Digits of the number as written, leading zeros left out; at least 1.
    pub precision: u32,
    /// The first digit that did not fit, for rounding.
    next_digit: u8,
}

impl BigDecimal {
    /// Reads `[+-]digits[.digits][e[+-]digits]`. Commas are skipped if `grouped` says so.
    pub fn parse(text: &[u8], grouped: bool) -> Option<Self> {
        let mut text = text;
        while let [b',', rest @ ..] = text
            && grouped
        {
            text = rest;
        }
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let (mut unscaled, mut scale, mut precision, mut next_digit) = (0_i128, 0_i64, 0_u32, None);
        let (mut any, mut fraction, mut exponent) = (false, false, 0_i64);
        for (at, &byte) in rest.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    any = true;
                    if precision > 0 || byte != b'0' {
                        precision += 1;
                    }
                    if precision <= 38 {
                        unscaled = unscaled * 10 + i128::from(byte - b'0');
                        scale += i64::from(fraction);
                    } else {
                        next_digit.get_or_insert(byte - b'0');
                        scale -= i64::from(!fraction);
                    }
                }
                b'.' if !fraction => fraction = true,
                b',' if grouped => {}
                b'e' | b'E' if any => {
                    let digits: Vec<u8> = rest[at + 1..].iter().copied().filter(|b| !(grouped && *b == b',')).collect();
                    exponent = parse_integer(&digits).filter(|e| e.abs() <= i64::from(i32::MAX))?;
                    break;
                }
                _ => return None,
            }
        }
        any.then_some(Self {
            unscaled: if negative { -unscaled } else { unscaled },
            scale: scale - exponent,
            precision: precision.max(1),
            next_digit: next_digit.unwrap_or(0),
        })
    }

    /// Digits after the point; negative if the number ends in zeros that were not written.
    pub fn scale(&self) -> i64 {
        // Digits that did not fit belong to the scale of the number as written.
        self.scale + i64::from(self.precision.saturating_sub(38))
    }

    /// The unscaled value of DECIMAL(precision, scale), rounded half up; `None` if it does not fit.
    pub fn to_decimal(self, precision: u8, scale: i8) -> Option<i128> {
        let shift = i64::from(scale) - self.scale;
        let value = if self.unscaled == 0 {
            0
        } else if shift >= 0 {
            let factor = 10_i128.checked_pow(u32::try_from(shift).ok()?)?;
            let rounding = i128::from(shift == 0 && self.next_digit >= 5) * self.unscaled.signum();
            self.unscaled.checked_mul(factor)?.checked_add(rounding)?
        } else if shift < -39 {
            0
        } else {
            // 10^39 does not fit; what is divided by it rounds to 0 or, from 5 * 10^38 on, cannot occur.
            match 10_i128.checked_pow((-shift) as u32) {
                Some(divisor) => {
                    let (quotient, remainder) = (self.unscaled / divisor, self.unscaled % divisor);
                    let up = remainder.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2);
                    quotient + if up { self.unscaled.signum() } else { 0 }
                }
                None => 0,
            }
        };
        (value.unsigned_abs() < 10_u128.checked_pow(u32::from(precision))?).then_some(value)
    }
}

/// Prints a double as `Double.toString`.
pub fn write_double(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    } else if value == 0.0 {
        out.extend_from_slice(if value.is_sign_negative() { b"-0.0" } else { b"0.0" });
    } else {
        let mut digits = ArrayText::default();
        let _ = write!(digits, "{value:e}");
        write_java_float(out, digits.bytes());
    }
}

/// Prints a float as `Float.toString`.
pub fn write_float(out: &mut Vec<u8>, value: f32) {
    if value.is_nan() || value.is_infinite() || value == 0.0 {
        return write_double(out, f64::from(value));
    }
    let mut digits = ArrayText::default();
    let _ = write!(digits, "{value:e}");
    write_java_float(out, digits.bytes());
}

/// A few bytes on the stack; the longest `{:e}` of a double has 24.
#[derive(Default)]
struct ArrayText {
    bytes: [u8; 32],
    length: usize,
}

impl ArrayText {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Write for ArrayText {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        let taken = text.len().min(self.bytes.len() - self.length);
        self.bytes[self.length..self.length + taken].copy_from_slice(&text[..taken]);
        self.length += taken;
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// From Rust's `-1.25e-7` to Java's `-1.25E-7`, `125.0`, `0.00125`.
fn write_java_float(out: &mut Vec<u8>, scientific: &[u8]) {
    let split = scientific.iter().position(|b| *b == b'e').unwrap_or(scientific.len());
    let exponent = parse_integer(scientific.get(split + 1..).unwrap_or(b"0")).unwrap_or(0);
    let (sign, mantissa) = match &scientific[..split] {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if sign {
        out.push(b'-');
    }
    let first = mantissa[0];
    let rest = mantissa.get(2..).unwrap_or(b"");
    match exponent {
        0..7 => {
            let whole = exponent as usize;
            out.push(first);
            for at in 0..whole {
                out.push(rest.get(at).copied().unwrap_or(b'0'));
            }
            out.push(b'.');
            let fraction = rest.get(whole..).filter(|f| !f.is_empty()).unwrap_or(b"0");
            out.extend_from_slice(fraction);
        }
        -3..0 => {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
            out.push(first);
            out.extend_from_slice(rest);
        }
        _ => {
            out.push(first);
            out.push(b'.');
            out.extend_from_slice(if rest.is_empty() { b"0" } else { rest });
            let _ = write!(out, "E{exponent}");
        }
    }
}

/// Prints a decimal as `BigDecimal.toPlainString`, or as `toString` (which turns to `1E-7` far below 1).
pub fn write_decimal(out: &mut Vec<u8>, unscaled: i128, scale: i8, plain: bool) {
    let digits = unscaled.unsigned_abs().to_string();
    let scale = i64::from(scale);
    let adjusted = digits.len() as i64 - 1 - scale;
    if unscaled < 0 {
        out.push(b'-');
    }
    if !plain && (scale < 0 || adjusted < -6) {
        out.extend_from_slice(&digits.as_bytes()[..1]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits.as_bytes()[1..]);
        }
        if adjusted != 0 {
            let _ = write!(out, "E{adjusted:+}");
        }
        return;
    }
    if scale <= 0 {
        out.extend_from_slice(digits.as_bytes());
        out.extend(std::iter::repeat_n(b'0', (-scale) as usize));
        return;
    }
    let scale = scale as usize;
    if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.extend_from_slice(whole.as_bytes());
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    } else {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', scale - digits.len()));
        out.extend_from_slice(digits.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_java_does() {
        let cases = [
            (1.0, "1.0"),
            (1e7, "1.0E7"),
            (1_234_567.5, "1234567.5"),
            (0.001, "0.001"),
            (1e-4, "1.0E-4"),
            (-2.5e-10, "-2.5E-10"),
            (100.0, "100.0"),
        ];
        for (value, text) in cases {
            let mut out = vec![];
            write_double(&mut out, value);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }

    #[test]
    fn decimals_round_half_up_and_overflow() {
        let read = |text: &str, p, s| BigDecimal::parse(text.as_bytes(), true).and_then(|d| d.to_decimal(p, s));
        assert_eq!(read("1.005", 10, 2), Some(101));
        assert_eq!(read("-0.005", 10, 2), Some(-1));
        assert_eq!(read("1,234.5", 10, 2), Some(123_450));
        assert_eq!(read("123456789012", 10, 2), None);
        assert_eq!(read("1e30", 38, 2), Some(10_i128.pow(32)));
        assert_eq!(read("99999.995", 7, 2), None);
        assert_eq!(read("abc", 7, 2), None);
    }
}
