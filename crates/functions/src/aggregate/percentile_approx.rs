//! `percentile_approx`, `approx_percentile`, and `approxQuantile` of DataFrames: values that occur, from a summary.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, DurationMicrosecondType, Float64Type, Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType, TimeUnit,
};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError, types};

use super::fold::{Fold, Spec, fold_with};
use super::percentile::{is_number, out_of_range, pack, parse_param, percentages};
use super::quantile_summary::{MOST_BYTES, QuantileSummary};
use crate::kernel::{from_arrow, from_datafusion};
use crate::{Call, Typed};

/// `percentile_approx(x, percentage[, accuracy])`, `approx_percentile`: a value that occurs.
pub fn percentile_approx(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    if call.args.len() == 2 {
        let accuracy = Typed::literal(ScalarValue::Int32(Some(10_000)), "10000");
        let args = call.args.iter().cloned().chain([accuracy]).collect();
        return percentile_approx(&Call { name: call.name, args, env: call.env, ..*call });
    }
    let value = match &call.args[0].data_type {
        data_type if is_number(data_type) => call.args[0].clone(),
        DataType::Date32
        | DataType::Timestamp(..)
        | DataType::Duration(TimeUnit::Microsecond)
        | DataType::Interval(IntervalUnit::YearMonth) => call.args[0].clone(),
        DataType::Null | DataType::Utf8 => call.coerce(0, &DataType::Float64)?,
        DataType::Time64(_) => call.coerce(0, &DataType::Date32)?,
        _ => {
            return Err(call.unexpected_type(
                0,
                "(\"NUMERIC\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or \"INTERVAL YEAR TO MONTH\" or \
                 \"INTERVAL DAY TO SECOND\")",
            ));
        }
    };
    let percentages = percentages(call, 1)?;
    if !call.args[2].data_type.is_integer() && call.args[2].data_type != DataType::Null {
        return Err(call.unexpected_type(2, "\"INTEGRAL\""));
    }
    let error = match call.constant(2)?.cast_to(&DataType::Int64).map_err(from_datafusion)? {
        ScalarValue::Int64(Some(accuracy)) if (1..=i64::from(i32::MAX)).contains(&accuracy) => 1.0 / accuracy as f64,
        ScalarValue::Int64(Some(other)) => {
            return Err(out_of_range(call, "accuracy", "(0, 2147483647]", &format!("{other}L")));
        }
        _ => {
            return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_NULL")
                .with("exprName", "accuracy")
                .with("sqlExpr", format!("\"{}\"", call.display())));
        }
    };
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let name = format!("{}({distinct}{}, {}, {})", call.name, call.args[0].name, call.args[1].name, call.args[2].name);
    let output = value.data_type.clone();
    let output = if percentages.array { types::array(output, false) } else { output };
    let param = percentages.param(&error.to_string());
    Ok(fold_with::<Approximate>(call, "percentile_approx", vec![value], output, true, param).named(name))
}

/// `approxQuantile`'s own: `approx_quantile(x, percentages, error)`, the error as it is.
pub fn approx_quantile(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    let percentages = percentages(call, 1)?;
    let ScalarValue::Float64(Some(error)) = call.constant(2)? else {
        return Err(SparkError::internal("the error of a quantile is a number"));
    };
    let output = types::array(DataType::Float64, false);
    let param = percentages.param(&error.to_string());
    Ok(fold_with::<Approximate>(
        call,
        "percentile_approx",
        vec![call.coerce(0, &DataType::Float64)?],
        output,
        true,
        param,
    ))
}

#[derive(Debug)]
struct Approximate {
    spec: Spec,
    /// Of ranks, as a share of the count.
    error: f64,
    percentages: Vec<f64>,
}

impl Fold for Approximate {
    type State = QuantileSummary;
    /// The values as doubles.
    type Input = Float64Array;
    type Partial = BinaryArray;

    const GROWTH: usize = size_of::<f64>();

    fn new(spec: &Spec) -> Result<Self> {
        let (error, percentages) = parse_param(&spec.param);
        let error = error.parse().map_err(|_| SparkError::internal("the error of a percentile is no number"))?;
        Ok(Self { spec: spec.clone(), error, percentages })
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Binary]
    }

    fn most(&self) -> usize {
        // A tiny error keeps nearly all values.
        if self.error > 1e-5 { MOST_BYTES } else { usize::MAX }
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        let numbers = match values[0].data_type() {
            DataType::Interval(_) => {
                return Ok(values[0].as_primitive::<IntervalYearMonthType>().unary(f64::from));
            }
            DataType::Date32 => cast(&values[0], &DataType::Int32).map_err(from_arrow)?,
            DataType::Duration(_) | DataType::Timestamp(..) => {
                cast(&values[0], &DataType::Int64).map_err(from_arrow)?
            }
            _ => Arc::clone(&values[0]),
        };
        Ok(cast(&numbers, &DataType::Float64).map_err(from_arrow)?.as_primitive::<Float64Type>().clone())
    }

    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_valid(row) {
            state.insert(input.value(row), self.error);
        }
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        let bytes = states.iter().map(|state| {
            let mut state = state.clone();
            state.compress(self.error);
            state.to_bytes()
        });
        Ok(vec![Arc::new(BinaryArray::from_iter_values(bytes))])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok(columns[0].as_binary::<i32>().clone())
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        state.merge(QuantileSummary::from_bytes(partial.value(row)), self.error);
        Ok(())
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        let mut results: Vec<Option<f64>> = vec![];
        let mut offsets = vec![0];
        for state in states {
            let mut state = state.clone();
            state.compress(self.error);
            let found = state.quantiles(&self.percentages, self.error);
            offsets.push(offsets[offsets.len() - 1] + usize::from(found.is_some()));
            match found {
                Some(found) => results.extend(found.into_iter().map(Some)),
                None => results.extend(self.percentages.iter().map(|_| None)),
            }
        }
        let element = match &self.spec.return_type {
            DataType::List(element) => element.data_type(),
            other => other,
        };
        pack(&self.spec, back(results.into_iter().collect(), element)?, self.percentages.len(), &offsets)
    }
}

/// Doubles as values of the argument's type.
fn back(values: Float64Array, data_type: &DataType) -> Result<ArrayRef> {
    let whole = match data_type {
        DataType::Interval(_) => return Ok(Arc::new(values.unary::<_, IntervalYearMonthType>(|months| months as i32))),
        DataType::Duration(_) => return Ok(Arc::new(values.unary::<_, DurationMicrosecondType>(|us| us as i64))),
        DataType::Date32 => Arc::new(values.unary::<_, Int32Type>(|days| days as i32)) as ArrayRef,
        DataType::Timestamp(..) | DataType::Int64 => Arc::new(values.unary::<_, Int64Type>(|number| number as i64)),
        _ => Arc::new(values),
    };
    cast(&whole, data_type).map_err(from_arrow)
}
