//! Sketches as aggregate functions: partial states travel as the sketches' own bytes.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::DataType;
use firesteel_protocol::Result;

use crate::aggregate::fold::{Fold, Spec, fold_with};
use crate::{Call, Typed};

/// How values make a sketch.
pub(super) trait Sketched: Debug + Send + Sync + Sized + 'static {
    type State: Clone + Debug + Send + Sync + 'static;

    fn new(param: &str) -> Result<Self>;
    /// The sketch of no values.
    fn empty(&self) -> Result<Self::State>;
    /// Takes a row into account; one whose value is NULL changes nothing.
    fn update(&self, state: &mut Option<Self::State>, columns: &[ArrayRef], row: usize) -> Result<()>;
    /// Takes another sketch into account.
    fn merge(&self, state: &mut Option<Self::State>, bytes: &[u8]) -> Result<()>;
    fn bytes(&self, state: &Self::State) -> Result<Vec<u8>>;
}

/// A sketch aggregate over these arguments.
pub(super) fn aggregate<S: Sketched>(call: &Call, name: &'static str, args: Vec<Typed>, param: String) -> Typed {
    fold_with::<SketchFold<S>>(call, name, args, DataType::Binary, false, param)
}

#[derive(Debug)]
struct SketchFold<S>(S);

impl<S: Sketched> Fold for SketchFold<S> {
    type State = Option<S::State>;
    type Input = Vec<ArrayRef>;
    type Partial = BinaryArray;

    const GROWTH: usize = 16;

    fn new(spec: &Spec) -> Result<Self> {
        S::new(&spec.param).map(Self)
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Binary]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(values.to_vec())
    }

    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        self.0.update(state, input, row)
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        let bytes = states.iter().map(|state| state.as_ref().map(|state| self.0.bytes(state)).transpose());
        Ok(vec![Arc::new(super::binary(bytes)?)])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok(columns[0].as_binary::<i32>().clone())
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        if partial.is_null(row) { Ok(()) } else { self.0.merge(state, partial.value(row)) }
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        let bytes = states.iter().map(|state| match state {
            Some(state) => self.0.bytes(state).map(Some),
            None => self.0.bytes(&self.0.empty()?).map(Some),
        });
        Ok(Arc::new(super::binary(bytes)?))
    }
}
