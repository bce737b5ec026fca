//! `time_bucket(size, time[, origin])`: the start of the bucket in which a time lies; buckets of that size begin at the origin.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{
    DataType, DurationMicrosecondType, IntervalUnit, IntervalYearMonthType, TimestampMicrosecondType,
};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError, types};

use super::civil::{DAY_US, add_months, civil_from_days};
use super::zone::{UTC, Zone};
use crate::kernel::KernelArgs;
use crate::{Call, Typed, constant};

/// `time_bucket(size, time[, origin])`. The origin is 1970-01-01 00:00:00 in the session's time zone unless it is given.
pub fn time_bucket(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    let ntz = call.args[1].data_type == types::timestamp_ntz();
    let to = if ntz { types::timestamp_ntz() } else { types::timestamp() };
    let mut args = call.args.clone();
    if args.len() == 2 {
        let midnight = if ntz { 0 } else { Zone::of(&call.env.time_zone)?.to_utc(0) };
        let origin = if ntz {
            ScalarValue::TimestampMicrosecond(Some(midnight), None)
        } else {
            ScalarValue::TimestampMicrosecond(Some(midnight), Some(Arc::from("UTC")))
        };
        let word = if ntz { "TIMESTAMP_NTZ" } else { "TIMESTAMP" };
        args.push(Typed::literal(origin, format!("{word} '1970-01-01 00:00:00'")));
    }
    let mut call = call.with_args(args);
    let label = call.display();
    if !matches!(call.args[0].data_type, DataType::Interval(IntervalUnit::YearMonth) | DataType::Duration(_)) {
        return Err(call.unexpected_type(0, "(\"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\")"));
    }
    for index in [1, 2] {
        if matches!(call.args[index].data_type, DataType::Timestamp(..)) && call.args[index].data_type == to {
            continue;
        }
        let castable = index == 2 && matches!(call.args[2].data_type, DataType::Timestamp(..));
        if !castable && !matches!(call.args[index].data_type, DataType::Utf8 | DataType::Null) {
            return Err(call.unexpected_type(index, "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\""));
        }
        call.args[index] = call.coerce(index, &to)?;
    }
    if let Some(size) = constant::evaluate(&call.args[0].expr) {
        let positive = match size {
            ScalarValue::IntervalYearMonth(Some(months)) => months > 0,
            ScalarValue::DurationMicrosecond(Some(us)) => us > 0,
            _ => true,
        };
        if !positive {
            return Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
                .with("exprName", "`bucketSize`")
                .with("valueRange", "(0, inf)")
                .with("currentValue", call.args[0].name.clone())
                .with("sqlExpr", format!("\"{label}\"")));
        }
    } else {
        call.constant(0)?;
    }
    let nullable = call.any_nullable();
    Ok(call.kernel("ansi_time_bucket", to, nullable, kernel).named(label))
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let zone = match args.return_type {
        DataType::Timestamp(_, Some(_)) => Zone::of(&args.env.time_zone)?,
        _ => UTC,
    };
    let (sizes, times, origins) = (args.array(0)?, args.array(1)?, args.array(2)?);
    let (times, origins) =
        (times.as_primitive::<TimestampMicrosecondType>(), origins.as_primitive::<TimestampMicrosecondType>());
    let starts: TimestampMicrosecondArray = (0..args.rows)
        .map(|row| {
            if sizes.is_null(row) || times.is_null(row) || origins.is_null(row) {
                return None;
            }
            let (time, origin) = (times.value(row), origins.value(row));
            Some(match sizes.data_type() {
                DataType::Duration(_) => {
                    let size = sizes.as_primitive::<DurationMicrosecondType>().value(row);
                    if size < DAY_US {
                        floor(time, origin, size)
                    } else {
                        local(zone, time, origin, |t, o| floor(t, o, size))
                    }
                }
                _ => {
                    let size = i64::from(sizes.as_primitive::<IntervalYearMonthType>().value(row));
                    local(zone, time, origin, |t, o| months(t, o, size))
                }
            })
        })
        .collect();
    Ok(Arc::new(starts.with_data_type(args.return_type.clone())))
}

fn floor(time: i64, origin: i64, size: i64) -> i64 {
    time - (time - origin).rem_euclid(size)
}

/// Days and months are those of the session's time zone.
fn local(zone: Zone, time: i64, origin: i64, start: impl Fn(i64, i64) -> i64) -> i64 {
    zone.to_utc(start(zone.to_local(time), zone.to_local(origin)))
}

fn months(time: i64, origin: i64, size: i64) -> i64 {
    let month = |us: i64| {
        let (year, month, _) = civil_from_days(us.div_euclid(DAY_US));
        year * 12 + i64::from(month)
    };
    let at = |steps: i64| add_months(origin.div_euclid(DAY_US), steps * size) * DAY_US + origin.rem_euclid(DAY_US);
    let steps = (month(time) - month(origin)).div_euclid(size);
    if at(steps) <= time { at(steps) } else { at(steps - 1) }
}
