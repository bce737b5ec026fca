//! Aggregate functions of our own as DataFusion functions: a state per group that rows are folded into.
//!
//! A [`Fold`] says how one row changes one state; from it come DataFusion's accumulators for
//! GROUP BY, for the whole input, for sliding window frames and for DISTINCT.

use std::collections::{HashSet, VecDeque};
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::filter;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::Result;

use crate::kernel::{from_arrow, to_datafusion};
use crate::{Call, Env, Typed};

/// What is known of a call when the query is resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spec {
    pub name: &'static str,
    pub inputs: Vec<DataType>,
    pub return_type: DataType,
    pub nullable: bool,
    pub ignore_nulls: bool,
    pub env: Env,
    /// A setting of this call.
    pub param: String,
}

/// How rows are folded into a state.
pub trait Fold: Debug + Send + Sync + Sized + 'static {
    type State: Clone + Default + Debug + Send + Sync + 'static;
    /// The arguments of a batch, downcast once.
    type Input;
    /// The partial states of a batch, downcast once.
    type Partial;

    /// Whether [`Fold::retract`] undoes an update exactly.
    const RETRACT: bool = false;
    /// Bytes on the heap that a row adds to a state, estimated.
    const GROWTH: usize = 0;

    fn new(spec: &Spec) -> Result<Self>;
    /// Bytes that a state has at most on the heap, however many rows it takes.
    fn most(&self) -> usize {
        usize::MAX
    }
    fn state_types(spec: &Spec) -> Vec<DataType>;
    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input>;
    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()>;
    /// [`Fold::update`] with all rows of a batch, each into the state of its group, where that is quicker than row by
    /// row; `None` where it is not, and nothing was done.
    fn update_all(&self, _states: &mut [Self::State], _input: &Self::Input, _groups: &[usize]) -> Option<Result<()>> {
        None
    }
    fn retract(&self, _state: &mut Self::State, _input: &Self::Input, _row: usize) -> Result<()> {
        Ok(())
    }
    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>>;
    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial>;
    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()>;
    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef>;
}

/// Makes accumulators of one function.
#[derive(Debug, Clone, Copy)]
pub struct Factory {
    pub state_types: fn(&Spec) -> Vec<DataType>,
    pub single: fn(&Spec) -> Result<Box<dyn Accumulator>>,
    pub groups: fn(&Spec) -> Result<Box<dyn GroupsAccumulator>>,
}

impl Factory {
    /// The factory of a fold.
    pub fn of<F: Fold>() -> Self {
        Self {
            state_types: F::state_types,
            single: |spec| Ok(Box::new(Single { fold: F::new(spec)?, state: F::State::default(), rows: 0 })),
            groups: |spec| Ok(Box::new(Groups { fold: F::new(spec)?, states: vec![], rows: 0 })),
        }
    }
}

/// An aggregate call of a factory's function over `args`.
pub fn aggregate(call: &Call, factory: Factory, spec: Spec, args: Vec<Expr>, name: String) -> Typed {
    let (return_type, nullable) = (spec.return_type.clone(), spec.nullable);
    let function = FoldFunction { spec, factory, signature: Signature::variadic_any(Volatility::Immutable) };
    let params =
        AggregateFunctionParams { args, distinct: call.distinct, filter: None, order_by: vec![], null_treatment: None };
    let func = Arc::new(AggregateUDF::from(function));
    Typed::new(Expr::AggregateFunction(AggregateFunction { func, params }), name, return_type, nullable)
}

/// [`aggregate`] for a fold over typed arguments, under the call's own name.
pub fn fold<F: Fold>(
    call: &Call,
    name: &'static str,
    args: Vec<Typed>,
    return_type: DataType,
    nullable: bool,
) -> Typed {
    fold_with::<F>(call, name, args, return_type, nullable, String::new())
}

/// [`fold`] with a setting.
pub fn fold_with<F: Fold>(
    call: &Call,
    name: &'static str,
    args: Vec<Typed>,
    return_type: DataType,
    nullable: bool,
    param: String,
) -> Typed {
    let spec = Spec {
        name,
        inputs: args.iter().map(|arg| arg.data_type.clone()).collect(),
        return_type,
        nullable,
        ignore_nulls: call.ignore_nulls,
        env: call.env.clone(),
        param,
    };
    aggregate(call, Factory::of::<F>(), spec, args.into_iter().map(|arg| arg.expr).collect(), call.display())
}

#[derive(Debug)]
struct FoldFunction {
    spec: Spec,
    factory: Factory,
    signature: Signature,
}

impl PartialEq for FoldFunction {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Eq for FoldFunction {}

impl Hash for FoldFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.spec.hash(state);
    }
}

impl FoldFunction {
    fn single(&self) -> DfResult<Box<dyn Accumulator>> {
        (self.factory.single)(&self.spec).map_err(to_datafusion)
    }
}

impl AggregateUDFImpl for FoldFunction {
    fn name(&self) -> &str {
        self.spec.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(self.spec.return_type.clone())
    }

    fn return_field(&self, _: &[FieldRef]) -> DfResult<FieldRef> {
        Ok(Arc::new(Field::new(self.spec.name, self.spec.return_type.clone(), self.spec.nullable)))
    }

    fn is_nullable(&self) -> bool {
        self.spec.nullable
    }

    fn accumulator(&self, args: AccumulatorArgs) -> DfResult<Box<dyn Accumulator>> {
        if args.is_distinct {
            return Ok(Box::new(Distinct::new(&self.spec, self.factory)?));
        }
        self.single()
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> DfResult<Box<dyn Accumulator>> {
        let single = self.single()?;
        if single.supports_retract_batch() && !args.is_distinct {
            return Ok(single);
        }
        let distinct = args.is_distinct;
        Ok(Box::new(Sliding { spec: self.spec.clone(), factory: self.factory, distinct, batches: VecDeque::new() }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> DfResult<Vec<FieldRef>> {
        let field = |(index, data_type): (usize, DataType)| {
            Arc::new(Field::new(format!("{}[{index}]", args.name), data_type, true))
        };
        if args.is_distinct {
            return Ok(vec![field((0, distinct_state_type(&self.spec)))]);
        }
        Ok((self.factory.state_types)(&self.spec).into_iter().enumerate().map(field).collect())
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> DfResult<Box<dyn GroupsAccumulator>> {
        (self.factory.groups)(&self.spec).map_err(to_datafusion)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::NotSupported
    }

    fn default_value(&self, _: &DataType) -> DfResult<ScalarValue> {
        self.single()?.evaluate()
    }
}

/// One state.
#[derive(Debug)]
struct Single<F: Fold> {
    fold: F,
    state: F::State,
    rows: usize,
}

impl<F: Fold> Accumulator for Single<F> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let rows = values.first().map_or(0, |array| array.len());
        let input = self.fold.input(values).map_err(to_datafusion)?;
        for row in 0..rows {
            self.fold.update(&mut self.state, &input, row).map_err(to_datafusion)?;
        }
        self.rows += rows;
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let rows = values.first().map_or(0, |array| array.len());
        let input = self.fold.input(values).map_err(to_datafusion)?;
        for row in 0..rows {
            self.fold.retract(&mut self.state, &input, row).map_err(to_datafusion)?;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        F::RETRACT
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let array = self.fold.finish(std::slice::from_ref(&self.state)).map_err(to_datafusion)?;
        ScalarValue::try_from_array(&array, 0)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        let columns = self.fold.to_partial(std::slice::from_ref(&self.state)).map_err(to_datafusion)?;
        columns.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let rows = states.first().map_or(0, |array| array.len());
        let partial = self.fold.partial(states).map_err(to_datafusion)?;
        for row in 0..rows {
            self.fold.merge(&mut self.state, &partial, row).map_err(to_datafusion)?;
        }
        self.rows += rows;
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + (self.rows * F::GROWTH).min(self.fold.most())
    }
}

/// One state a group.
struct Groups<F: Fold> {
    fold: F,
    states: Vec<F::State>,
    rows: usize,
}

impl<F: Fold> Groups<F> {
    fn fill(
        fold: &F,
        states: &mut [F::State],
        values: &[ArrayRef],
        groups: &[usize],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let input = fold.input(values)?;
        if opt_filter.is_none()
            && let Some(done) = fold.update_all(states, &input, groups)
        {
            return done;
        }
        for (row, &group) in groups.iter().enumerate() {
            if opt_filter.is_none_or(|keep| keep.is_valid(row) && keep.value(row)) {
                fold.update(&mut states[group], &input, row)?;
            }
        }
        Ok(())
    }
}

impl<F: Fold> GroupsAccumulator for Groups<F> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DfResult<()> {
        self.states.resize_with(total_num_groups, F::State::default);
        self.rows += group_indices.len();
        Self::fill(&self.fold, &mut self.states, values, group_indices, opt_filter).map_err(to_datafusion)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DfResult<ArrayRef> {
        let states = emit_to.take_needed(&mut self.states);
        self.fold.finish(&states).map_err(to_datafusion)
    }

    fn state(&mut self, emit_to: EmitTo) -> DfResult<Vec<ArrayRef>> {
        let states = emit_to.take_needed(&mut self.states);
        self.fold.to_partial(&states).map_err(to_datafusion)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> DfResult<()> {
        self.states.resize_with(total_num_groups, F::State::default);
        self.rows += group_indices.len();
        let partial = self.fold.partial(values).map_err(to_datafusion)?;
        for (row, &group) in group_indices.iter().enumerate() {
            self.fold.merge(&mut self.states[group], &partial, row).map_err(to_datafusion)?;
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |array| array.len());
        let mut states = vec![F::State::default(); rows];
        let groups: Vec<usize> = (0..rows).collect();
        Self::fill(&self.fold, &mut states, values, &groups, opt_filter).map_err(to_datafusion)?;
        self.fold.to_partial(&states).map_err(to_datafusion)
    }

    fn size(&self) -> usize {
        let most = self.states.len().saturating_mul(self.fold.most());
        self.states.capacity() * size_of::<F::State>() + (self.rows * F::GROWTH).min(most)
    }
}

/// A window frame that slides, for a function that cannot undo an update: its rows are kept and
/// folded again for each frame, as Spark does.
#[derive(Debug)]
struct Sliding {
    spec: Spec,
    factory: Factory,
    distinct: bool,
    batches: VecDeque<Vec<ArrayRef>>,
}

impl Accumulator for Sliding {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        if values.first().is_some_and(|array| !array.is_empty()) {
            self.batches.push_back(values.to_vec());
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let mut leaving = values.first().map_or(0, |array| array.len());
        while leaving > 0 {
            let Some(oldest) = self.batches.pop_front() else { break };
            let rows = oldest[0].len();
            if rows > leaving {
                self.batches.push_front(oldest.iter().map(|array| array.slice(leaving, rows - leaving)).collect());
                break;
            }
            leaving -= rows;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let mut inner: Box<dyn Accumulator> = if self.distinct {
            Box::new(Distinct::new(&self.spec, self.factory)?)
        } else {
            (self.factory.single)(&self.spec).map_err(to_datafusion)?
        };
        for batch in &self.batches {
            inner.update_batch(batch)?;
        }
        inner.evaluate()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        datafusion::common::internal_err!("a sliding accumulator has no partial state")
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> DfResult<()> {
        datafusion::common::internal_err!("a sliding accumulator has no partial state")
    }

    fn size(&self) -> usize {
        self.batches.iter().flatten().map(|array| array.get_array_memory_size()).sum()
    }
}

/// Distinct rows of arguments, handed to the function itself at the end.
struct Distinct {
    spec: Spec,
    factory: Factory,
    converter: RowConverter,
    seen: HashSet<OwnedRow>,
    /// In order of appearance.
    rows: Vec<OwnedRow>,
}

impl Debug for Distinct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Distinct").field("spec", &self.spec).field("rows", &self.rows.len()).finish()
    }
}

fn distinct_state_type(spec: &Spec) -> DataType {
    let field = |(index, data_type): (usize, &DataType)| Field::new(format!("c{index}"), data_type.clone(), true);
    let fields: Fields = spec.inputs.iter().enumerate().map(field).collect();
    DataType::List(Arc::new(Field::new("element", DataType::Struct(fields), true)))
}

impl Distinct {
    fn new(spec: &Spec, factory: Factory) -> DfResult<Self> {
        let converter = RowConverter::new(spec.inputs.iter().cloned().map(SortField::new).collect())?;
        Ok(Self { spec: spec.clone(), factory, converter, seen: HashSet::new(), rows: vec![] })
    }

    fn columns(&self) -> DfResult<Vec<ArrayRef>> {
        Ok(self.converter.convert_rows(self.rows.iter().map(OwnedRow::row))?)
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let rows = self.converter.convert_columns(values)?;
        for row in &rows {
            let row = row.owned();
            if !self.seen.contains(&row) {
                self.seen.insert(row.clone());
                self.rows.push(row);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let mut inner = (self.factory.single)(&self.spec).map_err(to_datafusion)?;
        inner.update_batch(&self.columns()?)?;
        inner.evaluate()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        let DataType::List(element) = distinct_state_type(&self.spec) else { unreachable!("made as a list above") };
        let DataType::Struct(fields) = element.data_type() else { unreachable!("made as a struct above") };
        let values = StructArray::new(fields.clone(), self.columns()?, None);
        let offsets = OffsetBuffer::from_lengths([values.len()]);
        Ok(vec![ScalarValue::List(Arc::new(ListArray::new(element, offsets, Arc::new(values), None)))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let lists = states[0].as_any().downcast_ref::<ListArray>().expect("the state is a list");
        for row in (0..lists.len()).filter(|row| lists.is_valid(*row)) {
            let values = lists.value(row);
            let values = values.as_any().downcast_ref::<StructArray>().expect("of structs");
            self.update_batch(values.columns())?;
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.rows.iter().map(|row| 2 * row.row().as_ref().len() + 64).sum()
    }
}

/// Rows of `values` that pass the filter of a FILTER clause.
pub fn apply_filter(values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
    match opt_filter {
        None => Ok(values.to_vec()),
        Some(keep) => values.iter().map(|array| filter(array, keep).map_err(from_arrow)).collect(),
    }
}
