//! Fields of dates, timestamps and intervals: `year`, `hour`, `extract(... FROM ...)` and the like.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int32Array, StringArray};
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Int8Type, Int32Type, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType, TimestampMicrosecondType,
};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::interval::IntervalUnit as Unit;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError, types};

use super::civil::{DAY_US, SECOND_US, civil_from_days, day_of_year, iso_week, iso_weekday};
use super::zone::{UTC, Zone};
use crate::kernel::{Kernel, KernelArgs};
use crate::{Call, Typed, constant};

/// A field of a day since the epoch.
type FieldOf = fn(i64) -> i64;

/// Functions of a date: name and value of a day since the epoch.
const DATE_FIELDS: &[(&str, FieldOf)] = &[
    ("year", |days| civil_from_days(days).0),
    ("quarter", |days| i64::from(civil_from_days(days).1.div_ceil(3))),
    ("month", |days| i64::from(civil_from_days(days).1)),
    ("day", |days| i64::from(civil_from_days(days).2)),
    ("dayofyear", day_of_year),
    // Sunday is 1.
    ("dayofweek", |days| iso_weekday(days) % 7 + 1),
    // Monday is 0.
    ("weekday", |days| iso_weekday(days) - 1),
    ("dayofweek_iso", iso_weekday),
    ("weekofyear", |days| iso_week(days).1),
    ("yearofweek", |days| iso_week(days).0),
];

macro_rules! date_functions {
    ($($function:ident, $field:literal, $doc:literal;)*) => {$(
        #[doc = $doc]
        pub fn $function(call: &Call) -> Result<Typed> {
            of_date(call, $field)
        }
    )*};
}

date_functions! {
    year, "year", "`year(date)`.";
    quarter, "quarter", "`quarter(date)`.";
    month, "month", "`month(date)`.";
    day, "day", "`day(date)`, `dayofmonth`.";
    dayofyear, "dayofyear", "`dayofyear(date)`.";
    dayofweek, "dayofweek", "`dayofweek(date)`: Sunday is 1.";
    weekday, "weekday", "`weekday(date)`: Monday is 0.";
    weekofyear, "weekofyear", "`weekofyear(date)`: ISO weeks.";
}

fn of_date(call: &Call, field: &'static str) -> Result<Typed> {
    call.arity(1)?;
    let call = call.coerced(&[DataType::Date32])?;
    let nullable = call.any_nullable();
    Ok(call.kernel_with(field, DataType::Int32, nullable, field.to_string(), date_field))
}

fn date_field(args: &KernelArgs) -> Result<ArrayRef> {
    let (_, of) = DATE_FIELDS
        .iter()
        .find(|(field, _)| *field == args.param)
        .ok_or_else(|| SparkError::internal("a field of a date that is not in the table"))?;
    let dates = args.array(0)?;
    Ok(Arc::new(dates.as_primitive::<Date32Type>().unary::<_, Int32Type>(|days| of(i64::from(days)) as i32)))
}

/// `dayname(date)`: `Mon`.
pub fn dayname(call: &Call) -> Result<Typed> {
    names(call, "dayname", |args| {
        const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        text_of_dates(args, |days| NAMES[(iso_weekday(days) - 1) as usize])
    })
}

/// `monthname(date)`: `Jan`.
pub fn monthname(call: &Call) -> Result<Typed> {
    names(call, "monthname", |args| {
        const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        text_of_dates(args, |days| NAMES[(civil_from_days(days).1 - 1) as usize])
    })
}

fn names(call: &Call, name: &'static str, kernel: Kernel) -> Result<Typed> {
    call.arity(1)?;
    let call = call.coerced(&[DataType::Date32])?;
    Ok(call.kernel(name, DataType::Utf8, call.any_nullable(), kernel))
}

fn text_of_dates(args: &KernelArgs, of: fn(i64) -> &'static str) -> Result<ArrayRef> {
    let dates = args.array(0)?;
    let dates = dates.as_primitive::<Date32Type>();
    Ok(Arc::new(dates.iter().map(|days| days.map(|days| of(i64::from(days)))).collect::<StringArray>()))
}

/// `hour(timestamp)`.
pub fn hour(call: &Call) -> Result<Typed> {
    of_time(call, "hour")
}

/// `minute(timestamp)`.
pub fn minute(call: &Call) -> Result<Typed> {
    of_time(call, "minute")
}

/// `second(timestamp)`: whole seconds.
pub fn second(call: &Call) -> Result<Typed> {
    of_time(call, "second")
}

fn of_time(call: &Call, field: &'static str) -> Result<Typed> {
    call.arity(1)?;
    if matches!(call.args[0].data_type, DataType::Time64(_)) && !call.env.time_type {
        return Err(SparkError::new("UNSUPPORTED_TIME_TYPE"));
    }
    let call = call.with_args(vec![any_timestamp(call, 0)?]);
    let nullable = call.any_nullable() || is_time(&call.args[0]);
    Ok(call.kernel_with(field, DataType::Int32, nullable, field.to_string(), time_field))
}

/// Spark declares what it takes out of a TIME as nullable.
fn is_time(arg: &Typed) -> bool {
    matches!(arg.data_type, DataType::Time64(_))
}

/// A TIME and both kinds of timestamp stay, anything else becomes TIMESTAMP.
fn any_timestamp(call: &Call, index: usize) -> Result<Typed> {
    match call.args[index].data_type {
        DataType::Timestamp(..) | DataType::Time64(_) => Ok(call.args[index].clone()),
        _ => call.coerce(index, &types::timestamp()),
    }
}

/// Microseconds of the local day of timestamps and times.
fn micros_of_day(array: &ArrayRef, args: &KernelArgs) -> Result<arrow::array::Int64Array> {
    if matches!(array.data_type(), DataType::Time64(_)) {
        return Ok(array.as_primitive::<arrow::datatypes::Time64NanosecondType>().unary(|nanos| nanos / 1_000));
    }
    let zone = zone_of(array.data_type(), &args.env.time_zone)?;
    Ok(array.as_primitive::<TimestampMicrosecondType>().unary(|us| zone.to_local(us).rem_euclid(DAY_US)))
}

/// The zone in which a timestamp of this type is to be seen.
pub(super) fn zone_of(data_type: &DataType, session: &str) -> Result<Zone> {
    match data_type {
        DataType::Timestamp(_, None) => Ok(UTC),
        _ => Zone::of(session),
    }
}

fn time_field(args: &KernelArgs) -> Result<ArrayRef> {
    let (unit, modulus) = match args.param {
        "hour" => (3_600 * SECOND_US, 24),
        "minute" => (60 * SECOND_US, 60),
        _ => (SECOND_US, 60),
    };
    let micros = micros_of_day(&args.array(0)?, args)?;
    Ok(Arc::new(micros.unary::<_, Int32Type>(|us| (us / unit % modulus) as i32)))
}

/// Seconds with six digits of fraction.
fn second_with_fraction(args: &KernelArgs) -> Result<ArrayRef> {
    let micros = micros_of_day(&args.array(0)?, args)?;
    let seconds: Decimal128Array = micros.unary(|us| i128::from(us % (60 * SECOND_US)));
    Ok(Arc::new(seconds.with_data_type(DataType::Decimal128(8, 6))))
}

/// `extract(field, source)`: SQL's `extract(field FROM source)`, `datepart`.
pub fn extract(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let name = format!("{}({} FROM {})", call.name, call.args[0].name, call.args[1].name);
    Ok(part(call)?.named(name))
}

/// `date_part(field, source)`.
pub fn date_part(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let name = call.display();
    Ok(part(call)?.named(name))
}

fn inner_of<'a>(call: &Call<'a>) -> Call<'a> {
    Call { name: call.name, args: call.args.clone(), distinct: false, ignore_nulls: false, env: call.env }
}

fn part(call: &Call) -> Result<Typed> {
    let field = match constant::evaluate(&call.args[0].expr) {
        Some(ScalarValue::Utf8(Some(field))) => field,
        Some(value) if value.is_null() => return Ok(Typed::literal(ScalarValue::Float64(None), "NULL")),
        None => {
            return Err(SparkError::new("NON_FOLDABLE_ARGUMENT")
                .with("funcName", name::quote(call.name))
                .with("paramName", "`field`")
                .with("paramType", "\"STRING\""));
        }
        _ => return Err(call.unexpected_type(0, "\"STRING\"")),
    };
    let source = call.args[1].clone();
    let invalid = || {
        SparkError::new("INVALID_EXTRACT_FIELD")
            .with("field", name::quote(&field))
            .with("expr", format!("\"{}\"", call.args[1].name))
    };
    let upper = field.to_uppercase();
    match &source.data_type {
        DataType::Interval(IntervalUnit::YearMonth)
        | DataType::Interval(IntervalUnit::MonthDayNano)
        | DataType::Duration(_) => interval_part(call, source, &upper).ok_or_else(invalid),
        _ => {
            let time = is_time(&source);
            let inner = call.with_args(vec![source]);
            // Errors show the function of the field.
            let of_date = |field| of_date(&Call { name: field, ..inner_of(&inner) }, field);
            match upper.as_str() {
                word if time && !matches!(word.chars().next(), Some('H' | 'M' | 'S')) => Err(invalid()),
                "MONTH" | "MON" | "MONS" | "MONTHS" if time => Err(invalid()),
                "YEAR" | "Y" | "YEARS" | "YR" | "YRS" => of_date("year"),
                "YEAROFWEEK" => of_date("yearofweek"),
                "QUARTER" | "QTR" => of_date("quarter"),
                "MONTH" | "MON" | "MONS" | "MONTHS" => of_date("month"),
                "WEEK" | "W" | "WEEKS" => of_date("weekofyear"),
                "DAY" | "D" | "DAYS" => of_date("day"),
                "DAYOFWEEK" | "DOW" => of_date("dayofweek"),
                "DAYOFWEEK_ISO" | "DOW_ISO" => of_date("dayofweek_iso"),
                "DOY" => of_date("dayofyear"),
                "HOUR" | "H" | "HOURS" | "HR" | "HRS" => of_time(&inner, "hour"),
                "MINUTE" | "M" | "MIN" | "MINS" | "MINUTES" => of_time(&inner, "minute"),
                "SECOND" | "S" | "SEC" | "SECONDS" | "SECS" => {
                    let inner = inner.with_args(vec![any_timestamp(&inner, 0)?]);
                    let nullable = inner.any_nullable() || time;
                    Ok(inner.kernel("second_with_fraction", DataType::Decimal128(8, 6), nullable, second_with_fraction))
                }
                _ => Err(invalid()),
            }
        }
    }
}

fn interval_part(call: &Call, source: Typed, field: &str) -> Option<Typed> {
    let year_month = matches!(source.data_type, DataType::Interval(IntervalUnit::YearMonth));
    let day_time = matches!(source.data_type, DataType::Duration(_));
    let (word, output) = match field {
        "YEAR" | "Y" | "YEARS" | "YR" | "YRS" if !day_time => ("year", DataType::Int32),
        "MONTH" | "MON" | "MONS" | "MONTHS" if !day_time => ("month", DataType::Int8),
        "DAY" | "D" | "DAYS" if !year_month => ("day", DataType::Int32),
        "HOUR" | "H" | "HOURS" | "HR" | "HRS" if !year_month => ("hour", DataType::Int8),
        "MINUTE" | "M" | "MIN" | "MINS" | "MINUTES" if !year_month => ("minute", DataType::Int8),
        "SECOND" | "S" | "SEC" | "SECONDS" | "SECS" if !year_month => ("second", DataType::Decimal128(8, 6)),
        _ => return None,
    };
    // A unit above the first one or below the last is not there.
    if let (Some(range), Some(unit)) = (source.units(), Unit::parse(word)) {
        if unit < range.start || unit > range.end {
            return None;
        }
    }
    let nullable = source.nullable;
    let inner = call.with_args(vec![source]);
    Some(inner.kernel_with("interval_part", output, nullable, word.to_string(), interval_field))
}

fn interval_field(args: &KernelArgs) -> Result<ArrayRef> {
    let array = args.array(0)?;
    // Months, days and microseconds of each interval.
    let parts: Vec<Option<(i64, i64, i64)>> = match array.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => {
            let months = array.as_primitive::<IntervalYearMonthType>();
            months.iter().map(|months| months.map(|months| (i64::from(months), 0, 0))).collect()
        }
        DataType::Duration(_) => {
            let micros = array.as_primitive::<DurationMicrosecondType>();
            micros.iter().map(|us| us.map(|us| (0, us / DAY_US, us % DAY_US))).collect()
        }
        _ => {
            let intervals = array.as_primitive::<IntervalMonthDayNanoType>();
            let split = |interval: arrow::datatypes::IntervalMonthDayNano| {
                (i64::from(interval.months), i64::from(interval.days), interval.nanoseconds / 1_000)
            };
            intervals.iter().map(|interval| interval.map(split)).collect()
        }
    };
    let calendar = matches!(array.data_type(), DataType::Interval(IntervalUnit::MonthDayNano));
    let of: fn((i64, i64, i64)) -> i64 = match args.param {
        "year" => |(months, _, _)| months / 12,
        "month" => |(months, _, _)| months % 12,
        "day" => |(_, days, _)| days,
        "hour" if calendar => |(_, _, us)| us / (3_600 * SECOND_US) % 24,
        "hour" => |(_, _, us)| us / (3_600 * SECOND_US),
        "minute" => |(_, _, us)| us / (60 * SECOND_US) % 60,
        _ => |(_, _, us)| us % (60 * SECOND_US),
    };
    let values = parts.into_iter().map(|part| part.map(of));
    Ok(match args.return_type {
        DataType::Int8 => Arc::new(
            values.map(|value| value.map(|value| value as i8)).collect::<arrow::array::PrimitiveArray<Int8Type>>(),
        ),
        DataType::Int32 => Arc::new(values.map(|value| value.map(|value| value as i32)).collect::<Int32Array>()),
        _ => {
            let seconds: Decimal128Array = values.map(|value| value.map(i128::from)).collect();
            Arc::new(seconds.with_data_type(DataType::Decimal128(8, 6)))
        }
    })
}
