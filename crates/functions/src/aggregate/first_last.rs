//! `first`, `last`, `any_value` and their other names: a value by position, which is that of arrival.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use super::extremum::scalars;
use super::fold::{Fold, Spec, aggregate};
use crate::kernel::from_datafusion;
use crate::{Call, Typed};

/// `first(x[, ignore_nulls])`, `first_value`, `any_value`.
pub fn first(call: &Call) -> Result<Typed> {
    build::<FirstLast<true>>(call, "first")
}

/// `last(x[, ignore_nulls])`, `last_value`.
pub fn last(call: &Call) -> Result<Typed> {
    build::<FirstLast<false>>(call, "last")
}

fn build<F: Fold>(call: &Call, name: &'static str) -> Result<Typed> {
    call.arity(1..=2)?;
    let mut ignore_nulls = call.ignore_nulls;
    if call.args.len() == 2 {
        match call.args[1].as_literal().unwrap_or(&ScalarValue::Null) {
            ScalarValue::Boolean(Some(flag)) => ignore_nulls |= flag,
            _ => {
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_1210")
                    .with("funcName", call.name)
                    .with_message(format!("The second argument in {} should be a boolean literal.", call.name)));
            }
        }
    }
    let arg = &call.args[0];
    let spec = Spec {
        name,
        inputs: vec![arg.data_type.clone()],
        return_type: arg.data_type.clone(),
        nullable: true,
        ignore_nulls,
        env: call.env.clone(),
        param: String::new(),
    };
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let display = format!("{}({distinct}{})", call.name, arg.name);
    Ok(aggregate(call, super::fold::Factory::of::<F>(), spec, vec![arg.expr.clone()], display))
}

#[derive(Debug)]
struct FirstLast<const FIRST: bool> {
    ignore_nulls: bool,
    return_type: DataType,
}

impl<const FIRST: bool> FirstLast<FIRST> {
    fn offer(&self, state: &mut Option<ScalarValue>, values: &ArrayRef, row: usize) -> Result<()> {
        if FIRST && state.is_some() {
            return Ok(());
        }
        *state = Some(ScalarValue::try_from_array(values, row).map_err(from_datafusion)?);
        Ok(())
    }
}

impl<const FIRST: bool> Fold for FirstLast<FIRST> {
    type State = Option<ScalarValue>;
    type Input = ArrayRef;
    type Partial = (ArrayRef, BooleanArray);

    fn new(spec: &Spec) -> Result<Self> {
        if spec.inputs.len() != 1 {
            return Err(SparkError::internal("first and last take one value"));
        }
        Ok(Self { ignore_nulls: spec.ignore_nulls, return_type: spec.return_type.clone() })
    }

    fn state_types(spec: &Spec) -> Vec<DataType> {
        vec![spec.return_type.clone(), DataType::Boolean]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(Arc::clone(&values[0]))
    }

    #[inline]
    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if self.ignore_nulls && input.is_null(row) {
            return Ok(());
        }
        self.offer(state, input, row)
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        let set: BooleanArray = states.iter().map(|state| Some(state.is_some())).collect();
        Ok(vec![self.finish(states)?, Arc::new(set)])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok((Arc::clone(&columns[0]), columns[1].as_boolean().clone()))
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        if partial.1.value(row) { self.offer(state, &partial.0, row) } else { Ok(()) }
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        scalars(states.iter().map(Option::as_ref), &self.return_type)
    }
}
