//! `trunc(date, unit)`, `date_trunc(unit, timestamp)`: down to the start of a unit; an unknown unit gives NULL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Date32Type, TimestampMicrosecondType};
use firesteel_protocol::{Result, types};

use super::civil::{DAY_US, SECOND_US, civil_from_days, days_from_civil, iso_weekday};
use super::zone::Zone;
use crate::kernel::KernelArgs;
use crate::{Call, Typed};

#[derive(Debug, Clone, Copy)]
enum Unit {
    /// Counted in instants.
    Micros(i64),
    /// Counted in local time, the offset stays.
    Local(i64),
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    fn of_date(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "WEEK" => Self::Week,
            "MON" | "MONTH" | "MM" => Self::Month,
            "QUARTER" => Self::Quarter,
            "YEAR" | "YYYY" | "YY" => Self::Year,
            _ => return None,
        })
    }

    fn of_timestamp(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "MICROSECOND" => Self::Micros(1),
            "MILLISECOND" => Self::Micros(1_000),
            "SECOND" => Self::Micros(SECOND_US),
            "MINUTE" => Self::Local(60 * SECOND_US),
            "HOUR" => Self::Local(3_600 * SECOND_US),
            "DAY" | "DD" => Self::Day,
            _ => return Self::of_date(name),
        })
    }

    fn floor_date(self, days: i64) -> i64 {
        let (year, month, _) = civil_from_days(days);
        match self {
            Self::Week => days - iso_weekday(days) + 1,
            Self::Month => days_from_civil(year, month, 1),
            Self::Quarter => days_from_civil(year, (month - 1) / 3 * 3 + 1, 1),
            Self::Year => days_from_civil(year, 1, 1),
            _ => days,
        }
    }

    fn floor_timestamp(self, us: i64, zone: Zone) -> i64 {
        match self {
            Self::Micros(size) => us - us.rem_euclid(size),
            Self::Local(size) => us - zone.to_local(us).rem_euclid(size),
            _ => zone.to_utc(self.floor_date(zone.to_local(us).div_euclid(DAY_US)) * DAY_US),
        }
    }
}

/// `trunc(date, unit)`.
pub fn trunc(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let inner = call.coerced(&[DataType::Date32, DataType::Utf8])?;
    Ok(inner.kernel("trunc", DataType::Date32, true, |args| {
        let dates = args.array(0)?;
        let dates = dates.as_primitive::<Date32Type>();
        let result: Date32Array = match units(args, 1, Unit::of_date)? {
            Units::Same(Some(unit)) => dates.unary(|days| unit.floor_date(i64::from(days)) as i32),
            Units::Same(None) => Date32Array::new_null(args.rows),
            Units::Each(units) => {
                dates.iter().zip(units).map(|(days, unit)| Some(unit?.floor_date(i64::from(days?)) as i32)).collect()
            }
        };
        Ok(Arc::new(result))
    }))
}

/// `date_trunc(unit, timestamp)`.
pub fn date_trunc(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let inner = call.coerced(&[DataType::Utf8, types::timestamp()])?;
    Ok(inner.kernel("date_trunc", types::timestamp(), true, |args| {
        let zone = Zone::of(&args.env.time_zone)?;
        let times = args.array(1)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let result: TimestampMicrosecondArray = match units(args, 0, Unit::of_timestamp)? {
            Units::Same(Some(unit)) => times.unary(|us| unit.floor_timestamp(us, zone)),
            Units::Same(None) => TimestampMicrosecondArray::new_null(args.rows),
            Units::Each(units) => {
                times.iter().zip(units).map(|(us, unit)| Some(unit?.floor_timestamp(us?, zone))).collect()
            }
        };
        Ok(Arc::new(result.with_data_type(args.return_type.clone())) as ArrayRef)
    }))
}

/// The units of a batch: one for all rows, or one a row.
enum Units {
    Same(Option<Unit>),
    Each(Vec<Option<Unit>>),
}

fn units(args: &KernelArgs, index: usize, parse: fn(&str) -> Option<Unit>) -> Result<Units> {
    if let Some(constant) = args.scalar_str(index) {
        return Ok(Units::Same(constant.and_then(parse)));
    }
    let names = args.array(index)?;
    let names: &StringArray = names.as_string::<i32>();
    debug_assert_eq!(names.len(), args.rows);
    Ok(Units::Each(names.iter().map(|name| name.and_then(parse)).collect()))
}
