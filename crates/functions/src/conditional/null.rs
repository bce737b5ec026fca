//! `coalesce` and its relatives.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::logical_expr::{Case, Expr, Volatility};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::Result;

use crate::kernel::{KernelArgs, kernel_expr};
use crate::predicate::equality;
use crate::{Call, Env, Typed};

/// The first argument that is not NULL.
pub(super) fn coalesce(call: &Call) -> Result<Typed> {
    call.arity(1..)?;
    first_of(call.coerce_all_to_common()?, call.display(), call.env)
}

fn first_of(args: Vec<Typed>, label: String, env: &Env) -> Result<Typed> {
    let data_type = args[0].data_type.clone();
    let nullable = args.iter().all(|arg| arg.nullable);
    if args.iter().any(|arg| arg.expr.is_volatile()) {
        let exprs = args.into_iter().map(|arg| arg.expr).collect();
        let (function, param) = ("spark_coalesce", String::new());
        let expr = kernel_expr(
            function,
            exprs,
            data_type.clone(),
            nullable,
            Volatility::Immutable,
            env,
            param,
            coalesce_kernel,
        );
        return Ok(Typed::new(expr, label, data_type, nullable));
    }
    // As a CASE a later argument is evaluated only for the rows that need it, as in Spark.
    let mut args = args.into_iter().map(|arg| arg.expr).rev();
    let last = args.next().expect("there is one");
    let branches: Vec<_> =
        args.rev().map(|arg| (Box::new(Expr::IsNotNull(Box::new(arg.clone()))), Box::new(arg))).collect();
    let expr = if branches.is_empty() { last } else { Expr::Case(Case::new(None, branches, Some(Box::new(last)))) };
    Ok(Typed::new(expr, label, data_type, nullable))
}

/// Random arguments cannot stand in a CASE twice.
fn coalesce_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let arrays = args.arrays()?;
    let sources: Vec<&dyn Array> = arrays.iter().map(|array| array.as_ref()).collect();
    let last = arrays.len() - 1;
    let picks: Vec<(usize, usize)> =
        (0..args.rows).map(|row| (arrays.iter().position(|array| array.is_valid(row)).unwrap_or(last), row)).collect();
    arrow::compute::interleave(&sources, &picks).map_err(crate::kernel::from_arrow)
}

/// `ifnull(a, b)`, `nvl(a, b)`.
pub(super) fn if_null(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let args = call.with_args(call.args.clone());
    let coalesce = Call { name: "coalesce", ..args };
    first_of(coalesce.coerce_all_to_common()?, call.display(), call.env)
}

/// `nvl2(a, b, c)`: `b` where `a` is not NULL, else `c`.
pub(super) fn nvl2(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    let values = call.coerce_to_common(1..3)?;
    let (value, otherwise) = (&values[0], &values[1]);
    let nullable = value.nullable || otherwise.nullable;
    let condition = Expr::IsNotNull(Box::new(call.args[0].expr.clone()));
    let branch = (Box::new(condition), Box::new(value.expr.clone()));
    let expr = Expr::Case(Case::new(None, vec![branch], Some(Box::new(otherwise.expr.clone()))));
    Ok(Typed::new(expr, call.display(), value.data_type.clone(), nullable))
}

/// `nullif(a, b)`: NULL where they are equal.
pub(super) fn null_if(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    null_when_equal(call, call.args[1].clone())
}

/// `nullifzero(a)`.
pub(super) fn null_if_zero(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    null_when_equal(call, Typed::literal(ScalarValue::Int32(Some(0)), "0"))
}

fn null_when_equal(call: &Call, other: Typed) -> Result<Typed> {
    let value = call.args[0].clone();
    let test = equality(value.clone(), other, call.env)
        .map_err(|error| crate::predicate::of_common_operand(error, &value.name))?;
    let null = Expr::Literal(ScalarValue::try_from(&value.data_type).map_err(crate::kernel::from_datafusion)?, None);
    let branch = (Box::new(test.expr), Box::new(null));
    let expr = Expr::Case(Case::new(None, vec![branch], Some(Box::new(value.expr))));
    Ok(Typed::new(expr, call.display(), value.data_type, true))
}

/// `zeroifnull(a)`.
pub(super) fn zero_if_null(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let zero = Typed::literal(ScalarValue::Int32(Some(0)), "0");
    let args = call.with_args(vec![call.args[0].clone(), zero]);
    let coalesce = Call { name: "coalesce", ..args };
    first_of(coalesce.coerce_all_to_common()?, call.display(), call.env)
}

/// `nanvl(a, b)`: `b` where `a` is NaN.
pub(super) fn nanvl(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let single = call.args.iter().all(|arg| arg.data_type == DataType::Float32);
    let to = if single { DataType::Float32 } else { DataType::Float64 };
    let typed = call.coerced(&[to.clone(), to.clone()])?;
    let nullable = typed.any_nullable();
    Ok(typed.kernel("spark_nanvl", to, nullable, nanvl_kernel).named(call.display()))
}

fn nanvl_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (left, right) = (args.array(0)?, args.array(1)?);
    Ok(match args.return_type {
        DataType::Float32 => {
            let pairs = left.as_primitive::<Float32Type>().iter().zip(right.as_primitive::<Float32Type>().iter());
            Arc::new(
                pairs
                    .map(|(value, other)| if value.is_some_and(f32::is_nan) { other } else { value })
                    .collect::<PrimitiveArray<Float32Type>>(),
            )
        }
        _ => {
            let pairs = left.as_primitive::<Float64Type>().iter().zip(right.as_primitive::<Float64Type>().iter());
            Arc::new(
                pairs
                    .map(|(value, other)| if value.is_some_and(f64::is_nan) { other } else { value })
                    .collect::<PrimitiveArray<Float64Type>>(),
            )
        }
    })
}
