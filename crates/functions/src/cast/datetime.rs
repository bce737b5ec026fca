//! Dates and timestamps: the proleptic Gregorian calendar, their text, their casts.
//!
//! Texts are read as Spark's `SparkDateTimeUtils.stringToDate` and `stringToTimestamp` read them.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64NanosecondType, TimestampMicrosecondType,
};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use super::zone::{DAY_US, Zone};
use super::{EvalMode, cast_invalid_input, cast_overflow, decimal, errors, number, text, time};
use crate::Env;
use crate::coerce;

/// Days since the epoch of a date, if there is such a date.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    // Years start in March, so that the leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Year, month, day of days since the epoch.
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Length of a month.
pub fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Months later, on the last day of the month where it is shorter.
pub fn add_months(days: i64, months: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    let total = year * 12 + month - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    let day = day.min(days_in_month(year, month));
    days_from_civil(year, month, day).expect("the day was clamped to the month")
}

/// `2024-02-29`; years beyond 9999 have a sign.
pub fn write_date(out: &mut String, days: i64) {
    let (year, month, day) = civil_from_days(days);
    let _ = match year {
        0..=9999 => write!(out, "{year:04}-{month:02}-{day:02}"),
        10_000.. => write!(out, "+{year}-{month:02}-{day:02}"),
        _ => write!(out, "-{:04}-{month:02}-{day:02}", -year),
    };
}

/// `2024-02-29 12:34:56.5`, a wall clock.
pub fn write_timestamp(out: &mut String, local_us: i64) {
    write_date(out, local_us.div_euclid(DAY_US));
    out.push(' ');
    write_time(out, local_us.rem_euclid(DAY_US));
}

/// `12:34:56.5`, microseconds of a day, no zeros at the end.
pub fn write_time(out: &mut String, us: i64) {
    let seconds = us / 1_000_000;
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = us % 1_000_000;
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

/// A date out of `yyyy`, `yyyy-[m]m`, `yyyy-[m]m-[d]d`, followed by nothing, a blank or `T` and anything.
pub fn parse_date(text: &str) -> Option<i64> {
    let (_, negative, bytes) = signed(number::trim(text));
    let mut parts = [1_i64; 3];
    let mut at = 0;
    for (index, part) in parts.iter_mut().enumerate() {
        let start = at;
        let mut value = 0_i64;
        while at < bytes.len() && bytes[at].is_ascii_digit() && at - start < 8 {
            value = value * 10 + i64::from(bytes[at] - b'0');
            at += 1;
        }
        let digits = at - start;
        if if index == 0 { !(4..=7).contains(&digits) } else { !(1..=2).contains(&digits) } {
            return None;
        }
        *part = value;
        match bytes.get(at) {
            None => break,
            Some(b'-') if index < 2 => at += 1,
            Some(b' ' | b'T') if index == 2 => break,
            Some(_) => return None,
        }
    }
    let year = if negative { -parts[0] } else { parts[0] };
    days_from_civil(year, parts[1], parts[2]).filter(|days| i32::try_from(*days).is_ok())
}

fn signed(text: &str) -> (bool, bool, &[u8]) {
    match text.as_bytes() {
        [b'-', rest @ ..] => (true, true, rest),
        [b'+', rest @ ..] => (true, false, rest),
        rest => (false, false, rest),
    }
}

/// A text taken apart: what of a timestamp it gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParsedTimestamp {
    /// Days since the epoch; `None` when only a time was given.
    pub days: Option<i64>,
    pub time_us: i64,
    pub zone: Option<Zone>,
}

/// Reads `[+-]yyyy[yy][-[m]m[-[d]d[( |T)[h]h[:[m]m[:[s]s[.fraction]]][zone]]]]` or `[T][h]h:[m]m...`.
pub fn parse_timestamp(text: &str) -> Option<ParsedTimestamp> {
    let text = number::trim(text);
    let (has_sign, negative, bytes) = signed(text);
    let digits_at = |mut at: usize| -> (i64, usize) {
        let (start, mut value) = (at, 0_i64);
        while at < bytes.len() && bytes[at].is_ascii_digit() && at - start < 10 {
            value = value * 10 + i64::from(bytes[at] - b'0');
            at += 1;
        }
        (value, at)
    };
    let time_only = !has_sign
        && (bytes.first() == Some(&b'T')
            || matches!(digits_at(0), (_, 1..=2) if bytes.get(digits_at(0).1) == Some(&b':')));
    let mut at = 0;
    let days = if time_only {
        at += usize::from(bytes[0] == b'T');
        None
    } else {
        let mut parts = [1_i64; 3];
        let mut count = 0;
        loop {
            let (value, end) = digits_at(at);
            let digits = end - at;
            if if count == 0 { !(4..=6).contains(&digits) } else { !(1..=2).contains(&digits) } {
                return None;
            }
            parts[count] = value;
            count += 1;
            at = end;
            if count < 3 && bytes.get(at) == Some(&b'-') {
                at += 1;
            } else {
                break;
            }
        }
        let year = if negative { -parts[0] } else { parts[0] };
        let days = days_from_civil(year, parts[1], parts[2])?;
        match bytes.get(at) {
            None => return Some(ParsedTimestamp { days: Some(days), time_us: 0, zone: None }),
            Some(b' ' | b'T') if count == 3 => at += 1,
            Some(_) => return None,
        }
        Some(days)
    };
    let mut parts = [0_i64; 3];
    let mut count = 0;
    loop {
        let (value, end) = digits_at(at);
        if !(1..=2).contains(&(end - at)) {
            return None;
        }
        parts[count] = value;
        count += 1;
        at = end;
        if count < 3 && bytes.get(at) == Some(&b':') {
            at += 1;
        } else {
            break;
        }
    }
    let mut fraction = 0_i64;
    if count == 3 && bytes.get(at) == Some(&b'.') {
        at += 1;
        let mut places = 0;
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            if places < 6 {
                fraction = fraction * 10 + i64::from(bytes[at] - b'0');
                places += 1;
            }
            at += 1;
        }
        fraction *= 10_i64.pow(6 - places);
    }
    let rest = std::str::from_utf8(&bytes[at..]).ok()?.trim_start();
    let zone = if rest.is_empty() { None } else { Some(Zone::find(rest)?) };
    let [hours, minutes, seconds] = parts;
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    Some(ParsedTimestamp { days, time_us: (hours * 3600 + minutes * 60 + seconds) * 1_000_000 + fraction, zone })
}

/// A TIMESTAMP out of a text: an instant.
pub fn timestamp_of(text: &str, zone: Zone, now_us: i64) -> Option<i64> {
    let parsed = parse_timestamp(text)?;
    let zone = parsed.zone.unwrap_or(zone);
    let days = parsed.days.unwrap_or_else(|| zone.to_local(now_us).div_euclid(DAY_US));
    Some(zone.to_utc(days.checked_mul(DAY_US)?.checked_add(parsed.time_us)?))
}

/// A TIMESTAMP_NTZ out of a text; a zone is read and left aside.
pub fn timestamp_ntz_of(text: &str) -> Option<i64> {
    let parsed = parse_timestamp(text)?;
    parsed.days?.checked_mul(DAY_US)?.checked_add(parsed.time_us)
}

/// `epoch`, `now`, `today`, `tomorrow`, `yesterday` as constants: what Spark makes of them in a cast of
/// a literal.
pub(super) fn special_value(text: &str, to: &DataType, env: &Env) -> Option<ScalarValue> {
    let zone = Zone::find(&env.time_zone)?;
    let today = zone.to_local(env.now_us).div_euclid(DAY_US);
    let (days, now) = match number::trim(text).to_ascii_lowercase().as_str() {
        "epoch" => (0, false),
        "now" => (today, true),
        "today" => (today, false),
        "tomorrow" => (today + 1, false),
        "yesterday" => (today - 1, false),
        _ => return None,
    };
    match to {
        DataType::Date32 => Some(ScalarValue::Date32(i32::try_from(days).ok())),
        DataType::Timestamp(_, Some(tz)) => {
            let us = if now {
                env.now_us
            } else if days == 0 && number::trim(text).eq_ignore_ascii_case("epoch") {
                0
            } else {
                zone.to_utc(days * DAY_US)
            };
            Some(ScalarValue::TimestampMicrosecond(Some(us), Some(Arc::clone(tz))))
        }
        DataType::Timestamp(_, None) => {
            let us = if now { zone.to_local(env.now_us) } else { days * DAY_US };
            Some(ScalarValue::TimestampMicrosecond(Some(us), None))
        }
        _ => None,
    }
}

pub(super) fn parse_strings(array: &StringArray, to: &DataType, mode: EvalMode, env: &Env) -> Result<ArrayRef> {
    let zone = Zone::parse(&env.time_zone)?;
    let parse = |text: &str| match to {
        DataType::Date32 => parse_date(text),
        DataType::Timestamp(_, Some(_)) => timestamp_of(text, zone, env.now_us),
        DataType::Timestamp(_, None) => timestamp_ntz_of(text),
        _ => time::time_of(text).map(|us| us * 1000),
    };
    let values = array.iter().map(|value| {
        let Some(text) = value else { return Ok(None) };
        match parse(text) {
            Some(value) => Ok(Some(value)),
            None => mode.misfit(|| cast_invalid_input(text, &DataType::Utf8, to)),
        }
    });
    let values = values.collect::<Result<PrimitiveArray<Int64Type>>>()?;
    Ok(match to {
        DataType::Date32 => Arc::new(values.unary::<_, Date32Type>(|days| days as i32)),
        DataType::Timestamp(..) => timestamps(values, to),
        _ => Arc::new(values.unary::<_, Time64NanosecondType>(|ns| ns)),
    })
}

fn timestamps(values: PrimitiveArray<Int64Type>, to: &DataType) -> ArrayRef {
    let array: TimestampMicrosecondArray = values.reinterpret_cast();
    Arc::new(array.with_data_type(to.clone()))
}

/// One microsecond after the epoch for TRUE: outside ANSI mode only.
pub(super) fn timestamps_of_booleans(array: &BooleanArray) -> ArrayRef {
    let values: PrimitiveArray<Int64Type> = array.iter().map(|value| value.map(i64::from)).collect();
    timestamps(values, &types::timestamp())
}

/// Casts from, to and between dates and timestamps, other than from and to text.
pub(super) fn cast_datetime(array: &ArrayRef, to: &DataType, mode: EvalMode, env: &Env) -> Result<ArrayRef> {
    use DataType::*;
    let zone = Zone::parse(&env.time_zone)?;
    let us = || array.as_primitive::<TimestampMicrosecondType>();
    Ok(match (array.data_type(), to) {
        (Date32, Timestamp(_, tz)) => {
            let days = array.as_primitive::<Date32Type>();
            let local = |days: i32| i64::from(days).saturating_mul(DAY_US);
            match tz {
                Some(_) => timestamps(days.unary(|days| zone.to_utc(local(days))), to),
                None => timestamps(days.unary(local), to),
            }
        }
        (Timestamp(_, from), Date32) => {
            let zone = if from.is_some() { zone } else { Zone::Fixed(0) };
            Arc::new(us().unary::<_, Date32Type>(|us| zone.to_local(us).div_euclid(DAY_US) as i32))
        }
        (Timestamp(_, Some(_)), Timestamp(_, None)) => timestamps(us().unary(|us| zone.to_local(us)), to),
        (Timestamp(_, None), Timestamp(_, Some(_))) => timestamps(us().unary(|us| zone.to_utc(us)), to),
        // There is no such cast in ANSI mode; otherwise it is always NULL.
        (Date32, _) => new_null_array(to, array.len()),
        (Timestamp(..), Boolean) => Arc::new(BooleanArray::from_unary(us(), |us| us != 0)),
        (Timestamp(..), Float32 | Float64) => {
            let seconds: ArrayRef = Arc::new(us().unary::<_, Float64Type>(|us| us as f64 / 1e6));
            number::to_number(&seconds, to, mode)?
        }
        (Timestamp(..), Decimal128(..)) => {
            decimal::change_precision(&us().unary::<_, Decimal128Type>(i128::from), 6, to, mode)?
        }
        (Time64(_), to) if coerce::is_numeric(to) => time::to_number(array, to, mode)?,
        (Timestamp(..), to) if coerce::is_integral(to) => timestamps_to_integers(us(), to, mode, zone)?,
        (from, Timestamp(..)) if coerce::is_numeric(from) => timestamps(microseconds(array, mode)?, to),
        (from, to) => {
            return Err(SparkError::internal(format!("no cast from {} to {}", name::sql(from), name::sql(to))));
        }
    })
}

fn timestamps_to_integers(
    array: &TimestampMicrosecondArray,
    to: &DataType,
    mode: EvalMode,
    zone: Zone,
) -> Result<ArrayRef> {
    let (low, high) = match to {
        DataType::Int8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
        DataType::Int16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        DataType::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    // Outside ANSI mode, too, Spark gives NULL rather than wrap.
    let whole = if mode == EvalMode::Ansi {
        array.try_unary::<_, Int64Type, _>(|us| {
            let seconds = us.div_euclid(1_000_000);
            if (low..=high).contains(&seconds) {
                return Ok(seconds);
            }
            let mut literal = String::from("TIMESTAMP '");
            write_timestamp(&mut literal, zone.to_local(us));
            literal.push('\'');
            Err(cast_overflow(literal, &types::timestamp(), to))
        })?
    } else {
        array.unary_opt::<_, Int64Type>(|us| {
            let seconds = us.div_euclid(1_000_000);
            (low..=high).contains(&seconds).then_some(seconds)
        })
    };
    number::narrow(&whole, &types::timestamp(), to, EvalMode::Legacy)
}

/// Seconds as microseconds.
fn microseconds(array: &ArrayRef, mode: EvalMode) -> Result<PrimitiveArray<Int64Type>> {
    use arrow::compute::cast as arrow_cast;
    let from = array.data_type();
    Ok(match from {
        DataType::Float32 | DataType::Float64 => {
            let seconds = arrow_cast(array, &DataType::Float64).map_err(crate::kernel::from_arrow)?;
            let values = seconds.as_primitive::<Float64Type>().iter().map(|value| {
                let Some(seconds) = value else { return Ok(None) };
                if !seconds.is_finite() {
                    return mode.misfit(|| {
                        errors::invalid_input_literal(
                            &text::format_f64(seconds),
                            &DataType::Float64,
                            &types::timestamp(),
                        )
                    });
                }
                let us = seconds * 1e6;
                if mode == EvalMode::Legacy || us.abs() <= i64::MAX as f64 {
                    return Ok(Some(us as i64));
                }
                let literal = format!("{}D", text::format_f64(us));
                mode.misfit(|| cast_overflow(literal, &DataType::Float64, &DataType::Int64))
            });
            values.collect::<Result<_>>()?
        }
        DataType::Decimal128(_, scale) => array.as_primitive::<Decimal128Type>().unary(|value| {
            // Spark cuts here.
            let shift = 6 - i32::from(*scale);
            let power = decimal::power_of_ten(shift.unsigned_abs().min(38));
            (if shift >= 0 { value.wrapping_mul(power) } else { value / power }) as i64
        }),
        _ => {
            let seconds = arrow_cast(array, &DataType::Int64).map_err(crate::kernel::from_arrow)?;
            seconds.as_primitive::<Int64Type>().unary(|seconds| seconds.saturating_mul(1_000_000))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_goes_both_ways() {
        for days in (-1_000_000..1_000_000).step_by(997) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), Some(days));
        }
        assert_eq!(days_from_civil(1970, 1, 1), Some(0));
        assert_eq!(add_months(days_from_civil(2024, 1, 31).unwrap(), 1), days_from_civil(2024, 2, 29).unwrap());
    }

    #[test]
    fn texts() {
        assert_eq!(parse_date("2024-02-29Tabc"), days_from_civil(2024, 2, 29));
        assert_eq!(parse_date("2024-02-29x"), None);
        assert_eq!(parse_date("24-02-29"), None);
        assert_eq!(timestamp_ntz_of("1970-01-02 1:2:3.5"), Some(DAY_US + 3_723_500_000));
        assert_eq!(timestamp_of("1970-01-01 00:00:00+01:00", Zone::Fixed(0), 0), Some(-3_600_000_000));
        assert_eq!(timestamp_of("12:30", Zone::Fixed(0), DAY_US), Some(DAY_US + 45_000_000_000));
        assert_eq!(timestamp_of("1 day", Zone::Fixed(0), 0), None);
    }
}
