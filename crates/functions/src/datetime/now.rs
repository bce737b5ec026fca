//! `current_date`, `current_timestamp`, `current_timezone` and their kin: constants of a query.

use datafusion::scalar::ScalarValue;
use firesteel_protocol::Result;

use super::civil::DAY_US;
use super::zone::Zone;
use crate::{Call, Typed};

/// `current_date()`, `curdate()`.
pub fn current_date(call: &Call) -> Result<Typed> {
    call.arity(0)?;
    let days = Zone::of(&call.env.time_zone)?.to_local(call.env.now_us).div_euclid(DAY_US);
    Ok(Typed::literal(ScalarValue::Date32(Some(days as i32)), "current_date()"))
}

/// `current_timestamp()`, `now()`: the start of the query.
pub fn current_timestamp(call: &Call) -> Result<Typed> {
    call.arity(0)?;
    let name = format!("{}()", call.name);
    Ok(Typed::literal(ScalarValue::TimestampMicrosecond(Some(call.env.now_us), Some("UTC".into())), name))
}

/// `localtimestamp()`.
pub fn localtimestamp(call: &Call) -> Result<Typed> {
    call.arity(0)?;
    let local = Zone::of(&call.env.time_zone)?.to_local(call.env.now_us);
    Ok(Typed::literal(ScalarValue::TimestampMicrosecond(Some(local), None), "localtimestamp()"))
}

/// `current_timezone()`.
pub fn current_timezone(call: &Call) -> Result<Typed> {
    call.arity(0)?;
    Ok(Typed::literal(ScalarValue::Utf8(Some(call.env.time_zone.to_string())), "current_timezone()"))
}

/// `current_time([precision])`: with microseconds whatever the precision says is not offered.
pub fn current_time(call: &Call) -> Result<Typed> {
    call.arity(0..=1)?;
    if let Some(arg) = call.args.first()
        && !matches!(arg.as_literal(), Some(ScalarValue::Int32(Some(6))))
    {
        return Err(firesteel_protocol::SparkError::unsupported(
            "TIME with a precision other than 6",
            "Leave the precision out.",
        ));
    }
    let local = Zone::of(&call.env.time_zone)?.to_local(call.env.now_us);
    Ok(Typed::literal(ScalarValue::Time64Nanosecond(Some(local.rem_euclid(DAY_US) * 1_000)), "current_time(6)"))
}
