//! `listagg(x[, delimiter])`, `string_agg`: strings (or binaries) of a group joined, NULLs left out.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, StringBuilder};
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::collation;
use firesteel_protocol::{Result, SparkError, types};

use super::fold::Spec;
use super::gather::gather;
use super::within_group::{SortKey, within_group_text};
use crate::kernel::from_arrow;
use crate::{Call, Typed, constant};

/// `listagg(x[, delimiter])` without an order: that of arrival.
pub fn listagg(call: &Call) -> Result<Typed> {
    listagg_within(call, &[])
}

/// `listagg(x[, delimiter]) WITHIN GROUP (ORDER BY ...)`.
pub fn listagg_within(call: &Call, keys: &[SortKey]) -> Result<Typed> {
    call.arity(1..=2)?;
    let value = match call.args[0].data_type {
        DataType::Binary | DataType::Utf8 => call.args[0].clone(),
        _ => call.coerce(0, &DataType::Utf8)?,
    };
    let output = value.data_type.clone();
    let delimiter = match call.args.get(1) {
        None => ScalarValue::Null,
        Some(arg) => constant::evaluate(&arg.expr).ok_or_else(|| {
            SparkError::new("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")
                .with("inputName", "`delimiter`")
                .with("inputType", if arg.data_type == DataType::Binary { "\"BINARY\"" } else { "\"STRING\"" })
                .with("inputExpr", format!("\"{}\"", arg.name))
                .with("sqlExpr", format!("\"{}\"", call.display()))
        })?,
    };
    let delimiter = match delimiter {
        ScalarValue::Utf8(Some(text)) => text,
        // A character for each byte.
        ScalarValue::Binary(Some(bytes)) => bytes.into_iter().map(char::from).collect(),
        delimiter if delimiter.is_null() => String::new(),
        _ => return Err(call.unexpected_type(1, "(\"STRING\" or \"BINARY\")")),
    };
    let own = collation::of(&call.args[0].metadata).to_string();
    refuse_another_collation(call, keys)?;
    let delimiter_name = call.args.get(1).map_or("NULL", |arg| arg.name.as_str());
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let (function, order) = match keys {
        [] => (call.name, String::new()),
        _ => ("listagg", within_group_text(keys)),
    };
    let name = format!("{function}({distinct}{}, {delimiter_name}){order}", call.args[0].name);

    // Strings that a collation holds equal are one; the first of them comes out.
    let once = (call.distinct && own != collation::BINARY).then(|| crate::collation::key(&call.args[0], call.env));
    let mut directions = String::from(if once.is_some() { ONCE } else { "" });
    let mut args = vec![value];
    for key in keys {
        directions.push(if key.ascending { 'a' } else { 'd' });
        directions.push(if key.nulls_first { 'f' } else { 'l' });
        args.push(crate::collation::key(&key.arg, call.env));
    }
    let call = &Call { distinct: call.distinct && once.is_none(), ..call.with_args(call.args.clone()) };
    let args = args.iter().chain(&once).map(crate::collation::plain).collect();
    let joined = gather(call, "listagg", args, output, true, format!("{directions}:{delimiter}"), joined).named(name);
    Ok(if joined.data_type == DataType::Utf8 { crate::collation::with(joined, &own, false) } else { joined })
}

/// Marks a setting whose call has one column more: values that are equal there count once.
const ONCE: &str = "=";

/// A delimiter has the collation of the values.
pub(super) fn refuse_another_collation(call: &Call, keys: &[SortKey]) -> Result<()> {
    let Some(first) = call.args.first() else { return Ok(()) };
    let own = collation::of(&first.metadata);
    let value = &call.args[0].data_type;
    if let Some(delimiter) = call.args.get(1).filter(|arg| !arg.data_type.is_null())
        && (matches!(value, DataType::Utf8 | DataType::Binary) && delimiter.data_type != *value
            || collation::of(&delimiter.metadata) != own && value == &DataType::Utf8)
    {
        let (value, text) = (call.args[0].sql_type(), delimiter.sql_type());
        let key = |key: &SortKey| super::within_group::key_text(key);
        let arguments = [call.args[0].name.clone(), delimiter.name.clone()].into_iter().chain(keys.iter().map(key));
        let shown = format!("{}({})", call.name, arguments.collect::<Vec<_>>().join(", "));
        return Err(SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
            .with("functionName", types::name::quote(call.name))
            .with("dataType", format!("(\"{value}\" or \"{text}\")"))
            .with("sqlExpr", format!("\"{shown}\"")));
    }
    Ok(())
}

/// The values of each group, sorted by the other columns, joined.
pub fn joined(spec: &Spec, columns: &[ArrayRef], offsets: &[usize]) -> Result<ArrayRef> {
    let (directions, delimiter) = spec.param.split_once(':').unwrap_or(("", ""));
    let (directions, once) = match directions.strip_prefix(ONCE) {
        Some(rest) => (rest, columns.last()),
        None => (directions, None),
    };
    let keys = sort_keys(spec, &columns[1..1 + directions.len() / 2], directions)?;
    let converter = |array: &ArrayRef| RowConverter::new(vec![SortField::new(array.data_type().clone())]);
    let once = match once {
        Some(array) => {
            let rows = converter(array).and_then(|converter| converter.convert_columns(std::slice::from_ref(array)));
            Some(rows.map_err(from_arrow)?)
        }
        None => None,
    };
    let order = |start: usize, end: usize| {
        let mut rows: Vec<usize> = (start..end).collect();
        if let Some(once) = &once {
            let mut seen = HashSet::new();
            rows.retain(|row| seen.insert(once.row(*row)));
        }
        if let Some(keys) = &keys {
            rows.sort_by(|a, b| keys.row(*a).cmp(&keys.row(*b)));
        }
        rows
    };
    let groups = offsets.windows(2);
    if columns[0].data_type() == &DataType::Binary {
        let values = columns[0].as_binary::<i32>();
        let mut builder = BinaryBuilder::new();
        let delimiter: Vec<u8> = delimiter.chars().map(|byte| byte as u8).collect();
        for group in groups {
            let parts: Vec<&[u8]> = order(group[0], group[1]).into_iter().map(|row| values.value(row)).collect();
            builder.append_option((!parts.is_empty()).then(|| parts.join(&delimiter[..])));
        }
        return Ok(Arc::new(builder.finish()));
    }
    let values = columns[0].as_string::<i32>();
    let mut builder = StringBuilder::new();
    for group in groups {
        let parts: Vec<&str> = order(group[0], group[1]).into_iter().map(|row| values.value(row)).collect();
        builder.append_option((!parts.is_empty()).then(|| parts.join(delimiter)));
    }
    Ok(Arc::new(builder.finish()))
}

fn sort_keys(spec: &Spec, columns: &[ArrayRef], directions: &str) -> Result<Option<arrow::row::Rows>> {
    if columns.is_empty() {
        return Ok(None);
    }
    let field = |(data_type, direction): (&DataType, &[u8])| {
        let options = SortOptions { descending: direction[0] == b'd', nulls_first: direction[1] == b'f' };
        SortField::new_with_options(data_type.clone(), options)
    };
    let fields = spec.inputs[1..=columns.len()].iter().zip(directions.as_bytes().chunks(2)).map(field).collect();
    let converter = RowConverter::new(fields).map_err(from_arrow)?;
    converter.convert_columns(columns).map(Some).map_err(from_arrow)
}
