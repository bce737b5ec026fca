//! `avg`, `mean`, `try_avg`: double for numbers, decimals with four digits more, intervals.
//! Spark's `Average`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, PrimitiveArray};
use arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type, IntervalUnit, IntervalYearMonthType,
    TimeUnit, i256,
};
use firesteel_protocol::{Result, SparkError};

use super::fold::{Fold, Spec, fold_with};
use super::sum::{Overflow, overflow_error};
use crate::coerce::cast_silently;
use crate::{Call, Typed};

/// `avg(x)`: NULL without values.
pub fn avg(call: &Call) -> Result<Typed> {
    build(call, "avg", if call.env.ansi { "error" } else { "null" })
}

/// `try_avg(x)`: NULL on overflow.
pub fn try_avg(call: &Call) -> Result<Typed> {
    build(call, "try_avg", "null")
}

fn build(call: &Call, name: &'static str, overflow: &str) -> Result<Typed> {
    call.arity(1)?;
    let data_type = call.args[0].data_type.clone();
    let param = overflow.to_string();
    match &data_type {
        DataType::Decimal128(precision, scale) => {
            let output = bounded(i32::from(*precision) + 4, i32::from(*scale) + 4);
            Ok(fold_with::<DecimalAvg>(call, name, call.args.clone(), output, true, param))
        }
        DataType::Interval(IntervalUnit::YearMonth) | DataType::Duration(TimeUnit::Microsecond) => {
            Ok(fold_with::<IntervalAvg>(call, name, call.args.clone(), data_type, true, param))
        }
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Null
        | DataType::Utf8 => {
            let args = vec![call.coerce(0, &DataType::Float64)?];
            Ok(fold_with::<DoubleAvg>(call, name, args, DataType::Float64, true, param))
        }
        // Spark makes seconds of them.
        DataType::Timestamp(_, Some(_)) if call.env.ansi => {
            let args = vec![cast_silently(call.args[0].clone(), &DataType::Float64, call.env)?];
            Ok(fold_with::<DoubleAvg>(call, name, args, DataType::Float64, true, param))
        }
        _ => Err(call.unexpected_type(0, "\"NUMERIC\" or \"ANSI INTERVAL\"")),
    }
}

/// `DecimalType.bounded`.
fn bounded(precision: i32, scale: i32) -> DataType {
    DataType::Decimal128(precision.min(38) as u8, scale.min(38) as i8)
}

#[derive(Debug)]
struct DoubleAvg;

impl Fold for DoubleAvg {
    type State = (f64, i64);
    type Input = Float64Array;
    type Partial = (Float64Array, Int64Array);

    fn new(_: &Spec) -> Result<Self> {
        Ok(Self)
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Float64, DataType::Int64]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(values[0].as_primitive::<Float64Type>().clone())
    }

    #[inline]
    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_valid(row) {
            state.0 += input.value(row);
            state.1 += 1;
        }
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        let sums = Float64Array::from_iter_values(states.iter().map(|state| state.0));
        let counts = Int64Array::from_iter_values(states.iter().map(|state| state.1));
        Ok(vec![Arc::new(sums), Arc::new(counts)])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok((columns[0].as_primitive().clone(), columns[1].as_primitive().clone()))
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        if partial.1.is_valid(row) {
            state.0 += partial.0.value(row);
            state.1 += partial.1.value(row);
        }
        Ok(())
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        let average = |state: &(f64, i64)| (state.1 > 0).then(|| state.0 / state.1 as f64);
        Ok(Arc::new(states.iter().map(average).collect::<Float64Array>()))
    }
}

/// A sum with more digits than Spark's buffer (precision + 10) has overflowed.
#[derive(Debug)]
struct DecimalAvg {
    overflow: Overflow,
    return_type: DataType,
    sum_limit: u128,
    result_limit: u128,
    sum_type: DataType,
    /// Digits that the result's scale has more than the input's.
    more_scale: u32,
}

impl Fold for DecimalAvg {
    /// Sum, count, overflown.
    type State = (i128, i64, bool);
    type Input = Decimal128Array;
    type Partial = (Decimal128Array, Int64Array, BooleanArray);

    const RETRACT: bool = true;

    fn new(spec: &Spec) -> Result<Self> {
        let (DataType::Decimal128(precision, scale), DataType::Decimal128(result_precision, result_scale)) =
            (&spec.inputs[0], &spec.return_type)
        else {
            return Err(SparkError::internal("a decimal average over another type"));
        };
        let limit = |digits: u32| 10_u128.pow(digits) - 1;
        Ok(Self {
            overflow: Overflow::of(&spec.param),
            return_type: spec.return_type.clone(),
            sum_limit: limit(u32::from(*precision + 10).min(38)),
            result_limit: limit(u32::from(*result_precision)),
            sum_type: DataType::Decimal128(38, *scale),
            more_scale: (result_scale - scale).max(0) as u32,
        })
    }

    fn state_types(spec: &Spec) -> Vec<DataType> {
        let scale = if let DataType::Decimal128(_, scale) = spec.inputs[0] { scale } else { 0 };
        vec![DataType::Decimal128(38, scale), DataType::Int64, DataType::Boolean]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(values[0].as_primitive::<Decimal128Type>().clone())
    }

    #[inline]
    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_valid(row) {
            match state.0.checked_add(input.value(row)) {
                Some(sum) => state.0 = sum,
                None => state.2 = true,
            }
            state.1 += 1;
        }
        Ok(())
    }

    fn update_all(&self, states: &mut [Self::State], input: &Self::Input, groups: &[usize]) -> Option<Result<()>> {
        if input.null_count() > 0 {
            return None;
        }
        for (&group, &value) in groups.iter().zip(input.values()) {
            let (sum, count, overflown) = &mut states[group];
            let (next, over) = sum.overflowing_add(value);
            *sum = next;
            *count += 1;
            *overflown |= over;
        }
        Some(Ok(()))
    }

    fn retract(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_valid(row) {
            state.0 = state.0.wrapping_sub(input.value(row));
            state.1 -= 1;
        }
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        let sums = Decimal128Array::from_iter_values(states.iter().map(|state| state.0));
        let counts = Int64Array::from_iter_values(states.iter().map(|state| state.1));
        let overflown: BooleanArray = states.iter().map(|state| Some(state.2)).collect();
        Ok(vec![Arc::new(sums.with_data_type(self.sum_type.clone())), Arc::new(counts), Arc::new(overflown)])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok((columns[0].as_primitive().clone(), columns[1].as_primitive().clone(), columns[2].as_boolean().clone()))
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        if partial.1.is_valid(row) {
            match state.0.checked_add(partial.0.value(row)) {
                Some(sum) => state.0 = sum,
                None => state.2 = true,
            }
            state.1 += partial.1.value(row);
            state.2 |= partial.2.value(row);
        }
        Ok(())
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(states.len());
        for &(sum, count, overflown) in states {
            if count == 0 {
                values.push(None);
                continue;
            }
            let fits = !overflown && sum.unsigned_abs() <= self.sum_limit;
            let value = fits
                .then(|| divide_half_up(sum, self.more_scale, i128::from(count)))
                .flatten()
                .filter(|value| value.unsigned_abs() <= self.result_limit);
            if value.is_none() && self.overflow == Overflow::Error {
                return Err(overflow_error("Overflow in sum of decimals", "try_avg"));
            }
            values.push(value);
        }
        Ok(Arc::new(values.into_iter().collect::<Decimal128Array>().with_data_type(self.return_type.clone())))
    }
}

/// `value * 10^digits / divisor`, half away from zero.
fn divide_half_up(value: i128, digits: u32, divisor: i128) -> Option<i128> {
    let factor = 10_i128.pow(digits);
    if let Some(scaled) = value.checked_mul(factor) {
        let (quotient, remainder) = (scaled / divisor, scaled % divisor);
        let up = remainder.unsigned_abs() * 2 >= divisor.unsigned_abs();
        return Some(if up { quotient + scaled.signum() * divisor.signum() } else { quotient });
    }
    let scaled = i256::from_i128(value).checked_mul(i256::from_i128(factor))?;
    let wide = i256::from_i128(divisor);
    let quotient = scaled.checked_div(wide)?.to_i128()?;
    let remainder = scaled.checked_rem(wide)?.to_i128()?;
    let up = remainder.unsigned_abs() * 2 >= divisor.unsigned_abs();
    Some(if up { quotient + value.signum() } else { quotient })
}

/// Averages of both kinds of interval, in months or microseconds.
#[derive(Debug)]
struct IntervalAvg {
    overflow: Overflow,
    return_type: DataType,
}

impl Fold for IntervalAvg {
    type State = (i128, i64);
    type Input = Int64Array;
    type Partial = (Decimal128Array, Int64Array);

    const RETRACT: bool = true;

    fn new(spec: &Spec) -> Result<Self> {
        Ok(Self { overflow: Overflow::of(&spec.param), return_type: spec.return_type.clone() })
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Decimal128(38, 0), DataType::Int64]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(match &self.return_type {
            DataType::Interval(_) => values[0].as_primitive::<IntervalYearMonthType>().unary(i64::from),
            _ => values[0].as_primitive::<DurationMicrosecondType>().unary(|us| us),
        })
    }

    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_valid(row) {
            *state = (state.0 + i128::from(input.value(row)), state.1 + 1);
        }
        Ok(())
    }

    fn retract(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_valid(row) {
            *state = (state.0 - i128::from(input.value(row)), state.1 - 1);
        }
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        let sums = Decimal128Array::from_iter_values(states.iter().map(|state| state.0));
        let counts = Int64Array::from_iter_values(states.iter().map(|state| state.1));
        Ok(vec![Arc::new(sums.with_data_type(DataType::Decimal128(38, 0))), Arc::new(counts)])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok((columns[0].as_primitive().clone(), columns[1].as_primitive().clone()))
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        if partial.1.is_valid(row) {
            *state = (state.0 + partial.0.value(row), state.1 + partial.1.value(row));
        }
        Ok(())
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        let months = matches!(self.return_type, DataType::Interval(_));
        let mut values = Vec::with_capacity(states.len());
        for &(sum, count) in states {
            // Spark's sum has the type of its input.
            let fits = if months { i32::try_from(sum).is_ok() } else { i64::try_from(sum).is_ok() };
            if !fits && self.overflow == Overflow::Error {
                return Err(
                    SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION").with("functionName", "`try_add`")
                );
            }
            let average = (fits && count > 0).then(|| divide_half_up(sum, 0, i128::from(count))).flatten();
            values.push(average.and_then(|value| i64::try_from(value).ok()));
        }
        let values: PrimitiveArray<Int64Type> = values.into_iter().collect();
        Ok(if months {
            Arc::new(values.unary::<_, IntervalYearMonthType>(|months| months as i32))
        } else {
            Arc::new(values.unary::<_, DurationMicrosecondType>(|us| us))
        })
    }
}
