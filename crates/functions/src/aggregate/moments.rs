//! Statistics of doubles: variance and its kin, correlation, linear regression, product.
//! Spark's `CentralMomentAgg`, `Covariance`, `Corr`, `linearRegression`: the same order of operations, so
//! that the last bits agree.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::logical_expr::when;
use firesteel_protocol::Result;

use super::fold::{Fold, Spec, fold};
use crate::kernel::from_datafusion;
use crate::{Call, Typed};

/// What of the moments a function yields; all moments are always kept (a few additions a row).
trait Statistic: std::fmt::Debug + Send + Sync + 'static {
    fn of(m: &Moments) -> Option<f64>;
}

/// Count, mean and sums of powers of deviations.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    pub n: f64,
    mean: f64,
    pub m2: f64,
    pub m3: f64,
    pub m4: f64,
}

impl Moments {
    pub(super) fn update(&mut self, value: f64) {
        let n = self.n + 1.0;
        let delta = value - self.mean;
        let delta_n = delta / n;
        let mean = self.mean + delta_n;
        let m2 = self.m2 + delta * (delta - delta_n);
        let delta2 = delta * delta;
        let delta_n2 = delta_n * delta_n;
        let m3 = self.m3 - 3.0 * delta_n * m2 + delta * (delta2 - delta_n2);
        let m4 = self.m4 - 4.0 * delta_n * m3 - 6.0 * delta_n2 * m2 + delta * (delta * delta2 - delta_n * delta_n2);
        *self = Self { n, mean, m2, m3, m4 };
    }

    fn merge(&mut self, other: &Self) {
        let (n1, n2) = (self.n, other.n);
        let n = n1 + n2;
        let delta = other.mean - self.mean;
        let delta_n = if n == 0.0 { 0.0 } else { delta / n };
        let m2 = self.m2 + other.m2 + delta * delta_n * n1 * n2;
        let m3 = self.m3
            + other.m3
            + delta_n * delta_n * delta * n1 * n2 * (n1 - n2)
            + 3.0 * delta_n * (n1 * other.m2 - n2 * self.m2);
        let m4 = self.m4
            + other.m4
            + delta_n * delta_n * delta_n * delta * n1 * n2 * (n1 * n1 - n1 * n2 + n2 * n2)
            + 6.0 * delta_n * delta_n * (n1 * n1 * other.m2 + n2 * n2 * self.m2)
            + 4.0 * delta_n * (n1 * other.m3 - n2 * self.m3);
        *self = Self { n, mean: self.mean + delta_n * n2, m2, m3, m4 };
    }

    pub(super) fn to_columns(states: &[Self]) -> Vec<ArrayRef> {
        columns(states, &[|m| m.n, |m| m.mean, |m| m.m2, |m| m.m3, |m| m.m4])
    }

    /// Merges what row `row` of [`Moments::to_columns`] says.
    pub(super) fn merge_columns(&mut self, partial: &[Float64Array], row: usize) {
        let [n, mean, m2, m3, m4] = std::array::from_fn(|column| partial[column].value(row));
        if n > 0.0 {
            self.merge(&Self { n, mean, m2, m3, m4 });
        }
    }
}

macro_rules! statistics {
    ($($function:ident, $kind:ident, $doc:literal, $of:expr;)*) => {$(
        #[derive(Debug)]
        struct $kind;
        impl Statistic for $kind {
            fn of(m: &Moments) -> Option<f64> {
                let of: fn(&Moments) -> Option<f64> = $of;
                of(m)
            }
        }
        #[doc = $doc]
        pub fn $function(call: &Call) -> Result<Typed> {
            call.arity(1)?;
            let args = vec![double(call, 0)?];
            Ok(fold::<One<$kind>>(call, stringify!($function), args, DataType::Float64, true))
        }
    )*};
}

statistics! {
    var_pop, VarPop, "`var_pop(x)`.", |m| (m.n > 0.0).then(|| m.m2 / m.n);
    var_samp, VarSamp, "`var_samp(x)`, `variance`: NULL for one value.", |m| (m.n > 1.0).then(|| m.m2 / (m.n - 1.0));
    stddev_pop, StddevPop, "`stddev_pop(x)`.", |m| (m.n > 0.0).then(|| (m.m2 / m.n).sqrt());
    stddev_samp, StddevSamp, "`stddev_samp(x)`, `stddev`, `std`: NULL for one value.",
        |m| (m.n > 1.0).then(|| (m.m2 / (m.n - 1.0)).sqrt());
    skewness, Skewness, "`skewness(x)`: NULL when all values are equal.",
        |m| (m.n > 0.0 && m.m2 != 0.0).then(|| m.n.sqrt() * m.m3 / (m.m2 * m.m2 * m.m2).sqrt());
    kurtosis, Kurtosis, "`kurtosis(x)`: excess kurtosis, NULL when all values are equal.",
        |m| (m.n > 0.0 && m.m2 != 0.0).then(|| m.n * m.m4 / (m.m2 * m.m2) - 3.0);
}

pub(super) fn double(call: &Call, index: usize) -> Result<Typed> {
    match call.args[index].data_type {
        DataType::Boolean
        | DataType::Date32
        | DataType::Timestamp(..)
        | DataType::List(_)
        | DataType::Struct(_)
        | DataType::Map(..)
        | DataType::Binary => Err(call.unexpected_type(index, "\"DOUBLE\"")),
        _ => call.coerce(index, &DataType::Float64),
    }
}

#[derive(Debug)]
struct One<S>(std::marker::PhantomData<S>);

impl<S: Statistic> Fold for One<S> {
    type State = Moments;
    type Input = Float64Array;
    type Partial = Vec<Float64Array>;

    fn new(_: &Spec) -> Result<Self> {
        Ok(Self(std::marker::PhantomData))
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Float64; 5]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(values[0].as_primitive::<Float64Type>().clone())
    }

    #[inline]
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
        Ok(Arc::new(states.iter().map(S::of).collect::<Float64Array>()))
    }
}

pub(super) fn columns<S>(states: &[S], fields: &[fn(&S) -> f64]) -> Vec<ArrayRef> {
    let column = |field: &fn(&S) -> f64| Arc::new(Float64Array::from_iter_values(states.iter().map(field))) as ArrayRef;
    fields.iter().map(column).collect()
}

pub(super) fn doubles(columns: &[ArrayRef]) -> Vec<Float64Array> {
    columns.iter().map(|column| column.as_primitive::<Float64Type>().clone()).collect()
}

/// Of pairs (x, y): count, means, sum of products of deviations, sums of squares of deviations.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pairs {
    pub n: f64,
    x: f64,
    y: f64,
    pub ck: f64,
    x2: f64,
    y2: f64,
}

impl Pairs {
    /// `regression` takes the squares as Spark's variance does, otherwise as its correlation does.
    pub(super) fn update(&mut self, x: f64, y: f64, regression: bool) {
        let n = self.n + 1.0;
        let dx = x - self.x;
        let dx_n = dx / n;
        let dy = y - self.y;
        let dy_n = dy / n;
        let (mean_x, mean_y) = (self.x + dx_n, self.y + dy_n);
        let squares =
            if regression { (dx * (dx - dx_n), dy * (dy - dy_n)) } else { (dx * (x - mean_x), dy * (y - mean_y)) };
        *self = Self {
            n,
            x: mean_x,
            y: mean_y,
            ck: self.ck + dx * (y - mean_y),
            x2: self.x2 + squares.0,
            y2: self.y2 + squares.1,
        };
    }

    fn merge(&mut self, other: &Self) {
        let (n1, n2) = (self.n, other.n);
        let n = n1 + n2;
        let dx = other.x - self.x;
        let dx_n = if n == 0.0 { 0.0 } else { dx / n };
        let dy = other.y - self.y;
        let dy_n = if n == 0.0 { 0.0 } else { dy / n };
        *self = Self {
            n,
            x: self.x + dx_n * n2,
            y: self.y + dy_n * n2,
            ck: self.ck + other.ck + dx * dy_n * n1 * n2,
            x2: self.x2 + other.x2 + dx * dx_n * n1 * n2,
            y2: self.y2 + other.y2 + dy * dy_n * n1 * n2,
        };
    }

    pub(super) fn to_columns(states: &[Self]) -> Vec<ArrayRef> {
        columns(states, &[|p| p.n, |p| p.x, |p| p.y, |p| p.ck, |p| p.x2, |p| p.y2])
    }

    /// Merges what row `row` of [`Pairs::to_columns`] says.
    pub(super) fn merge_columns(&mut self, partial: &[Float64Array], row: usize) {
        let [n, x, y, ck, x2, y2] = std::array::from_fn(|column| partial[column].value(row));
        if n > 0.0 {
            self.merge(&Self { n, x, y, ck, x2, y2 });
        }
    }
}

trait PairStatistic: std::fmt::Debug + Send + Sync + 'static {
    const REGRESSION: bool;
    fn of(p: &Pairs) -> Option<f64>;
}

macro_rules! pair_statistics {
    ($($function:ident, $kind:ident, $regression:literal, $doc:literal, $of:expr;)*) => {$(
        #[derive(Debug)]
        struct $kind;
        impl PairStatistic for $kind {
            const REGRESSION: bool = $regression;
            fn of(p: &Pairs) -> Option<f64> {
                let of: fn(&Pairs) -> Option<f64> = $of;
                of(p)
            }
        }
        #[doc = $doc]
        pub fn $function(call: &Call) -> Result<Typed> {
            call.arity(2)?;
            let args = vec![double(call, 0)?, double(call, 1)?];
            Ok(fold::<Two<$kind>>(call, stringify!($function), args, DataType::Float64, true))
        }
    )*};
}

/// The slope of a line through pairs whose `x` is the independent variable: Spark's `CovPopulation(x, y)` by `VariancePop(x)`.
fn slope(p: &Pairs) -> Option<f64> {
    (p.n > 1.0 && p.x2 != 0.0).then(|| p.ck / p.x2)
}

#[derive(Debug)]
struct RegrSlope;
impl PairStatistic for RegrSlope {
    const REGRESSION: bool = true;
    fn of(p: &Pairs) -> Option<f64> {
        slope(p)
    }
}

#[derive(Debug)]
struct RegrIntercept;
impl PairStatistic for RegrIntercept {
    const REGRESSION: bool = true;
    fn of(p: &Pairs) -> Option<f64> {
        slope(p).map(|slope| p.y - slope * p.x)
    }
}

/// `regr_slope(y, x)`: NULL when all x are equal.
pub fn regr_slope(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let args = vec![double(call, 1)?, double(call, 0)?];
    Ok(fold::<Two<RegrSlope>>(call, "regr_slope", args, DataType::Float64, true))
}

/// `regr_intercept(y, x)`: NULL when all x are equal.
pub fn regr_intercept(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let args = vec![double(call, 1)?, double(call, 0)?];
    Ok(fold::<Two<RegrIntercept>>(call, "regr_intercept", args, DataType::Float64, true))
}

// The regression functions are called (y, x): `x` below is their dependent variable.
pair_statistics! {
    covar_pop, CovarPop, false, "`covar_pop(x, y)`.", |p| (p.n > 0.0).then(|| p.ck / p.n);
    covar_samp, CovarSamp, false, "`covar_samp(x, y)`: NULL for one pair.", |p| (p.n > 1.0).then(|| p.ck / (p.n - 1.0));
    corr, Corr, false, "`corr(x, y)`: NULL for one pair.",
        |p| (p.n > 1.0).then(|| p.ck / (p.x2 * p.y2).sqrt());
    regr_sxx, RegrSxx, true, "`regr_sxx(y, x)`.", |p| (p.n > 0.0).then_some(p.y2);
    regr_syy, RegrSyy, true, "`regr_syy(y, x)`.", |p| (p.n > 0.0).then_some(p.x2);
    regr_sxy, RegrSxy, true, "`regr_sxy(y, x)`.", |p| (p.n > 0.0).then_some(p.ck);
    regr_r2, RegrR2, false, "`regr_r2(y, x)`: NULL when all x are equal, 1 when all y are.",
        |p| match (p.n > 1.0, p.y2 == 0.0, p.x2 == 0.0) {
            (false, ..) | (_, true, _) => None,
            (.., true) => Some(1.0),
            _ => Some((p.ck / (p.x2 * p.y2).sqrt()).powi(2)),
        };
}

#[derive(Debug)]
struct Two<S>(std::marker::PhantomData<S>);

impl<S: PairStatistic> Fold for Two<S> {
    type State = Pairs;
    type Input = (Float64Array, Float64Array);
    type Partial = Vec<Float64Array>;

    fn new(_: &Spec) -> Result<Self> {
        Ok(Self(std::marker::PhantomData))
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Float64; 6]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok((values[0].as_primitive().clone(), values[1].as_primitive().clone()))
    }

    #[inline]
    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.0.is_valid(row) && input.1.is_valid(row) {
            state.update(input.0.value(row), input.1.value(row), S::REGRESSION);
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
        Ok(Arc::new(states.iter().map(S::of).collect::<Float64Array>()))
    }
}

/// `regr_avgx(y, x)`: the average of x in pairs without NULL.
pub fn regr_avgx(call: &Call) -> Result<Typed> {
    average_of_pairs(call, 1, 0)
}

/// `regr_avgy(y, x)`: the average of y in pairs without NULL.
pub fn regr_avgy(call: &Call) -> Result<Typed> {
    average_of_pairs(call, 0, 1)
}

fn average_of_pairs(call: &Call, averaged: usize, other: usize) -> Result<Typed> {
    call.arity(2)?;
    let value = call.args[averaged].clone();
    let known = call.args[other].expr.clone().is_not_null();
    let expr = when(known, value.expr.clone()).end().map_err(from_datafusion)?;
    let inner = call.with_args(vec![Typed::new(expr, value.name, value.data_type, true)]);
    Ok(super::avg::avg(&inner)?.named(call.display()))
}

/// `regr_count(y, x)`: pairs without NULL.
pub fn regr_count(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let inner = Call { name: call.name, args: call.args.clone(), distinct: false, ignore_nulls: false, env: call.env };
    super::count::count(&inner)
}

/// `product(x)`: the product of all values, a double.
pub fn product(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let args = vec![double(call, 0)?];
    Ok(fold::<Product>(call, "product", args, DataType::Float64, true))
}

#[derive(Debug)]
struct Product;

impl Fold for Product {
    type State = Option<f64>;
    type Input = Float64Array;
    type Partial = Float64Array;

    fn new(_: &Spec) -> Result<Self> {
        Ok(Self)
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Float64]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(values[0].as_primitive::<Float64Type>().clone())
    }

    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_valid(row) {
            *state = Some(state.unwrap_or(1.0) * input.value(row));
        }
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish(states)?])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        self.input(columns)
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        self.update(state, partial, row)
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        Ok(Arc::new(states.iter().copied().collect::<Float64Array>()))
    }
}
