//! Aggregate functions that the pandas API sends: statistics with pandas' degrees of freedom and corrections, products,
//! modes. Spark's `PandasProduct`, `PandasStddev`, `PandasVariance`, `PandasSkewness`, `PandasKurtosis`, `PandasCovar`,
//! `PandasMode`, `CollectTopK`. Those over windows are in `running`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError, types};

use super::fold::{Fold, Spec, fold_with};
use super::gather::{self, KEEP_NULLS, gather};
use super::moments::{Moments, Pairs, double, doubles};
use crate::{Call, Typed};

/// Below that pandas takes a power of deviations for zero.
const NOTHING: f64 = 1e-14;

fn cleaned(value: f64) -> f64 {
    if value.abs() < NOTHING { 0.0 } else { value }
}

pub(super) fn flag(call: &Call, index: usize) -> Result<bool> {
    match call.constant(index)? {
        ScalarValue::Boolean(Some(flag)) => Ok(*flag),
        _ => Err(call.unexpected_type(index, "\"BOOLEAN\"")),
    }
}

fn integer(call: &Call, index: usize) -> Result<i64> {
    match call.constant(index)?.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(Some(number))) => Ok(number),
        _ => Err(call.unexpected_type(index, "\"INT\"")),
    }
}

/// `pandas_stddev(x, ddof)`.
pub fn stddev(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    central(call, "pandas_stddev", integer(call, 1)?)
}

/// `pandas_var(x, ddof)`.
pub fn var(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    central(call, "pandas_var", integer(call, 1)?)
}

/// `pandas_skew(x)`.
pub fn skew(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    central(call, "pandas_skew", 0)
}

/// `pandas_kurt(x)`.
pub fn kurt(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    central(call, "pandas_kurt", 0)
}

fn central(call: &Call, name: &'static str, ddof: i64) -> Result<Typed> {
    Ok(fold_with::<Central>(call, name, vec![double(call, 0)?], DataType::Float64, true, ddof.to_string()))
}

/// Statistics of one column's moments.
#[derive(Debug)]
struct Central {
    of: fn(&Moments, f64) -> Option<f64>,
    ddof: f64,
}

fn variance_of(m: &Moments, ddof: f64) -> Option<f64> {
    (m.n > 0.0 && m.n != ddof).then(|| m.m2 / (m.n - ddof))
}

fn skewness_of(m: &Moments, _: f64) -> Option<f64> {
    let (m2, m3) = (cleaned(m.m2), cleaned(m.m3));
    match (m.n < 3.0, m2 == 0.0) {
        (true, _) => None,
        (_, true) => Some(0.0),
        _ => Some(m.n * (m.n - 1.0).sqrt() / (m.n - 2.0) * m3 / (m2 * m2 * m2).sqrt()),
    }
}

fn kurtosis_of(m: &Moments, _: f64) -> Option<f64> {
    let n = m.n;
    let adjustment = ((n - 1.0) / (n - 2.0)) * ((n - 1.0) / (n - 3.0)) * 3.0;
    let numerator = cleaned(n * (n + 1.0) * (n - 1.0) * m.m4);
    let denominator = cleaned((n - 2.0) * (n - 3.0) * m.m2 * m.m2);
    match (n < 4.0, denominator == 0.0) {
        (true, _) => None,
        (_, true) => Some(0.0),
        _ => Some(numerator / denominator - adjustment),
    }
}

fn ddof_of(spec: &Spec) -> Result<f64> {
    spec.param.parse().map_err(|_| SparkError::internal(format!("ddof {}", spec.param)))
}

impl Fold for Central {
    type State = Moments;
    type Input = Float64Array;
    type Partial = Vec<Float64Array>;

    fn new(spec: &Spec) -> Result<Self> {
        let of = match spec.name {
            "pandas_stddev" => |m: &Moments, ddof| variance_of(m, ddof).map(f64::sqrt),
            "pandas_skew" => skewness_of,
            "pandas_kurt" => kurtosis_of,
            _ => variance_of,
        };
        Ok(Self { of, ddof: ddof_of(spec)? })
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Float64; 5]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(values[0].as_primitive::<Float64Type>().clone())
    }

    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_valid(row) {
            state.update(input.value(row));
        }
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        Ok(Moments::to_columns(states))
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok(doubles(columns))
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        state.merge_columns(partial, row);
        Ok(())
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        Ok(Arc::new(states.iter().map(|state| (self.of)(state, self.ddof)).collect::<Float64Array>()))
    }
}

/// `pandas_covar(x, y, ddof)`.
pub fn covar(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    let args = vec![double(call, 0)?, double(call, 1)?];
    let ddof = integer(call, 2)?.to_string();
    Ok(fold_with::<Covar>(call, "pandas_covar", args, DataType::Float64, true, ddof))
}

#[derive(Debug)]
struct Covar {
    ddof: f64,
}

impl Fold for Covar {
    type State = Pairs;
    type Input = (Float64Array, Float64Array);
    type Partial = Vec<Float64Array>;

    fn new(spec: &Spec) -> Result<Self> {
        Ok(Self { ddof: ddof_of(spec)? })
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Float64; 6]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok((values[0].as_primitive().clone(), values[1].as_primitive().clone()))
    }

    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.0.is_valid(row) && input.1.is_valid(row) {
            state.update(input.0.value(row), input.1.value(row), false);
        }
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        Ok(Pairs::to_columns(states))
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok(doubles(columns))
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        state.merge_columns(partial, row);
        Ok(())
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        let of = |p: &Pairs| (p.n > 0.0 && p.n != self.ddof).then(|| p.ck / (p.n - self.ddof));
        Ok(Arc::new(states.iter().map(of).collect::<Float64Array>()))
    }
}

/// `pandas_product(x, dropna)`: a BIGINT of whole numbers, else a DOUBLE; 1 of nothing; NULL with a NULL that is not
/// to be dropped.
pub fn product(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let param = if flag(call, 1)? { "drop" } else { "keep" }.to_string();
    let whole = call.args[0].data_type.is_integer();
    let target = if whole { DataType::Int64 } else { DataType::Float64 };
    let args = vec![call.coerce(0, &target)?];
    Ok(if whole {
        fold_with::<Product<Int64Array>>(call, "pandas_product", args, target, true, param)
    } else {
        fold_with::<Product<Float64Array>>(call, "pandas_product", args, target, true, param)
    })
}

/// Numbers that can be multiplied.
trait Factors: Array + Clone + std::fmt::Debug + FromIterator<Option<Self::Number>> + 'static {
    type Number: Copy + Default + std::fmt::Debug + Send + Sync + 'static;
    const ONE: Self::Number;
    fn of(array: &ArrayRef) -> Self;
    fn number(&self, row: usize) -> Self::Number;
    fn times(a: Self::Number, b: Self::Number) -> Result<Self::Number>;
}

impl Factors for Int64Array {
    type Number = i64;
    const ONE: i64 = 1;
    fn of(array: &ArrayRef) -> Self {
        array.as_primitive::<Int64Type>().clone()
    }
    fn number(&self, row: usize) -> i64 {
        self.value(row)
    }
    fn times(a: i64, b: i64) -> Result<i64> {
        // pandas wraps, and so does Spark outside of ANSI mode; in it the pandas API does not run.
        Ok(a.wrapping_mul(b))
    }
}

impl Factors for Float64Array {
    type Number = f64;
    const ONE: f64 = 1.0;
    fn of(array: &ArrayRef) -> Self {
        array.as_primitive::<Float64Type>().clone()
    }
    fn number(&self, row: usize) -> f64 {
        self.value(row)
    }
    fn times(a: f64, b: f64) -> Result<f64> {
        Ok(a * b)
    }
}

#[derive(Debug)]
struct Product<A> {
    drop: bool,
    data_type: std::marker::PhantomData<fn() -> A>,
}

/// The product so far, None for 1; whether a NULL was there.
type ProductState<A> = (Option<<A as Factors>::Number>, bool);

impl<A: Factors> Fold for Product<A> {
    type State = ProductState<A>;
    type Input = A;
    type Partial = (A, BooleanArray);

    fn new(spec: &Spec) -> Result<Self> {
        Ok(Self { drop: spec.param == "drop", data_type: std::marker::PhantomData })
    }

    fn state_types(spec: &Spec) -> Vec<DataType> {
        vec![spec.return_type.clone(), DataType::Boolean]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(A::of(&values[0]))
    }

    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_valid(row) {
            state.0 = Some(A::times(state.0.unwrap_or(A::ONE), input.number(row))?);
        } else {
            state.1 = true;
        }
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        let products: A = states.iter().map(|state| state.0).collect();
        let nulls: BooleanArray = states.iter().map(|state| Some(state.1)).collect();
        Ok(vec![Arc::new(products), Arc::new(nulls)])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok((A::of(&columns[0]), columns[1].as_boolean().clone()))
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        if partial.0.is_valid(row) {
            self.update(state, &partial.0, row)?;
        }
        state.1 |= partial.1.value(row);
        Ok(())
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        let of = |state: &Self::State| (self.drop || !state.1).then(|| state.0.unwrap_or(A::ONE));
        Ok(Arc::new(states.iter().map(of).collect::<A>()))
    }
}

/// `pandas_mode(x, dropna)`: an array of all most frequent values.
pub fn mode(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let param = if flag(call, 1)? { "" } else { KEEP_NULLS }.to_string();
    let value = call.args[0].clone();
    let list = types::array(value.data_type.clone(), true);
    Ok(gather(call, "pandas_mode", vec![value], list, true, param, super::mode::all_most_frequent))
}

/// `collect_top_k(x, k, reverse)`: the k greatest values, the greatest first; the least ones if `reverse`.
pub fn collect_top_k(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    let count = integer(call, 1)?;
    let finish = if flag(call, 2)? { gather::top_min } else { gather::top_max };
    let value = call.args[0].clone();
    let list = types::array(value.data_type.clone(), true);
    Ok(gather(call, "collect_top_k", vec![value.clone(), value], list, false, count.to_string(), finish))
}
