//! Arithmetic on dates and timestamps: `date_add`, `add_months`, `months_between`, `timestampdiff` and the like.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, TimestampMicrosecondArray,
};
use arrow::compute::binary;
use arrow::datatypes::{DataType, Date32Type, Int32Type, Int64Type, TimestampMicrosecondType};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError, types};

use super::civil::{self, DAY_US, SECOND_US, civil_from_days, month_length};
use super::fields::zone_of;
use super::zone::Zone;
use crate::kernel::{KernelArgs, from_arrow};
use crate::{Call, Typed, constant};

/// `date_add(date, days)`, `dateadd`; with three arguments `timestampadd`.
pub fn date_add(call: &Call) -> Result<Typed> {
    if call.args.len() == 3 {
        return timestamp_add(call);
    }
    days(call, "date_add", |args| shifted(args, |date, days| date.wrapping_add(days)))
}

/// `date_sub(date, days)`.
pub fn date_sub(call: &Call) -> Result<Typed> {
    days(call, "date_sub", |args| shifted(args, |date, days| date.wrapping_sub(days)))
}

fn days(call: &Call, name: &'static str, kernel: crate::kernel::Kernel) -> Result<Typed> {
    call.arity(2)?;
    if matches!(call.args[0].data_type, DataType::Time64(_)) {
        return Err(call.unexpected_type(0, "\"DATE\""));
    }
    let date = call.coerce(0, &DataType::Date32)?;
    let count = match call.args[1].data_type {
        DataType::Utf8 if !call.env.ansi => {
            let count = call.coerce(1, &DataType::Int32)?;
            // A text that is no number is refused while the query is analyzed.
            if let (Some(_), Some(value)) = (call.args[1].as_literal(), constant::evaluate(&count.expr)) {
                let given = call.args[1].as_literal().is_some_and(|text| !text.is_null());
                if given && value.is_null() {
                    return Err(SparkError::new("SECOND_FUNCTION_ARGUMENT_NOT_INTEGER").with("functionName", call.name));
                }
            }
            count
        }
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Utf8 | DataType::Null => {
            call.coerce(1, &DataType::Int32)?
        }
        // A wider number is not made an integer in silence.
        _ => return Err(call.unexpected_type(1, "(\"INT\" or \"SMALLINT\" or \"TINYINT\")")),
    };
    let inner = call.with_args(vec![date, count]);
    let display = format!("{name}({}, {})", call.args[0].name, call.args[1].name);
    Ok(inner.kernel(name, DataType::Date32, inner.any_nullable(), kernel).named(display))
}

fn shifted(args: &KernelArgs, of: fn(i32, i32) -> i32) -> Result<ArrayRef> {
    let (dates, counts) = (args.array(0)?, args.array(1)?);
    let dates = dates.as_primitive::<Date32Type>();
    let counts = counts.as_primitive::<Int32Type>();
    let result: Date32Array = binary(dates, counts, of).map_err(from_arrow)?;
    Ok(Arc::new(result))
}

/// `date_diff(end, start)`, `datediff`: days; with three arguments `timestampdiff`.
pub fn date_diff(call: &Call) -> Result<Typed> {
    if call.args.len() == 3 {
        return timestamp_diff(call);
    }
    call.arity(2)?;
    let inner = call.coerced(&[DataType::Date32, DataType::Date32])?;
    Ok(inner.kernel("date_diff", DataType::Int32, inner.any_nullable(), |args| {
        let (end, start) = (args.array(0)?, args.array(1)?);
        let days: arrow::array::Int32Array =
            binary(end.as_primitive::<Date32Type>(), start.as_primitive::<Date32Type>(), |end, start| {
                end.wrapping_sub(start)
            })
            .map_err(from_arrow)?;
        Ok(Arc::new(days))
    }))
}

/// `add_months(date, months)`.
pub fn add_months(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let inner = call.coerced(&[DataType::Date32, DataType::Int32])?;
    Ok(inner.kernel("add_months", DataType::Date32, inner.any_nullable(), |args| {
        shifted(args, |date, months| civil::add_months(i64::from(date), i64::from(months)) as i32)
    }))
}

/// `last_day(date)`: the last of its month.
pub fn last_day(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.coerced(&[DataType::Date32])?;
    Ok(inner.kernel("last_day", DataType::Date32, inner.any_nullable(), |args| {
        let dates = args.array(0)?;
        Ok(Arc::new(dates.as_primitive::<Date32Type>().unary::<_, Date32Type>(|date| {
            let (year, month, day) = civil_from_days(i64::from(date));
            date + (month_length(year, month) - day) as i32
        })))
    }))
}

/// `next_day(date, day_of_week)`: the first such day after the date.
pub fn next_day(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let inner = call.coerced(&[DataType::Date32, DataType::Utf8])?;
    Ok(inner.kernel("next_day", DataType::Date32, true, |args| {
        let (dates, names) = (args.array(0)?, args.array(1)?);
        let (dates, names) = (dates.as_primitive::<Date32Type>(), names.as_string::<i32>());
        let mut result = Vec::with_capacity(args.rows);
        for row in 0..args.rows {
            if dates.is_null(row) || names.is_null(row) {
                result.push(None);
                continue;
            }
            let Some(weekday) = weekday(names.value(row)) else {
                if args.env.ansi {
                    return Err(SparkError::new("ILLEGAL_DAY_OF_WEEK").with("string", names.value(row)));
                }
                result.push(None);
                continue;
            };
            let date = dates.value(row);
            let today = civil::iso_weekday(i64::from(date));
            let ahead = (weekday - today).rem_euclid(7);
            result.push(Some(date + if ahead == 0 { 7 } else { ahead as i32 }));
        }
        Ok(Arc::new(result.into_iter().collect::<Date32Array>()))
    }))
}

/// ISO number of a weekday by its two letters, three letters or whole name.
fn weekday(name: &str) -> Option<i64> {
    const NAMES: [&str; 7] = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
    let name = name.trim().to_uppercase();
    let matches = |full: &&str| name == **full || name == full[..2] || name == full[..3];
    NAMES.iter().position(matches).map(|at| at as i64 + 1)
}

/// `months_between(a, b[, round])`.
pub fn months_between(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    let mut args = vec![call.coerce(0, &types::timestamp())?, call.coerce(1, &types::timestamp())?];
    let round = match call.args.get(2) {
        None => Typed::literal(ScalarValue::Boolean(Some(true)), "true"),
        Some(_) => call.coerce(2, &DataType::Boolean)?,
    };
    args.push(round);
    let inner = call.with_args(args);
    Ok(inner.kernel("months_between", DataType::Float64, inner.any_nullable(), |args| {
        let zone = Zone::of(&args.env.time_zone)?;
        let (a, b, round) = (args.array(0)?, args.array(1)?, args.array(2)?);
        let (a, b) = (a.as_primitive::<TimestampMicrosecondType>(), b.as_primitive::<TimestampMicrosecondType>());
        let round: &BooleanArray = round.as_boolean();
        let value = |row: usize| {
            (a.is_valid(row) && b.is_valid(row) && round.is_valid(row))
                .then(|| months(zone.to_local(a.value(row)), zone.to_local(b.value(row)), round.value(row)))
        };
        Ok(Arc::new((0..args.rows).map(value).collect::<Float64Array>()))
    }))
}

fn months(a: i64, b: i64, round: bool) -> f64 {
    let ((year_a, month_a, day_a), (year_b, month_b, day_b)) =
        (civil_from_days(a.div_euclid(DAY_US)), civil_from_days(b.div_euclid(DAY_US)));
    let whole = ((year_a - year_b) * 12 + i64::from(month_a) - i64::from(month_b)) as f64;
    let last = |year, month, day| month_length(year, month) == day;
    if day_a == day_b || (last(year_a, month_a, day_a) && last(year_b, month_b, day_b)) {
        return whole;
    }
    let second = |us: i64, day: u32| i64::from(day) * 86_400 + us.rem_euclid(DAY_US) / SECOND_US;
    let difference = whole + (second(a, day_a) - second(b, day_b)) as f64 / (31.0 * 86_400.0);
    if round { (difference * 1e8).round() / 1e8 } else { difference }
}

/// A unit of `timestampadd` and `timestampdiff`.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Micros(i64),
    /// Days of local time.
    Days(i64),
    Months(i64),
}

impl Unit {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_uppercase().as_str() {
            "MICROSECOND" => Self::Micros(1),
            "MILLISECOND" => Self::Micros(1_000),
            "SECOND" => Self::Micros(SECOND_US),
            "MINUTE" => Self::Micros(60 * SECOND_US),
            "HOUR" => Self::Micros(3_600 * SECOND_US),
            "DAY" | "DAYOFYEAR" => Self::Days(1),
            "WEEK" => Self::Days(7),
            "MONTH" => Self::Months(1),
            "QUARTER" => Self::Months(3),
            "YEAR" => Self::Months(12),
            _ => return None,
        })
    }

    /// Adds to an instant; days and months keep the local time.
    fn add(self, us: i64, count: i64, zone: Zone) -> Option<i64> {
        match self {
            Self::Micros(size) => us.checked_add(count.checked_mul(size)?),
            Self::Days(size) => {
                let local = zone.to_local(us).checked_add(count.checked_mul(size)?.checked_mul(DAY_US)?)?;
                Some(zone.to_utc(local))
            }
            Self::Months(size) => {
                let local = zone.to_local(us);
                let days = local.div_euclid(DAY_US);
                let months = count.checked_mul(size).filter(|months| months.abs() < 12_000_000)?;
                let local =
                    civil::add_months(days, months).checked_mul(DAY_US)?.checked_add(local.rem_euclid(DAY_US))?;
                Some(zone.to_utc(local))
            }
        }
    }

    /// Whole units from one local time to another.
    fn between(self, start: i64, end: i64) -> i64 {
        match self {
            Self::Micros(size) => (end - start) / size,
            Self::Days(size) => (end - start) / (DAY_US * size),
            Self::Months(size) => {
                let index = |us: i64| {
                    let (year, month, day) = civil_from_days(us.div_euclid(DAY_US));
                    (year * 12 + i64::from(month), i64::from(day) * DAY_US + us.rem_euclid(DAY_US))
                };
                let ((month_a, rest_a), (month_b, rest_b)) = (index(start), index(end));
                let mut months = month_b - month_a;
                if months > 0 && rest_b < rest_a {
                    months -= 1;
                } else if months < 0 && rest_b > rest_a {
                    months += 1;
                }
                months / size
            }
        }
    }
}

fn unit(call: &Call) -> Result<String> {
    let unit = match constant::evaluate(&call.args[0].expr) {
        Some(ScalarValue::Utf8(Some(unit))) => unit,
        _ => {
            call.constant(0)?;
            return Err(call.unexpected_type(0, "\"STRING\""));
        }
    };
    if Unit::parse(&unit).is_none() {
        return Err(SparkError::new("INVALID_PARAMETER_VALUE.DATETIME_UNIT")
            .with("functionName", types::name::quote(call.name))
            .with("parameter", "`unit`")
            .with("invalidValue", format!("'{unit}'")));
    }
    Ok(unit)
}

fn timestamp_arg(call: &Call, index: usize) -> Result<Typed> {
    match call.args[index].data_type {
        DataType::Timestamp(..) => Ok(call.args[index].clone()),
        _ => call.coerce(index, &types::timestamp()),
    }
}

/// `timestampadd(unit, count, timestamp)`.
pub fn timestamp_add(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    let unit = unit(call)?;
    let display = format!("timestampadd({}, {}, {})", call.args[0].name, call.args[1].name, call.args[2].name);
    let inner = call.with_args(vec![call.coerce(1, &DataType::Int64)?, timestamp_arg(call, 2)?]);
    let output = inner.args[1].data_type.clone();
    let nullable = inner.any_nullable();
    Ok(inner.kernel_with("timestampadd", output, nullable, unit, added).named(display))
}

/// A timestamp as a literal: `TIMESTAMP '2020-01-01 00:00:00'`.
fn shown_time(times: &arrow::array::PrimitiveArray<TimestampMicrosecondType>, row: usize, zone: &str) -> String {
    let one: arrow::array::ArrayRef = Arc::new(times.slice(row, 1));
    let (word, env) = match times.data_type() {
        DataType::Timestamp(_, None) => ("TIMESTAMP_NTZ", crate::Env::default()),
        _ => ("TIMESTAMP", crate::Env { time_zone: zone.into(), ..crate::Env::default() }),
    };
    let text = crate::cast::cast_array(&one, &DataType::Utf8, crate::cast::EvalMode::Legacy, &env);
    let text = text.map(|text| text.as_string::<i32>().value(0).to_string()).unwrap_or_default();
    format!("{word} '{text}'")
}

fn added(args: &KernelArgs) -> Result<ArrayRef> {
    let unit = Unit::parse(args.param).ok_or_else(|| SparkError::internal("the unit was checked"))?;
    let (counts, times) = (args.array(0)?, args.array(1)?);
    let zone = zone_of(times.data_type(), &args.env.time_zone)?;
    let (counts, times) = (counts.as_primitive::<Int64Type>(), times.as_primitive::<TimestampMicrosecondType>());
    let mut result = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        if counts.is_null(row) || times.is_null(row) {
            result.push(None);
            continue;
        }
        let sum = unit.add(times.value(row), counts.value(row), zone).ok_or_else(|| {
            SparkError::new("DATETIME_OVERFLOW").with(
                "operation",
                format!(
                    "add {}L {} to {}",
                    counts.value(row),
                    args.param.to_ascii_uppercase(),
                    shown_time(times, row, &args.env.time_zone)
                ),
            )
        })?;
        result.push(Some(sum));
    }
    let result: TimestampMicrosecondArray = result.into_iter().collect();
    Ok(Arc::new(result.with_data_type(args.return_type.clone())))
}

/// `timestampdiff(unit, start, end)`: whole units.
pub fn timestamp_diff(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    let unit = unit(call)?;
    let display = format!("timestampdiff({}, {}, {})", call.args[0].name, call.args[1].name, call.args[2].name);
    let inner = call.with_args(vec![call.coerce(1, &types::timestamp())?, call.coerce(2, &types::timestamp())?]);
    let nullable = inner.any_nullable();
    Ok(inner.kernel_with("timestampdiff", DataType::Int64, nullable, unit, between).named(display))
}

fn between(args: &KernelArgs) -> Result<ArrayRef> {
    let unit = Unit::parse(args.param).ok_or_else(|| SparkError::internal("the unit was checked"))?;
    let zone = Zone::of(&args.env.time_zone)?;
    let (start, end) = (args.array(0)?, args.array(1)?);
    let (start, end) =
        (start.as_primitive::<TimestampMicrosecondType>(), end.as_primitive::<TimestampMicrosecondType>());
    let result: Int64Array =
        binary(start, end, |start, end| unit.between(zone.to_local(start), zone.to_local(end))).map_err(from_arrow)?;
    Ok(Arc::new(result))
}
