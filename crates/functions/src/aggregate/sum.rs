//! `sum`, `try_sum`: long for integers, double for floats, wider decimals, intervals.
//! Spark's `Sum`.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type, IntervalUnit, IntervalYearMonthType,
    TimeUnit,
};
use firesteel_protocol::{Result, SparkError};

use super::fold::{Fold, Spec, fold_with};
use crate::coerce::cast_silently;
use crate::{Call, Typed};

/// `sum(x)`: NULL without values.
pub fn sum(call: &Call) -> Result<Typed> {
    build(call, "sum", if call.env.ansi { "error" } else { "wrap" })
}

/// `try_sum(x)`: NULL on overflow.
pub fn try_sum(call: &Call) -> Result<Typed> {
    build(call, "try_sum", "null")
}

fn build(call: &Call, name: &'static str, overflow: &str) -> Result<Typed> {
    call.arity(1)?;
    let data_type = &call.args[0].data_type;
    let (input, output) = match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => (DataType::Int64, DataType::Int64),
        DataType::Decimal128(precision, scale) => {
            (data_type.clone(), DataType::Decimal128((*precision + 10).min(38), *scale))
        }
        DataType::Interval(IntervalUnit::YearMonth) | DataType::Duration(TimeUnit::Microsecond) => {
            (data_type.clone(), data_type.clone())
        }
        DataType::Float32 | DataType::Float64 | DataType::Null | DataType::Utf8 => {
            (DataType::Float64, DataType::Float64)
        }
        // Spark makes seconds of them.
        DataType::Timestamp(_, Some(_)) if call.env.ansi => {
            let seconds = cast_silently(call.args[0].clone(), &DataType::Float64, call.env)?;
            return build(&call.with_args(vec![seconds]), name, overflow);
        }
        _ => {
            return Err(call.unexpected_type(0, "\"NUMERIC\" or \"ANSI INTERVAL\""));
        }
    };
    let args = vec![call.coerce(0, &input)?];
    let param = overflow.to_string();
    Ok(match &output {
        DataType::Int64 => fold_with::<Sum<Int64Type>>(call, name, args, output, true, param),
        DataType::Float64 => fold_with::<Sum<Float64Type>>(call, name, args, output, true, param),
        DataType::Decimal128(..) => fold_with::<Sum<Decimal128Type>>(call, name, args, output, true, param),
        // Intervals never wrap.
        DataType::Duration(_) | DataType::Interval(_) => {
            let param = if overflow == "wrap" { "error".to_string() } else { param };
            if matches!(output, DataType::Duration(_)) {
                fold_with::<Sum<DurationMicrosecondType>>(call, name, args, output, true, param)
            } else {
                fold_with::<Sum<IntervalYearMonthType>>(call, name, args, output, true, param)
            }
        }
        _ => unreachable!("chosen above"),
    })
}

/// What happens when a sum leaves its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overflow {
    Error,
    Wrap,
    Null,
}

impl Overflow {
    pub(super) fn of(param: &str) -> Self {
        match param {
            "wrap" => Self::Wrap,
            "null" => Self::Null,
            _ => Self::Error,
        }
    }
}

/// Additions of one type.
pub(super) trait Addend: ArrowPrimitiveType + std::fmt::Debug + Send + Sync {
    /// Undoing an addition gives back exactly what was before.
    const EXACT: bool = true;
    fn add(a: Self::Native, b: Self::Native) -> Option<Self::Native>;
    fn wrapping(a: Self::Native, b: Self::Native) -> Option<Self::Native>;
    fn sub(a: Self::Native, b: Self::Native) -> Self::Native;
    fn overflow() -> SparkError;
}

/// `ARITHMETIC_OVERFLOW` that names the function which yields NULL instead.
pub(super) fn overflow_error(message: &str, tolerant: &str) -> SparkError {
    SparkError::new("ARITHMETIC_OVERFLOW")
        .with("message", message)
        .with("alternative", format!(" Use '{tolerant}' to tolerate overflow and return NULL instead."))
        .with("config", "\"spark.sql.ansi.enabled\"")
}

impl Addend for Int64Type {
    fn add(a: i64, b: i64) -> Option<i64> {
        a.checked_add(b)
    }
    fn wrapping(a: i64, b: i64) -> Option<i64> {
        Some(a.wrapping_add(b))
    }
    fn sub(a: i64, b: i64) -> i64 {
        a.wrapping_sub(b)
    }
    fn overflow() -> SparkError {
        overflow_error("overflow", "try_add")
    }
}

impl Addend for DurationMicrosecondType {
    fn add(a: i64, b: i64) -> Option<i64> {
        a.checked_add(b)
    }
    fn wrapping(a: i64, b: i64) -> Option<i64> {
        a.checked_add(b)
    }
    fn sub(a: i64, b: i64) -> i64 {
        a.wrapping_sub(b)
    }
    fn overflow() -> SparkError {
        interval_overflow()
    }
}

impl Addend for IntervalYearMonthType {
    fn add(a: i32, b: i32) -> Option<i32> {
        a.checked_add(b)
    }
    fn wrapping(a: i32, b: i32) -> Option<i32> {
        a.checked_add(b)
    }
    fn sub(a: i32, b: i32) -> i32 {
        a.wrapping_sub(b)
    }
    fn overflow() -> SparkError {
        interval_overflow()
    }
}

fn interval_overflow() -> SparkError {
    SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION").with("functionName", "`try_add`")
}

impl Addend for Float64Type {
    const EXACT: bool = false;
    fn add(a: f64, b: f64) -> Option<f64> {
        Some(a + b)
    }
    fn wrapping(a: f64, b: f64) -> Option<f64> {
        Some(a + b)
    }
    fn sub(a: f64, b: f64) -> f64 {
        a - b
    }
    fn overflow() -> SparkError {
        SparkError::internal("a sum of doubles does not overflow")
    }
}

impl Addend for Decimal128Type {
    fn add(a: i128, b: i128) -> Option<i128> {
        a.checked_add(b)
    }
    // Without ANSI mode a decimal sum that overflows is NULL.
    fn wrapping(a: i128, b: i128) -> Option<i128> {
        a.checked_add(b)
    }
    fn sub(a: i128, b: i128) -> i128 {
        a.wrapping_sub(b)
    }
    fn overflow() -> SparkError {
        overflow_error("Overflow in sum of decimals", "try_sum")
    }
}

#[derive(Debug)]
struct Sum<T> {
    overflow: Overflow,
    return_type: DataType,
    /// Largest absolute value of a decimal result.
    limit: i128,
    marker: PhantomData<T>,
}

/// The sum so far, how many values it has, whether it has overflowed for good.
#[derive(Debug, Clone, Copy)]
struct SumState<N> {
    sum: N,
    count: i64,
    overflown: bool,
}

impl<N: Default> Default for SumState<N> {
    fn default() -> Self {
        Self { sum: N::default(), count: 0, overflown: false }
    }
}

impl<T: Addend> Sum<T> {
    fn add(&self, state: &mut SumState<T::Native>, value: T::Native) -> Result<()> {
        let sum =
            if self.overflow == Overflow::Wrap { T::wrapping(state.sum, value) } else { T::add(state.sum, value) };
        match sum {
            Some(sum) => state.sum = sum,
            None if self.overflow == Overflow::Error => return Err(T::overflow()),
            None => state.overflown = true,
        }
        Ok(())
    }
}

impl<T: Addend> Fold for Sum<T>
where
    T::Native: Default + Send + Sync,
{
    type State = SumState<T::Native>;
    type Input = PrimitiveArray<T>;
    type Partial = (PrimitiveArray<T>, PrimitiveArray<Int64Type>, BooleanArray);

    const RETRACT: bool = T::EXACT;

    fn new(spec: &Spec) -> Result<Self> {
        let limit = match spec.return_type {
            DataType::Decimal128(precision, _) => 10_i128.pow(u32::from(precision)) - 1,
            _ => i128::MAX,
        };
        Ok(Self {
            overflow: Overflow::of(&spec.param),
            return_type: spec.return_type.clone(),
            limit,
            marker: PhantomData,
        })
    }

    fn state_types(spec: &Spec) -> Vec<DataType> {
        let sum = match spec.return_type {
            DataType::Decimal128(_, scale) => DataType::Decimal128(38, scale),
            ref other => other.clone(),
        };
        vec![sum, DataType::Int64, DataType::Boolean]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(values[0].as_primitive::<T>().clone())
    }

    #[inline]
    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_valid(row) {
            state.count += 1;
            self.add(state, input.value(row))?;
        }
        Ok(())
    }

    fn update_all(&self, states: &mut [Self::State], input: &Self::Input, groups: &[usize]) -> Option<Result<()>> {
        if input.null_count() > 0 {
            return None;
        }
        for (&group, &value) in groups.iter().zip(input.values()) {
            let state = &mut states[group];
            state.count += 1;
            match T::add(state.sum, value) {
                Some(sum) => state.sum = sum,
                None => {
                    if let Err(overflow) = self.add(state, value) {
                        return Some(Err(overflow));
                    }
                }
            }
        }
        Some(Ok(()))
    }

    fn retract(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_valid(row) {
            state.count -= 1;
            state.sum = T::sub(state.sum, input.value(row));
        }
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        let sums = PrimitiveArray::<T>::from_iter_values(states.iter().map(|state| state.sum));
        let sums = match self.return_type {
            DataType::Decimal128(_, scale) => sums.with_data_type(DataType::Decimal128(38, scale)),
            _ => sums,
        };
        let counts = PrimitiveArray::<Int64Type>::from_iter_values(states.iter().map(|state| state.count));
        let overflown: BooleanArray = states.iter().map(|state| Some(state.overflown)).collect();
        Ok(vec![Arc::new(sums), Arc::new(counts), Arc::new(overflown)])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok((columns[0].as_primitive().clone(), columns[1].as_primitive().clone(), columns[2].as_boolean().clone()))
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        let (sums, counts, overflown) = partial;
        if counts.is_valid(row) && counts.value(row) > 0 {
            state.count += counts.value(row);
            state.overflown |= overflown.value(row);
            self.add(state, sums.value(row))?;
        }
        Ok(())
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        let decimal = matches!(self.return_type, DataType::Decimal128(..));
        let mut values = Vec::with_capacity(states.len());
        for state in states {
            let mut value = (state.count > 0 && !state.overflown).then_some(state.sum);
            if decimal && value.is_some() && beyond::<T>(state.sum, self.limit) {
                if self.overflow == Overflow::Error {
                    return Err(T::overflow());
                }
                value = None;
            }
            values.push(value);
        }
        Ok(Arc::new(values.into_iter().collect::<PrimitiveArray<T>>().with_data_type(self.return_type.clone())))
    }
}

/// Whether a decimal has more digits than its type.
fn beyond<T: ArrowPrimitiveType>(value: T::Native, limit: i128) -> bool {
    use arrow::datatypes::ToByteSlice;
    <[u8; 16]>::try_from(value.to_byte_slice())
        .is_ok_and(|bytes| i128::from_ne_bytes(bytes).unsigned_abs() > limit.unsigned_abs())
}
