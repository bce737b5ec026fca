//! `aggregate(array, start, merge[, finish])`, `reduce`: elements one after the other into an accumulator.
//! All rows of a batch take their n-th step together.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, UInt64Array};
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Field};
use firesteel_protocol::{Result, SparkError, types};

use super::super::list::{bounds, nullable, require_array, retyped, sql};
use super::function::{Args, Builder, lambda_name};
use crate::kernel::from_arrow;
use crate::{Call, Lambdas, Typed};

/// `aggregate(array, start, (acc, x) -> ...[, acc -> ...])`.
pub fn aggregate(call: &Call, lambdas: &dyn Lambdas) -> Result<Typed> {
    call.arity(2)?;
    let element = require_array(call, 0)?;
    // What is merged may be NULL inside where the start is not.
    let start = call.args[1].data_type.clone();
    let accumulator = nullable(&start);
    let state = types::carrying(Field::new("acc", accumulator.clone(), true), &call.args[1].metadata);
    let mut builder = Builder::new(call, lambdas);
    let merge = builder.lambda(&[state.clone(), element.as_ref().clone()])?;
    let (merged, merge_name) = (merge.data_type.clone(), merge.name.clone());
    let same = nullable(&merged) == accumulator || merged == DataType::Null;
    let fits = if same { builder.coerce_body(0, &accumulator) } else { None };
    fits.ok_or_else(|| {
        let lambda = lambda_name(&merge_name, 2);
        let identity = lambda_name("namedlambdavariable()", 1);
        let words = [&call.args[0].name, &call.args[1].name, &lambda, &identity].map(String::as_str);
        SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{}({})\"", call.name, words.join(", ")))
            .with("paramIndex", "third")
            .with("requiredType", sql(&start))
            .with("inputSql", format!("\"{lambda}\""))
            .with("inputType", sql(&merged))
    })?;
    if lambdas.given(1) {
        let body = builder.lambda(&[state])?;
        let (output, may_be_null, metadata) = (body.data_type.clone(), body.nullable, body.metadata.clone());
        let nullable = call.args[0].nullable || may_be_null;
        let typed = builder.finish("aggregate", output, nullable, |args| folded(args, true));
        return Ok(carrying(typed, &metadata));
    }
    let metadata = call.args[1].metadata.clone();
    let output = if merged == start { start } else { accumulator };
    let typed = builder.finish("aggregate", output, true, |args| folded(args, false));
    // Spark prints the identity that it puts in.
    let identity = lambda_name("namedlambdavariable()", 1);
    let name = typed.name.strip_suffix(')').unwrap_or(&typed.name);
    let name = format!("{name}, {identity})");
    Ok(carrying(typed.named(name), &metadata))
}

/// The expression with what metadata says of values that pass through.
fn carrying(typed: Typed, metadata: &HashMap<String, String>) -> Typed {
    let field = types::carrying(typed.field().as_ref().clone(), metadata);
    Typed { metadata: field.metadata().clone(), ..typed }
}

fn folded(args: &Args, finish: bool) -> Result<ArrayRef> {
    let list = args.list(0)?;
    // Longest arrays first, so that the rows that still have elements are a prefix.
    let mut order: Vec<u64> = (0..args.rows as u64).filter(|row| list.is_valid(*row as usize)).collect();
    let length = |row: u64| bounds(&list, row as usize).len();
    order.sort_by_key(|row| std::cmp::Reverse(length(*row)));
    let rows = UInt64Array::from(order.clone());
    let start = take(&args.values[1], &rows, None).map_err(from_arrow)?;
    let data_type = nullable(start.data_type());
    let start = retyped(start, &data_type)?;

    let mut done: Vec<ArrayRef> = vec![];
    let mut active = start;
    for step in 0.. {
        let count = order.partition_point(|row| length(*row) > step);
        if count < active.len() {
            done.push(active.slice(count, active.len() - count));
            active = active.slice(0, count);
        }
        if count == 0 {
            break;
        }
        let places: UInt64Array = order[..count]
            .iter()
            .map(|row| (bounds(&list, *row as usize).start + step) as u64)
            .collect::<Vec<_>>()
            .into();
        let elements = take(list.values(), &places, None).map_err(from_arrow)?;
        let outer = rows.slice(0, count);
        active = retyped(args.evaluate(0, vec![active, elements], &outer)?, &data_type)?;
    }
    // The rows that ended last come first in the order.
    done.reverse();
    let parts: Vec<&dyn Array> = done.iter().map(AsRef::as_ref).collect();
    let mut result = if parts.is_empty() {
        arrow::array::new_empty_array(&data_type)
    } else {
        concat(&parts).map_err(from_arrow)?
    };
    if finish {
        result = args.evaluate(1, vec![result], &rows)?;
    }
    let mut places: Vec<Option<u64>> = vec![None; args.rows];
    for (at, row) in order.iter().enumerate() {
        places[*row as usize] = Some(at as u64);
    }
    retyped(take(&result, &UInt64Array::from(places), None).map_err(from_arrow)?, args.return_type)
}
