//! AND, OR, NOT, and tests for NULL and NaN.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int8Type};
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{BinaryExpr, Case, Expr, Operator, Volatility};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::coerce::{cast_silently, plain_cast};
use crate::kernel::{KernelArgs, kernel_expr};
use crate::{Call, Env, Typed};

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
                .with("actualDataType", format!("\"{}\"", name::sql(l)))
        } else {
            SparkError::new("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
                .with("sqlExpr", format!("\"{label}\""))
                .with("left", format!("\"{}\"", name::sql(l)))
                .with("right", format!("\"{}\"", name::sql(r)))
        });
    }
    let left = cast_silently(call.args[0].clone(), &DataType::Boolean, call.env)?;
    let right = cast_silently(call.args[1].clone(), &DataType::Boolean, call.env)?;
    let nullable = left.nullable || right.nullable;
    let right = if can_fail(&right.expr) && repeatable(&left.expr) && repeatable(&right.expr) {
        guarded(&left.expr, op, right.expr, call.env)
    } else {
        right.expr
    };
    let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.expr), op, Box::new(right)));
    Ok(Typed::new(expr, label, DataType::Boolean, nullable))
}

/// Whether evaluating the expression can raise an error for some rows: a kernel of ANSI mode says so in its name.
/// Over constants it fails for all rows or for none.
fn can_fail(expr: &Expr) -> bool {
    let failing = |node: &Expr| {
        matches!(node, Expr::ScalarFunction(function)
            if function.func.name().starts_with("ansi_") && !node.column_refs().is_empty())
    };
    expr.exists(|node| Ok(failing(node))).unwrap_or(true)
}

/// Whether the expression may stand in a plan twice.
fn repeatable(expr: &Expr) -> bool {
    let single = |node: &Expr| {
        matches!(
            node,
            Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::ScalarSubquery(_)
                | Expr::SetComparison(_)
                | Expr::WindowFunction(_)
                // The optimizer finds correlations in plain conjunctions only.
                | Expr::OuterReferenceColumn(..)
        )
    };
    !expr.is_volatile() && !expr.exists(|node| Ok(single(node))).unwrap_or(true)
}

/// `right`, evaluated only on rows where `left` does not decide alone. In `x <> 0 AND 1 / x > 2` Spark
/// never divides by zero; DataFusion evaluates both sides for the whole batch. The CASE goes through
/// bytes and back, since the optimizer would rewrite a CASE of booleans into AND and OR.
fn guarded(left: &Expr, op: Operator, right: Expr, env: &Env) -> Expr {
    let (decided, value) = match op {
        Operator::And => (Expr::IsFalse(Box::new(left.clone())), 0_i8),
        _ => (Expr::IsTrue(Box::new(left.clone())), 1_i8),
    };
    let literal = Expr::Literal(ScalarValue::Int8(Some(value)), None);
    let case = Case::new(
        None,
        vec![(Box::new(decided), Box::new(literal))],
        Some(Box::new(plain_cast(right, &DataType::Int8))),
    );
    let as_boolean = |args: &KernelArgs<'_>| -> Result<ArrayRef> {
        let bytes = args.array(0)?;
        Ok(Arc::new(BooleanArray::from_unary(bytes.as_primitive::<Int8Type>(), |byte| byte != 0)))
    };
    kernel_expr(
        "ansi_guarded",
        vec![Expr::Case(case)],
        DataType::Boolean,
        true,
        Volatility::Immutable,
        env,
        String::new(),
        as_boolean,
    )
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
