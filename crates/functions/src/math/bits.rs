//! Bits of integers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::DataType::{self, Int8, Int32, Int64};
use arrow::datatypes::{Int8Type, Int16Type, Int32Type, Int64Type};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::cast::{EvalMode, cast_array};
use crate::coerce::{cast_silently, common_type, decimal_of, decimal_of_literal, is_integral};
use crate::kernel::KernelArgs;
use crate::rowwise::ints;
use crate::{Call, Typed};

/// `a & b`, `a | b`, `a ^ b`.
pub(super) fn bitwise(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let op = match call.name {
        "&" => Operator::BitwiseAnd,
        "|" => Operator::BitwiseOr,
        _ => Operator::BitwiseXor,
    };
    let (left, right) = (&call.args[0], &call.args[1]);
    let label = format!("({} {} {})", left.name, call.name, right.name);
    let is_decimal = |typed: &Typed| matches!(typed.data_type, DataType::Decimal128(..));
    if is_decimal(left) != is_decimal(right) && is_exact(left) && is_exact(right) {
        let (l, r) = (decimal_name(left), decimal_name(right));
        let error = |condition: &str| SparkError::new(condition).with("sqlExpr", format!("\"{label}\""));
        return Err(match l == r {
            true => error("DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE")
                .with("inputType", "\"INTEGRAL\"")
                .with("actualDataType", l),
            false => error("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES").with("left", l).with("right", r),
        });
    }
    // Spark widens operands of a bit operation only where their common type is an integer; without ANSI a text is a DOUBLE.
    let interval =
        crate::coerce::is_ansi_interval(&left.data_type) || crate::coerce::is_ansi_interval(&right.data_type);
    let double = |typed: &Typed| !call.env.ansi && !interval && typed.data_type == DataType::Utf8;
    let as_compared = |typed: &Typed| if double(typed) { DataType::Float64 } else { typed.data_type.clone() };
    let (l, r) = (as_compared(left), as_compared(right));
    let beside = |a: &DataType, b: &DataType| match (a, b) {
        (DataType::Decimal128(..), DataType::Float32 | DataType::Float64) => DataType::Float64,
        (own, _) => own.clone(),
    };
    let (l, r) = (beside(&l, &r), beside(&r, &l));
    let kept = |data_type: &DataType| {
        data_type.is_floating() || matches!(data_type, DataType::Timestamp(..) | DataType::Date32)
    };
    let shown = |typed: &Typed, data_type: &DataType| match *data_type == typed.data_type {
        true => format!("\"{}\"", typed.sql_type()),
        false => format!("\"{}\"", name::sql(data_type)),
    };
    let known = l != DataType::Null && r != DataType::Null;
    if l != r && (kept(&l) && kept(&r) || known && (double(left) || double(right))) {
        return Err(SparkError::new("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
            .with("sqlExpr", format!("\"{label}\""))
            .with("left", shown(left, &l))
            .with("right", shown(right, &r)));
    }
    if l == DataType::Float64 && r == l {
        return Err(SparkError::new("DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE")
            .with("sqlExpr", format!("\"{label}\""))
            .with("inputType", "\"INTEGRAL\"")
            .with("actualDataType", "\"DOUBLE\""));
    }
    let common = common_type(&left.data_type, &right.data_type, call.env);
    let common = match common {
        Some(DataType::Null) => Some(Int32),
        other => other,
    };
    let Some(common) = common else {
        return Err(SparkError::new("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
            .with("sqlExpr", format!("\"{label}\""))
            .with("left", format!("\"{}\"", left.sql_type()))
            .with("right", format!("\"{}\"", right.sql_type())));
    };
    if coerce_differs(left, right) {
        return Err(SparkError::new("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
            .with("sqlExpr", format!("\"{label}\""))
            .with("left", format!("\"{}\"", left.sql_type()))
            .with("right", format!("\"{}\"", right.sql_type())));
    }
    if !is_integral(&common) {
        return Err(SparkError::new("DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE")
            .with("sqlExpr", format!("\"{label}\""))
            .with("inputType", "\"INTEGRAL\"")
            .with(
                "actualDataType",
                if left.data_type == common {
                    format!("\"{}\"", left.sql_type())
                } else {
                    format!("\"{}\"", name::sql(&common))
                },
            ));
    }
    let left = cast_silently(left.clone(), &common, call.env)?;
    let right = cast_silently(right.clone(), &common, call.env)?;
    let nullable = left.nullable || right.nullable;
    let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.expr), op, Box::new(right.expr)));
    Ok(Typed::new(expr, label, common, nullable))
}

/// An integer beside a float, a text beside an interval: bits have no common type for them.
fn coerce_differs(left: &Typed, right: &Typed) -> bool {
    use crate::coerce::{is_ansi_interval, is_float};
    let (l, r) = (&left.data_type, &right.data_type);
    let text_and_interval = |a: &DataType, b: &DataType| a == &DataType::Utf8 && is_ansi_interval(b);
    if text_and_interval(l, r) || text_and_interval(r, l) {
        return true;
    }
    is_float(l) && is_integral(r) || is_integral(l) && is_float(r)
}

fn is_exact(typed: &Typed) -> bool {
    is_integral(&typed.data_type) || matches!(typed.data_type, DataType::Decimal128(..))
}

/// The decimal that stands for an exact number beside a decimal.
fn decimal_name(typed: &Typed) -> String {
    let own = typed.written_literal().and_then(decimal_of_literal).or_else(|| decimal_of(&typed.data_type));
    match own {
        Some((precision, scale)) => format!("\"DECIMAL({precision},{scale})\""),
        None => format!("\"{}\"", typed.sql_type()),
    }
}

/// `~a`.
pub(super) fn not(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let label = format!("~{}", call.args[0].name);
    let arg = call.args[0].clone();
    if !is_integral(&arg.data_type) {
        return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{label}\""))
            .with("paramIndex", "first")
            .with("requiredType", "\"INTEGRAL\"")
            .with("inputSql", format!("\"{}\"", arg.name))
            .with("inputType", format!("\"{}\"", arg.sql_type())));
    }
    let (to, nullable) = (arg.data_type.clone(), arg.nullable);
    Ok(call
        .with_args(vec![arg])
        .kernel("spark_bitwise_not", to, nullable, |args| {
            let array = args.array(0)?;
            Ok(match array.data_type() {
                Int8 => Arc::new(array.as_primitive::<Int8Type>().unary::<_, Int8Type>(|v| !v)),
                DataType::Int16 => Arc::new(array.as_primitive::<Int16Type>().unary::<_, Int16Type>(|v| !v)),
                Int32 => Arc::new(array.as_primitive::<Int32Type>().unary::<_, Int32Type>(|v| !v)),
                _ => Arc::new(array.as_primitive::<Int64Type>().unary::<_, Int64Type>(|v| !v)),
            })
        })
        .named(label))
}

/// Shifts by name or by operator; as in Java only the low bits of the distance count.
pub(super) fn shift(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let (what, label) = match call.name.to_ascii_lowercase().as_str() {
        op @ ("<<" | ">>" | ">>>") => (op.to_string(), format!("({} {op} {})", call.args[0].name, call.args[1].name)),
        "shiftleft" => ("<<".to_string(), call.display()),
        "shiftright" => (">>".to_string(), call.display()),
        _ => (">>>".to_string(), call.display()),
    };
    let value = call.coerce_any(0, &[Int32, Int64])?;
    let distance = call.coerce(1, &Int32)?;
    let to = value.data_type.clone();
    let call = call.with_args(vec![value, distance]);
    let nullable = call.any_nullable();
    Ok(call.kernel_with("spark_shift", to, nullable, what, shift_kernel).named(label))
}

fn shift_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (values, distances) = (args.array(0)?, ints(args, 1)?);
    Ok(match values.data_type() {
        Int32 => {
            let shift: fn(i32, i32) -> i32 = match args.param {
                "<<" => |v, d| v.wrapping_shl(d as u32),
                ">>" => |v, d| v.wrapping_shr(d as u32),
                _ => |v, d| (v as u32).wrapping_shr(d as u32) as i32,
            };
            let pairs = values.as_primitive::<Int32Type>().iter().zip(distances.iter());
            Arc::new(pairs.map(|(v, d)| Some(shift(v?, d?))).collect::<PrimitiveArray<Int32Type>>())
        }
        _ => {
            let shift: fn(i64, i32) -> i64 = match args.param {
                "<<" => |v, d| v.wrapping_shl(d as u32),
                ">>" => |v, d| v.wrapping_shr(d as u32),
                _ => |v, d| (v as u64).wrapping_shr(d as u32) as i64,
            };
            let pairs = values.as_primitive::<Int64Type>().iter().zip(distances.iter());
            Arc::new(pairs.map(|(v, d)| Some(shift(v?, d?))).collect::<PrimitiveArray<Int64Type>>())
        }
    })
}

/// `bit_count(a)`: the set bits of an integer, sign bits of a long included; of a boolean 0 or 1.
pub(super) fn count(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let arg = match &call.args[0].data_type {
        DataType::Boolean => call.args[0].clone(),
        t if is_integral(t) => call.args[0].clone(),
        DataType::Null => call.coerce(0, &Int64)?,
        _ => return Err(call.unexpected_type(0, "(\"INTEGRAL\" or \"BOOLEAN\")")),
    };
    let nullable = arg.nullable;
    Ok(call
        .with_args(vec![arg])
        .kernel("spark_bit_count", Int32, nullable, |args| {
            let longs = cast_array(&args.array(0)?, &Int64, EvalMode::Legacy, args.env)?;
            let count = |value: i64| value.count_ones() as i32;
            Ok(Arc::new(longs.as_primitive::<Int64Type>().unary::<_, Int32Type>(count)))
        })
        .named(call.display()))
}

/// `bit_get(a, position)`: the bit at a position counted from the right, from 0.
pub(super) fn get(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let value = match &call.args[0].data_type {
        t if is_integral(t) => call.args[0].clone(),
        DataType::Null | DataType::Utf8 => call.coerce(0, &Int64)?,
        _ => return Err(call.unexpected_type(0, "\"INTEGRAL\"")),
    };
    let width = value.data_type.primitive_width().unwrap_or(8) * 8;
    let position = call.coerce(1, &Int32)?;
    let typed = call.with_args(vec![value, position]);
    let nullable = typed.any_nullable();
    let param = format!("{width} {}", call.name.to_ascii_lowercase());
    Ok(typed.kernel_with("ansi_bit_get", Int8, nullable, param, get_kernel).named(call.display()))
}

fn get_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (width, function) = args.param.split_once(' ').unwrap_or(("64", "bit_get"));
    let width: i32 = width.parse().unwrap_or(64);
    let values = cast_array(&args.array(0)?, &Int64, EvalMode::Legacy, args.env)?;
    let positions = ints(args, 1)?;
    let bits = values.as_primitive::<Int64Type>().iter().zip(positions.iter()).map(|pair| {
        let (Some(value), Some(position)) = pair else { return Ok(None) };
        if !(0..width).contains(&position) {
            return Err(SparkError::new("INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE")
                .with("functionName", name::quote(function))
                .with("parameter", name::quote("pos"))
                .with("upper", width.to_string())
                .with("invalidValue", position.to_string()));
        }
        Ok(Some((value >> position & 1) as i8))
    });
    let bits = bits.collect::<Result<PrimitiveArray<Int8Type>>>()?;
    debug_assert_eq!(bits.len(), args.rows);
    Ok(Arc::new(bits))
}
