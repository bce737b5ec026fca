//! Division and remainder of floats: a zero divisor is an error or NULL.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Float32Type, Float64Type};
use firesteel_protocol::Result;

use super::{Op, setting};
use crate::kernel::KernelArgs;

pub(super) fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    match args.return_type {
        DataType::Float32 => compute::<Float32Type>(args),
        _ => compute::<Float64Type>(args),
    }
}

fn compute<T: ArrowPrimitiveType>(args: &KernelArgs<'_>) -> Result<ArrayRef>
where
    T::Native: ArrowNativeTypeOp + PartialEq,
{
    let (op, mode) = setting(args.param);
    let (left, right) = (args.array(0)?, args.array(1)?);
    let (left, right) = (left.as_primitive::<T>(), right.as_primitive::<T>());
    let zero = T::Native::ZERO;
    let values = left.iter().zip(right.iter()).map(|(left, right)| {
        // Spark looks at the divisor first: NULL / 0 is NULL all the same.
        let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
        // By value, so that -0.0 counts as well.
        if !(right != zero) {
            return mode.misfit(|| op.zero_divisor());
        }
        Ok(Some(match op {
            Op::Divide => left.div_wrapping(right),
            Op::Remainder => left.mod_wrapping(right),
            _ => {
                let rest = left.mod_wrapping(right);
                if rest < zero { rest.add_wrapping(right).mod_wrapping(right) } else { rest }
            }
        }))
    });
    Ok(Arc::new(values.collect::<Result<PrimitiveArray<T>>>()?))
}
