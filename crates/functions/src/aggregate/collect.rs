//! `collect_list`, `array_agg`, `collect_set`: the values of a group as an array, NULLs left out.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError, types};

use super::fold::Spec;
use super::gather::{gather, offset_buffer};
use crate::hash::tables;
use crate::kernel::{from_arrow, from_datafusion};
use crate::{Call, Typed};

/// `collect_list(x)`: in the order of arrival.
pub fn collect_list(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let output = types::array(call.args[0].data_type.clone(), false);
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    // `array_agg` is printed so too.
    let name = format!("collect_list({distinct}{})", call.args[0].name);
    // Strings that a collation holds equal are one; the first of them comes out.
    let once = (call.distinct && crate::collation::has_own(&call.args[0]))
        .then(|| crate::collation::plain(&crate::collation::key(&call.args[0], call.env)));
    let param = if once.is_some() { ONCE } else { "" };
    let inner = Call { distinct: call.distinct && once.is_none(), ..call.with_args(call.args.clone()) };
    let args = call.args.iter().cloned().chain(once).collect();
    let values = gather(&inner, "collect_list", args, output, false, param.to_string(), list).named(name);
    Ok(carrying(values, call))
}

/// The setting of lists whose last column says what counts once.
const ONCE: &str = "once";

/// `collect_set(x)`: every value once.
pub fn collect_set(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    if has_map(&call.args[0].data_type) || crate::collation::has_own(&call.args[0]) {
        return Err(SparkError::new("DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE")
            .with("functionName", name::quote(call.name))
            .with("dataType", "\"MAP\" or \"COLLATED STRING\"")
            .with("sqlExpr", format!("\"{}\"", call.display())));
    }
    let output = types::array(call.args[0].data_type.clone(), false);
    Ok(carrying(gather(call, "collect_set", call.args.clone(), output, false, String::new(), set), call))
}

/// The array with what metadata says of its values: units of intervals, digits of times.
fn carrying(values: Typed, call: &Call) -> Typed {
    let arg = &call.args[0];
    crate::collation::relabelled(values, types::array_carrying(arg.data_type.clone(), false, &arg.metadata), call.env)
}

fn has_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::List(element) => has_map(element.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_map(field.data_type())),
        _ => false,
    }
}

/// The values as they are.
pub fn list(spec: &Spec, columns: &[ArrayRef], offsets: &[usize]) -> Result<ArrayRef> {
    let DataType::List(element) = &spec.return_type else {
        return Err(SparkError::internal("collect_list yields a list"));
    };
    if let (ONCE, [values, key]) = (spec.param.as_str(), columns) {
        let converter = RowConverter::new(vec![SortField::new(key.data_type().clone())]).map_err(from_arrow)?;
        let rows = converter.convert_columns(std::slice::from_ref(key)).map_err(from_arrow)?;
        let (mut places, mut ends) = (vec![], vec![0]);
        for group in offsets.windows(2) {
            let mut seen = HashSet::new();
            places.extend((group[0]..group[1]).filter(|row| seen.insert(rows.row(*row))).map(|row| row as u64));
            ends.push(places.len());
        }
        let values = take(values, &UInt64Array::from(places), None).map_err(from_arrow)?;
        let offsets = offset_buffer(&ends).map_err(from_datafusion)?;
        return Ok(Arc::new(ListArray::new(Arc::clone(element), offsets, values, None)));
    }
    let offsets = offset_buffer(offsets).map_err(from_datafusion)?;
    Ok(Arc::new(ListArray::new(Arc::clone(element), offsets, Arc::clone(&columns[0]), None)))
}

/// The first of equal values, in the order of Spark's set where that is known.
pub fn set(spec: &Spec, columns: &[ArrayRef], offsets: &[usize]) -> Result<ArrayRef> {
    let converter = RowConverter::new(vec![SortField::new(spec.inputs[0].clone())]).map_err(from_arrow)?;
    let rows = converter.convert_columns(&columns[..1]).map_err(from_arrow)?;
    let hashes = match tables::knows(columns[0].data_type()) {
        true => Some(tables::java_hashes(&columns[0])?),
        false => None,
    };
    let mut places: Vec<u64> = vec![];
    let mut ends = Vec::with_capacity(offsets.len());
    ends.push(0);
    let mut seen = HashSet::new();
    for group in offsets.windows(2) {
        seen.clear();
        let start = places.len();
        places.extend((group[0]..group[1]).filter(|row| seen.insert(rows.row(*row))).map(|row| row as u64));
        if let Some(hashes) = &hashes {
            tables::as_scala_set(&mut places[start..], hashes);
        }
        ends.push(places.len());
    }
    let values = take(&columns[0], &UInt64Array::from(places), None).map_err(from_arrow)?;
    list(spec, &[values], &ends)
}
