//! `sequence(start, stop[, step])`: numbers, dates or timestamps from start to stop, both included.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, DurationMicrosecondType, Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
};
use firesteel_protocol::{Result, SparkError, types};

use super::list::{check_count, element_of, list_of};
use crate::coerce::common_type;
use crate::datetime::Zone;
use crate::datetime::civil::{self, DAY_US};
use crate::kernel::{KernelArgs, from_arrow};
use crate::{Call, Typed};

/// `sequence(start, stop[, step])`: without a step 1 or -1, or a day.
pub fn sequence(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    let wrong = || {
        SparkError::new("DATATYPE_MISMATCH.SEQUENCE_WRONG_INPUT_TYPES")
            .with("functionName", types::name::quote(call.name))
            .with("startType", "(\"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or \"DATE\")")
            .with("stepType", "(\"INTERVAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")")
            .with("otherStartType", "\"INTEGRAL\"")
            .with("sqlExpr", format!("\"{}\"", call.display()))
    };
    let mut data_type = common_type(&call.args[0].data_type, &call.args[1].data_type, call.env).ok_or_else(wrong)?;
    let is_number = data_type.is_integer();
    if is_number && let Some(step) = call.args.get(2) {
        data_type =
            common_type(&data_type, &step.data_type, call.env).filter(DataType::is_integer).ok_or_else(wrong)?;
    }
    let is_time = matches!(data_type, DataType::Date32 | DataType::Timestamp(..));
    if !is_number && !is_time {
        return Err(wrong());
    }
    let mut args = vec![call.coerce(0, &data_type)?, call.coerce(1, &data_type)?];
    if let Some(step) = call.args.get(2) {
        let interval = matches!(step.data_type, DataType::Interval(_) | DataType::Duration(_));
        if is_time && !interval {
            return Err(wrong());
        }
        args.push(if is_time { step.clone() } else { call.coerce(2, &data_type)? });
    }
    let output = list_of(&data_type, false);
    let inner = call.with_args(args);
    let nullable = inner.any_nullable();
    Ok(inner.kernel("sequence", output, nullable, sequences))
}

/// A step in months, days and microseconds (or a number in the last).
#[derive(Debug, Clone, Copy)]
struct Step {
    months: i64,
    days: i64,
    rest: i64,
}

impl Step {
    /// Its sign, by an estimate of its length; zero if it goes nowhere.
    fn sign(self) -> i64 {
        (i128::from(self.months) * 28 * i128::from(DAY_US)
            + i128::from(self.days) * i128::from(DAY_US)
            + i128::from(self.rest))
        .signum() as i64
    }
}

fn sequences(args: &KernelArgs) -> Result<ArrayRef> {
    let element = element_of(args.return_type).ok_or_else(|| SparkError::internal("sequence yields a list"))?;
    let data_type = element.data_type();
    let is_date = data_type == &DataType::Date32;
    let zone = match data_type {
        DataType::Timestamp(_, Some(_)) => Zone::of(&args.env.time_zone)?,
        _ => crate::datetime::zone::UTC,
    };
    let (starts, stops) = (longs(&args.array(0)?)?, longs(&args.array(1)?)?);
    let steps = if args.args.len() > 2 { Some(steps(&args.array(2)?)?) } else { None };
    let mut values: Vec<i64> = vec![];
    let mut lengths = Vec::with_capacity(args.rows);
    let mut valid = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        let step = match &steps {
            Some(steps) => steps[row],
            None if starts.is_valid(row) && stops.is_valid(row) => {
                let sign = if starts.value(row) <= stops.value(row) { 1 } else { -1 };
                Some(match data_type {
                    DataType::Date32 | DataType::Timestamp(..) => Step { months: 0, days: sign, rest: 0 },
                    _ => Step { months: 0, days: 0, rest: sign },
                })
            }
            None => None,
        };
        let before = values.len();
        let known = starts.is_valid(row) && stops.is_valid(row) && step.is_some();
        if let (true, Some(step)) = (known, step) {
            let (start, stop) = (starts.value(row), stops.value(row));
            let sign = step.sign();
            if is_date && step.rest != 0 {
                let kind = if step.months == 0 && step.days == 0
                    || matches!(args.args[2].data_type(), DataType::Duration(_))
                {
                    "interval day to second"
                } else {
                    "interval"
                };
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_3242").with("intervalType", kind));
            }
            let reaches = (sign > 0 && start <= stop) || (sign < 0 && start >= stop) || start == stop;
            if !reaches {
                return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(format!(
                    "requirement failed: Illegal sequence boundaries: {start} to {stop} by {}",
                    if step.months != 0 {
                        step.months
                    } else if step.days != 0 {
                        step.days
                    } else {
                        step.rest
                    }
                )));
            }
            check_length(values.len(), start, stop, step, is_date)?;
            if is_date {
                let within = |day: i64| if sign > 0 { day <= stop } else { day >= stop };
                fill(&mut values, start, |index| shifted_day(start, step, index), within, sign)?;
            } else {
                let within = |value: i64| if sign > 0 { value <= stop } else { value >= stop };
                fill(&mut values, start, |index| shifted(start, step, index, zone), within, sign)?;
            }
        }
        lengths.push(values.len() - before);
        valid.push(known);
    }
    let values = cast_back(values, data_type)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let list = ListArray::try_new(Arc::clone(element), offsets, values, Some(valid.into())).map_err(from_arrow)?;
    Ok(Arc::new(list))
}

/// Refuses a sequence that is too long before its first value; `before` values are in the batch already.
fn check_length(before: usize, start: i64, stop: i64, step: Step, is_date: bool) -> Result<()> {
    let day = if is_date { 1 } else { i128::from(DAY_US) };
    let rest = if is_date { i128::from(step.rest.div_euclid(DAY_US)) } else { i128::from(step.rest) };
    // Spark's estimate takes the shortest month.
    let length = (i128::from(step.months) * 28 + i128::from(step.days)) * day + rest;
    if length == 0 {
        return Ok(());
    }
    check_count(before, 1 + (i128::from(stop) - i128::from(start)) / length, "sequence")
}

fn fill(
    values: &mut Vec<i64>,
    start: i64,
    at: impl Fn(i64) -> Option<i64>,
    within: impl Fn(i64) -> bool,
    sign: i64,
) -> Result<()> {
    if sign == 0 {
        values.push(start);
        return Ok(());
    }
    let mut index = 0;
    while let Some(value) = at(index).filter(|value| within(*value)) {
        values.push(value);
        index += 1;
    }
    Ok(())
}

/// The value `index` steps from the start; months keep the start's day of the month where they can.
fn shifted(start: i64, step: Step, index: i64, zone: Zone) -> Option<i64> {
    if step.months == 0 && step.days == 0 {
        return start.checked_add(step.rest.checked_mul(index)?);
    }
    let local = zone.to_local(start);
    let days =
        civil::add_months(local.div_euclid(DAY_US), step.months.checked_mul(index)?) + step.days.checked_mul(index)?;
    let local = days.checked_mul(DAY_US)?.checked_add(local.rem_euclid(DAY_US))?;
    zone.to_utc(local).checked_add(step.rest.checked_mul(index)?)
}

fn shifted_day(start: i64, step: Step, index: i64) -> Option<i64> {
    let days = civil::add_months(start, step.months.checked_mul(index)?) + step.days.checked_mul(index)?;
    days.checked_add(step.rest.checked_mul(index)?.div_euclid(DAY_US))
}

fn longs(array: &ArrayRef) -> Result<Int64Array> {
    let numbers = match array.data_type() {
        DataType::Date32 => cast(&cast(array, &DataType::Int32).map_err(from_arrow)?, &DataType::Int64),
        _ => cast(array, &DataType::Int64),
    };
    Ok(numbers.map_err(from_arrow)?.as_primitive::<Int64Type>().clone())
}

fn cast_back(values: Vec<i64>, data_type: &DataType) -> Result<ArrayRef> {
    let values: ArrayRef = Arc::new(Int64Array::from(values));
    match data_type {
        DataType::Date32 => {
            let days = cast(&values, &DataType::Int32).map_err(from_arrow)?;
            cast(&days, data_type).map_err(from_arrow)
        }
        _ => cast(&values, data_type).map_err(from_arrow),
    }
}

fn steps(array: &ArrayRef) -> Result<Vec<Option<Step>>> {
    Ok(match array.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => array
            .as_primitive::<IntervalYearMonthType>()
            .iter()
            .map(|months| months.map(|months| Step { months: i64::from(months), days: 0, rest: 0 }))
            .collect(),
        // Whole days are days of the calendar.
        DataType::Duration(_) => array
            .as_primitive::<DurationMicrosecondType>()
            .iter()
            .map(|us| us.map(|us| Step { months: 0, days: us / DAY_US, rest: us % DAY_US }))
            .collect(),
        DataType::Interval(_) => array
            .as_primitive::<IntervalMonthDayNanoType>()
            .iter()
            .map(|interval| {
                interval.map(|i| Step {
                    months: i64::from(i.months),
                    days: i64::from(i.days),
                    rest: i.nanoseconds / 1_000,
                })
            })
            .collect(),
        _ => longs(array)?.iter().map(|rest| rest.map(|rest| Step { months: 0, days: 0, rest })).collect(),
    })
}
