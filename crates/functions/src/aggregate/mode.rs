//! `mode(x)`, `mode(x, deterministic)`, `mode() WITHIN GROUP (ORDER BY x)`: the most frequent value.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::row::{Row, RowConverter, SortField};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError, types};

use super::fold::Spec;
use super::gather::{gather, offset_buffer};
use super::within_group::SortKey;
use crate::hash::tables;
use crate::kernel::{from_arrow, from_datafusion};
use crate::{Call, Typed};

/// `mode(x[, deterministic])`: of equally frequent values the least if deterministic, else any.
pub fn mode(call: &Call) -> Result<Typed> {
    if call.args.is_empty() {
        return Err(SparkError::new("INVALID_WITHIN_GROUP_EXPRESSION.WITHIN_GROUP_MISSING").with("funcName", "`mode`"));
    }
    call.arity(1..=2)?;
    if call.distinct {
        return Err(SparkError::new("INVALID_WITHIN_GROUP_EXPRESSION.DISTINCT_UNSUPPORTED").with("funcName", "`mode`"));
    }
    let deterministic = match call.args.get(1) {
        None => false,
        Some(deterministic) => match deterministic.as_literal() {
            None => {
                return Err(SparkError::new("NON_FOLDABLE_ARGUMENT")
                    .with("funcName", "`mode`")
                    .with("paramName", "`deterministic`")
                    .with("paramType", "\"BOOLEAN\""));
            }
            Some(ScalarValue::Boolean(Some(flag))) => *flag,
            _ => return Err(call.unexpected_type(1, "\"BOOLEAN\"")),
        },
    };
    let arg = call.args[0].clone();
    let name = if deterministic {
        format!("mode() WITHIN GROUP (ORDER BY {} DESC)", arg.name)
    } else {
        format!("mode({})", arg.name)
    };
    let param = if deterministic { "least" } else { "any" };
    Ok(build(call, arg, param).named(name))
}

/// `mode() WITHIN GROUP (ORDER BY x)`.
pub fn mode_within(call: &Call, key: &SortKey) -> Result<Typed> {
    if !call.args.is_empty() {
        return Err(SparkError::new("INVALID_WITHIN_GROUP_EXPRESSION.WRONG_NUM_ORDERINGS")
            .with("funcName", "`mode`")
            .with("expectedNum", "0")
            .with("actualNum", "1"));
    }
    // Spark prints the direction the other way round.
    let direction = if key.ascending { " DESC" } else { "" };
    let name = format!("mode() WITHIN GROUP (ORDER BY {}{direction})", key.arg.name);
    Ok(build(call, key.arg.clone(), if key.ascending { "least" } else { "greatest" }).named(name))
}

fn build(call: &Call, arg: Typed, param: &str) -> Typed {
    let (output, metadata) = (arg.data_type.clone(), arg.metadata.clone());
    // Strings that a collation holds equal count as one; the first of them comes out.
    let own = crate::collation::has_own(&arg).then(|| crate::collation::key(&arg, call.env));
    let args = std::iter::once(crate::collation::plain(&arg)).chain(own).collect();
    let typed = gather(call, "mode", args, output, true, param.to_string(), most_frequent);
    let field = types::carrying(typed.field().as_ref().clone(), &metadata);
    Typed { metadata: field.metadata().clone(), ..typed }
}

/// One value of each group, the most frequent by the last column.
pub fn most_frequent(spec: &Spec, columns: &[ArrayRef], offsets: &[usize]) -> Result<ArrayRef> {
    if columns[0].data_type() == &DataType::Null {
        return Ok(arrow::array::new_null_array(&spec.return_type, offsets.len() - 1));
    }
    let compared = columns.len() - 1;
    let converter = RowConverter::new(vec![SortField::new(spec.inputs[compared].clone())]).map_err(from_arrow)?;
    let rows = converter.convert_columns(&columns[compared..]).map_err(from_arrow)?;
    let hashes = match tables::knows(columns[compared].data_type()) {
        true => Some(tables::java_hashes(&columns[compared])?),
        false => None,
    };
    let mut places: Vec<Option<u64>> = Vec::with_capacity(offsets.len());
    for group in offsets.windows(2) {
        let mut counts: HashMap<Row<'_>, (usize, usize)> = HashMap::new();
        for at in group[0]..group[1] {
            counts.entry(rows.row(at)).or_insert((0, at)).0 += 1;
        }
        if let ("any", Some(hashes)) = (spec.param.as_str(), &hashes) {
            places.push(first_of_table(counts.values().copied(), hashes));
            continue;
        }
        let best = counts.into_iter().max_by(|(a, (count_a, at_a)), (b, (count_b, at_b))| {
            count_a.cmp(count_b).then_with(|| match spec.param.as_str() {
                "least" => b.cmp(a),
                "greatest" => a.cmp(b),
                // The one that came first.
                _ => at_b.cmp(at_a),
            })
        });
        places.push(best.map(|(_, (_, at))| at as u64));
    }
    take(&columns[0], &UInt64Array::from(places), None).map_err(from_arrow)
}

/// Of the most frequent values (counts and first rows) the one that Spark's hash table holds first.
fn first_of_table(counts: impl Iterator<Item = (usize, usize)>, hashes: &[i32]) -> Option<u64> {
    let mut counts: Vec<(usize, usize)> = counts.collect();
    counts.sort_unstable_by_key(|(_, row)| *row);
    let most = counts.iter().map(|(count, _)| *count).max()?;
    let places: Vec<u64> = counts.iter().map(|(_, row)| *row as u64).collect();
    let is_most =
        |place: &u64| counts.binary_search_by_key(place, |(_, row)| *row as u64).is_ok_and(|at| counts[at].0 == most);
    // A partial table is written, read and merged, each time in the order in which it holds its values.
    let places = (0..3).fold(places, |places, _| tables::as_open_set(&places, hashes));
    places.into_iter().find(is_most)
}

/// An array of all values of each group that no other value is more frequent than, in their order.
pub fn all_most_frequent(spec: &Spec, columns: &[ArrayRef], offsets: &[usize]) -> Result<ArrayRef> {
    let DataType::List(element) = &spec.return_type else { return Err(SparkError::internal("mode yields a list")) };
    let converter = RowConverter::new(vec![SortField::new(spec.inputs[0].clone())]).map_err(from_arrow)?;
    let rows = converter.convert_columns(&columns[..1]).map_err(from_arrow)?;
    let mut places: Vec<u64> = vec![];
    let mut ends = vec![0];
    for group in offsets.windows(2) {
        let mut counts: HashMap<Row<'_>, (usize, usize)> = HashMap::new();
        for at in group[0]..group[1] {
            counts.entry(rows.row(at)).or_insert((0, at)).0 += 1;
        }
        let most = counts.values().map(|(count, _)| *count).max().unwrap_or(0);
        let mut best: Vec<_> = counts.into_iter().filter(|(_, (count, _))| *count == most).collect();
        best.sort_unstable_by_key(|(row, _)| *row);
        places.extend(best.into_iter().map(|(_, (_, at))| at as u64));
        ends.push(places.len());
    }
    let values = take(&columns[0], &UInt64Array::from(places), None).map_err(from_arrow)?;
    let ends = offset_buffer(&ends).map_err(from_datafusion)?;
    Ok(Arc::new(ListArray::new(Arc::clone(element), ends, values, None)))
}
