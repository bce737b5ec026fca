//! AND, OR, NOT, and tests for NULL and NaN.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Expr, Operator};
use firesteel_protocol::{Result, SparkError};

use super::guard;
use crate::coerce::cast_silently;
use crate::kernel::KernelArgs;
use crate::{Call, Typed};

pub(super) fn and(call: &Call) -> Result<Typed> {
    connect(call, Operator::And)
}

pub(super) fn or(call: &Call) -> Result<Typed> {
    connect(call, Operator::Or)
}

fn connect(call: &Call, op: Operator) -> Result<Typed> {
    call.arity(2)?;
    let word = if op == Operator::And { "AND" } else { "OR" };
    let label = format!("({} {word} {})", call.args[0].name, call.args[1].name);
    let (l, r) = (&call.args[0].data_type, &call.args[1].data_type);
    let accepted = |own: &DataType, other: &DataType| {
        matches!(own, DataType::Boolean | DataType::Null)
            || own == &DataType::Utf8 && other == &DataType::Boolean && call.env.ansi
    };
    if !accepted(l, r) || !accepted(r, l) {
        return Err(if l == r {
            SparkError::new("DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE")
                .with("sqlExpr", format!("\"{label}\""))
                .with("inputType", "\"BOOLEAN\"")
                .with("actualDataType", format!("\"{}\"", call.args[0].sql_type()))
        } else {
            SparkError::new("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
                .with("sqlExpr", format!("\"{label}\""))
                .with("left", format!("\"{}\"", call.args[0].sql_type()))
                .with("right", format!("\"{}\"", call.args[1].sql_type()))
        });
    }
    let left = cast_silently(call.args[0].clone(), &DataType::Boolean, call.env)?;
    let right = cast_silently(call.args[1].clone(), &DataType::Boolean, call.env)?;
    let nullable = left.nullable || right.nullable;
    let joined = if op == Operator::And { guard::and } else { guard::or };
    let expr = joined(left.expr, right.expr, call.env);
    Ok(Typed::new(expr, label, DataType::Boolean, nullable))
}

pub(super) fn not(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let arg = &call.args[0];
    let label = format!("(NOT {})", arg.name);
    let accepted =
        matches!(arg.data_type, DataType::Boolean | DataType::Null) || arg.data_type == DataType::Utf8 && call.env.ansi;
    if !accepted {
        return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{label}\""))
            .with("paramIndex", "first")
            .with("requiredType", "\"BOOLEAN\"")
            .with("inputSql", format!("\"{}\"", arg.name))
            .with("inputType", format!("\"{}\"", arg.sql_type())));
    }
    let arg = cast_silently(arg.clone(), &DataType::Boolean, call.env)?;
    Ok(Typed::new(Expr::Not(Box::new(arg.expr)), label, DataType::Boolean, arg.nullable))
}

pub(super) fn is_null(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let arg = &call.args[0];
    let expr = Expr::IsNull(Box::new(arg.expr.clone()));
    Ok(Typed::new(expr, format!("({} IS NULL)", arg.name), DataType::Boolean, false))
}

pub(super) fn is_not_null(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let arg = &call.args[0];
    let expr = Expr::IsNotNull(Box::new(arg.expr.clone()));
    Ok(Typed::new(expr, format!("({} IS NOT NULL)", arg.name), DataType::Boolean, false))
}

/// `a IS UNKNOWN`.
pub(super) fn is_unknown(call: &Call) -> Result<Typed> {
    unknown(call, "IS")
}

/// `a IS NOT UNKNOWN`.
pub(super) fn is_not_unknown(call: &Call) -> Result<Typed> {
    unknown(call, "IS NOT")
}

/// Spark's `IsUnknown` is an `IsNull` that asks for a boolean, which a copy of it does not do any more. So the type counts
/// where nothing in the operand was changed since the parser made it, and the name tells so where nothing is shown otherwise.
fn unknown(call: &Call, word: &str) -> Result<Typed> {
    call.arity(1)?;
    let arg = &call.args[0];
    let changed = |node: &Expr| {
        !matches!(node, Expr::Literal(..) | Expr::BinaryExpr(_) | Expr::Not(_) | Expr::IsNull(_) | Expr::IsNotNull(_))
    };
    let shortened = |node: &Expr| match node {
        Expr::Literal(value, _) => {
            let data_type = value.data_type();
            value.is_null() || data_type.is_numeric() || matches!(data_type, DataType::Utf8)
        }
        _ => false,
    };
    let is_original = !arg.expr.exists(|node| Ok(changed(node))).unwrap_or(true);
    let is_short = !is_original || arg.expr.exists(|node| Ok(shortened(node))).unwrap_or(true);
    let label = format!("({} {word} {})", arg.name, if is_short { "NULL" } else { "UNKNOWN" });
    if is_original && !matches!(arg.data_type, DataType::Boolean | DataType::Null) {
        return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{label}\""))
            .with("paramIndex", "first")
            .with("requiredType", "\"BOOLEAN\"")
            .with("inputSql", format!("\"{}\"", arg.name))
            .with("inputType", format!("\"{}\"", arg.sql_type())));
    }
    let value = Box::new(arg.expr.clone());
    let expr = if word == "IS" { Expr::IsNull(value) } else { Expr::IsNotNull(value) };
    Ok(Typed::new(expr, label, DataType::Boolean, false))
}

/// `isnan(a)`: NULL is not NaN.
pub(super) fn is_nan(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let arg = call.coerce_any(0, &[DataType::Float64, DataType::Float32])?;
    let args = vec![arg];
    Ok(call.with_args(args).kernel("spark_isnan", DataType::Boolean, false, nan_kernel).named(call.display()))
}

fn nan_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    fn compute<T: ArrowPrimitiveType>(array: &ArrayRef, is_nan: fn(T::Native) -> bool) -> ArrayRef {
        let values = array.as_primitive::<T>().iter().map(|value| Some(value.is_some_and(is_nan)));
        Arc::new(values.collect::<BooleanArray>())
    }
    let array = args.array(0)?;
    Ok(match array.data_type() {
        DataType::Float32 => compute::<Float32Type>(&array, f32::is_nan),
        _ => compute::<Float64Type>(&array, f64::is_nan),
    })
}
