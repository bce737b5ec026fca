//! `percentile`, `median`, `percentile_cont`, `percentile_disc`; `percentile_approx` is in `percentile_approx`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, UInt64Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Float64Type, Int64Type, IntervalUnit, TimeUnit};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError, types};

use super::fold::Spec;
use super::gather::{gather, offset_buffer};
use super::within_group::SortKey;
use crate::kernel::{from_arrow, from_datafusion};
use crate::{Call, Typed};

/// `percentile(x, percentage[, frequency])`: interpolated between neighbours.
pub fn percentile(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    let value = value(call, 0, &call.args[0])?;
    let mut percentages = percentages(call, 1)?;
    let mut args = vec![value];
    let frequency = match call.args.get(2) {
        None => "1".to_string(),
        Some(arg) => {
            args.push(call.coerce(2, &DataType::Int64)?);
            percentages.frequency.clone_from(&arg.name);
            arg.name.clone()
        }
    };
    let name = format!("{}({}, {}, {frequency})", call.name, call.args[0].name, call.args[1].name);
    Ok(build(call, "percentile", args, &percentages, "asc", interpolated).named(name))
}

/// `median(x)`.
pub fn median(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let value = value(call, 0, &call.args[0])?;
    let half = Percentages::single(0.5);
    Ok(build(call, "percentile", vec![value], &half, "asc", interpolated))
}

/// `percentile_cont(p) WITHIN GROUP (ORDER BY x)`, or `percentile_disc`.
pub fn percentile_within(call: &Call, key: &SortKey, continuous: bool) -> Result<Typed> {
    call.arity(1)?;
    let value = value(call, 0, &key.arg)?;
    // Spark looks at its `percentile_cont(value, percentage)`.
    let args = vec![key.arg.clone(), call.args[0].clone()];
    let percentages =
        percentages(&Call { name: call.name, args, distinct: false, ignore_nulls: false, env: call.env }, 1)?;
    let (direction, text) = if key.ascending { ("asc", "") } else { ("desc", " DESC") };
    let name = format!("{}({}) WITHIN GROUP (ORDER BY {}{text})", call.name, call.args[0].name, key.arg.name);
    let (function, finish): (_, super::gather::Finish) =
        if continuous { ("percentile", interpolated) } else { ("percentile_disc", discrete) };
    Ok(build(call, function, vec![value], &percentages, direction, finish).named(name))
}

/// `percentile_cont(p)` without WITHIN GROUP is an error of Spark's.
pub fn needs_order(call: &Call) -> Result<Typed> {
    Err(SparkError::new("INVALID_WITHIN_GROUP_EXPRESSION.WITHIN_GROUP_MISSING")
        .with("funcName", types::name::quote(call.name)))
}

pub(super) fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_floating() || matches!(data_type, DataType::Decimal128(..))
}

/// Numbers become doubles; intervals stay.
fn value(call: &Call, index: usize, arg: &Typed) -> Result<Typed> {
    match &arg.data_type {
        DataType::Duration(TimeUnit::Microsecond) | DataType::Interval(IntervalUnit::YearMonth) => Ok(arg.clone()),
        data_type if is_number(data_type) || matches!(data_type, DataType::Null | DataType::Utf8) => {
            let inner =
                Call { name: call.name, args: vec![arg.clone()], distinct: false, ignore_nulls: false, env: call.env };
            inner.coerce(0, &DataType::Float64)
        }
        _ => Err(call.unexpected_type(index, "(\"NUMERIC\" or \"ANSI INTERVAL\")")),
    }
}

fn build(
    call: &Call,
    name: &'static str,
    args: Vec<Typed>,
    percentages: &Percentages,
    direction: &str,
    finish: super::gather::Finish,
) -> Typed {
    let element = args[0].data_type.clone();
    let output = if percentages.array { types::array(element, false) } else { element };
    gather(call, name, args, output, true, percentages.param(direction), finish)
}

/// Constant percentages, one or an array.
pub(super) struct Percentages {
    values: Vec<f64>,
    pub(super) array: bool,
    /// The expression that says how often a value counts; empty without one.
    frequency: String,
}

impl Percentages {
    fn single(value: f64) -> Self {
        Self { values: vec![value], array: false, frequency: String::new() }
    }

    pub(super) fn param(&self, direction: &str) -> String {
        let values: Vec<String> = self.values.iter().map(f64::to_string).collect();
        format!("{direction}:{}:{}", values.join(","), self.frequency)
    }
}

pub(super) fn percentages(call: &Call, index: usize) -> Result<Percentages> {
    let constant = match call.args[index].data_type {
        DataType::Utf8 => call.constant_as(index, &DataType::Float64)?,
        _ => constant(call, index)?,
    };
    let double = |value: ScalarValue| match value.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(Some(value))) if (0.0..=1.0).contains(&value) => Ok(value),
        Ok(other) if other.is_null() => Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_NULL")
            .with("exprName", "percentage")
            .with("sqlExpr", format!("\"{}\"", call.display()))),
        Ok(other) => Err(out_of_range(
            call,
            "percentage",
            "[0.0, 1.0]",
            &format!(
                "{}D",
                crate::cast::text::format_f64(match other {
                    ScalarValue::Float64(Some(value)) => value,
                    _ => f64::NAN,
                })
            ),
        )),
        Err(_) => Err(call.unexpected_type(index, "\"DOUBLE\"")),
    };
    match constant {
        ScalarValue::List(list) => {
            let values = list.value(0);
            let values = (0..values.len())
                .map(|at| double(ScalarValue::try_from_array(&values, at).map_err(from_datafusion)?))
                .collect::<Result<_>>()?;
            Ok(Percentages { values, array: true, frequency: String::new() })
        }
        single => Ok(Percentages::single(double(single)?)),
    }
}

/// A constant, also `array(0.25, 0.75)`, which is an expression over constants.
fn constant(call: &Call, index: usize) -> Result<ScalarValue> {
    if let Some(value) = call.args[index].as_literal() {
        return Ok(value.clone());
    }
    crate::constant::evaluate(&call.args[index].expr).map_or_else(|| call.constant(index).cloned(), Ok)
}

/// The call as Spark prints it in errors: defaults are written out.
fn shown(call: &Call) -> String {
    let args: Vec<&str> = call.args.iter().map(|arg| arg.name.as_str()).collect();
    match (call.name, args.len()) {
        ("percentile", 2) => format!("percentile({}, 1)", args.join(", ")),
        _ => call.display(),
    }
}

pub(super) fn out_of_range(call: &Call, name: &str, range: &str, value: &str) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
        .with("exprName", name)
        .with("valueRange", range)
        .with("currentValue", value)
        .with("sqlExpr", format!("\"{}\"", shown(call)))
}

/// Percentiles between neighbours, weighted by the distance to each.
pub fn interpolated(spec: &Spec, columns: &[ArrayRef], offsets: &[usize]) -> Result<ArrayRef> {
    exact(spec, columns, offsets, |values, percentage| {
        let position = (values.total - 1) as f64 * percentage;
        let (lower, higher) = (position.floor(), position.ceil());
        let (low, high) = (values.at(lower as u64), values.at(higher as u64));
        if lower == higher || low == high {
            return low;
        }
        (higher - position) * low + (position - lower) * high
    })
}

/// The first value whose share of the rows reaches the percentage.
pub fn discrete(spec: &Spec, columns: &[ArrayRef], offsets: &[usize]) -> Result<ArrayRef> {
    exact(spec, columns, offsets, |values, percentage| {
        let rank = (percentage * values.total as f64).ceil() as u64;
        values.at(rank.max(1) - 1)
    })
}

/// Sorted values of one group, each with its frequency summed up.
struct Sorted {
    values: Vec<f64>,
    /// Rows up to and with each value; empty when every value counts once.
    ranks: Vec<u64>,
    total: u64,
}

impl Sorted {
    fn at(&self, position: u64) -> f64 {
        if self.ranks.is_empty() {
            return self.values[position as usize];
        }
        self.values[self.ranks.partition_point(|rank| *rank <= position).min(self.values.len() - 1)]
    }
}

fn exact(spec: &Spec, columns: &[ArrayRef], offsets: &[usize], of: fn(&Sorted, f64) -> f64) -> Result<ArrayRef> {
    let (direction, percentages) = parse_param(&spec.param);
    let frequency = spec.param.splitn(3, ':').nth(2).unwrap_or_default();
    let values = as_doubles(&columns[0])?;
    let frequencies = columns.get(1).map(|column| column.as_primitive::<Int64Type>().clone());
    let mut results: Vec<Option<f64>> = vec![];
    for group in offsets.windows(2) {
        let sorted = sorted(&values, frequencies.as_ref(), group[0]..group[1], direction == "desc", frequency)?;
        for percentage in &percentages {
            results.push((sorted.total > 0).then(|| of(&sorted, *percentage)));
        }
    }
    let element = match &spec.return_type {
        DataType::List(element) => element.data_type().clone(),
        other => other.clone(),
    };
    let results = from_doubles(results.into_iter().collect(), &element)?;
    pack(spec, results, percentages.len(), offsets)
}

fn sorted(
    values: &Float64Array,
    frequencies: Option<&Int64Array>,
    group: std::ops::Range<usize>,
    descending: bool,
    expression: &str,
) -> Result<Sorted> {
    let mut rows: Vec<(f64, u64)> = Vec::with_capacity(group.len());
    for row in group {
        let frequency = match frequencies {
            None => 1,
            Some(array) if array.is_null(row) => continue,
            Some(array) => u64::try_from(array.value(row)).map_err(|_| {
                SparkError::new("NEGATIVE_VALUES_IN_FREQUENCY_EXPRESSION")
                    .with("frequencyExpression", format!("\"{expression}\""))
                    .with("negativeValue", format!("{}L", array.value(row)))
            })?,
        };
        if frequency > 0 {
            rows.push((values.value(row), frequency));
        }
    }
    rows.sort_by(|a, b| if descending { b.0.total_cmp(&a.0) } else { a.0.total_cmp(&b.0) });
    let mut total = 0;
    let mut ranks = Vec::new();
    for (_, frequency) in &rows {
        total += frequency;
        if frequencies.is_some() {
            ranks.push(total);
        }
    }
    Ok(Sorted { values: rows.into_iter().map(|(value, _)| value).collect(), ranks, total })
}

pub(super) fn parse_param(param: &str) -> (&str, Vec<f64>) {
    let mut parts = param.splitn(3, ':');
    let (direction, values) = (parts.next().unwrap_or("asc"), parts.next().unwrap_or_default());
    (direction, values.split(',').filter_map(|value| value.parse().ok()).collect())
}

/// One result a group, or an array of them; a group without values has NULL.
pub(super) fn pack(spec: &Spec, results: ArrayRef, width: usize, offsets: &[usize]) -> Result<ArrayRef> {
    let DataType::List(element) = &spec.return_type else { return Ok(results) };
    let mut ends = vec![0];
    let mut places: Vec<u64> = vec![];
    let mut valid = vec![];
    for (index, group) in offsets.windows(2).enumerate() {
        let start = index * width;
        let filled = width > 0 && results.is_valid(start) && group[1] > group[0];
        if filled {
            places.extend((start..start + width).map(|at| at as u64));
        }
        ends.push(places.len());
        valid.push(filled);
    }
    let values = take(&results, &UInt64Array::from(places), None).map_err(from_arrow)?;
    let ends = offset_buffer(&ends).map_err(from_datafusion)?;
    Ok(Arc::new(ListArray::new(Arc::clone(element), ends, values, Some(valid.into()))))
}

fn as_doubles(values: &ArrayRef) -> Result<Float64Array> {
    let numbers = match values.data_type() {
        DataType::Interval(_) => {
            let months = values.as_primitive::<arrow::datatypes::IntervalYearMonthType>();
            return Ok(months.unary(f64::from));
        }
        DataType::Duration(_) => cast(values, &DataType::Int64).map_err(from_arrow)?,
        _ => Arc::clone(values),
    };
    let doubles = cast(&numbers, &DataType::Float64).map_err(from_arrow)?;
    Ok(doubles.as_primitive::<Float64Type>().clone())
}

fn from_doubles(values: Float64Array, data_type: &DataType) -> Result<ArrayRef> {
    match data_type {
        DataType::Interval(_) => {
            Ok(Arc::new(values.unary::<_, arrow::datatypes::IntervalYearMonthType>(|months| months as i32)))
        }
        DataType::Duration(_) => {
            Ok(Arc::new(values.unary::<_, arrow::datatypes::DurationMicrosecondType>(|us| us as i64)))
        }
        _ => Ok(Arc::new(values)),
    }
}
