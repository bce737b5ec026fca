//! An aggregate function in two steps that stand in plans of their own: [`first`] gives the state of a group as a struct,
//! [`second`] brings such states together. Between them rows can be grouped otherwise, as `DISTINCT` needs it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

/// The first step of `function` over arguments with these fields.
pub fn first(function: &Arc<AggregateUDF>, arguments: Vec<FieldRef>) -> Result<AggregateUDF> {
    Ok(AggregateUDF::from(Step::new(function, arguments, Part::First)?))
}

/// The second step; its argument is the struct of the first.
pub fn second(function: &Arc<AggregateUDF>, arguments: Vec<FieldRef>) -> Result<AggregateUDF> {
    Ok(AggregateUDF::from(Step::new(function, arguments, Part::Second)?))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    First,
    Second,
}

#[derive(Debug, Clone)]
struct Step {
    function: Arc<AggregateUDF>,
    arguments: Vec<FieldRef>,
    /// What the whole function gives.
    returns: FieldRef,
    state: Fields,
    part: Part,
    name: String,
    signature: Signature,
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        (&self.function, &self.arguments, self.part) == (&other.function, &other.arguments, other.part)
    }
}

impl Eq for Step {}

impl Hash for Step {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.function, &self.arguments, self.part).hash(state);
    }
}

impl Step {
    fn new(function: &Arc<AggregateUDF>, arguments: Vec<FieldRef>, part: Part) -> Result<Self> {
        let returns = function.return_field(&arguments)?;
        let state = function.state_fields(StateFieldsArgs {
            name: function.name(),
            input_fields: &arguments,
            return_field: Arc::clone(&returns),
            ordering_fields: &[],
            is_distinct: false,
        })?;
        let name = match part {
            Part::First => format!("partial_{}", function.name()),
            Part::Second => format!("merged_{}", function.name()),
        };
        let state = state.iter().map(|field| Arc::new(field.as_ref().clone().with_nullable(true))).collect();
        let signature = Signature::variadic_any(Volatility::Immutable);
        Ok(Self { function: Arc::clone(function), arguments, returns, state, part, name, signature })
    }

    /// The arguments of the function's own accumulators.
    fn own<'a>(&'a self, args: &AccumulatorArgs<'a>) -> AccumulatorArgs<'a> {
        AccumulatorArgs {
            return_field: Arc::clone(&self.returns),
            schema: args.schema,
            ignore_nulls: args.ignore_nulls,
            order_bys: args.order_bys,
            is_reversed: args.is_reversed,
            name: args.name,
            is_distinct: false,
            exprs: args.exprs,
            expr_fields: &self.arguments,
        }
    }
}

impl AggregateUDFImpl for Step {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.part {
            Part::First => DataType::Struct(self.state.clone()),
            Part::Second => self.returns.data_type().clone(),
        })
    }

    fn return_field(&self, _: &[FieldRef]) -> Result<FieldRef> {
        Ok(match self.part {
            Part::First => Arc::new(Field::new(&self.name, DataType::Struct(self.state.clone()), false)),
            Part::Second => Arc::clone(&self.returns),
        })
    }

    fn is_nullable(&self) -> bool {
        self.part == Part::Second && self.returns.is_nullable()
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let inner = self.function.accumulator(self.own(&args))?;
        Ok(Box::new(Single { inner, state: self.state.clone(), part: self.part }))
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(self.state.iter().cloned().collect())
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.function.groups_accumulator_supported(self.own(&args))
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let inner = self.function.create_groups_accumulator(self.own(&args))?;
        Ok(Box::new(Groups { inner, state: self.state.clone(), part: self.part }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::NotSupported
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        match self.part {
            Part::First => ScalarValue::try_from(&DataType::Struct(self.state.clone())),
            Part::Second => self.function.default_value(self.returns.data_type()),
        }
    }
}

fn columns(values: &[ArrayRef]) -> &[ArrayRef] {
    values[0].as_struct().columns()
}

struct Single {
    inner: Box<dyn Accumulator>,
    state: Fields,
    part: Part,
}

impl std::fmt::Debug for Single {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Single").field("part", &self.part).finish_non_exhaustive()
    }
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        match self.part {
            Part::First => self.inner.update_batch(values),
            Part::Second => self.inner.merge_batch(columns(values)),
        }
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.part == Part::Second {
            return self.inner.evaluate();
        }
        let state = self.inner.state()?.iter().map(ScalarValue::to_array).collect::<Result<Vec<_>>>()?;
        Ok(ScalarValue::Struct(Arc::new(StructArray::try_new(self.state.clone(), state, None)?)))
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }
}

struct Groups {
    inner: Box<dyn GroupsAccumulator>,
    state: Fields,
    part: Part,
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        match self.part {
            Part::First => self.inner.update_batch(values, group_indices, opt_filter, total_num_groups),
            Part::Second => self.inner.merge_batch(columns(values), group_indices, total_num_groups),
        }
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        match self.part {
            Part::First => {
                let state = self.inner.state(emit_to)?;
                Ok(Arc::new(StructArray::try_new(self.state.clone(), state, None)?))
            }
            Part::Second => self.inner.evaluate(emit_to),
        }
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.inner.merge_batch(values, group_indices, total_num_groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        match self.part {
            Part::First => self.inner.convert_to_state(values, opt_filter),
            Part::Second => Ok(columns(values).to_vec()),
        }
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}
