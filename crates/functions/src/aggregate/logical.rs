//! `any`, `every`, `bit_and`, `bit_or`, `bit_xor` and their other names.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use firesteel_protocol::Result;

use super::fold::{Fold, Spec, fold_with};
use crate::kernel::from_arrow;
use crate::{Call, Typed};

/// `any(condition)`, `some`, `bool_or`.
pub fn any(call: &Call) -> Result<Typed> {
    boolean(call, "bool_or", "or")
}

/// `every(condition)`, `bool_and`.
pub fn every(call: &Call) -> Result<Typed> {
    boolean(call, "bool_and", "and")
}

/// `bit_and(x)`.
pub fn bit_and(call: &Call) -> Result<Typed> {
    bits(call, "bit_and", "and")
}

/// `bit_or(x)`.
pub fn bit_or(call: &Call) -> Result<Typed> {
    bits(call, "bit_or", "or")
}

/// `bit_xor(x)`.
pub fn bit_xor(call: &Call) -> Result<Typed> {
    bits(call, "bit_xor", "xor")
}

fn boolean(call: &Call, name: &'static str, operator: &str) -> Result<Typed> {
    call.arity(1)?;
    if !matches!(call.args[0].data_type, DataType::Boolean | DataType::Null | DataType::Utf8) {
        return Err(call.unexpected_type(0, "\"BOOLEAN\""));
    }
    let args = vec![call.coerce(0, &DataType::Boolean)?];
    Ok(fold_with::<Bits>(call, name, args, DataType::Boolean, true, operator.to_string()))
}

fn bits(call: &Call, name: &'static str, operator: &str) -> Result<Typed> {
    call.arity(1)?;
    let data_type = match &call.args[0].data_type {
        data_type @ (DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64) => data_type.clone(),
        DataType::Null => DataType::Int8,
        _ => return Err(call.unexpected_type(0, "\"INTEGRAL\"")),
    };
    let args = vec![call.coerce(0, &data_type)?];
    Ok(fold_with::<Bits>(call, name, args, data_type, true, operator.to_string()))
}

/// Booleans and integers alike, as 64 bits.
#[derive(Debug)]
struct Bits {
    combine: fn(i64, i64) -> i64,
    return_type: DataType,
}

impl Fold for Bits {
    type State = Option<i64>;
    type Input = Int64Array;
    type Partial = Int64Array;

    fn new(spec: &Spec) -> Result<Self> {
        let combine: fn(i64, i64) -> i64 = match spec.param.as_str() {
            "and" => |a, b| a & b,
            "or" => |a, b| a | b,
            _ => |a, b| a ^ b,
        };
        Ok(Self { combine, return_type: spec.return_type.clone() })
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Int64]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        let values = cast(&values[0], &DataType::Int64).map_err(from_arrow)?;
        Ok(values.as_primitive::<Int64Type>().clone())
    }

    #[inline]
    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_valid(row) {
            let value = input.value(row);
            *state = Some(state.map_or(value, |before| (self.combine)(before, value)));
        }
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        Ok(vec![Arc::new(states.iter().copied().collect::<Int64Array>())])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok(columns[0].as_primitive().clone())
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        self.update(state, partial, row)
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        cast(&states.iter().copied().collect::<Int64Array>(), &self.return_type).map_err(from_arrow)
    }
}
