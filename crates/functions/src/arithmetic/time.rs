//! Arithmetic with TIME: plus and minus a day-time interval, and the difference of two times.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, DurationMicrosecondType, Time64NanosecondType};
use firesteel_protocol::types::interval::{IntervalRange, IntervalUnit};
use firesteel_protocol::types::{self, TIME_DIGITS};
use firesteel_protocol::{Result, SparkError};

use super::{Op, Operation, setting};
use crate::Typed;
use crate::cast::EvalMode;
use crate::cast::datetime::write_time;
use crate::cast::interval::write_day_time;
use crate::coerce::{cast_silently, is_between_days_and_times, no_silent_cast};
use crate::kernel::KernelArgs;

const DAY_US: i64 = 86_400_000_000;

/// HOUR TO SECOND, the difference of two times.
const HOUR_TO_SECOND: IntervalRange = IntervalRange { start: IntervalUnit::Hour, end: IntervalUnit::Second };

fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Time64(_))
}

/// The operation, if an operand is a TIME and Spark has it.
pub(super) fn resolve(left: &Typed, right: &Typed, operation: &Operation<'_>) -> Option<Result<Typed>> {
    use DataType::{Duration, Null, Utf8};
    let (l, r) = (&left.data_type, &right.data_type);
    match (l, operation.op, r) {
        (l, Op::Add, Duration(_) | Null) if is_time(l) => Some(shift(left, right, operation)),
        (Duration(_), Op::Add, r) if is_time(r) => Some(shift(right, left, operation)),
        (l, Op::Subtract, Duration(_)) if is_time(l) => Some(shift(left, right, operation)),
        (l, Op::Subtract, r) if is_time(l) && (is_time(r) || r == &Utf8) || l == &Utf8 && is_time(r) => {
            Some(difference(left, right, operation))
        }
        (l, Op::Subtract, r) if is_between_days_and_times(l, r) => {
            let (time, to) = if is_time(l) { (left, r) } else { (right, l) };
            Some(Err(no_silent_cast(time, to)))
        }
        _ => None,
    }
}

/// Operators are printed without parentheses.
fn labelled<'a>(left: &Typed, right: &Typed, operation: &Operation<'a>) -> Operation<'a> {
    let label = match operation.mode {
        EvalMode::Try => operation.label.clone(),
        _ => format!("{} {} {}", left.name, operation.op.symbol(), right.name),
    };
    Operation { op: operation.op, mode: operation.mode, env: operation.env, label }
}

fn shift(time: &Typed, interval: &Typed, operation: &Operation<'_>) -> Result<Typed> {
    let digits = time.time_precision().unwrap_or(TIME_DIGITS);
    let operation = labelled(time, interval, operation);
    let interval = cast_silently(interval.clone(), &types::day_time_interval(), operation.env)?;
    let range = interval.units().unwrap_or(IntervalRange::DAY_TIME);
    // An interval with seconds has all their digits.
    let digits = if range.end == IntervalUnit::Second { TIME_DIGITS } else { digits };
    let kernel = match range.end {
        IntervalUnit::Day => shifted::<{ IntervalUnit::Day as u8 }>,
        IntervalUnit::Hour => shifted::<{ IntervalUnit::Hour as u8 }>,
        IntervalUnit::Minute => shifted::<{ IntervalUnit::Minute as u8 }>,
        _ => shifted::<{ IntervalUnit::Second as u8 }>,
    };
    let sum = operation.kernel(time.clone(), interval, types::time(), kernel);
    Ok(Typed { nullable: true, ..sum }.with_time_precision(digits))
}

/// Times plus or minus intervals whose last unit is `UNIT`.
fn shifted<const UNIT: u8>(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (op, mode) = setting(args.param);
    let (times, intervals) = (args.array(0)?, args.array(1)?);
    let (times, intervals) =
        (times.as_primitive::<Time64NanosecondType>(), intervals.as_primitive::<DurationMicrosecondType>());
    let sums = times.iter().zip(intervals).map(|pair| {
        let (Some(ns), Some(us)) = pair else { return Ok(None) };
        let us = if op == Op::Subtract { us.saturating_neg() } else { us };
        match us.checked_add(ns / 1_000).filter(|sum| (0..DAY_US).contains(sum)) {
            Some(sum) => Ok(Some(sum * 1_000 + ns % 1_000)),
            None if mode == EvalMode::Try => Ok(None),
            None => Err(overflow(ns / 1_000, us, UNIT)),
        }
    });
    Ok(Arc::new(sums.collect::<Result<PrimitiveArray<Time64NanosecondType>>>()?))
}

fn overflow(time_us: i64, us: i64, unit: u8) -> SparkError {
    let unit = [IntervalUnit::Day, IntervalUnit::Hour, IntervalUnit::Minute]
        .into_iter()
        .find(|own| *own as u8 == unit)
        .unwrap_or(IntervalUnit::Second);
    let (mut interval, mut time) = (String::new(), String::new());
    write_day_time(&mut interval, us, IntervalRange { start: unit, end: unit });
    write_time(&mut time, time_us);
    SparkError::new("DATETIME_OVERFLOW").with("operation", format!("add {interval} to the time value TIME '{time}'"))
}

fn difference(left: &Typed, right: &Typed, operation: &Operation<'_>) -> Result<Typed> {
    if !operation.env.time_type {
        return Err(SparkError::new("UNSUPPORTED_TIME_TYPE").placeless());
    }
    let operation = labelled(left, right, operation);
    let (left, right) = (
        cast_silently(left.clone(), &types::time(), operation.env)?,
        cast_silently(right.clone(), &types::time(), operation.env)?,
    );
    let difference = operation.kernel(left, right, types::day_time_interval(), subtracted);
    Ok(Typed { nullable: true, ..difference }.with_units(HOUR_TO_SECOND))
}

fn subtracted(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (left, right) = (args.array(0)?, args.array(1)?);
    let difference = arrow::compute::binary::<_, _, _, DurationMicrosecondType>(
        left.as_primitive::<Time64NanosecondType>(),
        right.as_primitive::<Time64NanosecondType>(),
        |left, right| (left - right) / 1_000,
    );
    Ok(Arc::new(difference.map_err(crate::kernel::from_arrow)?))
}
