//! `current_date`, `current_timestamp`, `current_timezone` and their kin: constants of a query.

use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::TIME_DIGITS;
use firesteel_protocol::{Result, SparkError};

use super::civil::DAY_US;
use super::zone::Zone;
use crate::{Call, Typed, constant};

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

/// `current_time([precision])`: with 0 to 6 digits of a second.
pub fn current_time(call: &Call) -> Result<Typed> {
    call.arity(0..=1)?;
    let (digits, label) = match call.args.first() {
        None => (TIME_DIGITS, TIME_DIGITS.to_string()),
        Some(arg) => (digits(call)?, arg.name.clone()),
    };
    let local = Zone::of(&call.env.time_zone)?.to_local(call.env.now_us);
    let unit = 10_i64.pow(9 - u32::from(digits));
    let nanos = local.rem_euclid(DAY_US) * 1_000 / unit * unit;
    let name = format!("current_time({label})");
    Ok(Typed::literal(ScalarValue::Time64Nanosecond(Some(nanos)), name).with_time_precision(digits))
}

/// The digits of a second that a call asks for.
fn digits(call: &Call) -> Result<u8> {
    let arg = call.coerce(0, &DataType::Int32)?;
    let value = match constant::try_evaluate(&arg.expr).transpose()? {
        Some(ScalarValue::Int32(Some(value))) => value,
        _ => {
            call.constant(0)?;
            return Err(call.unexpected_type(0, "\"INT\""));
        }
    };
    u8::try_from(value).ok().filter(|digits| *digits <= TIME_DIGITS).ok_or_else(|| {
        SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
            .with("exprName", "`precision`")
            .with("valueRange", format!("[0, {TIME_DIGITS}]"))
            .with("currentValue", value.to_string())
            .with("sqlExpr", format!("\"{}\"", call.display()))
    })
}
