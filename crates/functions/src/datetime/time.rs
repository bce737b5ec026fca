//! Functions of TIME, a time of day: `make_time`, `to_time`, `time_diff`, `time_trunc`, and counts since midnight.
//! Values are nanoseconds of the day. Spark refuses the type unless `spark.sql.timeType.enabled` is set.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int64Array, PrimitiveArray};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type, Int64Type, Time64NanosecondType};
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use super::Pattern;
use crate::coerce::{is_decimal, is_numeric};
use crate::kernel::KernelArgs;
use crate::rowwise::{string_at, strings, typed};
use crate::{Call, Typed};

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * NANOS;

type Times = PrimitiveArray<Time64NanosecondType>;

fn allowed(call: &Call) -> Result<()> {
    if call.env.time_type { Ok(()) } else { Err(SparkError::new("UNSUPPORTED_TIME_TYPE")) }
}

/// `make_time(hour, minute, second)`; seconds with six digits of fraction.
pub fn make_time(call: &Call) -> Result<Typed> {
    allowed(call)?;
    let fields = [DataType::Int32, DataType::Int32, DataType::Decimal128(16, 6)];
    let made = typed(call, "make_time", &fields, types::time(), of_fields)?;
    Ok(Typed { nullable: true, ..made })
}

fn of_fields(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (hours, minutes, seconds) = (args.array(0)?, args.array(1)?, args.array(2)?);
    let (hours, minutes) = (hours.as_primitive::<Int32Type>(), minutes.as_primitive::<Int32Type>());
    let seconds = seconds.as_primitive::<Decimal128Type>();
    let made = (0..args.rows).map(|row| {
        if hours.is_null(row) || minutes.is_null(row) || seconds.is_null(row) {
            return Ok(None);
        }
        let (hour, minute) = (i64::from(hours.value(row)), i64::from(minutes.value(row)));
        let micros = i64::try_from(seconds.value(row)).unwrap_or(i64::MAX);
        check("HourOfDay", hour, 23)?;
        check("MinuteOfHour", minute, 59)?;
        check("SecondOfMinute", micros.div_euclid(1_000_000), 59)?;
        Ok(Some(((hour * 60 + minute) * 60) * NANOS + micros * 1_000))
    });
    Ok(Arc::new(made.collect::<Result<Times>>()?))
}

fn check(field: &str, value: i64, max: i64) -> Result<()> {
    if (0..=max).contains(&value) {
        return Ok(());
    }
    Err(out_of_range(format!("Invalid value for {field} (valid values 0 - {max}): {value}")))
}

fn out_of_range(message: String) -> SparkError {
    SparkError::new("DATETIME_FIELD_OUT_OF_BOUNDS.WITHOUT_SUGGESTION").with("rangeMessage", message)
}

/// `to_time(text[, pattern])`.
pub fn to_time(call: &Call) -> Result<Typed> {
    read(call, "strict")
}

/// `try_to_time(text[, pattern])`: NULL where `to_time` fails.
pub fn try_to_time(call: &Call) -> Result<Typed> {
    let label = format!("try_to_time({})", call.display().replacen("try_to_time", "to_time", 1));
    Ok(read(call, "lenient")?.named(label))
}

fn read(call: &Call, mode: &str) -> Result<Typed> {
    allowed(call)?;
    call.arity(1..=2)?;
    let label = call.display();
    if let Some(index) = call.args.iter().position(|arg| !matches!(arg.data_type, DataType::Utf8 | DataType::Null)) {
        return Err(call.unexpected_type(index, "\"STRING\""));
    }
    let inner = call.coerced(&[DataType::Utf8, DataType::Utf8])?;
    Ok(inner.kernel_with("to_time", types::time(), true, mode.to_string(), of_text).named(label))
}

fn of_text(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let texts = strings(args, 0)?;
    let patterns = if args.args.len() > 1 { Some(strings(args, 1)?) } else { None };
    let mut known: Option<(String, Pattern)> = None;
    let mut read = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        let Some(text) = string_at(&texts, row) else {
            read.push(None);
            continue;
        };
        let time = match &patterns {
            None => crate::cast::time::time_of(text).map(|us| us * 1_000),
            Some(patterns) => {
                let Some(pattern) = string_at(patterns, row) else {
                    read.push(None);
                    continue;
                };
                if known.as_ref().is_none_or(|(own, _)| own != pattern) {
                    known = match Pattern::parse(pattern) {
                        Ok(parsed) => Some((pattern.to_string(), parsed)),
                        Err(_) if args.param == "strict" => return Err(bad_pattern(pattern)),
                        Err(_) => None,
                    };
                }
                known.as_ref().and_then(|(_, pattern)| pattern.parse_time(text).ok())
            }
        };
        if time.is_none() && args.param == "strict" {
            let format = known.as_ref().map_or("HH:mm:ss.SSSSSS", |(own, _)| own.as_str());
            return Err(SparkError::new("CANNOT_PARSE_TIME")
                .with("input", format!("'{text}'"))
                .with("format", format!("'{format}'")));
        }
        read.push(time);
    }
    Ok(Arc::new(Times::from(read)))
}

fn bad_pattern(pattern: &str) -> SparkError {
    SparkError::new("INVALID_DATETIME_PATTERN.WITH_SUGGESTION")
        .with("pattern", format!("'{pattern}'"))
        .with("docroot", "https://spark.apache.org/docs/latest")
}

/// A function of times as Spark declares them: nullable whatever the arguments are.
fn of_times(
    call: &Call,
    name: &'static str,
    args: &[DataType],
    to: DataType,
    kernel: crate::kernel::Kernel,
) -> Result<Typed> {
    Ok(Typed { nullable: true, ..typed(call, name, args, to, kernel)? })
}

/// Nanoseconds of a unit of time.
fn unit_nanos(function: &str, unit: &str) -> Result<i64> {
    Ok(match unit.to_ascii_uppercase().as_str() {
        "HOUR" => 3_600 * NANOS,
        "MINUTE" => 60 * NANOS,
        "SECOND" => NANOS,
        "MILLISECOND" => 1_000_000,
        "MICROSECOND" => 1_000,
        _ => {
            return Err(SparkError::new("INVALID_PARAMETER_VALUE.TIME_UNIT")
                .with("functionName", name::quote(function))
                .with("parameter", "`unit`")
                .with("invalidValue", format!("'{unit}'")));
        }
    })
}

/// `time_diff(unit, start, end)`: whole units between two times.
pub fn time_diff(call: &Call) -> Result<Typed> {
    allowed(call)?;
    of_times(call, "time_diff", &[DataType::Utf8, types::time(), types::time()], DataType::Int64, difference)
}

fn difference(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (units, start, end) = (strings(args, 0)?, args.array(1)?, args.array(2)?);
    let (start, end) = (start.as_primitive::<Time64NanosecondType>(), end.as_primitive::<Time64NanosecondType>());
    let counts = (0..args.rows).map(|row| match string_at(&units, row) {
        Some(unit) if start.is_valid(row) && end.is_valid(row) => {
            Ok(Some((end.value(row) - start.value(row)) / unit_nanos("time_diff", unit)?))
        }
        _ => Ok(None),
    });
    Ok(Arc::new(counts.collect::<Result<Int64Array>>()?))
}

/// `time_trunc(unit, time)`.
pub fn time_trunc(call: &Call) -> Result<Typed> {
    allowed(call)?;
    of_times(call, "time_trunc", &[DataType::Utf8, types::time()], types::time(), truncated)
}

fn truncated(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (units, times) = (strings(args, 0)?, args.array(1)?);
    let times = times.as_primitive::<Time64NanosecondType>();
    let cut = (0..args.rows).map(|row| match string_at(&units, row) {
        Some(unit) if times.is_valid(row) => {
            let nanos = unit_nanos("time_trunc", unit)?;
            Ok(Some(times.value(row) / nanos * nanos))
        }
        _ => Ok(None),
    });
    Ok(Arc::new(cut.collect::<Result<Times>>()?))
}

/// `time_from_seconds(n)`: seconds since midnight, with a fraction.
pub fn time_from_seconds(call: &Call) -> Result<Typed> {
    from_count(call, DataType::Decimal128(14, 6), "1000")
}

/// `time_from_millis(n)`.
pub fn time_from_millis(call: &Call) -> Result<Typed> {
    from_count(call, DataType::Int64, "1000000")
}

/// `time_from_micros(n)`.
pub fn time_from_micros(call: &Call) -> Result<Typed> {
    from_count(call, DataType::Int64, "1000")
}

fn from_count(call: &Call, count: DataType, nanos: &str) -> Result<Typed> {
    allowed(call)?;
    call.arity(1)?;
    let label = call.display();
    if !is_numeric(&call.args[0].data_type) && call.args[0].data_type != DataType::Null {
        return Err(call.unexpected_type(0, if is_decimal(&count) { "\"NUMERIC\"" } else { "\"INTEGRAL\"" }));
    }
    let inner = call.coerced(&[count])?;
    Ok(inner.kernel_with("time_from", types::time(), true, nanos.to_string(), counted).named(label))
}

fn counted(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let nanos: i128 = args.param.parse().unwrap_or(1);
    let counts = args.array(0)?;
    let counts: Vec<Option<i128>> = match counts.data_type() {
        DataType::Decimal128(..) => counts.as_primitive::<Decimal128Type>().iter().collect(),
        _ => counts.as_primitive::<Int64Type>().iter().map(|count| count.map(i128::from)).collect(),
    };
    let times = counts.into_iter().map(|count| {
        let Some(count) = count else { return Ok(None) };
        match i64::try_from(count.saturating_mul(nanos)) {
            Ok(time) if (0..DAY).contains(&time) => Ok(Some(time)),
            _ => Err(out_of_range(format!(
                "Invalid TIME value: must be between 00:00:00 and 23:59:59.999999999, but got {} nanoseconds",
                count.saturating_mul(nanos)
            ))),
        }
    });
    Ok(Arc::new(times.collect::<Result<Times>>()?))
}

/// `time_to_seconds(time)`: seconds since midnight as DECIMAL(14, 6).
pub fn time_to_seconds(call: &Call) -> Result<Typed> {
    allowed(call)?;
    of_times(call, "time_to_seconds", &[types::time()], DataType::Decimal128(14, 6), |args| {
        let times = args.array(0)?;
        let seconds =
            times.as_primitive::<Time64NanosecondType>().iter().map(|time| time.map(|ns| i128::from(ns / 1_000)));
        let seconds = seconds.collect::<Decimal128Array>().with_precision_and_scale(14, 6);
        Ok(Arc::new(seconds.map_err(crate::kernel::from_arrow)?))
    })
}

/// `time_to_millis(time)`.
pub fn time_to_millis(call: &Call) -> Result<Typed> {
    to_count(call, "time_to_millis", |args| divided(args, 1_000_000))
}

/// `time_to_micros(time)`.
pub fn time_to_micros(call: &Call) -> Result<Typed> {
    to_count(call, "time_to_micros", |args| divided(args, 1_000))
}

fn to_count(call: &Call, function: &'static str, kernel: crate::kernel::Kernel) -> Result<Typed> {
    allowed(call)?;
    of_times(call, function, &[types::time()], DataType::Int64, kernel)
}

fn divided(args: &KernelArgs<'_>, nanos: i64) -> Result<ArrayRef> {
    let times = args.array(0)?;
    Ok(Arc::new(times.as_primitive::<Time64NanosecondType>().unary::<_, Int64Type>(|time| time / nanos)))
}
