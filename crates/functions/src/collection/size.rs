//! `size`, `cardinality`, `array_size`, `array_join`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringBuilder};
use arrow::datatypes::DataType;
use firesteel_protocol::Result;

use super::list::{bounds, list_arg, list_of, map_arg, map_bounds, require_array};
use crate::kernel::KernelArgs;
use crate::{Call, Typed};

/// `size(array or map)`, `cardinality`.
pub fn size(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    if !matches!(call.args[0].data_type, DataType::List(_) | DataType::Map(..) | DataType::Null) {
        return Err(call.unexpected_type(0, "(\"ARRAY\" or \"MAP\")"));
    }
    // Spark 2 gave -1 for NULL; ANSI mode ends that.
    let of_null = call.env.size_of_null && !call.env.ansi;
    if of_null && call.args[0].data_type == DataType::Null {
        return Ok(Typed::literal(datafusion::scalar::ScalarValue::Int32(Some(-1)), call.display()));
    }
    let nullable = !of_null && call.args[0].nullable;
    let param = if of_null { "-1" } else { "" };
    Ok(call.kernel_with("size", DataType::Int32, nullable, param.to_string(), lengths))
}

/// `array_size(array)`: NULL of NULL.
pub fn array_size(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    if call.args[0].data_type == DataType::Null {
        return Ok(Typed::literal(datafusion::scalar::ScalarValue::Int32(None), call.display()));
    }
    require_array(call, 0)?;
    Ok(call.kernel("array_size", DataType::Int32, call.args[0].nullable, lengths))
}

fn lengths(args: &KernelArgs) -> Result<ArrayRef> {
    let of_null = if args.param == "-1" { Some(-1) } else { None };
    let array = args.array(0)?;
    let length = |row: usize, bounds: std::ops::Range<usize>| {
        if array.is_valid(row) { Some(bounds.len() as i32) } else { of_null }
    };
    if array.data_type() == &DataType::Null {
        return Ok(Arc::new((0..args.rows).map(|_| of_null).collect::<Int32Array>()));
    }
    let lengths: Int32Array = if matches!(array.data_type(), DataType::Map(..)) {
        let map = map_arg(args, 0)?;
        (0..args.rows).map(|row| length(row, map_bounds(&map, row))).collect()
    } else {
        let list = list_arg(args, 0)?;
        (0..args.rows).map(|row| length(row, bounds(&list, row))).collect()
    };
    Ok(Arc::new(lengths))
}

/// `array_join(array of strings, delimiter[, replacement of NULL])`.
pub fn array_join(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    if call.args[0].data_type == DataType::Null {
        return Ok(Typed::literal(datafusion::scalar::ScalarValue::Utf8(None), call.display()));
    }
    let contains_null = require_array(call, 0)?.is_nullable();
    let mut args = vec![call.coerce(0, &list_of(&DataType::Utf8, contains_null))?];
    for index in 1..call.args.len() {
        if call.env.ansi && !matches!(call.args[index].data_type, DataType::Utf8 | DataType::Null) {
            return Err(call.unexpected_type(index, "\"STRING\""));
        }
        args.push(call.coerce(index, &DataType::Utf8)?);
    }
    let inner = call.with_args(args);
    let nullable = inner.any_nullable();
    Ok(inner.kernel("array_join", DataType::Utf8, nullable, |args| {
        let list = list_arg(args, 0)?;
        let values = list.values().as_string::<i32>();
        let delimiters = args.array(1)?;
        let delimiters = delimiters.as_string::<i32>();
        let replacements = if args.args.len() > 2 { Some(args.array(2)?) } else { None };
        let replacements = replacements.as_ref().map(|array| array.as_string::<i32>());
        let mut builder = StringBuilder::new();
        let mut text = String::new();
        for row in 0..args.rows {
            let known = list.is_valid(row) && delimiters.is_valid(row) && replacements.is_none_or(|r| r.is_valid(row));
            if !known {
                builder.append_null();
                continue;
            }
            text.clear();
            let mut first = true;
            for at in bounds(&list, row) {
                let part = match replacements {
                    _ if values.is_valid(at) => values.value(at),
                    Some(replacements) => replacements.value(row),
                    None => continue,
                };
                if !std::mem::take(&mut first) {
                    text.push_str(delimiters.value(row));
                }
                text.push_str(part);
            }
            builder.append_value(&text);
        }
        Ok(Arc::new(builder.finish()))
    }))
}
