//! `vector_sum`, `vector_avg`: vectors added element by element.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float32Builder, Int64Array, ListArray, ListBuilder};
use arrow::datatypes::{DataType, Field, Float32Type, Int64Type};
use firesteel_protocol::{Result, types};

use super::{mismatch, vector_arg};
use crate::aggregate::fold::{Fold, Spec, fold_with};
use crate::{Call, Typed};

/// `vector_sum(v)`: vectors that are NULL or have a NULL in them are left out.
pub(super) fn vector_sum(call: &Call) -> Result<Typed> {
    build(call, "vector_sum")
}

/// `vector_avg(v)`.
pub(super) fn vector_avg(call: &Call) -> Result<Typed> {
    build(call, "vector_avg")
}

fn build(call: &Call, which: &'static str) -> Result<Typed> {
    call.arity(1)?;
    let args = vec![vector_arg(call, 0)?];
    Ok(fold_with::<Vectors>(call, which, args, types::array(DataType::Float32, false), true, which.to_string()))
}

#[derive(Debug)]
struct Vectors {
    /// The function's name.
    name: String,
}

/// The sum or mean so far, and of how many vectors.
#[derive(Debug, Clone, Default)]
struct State {
    values: Option<Vec<f32>>,
    count: i64,
}

impl Vectors {
    fn averages(&self) -> bool {
        self.name == "vector_avg"
    }

    fn add(&self, state: &mut State, vector: &[f32], count: i64) -> Result<()> {
        let Some(values) = &mut state.values else {
            *state = State { values: Some(vector.to_vec()), count };
            return Ok(());
        };
        if values.len() != vector.len() {
            return Err(mismatch(&self.name, values.len(), vector.len()));
        }
        let total = state.count + count;
        let share = count as f32 / total as f32;
        for (own, value) in values.iter_mut().zip(vector) {
            if !self.averages() {
                *own += value;
            } else if count == 1 {
                *own += (value - *own) / total as f32;
            } else {
                *own = *own * (1.0 - share) + value * share;
            }
        }
        state.count = total;
        Ok(())
    }
}

fn lists<'a>(states: impl Iterator<Item = &'a State>) -> ListArray {
    let field = Field::new("element", DataType::Float32, false);
    let mut builder = ListBuilder::new(Float32Builder::new()).with_field(field);
    for state in states {
        builder.values().append_slice(state.values.as_deref().unwrap_or_default());
        builder.append(state.values.is_some());
    }
    builder.finish()
}

impl Fold for Vectors {
    type State = State;
    type Input = ListArray;
    type Partial = (ListArray, Int64Array);

    const GROWTH: usize = 0;

    fn new(spec: &Spec) -> Result<Self> {
        Ok(Self { name: spec.param.clone() })
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![types::array(DataType::Float32, false), DataType::Int64]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<ListArray> {
        Ok(values[0].as_list::<i32>().clone())
    }

    fn update(&self, state: &mut State, input: &ListArray, row: usize) -> Result<()> {
        if input.is_null(row) {
            return Ok(());
        }
        let vector = input.value(row);
        let vector: &Float32Array = vector.as_primitive::<Float32Type>();
        if vector.null_count() > 0 { Ok(()) } else { self.add(state, vector.values(), 1) }
    }

    fn to_partial(&self, states: &[State]) -> Result<Vec<ArrayRef>> {
        let counts: Int64Array = states.iter().map(|state| Some(state.count)).collect();
        Ok(vec![Arc::new(lists(states.iter())), Arc::new(counts)])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<(ListArray, Int64Array)> {
        Ok((columns[0].as_list::<i32>().clone(), columns[1].as_primitive::<Int64Type>().clone()))
    }

    fn merge(&self, state: &mut State, (vectors, counts): &(ListArray, Int64Array), row: usize) -> Result<()> {
        if vectors.is_null(row) {
            return Ok(());
        }
        let vector = vectors.value(row);
        self.add(state, vector.as_primitive::<Float32Type>().values(), counts.value(row))
    }

    fn finish(&self, states: &[State]) -> Result<ArrayRef> {
        Ok(Arc::new(lists(states.iter())))
    }
}
