//! `-a`, `+a`, `abs(a)`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType,
};
use datafusion::logical_expr::{Expr, Volatility};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::overflow;
use crate::cast::EvalMode;
use crate::coerce::{cast_silently, is_ansi_interval, is_float, is_numeric};
use crate::kernel::{KernelArgs, kernel_expr};
use crate::{Call, Env, Place, Typed};

/// `- a`, or `negative(a)` where it was called by name.
pub(super) fn negative(call: &Call) -> Result<Typed> {
    let by_name = call.name.eq_ignore_ascii_case("negative");
    let label = |arg: &Typed| if by_name { format!("negative({})", arg.name) } else { format!("(- {})", arg.name) };
    let arg = operand(call, label, true)?;
    let label = label(&call.args[0]);
    let (data_type, nullable) = (arg.data_type.clone(), arg.nullable);
    if is_float(&data_type) || matches!(data_type, DataType::Decimal128(..)) {
        return Ok(Typed::new(Expr::Negative(Box::new(arg.expr)), label, data_type, nullable));
    }
    Ok(unary(call, arg, "negative", label))
}

/// `+ a`.
pub(super) fn positive(call: &Call) -> Result<Typed> {
    let label = |arg: &Typed| format!("(+ {})", arg.name);
    let arg = operand(call, label, true)?;
    Ok(arg.named(label(&call.args[0])))
}

/// `abs(a)`.
pub(super) fn abs(call: &Call) -> Result<Typed> {
    let label = |_: &Typed| call.display();
    let arg = operand(call, label, false)?;
    Ok(unary(call, arg, "abs", call.display()))
}

/// The one operand; a string is taken for a double.
fn operand(call: &Call, label: impl Fn(&Typed) -> String, calendar: bool) -> Result<Typed> {
    call.arity(1)?;
    let arg = call.args[0].clone();
    match &arg.data_type {
        DataType::Utf8 | DataType::Null => cast_silently(arg, &DataType::Float64, call.env),
        data_type if is_numeric(data_type) || is_ansi_interval(data_type) => Ok(arg),
        DataType::Interval(IntervalUnit::MonthDayNano) if calendar => Ok(arg),
        data_type => Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{}\"", label(&arg)))
            .with("paramIndex", "first")
            .with(
                "requiredType",
                match calendar {
                    true => "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL\")",
                    false => "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\")",
                },
            )
            .with("inputSql", format!("\"{}\"", arg.name))
            .with("inputType", format!("\"{}\"", name::sql(data_type)))),
    }
}

fn unary(call: &Call, arg: Typed, what: &str, label: String) -> Typed {
    let (data_type, nullable) = (arg.data_type.clone(), arg.nullable);
    let function =
        if EvalMode::of(call.env) == EvalMode::Ansi && !is_float(&data_type) { "ansi_unary" } else { "spark_unary" };
    // Spark does not tell where the overflow of a negation was.
    let env = Env { place: Place::default(), ..call.env.clone() };
    let expr = kernel_expr(
        function,
        vec![arg.expr],
        data_type.clone(),
        nullable,
        Volatility::Immutable,
        &env,
        what.to_string(),
        kernel,
    );
    Typed::new(expr, label, data_type, nullable)
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let array = args.array(0)?;
    match array.data_type() {
        DataType::Int8 => checked::<Int8Type>(args, &array),
        DataType::Int16 => checked::<Int16Type>(args, &array),
        DataType::Int32 => checked::<Int32Type>(args, &array),
        DataType::Int64 => checked::<Int64Type>(args, &array),
        DataType::Decimal128(..) => checked::<Decimal128Type>(args, &array),
        DataType::Interval(IntervalUnit::YearMonth) => checked::<IntervalYearMonthType>(args, &array),
        DataType::Duration(_) => checked::<DurationMicrosecondType>(args, &array),
        DataType::Float32 => Ok(Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(f32::abs))),
        DataType::Float64 => Ok(Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::abs))),
        _ => {
            let intervals = array.as_primitive::<IntervalMonthDayNanoType>();
            let negated = intervals.unary::<_, IntervalMonthDayNanoType>(|v| {
                IntervalMonthDayNano::new(v.months.wrapping_neg(), v.days.wrapping_neg(), v.nanoseconds.wrapping_neg())
            });
            Ok(Arc::new(negated))
        }
    }
}

fn checked<T: ArrowPrimitiveType>(args: &KernelArgs<'_>, array: &ArrayRef) -> Result<ArrayRef>
where
    T::Native: ArrowNativeTypeOp,
{
    let array = array.as_primitive::<T>();
    let keep_positive = args.param == "abs";
    let interval = !is_numeric(array.data_type());
    let ansi = args.env.ansi || interval;
    let values = array.try_unary::<_, T, SparkError>(|value| {
        if keep_positive && !value.compare(T::Native::ZERO).is_lt() {
            Ok(value)
        } else if ansi {
            value.neg_checked().map_err(|_| match interval {
                true => SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION"),
                false => overflow("overflow", None),
            })
        } else {
            Ok(value.neg_wrapping())
        }
    })?;
    let values: PrimitiveArray<T> = values.with_data_type(array.data_type().clone());
    Ok(Arc::new(values))
}
