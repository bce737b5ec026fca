//! Functions of doubles, as `java.lang.Math` and Spark's conventions have them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, PrimitiveArray};
use arrow::datatypes::DataType::{self, Float64};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::Result;

use super::strict::{acosh, asinh, cbrt, cosh, exp, ln};
use crate::cast::cast_array;
use crate::coerce::is_ansi_interval;
use crate::kernel::KernelArgs;
use crate::{Call, Typed};

/// Functions whose names Spark prints in small letters.
const SMALL: [&str; 4] = ["ln", "rint", "pow", "sign"];

fn label(call: &Call) -> String {
    let lower = call.name.to_ascii_lowercase();
    let name = if SMALL.contains(&lower.as_str()) { lower } else { call.name.to_ascii_uppercase() };
    let args: Vec<&str> = call.args.iter().map(|arg| arg.name.as_str()).collect();
    format!("{name}({})", args.join(", "))
}

/// `e()`, `pi()`.
pub(super) fn constant(call: &Call) -> Result<Typed> {
    call.arity(0)?;
    let value = if call.name.eq_ignore_ascii_case("e") { std::f64::consts::E } else { std::f64::consts::PI };
    Ok(Typed::literal(ScalarValue::Float64(Some(value)), label(call)))
}

/// A function of one double.
pub(super) fn unary(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let typed = call.coerced(&[Float64])?;
    let what = call.name.to_ascii_lowercase();
    Ok(typed.kernel_with("spark_math", Float64, true, what, unary_kernel).named(label(call)))
}

fn unary_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let function: fn(f64) -> f64 = match args.param {
        "acos" => f64::acos,
        "acosh" => acosh,
        "asin" => f64::asin,
        "asinh" => asinh,
        "atan" => f64::atan,
        "atanh" => |x| 0.5 * (x.ln_1p() - (-x).ln_1p()),
        "cbrt" => cbrt,
        "cos" => f64::cos,
        "cosh" => cosh,
        "cot" => |x| 1.0 / x.tan(),
        "csc" => |x| 1.0 / x.sin(),
        "degrees" => f64::to_degrees,
        "exp" => exp,
        "expm1" => f64::exp_m1,
        "radians" => f64::to_radians,
        "rint" => f64::round_ties_even,
        "sec" => |x| 1.0 / x.cos(),
        "sin" => f64::sin,
        "sinh" => f64::sinh,
        "sqrt" => f64::sqrt,
        "tan" => f64::tan,
        "tanh" => f64::tanh,
        _ => return Ok(logarithm(args)),
    };
    let values = args.array(0)?;
    Ok(Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(|x| one_nan(function(x)))))
}

/// Processors make NaNs with a sign, which would not equal Spark's.
fn one_nan(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

/// Logarithms are NULL where they do not exist.
fn logarithm(args: &KernelArgs<'_>) -> ArrayRef {
    let (limit, function): (f64, fn(f64) -> f64) = match args.param {
        "log10" => (0.0, f64::log10),
        "log2" => (0.0, |x| ln(x) / ln(2.0)),
        "log1p" => (-1.0, f64::ln_1p),
        _ => (0.0, ln),
    };
    let Ok(values) = args.array(0) else { return Arc::new(Float64Array::new_null(args.rows)) };
    let log = |x: f64| if x <= limit { None } else { Some(one_nan(function(x))) };
    Arc::new(values.as_primitive::<Float64Type>().unary_opt::<_, Float64Type>(log))
}

/// `log(x)` is the natural logarithm, `log(base, x)` any.
pub(super) fn log(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let base = Typed::literal(ScalarValue::Float64(Some(std::f64::consts::E)), "E()");
    let call = &match call.args.len() {
        1 => call.with_args(vec![base, call.args[0].clone()]),
        _ => call.with_args(call.args.clone()),
    };
    let typed = call.coerced(&[Float64, Float64])?;
    Ok(typed
        .kernel("spark_log", Float64, true, |args| {
            let (bases, values) = (args.array(0)?, args.array(1)?);
            let pairs = bases.as_primitive::<Float64Type>().iter().zip(values.as_primitive::<Float64Type>().iter());
            let logs = pairs.map(|pair| {
                let (base, value) = (pair.0?, pair.1?);
                if base <= 0.0 || value <= 0.0 { None } else { Some(one_nan(ln(value) / ln(base))) }
            });
            Ok(Arc::new(logs.collect::<Float64Array>()))
        })
        .named(label(call)))
}

/// A function of two doubles.
pub(super) fn binary(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let typed = call.coerced(&[Float64, Float64])?;
    let nullable = typed.any_nullable();
    let what = call.name.to_ascii_lowercase();
    Ok(typed
        .kernel_with("spark_math2", Float64, nullable, what, |args| {
            let function: fn(f64, f64) -> f64 = match args.param {
                // Spark adds 0.0, so that -0.0 does not count.
                "atan2" => |y, x| (y + 0.0).atan2(x + 0.0),
                "hypot" => f64::hypot,
                // Java: 1 to the power of NaN or infinity is NaN.
                _ => |x, y| if x.abs() == 1.0 && (y.is_nan() || y.is_infinite()) { f64::NAN } else { x.powf(y) },
            };
            let (left, right) = (args.array(0)?, args.array(1)?);
            let values = arrow::compute::binary::<_, _, _, Float64Type>(
                left.as_primitive::<Float64Type>(),
                right.as_primitive::<Float64Type>(),
                |x, y| one_nan(function(x, y)),
            );
            Ok(Arc::new(values.map_err(crate::kernel::from_arrow)?))
        })
        .named(label(call)))
}

/// `sign(x)`, `signum(x)`: of numbers and intervals.
pub(super) fn sign(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let arg = if is_ansi_interval(&call.args[0].data_type) { call.args[0].clone() } else { call.coerce(0, &Float64)? };
    let typed = call.with_args(vec![arg]);
    Ok(typed
        .kernel("spark_signum", Float64, true, |args| {
            let array = args.array(0)?;
            let values: ArrayRef = match array.data_type() {
                Float64 => array,
                DataType::Duration(_) => {
                    let us = array.as_primitive::<arrow::datatypes::DurationMicrosecondType>();
                    Arc::new(us.unary::<_, Float64Type>(|us| us as f64))
                }
                _ => {
                    let wide = cast_array(&array, &DataType::Int64, crate::cast::EvalMode::Legacy, args.env)?;
                    Arc::new(wide.as_primitive::<Int64Type>().unary::<_, Float64Type>(|months| months as f64))
                }
            };
            let sign = |x: f64| if x == 0.0 || x.is_nan() { x } else { x.signum() };
            Ok(Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(sign)))
        })
        .named(label(call)))
}

/// `factorial(n)` for n from 0 to 20, else NULL.
pub(super) fn factorial(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let values = args.array(0)?;
    let product = |n: i32| (0..=20).contains(&n).then(|| (1..=i64::from(n)).product::<i64>());
    let values: PrimitiveArray<Int64Type> = values.as_primitive::<Int32Type>().unary_opt(product);
    debug_assert_eq!(values.len(), args.rows);
    Ok(Arc::new(values))
}
