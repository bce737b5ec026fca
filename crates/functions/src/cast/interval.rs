//! Intervals as text and numbers, and back.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, StringArray};
use arrow::compute::cast as arrow_cast;
use arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    IntervalUnit, IntervalYearMonthType,
};
use firesteel_protocol::types::interval::{IntervalRange, IntervalUnit as Unit};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::errors::cast_overflow_between;
use super::{EvalMode, Units, decimal, number};
use crate::coerce;
use crate::kernel::from_arrow;

/// `INTERVAL '1-2' YEAR TO MONTH`, `INTERVAL '14' MONTH`.
pub fn write_year_month(out: &mut String, months: i32, range: IntervalRange) {
    let sign = if months < 0 { "-" } else { "" };
    let months = months.unsigned_abs();
    let _ = match (range.start, range.end) {
        (Unit::Year, Unit::Year) => write!(out, "INTERVAL '{sign}{}' YEAR", months / 12),
        (Unit::Month, _) => write!(out, "INTERVAL '{sign}{months}' MONTH"),
        _ => write!(out, "INTERVAL '{sign}{}-{}' YEAR TO MONTH", months / 12, months % 12),
    };
}

/// `INTERVAL '1 02:03:04.5' DAY TO SECOND`, `INTERVAL '26' HOUR`. Units below the last one are not shown.
pub fn write_day_time(out: &mut String, us: i64, range: IntervalRange) {
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    let _ = write!(out, "INTERVAL '{sign}");
    for unit in [Unit::Day, Unit::Hour, Unit::Minute, Unit::Second] {
        if unit < range.start || unit > range.end {
            continue;
        }
        let amount = us / unit.size().unsigned_abs();
        let _ = match unit {
            Unit::Day => write!(out, "{amount}"),
            _ if unit == range.start => write!(out, "{amount:02}"),
            Unit::Hour => write!(out, " {:02}", amount % 24),
            _ => write!(out, ":{:02}", amount % 60),
        };
    }
    let fraction = us % 1_000_000;
    if fraction > 0 && range.end == Unit::Second {
        let _ = write!(out, ".{}", format!("{fraction:06}").trim_end_matches('0'));
    }
    let _ = write!(out, "' {}", range.to_string().to_uppercase());
}

/// `1 years 2 months 25 days 5 hours 6 minutes 7.5 seconds`.
pub fn write_calendar(out: &mut String, value: IntervalMonthDayNano) {
    let start = out.len();
    let mut unit = |amount: i64, word: &str| {
        if amount != 0 {
            let _ = write!(out, "{amount} {word} ");
        }
    };
    let us = value.nanoseconds / 1000;
    unit(i64::from(value.months / 12), "years");
    unit(i64::from(value.months % 12), "months");
    unit(i64::from(value.days), "days");
    unit(us / 3_600_000_000, "hours");
    unit(us / 60_000_000 % 60, "minutes");
    let rest = us % 60_000_000;
    if rest != 0 {
        let sign = if rest < 0 { "-" } else { "" };
        let rest = rest.unsigned_abs();
        let _ = write!(out, "{sign}{}", rest / 1_000_000);
        if !rest.is_multiple_of(1_000_000) {
            let _ = write!(out, ".{}", format!("{:06}", rest % 1_000_000).trim_end_matches('0'));
        }
        out.push_str(" seconds ");
    }
    if out.len() == start {
        out.push_str("0 seconds");
    } else {
        out.pop();
    }
}

/// Splits off `INTERVAL [+-]'...' UNITS` if the text is of that form; gives sign, body.
fn unwrap_literal(text: &str, range: IntervalRange) -> Option<(bool, &str)> {
    let text = number::trim(text);
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("interval") {
        return Some((false, text));
    }
    let rest = text[8..].trim_start();
    let (negative, rest) = match rest.as_bytes().first()? {
        b'-' => (true, rest[1..].trim_start()),
        b'+' => (false, rest[1..].trim_start()),
        _ => (false, rest),
    };
    let (body, tail) = rest.strip_prefix('\'')?.split_once('\'')?;
    let words: Vec<String> = tail.split_whitespace().map(str::to_ascii_lowercase).collect();
    (words.join(" ") == range.to_string()).then_some((negative, body))
}

/// Months out of `[+-]y-m` or `INTERVAL [+-]'[+-]y-m' YEAR TO MONTH`, or what there is of it in the range.
pub fn parse_year_month(text: &str, range: IntervalRange) -> Option<i32> {
    let (outer, body) = unwrap_literal(text, range)?;
    let (inner, body) = sign_of(body);
    let total = match (range.start, range.end) {
        (Unit::Year, Unit::Year) => unsigned(body, 9)?.checked_mul(12)?,
        (Unit::Month, _) => unsigned(body, 10)?,
        _ => {
            let (years, months) = body.split_once('-')?;
            let (years, months) = (unsigned(years, 9)?, unsigned(months, 2).filter(|months| *months <= 11)?);
            years.checked_mul(12)?.checked_add(months)?
        }
    };
    i32::try_from(if outer != inner { -total } else { total }).ok()
}

/// Microseconds out of `[+-]d h:m:s.n` or `INTERVAL [+-]'[+-]d h:m:s.n' DAY TO SECOND`, or what there is of it in the
/// range. The first unit may have any amount.
pub fn parse_day_time(text: &str, range: IntervalRange) -> Option<i64> {
    let (outer, mut body) = unwrap_literal(text, range)?;
    let inner;
    (inner, body) = sign_of(body);
    let mut total = 0_i64;
    for unit in [Unit::Day, Unit::Hour, Unit::Minute, Unit::Second] {
        if unit < range.start || unit > range.end {
            continue;
        }
        let mut amount = body;
        if unit < range.end {
            (amount, body) = body.split_once(if unit == Unit::Day { ' ' } else { ':' })?;
        }
        let mut fraction = "";
        if unit == Unit::Second {
            (amount, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        }
        let limit = if unit == Unit::Hour { 23 } else { 59 };
        let amount = match unit {
            _ if unit == range.start => unsigned(amount, if unit == Unit::Day { 9 } else { 13 })?,
            _ => unsigned(amount, 2).filter(|amount| *amount <= limit)?,
        };
        total = total.checked_add(amount.checked_mul(unit.size())?)?;
        if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        total = total.checked_add(format!("{fraction:0<6}")[..6].parse().ok()?)?;
    }
    Some(if outer != inner { -total } else { total })
}

fn sign_of(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn unsigned(text: &str, max_digits: usize) -> Option<i64> {
    (!text.is_empty() && text.len() <= max_digits && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// A calendar interval out of `[interval] n unit [n unit ...]`.
pub fn parse_calendar(text: &str) -> Option<IntervalMonthDayNano> {
    let text = number::trim(text).to_ascii_lowercase();
    let text = text.strip_prefix("interval").unwrap_or(&text);
    let mut words = text.split_whitespace().peekable();
    words.peek()?;
    let (mut months, mut days, mut us) = (0_i64, 0_i64, 0_i64);
    while let Some(mut amount) = words.next() {
        let joined;
        if matches!(amount, "+" | "-") {
            joined = format!("{amount}{}", words.next()?);
            amount = &joined;
        }
        let unit = words.next()?;
        let unit = unit.strip_suffix('s').unwrap_or(unit);
        let (negative, digits) = sign_of(amount);
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) if unit == "second" => (whole, fraction),
            Some(_) => return None,
            None => (digits, ""),
        };
        if fraction.len() > 9
            || !fraction.bytes().all(|b| b.is_ascii_digit())
            || whole.is_empty() && fraction.is_empty()
        {
            return None;
        }
        let number = if whole.is_empty() { 0 } else { unsigned(whole, 18)? };
        let number = if negative { -number } else { number };
        match unit {
            "year" => months = months.checked_add(number.checked_mul(12)?)?,
            "month" => months = months.checked_add(number)?,
            "week" => days = days.checked_add(number.checked_mul(7)?)?,
            "day" => days = days.checked_add(number)?,
            "hour" => us = us.checked_add(number.checked_mul(3_600_000_000)?)?,
            "minute" => us = us.checked_add(number.checked_mul(60_000_000)?)?,
            "second" => {
                let micros: i64 = format!("{fraction:0<6}")[..6].parse().ok()?;
                us = us.checked_add(number.checked_mul(1_000_000)?)?;
                us = us.checked_add(if negative { -micros } else { micros })?;
            }
            "millisecond" => us = us.checked_add(number.checked_mul(1000)?)?,
            "microsecond" => us = us.checked_add(number)?,
            _ => return None,
        }
    }
    Some(IntervalMonthDayNano::new(i32::try_from(months).ok()?, i32::try_from(days).ok()?, us.checked_mul(1000)?))
}

pub(super) fn parse_strings(
    array: &StringArray,
    to: &DataType,
    range: Option<IntervalRange>,
    mode: EvalMode,
) -> Result<ArrayRef> {
    fn parse<T: arrow::array::ArrowPrimitiveType>(
        array: &StringArray,
        mode: EvalMode,
        one: impl Fn(&str) -> Option<T::Native>,
        invalid: impl Fn(&str) -> SparkError,
    ) -> Result<ArrayRef> {
        let values = array.iter().map(|value| {
            let Some(text) = value else { return Ok(None) };
            match one(text) {
                Some(value) => Ok(Some(value)),
                None => strict(mode).misfit(|| invalid(text)),
            }
        });
        Ok(Arc::new(values.collect::<Result<PrimitiveArray<T>>>()?))
    }
    match (to, range.or(IntervalRange::full(to))) {
        (DataType::Interval(IntervalUnit::YearMonth), Some(range)) => parse::<IntervalYearMonthType>(
            array,
            mode,
            |text| parse_year_month(text, range),
            |text| invalid_format(text, range),
        ),
        (_, Some(range)) => parse::<DurationMicrosecondType>(
            array,
            mode,
            |text| parse_day_time(text, range),
            |text| invalid_format(text, range),
        ),
        // A text that is no calendar interval is NULL in every mode.
        (_, None) => parse::<IntervalMonthDayNanoType>(array, EvalMode::Try, parse_calendar, |text| {
            super::cast_invalid_input(text, &DataType::Utf8, to)
        }),
    }
}

/// What does not fit is an error outside ANSI mode, too.
fn strict(mode: EvalMode) -> EvalMode {
    if mode == EvalMode::Legacy { EvalMode::Ansi } else { mode }
}

/// The form of an interval's text: `y-m`, `d h:m`.
pub fn pattern(range: IntervalRange) -> &'static str {
    match (range.start, range.end) {
        (Unit::Year, Unit::Year) => "y",
        (Unit::Year, _) => "y-m",
        (Unit::Day, Unit::Day) => "d",
        (Unit::Day, Unit::Hour) => "d h",
        (Unit::Day, Unit::Minute) => "d h:m",
        (Unit::Day, _) => "d h:m:s.n",
        (Unit::Hour, Unit::Hour) => "h",
        (Unit::Hour, Unit::Minute) => "h:m",
        (Unit::Hour, _) => "h:m:s.n",
        (Unit::Minute, Unit::Second) => "m:s.n",
        (Unit::Second, _) => "s.n",
        (Unit::Month | Unit::Minute, _) => "m",
    }
}

fn invalid_format(text: &str, range: IntervalRange) -> SparkError {
    let (condition, kind) = if range.start <= Unit::Month {
        ("INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING", "year-month")
    } else {
        ("INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING_WITH_NOTICE", "day-time")
    };
    let (form, units) = (pattern(range), range.to_string().to_uppercase());
    SparkError::new(condition)
        .with("intervalStr", kind)
        .with("supportedFormat", format!("`[+|-]{form}`, `INTERVAL [+|-]'[+|-]{form}' {units}`"))
        .with("typeName", format!("interval {range}"))
        .with("input", text)
}

/// Between intervals and numbers, which count the last unit, and between intervals of different units.
pub(super) fn cast_interval(array: &ArrayRef, to: &DataType, units: Units, mode: EvalMode) -> Result<ArrayRef> {
    use DataType::*;
    let from = array.data_type();
    let from_range = units.from.or(IntervalRange::full(from));
    let to_range = units.to.or(IntervalRange::full(to));
    let from_size = from_range.map_or(1, |range| range.end.size());
    let to_size = to_range.map_or(1, |range| range.end.size());
    let overflow =
        |literal: String| cast_overflow_between(literal, type_name(from, from_range), type_name(to, to_range));
    match (from, to) {
        (Interval(IntervalUnit::YearMonth), Interval(IntervalUnit::YearMonth)) => {
            let months = array.as_primitive::<IntervalYearMonthType>();
            let size = to_size as i32;
            Ok(Arc::new(months.unary::<_, IntervalYearMonthType>(|months| months / size * size)))
        }
        (Duration(_), Duration(_)) => {
            let us = array.as_primitive::<DurationMicrosecondType>();
            let size = if to_size == Unit::Second.size() { 1 } else { to_size };
            Ok(Arc::new(us.unary::<_, DurationMicrosecondType>(|us| us / size * size)))
        }
        (Interval(IntervalUnit::YearMonth), to) if coerce::is_integral(to) => {
            let months = array.as_primitive::<IntervalYearMonthType>();
            let amounts = months.unary::<_, Int64Type>(|months| i64::from(months) / from_size);
            number::narrow(&amounts, from, to, mode)
        }
        (Interval(IntervalUnit::YearMonth), Decimal128(..)) => {
            let months = array.as_primitive::<IntervalYearMonthType>();
            let amounts = months.unary::<_, Decimal128Type>(|months| i128::from(i64::from(months) / from_size));
            decimal::change_precision(&amounts, 0, to, strict(mode))
        }
        (Duration(_), to) if coerce::is_integral(to) => {
            let values = array.as_primitive::<DurationMicrosecondType>();
            let limits = match to {
                Int8 => i64::from(i8::MIN)..=i64::from(i8::MAX),
                Int16 => i64::from(i16::MIN)..=i64::from(i16::MAX),
                Int32 => i64::from(i32::MIN)..=i64::from(i32::MAX),
                _ => i64::MIN..=i64::MAX,
            };
            let values = values.iter().map(|value| {
                let Some(us) = value else { return Ok(None) };
                let amount = us / from_size;
                if limits.contains(&amount) {
                    return Ok(Some(amount));
                }
                let mut literal = String::new();
                write_day_time(&mut literal, us, from_range.unwrap_or(IntervalRange::DAY_TIME));
                match mode {
                    EvalMode::Try => Ok(None),
                    _ => Err(overflow(literal)),
                }
            });
            let amounts = values.collect::<Result<PrimitiveArray<Int64Type>>>()?;
            number::narrow(&amounts, from, to, EvalMode::Legacy)
        }
        (Duration(_), Decimal128(..)) => {
            let us = array.as_primitive::<DurationMicrosecondType>();
            if from_size == Unit::Second.size() {
                return decimal::change_precision(&us.unary::<_, Decimal128Type>(i128::from), 6, to, strict(mode));
            }
            let amounts = us.unary::<_, Decimal128Type>(|us| i128::from(us / from_size));
            decimal::change_precision(&amounts, 0, to, strict(mode))
        }
        (Decimal128(_, scale), Duration(_)) => counted::<Decimal128Type, DurationMicrosecondType>(
            array.as_primitive(),
            mode,
            |value| times(value, *scale, to_size).and_then(|us| i64::try_from(us).ok()),
            |value| overflow(format!("{}BD", super::text::format_decimal(value, *scale))),
        ),
        (Decimal128(_, scale), Interval(IntervalUnit::YearMonth)) => counted::<Decimal128Type, IntervalYearMonthType>(
            array.as_primitive(),
            mode,
            |value| times(value, *scale, to_size).and_then(|months| i32::try_from(months).ok()),
            |value| overflow(format!("{}BD", super::text::format_decimal(value, *scale))),
        ),
        (from, Interval(IntervalUnit::YearMonth)) if coerce::is_integral(from) => {
            let wide = arrow_cast(array, &Int64).map_err(from_arrow)?;
            counted::<Int64Type, IntervalYearMonthType>(
                wide.as_primitive(),
                mode,
                |value| value.checked_mul(to_size).and_then(|months| i32::try_from(months).ok()),
                |value| overflow(number::integer_literal(value, from)),
            )
        }
        (from, Duration(_)) if coerce::is_integral(from) => {
            let wide = arrow_cast(array, &Int64).map_err(from_arrow)?;
            counted::<Int64Type, DurationMicrosecondType>(
                wide.as_primitive(),
                mode,
                |value| value.checked_mul(to_size),
                |value| overflow(number::integer_literal(value, from)),
            )
        }
        (from, to) => Err(SparkError::internal(format!("no cast from {} to {}", name::sql(from), name::sql(to)))),
    }
}

/// Numbers of units as an interval. One that is too large is an error but for `try_cast`.
fn counted<F: ArrowPrimitiveType, T: ArrowPrimitiveType>(
    numbers: &PrimitiveArray<F>,
    mode: EvalMode,
    one: impl Fn(F::Native) -> Option<T::Native>,
    overflow: impl Fn(F::Native) -> SparkError,
) -> Result<ArrayRef> {
    let values = numbers.iter().map(|number| match number.map(|number| (number, one(number))) {
        None => Ok(None),
        Some((_, Some(value))) => Ok(Some(value)),
        Some((number, None)) => strict(mode).misfit(|| overflow(number)),
    });
    Ok(Arc::new(values.collect::<Result<PrimitiveArray<T>>>()?))
}

/// A decimal times a unit's size, half rounded away from zero.
fn times(value: i128, scale: i8, size: i64) -> Option<i128> {
    decimal::rescale(value.checked_mul(i128::from(size))?, scale, 0)
}

fn type_name(data_type: &DataType, range: Option<IntervalRange>) -> String {
    range.map_or_else(|| name::sql(data_type), |range| format!("INTERVAL {}", range.to_string().to_uppercase()))
}
