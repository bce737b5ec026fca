//! `from_utc_timestamp`, `to_utc_timestamp`, `convert_timezone`: wall clocks of other zones.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, types};

use super::zone::Zone;
use crate::kernel::KernelArgs;
use crate::{Call, Typed};

/// `from_utc_timestamp(timestamp, zone)`.
pub fn from_utc_timestamp(call: &Call) -> Result<Typed> {
    build(call, "from_utc_timestamp", |args| shifted(args, |zone, us| zone.to_local(us)))
}

/// `to_utc_timestamp(timestamp, zone)`.
pub fn to_utc_timestamp(call: &Call) -> Result<Typed> {
    build(call, "to_utc_timestamp", |args| shifted(args, |zone, us| zone.to_utc(us)))
}

fn build(call: &Call, name: &'static str, kernel: crate::kernel::Kernel) -> Result<Typed> {
    call.arity(2)?;
    let inner = call.coerced(&[types::timestamp(), DataType::Utf8])?;
    Ok(inner.kernel(name, types::timestamp(), inner.any_nullable(), kernel))
}

fn shifted(args: &KernelArgs, of: fn(Zone, i64) -> i64) -> Result<ArrayRef> {
    let times = args.array(0)?;
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let result: TimestampMicrosecondArray = match args.scalar_str(1) {
        Some(None) => TimestampMicrosecondArray::new_null(args.rows),
        // Without a time Spark does not look at the zone.
        Some(Some(_)) if times.null_count() == times.len() => TimestampMicrosecondArray::new_null(args.rows),
        Some(Some(zone)) => {
            let zone = Zone::of(zone)?;
            times.unary(|us| of(zone, us))
        }
        None => {
            let zones = args.array(1)?;
            let zones = zones.as_string::<i32>();
            let mut values = Vec::with_capacity(args.rows);
            for row in 0..args.rows {
                let known = times.is_valid(row) && zones.is_valid(row);
                values.push(if known { Some(of(Zone::of(zones.value(row))?, times.value(row))) } else { None });
            }
            values.into_iter().collect()
        }
    };
    Ok(Arc::new(result.with_data_type(args.return_type.clone())))
}

/// `convert_timezone([from, ]to, timestamp_ntz)`.
pub fn convert_timezone(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    let mut args = call.args.clone();
    if args.len() == 2 {
        let session = ScalarValue::Utf8(Some(call.env.time_zone.to_string()));
        args.insert(0, Typed::literal(session, "current_timezone()"));
    }
    let inner = call.with_args(args);
    let inner = inner.coerced(&[DataType::Utf8, DataType::Utf8, types::timestamp_ntz()])?;
    Ok(inner.kernel("convert_timezone", types::timestamp_ntz(), inner.any_nullable(), |args| {
        let (from, to, times) = (args.array(0)?, args.array(1)?, args.array(2)?);
        let (from, to) = (from.as_string::<i32>(), to.as_string::<i32>());
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let mut values = Vec::with_capacity(args.rows);
        for row in 0..args.rows {
            let known = from.is_valid(row) && to.is_valid(row) && times.is_valid(row);
            values.push(if known {
                let instant = Zone::of(from.value(row))?.to_utc(times.value(row));
                Some(Zone::of(to.value(row))?.to_local(instant))
            } else {
                None
            });
        }
        Ok(Arc::new(values.into_iter().collect::<TimestampMicrosecondArray>()))
    }))
}
