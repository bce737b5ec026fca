//! Functions of all rows up to the current one, which the pandas API sends over windows: `ewm`, `null_index`. Spark's `EWM`
//! and `NullIndex`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, WindowFunctionDefinition};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use super::fold::{Fold, Spec, fold, fold_with};
use super::moments::double;
use super::pandas::flag;
use crate::{Call, Typed};

/// `null_index(x)`: how many NULLs stand in a row up to here, 0 for a value.
pub fn null_index(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let typed = fold::<NullIndex>(call, "null_index", vec![call.args[0].clone()], DataType::Int32, false);
    Ok(running(typed))
}

/// `ewm(x, alpha, ignore_na)`: the exponentially weighted mean up to here.
pub fn ewm(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    let alpha = match call.constant(1)?.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(Some(alpha))) => alpha,
        _ => return Err(call.unexpected_type(1, "\"DOUBLE\"")),
    };
    let param = format!("{} {alpha}", if flag(call, 2)? { "ignore" } else { "decay" });
    Ok(running(fold_with::<Ewm>(call, "ewm", vec![double(call, 0)?], DataType::Float64, true, param)))
}

/// Says that the function needs OVER.
fn running(typed: Typed) -> Typed {
    let Typed { expr, name, data_type, nullable, .. } = typed;
    let expr = match expr {
        Expr::AggregateFunction(call) => {
            Expr::from(WindowFunction::new(WindowFunctionDefinition::AggregateUDF(call.func), call.params.args))
        }
        other => other,
    };
    Typed::new(expr, name, data_type, nullable)
}

/// States of functions whose result depends on the order of the rows are never merged.
fn ordered<T>() -> Result<T> {
    Err(SparkError::internal("a running function outside of a window"))
}

#[derive(Debug)]
struct NullIndex;

impl Fold for NullIndex {
    type State = i32;
    type Input = ArrayRef;
    type Partial = ();

    fn new(_: &Spec) -> Result<Self> {
        Ok(Self)
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Int32]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(Arc::clone(&values[0]))
    }

    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        let known = input.data_type() != &DataType::Null && input.is_valid(row);
        *state = if known { 0 } else { *state + 1 };
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish(states)?])
    }

    fn partial(&self, _: &[ArrayRef]) -> Result<Self::Partial> {
        ordered()
    }

    fn merge(&self, _: &mut Self::State, (): &Self::Partial, _: usize) -> Result<()> {
        ordered()
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        Ok(Arc::new(Int32Array::from_iter_values(states.iter().copied())))
    }
}

#[derive(Debug)]
struct Ewm {
    alpha: f64,
    ignore_nulls: bool,
}

/// Weighted sum, sum of weights, the mean at the last value.
#[derive(Debug, Clone, Copy, Default)]
struct EwmState {
    numerator: f64,
    denominator: f64,
    mean: Option<f64>,
}

impl Fold for Ewm {
    type State = EwmState;
    type Input = Float64Array;
    type Partial = ();

    fn new(spec: &Spec) -> Result<Self> {
        let (kind, alpha) = spec.param.split_once(' ').unwrap_or_default();
        let alpha = alpha.parse().map_err(|_| SparkError::internal(format!("alpha {alpha}")))?;
        Ok(Self { alpha, ignore_nulls: kind == "ignore" })
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Float64]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(values[0].as_primitive::<Float64Type>().clone())
    }

    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        let known = input.is_valid(row);
        if known || !self.ignore_nulls {
            state.numerator *= 1.0 - self.alpha;
            state.denominator *= 1.0 - self.alpha;
        }
        if known {
            state.numerator += input.value(row);
            state.denominator += 1.0;
            state.mean = Some(state.numerator / state.denominator);
        }
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish(states)?])
    }

    fn partial(&self, _: &[ArrayRef]) -> Result<Self::Partial> {
        ordered()
    }

    fn merge(&self, _: &mut Self::State, (): &Self::Partial, _: usize) -> Result<()> {
        ordered()
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        Ok(Arc::new(states.iter().map(|state| state.mean).collect::<Float64Array>()))
    }
}
