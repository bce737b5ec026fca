//! `histogram_numeric(x, bins)`: centres and heights of bins that are as good as streaming allows.
//! The algorithm of Ben-Haim and Tom-Tov, which Spark's `NumericHistogram` uses.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, ListArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Float64Type, IntervalUnit};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError, types};

use super::fold::Spec;
use super::gather::{gather, offset_buffer};
use crate::coerce::is_numeric;
use crate::kernel::{from_arrow, from_datafusion};
use crate::random::JavaRandom;
use crate::{Call, Typed};

/// `histogram_numeric(x, bins)`: an array of structs of `x` and `y`.
pub fn histogram_numeric(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    // Texts are read as numbers; moments and intervals keep their type.
    let value = match &call.args[0].data_type {
        DataType::Utf8 | DataType::Null => call.coerce(0, &DataType::Float64)?,
        data_type if is_numeric(data_type) || raw_type(data_type).is_some() => call.args[0].clone(),
        DataType::Time64(_) => call.coerce(0, &DataType::Date32)?,
        _ => return Err(call.unexpected_type(0, EXPECTED)),
    };
    let data_type = value.data_type.clone();
    let bins = match call.constant_as(1, &DataType::Int32)? {
        ScalarValue::Int32(Some(bins)) => bins,
        _ => return Err(call.unexpected_type(1, "\"INT\"")),
    };
    if bins < 2 {
        return Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
            .with("exprName", "nb")
            .with("valueRange", "[2, 2147483647]")
            .with("currentValue", bins.to_string())
            .with("sqlExpr", format!("\"{}\"", call.display())));
    }
    let x = types::carrying(Field::new("x", data_type, true), &value.metadata);
    let fields = Fields::from(vec![x, Field::new("y", DataType::Float64, true)]);
    let output = types::array(DataType::Struct(fields), true);
    Ok(gather(call, "histogram_numeric", vec![value], output, true, bins.to_string(), self::bins))
}

const EXPECTED: &str = "(\"NUMERIC\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")";

/// The integers under moments and intervals.
fn raw_type(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Date32 | DataType::Interval(IntervalUnit::YearMonth) => Some(DataType::Int32),
        DataType::Timestamp(..) | DataType::Duration(_) => Some(DataType::Int64),
        _ => None,
    }
}

/// The same bytes under another type.
fn with_type(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let data = array.to_data().into_builder().data_type(to.clone()).build().map_err(from_arrow)?;
    Ok(arrow::array::make_array(data))
}

/// The bins of each group.
pub fn bins(spec: &Spec, columns: &[ArrayRef], offsets: &[usize]) -> Result<ArrayRef> {
    let limit: usize = spec.param.parse().unwrap_or(2);
    let raw = match raw_type(columns[0].data_type()) {
        Some(raw) => with_type(&columns[0], &raw)?,
        None => Arc::clone(&columns[0]),
    };
    let values = cast(&raw, &DataType::Float64).map_err(from_arrow)?;
    let values = values.as_primitive::<Float64Type>();
    let (mut x, mut y, mut ends, mut valid) = (vec![], vec![], vec![0], vec![]);
    for group in offsets.windows(2) {
        let mut bins: Vec<(f64, f64)> = Vec::with_capacity(limit + 1);
        // The seed is Spark's, so that ties are broken as there.
        let mut random = JavaRandom::new(31183);
        for row in group[0]..group[1] {
            add(&mut bins, values.value(row), limit, &mut random);
        }
        x.extend(bins.iter().map(|bin| bin.0));
        y.extend(bins.iter().map(|bin| bin.1));
        ends.push(x.len());
        valid.push(group[1] > group[0]);
    }
    let DataType::List(element) = &spec.return_type else { return Err(SparkError::internal("a list of bins")) };
    let DataType::Struct(fields) = element.data_type() else { return Err(SparkError::internal("bins are structs")) };
    let to = fields[0].data_type();
    let raw = raw_type(to);
    let x = cast(&Float64Array::from(x), raw.as_ref().unwrap_or(to)).map_err(from_arrow)?;
    let x = if raw.is_some() { with_type(&x, to)? } else { x };
    let bins = StructArray::new(fields.clone(), vec![x, Arc::new(Float64Array::from(y))], None);
    let ends = offset_buffer(&ends).map_err(from_datafusion)?;
    Ok(Arc::new(ListArray::new(Arc::clone(element), ends, Arc::new(bins), Some(valid.into()))))
}

fn add(bins: &mut Vec<(f64, f64)>, value: f64, limit: usize, random: &mut JavaRandom) {
    let at = bins.partition_point(|bin| bin.0 < value);
    if bins.get(at).is_some_and(|bin| bin.0 == value) {
        bins[at].1 += 1.0;
        return;
    }
    bins.insert(at, (value, 1.0));
    if bins.len() <= limit {
        return;
    }
    // The two nearest neighbours become one bin; of several pairs equally near one is drawn.
    let gap = |at: usize| bins[at + 1].0 - bins[at].0;
    let (mut nearest, mut ties) = (0, 1);
    for at in 1..bins.len() - 1 {
        if gap(at) < gap(nearest) {
            (nearest, ties) = (at, 1);
        } else if gap(at) == gap(nearest) {
            ties += 1;
            if random.next_double() <= 1.0 / f64::from(ties) {
                nearest = at;
            }
        }
    }
    let (left, right) = (bins[nearest], bins[nearest + 1]);
    let height = left.1 + right.1;
    bins[nearest] = (left.0 * (left.1 / height) + right.0 / height * right.1, height);
    bins.remove(nearest + 1);
}
