//! `= <=> != < <= > >=` and BETWEEN.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, Volatility};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::{fixed_length, order};
use crate::cast::decimal::power_of_ten;
use crate::coerce::{cast_silently, comparison_type, is_decimal, is_float, is_integral, is_numeric, is_orderable};
use crate::kernel::{KernelArgs, kernel_expr};
use crate::units::same_time_precision;
use crate::{Call, Env, Typed};

pub(super) fn equal(call: &Call) -> Result<Typed> {
    compare(call, Operator::Eq)
}

pub(super) fn less(call: &Call) -> Result<Typed> {
    compare(call, Operator::Lt)
}

pub(super) fn less_or_equal(call: &Call) -> Result<Typed> {
    compare(call, Operator::LtEq)
}

pub(super) fn greater(call: &Call) -> Result<Typed> {
    compare(call, Operator::Gt)
}

pub(super) fn greater_or_equal(call: &Call) -> Result<Typed> {
    compare(call, Operator::GtEq)
}

/// `a != b` is `NOT (a = b)`, in name and in fact.
pub(super) fn not_equal(call: &Call) -> Result<Typed> {
    let equal = compare(call, Operator::Eq)?;
    let label = format!("(NOT {})", equal.name);
    let nullable = equal.nullable;
    let expr = match equal.expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            Expr::BinaryExpr(BinaryExpr::new(left, Operator::NotEq, right))
        }
        other => Expr::Not(Box::new(other)),
    };
    Ok(Typed::new(expr, label, DataType::Boolean, nullable))
}

pub(super) fn null_safe_equal(call: &Call) -> Result<Typed> {
    compare(call, Operator::IsNotDistinctFrom)
}

/// `equal_null(a, b)`: `a <=> b` under its own name.
pub(super) fn equal_null(call: &Call) -> Result<Typed> {
    Ok(compare(call, Operator::IsNotDistinctFrom)?.named(call.display()))
}

/// `between(a, low, high)`.
pub(super) fn between(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    let part = |op: Operator, bound: usize| {
        as_they_are(call.args[0].clone(), op, call.args[bound].clone(), call.env)
            .map_err(|error| of_common_operand(error, &call.args[0].name))
    };
    let (low, high) = (part(Operator::GtEq, 1)?, part(Operator::LtEq, 2)?);
    let nullable = low.nullable || high.nullable;
    let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(low.expr), Operator::And, Box::new(high.expr)));
    Ok(Typed::new(
        expr,
        format!("between({}, {}, {})", call.args[0].name, call.args[1].name, call.args[2].name),
        DataType::Boolean,
        nullable,
    ))
}

/// Spark computes an operand that is compared twice once, and says so in its errors.
pub fn of_common_operand(error: SparkError, name: &str) -> SparkError {
    let shown = error.param("sqlExpr").and_then(|shown| shown.strip_prefix(&format!("\"({name} ")));
    match shown.map(|rest| format!("\"(commonexpressionref() {rest}")) {
        Some(shown) => error.with("sqlExpr", shown),
        None => error,
    }
}

/// Name of the function that compares two nested values for equality.
pub const NESTED_EQUAL: &str = "spark_equal";

fn symbol(op: Operator) -> &'static str {
    match op {
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        Operator::IsNotDistinctFrom => "<=>",
        _ => "=",
    }
}

/// Outside ANSI mode a BOOLEAN that is compared with a literal 1 or 0 is the answer by itself: Spark's `BooleanEquality`.
fn boolean_equality(call: &Call, op: Operator) -> Option<Typed> {
    let (left, right) = (&call.args[0], &call.args[1]);
    let (value, number) = match (&left.data_type, &right.data_type) {
        (DataType::Boolean, other) if is_numeric(other) => (left, right),
        (other, DataType::Boolean) if is_numeric(other) => (right, left),
        _ => return None,
    };
    let is_true = match number.written_literal()? {
        literal if *literal == ScalarValue::new_one(&literal.data_type()).ok()? => true,
        literal if *literal == ScalarValue::new_zero(&literal.data_type()).ok()? => false,
        _ => return None,
    };
    let is_exact = is_integral(&number.data_type) || is_decimal(&number.data_type);
    if call.env.ansi || !is_exact || !matches!(op, Operator::Eq | Operator::IsNotDistinctFrom) {
        return None;
    }
    let (own, name) = match is_true {
        true => (value.expr.clone(), value.name.clone()),
        false => (Expr::Not(Box::new(value.expr.clone())), format!("(NOT {})", value.name)),
    };
    if op == Operator::Eq {
        return Some(Typed::new(own, name, DataType::Boolean, value.nullable));
    }
    let there = Expr::IsNotNull(Box::new(value.expr.clone()));
    let name = format!("(({} IS NOT NULL) AND {name})", value.name);
    Some(Typed::new(there.and(own), name, DataType::Boolean, false))
}

fn compare(call: &Call, op: Operator) -> Result<Typed> {
    call.arity(2)?;
    if let Some(resolved) = boolean_equality(call, op) {
        return Ok(resolved);
    }
    if let Some((left, right)) = fixed_length::padded(&call.args[0], &call.args[1], call.env)? {
        return comparison(left, op, right, call.env);
    }
    comparison(call.args[0].clone(), op, call.args[1].clone(), call.env)
}

/// `left = right` with Spark's coercion: joins and other rewrites build on it.
pub fn equality(left: Typed, right: Typed, env: &Env) -> Result<Typed> {
    comparison(left, Operator::Eq, right, env)
}

fn comparison(left: Typed, op: Operator, right: Typed, env: &Env) -> Result<Typed> {
    let (left, right) =
        match (integer_bound(&left, op, &right), op.swap().and_then(|op| integer_bound(&right, op, &left))) {
            (Some(bound), _) => (left, bound),
            (_, Some(bound)) => (bound, right),
            _ => (left, right),
        };
    as_they_are(left, op, right, env)
}

fn as_they_are(left: Typed, op: Operator, right: Typed, env: &Env) -> Result<Typed> {
    let label = format!("({} {} {})", left.name, symbol(op), right.name);
    let common = comparison_type(&left.data_type, &right.data_type, env);
    // Outside ANSI mode a BOOLEAN can be equal to a number, but not less.
    let is_boolean = |typed: &Typed| typed.data_type == DataType::Boolean;
    let ordered = !matches!(op, Operator::Eq | Operator::NotEq | Operator::IsNotDistinctFrom);
    let mixed = is_boolean(&left) && is_numeric(&right.data_type) || is_numeric(&left.data_type) && is_boolean(&right);
    let common = common.filter(|_| !(ordered && mixed));
    let common = common.filter(|_| same_time_precision([&left, &right])).ok_or_else(|| {
        SparkError::new("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
            .with("sqlExpr", format!("\"{label}\""))
            .with("left", format!("\"{}\"", left.sql_type()))
            .with("right", format!("\"{}\"", right.sql_type()))
    })?;
    if !is_orderable(&common) {
        return Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
            .with("functionName", name::quote(symbol(op)))
            .with("dataType", format!("\"{}\"", name::sql(&common)))
            .with("sqlExpr", format!("\"{label}\"")));
    }
    // Spark's schema takes the cast of an integer literal to a decimal for one that can give NULL.
    let literal_as_decimal =
        |typed: &Typed| is_decimal(&common) && is_integral(&typed.data_type) && typed.written_literal().is_some();
    let literal = literal_as_decimal(&left) || literal_as_decimal(&right);
    let left = cast_silently(left, &common, env)?;
    let right = cast_silently(right, &common, env)?;
    let nullable = op != Operator::IsNotDistinctFrom && (left.nullable || right.nullable || literal);
    let expr = match &common {
        data_type if is_float(data_type) => float_comparison(left, op, right, env),
        data_type if data_type.is_nested() => {
            let args = vec![left.expr, right.expr];
            let param = symbol(op).to_string();
            let name = if op == Operator::Eq { NESTED_EQUAL } else { "spark_compare" };
            kernel_expr(name, args, DataType::Boolean, nullable, Volatility::Immutable, env, param, nested)
        }
        _ => binary(left.expr, op, right.expr),
    };
    Ok(Typed::new(expr, label, DataType::Boolean, nullable))
}

/// The whole number that an integer is compared with instead of a decimal literal: `i > 1.5` is `i > 1`.
/// Spark's `DecimalPrecision` does so, and the column stays one that can be pushed down.
fn integer_bound(integer: &Typed, op: Operator, literal: &Typed) -> Option<Typed> {
    let Some(ScalarValue::Decimal128(Some(value), _, scale)) = literal.as_literal() else { return None };
    if !is_integral(&integer.data_type) {
        return None;
    }
    let power = power_of_ten(scale.max(&0).unsigned_abs().into());
    let (floor, rest) = (value.div_euclid(power), value.rem_euclid(power));
    let bound = match op {
        Operator::Gt | Operator::LtEq => floor,
        Operator::GtEq | Operator::Lt => floor + i128::from(rest > 0),
        _ => return None,
    };
    let bound = i64::try_from(bound).ok()?;
    Some(Typed::literal(ScalarValue::Int64(Some(bound)), bound.to_string()))
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

/// Floats: DataFusion tells 0.0 from -0.0, Spark does not. A comparison with a constant stays one that
/// statistics can answer; otherwise both sides are normalized.
fn float_comparison(left: Typed, op: Operator, right: Typed, env: &Env) -> Expr {
    match (constant(&left.expr), constant(&right.expr)) {
        (None, Some(value)) => with_constant(left.expr, op, value, right.expr),
        (Some(value), None) => with_constant(right.expr, op.swap().unwrap_or(op), value, left.expr),
        _ => binary(normalized(left, env), op, normalized(right, env)),
    }
}

fn constant(expr: &Expr) -> Option<ScalarValue> {
    let value = match expr {
        Expr::Literal(value, _) => value.clone(),
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::Literal(value, _) => value.cast_to(cast.field.data_type()).ok()?,
            _ => return None,
        },
        _ => return None,
    };
    // NaN is left to normalization.
    match &value {
        ScalarValue::Float64(Some(v)) if !v.is_nan() => Some(value),
        ScalarValue::Float32(Some(v)) if !v.is_nan() => Some(value),
        _ => None,
    }
}

fn with_constant(expr: Expr, op: Operator, value: ScalarValue, literal: Expr) -> Expr {
    let (zero, minus_zero) = match value {
        ScalarValue::Float64(Some(0.0)) => (ScalarValue::Float64(Some(0.0)), ScalarValue::Float64(Some(-0.0))),
        ScalarValue::Float32(Some(0.0)) => (ScalarValue::Float32(Some(0.0)), ScalarValue::Float32(Some(-0.0))),
        _ => return binary(expr, op, literal),
    };
    let (zero, minus_zero) = (Expr::Literal(zero, None), Expr::Literal(minus_zero, None));
    match op {
        Operator::Lt => binary(expr, Operator::Lt, minus_zero),
        Operator::GtEq => binary(expr, Operator::GtEq, minus_zero),
        Operator::Gt => binary(expr, Operator::Gt, zero),
        Operator::LtEq => binary(expr, Operator::LtEq, zero),
        _ => {
            let within = binary(
                binary(expr.clone(), Operator::GtEq, minus_zero),
                Operator::And,
                binary(expr, Operator::LtEq, zero),
            );
            if op == Operator::IsNotDistinctFrom { Expr::IsTrue(Box::new(within)) } else { within }
        }
    }
}

/// The expression with -0.0 made 0.0 and one NaN: equal values are equal bits.
fn normalized(typed: Typed, env: &Env) -> Expr {
    let (data_type, nullable) = (typed.data_type, typed.nullable);
    let args = vec![typed.expr];
    let kernel = |args: &KernelArgs<'_>| order::normalize_floats(&args.array(0)?);
    kernel_expr("spark_normalize", args, data_type, nullable, Volatility::Immutable, env, String::new(), kernel)
}

/// Arrays and structs, compared element by element; NULL inside them is least and equal to NULL.
fn nested(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (left, right) = (args.array(0)?, args.array(1)?);
    let compare = order::comparator(&left, &right)?;
    let holds: fn(Ordering) -> bool = match args.param {
        "<" => Ordering::is_lt,
        "<=" => Ordering::is_le,
        ">" => Ordering::is_gt,
        ">=" => Ordering::is_ge,
        _ => Ordering::is_eq,
    };
    let null_safe = args.param == "<=>";
    let rows = (0..left.len()).map(|row| {
        if !null_safe && (left.is_null(row) || right.is_null(row)) { None } else { Some(holds(compare(row, row))) }
    });
    Ok(Arc::new(rows.collect::<BooleanArray>()))
}
