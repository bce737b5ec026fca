//! Arrays of strings with a collation: sets, extremes and sorting by keys.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::Volatility;
use firesteel_protocol::types::collation;
use firesteel_protocol::{Result, SparkError};

use super::rules::Rules;
use crate::kernel::{Kernel, KernelArgs, from_arrow, kernel_expr};
use crate::rowwise::{string_at, write_strings};
use crate::{Call, Env, Typed};

/// The call by a kernel of this file; name, type and nullability are as `build` has them.
pub fn apply(call: &Call, collation: &str, build: &dyn Fn(&Call) -> Result<Typed>) -> Result<Typed> {
    let plain = build(call)?;
    let text_list = |data_type: &DataType| matches!(data_type, DataType::List(e) if e.data_type() == &DataType::Utf8);
    let text = |data_type: &DataType| data_type == &DataType::Utf8;
    let known = call.args.iter().all(|arg| text(&arg.data_type) || text_list(&arg.data_type));
    let known = known || call.name == "sort_array" && text_list(&call.args[0].data_type);
    if !known || !(text(&plain.data_type) || text_list(&plain.data_type)) {
        return Err(SparkError::unsupported(
            format!("{} of values with strings collated by {collation}", call.name),
            "Use collate(.., 'UTF8_BINARY') for its arguments.",
        ));
    }
    let kernel: Kernel = match call.name {
        "greatest" | "least" => extremum,
        "array_min" | "array_max" => extremum_of_array,
        _ => set,
    };
    let args = call.args.iter().map(|arg| arg.expr.clone()).collect();
    let data_type = match &plain.data_type {
        DataType::List(element) => firesteel_protocol::types::array(DataType::Utf8, element.is_nullable()),
        other => other.clone(),
    };
    let param = format!("{collation} {}", call.name);
    let nullable = plain.nullable;
    let expr = kernel_expr(
        "collated_array",
        args,
        data_type.clone(),
        nullable,
        Volatility::Immutable,
        call.env,
        param,
        kernel,
    );
    Ok(Typed { expr, data_type, ..plain })
}

/// An array of strings as one of strings with a collation.
pub fn with_collation(typed: Typed, name: &str, env: &Env) -> Typed {
    let DataType::List(element) = &typed.data_type else { return typed };
    if element.data_type() != &DataType::Utf8 || collation::of(element.metadata()) == name {
        return typed;
    }
    let mut metadata = element.metadata().clone();
    collation::record(name, &mut metadata);
    let to = DataType::List(Arc::new(element.as_ref().clone().with_metadata(metadata)));
    relabelled(typed, to, env)
}

/// An array as one of a type whose elements differ in metadata alone.
pub fn relabelled(typed: Typed, to: DataType, env: &Env) -> Typed {
    if typed.data_type == to {
        return typed;
    }
    let kernel: Kernel = |args| {
        let DataType::List(element) = args.return_type else { return args.array(0) };
        let array = args.array(0)?;
        let list = array.as_list::<i32>();
        let (offsets, values, nulls) = (list.offsets().clone(), Arc::clone(list.values()), list.nulls().cloned());
        Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, nulls).map_err(from_arrow)?))
    };
    let (args, own) = (vec![typed.expr], to.clone());
    let expr =
        kernel_expr("with_metadata", args, own, typed.nullable, Volatility::Immutable, env, String::new(), kernel);
    Typed { expr, data_type: to, ..typed }
}

/// `param` is the collation and the function's name.
fn parts<'a>(args: &'a KernelArgs<'_>) -> (Rules, &'a str) {
    let (collation, function) = args.param.split_once(' ').unwrap_or((args.param, ""));
    (Rules::of(collation), function)
}

fn extremum(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (rules, function) = parts(args);
    let columns: Vec<StringArray> =
        (0..args.args.len()).map(|index| crate::rowwise::strings(args, index)).collect::<Result<_>>()?;
    write_strings(args.rows, |row, out| {
        let values = columns.iter().filter_map(|column| string_at(column, row));
        Ok(best(values, &rules, function == "greatest").map(|text| out.push_str(text)).is_some())
    })
}

fn extremum_of_array(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (rules, function) = parts(args);
    let array = args.array(0)?;
    let list = array.as_list::<i32>();
    write_strings(args.rows, |row, out| {
        if list.is_null(row) {
            return Ok(false);
        }
        let values = list.value(row);
        let values = values.as_string::<i32>().iter().flatten();
        Ok(best(values, &rules, function == "array_max").map(|text| out.push_str(text)).is_some())
    })
}

/// The first of the values with the greatest or the least key.
fn best<'a>(values: impl Iterator<Item = &'a str>, rules: &Rules, greatest: bool) -> Option<&'a str> {
    let mut best: Option<(String, &str)> = None;
    for value in values {
        let key = rules.key(value);
        if best.as_ref().is_none_or(|(own, _)| if greatest { key > *own } else { key < *own }) {
            best = Some((key, value));
        }
    }
    best.map(|(_, value)| value)
}

/// Sets, sorting and removal: elements in, elements out.
fn set(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (rules, function) = parts(args);
    let DataType::List(element) = args.return_type else { return Err(SparkError::internal("a list")) };
    let left = args.array(0)?;
    let left = left.as_list::<i32>();
    let other = if args.args.len() > 1 { Some(args.array(1)?) } else { None };
    let field = Field::new("element", DataType::Utf8, element.is_nullable());
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(field);
    for row in 0..args.rows {
        if left.is_null(row) || other.as_ref().is_some_and(|other| other.is_null(row)) {
            builder.append_null();
            continue;
        }
        let own = elements(&left.value(row));
        let chosen = match (function, &other) {
            ("sort_array", other) => {
                let ascending = other.as_ref().is_none_or(|other| other.as_boolean().value(row));
                sorted(own, &rules, ascending)
            }
            ("array_sort", _) => {
                let (nulls, known): (Vec<_>, Vec<_>) = own.into_iter().partition(Option::is_none);
                let mut all = sorted(known, &rules, true);
                all.extend(nulls);
                all
            }
            ("array_remove", Some(other)) => {
                let unwanted = rules.key(other.as_string::<i32>().value(row));
                own.into_iter().filter(|v| v.as_deref().is_none_or(|v| rules.key(v) != unwanted)).collect()
            }
            (_, other) => {
                let second = other.as_ref().map(|other| elements(&other.as_list::<i32>().value(row)));
                combined(function, own, second.unwrap_or_default(), &rules)
            }
        };
        for value in &chosen {
            builder.values().append_option(value.as_deref());
        }
        builder.append(true);
    }
    Ok(Arc::new(builder.finish()))
}

fn elements(array: &ArrayRef) -> Vec<Option<String>> {
    array.as_string::<i32>().iter().map(|value| value.map(str::to_string)).collect()
}

/// NULLs first ascending, last descending.
fn sorted(mut values: Vec<Option<String>>, rules: &Rules, ascending: bool) -> Vec<Option<String>> {
    values.sort_by_cached_key(|value| value.as_deref().map(|value| rules.key(value)));
    if !ascending {
        values.reverse();
    }
    values
}

/// Distinct elements of one or both.
fn combined(
    function: &str,
    left: Vec<Option<String>>,
    right: Vec<Option<String>>,
    rules: &Rules,
) -> Vec<Option<String>> {
    let key = |value: &Option<String>| value.as_deref().map(|value| rules.key(value));
    let others: HashSet<Option<String>> = right.iter().map(key).collect();
    let mut seen = HashSet::new();
    let all = if function == "array_union" { left.into_iter().chain(right).collect() } else { left };
    let wanted = |own: &Option<String>| match function {
        "array_intersect" => others.contains(own),
        "array_except" => !others.contains(own),
        _ => true,
    };
    all.into_iter()
        .filter(|value| {
            let own = key(value);
            wanted(&own) && seen.insert(own)
        })
        .collect()
}
