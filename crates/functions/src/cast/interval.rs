//! Intervals as text and numbers, and back.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray};
use arrow::compute::cast as arrow_cast;
use arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    IntervalUnit, IntervalYearMonthType,
};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::zone::DAY_US;
use super::{EvalMode, cast_overflow, decimal, number};
use crate::coerce;
use crate::kernel::from_arrow;

/// `INTERVAL '1-2' YEAR TO MONTH`.
pub fn write_year_month(out: &mut String, months: i32) {
    let sign = if months < 0 { "-" } else { "" };
    let months = months.unsigned_abs();
    let _ = write!(out, "INTERVAL '{sign}{}-{}' YEAR TO MONTH", months / 12, months % 12);
}

/// `INTERVAL '1 02:03:04.5' DAY TO SECOND`.
pub fn write_day_time(out: &mut String, us: i64) {
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    let (days, seconds) = (us / DAY_US as u64, us / 1_000_000);
    let _ =
        write!(out, "INTERVAL '{sign}{days} {:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let fraction = us % 1_000_000;
    if fraction > 0 {
        let _ = write!(out, ".{}", format!("{fraction:06}").trim_end_matches('0'));
    }
    out.push_str("' DAY TO SECOND");
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
fn unwrap_literal<'a>(text: &'a str, units: &str) -> Option<(bool, &'a str)> {
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
    (words.join(" ") == units).then_some((negative, body))
}

/// Months out of `[+-]y-m` or `INTERVAL [+-]'[+-]y-m' YEAR TO MONTH`.
pub fn parse_year_month(text: &str) -> Option<i32> {
    let (outer, body) = unwrap_literal(text, "year to month")?;
    let (inner, body) = sign_of(body);
    let (years, months) = body.split_once('-')?;
    let (years, months) = (unsigned(years, 9)?, unsigned(months, 2)?);
    if months > 11 {
        return None;
    }
    let total = years.checked_mul(12)?.checked_add(months)?;
    i32::try_from(if outer != inner { -total } else { total }).ok()
}

/// Microseconds out of `[+-]d h:m:s.n` or `INTERVAL [+-]'[+-]d h:m:s.n' DAY TO SECOND`.
pub fn parse_day_time(text: &str) -> Option<i64> {
    let (outer, body) = unwrap_literal(text, "day to second")?;
    let (inner, body) = sign_of(body);
    let (days, time) = body.split_once(' ')?;
    let mut parts = time.split(':');
    let hours = unsigned(parts.next()?, 2)?;
    let minutes = unsigned(parts.next()?, 2)?;
    let seconds = parts.next()?;
    if parts.next().is_some() {
        return None;
    }
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let seconds = unsigned(seconds, 2)?;
    if hours > 23 || minutes > 59 || seconds > 59 || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}")[..6].parse().ok()?;
    let total = unsigned(days, 9)?
        .checked_mul(DAY_US)?
        .checked_add((hours * 3600 + minutes * 60 + seconds) * 1_000_000 + micros)?;
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

pub(super) fn parse_strings(array: &StringArray, to: &DataType, mode: EvalMode) -> Result<ArrayRef> {
    fn parse<T: arrow::array::ArrowPrimitiveType>(
        array: &StringArray,
        mode: EvalMode,
        to: &DataType,
        one: fn(&str) -> Option<T::Native>,
    ) -> Result<ArrayRef> {
        let values = array.iter().map(|value| {
            let Some(text) = value else { return Ok(None) };
            match one(text) {
                Some(value) => Ok(Some(value)),
                None => mode.misfit(|| invalid_format(text, to)),
            }
        });
        Ok(Arc::new(values.collect::<Result<PrimitiveArray<T>>>()?))
    }
    match to {
        DataType::Interval(IntervalUnit::YearMonth) => {
            parse::<IntervalYearMonthType>(array, mode, to, parse_year_month)
        }
        DataType::Duration(_) => parse::<DurationMicrosecondType>(array, mode, to, parse_day_time),
        _ => parse::<IntervalMonthDayNanoType>(array, mode, to, parse_calendar),
    }
}

fn invalid_format(text: &str, to: &DataType) -> SparkError {
    let matched = |condition: &str, kind: &str, form: &str, units: &str| {
        SparkError::new(condition)
            .with("intervalStr", kind)
            .with("supportedFormat", format!("`[+|-]{form}`, `INTERVAL [+|-]'[+|-]{form}' {units}`"))
            .with("typeName", name::sql(to).to_lowercase())
            .with("input", text)
    };
    match to {
        DataType::Interval(IntervalUnit::YearMonth) => {
            matched("INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING", "year-month", "y-m", "YEAR TO MONTH")
        }
        DataType::Duration(_) => matched(
            "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING_WITH_NOTICE",
            "day-time",
            "d h:m:s.n",
            "DAY TO SECOND",
        ),
        _ => super::cast_invalid_input(text, &DataType::Utf8, to),
    }
}

/// Between intervals and numbers: months, or seconds of a day-time interval.
pub(super) fn cast_interval(array: &ArrayRef, to: &DataType, mode: EvalMode) -> Result<ArrayRef> {
    use DataType::*;
    let from = array.data_type();
    match (from, to) {
        (Interval(IntervalUnit::YearMonth), to) if coerce::is_integral(to) => {
            let months = array.as_primitive::<IntervalYearMonthType>().unary::<_, Int64Type>(i64::from);
            number::narrow(&months, from, to, mode)
        }
        (Interval(IntervalUnit::YearMonth), Decimal128(..)) => {
            let months = array.as_primitive::<IntervalYearMonthType>().unary::<_, Decimal128Type>(i128::from);
            decimal::change_precision(&months, 0, to, mode)
        }
        (Duration(_), to) if coerce::is_integral(to) => {
            let seconds = array.as_primitive::<DurationMicrosecondType>();
            let limits = match to {
                Int8 => i64::from(i8::MIN)..=i64::from(i8::MAX),
                Int16 => i64::from(i16::MIN)..=i64::from(i16::MAX),
                Int32 => i64::from(i32::MIN)..=i64::from(i32::MAX),
                _ => i64::MIN..=i64::MAX,
            };
            let values = seconds.iter().map(|value| {
                let Some(us) = value else { return Ok(None) };
                let seconds = us / 1_000_000;
                if limits.contains(&seconds) {
                    return Ok(Some(seconds));
                }
                let mut literal = String::new();
                write_day_time(&mut literal, us);
                match mode {
                    EvalMode::Try => Ok(None),
                    _ => Err(cast_overflow(literal, from, to)),
                }
            });
            let seconds = values.collect::<Result<PrimitiveArray<Int64Type>>>()?;
            number::narrow(&seconds, from, to, EvalMode::Legacy)
        }
        (Duration(_), Decimal128(..)) => {
            let us = array.as_primitive::<DurationMicrosecondType>().unary::<_, Decimal128Type>(i128::from);
            decimal::change_precision(&us, 6, to, mode)
        }
        (Decimal128(_, scale), Duration(_)) => {
            let decimals = array.as_primitive::<Decimal128Type>();
            let us = decimals.try_unary::<_, DurationMicrosecondType, _>(|value| {
                decimal::rescale(value, *scale, 6)
                    .and_then(|us| i64::try_from(us).ok())
                    .ok_or_else(|| cast_overflow(format!("{}BD", super::text::format_decimal(value, *scale)), from, to))
            })?;
            Ok(Arc::new(us))
        }
        (Decimal128(_, scale), Interval(IntervalUnit::YearMonth)) => {
            let decimals = array.as_primitive::<Decimal128Type>();
            let months = decimals.try_unary::<_, IntervalYearMonthType, _>(|value| {
                decimal::rescale(value, *scale, 0)
                    .and_then(|months| i32::try_from(months).ok())
                    .ok_or_else(|| cast_overflow(format!("{}BD", super::text::format_decimal(value, *scale)), from, to))
            })?;
            Ok(Arc::new(months))
        }
        (from, Interval(IntervalUnit::YearMonth)) if coerce::is_integral(from) => {
            let wide = arrow_cast(array, &Int64).map_err(from_arrow)?;
            let months = wide.as_primitive::<Int64Type>().try_unary::<_, IntervalYearMonthType, _>(|value| {
                i32::try_from(value).map_err(|_| cast_overflow(number::integer_literal(value, from), from, to))
            })?;
            Ok(Arc::new(months))
        }
        (from, Duration(_)) if coerce::is_integral(from) => {
            let wide = arrow_cast(array, &Int64).map_err(from_arrow)?;
            let us = wide.as_primitive::<Int64Type>().try_unary::<_, DurationMicrosecondType, _>(|value| {
                value
                    .checked_mul(1_000_000)
                    .ok_or_else(|| cast_overflow(number::integer_literal(value, from), from, to))
            })?;
            Ok(Arc::new(us))
        }
        (from, to) => Err(SparkError::internal(format!("no cast from {} to {}", name::sql(from), name::sql(to)))),
    }
}
