//! Decimals: Spark's precision rules, exact results rounded half away from zero.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::compute::try_binary;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, i256};
use arrow::error::ArrowError;
use datafusion::logical_expr::ColumnarValue;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::Result;

use super::{Op, Operation, setting};
use crate::Typed;
use crate::cast::decimal::{divide_half_up, fits, power_of_ten, precision_scale};
use crate::cast::{EvalMode, out_of_range};
use crate::kernel::KernelArgs;

pub(super) fn resolve(left: Typed, right: Typed, operation: &Operation<'_>) -> Result<Typed> {
    let (l, r) = (precision_scale(&left.data_type), precision_scale(&right.data_type));
    if operation.op == Op::IntegralDivide {
        return Ok(operation.kernel(left, right, DataType::Int64, integral_divide));
    }
    let (precision, scale) = result_type(operation.op, l, r, operation.env.allow_precision_loss);
    Ok(operation.kernel(left, right, DataType::Decimal128(precision, scale), kernel))
}

/// Precision and scale of a result.
pub(super) fn result_type(op: Op, left: (u8, i8), right: (u8, i8), allow_precision_loss: bool) -> (u8, i8) {
    let (p1, s1) = (i32::from(left.0), i32::from(left.1));
    let (p2, s2) = (i32::from(right.0), i32::from(right.1));
    let (precision, scale) = match op {
        Op::Add | Op::Subtract => {
            let scale = s1.max(s2);
            ((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        Op::Multiply => (p1 + p2 + 1, s1 + s2),
        Op::Divide if allow_precision_loss => {
            let scale = (s1 + p2 + 1).max(6);
            (p1 - s1 + s2 + scale, scale)
        }
        Op::Divide => {
            let mut whole = (p1 - s1 + s2).min(38);
            let mut fraction = (s1 + p2 + 1).clamp(6, 38);
            let excess = whole + fraction - 38;
            if excess > 0 {
                fraction -= excess / 2 + 1;
                whole = 38 - fraction;
            }
            (whole + fraction, fraction)
        }
        Op::Remainder | Op::Pmod => {
            let scale = s1.max(s2);
            ((p1 - s1).min(p2 - s2) + scale, scale)
        }
        Op::IntegralDivide => (p1 - s1 + s2, 0),
    };
    if !allow_precision_loss {
        return (precision.min(38) as u8, scale.min(38) as i8);
    }
    if precision <= 38 {
        return (precision as u8, scale as i8);
    }
    // Digits before the point matter more, but six after it are kept where there were as many.
    let whole = precision - scale;
    (38, (38 - whole).max(scale.min(6)) as i8)
}

/// What a row gives before it is checked against the result type.
enum Outcome {
    Value(i128),
    /// The exact value at `scale`, which does not fit.
    Overflow(i256, i32),
    ZeroDivisor,
}

/// Powers of ten that bring operands and results to their scales.
struct Scales {
    op: Op,
    /// The larger scale of the operands.
    common: i32,
    left: u32,
    right: u32,
    /// Digits to add to the dividend, below zero to the divisor.
    dividend: i32,
    s1: i32,
    s2: i32,
    precision: u8,
    scale: i32,
}

impl Scales {
    fn new(op: Op, s1: i8, s2: i8, precision: u8, scale: i8) -> Self {
        let (s1, s2, scale) = (i32::from(s1), i32::from(s2), i32::from(scale));
        let common = s1.max(s2);
        Self {
            op,
            common,
            left: (common - s1) as u32,
            right: (common - s2) as u32,
            dividend: scale - s1 + s2,
            s1,
            s2,
            precision,
            scale,
        }
    }

    fn row(&self, left: i128, right: i128) -> Outcome {
        if self.op.divides() && right == 0 {
            return Outcome::ZeroDivisor;
        }
        if let Some(value) = self.narrow(left, right) {
            return if fits(value, self.precision) {
                Outcome::Value(value)
            } else {
                Outcome::Overflow(i256::from_i128(value), self.scale)
            };
        }
        let (exact, scale) = self.wide(left, right);
        let rounded = if scale > self.scale { divide_wide(exact, power_wide(scale - self.scale)) } else { exact };
        match rounded.to_i128() {
            Some(value) if fits(value, self.precision) => Outcome::Value(value),
            _ => Outcome::Overflow(exact, scale),
        }
    }

    /// In 128 bits; `None` where they do not suffice.
    fn narrow(&self, left: i128, right: i128) -> Option<i128> {
        let aligned =
            || Some((left.checked_mul(power_of_ten(self.left))?, right.checked_mul(power_of_ten(self.right))?));
        let (value, scale) = match self.op {
            Op::Add => {
                let (left, right) = aligned()?;
                (left.checked_add(right)?, self.common)
            }
            Op::Subtract => {
                let (left, right) = aligned()?;
                (left.checked_sub(right)?, self.common)
            }
            Op::Multiply => (left.checked_mul(right)?, self.s1 + self.s2),
            Op::Divide => {
                if !(0..=38).contains(&self.dividend) {
                    return None;
                }
                let dividend = left.checked_mul(power_of_ten(self.dividend as u32))?;
                // Doubling the rest must stay in range.
                if right.unsigned_abs() > u128::MAX / 4 {
                    return None;
                }
                (divide_half_up(dividend, right), self.scale)
            }
            Op::Remainder => {
                let (left, right) = aligned()?;
                (left % right, self.common)
            }
            Op::Pmod => {
                let (left, right) = aligned()?;
                let rest = left % right;
                (if rest < 0 { rest.checked_add(right)? % right } else { rest }, self.common)
            }
            Op::IntegralDivide => {
                let (left, right) = aligned()?;
                (left / right, 0)
            }
        };
        let excess = scale - self.scale;
        if excess <= 0 {
            return Some(value);
        }
        if excess > 38 { None } else { Some(divide_half_up(value, power_of_ten(excess as u32))) }
    }

    fn wide(&self, left: i128, right: i128) -> (i256, i32) {
        let (l, r) = (i256::from_i128(left), i256::from_i128(right));
        let (al, ar) = (l.wrapping_mul(power_wide(self.left as i32)), r.wrapping_mul(power_wide(self.right as i32)));
        match self.op {
            Op::Add => (al.wrapping_add(ar), self.common),
            Op::Subtract => (al.wrapping_sub(ar), self.common),
            Op::Multiply => (l.wrapping_mul(r), self.s1 + self.s2),
            Op::Divide if self.dividend >= 0 => match l.checked_mul(power_wide(self.dividend)) {
                Some(dividend) => (divide_wide(dividend, r), self.scale),
                None => (i256::MAX, self.scale),
            },
            Op::Divide => (divide_wide(l, r.wrapping_mul(power_wide(-self.dividend))), self.scale),
            Op::Remainder => (al.wrapping_rem(ar), self.common),
            Op::Pmod => {
                let rest = al.wrapping_rem(ar);
                (if rest.is_negative() { rest.wrapping_add(ar).wrapping_rem(ar) } else { rest }, self.common)
            }
            Op::IntegralDivide => (al.wrapping_div(ar), 0),
        }
    }
}

/// 10^`exponent` in 256 bits; exponents beyond 76 saturate.
fn power_wide(exponent: i32) -> i256 {
    let exponent = exponent.clamp(0, 76) as u32;
    let low = i256::from_i128(power_of_ten(exponent.min(38)));
    if exponent > 38 { low.wrapping_mul(i256::from_i128(power_of_ten(exponent - 38))) } else { low }
}

fn divide_wide(value: i256, divisor: i256) -> i256 {
    let (quotient, rest) = (value.wrapping_div(divisor), value.wrapping_rem(divisor));
    let twice = rest.wrapping_abs().wrapping_add(rest.wrapping_abs());
    if twice >= divisor.wrapping_abs() {
        let one = i256::from_i128(if value.is_negative() == divisor.is_negative() { 1 } else { -1 });
        quotient.wrapping_add(one)
    } else {
        quotient
    }
}

/// The value in full, as errors show it: Spark computes with 39 digits.
fn plain(value: i256, scale: i32) -> String {
    let digits = value.wrapping_abs().to_string().len() as i32;
    let excess = digits - 39;
    if excess > 0 {
        let kept = divide_wide(value, power_wide(excess));
        if scale >= excess {
            return plain(kept, scale - excess);
        }
        return format!("{kept}{}", "0".repeat((excess - scale.max(0)) as usize));
    }
    let text = value.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    if scale <= 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    format!("{sign}{whole}.{fraction}")
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (op, mode) = setting(args.param);
    let (precision, scale) = precision_scale(args.return_type);
    if let Some(values) = fast(args, op, precision, scale) {
        return Ok(Arc::new(values.with_data_type(args.return_type.clone())));
    }
    let values: PrimitiveArray<Decimal128Type> = rows(args, precision, scale, |outcome, op| match outcome {
        Outcome::Value(value) => Ok(Some(value)),
        Outcome::ZeroDivisor => mode.misfit(|| op.zero_divisor()),
        Outcome::Overflow(value, at) => mode.misfit(|| out_of_range(plain(value, at), precision, scale)),
    })?;
    Ok(Arc::new(values.with_data_type(args.return_type.clone())))
}

/// Sums, differences and products that need no rounding, column by column; `None` for other operations and where a row
/// does not fit.
fn fast(args: &KernelArgs<'_>, op: Op, precision: u8, scale: i8) -> Option<PrimitiveArray<Decimal128Type>> {
    let [left, right] = args.args else { return None };
    let (p1, s1) = precision_scale(&left.data_type());
    let (p2, s2) = precision_scale(&right.data_type());
    // With this precision every result fits.
    let (exact, exact_scale) = result_type(op, (p1, s1), (p2, s2), false);
    let safe = (exact, exact_scale) == (precision, scale) && exact < 38;
    match op {
        Op::Add | Op::Subtract if safe => {
            let common = s1.max(s2);
            let (l, r) = (power_of_ten((common - s1) as u32), power_of_ten((common - s2) as u32));
            let sign = if op == Op::Add { 1 } else { -1 };
            match (l, r) {
                (1, 1) => pairs(args, |left, right| Some(left.wrapping_add(right.wrapping_mul(sign)))),
                _ => {
                    let r = r * sign;
                    pairs(args, |left, right| Some(left.wrapping_mul(l).wrapping_add(right.wrapping_mul(r))))
                }
            }
        }
        // Digits that 64 bits hold.
        Op::Multiply if safe && p1 <= 18 && p2 <= 18 => {
            pairs(args, |left, right| Some(i128::from(left as i64) * i128::from(right as i64)))
        }
        Op::Multiply if safe => pairs(args, |left, right| Some(left.wrapping_mul(right))),
        Op::Multiply if s1 + s2 == scale => {
            let limit = power_of_ten(u32::from(precision));
            pairs(args, |left, right| {
                let product = match (i64::try_from(left), i64::try_from(right)) {
                    (Ok(left), Ok(right)) => i128::from(left) * i128::from(right),
                    _ => left.checked_mul(right)?,
                };
                (-limit < product && product < limit).then_some(product)
            })
        }
        _ => None,
    }
}

/// Applies `f` to each pair of values that are not NULL; `None` if it is so for one of them. A constant operand is not
/// spread over the rows.
fn pairs(args: &KernelArgs<'_>, f: impl Fn(i128, i128) -> Option<i128>) -> Option<PrimitiveArray<Decimal128Type>> {
    let misfit = || ArrowError::ComputeError(String::new());
    match (&args.args[0], &args.args[1]) {
        (ColumnarValue::Array(left), ColumnarValue::Array(right)) => {
            let (left, right) = (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
            try_binary(left, right, |left, right| f(left, right).ok_or_else(misfit)).ok()
        }
        (ColumnarValue::Array(left), ColumnarValue::Scalar(ScalarValue::Decimal128(Some(right), ..))) => {
            left.as_primitive::<Decimal128Type>().try_unary(|left| f(left, *right).ok_or(())).ok()
        }
        (ColumnarValue::Scalar(ScalarValue::Decimal128(Some(left), ..)), ColumnarValue::Array(right)) => {
            right.as_primitive::<Decimal128Type>().try_unary(|right| f(*left, right).ok_or(())).ok()
        }
        _ => None,
    }
}

fn integral_divide(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (_, mode) = setting(args.param);
    let values: PrimitiveArray<Int64Type> = rows(args, 38, 0, |outcome, op| match outcome {
        Outcome::Value(value) => match (i64::try_from(value), mode) {
            (Ok(value), _) => Ok(Some(value)),
            (Err(_), EvalMode::Legacy) => Ok(Some(value as i64)),
            (Err(_), _) => mode.misfit(|| op.overflow()),
        },
        Outcome::ZeroDivisor => mode.misfit(|| op.zero_divisor()),
        Outcome::Overflow(..) => mode.misfit(|| op.overflow()),
    })?;
    Ok(Arc::new(values))
}

fn rows<T: arrow::array::ArrowPrimitiveType>(
    args: &KernelArgs<'_>,
    precision: u8,
    scale: i8,
    finish: impl Fn(Outcome, Op) -> Result<Option<T::Native>>,
) -> Result<PrimitiveArray<T>> {
    let (op, _) = setting(args.param);
    let (left, right) = (args.array(0)?, args.array(1)?);
    let (s1, s2) = (precision_scale(left.data_type()).1, precision_scale(right.data_type()).1);
    let scales = Scales::new(op, s1, s2, precision, scale);
    let pairs = left.as_primitive::<Decimal128Type>().iter().zip(right.as_primitive::<Decimal128Type>().iter());
    pairs
        .map(|pair| match pair {
            (Some(left), Some(right)) => finish(scales.row(left, right), op),
            _ => Ok(None),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_types() {
        assert_eq!(result_type(Op::Multiply, (38, 10), (38, 10), true), (38, 6));
        assert_eq!(result_type(Op::Add, (38, 10), (38, 20), true), (38, 9));
        assert_eq!(result_type(Op::Divide, (2, 1), (3, 2), true), (9, 6));
        assert_eq!(result_type(Op::Remainder, (38, 10), (38, 20), true), (38, 20));
    }
}
