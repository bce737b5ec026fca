//! `width_bucket`.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::DataType::{self, Float64, Int64};
use arrow::datatypes::{Float64Type, Int64Type};
use firesteel_protocol::Result;

use crate::cast::{EvalMode, cast_array};
use crate::coerce::{is_ansi_interval, is_numeric};
use crate::kernel::KernelArgs;
use crate::{Call, Typed};

/// `width_bucket(value, low, high, count)`: in which of equal parts a value lies.
pub(super) fn width_bucket(call: &Call) -> Result<Typed> {
    call.arity(4)?;
    let first = &call.args[0].data_type;
    let to = if is_ansi_interval(first) { first.clone() } else { Float64 };
    let number = matches!(first, DataType::Utf8 | DataType::Null) || is_numeric(first);
    if !number && !is_ansi_interval(first) {
        return Err(call.unexpected_type(0, "(\"DOUBLE\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")"));
    }
    if is_ansi_interval(first) && !is_ansi_interval(&call.args[1].data_type) {
        // Numbers are DOUBLE by then.
        let shown = |arg: &Typed| match is_numeric(&arg.data_type) {
            true => "\"DOUBLE\"".to_string(),
            false => format!("\"{}\"", arg.sql_type()),
        };
        let words: Vec<String> = call.args[..3].iter().map(shown).collect();
        return Err(call.data_diff_types(&[]).with("dataType", format!("({})", words.join(" or "))));
    }
    let typed = call.coerced(&[to.clone(), to.clone(), to, Int64])?;
    Ok(typed.kernel("spark_width_bucket", Int64, true, kernel).named(call.display()))
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let doubles = |index: usize| -> Result<ArrayRef> {
        let array = args.array(index)?;
        match array.data_type() {
            Float64 => Ok(array),
            DataType::Duration(_) => {
                let us = array.as_primitive::<arrow::datatypes::DurationMicrosecondType>();
                Ok(Arc::new(us.unary::<_, Float64Type>(|us| us as f64)))
            }
            _ => {
                let months = cast_array(&array, &Int64, EvalMode::Legacy, args.env)?;
                Ok(Arc::new(months.as_primitive::<Int64Type>().unary::<_, Float64Type>(|months| months as f64)))
            }
        }
    };
    let (values, lows, highs) = (doubles(0)?, doubles(1)?, doubles(2)?);
    let counts = args.array(3)?;
    let counts = counts.as_primitive::<Int64Type>();
    let rows = values
        .as_primitive::<Float64Type>()
        .iter()
        .zip(lows.as_primitive::<Float64Type>().iter())
        .zip(highs.as_primitive::<Float64Type>().iter())
        .zip(counts.iter());
    let buckets = rows.map(|(((value, low), high), count)| bucket(value?, low?, high?, count?));
    Ok(Arc::new(buckets.collect::<PrimitiveArray<Int64Type>>()))
}

fn bucket(value: f64, low: f64, high: f64, count: i64) -> Option<i64> {
    if count <= 0 || count == i64::MAX || value.is_nan() || low == high || !low.is_finite() || !high.is_finite() {
        return None;
    }
    let (lower, upper) = (low.min(high), low.max(high));
    let ascending = low <= high;
    if value < lower {
        return Some(if ascending { 0 } else { count + 1 });
    }
    if value >= upper && ascending {
        return Some(count + 1);
    }
    if !ascending {
        if value > upper {
            return Some(0);
        }
        if value <= lower {
            return Some(count + 1);
        }
        return Some((count as f64 * (upper - value) / (upper - lower)) as i64 + 1);
    }
    Some((count as f64 * (value - lower) / (upper - lower)) as i64 + 1)
}
