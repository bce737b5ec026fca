//! Integers: checked, wrapping or giving NULL.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Int8Type, Int16Type, Int32Type, Int64Type};
use datafusion::logical_expr::ColumnarValue;
use firesteel_protocol::{Result, SparkError};

use super::{Op, setting};
use crate::cast::EvalMode;
use crate::kernel::{KernelArgs, from_datafusion};

/// Both operands and the result have the same integer type.
pub(super) fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    match args.return_type {
        DataType::Int8 => compute::<Int8Type>(args),
        DataType::Int16 => compute::<Int16Type>(args),
        DataType::Int32 => compute::<Int32Type>(args),
        _ => compute::<Int64Type>(args),
    }
}

fn compute<T: ArrowPrimitiveType>(args: &KernelArgs<'_>) -> Result<ArrayRef>
where
    T::Native: ArrowNativeTypeOp + std::fmt::Display,
{
    let (op, mode) = setting(args.param);
    if mode == EvalMode::Ansi {
        // Arrow's kernels are vectorized and take constants as they are; where they find an overflow,
        // the slow way below words the error.
        if let Some(array) = checked(op, args)? {
            return Ok(array);
        }
    }
    let (left, right) = (args.array(0)?, args.array(1)?);
    let (left, right) = (left.as_primitive::<T>(), right.as_primitive::<T>());
    let values = left.iter().zip(right.iter()).map(|(left, right)| match (left, right) {
        (Some(left), Some(right)) => row(op, mode, left, right, args.return_type),
        _ => Ok(None),
    });
    Ok(Arc::new(values.collect::<Result<PrimitiveArray<T>>>()?))
}

fn checked(op: Op, args: &KernelArgs<'_>) -> Result<Option<ArrayRef>> {
    let kernel = match op {
        Op::Add => numeric::add,
        Op::Subtract => numeric::sub,
        Op::Multiply => numeric::mul,
        Op::IntegralDivide => numeric::div,
        Op::Remainder => numeric::rem,
        _ => return Ok(None),
    };
    let scalar = |value: &datafusion::scalar::ScalarValue| value.to_scalar().map_err(from_datafusion);
    let result = match (&args.args[0], &args.args[1]) {
        (ColumnarValue::Array(left), ColumnarValue::Array(right)) => kernel(left, right),
        (ColumnarValue::Array(left), ColumnarValue::Scalar(right)) => kernel(left, &scalar(right)?),
        (ColumnarValue::Scalar(left), ColumnarValue::Array(right)) => kernel(&scalar(left)?, right),
        _ => return Ok(None),
    };
    Ok(result.ok())
}

fn row<N: ArrowNativeTypeOp + std::fmt::Display>(
    op: Op,
    mode: EvalMode,
    left: N,
    right: N,
    data_type: &DataType,
) -> Result<Option<N>> {
    if op.divides() && right.is_zero() {
        return mode.misfit(|| op.zero_divisor());
    }
    let wrapped = match op {
        Op::Add => left.add_wrapping(right),
        Op::Subtract => left.sub_wrapping(right),
        Op::Multiply => left.mul_wrapping(right),
        Op::Divide | Op::IntegralDivide => left.div_wrapping(right),
        // Never overflows: the smallest integer % -1 is 0.
        Op::Remainder => return Ok(Some(left.mod_wrapping(right))),
        Op::Pmod => {
            let rest = left.mod_wrapping(right);
            let negative = rest.compare(N::ZERO).is_lt();
            return Ok(Some(if negative { rest.add_wrapping(right).mod_wrapping(right) } else { rest }));
        }
    };
    if mode == EvalMode::Legacy {
        return Ok(Some(wrapped));
    }
    let checked = match op {
        Op::Add => left.add_checked(right),
        Op::Subtract => left.sub_checked(right),
        Op::Multiply => left.mul_checked(right),
        _ => left.div_checked(right),
    };
    match checked {
        Ok(value) => Ok(Some(value)),
        Err(_) => mode.misfit(|| match data_type {
            DataType::Int8 | DataType::Int16 => SparkError::new("BINARY_ARITHMETIC_OVERFLOW")
                .with("value1", format!("{left}S"))
                .with("symbol", op.symbol())
                .with("value2", format!("{right}S"))
                .with("functionName", format!("`{}`", op.try_name())),
            _ => op.overflow(),
        }),
    }
}
