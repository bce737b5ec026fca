//! Numbers as formatted text: `format_number`, and `to_char` and `to_number` with their patterns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::DataType::{self, Binary, Decimal128, Float32, Float64, Int32, Utf8};
use arrow::datatypes::{Decimal128Type, Float64Type};
use firesteel_protocol::{Result, SparkError};

use super::format::grouped;
use crate::cast::decimal::{Parsed, divide_half_up, fits, parse, power_of_ten, precision_scale};
use crate::cast::text::format_decimal;
use crate::cast::{EvalMode, cast_array};
use crate::coerce::{decimal_of, is_integral, is_numeric};
use crate::kernel::KernelArgs;
use crate::rowwise::{int_at, ints, string_at, strings, text, write_strings};
use crate::{Call, Typed};

/// `format_number(x, places)` or `format_number(x, pattern)`.
pub(super) fn format_number(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let number = match &call.args[0].data_type {
        t if is_numeric(t) => call.args[0].clone(),
        DataType::Null => call.coerce(0, &Float64)?,
        _ => return Err(call.unexpected_type(0, "\"NUMERIC\"")),
    };
    let format = call.coerce_any(1, &[Int32, Utf8])?;
    let typed = call.with_args(vec![number, format]);
    Ok(typed.kernel("spark_format_number", Utf8, true, format_number_kernel).named(call.display()))
}

/// Numbers as decimals, unscaled value and scale, or as floats.
fn exact_values(array: &ArrayRef, args: &KernelArgs<'_>) -> Result<Vec<Option<Exact>>> {
    Ok(match array.data_type() {
        Float32 | Float64 => {
            let doubles = cast_array(array, &Float64, EvalMode::Legacy, args.env)?;
            doubles.as_primitive::<Float64Type>().iter().map(|v| v.map(Exact::Float)).collect()
        }
        data_type => {
            let (precision, scale) = decimal_of(data_type).unwrap_or((38, 0));
            let decimals = cast_array(array, &Decimal128(precision, scale), EvalMode::Legacy, args.env)?;
            decimals.as_primitive::<Decimal128Type>().iter().map(|v| v.map(|v| Exact::Decimal(v, scale))).collect()
        }
    })
}

#[derive(Clone, Copy)]
enum Exact {
    Decimal(i128, i8),
    Float(f64),
}

/// Sign and digits at `places`, halves rounded to even.
fn rounded_even(value: i128, scale: i8, places: i32) -> (bool, String) {
    let drop = i32::from(scale) - places;
    let magnitude = value.unsigned_abs() as i128;
    let kept = if drop <= 0 {
        magnitude.saturating_mul(power_of_ten((-drop).min(38) as u32))
    } else if drop > 38 {
        0
    } else {
        let power = power_of_ten(drop as u32);
        let (quotient, rest) = (magnitude / power, magnitude % power);
        if rest * 2 == power { quotient + quotient % 2 } else { divide_half_up(magnitude, power) }
    };
    (value < 0, format_decimal(kept, places as i8))
}

fn format_number_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let numbers = args.array(0)?;
    let numbers = exact_values(&numbers, args)?;
    let by_places = args.args[1].data_type() == Int32;
    if by_places {
        let places = ints(args, 1)?;
        return write_strings(args.rows, |row, out| {
            let (Some(number), Some(places)) = (numbers[row], int_at(&places, row)) else { return Ok(false) };
            if places < 0 {
                return Ok(false);
            }
            Pattern { group: 3, whole: 1, least: places, most: places, prefix: "", suffix: "", percent: 0 }
                .write(number, out);
            Ok(true)
        });
    }
    let patterns = strings(args, 1)?;
    write_strings(args.rows, |row, out| {
        let (Some(number), Some(pattern)) = (numbers[row], string_at(&patterns, row)) else { return Ok(false) };
        Pattern::parse(pattern).write(number, out);
        Ok(true)
    })
}

/// What of `java.text.DecimalFormat` patterns use: `#,##0.00`, with text before and after.
struct Pattern<'a> {
    /// Digits of a group; 0 for none.
    group: usize,
    /// Least digits before the point.
    whole: usize,
    least: i32,
    most: i32,
    prefix: &'a str,
    suffix: &'a str,
    /// Powers of ten to multiply with.
    percent: i32,
}

impl<'a> Pattern<'a> {
    fn parse(pattern: &'a str) -> Self {
        if pattern.is_empty() {
            return Self { group: 3, whole: 1, least: 0, most: 3, prefix: "", suffix: "", percent: 0 };
        }
        let pattern = pattern.split(';').next().unwrap_or(pattern);
        let digit = |c: char| matches!(c, '#' | '0' | ',' | '.');
        let start = pattern.find(digit).unwrap_or(pattern.len());
        let end = pattern.rfind(digit).map_or(start, |at| at + 1);
        let (prefix, body, suffix) = (&pattern[..start], &pattern[start..end], &pattern[end..]);
        let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
        let group = whole.rfind(',').map_or(0, |at| whole.len() - at - 1);
        let percent = match () {
            () if pattern.contains('%') => 2,
            () if pattern.contains('\u{2030}') => 3,
            () => 0,
        };
        Self {
            group,
            whole: whole.matches('0').count(),
            least: fraction.matches('0').count() as i32,
            most: fraction.len() as i32,
            prefix,
            suffix,
            percent,
        }
    }

    fn write(&self, number: Exact, out: &mut String) {
        let (negative, digits) = match number {
            Exact::Decimal(value, scale) => rounded_even(value, scale - self.percent as i8, self.most.min(37)),
            Exact::Float(value) if value.is_nan() => {
                out.push('\u{FFFD}');
                return;
            }
            Exact::Float(value) if value.is_infinite() => {
                out.push_str(if value < 0.0 { "-\u{221E}" } else { "\u{221E}" });
                return;
            }
            // By the exact binary value, a tie to even, as Java does.
            Exact::Float(value) => {
                let value = value * 10_f64.powi(self.percent);
                (value < 0.0, format!("{:.*}", self.most.max(0) as usize, value.abs()))
            }
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
        let mut fraction = fraction;
        while fraction.len() > self.least.max(0) as usize && fraction.ends_with('0') {
            fraction = &fraction[..fraction.len() - 1];
        }
        let whole = whole.trim_start_matches('0');
        let whole = format!("{whole:0>width$}", width = self.whole);
        if negative {
            out.push('-');
        }
        out.push_str(self.prefix);
        match self.group {
            0 => out.push_str(&whole),
            3 => out.push_str(&grouped(&whole)),
            size => {
                for (index, digit) in whole.chars().enumerate() {
                    if index > 0 && (whole.len() - index) % size == 0 {
                        out.push(',');
                    }
                    out.push(digit);
                }
            }
        }
        if !fraction.is_empty() {
            out.push('.');
            out.push_str(fraction);
        }
        out.push_str(self.suffix);
    }
}

/// A pattern of `to_char` and `to_number`: `S$9,999.99`, `999D99MI`, `99PR`.
#[derive(Debug, Clone)]
struct Picture {
    text: String,
    /// Before the digits.
    leading: Option<Sign>,
    /// After them.
    trailing: Option<Sign>,
    dollar: bool,
    /// `0`, `9` and `,` before the point.
    whole: Vec<char>,
    /// `0` and `9` after it; `None` without a point.
    fraction: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Sign {
    /// `S`: plus or minus.
    Any,
    /// `MI`: minus or blank.
    Minus,
    /// `PR`: angle brackets round negative numbers.
    Brackets,
}

/// What Spark's `ToNumberParser` refuses of a format before it looks at the order of its parts.
fn check_tokens(text: &str) -> Result<()> {
    let wrong = |condition: &str| SparkError::new(condition).with("format", format!("'{text}'"));
    if let Some(c) = text.replace("MI", "").replace("PR", "").chars().find(|c| !"0123456789,GS$.D".contains(*c)) {
        return Err(wrong("INVALID_FORMAT.UNEXPECTED_TOKEN").with("token", format!("character '{c}''")));
    }
    let twice = |tokens: &[&str]| tokens.iter().map(|token| text.matches(token).count()).sum::<usize>() > 1;
    for (tokens, shown) in [(&[".", "D"][..], ". or D"), (&["$"], "$"), (&["S"], "S"), (&["MI"], "MI"), (&["PR"], "PR")]
    {
        if twice(tokens) {
            return Err(wrong("INVALID_FORMAT.WRONG_NUM_TOKEN").with("token", shown));
        }
    }
    if text.find('$').is_some_and(|at| text[..at].contains(['0', '9'])) {
        return Err(wrong("INVALID_FORMAT.CUR_MUST_BEFORE_DIGIT"));
    }
    if text.find(['.', 'D']).is_some_and(|at| text[at..].contains([',', 'G'])) {
        return Err(wrong("INVALID_FORMAT.THOUSANDS_SEPS_MUST_BEFORE_DEC"));
    }
    let is_digit = |c: Option<char>| matches!(c, Some('0' | '9'));
    let mut separators = text.char_indices().filter(|(_, c)| matches!(c, ',' | 'G'));
    if separators.any(|(at, _)| !is_digit(text[at + 1..].chars().next()) || !is_digit(text[..at].chars().last())) {
        return Err(wrong("INVALID_FORMAT.CONT_THOUSANDS_SEPS"));
    }
    Ok(())
}

/// Takes a sign off the front of a format.
fn sign_of(rest: &mut &str, words: &[(&str, Sign)]) -> Option<Sign> {
    let (word, sign) = words.iter().find(|(word, _)| rest.starts_with(word))?;
    *rest = &rest[word.len()..];
    Some(*sign)
}

impl Picture {
    fn parse(format: &str) -> Result<Self> {
        let text = format.to_ascii_uppercase();
        let unexpected = |token: &str| {
            SparkError::new("INVALID_FORMAT.UNEXPECTED_TOKEN").with("token", token).with("format", format!("'{text}'"))
        };
        let wrong = |condition: &str| SparkError::new(condition).with("format", format!("'{text}'"));
        if text.is_empty() {
            return Err(wrong("INVALID_FORMAT.EMPTY"));
        }
        if !text.contains(['0', '9']) {
            return Err(wrong("INVALID_FORMAT.WRONG_NUM_DIGIT"));
        }
        check_tokens(&text)?;
        let mut rest = text.as_str();
        let leading = sign_of(&mut rest, &[("S", Sign::Any), ("MI", Sign::Minus)]);
        let dollar = rest.starts_with('$');
        rest = rest.strip_prefix('$').unwrap_or(rest);
        let digits = rest.find(|c| !matches!(c, '0' | '9' | ',' | 'G')).unwrap_or(rest.len());
        let whole: Vec<char> = rest[..digits].chars().map(|c| if c == 'G' { ',' } else { c }).collect();
        rest = &rest[digits..];
        let mut fraction = None;
        if let Some(tail) = rest.strip_prefix(['.', 'D']) {
            let digits = tail.find(|c| !matches!(c, '0' | '9')).unwrap_or(tail.len());
            fraction = Some(digits);
            rest = &tail[digits..];
        }
        let trailing = sign_of(&mut rest, &[("S", Sign::Any), ("MI", Sign::Minus), ("PR", Sign::Brackets)]);
        if let Some(c) = rest.chars().next() {
            let words = [("MI", "MI"), ("S", "S"), ("PR", "PR"), ("$", "$"), (".", ". or D"), ("D", ". or D")];
            let word = words.into_iter().find(|(word, _)| rest.starts_with(word)).map(|(_, shown)| shown.to_string());
            let digits = matches!(c, '0' | '9' | ',' | 'G').then(|| "digit sequence".to_string());
            return Err(unexpected(&word.or(digits).unwrap_or_else(|| format!("character '{c}''"))));
        }
        let picture = Self { text: text.clone(), leading, trailing, dollar, whole, fraction };
        if picture.whole_digits() == 0 && fraction.unwrap_or(0) == 0 {
            return Err(SparkError::new("INVALID_FORMAT.WRONG_NUM_DIGIT").with("format", format!("'{text}'")));
        }
        Ok(picture)
    }

    fn whole_digits(&self) -> usize {
        self.whole.iter().filter(|c| **c != ',').count()
    }

    fn data_type(&self) -> Result<DataType> {
        let places = self.fraction.unwrap_or(0);
        let digits = self.whole_digits() + places;
        if digits > 38 {
            return Err(SparkError::new("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
                .with("precision", digits.to_string())
                .with("maxPrecision", "38"));
        }
        Ok(Decimal128(digits as u8, places as i8))
    }

    /// Reads a number of this form.
    fn read(&self, input: &str) -> Option<i128> {
        let input: String = input.chars().filter(|c| !c.is_whitespace()).collect();
        let mut rest = input.as_str();
        let mut negative = false;
        if let Some(sign) = self.leading {
            if let Some(tail) = rest.strip_prefix('-') {
                (negative, rest) = (true, tail);
            } else if sign == Sign::Any {
                rest = rest.strip_prefix('+').unwrap_or(rest);
            }
        }
        match self.trailing {
            Some(Sign::Brackets) => {
                if let Some(inner) = rest.strip_prefix('<') {
                    (negative, rest) = (true, inner.strip_suffix('>')?);
                }
            }
            Some(sign) => {
                if let Some(head) = rest.strip_suffix('-') {
                    // A second minus takes the first one back.
                    (negative, rest) = (!negative, head);
                } else if sign == Sign::Any {
                    rest = rest.strip_suffix('+').unwrap_or(rest);
                }
            }
            None => {}
        }
        if self.dollar {
            rest = rest.strip_prefix('$')?;
        }
        let (whole, fraction) = match rest.split_once('.') {
            Some((whole, fraction)) if self.fraction.is_some() => (whole, fraction),
            Some(_) => return None,
            None => (rest, ""),
        };
        if fraction.len() > self.fraction.unwrap_or(0) || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // From the right, so that the first group may be short.
        let mut digits = String::new();
        let mut input = whole.chars().rev().peekable();
        for wanted in self.whole.iter().rev() {
            match (wanted, input.peek()) {
                (',', Some(',')) => {
                    input.next();
                }
                (',', None) => {}
                (',', Some(_)) => return None,
                ('0', None) if self.whole.first() == Some(&'0') => return None,
                (_, None) => {}
                (_, Some(c)) if c.is_ascii_digit() => {
                    digits.push(*c);
                    input.next();
                }
                _ => return None,
            }
        }
        if input.next().is_some() || digits.is_empty() && fraction.is_empty() {
            return None;
        }
        let digits: String = digits.chars().rev().collect();
        match parse(&format!("0{digits}.{fraction}0"), self.fraction.unwrap_or(0) as i8) {
            Parsed::Value(value) => Some(if negative { -value } else { value }),
            _ => None,
        }
    }

    /// Writes a number in this form; `#` for digits where it does not fit.
    fn write(&self, value: i128, scale: i8, out: &mut String) {
        let places = self.fraction.unwrap_or(0);
        let plain = format_decimal(value.unsigned_abs() as i128, scale);
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let negative = value < 0;
        if whole.len() > self.whole_digits() || fraction.len() > places {
            out.push_str(self.before(negative));
            if self.dollar {
                out.push('$');
            }
            // A comma stands behind a digit only.
            out.extend(self.whole.iter().map(|c| if *c == ',' { ' ' } else { '#' }));
            if self.fraction.is_some() {
                out.push(if places == 0 { ' ' } else { '.' });
                out.push_str(&"#".repeat(places));
            }
            out.push_str(self.after(negative));
            return;
        }
        let mut body: Vec<char> = vec![];
        let mut missing = self.whole_digits() - whole.len();
        let mut digits = whole.chars();
        let mut started = false;
        for wanted in &self.whole {
            match wanted {
                ',' => body.push(if started { ',' } else { ' ' }),
                wanted if missing > 0 => {
                    missing -= 1;
                    started |= *wanted == '0';
                    body.push(if started { '0' } else { ' ' });
                }
                _ => {
                    started = true;
                    body.extend(digits.next());
                }
            }
        }
        if self.fraction.is_some() {
            if let Some(last) = body.last_mut().filter(|last| **last == ' ') {
                *last = '0';
            }
            // A point with nothing behind it is left out.
            body.push(if places == 0 { ' ' } else { '.' });
            body.extend(format!("{fraction:0<places$}").chars());
        }
        let body: String = body.into_iter().collect();
        let blanks = body.len() - body.trim_start_matches(' ').len();
        let (blank, number) = body.split_at(blanks);
        // What follows stands before the blank of a lone point.
        let lone = self.fraction == Some(0);
        let number = if lone { number.trim_end_matches(' ') } else { number };
        let body = if lone { body.trim_end_matches(' ') } else { body.as_str() };
        let before = self.before(negative);
        if self.dollar {
            out.push_str(before);
            out.push('$');
            out.push_str(body);
        } else {
            // The sign stands right before the digits.
            out.push_str(blank);
            out.push_str(before);
            out.push_str(number);
        }
        out.push_str(self.after(negative));
        if lone {
            out.push(' ');
        }
    }

    /// The sign before the digits.
    fn before(&self, negative: bool) -> &'static str {
        match (self.leading, negative) {
            (Some(_), true) if self.trailing == Some(Sign::Brackets) => "<-",
            (Some(_), true) => "-",
            (Some(Sign::Any), false) => "+",
            (Some(_), false) => " ",
            (None, true) if self.trailing == Some(Sign::Brackets) => "<",
            (None, _) => "",
        }
    }

    /// The sign behind the digits.
    fn after(&self, negative: bool) -> &'static str {
        match (self.trailing, negative) {
            (Some(Sign::Brackets), true) => ">",
            (Some(Sign::Brackets), false) => "  ",
            (Some(_), true) => "-",
            (Some(Sign::Any), false) => "+",
            (Some(_), false) => " ",
            (None, _) => "",
        }
    }
}

fn constant_format(call: &Call) -> Result<Option<String>> {
    let format = call.coerce(1, &Utf8)?;
    match crate::constant::evaluate(&format.expr) {
        Some(value) => Ok(value.try_as_str().flatten().map(str::to_string)),
        None => {
            call.constant(1)?;
            Ok(None)
        }
    }
}

/// `to_number(text, format)` and `try_to_number`: a decimal as wide as the format.
pub(super) fn to_number(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let label = call.display();
    let tried = call.name.eq_ignore_ascii_case("try_to_number");
    let value = call.coerce(0, &Utf8)?;
    let Some(format) = constant_format(call)? else {
        return Ok(Typed::literal(datafusion::scalar::ScalarValue::Decimal128(None, 38, 18), label));
    };
    let picture = Picture::parse(&format)?;
    let nullable = value.nullable || tried;
    let args = call.with_args(vec![value]);
    let param = format!("{} {format}", if tried { "try" } else { "ansi" });
    Ok(args.kernel_with("ansi_to_number", picture.data_type()?, nullable, param, to_number_kernel).named(label))
}

fn to_number_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (mode, format) = args.param.split_once(' ').unwrap_or(("ansi", args.param));
    let picture = Picture::parse(format)?;
    let (precision, _) = precision_scale(args.return_type);
    let texts = strings(args, 0)?;
    let values = texts.iter().map(|value| {
        let Some(text) = value else { return Ok(None) };
        match picture.read(text).filter(|value| fits(*value, precision)) {
            Some(value) => Ok(Some(value)),
            None if mode == "try" => Ok(None),
            None => Err(SparkError::new("INVALID_FORMAT.MISMATCH_INPUT")
                .with("inputType", "\"STRING\"")
                .with("input", text)
                .with("format", &picture.text)),
        }
    });
    let values = values.collect::<Result<PrimitiveArray<Decimal128Type>>>()?;
    Ok(Arc::new(values.with_data_type(args.return_type.clone())))
}

/// `to_char(value, format)`, `to_varchar`: numbers by a picture, dates by a pattern, bytes by an encoding.
pub(super) fn to_char(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let function = |name: &str, args: Vec<Typed>| -> Result<Typed> {
        let entry = crate::lookup(name).ok_or_else(|| SparkError::internal(format!("no function {name}")))?;
        match entry.kind {
            crate::Kind::Scalar(build) => build(&Call { name: entry.name, ..call.with_args(args) }),
            _ => Err(SparkError::internal(format!("{name} is no scalar function"))),
        }
    };
    match &call.args[0].data_type {
        DataType::Date32 | DataType::Timestamp(..) => return function("date_format", call.args.clone()),
        Binary => {
            let format = constant_format(call)?.unwrap_or_default().to_ascii_lowercase();
            let value = call.args[0].clone();
            let built = match format.as_str() {
                "base64" => function("base64", vec![value]),
                "hex" => function("hex", vec![value]),
                "utf-8" => function("decode", vec![value, Typed::literal(text("UTF-8"), "utf-8")]),
                _ => Err(SparkError::new("INVALID_PARAMETER_VALUE.BINARY_FORMAT")
                    .with("functionName", "`to_char`")
                    .with("parameter", "`format`")
                    .with("invalidFormat", format!("'{format}'"))),
            }?;
            // `to_varchar` keeps its name, `to_char` does not.
            if !call.name.eq_ignore_ascii_case("to_varchar") {
                return Ok(built);
            }
            let format = if format == "utf-8" { format!(", {}", call.args[1].name) } else { String::new() };
            return Ok(built.named(format!("to_varchar({}{format})", call.args[0].name)));
        }
        _ => {}
    }
    let label = format!("to_char({}, {})", call.args[0].name, call.args[1].name);
    let value = match &call.args[0].data_type {
        Decimal128(..) => call.args[0].clone(),
        t if is_integral(t) => {
            let (precision, scale) = decimal_of(t).unwrap_or((38, 0));
            call.coerce(0, &Decimal128(precision, scale))?
        }
        Float32 => call.coerce(0, &Decimal128(14, 7))?,
        Utf8 => call.coerce(0, &Decimal128(38, 18))?,
        _ => call.coerce(0, &Decimal128(30, 15))?,
    };
    let Some(format) = constant_format(call)? else {
        return Ok(Typed::literal(datafusion::scalar::ScalarValue::Utf8(None), label));
    };
    Picture::parse(&format)?;
    let nullable = value.nullable;
    let args = call.with_args(vec![value]);
    Ok(args.kernel_with("spark_to_char", Utf8, nullable, format, to_char_kernel).named(label))
}

fn to_char_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let picture = Picture::parse(args.param)?;
    let array = args.array(0)?;
    let (_, scale) = precision_scale(array.data_type());
    let values = array.as_primitive::<Decimal128Type>();
    write_strings(args.rows, |row, out| {
        if values.is_valid(row) {
            picture.write(values.value(row), scale, out);
        }
        Ok(values.is_valid(row))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: i128, scale: i8, format: &str) -> String {
        let mut out = String::new();
        Picture::parse(format).unwrap().write(value, scale, &mut out);
        out
    }

    #[test]
    fn pictures_write() {
        assert_eq!(shown(7812, 2, "$999.99"), "$ 78.12");
        assert_eq!(shown(-781, 1, "S9999.99"), "  -78.10");
        assert_eq!(shown(-34, 0, "S$9,999.99"), "-$   34.00");
        assert_eq!(shown(-781, 1, "9999.99PR"), "  <78.10>");
        assert_eq!(shown(5, 1, "9.99"), "0.50");
        assert_eq!(shown(34, 0, "0,000,000"), "0,000,034");
        assert_eq!(shown(12_345_678, 3, "999.99"), "###.##");
    }

    #[test]
    fn pictures_read() {
        let read = |text: &str, format: &str| Picture::parse(format).unwrap().read(text);
        assert_eq!(read("12,454.8-", "99,999.9S"), Some(-124_548));
        assert_eq!(read("34", "000"), None);
        assert_eq!(read("234", "9,999"), Some(234));
        assert_eq!(read("1234", "9,999"), None);
        assert_eq!(read("<34>", "99PR"), Some(-34));
    }
}
