//! TIME: its text, the digits of its seconds, its casts to numbers.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, Time64NanosecondType};
use datafusion::logical_expr::Volatility;
use firesteel_protocol::{Result, types};

use super::datetime::{parse_timestamp, write_time};
use super::{EvalMode, cast_overflow, decimal, number};
use crate::kernel::kernel_expr;
use crate::{Env, Typed};

/// Microseconds in an hour.
const HOUR_US: i64 = 3_600_000_000;

/// Microseconds of the day out of `[h]h:[m]m[:[s]s[.fraction]]`.
pub fn time_of(text: &str) -> Option<i64> {
    if let Some((clock, noon)) = half_day(text) {
        let time = time_of(clock)?;
        return (HOUR_US..13 * HOUR_US).contains(&time).then(|| time % (12 * HOUR_US) + noon);
    }
    let parsed = parse_timestamp(text)?;
    (parsed.days.is_none() && parsed.zone.is_none()).then_some(parsed.time_us)
}

/// A text that ends with AM or PM, in any case, as what is before it and the microseconds that its half of the day
/// begins at.
fn half_day(text: &str) -> Option<(&str, i64)> {
    let text = number::trim(text);
    let at = text.len().checked_sub(2)?;
    let noon = match text.get(at..)?.to_ascii_uppercase().as_str() {
        "AM" => 0,
        "PM" => 12 * HOUR_US,
        _ => return None,
    };
    Some((number::trim(&text[..at]), noon))
}

/// A TIME cut to fewer digits of a second.
pub(super) fn with_fewer_digits(time: Typed, digits: u8, env: &Env) -> Typed {
    let (name, nullable) = (time.name.clone(), time.nullable);
    let expr = kernel_expr(
        "time_digits",
        vec![time.expr],
        types::time(),
        nullable,
        Volatility::Immutable,
        env,
        digits.to_string(),
        |args| {
            let unit = 10_i64.pow(9 - args.param.parse::<u32>().unwrap_or(6).min(9));
            let array = args.array(0)?;
            Ok(Arc::new(
                array.as_primitive::<Time64NanosecondType>().unary::<_, Time64NanosecondType>(|ns| ns / unit * unit),
            ))
        },
    );
    Typed::new(expr, name, types::time(), nullable)
}

/// Seconds of the day as a number.
pub(super) fn to_number(array: &ArrayRef, to: &DataType, mode: EvalMode) -> Result<ArrayRef> {
    let times = array.as_primitive::<Time64NanosecondType>();
    if let DataType::Decimal128(..) = to {
        return decimal::change_precision(&times.unary::<_, Decimal128Type>(i128::from), 9, to, mode);
    }
    let high = match to {
        DataType::Int8 => i64::from(i8::MAX),
        DataType::Int16 => i64::from(i16::MAX),
        _ => i64::MAX,
    };
    let seconds = times.iter().map(|time| match time {
        Some(ns) if ns / 1_000_000_000 <= high => Ok(Some(ns / 1_000_000_000)),
        Some(ns) => mode.misfit(|| {
            let mut literal = String::from("TIME '");
            write_time(&mut literal, ns / 1_000);
            literal.push('\'');
            cast_overflow(literal, &types::time(), to)
        }),
        None => Ok(None),
    });
    let seconds = seconds.collect::<Result<PrimitiveArray<Int64Type>>>()?;
    number::narrow(&seconds, &types::time(), to, EvalMode::Legacy)
}
