//! Arithmetic with dates, timestamps and intervals.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float64Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, TimestampMicrosecondType,
};
use firesteel_protocol::types::{self, IntervalRange};
use firesteel_protocol::{Result, SparkError};

use super::{Op, Operation, overflow, setting};
use crate::Typed;
use crate::cast::datetime::{add_months, write_timestamp};
use crate::cast::decimal::{divide_half_up, power_of_ten};
use crate::cast::zone::{DAY_US, Zone};
use crate::cast::{EvalMode, cast};
use crate::coerce::{cast_silently, is_datetime, is_decimal, is_float, is_integral, is_numeric};
use crate::kernel::{KernelArgs, from_arrow};

pub(super) fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_) | DataType::Duration(_))
}

/// The operation, if an operand is a date, a timestamp or an interval and Spark has it.
pub(super) fn resolve(left: &Typed, right: &Typed, operation: &Operation<'_>) -> Option<Result<Typed>> {
    let (l, r) = (&left.data_type, &right.data_type);
    if let Some(resolved) = super::refusal::of_datetimes(left, right, operation) {
        return Some(resolved);
    }
    if let Some(resolved) = super::time::resolve(left, right, operation) {
        return Some(resolved);
    }
    let temporal = |t: &DataType| is_datetime(t) || is_interval(t);
    if !temporal(l) && !temporal(r) {
        return None;
    }
    match operation.op {
        Op::Add if is_interval(l) && !is_interval(r) => Some(add(right, left, operation)),
        Op::Add if r == &DataType::Date32 && !is_datetime(l) && !is_interval(l) => Some(add(right, left, operation)),
        Op::Add => Some(add(left, right, operation)),
        Op::Subtract => Some(subtract(left, right, operation)),
        Op::Multiply if is_interval(r) => Some(scale(right, left, operation)),
        Op::Multiply | Op::Divide if is_interval(l) => Some(scale(left, right, operation)),
        Op::IntegralDivide if is_interval(l) && l == r => {
            let (left, right) = (left.clone(), right.clone());
            Some(Ok(operation.kernel(left, right, DataType::Int64, divide_intervals)))
        }
        _ => None,
    }
}

fn add(left: &Typed, right: &Typed, operation: &Operation<'_>) -> Result<Typed> {
    shift(left, right, operation, "date_add")
}

/// An operand as the type of the operation. Spark's `TryEval` is round this cast too.
fn operand(typed: &Typed, to: &DataType, operation: &Operation<'_>) -> Result<Typed> {
    if operation.mode == EvalMode::Try && typed.data_type == DataType::Utf8 {
        let own = typed.name.clone();
        return Ok(cast(typed.clone(), to, EvalMode::Try, operation.env)?.named(own));
    }
    cast_silently(typed.clone(), to, operation.env)
}

fn subtract(left: &Typed, right: &Typed, operation: &Operation<'_>) -> Result<Typed> {
    use DataType::*;
    let env = operation.env;
    let tried = Operation { op: Op::Subtract, mode: operation.mode, env, label: operation.label.clone() };
    match (&left.data_type, &right.data_type) {
        (Date32, Date32) | (Date32, Utf8) | (Utf8, Date32) => {
            let (left, right) = (operand(left, &Date32, operation)?, operand(right, &Date32, operation)?);
            let days = tried.kernel(left, right, types::day_time_interval(), subtract_dates);
            Ok(days.with_units(IntervalRange::DAY))
        }
        (l, r) if is_datetime(l) && is_datetime(r) || is_datetime(l) && r == &Utf8 || l == &Utf8 && is_datetime(r) => {
            // Local wall clocks are subtracted, in which daylight saving time does not count.
            let ntz = l == &types::timestamp_ntz() || r == &types::timestamp_ntz();
            let common = if ntz { types::timestamp_ntz() } else { types::timestamp() };
            let (left, right) = (operand(left, &common, operation)?, operand(right, &common, operation)?);
            Ok(tried.kernel(left, right, types::day_time_interval(), subtract_timestamps))
        }
        (l, Date32) if !is_interval(l) => Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{}\"", operation.label))
            .with("paramIndex", "first")
            .with("requiredType", "\"DATE\"")
            .with("inputSql", format!("\"{}\"", left.name))
            .with("inputType", format!("\"{}\"", left.sql_type()))),
        _ => shift(left, right, operation, "date_sub"),
    }
}

/// A date or timestamp plus or minus something, or a sum of intervals.
fn shift(left: &Typed, right: &Typed, operation: &Operation<'_>, date_function: &str) -> Result<Typed> {
    use DataType::*;
    let env = operation.env;
    let tried = operation.mode == EvalMode::Try;
    let named = |label: String| Operation {
        op: operation.op,
        mode: operation.mode,
        env,
        label: if tried { operation.label.clone() } else { label },
    };
    let moved = || named(format!("{} {} {}", left.name, operation.op.symbol(), right.name));
    let call = || named(format!("{date_function}({}, {})", left.name, right.name));
    match (&left.data_type, &right.data_type) {
        (l, r) if is_interval(l) && l == r => {
            Ok(operation.kernel(left.clone(), right.clone(), l.clone(), add_intervals))
        }
        (Interval(_) | Duration(_), Null) => {
            shift(left, &cast_silently(right.clone(), &left.data_type, env)?, operation, date_function)
        }
        (Date32, Int8 | Int16 | Int32 | Null) => {
            let days = cast_silently(right.clone(), &Int32, env)?;
            Ok(call().kernel(left.clone(), days, Date32, add_days))
        }
        (Date32, Interval(_)) => Ok(moved().kernel(left.clone(), right.clone(), Date32, add_to_date)),
        (Date32, Duration(_)) => {
            if is_whole_days(right) {
                let days = format!("extractansiintervaldays({})", right.name);
                let days = if date_function == "date_sub" { format!("(- {days})") } else { days };
                let label = format!("date_add({}, {days})", left.name);
                return Ok(named(label).kernel(left.clone(), right.clone(), Date32, add_to_date));
            }
            let timestamp = cast_silently(left.clone(), &types::timestamp(), env)?;
            Ok(moved().kernel(timestamp, right.clone(), types::timestamp(), add_to_timestamp))
        }
        (Timestamp(..), Interval(_) | Duration(_)) => {
            let to = left.data_type.clone();
            Ok(moved().kernel(left.clone(), right.clone(), to, add_to_timestamp))
        }
        (Null, Interval(_) | Duration(_)) => {
            let timestamp = cast_silently(left.clone(), &types::timestamp(), env)?;
            shift(&timestamp, right, operation, date_function)
        }
        (l, Interval(arrow::datatypes::IntervalUnit::YearMonth)) if l == &Utf8 || is_numeric(l) => {
            let swapped = operation.label.starts_with(&format!("({} ", right.name));
            let (first, second) = if swapped { (right, left) } else { (left, right) };
            Err(super::wrong_types(first, second, operation))
        }
        (Utf8, Interval(_) | Duration(_)) => {
            // The string is taken for a timestamp, and what comes out is a string again.
            let timestamp = cast_silently(left.clone(), &types::timestamp(), env)?;
            let sum = moved().kernel(timestamp, right.clone(), types::timestamp(), add_to_timestamp);
            cast_silently(sum, &Utf8, env)
        }
        (Date32, r) => Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{date_function}({}, {})\"", left.name, right.name))
            .with("paramIndex", "second")
            .with("requiredType", "(\"INT\" or \"SMALLINT\" or \"TINYINT\")")
            .with("inputSql", format!("\"{}\"", right.name))
            .with(
                "inputType",
                format!(
                    "\"{}\"",
                    if r == &Utf8 { (if env.ansi { "DATE" } else { "DOUBLE" }).to_string() } else { right.sql_type() }
                ),
            )),
        (l, r) if is_interval(r) && (is_interval(l) || is_numeric(l)) => {
            Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
                .with("sqlExpr", format!("\"{}\"", moved().label))
                .with("paramIndex", "first")
                .with("requiredType", "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\"")
                .with("inputSql", format!("\"{}\"", left.name))
                .with("inputType", format!("\"{}\"", left.sql_type())))
        }
        _ => Err(super::wrong_types(left, right, operation)),
    }
}

/// An `INTERVAL ... DAY`.
fn is_whole_days(interval: &Typed) -> bool {
    interval.units() == Some(IntervalRange::DAY)
}

/// An interval times or divided by a number.
fn scale(interval: &Typed, number: &Typed, operation: &Operation<'_>) -> Result<Typed> {
    let env = operation.env;
    let to = interval.data_type.clone();
    let calendar = to == types::calendar_interval();
    let number_type = match &number.data_type {
        DataType::Utf8 | DataType::Null => DataType::Float64,
        t if is_numeric(t) && calendar || is_float(t) => DataType::Float64,
        t if is_integral(t) => DataType::Int64,
        t if is_decimal(t) => t.clone(),
        t if is_interval(t) => {
            // A product has the interval that is taken for it on the right.
            let second = if operation.op == Op::Multiply { interval } else { number };
            return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
                .with("sqlExpr", format!("\"{}\"", operation.label))
                .with("paramIndex", "second")
                .with("requiredType", "\"NUMERIC\"")
                .with("inputSql", format!("\"{}\"", second.name))
                .with("inputType", format!("\"{}\"", second.sql_type())));
        }
        _ => return Err(super::wrong_types(interval, number, operation)),
    };
    let tried = operation.mode == EvalMode::Try;
    let label = format!("({} {} {})", interval.name, operation.op.symbol(), number.name);
    let label = if tried { operation.label.clone() } else { label };
    let mut nullable = interval.nullable || number.nullable || tried;
    if matches!(number.data_type, DataType::Utf8 | DataType::Null) {
        nullable = true;
    }
    let operation = Operation { op: operation.op, mode: operation.mode, env, label };
    let typed = operation.kernel(interval.clone(), cast_silently(number.clone(), &number_type, env)?, to, scale_kernel);
    Ok(Typed { nullable, ..typed })
}

fn interval_overflow() -> SparkError {
    SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION")
}

fn sum_overflow() -> SparkError {
    SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION").with("functionName", "`try_add`")
}

fn difference_overflow() -> SparkError {
    SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION").with("functionName", "`try_subtract`")
}

/// Java's plain exceptions of whole months and microseconds times a whole number.
fn months_overflow() -> SparkError {
    SparkError::new("_LEGACY_ARITHMETIC").with_message("integer overflow")
}

fn micros_overflow() -> SparkError {
    SparkError::new("_LEGACY_ARITHMETIC").with_message("long overflow")
}

fn signed_parts(args: &KernelArgs<'_>) -> (i64, EvalMode) {
    let (op, mode) = setting(args.param);
    (if op == Op::Subtract { -1 } else { 1 }, mode)
}

fn add_days(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (sign, _) = signed_parts(args);
    let (dates, days) = (args.array(0)?, args.array(1)?);
    let moved = arrow::compute::binary::<_, _, _, Date32Type>(
        dates.as_primitive::<Date32Type>(),
        days.as_primitive::<Int32Type>(),
        |date, days| (i64::from(date) + sign * i64::from(days)) as i32,
    );
    Ok(Arc::new(moved.map_err(from_arrow)?))
}

/// An interval of any kind taken apart.
#[derive(Clone, Copy)]
struct Parts {
    months: i64,
    days: i64,
    us: i64,
}

impl Parts {
    /// Days and time in one.
    fn total_us(self) -> Option<i64> {
        self.days.checked_mul(DAY_US)?.checked_add(self.us)
    }
}

fn parts(array: &ArrayRef) -> Vec<Option<Parts>> {
    match array.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => array
            .as_primitive::<IntervalYearMonthType>()
            .iter()
            .map(|value| value.map(|months| Parts { months: i64::from(months), days: 0, us: 0 }))
            .collect(),
        DataType::Duration(_) => array
            .as_primitive::<DurationMicrosecondType>()
            .iter()
            // Whole days are days of the calendar, which daylight saving time makes longer or shorter.
            .map(|value| value.map(|us| Parts { months: 0, days: us / DAY_US, us: us % DAY_US }))
            .collect(),
        _ => array
            .as_primitive::<IntervalMonthDayNanoType>()
            .iter()
            .map(|value| {
                value.map(|v| Parts { months: i64::from(v.months), days: i64::from(v.days), us: v.nanoseconds / 1000 })
            })
            .collect(),
    }
}

fn add_to_date(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (sign, mode) = signed_parts(args);
    let (dates, intervals) = (args.array(0)?, args.array(1)?);
    let whole = matches!(intervals.data_type(), DataType::Duration(_));
    let dates = dates.as_primitive::<Date32Type>();
    let values = dates.iter().zip(parts(&intervals)).map(|pair| {
        let (Some(date), Some(interval)) = pair else { return Ok(None) };
        if !whole && interval.us != 0 && mode.is_ansi_or_try() {
            return mode.misfit(|| {
                SparkError::new("INVALID_INTERVAL_WITH_MICROSECONDS_ADDITION")
                    .with("ansiConfig", "\"spark.sql.ansi.enabled\"")
            });
        }
        let days = interval.days + interval.us / DAY_US;
        let moved = add_months(i64::from(date), sign * interval.months) + sign * days;
        match i32::try_from(moved) {
            Ok(date) => Ok(Some(date)),
            Err(_) => mode.misfit(|| overflow("integer overflow", None)),
        }
    });
    Ok(Arc::new(values.collect::<Result<PrimitiveArray<Date32Type>>>()?))
}

fn add_to_timestamp(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (sign, mode) = signed_parts(args);
    let (timestamps, intervals) = (args.array(0)?, args.array(1)?);
    let zone = match timestamps.data_type() {
        DataType::Timestamp(_, Some(_)) => Zone::parse(&args.env.time_zone)?,
        _ => Zone::Fixed(0),
    };
    let array = timestamps.as_primitive::<TimestampMicrosecondType>();
    let values = array.iter().zip(parts(&intervals)).map(|pair| {
        let (Some(us), Some(interval)) = pair else { return Ok(None) };
        let mut moved = us;
        if interval.months != 0 || interval.days != 0 {
            let local = zone.to_local(us);
            let days = add_months(local.div_euclid(DAY_US), sign * interval.months) + sign * interval.days;
            moved = zone.to_utc(days.saturating_mul(DAY_US).saturating_add(local.rem_euclid(DAY_US)));
        }
        match interval.us.checked_mul(sign).and_then(|us| moved.checked_add(us)) {
            Some(us) => Ok(Some(us)),
            None if mode == EvalMode::Try => Ok(None),
            None => {
                let mut text = String::new();
                write_timestamp(&mut text, zone.to_local(us));
                Err(SparkError::new("DATETIME_OVERFLOW")
                    .with("operation", format!("add an interval to the timestamp TIMESTAMP '{text}'")))
            }
        }
    });
    let values = values.collect::<Result<PrimitiveArray<TimestampMicrosecondType>>>()?;
    Ok(Arc::new(values.with_data_type(args.return_type.clone())))
}

fn subtract_dates(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (left, right) = (args.array(0)?, args.array(1)?);
    let difference = arrow::compute::binary::<_, _, _, DurationMicrosecondType>(
        left.as_primitive::<Date32Type>(),
        right.as_primitive::<Date32Type>(),
        |left, right| (i64::from(left) - i64::from(right)).saturating_mul(DAY_US),
    );
    Ok(Arc::new(difference.map_err(from_arrow)?))
}

fn subtract_timestamps(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (left, right) = (args.array(0)?, args.array(1)?);
    let zone = match left.data_type() {
        DataType::Timestamp(_, Some(_)) => Zone::parse(&args.env.time_zone)?,
        _ => Zone::Fixed(0),
    };
    let difference = arrow::compute::binary::<_, _, _, DurationMicrosecondType>(
        left.as_primitive::<TimestampMicrosecondType>(),
        right.as_primitive::<TimestampMicrosecondType>(),
        |left, right| zone.to_local(left).saturating_sub(zone.to_local(right)),
    );
    Ok(Arc::new(difference.map_err(from_arrow)?))
}

fn add_intervals(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (sign, mode) = signed_parts(args);
    let overflow = if sign > 0 { sum_overflow } else { difference_overflow };
    let (left, right) = (args.array(0)?, args.array(1)?);
    let sums: Vec<Option<Parts>> = parts(&left)
        .into_iter()
        .zip(parts(&right))
        .map(|pair| {
            let (Some(l), Some(r)) = pair else { return Ok(None) };
            let sum = l.us.checked_add(r.us.wrapping_mul(sign)).map(|us| Parts {
                months: l.months + sign * r.months,
                days: l.days + sign * r.days,
                us,
            });
            match sum {
                Some(sum) => Ok(Some(sum)),
                None => mode.misfit(overflow),
            }
        })
        .collect::<Result<_>>()?;
    build(sums, args.return_type, mode, overflow)
}

/// An interval out of range: NULL for `try_` functions, else an error.
fn missing<T>(mode: EvalMode, overflow: fn() -> SparkError) -> Result<Option<T>> {
    if mode == EvalMode::Try { Ok(None) } else { Err(overflow()) }
}

/// Intervals of a type out of their parts.
fn build(values: Vec<Option<Parts>>, to: &DataType, mode: EvalMode, overflow: fn() -> SparkError) -> Result<ArrayRef> {
    Ok(match to {
        DataType::Interval(IntervalUnit::YearMonth) => {
            let months = values.into_iter().map(|value| match value.map(|value| i32::try_from(value.months)) {
                None => Ok(None),
                Some(Ok(months)) => Ok(Some(months)),
                Some(Err(_)) => missing(mode, overflow),
            });
            Arc::new(months.collect::<Result<PrimitiveArray<IntervalYearMonthType>>>()?)
        }
        DataType::Duration(_) => {
            let us = values.into_iter().map(|value| match value.map(|v| v.total_us()) {
                None => Ok(None),
                Some(Some(us)) => Ok(Some(us)),
                Some(None) => missing(mode, overflow),
            });
            Arc::new(us.collect::<Result<PrimitiveArray<DurationMicrosecondType>>>()?)
        }
        _ => {
            let all = values.into_iter().map(|value| {
                let Some(v) = value else { return Ok(None) };
                match (i32::try_from(v.months), i32::try_from(v.days), v.us.checked_mul(1000)) {
                    (Ok(months), Ok(days), Some(ns)) => Ok(Some(IntervalMonthDayNano::new(months, days, ns))),
                    _ if mode == EvalMode::Try => Ok(None),
                    _ => Err(overflow()),
                }
            });
            Arc::new(all.collect::<Result<PrimitiveArray<IntervalMonthDayNanoType>>>()?)
        }
    })
}

/// The number that an interval is multiplied with or divided by.
enum Factor {
    Whole(i64),
    Decimal(i128, i8),
    Float(f64),
}

impl Factor {
    fn is_zero(&self) -> bool {
        match self {
            Self::Whole(value) => *value == 0,
            Self::Decimal(value, _) => *value == 0,
            Self::Float(value) => *value == 0.0,
        }
    }

    /// `amount` times or divided by the factor, half rounded away from zero.
    fn apply(&self, amount: i64, divide: bool) -> Option<i64> {
        let amount = i128::from(amount);
        let exact = match (self, divide) {
            (Self::Whole(factor), false) => amount * i128::from(*factor),
            (Self::Whole(factor), true) => divide_half_up(amount, i128::from(*factor)),
            (Self::Decimal(factor, scale), false) => {
                divide_half_up(amount.checked_mul(*factor)?, power_of_ten(scale.max(&0).unsigned_abs().into()))
            }
            (Self::Decimal(factor, scale), true) => {
                divide_half_up(amount.checked_mul(power_of_ten(scale.max(&0).unsigned_abs().into()))?, *factor)
            }
            (Self::Float(factor), divide) => {
                let value = if divide { amount as f64 / factor } else { amount as f64 * factor };
                if !value.is_finite() || value.abs() >= 9.3e18 {
                    return None;
                }
                value.round() as i128
            }
        };
        i64::try_from(exact).ok()
    }
}

fn scale_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (op, mode) = setting(args.param);
    let divide = op == Op::Divide;
    let (intervals, factors) = (args.array(0)?, args.array(1)?);
    let overflow = match args.return_type {
        _ if divide || factors.data_type() != &DataType::Int64 => interval_overflow,
        DataType::Interval(IntervalUnit::YearMonth) => months_overflow,
        DataType::Duration(_) => micros_overflow,
        _ => interval_overflow,
    };
    let factors: Vec<Option<Factor>> = match factors.data_type() {
        DataType::Int64 => factors.as_primitive::<Int64Type>().iter().map(|v| v.map(Factor::Whole)).collect(),
        DataType::Decimal128(_, scale) => {
            factors.as_primitive::<Decimal128Type>().iter().map(|v| v.map(|v| Factor::Decimal(v, *scale))).collect()
        }
        _ => factors.as_primitive::<Float64Type>().iter().map(|v| v.map(Factor::Float)).collect(),
    };
    let calendar = matches!(args.return_type, DataType::Interval(IntervalUnit::MonthDayNano));
    let values: Vec<Option<Parts>> = parts(&intervals)
        .into_iter()
        .zip(factors)
        .map(|pair| {
            let (Some(interval), Some(factor)) = pair else { return Ok(None) };
            if divide && factor.is_zero() {
                // Outside ANSI mode only a calendar interval divided by zero is NULL.
                if mode == EvalMode::Try || calendar && mode == EvalMode::Legacy {
                    return Ok(None);
                }
                return Err(SparkError::new("INTERVAL_DIVIDED_BY_ZERO"));
            }
            let scaled = if calendar {
                scale_calendar(interval, &factor, divide)
            } else {
                interval
                    .total_us()
                    .and_then(|us| factor.apply(us, divide))
                    .zip(factor.apply(interval.months, divide))
                    .map(|(us, months)| Parts { months, days: 0, us })
            };
            match scaled {
                Some(parts) => Ok(Some(parts)),
                None if mode == EvalMode::Try => Ok(None),
                None => Err(overflow()),
            }
        })
        .collect::<Result<_>>()?;
    build(values, args.return_type, mode, overflow)
}

/// A calendar interval: fractions of months become days (30 a month), those of days time.
fn scale_calendar(interval: Parts, factor: &Factor, divide: bool) -> Option<Parts> {
    let Factor::Float(factor) = factor else { return None };
    let apply = |amount: i64| if divide { amount as f64 / factor } else { amount as f64 * factor };
    let months = apply(interval.months);
    let days = apply(interval.days) + (months - months.trunc()) * 30.0;
    let us = apply(interval.us) + (days - days.trunc()) * DAY_US as f64;
    if !months.is_finite() || !days.is_finite() || !us.is_finite() {
        return None;
    }
    Some(Parts { months: months.trunc() as i64, days: days.trunc() as i64, us: us.round() as i64 })
}

fn divide_intervals(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (_, mode) = setting(args.param);
    let (left, right) = (args.array(0)?, args.array(1)?);
    let amount = |parts: Parts| parts.total_us().filter(|us| *us != 0).unwrap_or(parts.months);
    let values = parts(&left).into_iter().zip(parts(&right)).map(|pair| {
        let (Some(left), Some(right)) = pair else { return Ok(None) };
        match amount(left).checked_div(amount(right)) {
            Some(quotient) => Ok(Some(quotient)),
            None if amount(right) == 0 => mode.misfit(|| SparkError::new("INTERVAL_DIVIDED_BY_ZERO")),
            None => mode.misfit(|| Op::IntegralDivide.overflow()),
        }
    });
    Ok(Arc::new(values.collect::<Result<PrimitiveArray<Int64Type>>>()?))
}
