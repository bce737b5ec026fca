//! `round`, `bround`, `ceil`, `floor`, with and without a number of places.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType::{self, Decimal128, Float32, Float64, Int32, Int64};
use arrow::datatypes::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use crate::arithmetic::overflow;
use crate::cast::decimal::{power_of_ten, to_f64, with_type};
use crate::coerce::{is_integral, is_numeric};
use crate::kernel::KernelArgs;
use crate::rowwise::{complete, int};
use crate::{Call, Typed};

pub(super) fn round(call: &Call) -> Result<Typed> {
    rounded(call, "half_up", true)
}

/// Halves to the even neighbour.
pub(super) fn bround(call: &Call) -> Result<Typed> {
    rounded(call, "half_even", true)
}

pub(super) fn ceil(call: &Call) -> Result<Typed> {
    if call.args.len() == 2 { rounded(call, "ceiling", false) } else { whole(call, "ceil") }
}

pub(super) fn floor(call: &Call) -> Result<Typed> {
    if call.args.len() == 2 { rounded(call, "floor", false) } else { whole(call, "floor") }
}

/// Rounding to places after the point, a constant.
fn rounded(call: &Call, mode: &str, keeps_floats: bool) -> Result<Typed> {
    let call = complete(call, 2, &[(int(0), "0")])?;
    let label = call.display();
    let value = match &call.args[0].data_type {
        t if is_numeric(t) && (keeps_floats || matches!(t, Decimal128(..))) => call.args[0].clone(),
        t if is_integral(t) => {
            let (precision, scale) = crate::coerce::decimal_of(t).unwrap_or((38, 0));
            call.coerce(0, &Decimal128(precision, scale))?
        }
        _ if keeps_floats => call.coerce(0, &Float64)?,
        _ => call.coerce(0, &Decimal128(30, 15))?,
    };
    let places = call.coerce(1, &Int32)?;
    let not_constant = || {
        if keeps_floats {
            return call.constant(1).err().unwrap_or_else(|| SparkError::internal("the scale of a rounding"));
        }
        SparkError::new("NON_FOLDABLE_ARGUMENT")
            .with("funcName", firesteel_protocol::types::name::quote(call.name))
            .with("paramName", "`scale`")
            .with("paramType", "\"INT\"")
    };
    let whole = is_integral(&call.args[1].data_type) || call.args[1].data_type == DataType::Null;
    if !keeps_floats && !whole {
        return Err(not_constant());
    }
    let places = crate::constant::try_evaluate(&places.expr).transpose()?;
    if !keeps_floats && places.as_ref().is_some_and(ScalarValue::is_null) {
        return Err(not_constant());
    }
    let places = places.ok_or_else(not_constant)?;
    let ScalarValue::Int32(Some(places)) = places else {
        // A NULL scale makes everything NULL, of the type that no places would give.
        let to = match &value.data_type {
            Decimal128(precision, scale) => {
                Decimal128((i32::from(*precision) - i32::from(*scale) + 1).clamp(1, 38) as u8, 0)
            }
            other => other.clone(),
        };
        let null = ScalarValue::try_from(&to).map_err(crate::kernel::from_datafusion)?;
        return Ok(Typed::literal(null, label));
    };
    let to = match &value.data_type {
        Decimal128(precision, scale) => {
            let (whole, scale) = (i32::from(*precision) - i32::from(*scale) + 1, i32::from(*scale));
            if places < 0 {
                Decimal128(whole.max(1 - places).min(38) as u8, 0)
            } else {
                let kept = scale.min(places);
                Decimal128((whole + kept).min(38) as u8, kept as i8)
            }
        }
        other => other.clone(),
    };
    let args = call.with_args(vec![value]);
    let function = if is_integral(&to) && call.env.ansi { "ansi_round" } else { "spark_round" };
    Ok(args.kernel_with(function, to, true, format!("{mode} {places}"), round_kernel).named(label))
}

/// `value / divisor`, rounded.
fn divide(value: i128, divisor: i128, mode: &str) -> i128 {
    let (quotient, rest) = (value / divisor, value % divisor);
    let away = if value < 0 { quotient - 1 } else { quotient + 1 };
    let twice = rest.unsigned_abs() * 2;
    let up = match mode {
        "half_up" => twice >= divisor.unsigned_abs(),
        "half_even" => twice > divisor.unsigned_abs() || twice == divisor.unsigned_abs() && quotient % 2 != 0,
        "ceiling" => rest > 0,
        _ => rest < 0,
    };
    if up { away } else { quotient }
}

fn round_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (mode, places) = args.param.split_once(' ').unwrap_or(("half_up", "0"));
    let places: i32 = places.parse().unwrap_or(0);
    let array = args.array(0)?;
    Ok(match array.data_type() {
        Decimal128(_, scale) => {
            let drop = i32::from(*scale) - places;
            let values = array.as_primitive::<Decimal128Type>();
            let one = |value: i128| {
                if drop <= 0 {
                    return value;
                }
                if drop > 38 {
                    return match mode {
                        "ceiling" if value > 0 => power_of_ten(places.unsigned_abs().min(38)),
                        "floor" if value < 0 => -power_of_ten(places.unsigned_abs().min(38)),
                        _ => 0,
                    };
                }
                let kept = divide(value, power_of_ten(drop as u32), mode);
                // To places before the point: the zeros come back.
                if places < 0 { kept.saturating_mul(power_of_ten(places.unsigned_abs().min(38))) } else { kept }
            };
            with_type(values.unary::<_, Decimal128Type>(one), args.return_type)
        }
        Float64 => Arc::new(
            array.as_primitive::<Float64Type>().unary::<_, Float64Type>(|x| float(x, &format!("{x:e}"), places, mode)),
        ),
        Float32 => {
            let one = |x: f32| float(f64::from(x), &format!("{x:e}"), places, mode) as f32;
            Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(one))
        }
        DataType::Int8 => integers::<Int8Type>(&array, places, mode, args.env.ansi, |v| v as i8)?,
        DataType::Int16 => integers::<Int16Type>(&array, places, mode, args.env.ansi, |v| v as i16)?,
        Int32 => integers::<Int32Type>(&array, places, mode, args.env.ansi, |v| v as i32)?,
        _ => integers::<Int64Type>(&array, places, mode, args.env.ansi, |v| v as i64)?,
    })
}

/// A float by its shortest decimal digits `d.ddde±x`, as Java's `BigDecimal.valueOf` takes it.
fn float(value: f64, digits: &str, places: i32, mode: &str) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    let (mantissa, exponent) = digits.split_once('e').unwrap_or((digits, "0"));
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i32);
    let exponent = exponent.parse::<i32>().unwrap_or(0) - fraction;
    let Ok(unscaled) = mantissa.replace('.', "").parse::<i128>() else { return value };
    // The value is `unscaled` * 10^`exponent`.
    let drop = -places - exponent;
    if drop <= 0 {
        return value;
    }
    let kept = if drop > 38 { 0 } else { divide(unscaled, power_of_ten(drop as u32), mode) };
    match i8::try_from(places) {
        Ok(places) if places >= 0 => to_f64(kept, places),
        _ => format!("{kept}e{}", -places).parse().unwrap_or(value),
    }
}

fn integers<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    places: i32,
    mode: &str,
    ansi: bool,
    wrap: fn(i128) -> T::Native,
) -> Result<ArrayRef>
where
    T::Native: Into<i128> + TryFrom<i128>,
{
    if places >= 0 {
        return Ok(Arc::clone(array));
    }
    let drop = places.unsigned_abs();
    let values = array.as_primitive::<T>().try_unary::<_, T, SparkError>(|value| {
        if drop > 20 {
            return Ok(wrap(0));
        }
        let power = power_of_ten(drop);
        let rounded = divide(value.into(), power, mode) * power;
        match T::Native::try_from(rounded) {
            Ok(value) => Ok(value),
            Err(_) if ansi => Err(overflow("Overflow", None)),
            Err(_) => Ok(wrap(rounded)),
        }
    });
    Ok(Arc::new(values?))
}

/// `ceil(x)`, `floor(x)`: BIGINT, or a decimal without places.
fn whole(call: &Call, what: &str) -> Result<Typed> {
    call.arity(1)?;
    let name = call.name.to_ascii_lowercase();
    let name = if name == "ceiling" { name } else { name.to_ascii_uppercase() };
    let label = format!("{name}({})", call.args[0].name);
    let (arg, to) = match &call.args[0].data_type {
        Int64 => (call.args[0].clone(), Int64),
        Decimal128(precision, scale) => {
            let whole = if *scale == 0 { *precision } else { precision - *scale as u8 + 1 };
            (call.args[0].clone(), Decimal128(whole.min(38), 0))
        }
        _ => (call.coerce(0, &Float64)?, Int64),
    };
    let typed = call.with_args(vec![arg]);
    Ok(typed.kernel_with("spark_whole", to, true, what.into(), whole_kernel).named(label))
}

fn whole_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let up = args.param == "ceil";
    let array = args.array(0)?;
    Ok(match array.data_type() {
        Decimal128(_, scale) => {
            let power = power_of_ten(scale.max(&0).unsigned_abs().into());
            let mode = if up { "ceiling" } else { "floor" };
            let values = array.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(|v| divide(v, power, mode));
            with_type(values, args.return_type)
        }
        Float64 => {
            let one = |x: f64| (if up { x.ceil() } else { x.floor() }) as i64;
            Arc::new(array.as_primitive::<Float64Type>().unary::<_, Int64Type>(one))
        }
        _ => array,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_round_by_their_digits() {
        let up = |x: f64, places| float(x, &format!("{x:e}"), places, "half_up");
        assert_eq!(up(1.005, 2), 1.01);
        assert_eq!(up(-2.5, 0), -3.0);
        assert_eq!(up(1234.5, -2), 1200.0);
        assert_eq!(float(2.5, "2.5e0", 0, "half_even"), 2.0);
    }
}
