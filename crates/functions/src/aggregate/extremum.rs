//! `min`, `max`, `min_by`, `max_by`. Spark's ordering: NaN is the greatest value, structs and arrays
//! compare element by element, NULLs first.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{AggregateUDF, Expr};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError, types};

use super::fold::{Fold, Spec, fold_with};
use super::gather;
use crate::kernel::{from_arrow, from_datafusion};
use crate::{Call, Typed};

/// `min(x)`.
pub fn min(call: &Call) -> Result<Typed> {
    extremum(call, "min", &min_udaf())
}

/// `max(x)`.
pub fn max(call: &Call) -> Result<Typed> {
    extremum(call, "max", &max_udaf())
}

/// `min_by(x, key)`, `min_by(x, key, k)`: the value (or the k values) with the least key.
pub fn min_by(call: &Call) -> Result<Typed> {
    by(call, "min_by")
}

/// `max_by(x, key)`, `max_by(x, key, k)`: the value (or the k values) with the greatest key.
pub fn max_by(call: &Call) -> Result<Typed> {
    by(call, "max_by")
}

/// Whether Spark can order values of a type.
pub fn orderable(data_type: &DataType) -> bool {
    match data_type {
        variant if types::is_variant(variant) => false,
        shape if types::is_shape(shape) => false,
        DataType::Map(..) | DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano) => false,
        DataType::List(element) => orderable(element.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| orderable(field.data_type())),
        _ => true,
    }
}

pub(super) fn require_order(call: &Call, index: usize) -> Result<()> {
    let arg = &call.args[index];
    if orderable(&arg.data_type) {
        return Ok(());
    }
    Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
        .with("functionName", name::quote(call.name))
        .with("dataType", format!("\"{}\"", arg.sql_type()))
        .with("sqlExpr", format!("\"{}\"", call.display())))
}

fn extremum(call: &Call, function: &'static str, udaf: &Arc<AggregateUDF>) -> Result<Typed> {
    call.arity(1)?;
    require_order(call, 0)?;
    let arg = &call.args[0];
    let data_type = arg.data_type.clone();
    if matches!(data_type, DataType::Struct(_) | DataType::List(_) | DataType::Null) {
        // The value is its own key.
        return Ok(fold_with::<Best>(
            call,
            function,
            vec![arg.clone(), arg.clone()],
            data_type,
            true,
            function.to_string(),
        ));
    }
    // DISTINCT changes nothing here.
    let args = vec![arg.expr.clone()];
    let params =
        AggregateFunctionParams { args, distinct: false, filter: None, order_by: vec![], null_treatment: None };
    let expr = Expr::AggregateFunction(AggregateFunction { func: Arc::clone(udaf), params });
    Ok(Typed::new(expr, call.display(), data_type, true))
}

/// `min_by` or `max_by` that keeps the first of equal keys: `first_min`, `first_max`.
pub fn first_by(call: &Call, param: &str) -> Result<Typed> {
    require_order(call, 1)?;
    let data_type = call.args[0].data_type.clone();
    let function = if param == "first_max" { "max" } else { "min" };
    Ok(fold_with::<Best>(call, function, call.args.clone(), data_type, true, param.to_string()))
}

fn by(call: &Call, function: &'static str) -> Result<Typed> {
    call.arity(2..=3)?;
    require_order(call, 1)?;
    let greatest = if function == "max_by" { "max" } else { "min" };
    if call.args.len() == 3 {
        call.constant(2)?;
        let count = call.coerce(2, &DataType::Int32)?;
        let Some(ScalarValue::Int32(Some(limit))) = count.as_literal().cloned() else {
            return Err(call.unexpected_type(2, "\"INT\""));
        };
        if !(1..=100_000).contains(&limit) {
            return Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
                .with("exprName", "`k`")
                .with("valueRange", "[1, 100000]")
                .with("currentValue", limit.to_string())
                .with("sqlExpr", format!("\"{}\"", call.display())));
        }
        let element = call.args[0].data_type.clone();
        let finish = if greatest == "max" { gather::top_max } else { gather::top_min };
        let args = vec![call.args[1].clone(), call.args[0].clone()];
        let output = types::array(element, true);
        return Ok(gather::gather(call, function, args, output, true, limit.to_string(), finish));
    }
    let data_type = call.args[0].data_type.clone();
    Ok(fold_with::<Best>(call, function, call.args.clone(), data_type, true, greatest.to_string()))
}

/// The value whose key is the best so far; keys are compared by their row encoding.
#[derive(Debug)]
struct Best {
    greatest: bool,
    /// Keeps the first of equal keys.
    first: bool,
    converter: Arc<RowConverter>,
    return_type: DataType,
}

impl Best {
    fn offer(
        &self,
        state: &mut Option<(Box<[u8]>, ScalarValue)>,
        key: &[u8],
        values: &ArrayRef,
        row: usize,
    ) -> Result<()> {
        let better = match state {
            None => true,
            // Of equal keys Spark's max_by and min_by keep the later one.
            Some((best, _)) if self.first && key == &**best => false,
            Some((best, _)) if self.greatest => key >= &**best,
            Some((best, _)) => key <= &**best,
        };
        if better {
            *state = Some((key.into(), ScalarValue::try_from_array(values, row).map_err(from_datafusion)?));
        }
        Ok(())
    }
}

impl Fold for Best {
    type State = Option<(Box<[u8]>, ScalarValue)>;
    type Input = (ArrayRef, ArrayRef, Arc<Rows>);
    type Partial = (ArrayRef, BinaryArray);

    const GROWTH: usize = 8;

    fn new(spec: &Spec) -> Result<Self> {
        let converter = RowConverter::new(vec![SortField::new(spec.inputs[1].clone())]).map_err(from_arrow)?;
        Ok(Self {
            greatest: spec.param.ends_with("max"),
            first: spec.param.starts_with("first"),
            converter: Arc::new(converter),
            return_type: spec.return_type.clone(),
        })
    }

    fn state_types(spec: &Spec) -> Vec<DataType> {
        vec![spec.return_type.clone(), DataType::Binary]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        let keys = self.converter.convert_columns(&values[1..2]).map_err(from_arrow)?;
        Ok((Arc::clone(&values[0]), Arc::clone(&values[1]), Arc::new(keys)))
    }

    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        let (values, keys, rows) = input;
        if keys.is_null(row) || keys.data_type() == &DataType::Null {
            return Ok(());
        }
        self.offer(state, rows.row(row).as_ref(), values, row)
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        let keys: BinaryArray = states.iter().map(|state| state.as_ref().map(|(key, _)| &**key)).collect();
        Ok(vec![self.finish(states)?, Arc::new(keys)])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok((Arc::clone(&columns[0]), columns[1].as_binary::<i32>().clone()))
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        if partial.1.is_null(row) {
            return Ok(());
        }
        self.offer(state, partial.1.value(row), &partial.0, row)
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        scalars(states.iter().map(|state| state.as_ref().map(|(_, value)| value)), &self.return_type)
    }
}

/// Scalars of one type as array.
pub(super) fn scalars<'a>(
    values: impl Iterator<Item = Option<&'a ScalarValue>>,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let null = ScalarValue::try_from(data_type).map_err(from_datafusion)?;
    let mut values = values.map(|value| value.cloned().unwrap_or_else(|| null.clone())).peekable();
    if values.peek().is_none() {
        return Ok(arrow::array::new_empty_array(data_type));
    }
    ScalarValue::iter_to_array(values).map_err(from_datafusion)
}
