//! `make_date`, `make_timestamp`, `make_interval` and their kin: values out of fields.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, PrimitiveArray, TimestampMicrosecondArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Int32Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalYearMonthType, Time64NanosecondType,
};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError, types};

use super::civil::{DAY_US, SECOND_US, checked_days, is_leap};
use super::zone::{UTC, Zone};
use crate::kernel::KernelArgs;
use crate::{Call, Typed};

/// `make_date(year, month, day)`.
pub fn make_date(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    let inner = call.coerced(&[DataType::Int32, DataType::Int32, DataType::Int32])?;
    let nullable = !call.env.ansi || inner.any_nullable();
    Ok(inner.kernel("make_date", DataType::Date32, nullable, |args| {
        let columns = ints(args, 0..3)?;
        let mut result = Vec::with_capacity(args.rows);
        for row in 0..args.rows {
            let days = match fields(&columns, row) {
                None => None,
                Some(fields) => match days(fields[0], fields[1], fields[2]) {
                    Ok(days) => Some(days as i32),
                    Err(reason) if args.env.ansi => return Err(out_of_bounds(&reason)),
                    Err(_) => None,
                },
            };
            result.push(days);
        }
        Ok(Arc::new(result.into_iter().collect::<Date32Array>()))
    }))
}

fn ints(args: &KernelArgs, range: std::ops::Range<usize>) -> Result<Vec<PrimitiveArray<Int32Type>>> {
    range.map(|index| Ok(args.array(index)?.as_primitive::<Int32Type>().clone())).collect()
}

/// The fields of a row; `None` if any is NULL.
fn fields(columns: &[PrimitiveArray<Int32Type>], row: usize) -> Option<Vec<i64>> {
    columns.iter().map(|column| column.is_valid(row).then(|| i64::from(column.value(row)))).collect()
}

/// A date, or what Java says is wrong with it.
fn days(year: i64, month: i64, day: i64) -> Result<i64, String> {
    in_range("MonthOfYear", month, 1, 12, "1 - 12")?;
    in_range("DayOfMonth", day, 1, 31, "1 - 28/31")?;
    checked_days(year, month, day).ok_or_else(|| {
        const MONTHS: [&str; 12] = [
            "JANUARY",
            "FEBRUARY",
            "MARCH",
            "APRIL",
            "MAY",
            "JUNE",
            "JULY",
            "AUGUST",
            "SEPTEMBER",
            "OCTOBER",
            "NOVEMBER",
            "DECEMBER",
        ];
        if day == 29 && !is_leap(year) {
            format!("Invalid date 'February 29' as '{year}' is not a leap year")
        } else {
            format!("Invalid date '{} {day}'", MONTHS[month as usize - 1])
        }
    })
}

fn in_range(name: &str, value: i64, min: i64, max: i64, range: &str) -> Result<(), String> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(format!("Invalid value for {name} (valid values {range}): {value}"))
}

fn out_of_bounds(reason: &str) -> SparkError {
    SparkError::new("DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION")
        .with("rangeMessage", reason)
        .with("ansiConfig", "\"spark.sql.ansi.enabled\"")
}

/// `make_timestamp(y, m, d, h, min, s[, zone])`, `make_timestamp(date[, time[, zone]])`.
pub fn make_timestamp(call: &Call) -> Result<Typed> {
    timestamp(call, in_session(call), call.env.ansi)
}

/// `make_timestamp_ltz(...)`.
pub fn make_timestamp_ltz(call: &Call) -> Result<Typed> {
    timestamp(call, types::timestamp(), call.env.ansi)
}

/// `try_make_timestamp_ltz(...)`.
pub fn try_make_timestamp_ltz(call: &Call) -> Result<Typed> {
    timestamp(call, types::timestamp(), false)
}

/// What the session means by a timestamp; a zone makes it an instant.
fn in_session(call: &Call) -> DataType {
    if matches!(call.args.len(), 3 | 7) { types::timestamp() } else { super::convert::session_type(call) }
}

/// `try_make_timestamp(...)`: NULL where the fields make no timestamp.
pub fn try_make_timestamp(call: &Call) -> Result<Typed> {
    timestamp(call, in_session(call), false)
}

/// `make_timestamp_ntz(...)`.
pub fn make_timestamp_ntz(call: &Call) -> Result<Typed> {
    timestamp(call, types::timestamp_ntz(), call.env.ansi)
}

/// `try_make_timestamp_ntz(...)`.
pub fn try_make_timestamp_ntz(call: &Call) -> Result<Typed> {
    timestamp(call, types::timestamp_ntz(), false)
}

fn timestamp(call: &Call, output: DataType, strict: bool) -> Result<Typed> {
    call.arity(1..=7)?;
    let param = if strict { "strict" } else { "lenient" };
    if call.args.len() <= 3 {
        let time = types::time();
        let inner = call.coerced(&[DataType::Date32, time, DataType::Utf8])?;
        // Spark prints these calls by the function that it puts in their place.
        let args = &call.display()[call.name.len()..];
        let label = match call.name {
            "make_timestamp_ltz" | "try_make_timestamp_ltz" => format!("make_timestamp{args}"),
            "try_make_timestamp_ntz" => format!("try_make_timestamp_ntz(make_timestamp_ntz{args})"),
            name => format!("{name}{args}"),
        };
        let nullable = inner.any_nullable() || output == types::timestamp_ntz();
        let made = inner.kernel_with("make_timestamp_of_date", output, nullable, param.to_string(), of_date_and_time);
        return Ok(made.named(label));
    }
    call.arity(6..=7)?;
    let int = DataType::Int32;
    let second = DataType::Decimal128(16, 6);
    let inner = call.coerced(&[int.clone(), int.clone(), int.clone(), int.clone(), int, second, DataType::Utf8])?;
    let nullable = !strict || inner.any_nullable();
    Ok(inner.kernel_with("make_timestamp", output, nullable, param.to_string(), of_fields).named(call.display()))
}

/// The zone of each row; `None` where it is NULL.
type ZoneOf = Box<dyn Fn(usize) -> Result<Option<Zone>>>;

fn zones(args: &KernelArgs, index: usize) -> Result<ZoneOf> {
    let local = matches!(args.return_type, DataType::Timestamp(_, None));
    if local {
        return Ok(Box::new(|_| Ok(Some(UTC))));
    }
    if args.args.len() <= index {
        let zone = Zone::of(&args.env.time_zone)?;
        return Ok(Box::new(move |_| Ok(Some(zone))));
    }
    let names = args.array(index)?.as_string::<i32>().clone();
    Ok(Box::new(move |row| if names.is_valid(row) { Zone::of(names.value(row)).map(Some) } else { Ok(None) }))
}

fn of_fields(args: &KernelArgs) -> Result<ArrayRef> {
    let columns = ints(args, 0..5)?;
    let seconds = args.array(5)?;
    let seconds = seconds.as_primitive::<Decimal128Type>();
    let zones = zones(args, 6)?;
    let strict = args.param == "strict";
    let mut result = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        let (Some(fields), true) = (fields(&columns, row), seconds.is_valid(row)) else {
            result.push(None);
            continue;
        };
        let zone = match zones(row) {
            Ok(Some(zone)) => zone,
            Ok(None) => {
                result.push(None);
                continue;
            }
            Err(error) => return Err(error),
        };
        match local_micros(&fields, seconds.value(row) as i64) {
            Ok(local) => result.push(Some(zone.to_utc(local))),
            Err(error) if strict => return Err(error),
            Err(_) => result.push(None),
        }
    }
    let result: TimestampMicrosecondArray = result.into_iter().collect();
    Ok(Arc::new(result.with_data_type(args.return_type.clone())))
}

/// Local microseconds of year, month, day, hour, minute and microseconds of the minute.
fn local_micros(fields: &[i64], micros: i64) -> Result<i64> {
    let (second, fraction) = (micros.div_euclid(SECOND_US), micros.rem_euclid(SECOND_US));
    if second == 60 && fraction != 0 {
        let text = format!("60.{}", format!("{fraction:06}").trim_end_matches('0'));
        return Err(SparkError::new("INVALID_FRACTION_OF_SECOND").with("secAndMicros", text));
    }
    // 60 seconds are the next minute: PostgreSQL does so, and Spark after it.
    let (checked, more) = if second == 60 { (0, 60) } else { (second, 0) };
    let of = || -> Result<i64, String> {
        let days = days(fields[0], fields[1], fields[2])?;
        in_range("HourOfDay", fields[3], 0, 23, "0 - 23")?;
        in_range("MinuteOfHour", fields[4], 0, 59, "0 - 59")?;
        in_range("SecondOfMinute", checked, 0, 59, "0 - 59")?;
        let seconds = fields[3] * 3600 + fields[4] * 60 + checked + more;
        days.checked_mul(DAY_US)
            .and_then(|us| us.checked_add(seconds * SECOND_US + fraction))
            .ok_or_else(|| "long overflow".to_string())
    };
    of().map_err(|reason| out_of_bounds(&reason))
}

fn of_date_and_time(args: &KernelArgs) -> Result<ArrayRef> {
    let dates = args.array(0)?;
    let dates = dates.as_primitive::<Date32Type>();
    let times =
        if args.args.len() > 1 { Some(args.array(1)?.as_primitive::<Time64NanosecondType>().clone()) } else { None };
    let zones = zones(args, 2)?;
    let mut result = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        let time = match &times {
            None => Some(0),
            Some(times) => times.is_valid(row).then(|| times.value(row) / 1_000),
        };
        let value = match (dates.is_valid(row), time, zones(row)?) {
            (true, Some(time), Some(zone)) => Some(zone.to_utc(i64::from(dates.value(row)) * DAY_US + time)),
            _ => None,
        };
        result.push(value);
    }
    let result: TimestampMicrosecondArray = result.into_iter().collect();
    Ok(Arc::new(result.with_data_type(args.return_type.clone())))
}

/// Fills missing arguments with zeros, named as Spark names them.
fn filled<'a>(call: &Call<'a>, count: usize, seconds: Option<DataType>) -> Result<Call<'a>> {
    call.arity(0..=count)?;
    let mut args = vec![];
    for index in 0..count {
        let wanted = match &seconds {
            Some(decimal) if index + 1 == count => decimal.clone(),
            _ => DataType::Int32,
        };
        args.push(match (call.args.get(index), &wanted) {
            (Some(_), _) => call.coerce(index, &wanted)?,
            (None, DataType::Decimal128(precision, scale)) => {
                Typed::literal(ScalarValue::Decimal128(Some(0), *precision, *scale), "0.000000")
            }
            (None, _) => Typed::literal(ScalarValue::Int32(Some(0)), "0"),
        });
    }
    Ok(Call { name: call.name, args, distinct: false, ignore_nulls: false, env: call.env })
}

/// `make_interval(years, months, weeks, days, hours, mins, secs)`: a calendar interval.
pub fn make_interval(call: &Call) -> Result<Typed> {
    interval(call, call.env.ansi)
}

/// `try_make_interval(...)`: NULL on overflow.
pub fn try_make_interval(call: &Call) -> Result<Typed> {
    interval(call, false)
}

fn interval(call: &Call, strict: bool) -> Result<Typed> {
    let inner = filled(call, 7, Some(DataType::Decimal128(18, 6)))?;
    let nullable = !strict || inner.any_nullable();
    let param = if strict { "strict" } else { "lenient" }.to_string();
    Ok(inner.kernel_with("make_interval", types::calendar_interval(), nullable, param, |args| {
        let columns = ints(args, 0..6)?;
        let seconds = args.array(6)?;
        let seconds = seconds.as_primitive::<Decimal128Type>();
        let mut result: Vec<Option<IntervalMonthDayNano>> = Vec::with_capacity(args.rows);
        for row in 0..args.rows {
            let (Some(f), true) = (fields(&columns, row), seconds.is_valid(row)) else {
                result.push(None);
                continue;
            };
            let micros = i64::try_from(seconds.value(row)).ok();
            let of = || {
                let months = i32::try_from(f[0] * 12 + f[1]).ok()?;
                let days = i32::try_from(f[2] * 7 + f[3]).ok()?;
                let nanos =
                    (f[4] * 3_600 + f[5] * 60).checked_mul(SECOND_US)?.checked_add(micros?)?.checked_mul(1_000)?;
                Some(IntervalMonthDayNano::new(months, days, nanos))
            };
            let value = of();
            if value.is_none() && args.param == "strict" {
                return Err(SparkError::new("ARITHMETIC_OVERFLOW")
                    .with("message", "overflow")
                    .with("alternative", "")
                    .with("config", "\"spark.sql.ansi.enabled\"")
                    .placeless());
            }
            result.push(value);
        }
        Ok(Arc::new(result.into_iter().collect::<PrimitiveArray<IntervalMonthDayNanoType>>()))
    }))
}

fn interval_overflow() -> SparkError {
    SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION")
}

/// `make_dt_interval(days, hours, mins, secs)`.
pub fn make_dt_interval(call: &Call) -> Result<Typed> {
    let inner = filled(call, 4, Some(DataType::Decimal128(18, 6)))?;
    Ok(inner.kernel("make_dt_interval", types::day_time_interval(), inner.any_nullable(), |args| {
        let columns = ints(args, 0..3)?;
        let seconds = args.array(3)?;
        let seconds = seconds.as_primitive::<Decimal128Type>();
        let mut result = Vec::with_capacity(args.rows);
        for row in 0..args.rows {
            let (Some(f), true) = (fields(&columns, row), seconds.is_valid(row)) else {
                result.push(None);
                continue;
            };
            let whole = i128::from(f[0] * 86_400 + f[1] * 3_600 + f[2] * 60) * i128::from(SECOND_US);
            let micros =
                i64::try_from(whole + seconds.value(row)).map_err(|_| args.env.place.told(interval_overflow()))?;
            result.push(Some(micros));
        }
        Ok(Arc::new(result.into_iter().collect::<PrimitiveArray<DurationMicrosecondType>>()))
    }))
}

/// `make_ym_interval(years, months)`.
pub fn make_ym_interval(call: &Call) -> Result<Typed> {
    let inner = filled(call, 2, None)?;
    Ok(inner.kernel("make_ym_interval", types::year_month_interval(), inner.any_nullable(), |args| {
        let columns = ints(args, 0..2)?;
        let mut result = Vec::with_capacity(args.rows);
        for row in 0..args.rows {
            let months = match fields(&columns, row) {
                None => None,
                Some(f) => Some(i32::try_from(f[0] * 12 + f[1]).map_err(|_| args.env.place.told(interval_overflow()))?),
            };
            result.push(months);
        }
        Ok(Arc::new(result.into_iter().collect::<PrimitiveArray<IntervalYearMonthType>>()))
    }))
}
