//! `concat`, `concat_ws`, `elt`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, ListArray, MutableArrayData, StringArray, make_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType::{self, Binary, Int32, Utf8};
use firesteel_protocol::{Result, SparkError};

use crate::kernel::{KernelArgs, from_arrow};
use crate::rowwise::{int_at, ints, string_at, strings, write_strings};
use crate::{Call, Typed};

/// `concat(a, ...)`: strings, or all binary values, or all arrays.
pub(super) fn concat(call: &Call) -> Result<Typed> {
    let label = call.display();
    if call.args.iter().any(|arg| matches!(arg.data_type, DataType::List(_))) {
        if call.args.iter().any(|arg| !matches!(arg.data_type, DataType::List(_))) {
            // Of what is no array Spark has made a text by then.
            let word = |arg: &Typed| match arg.data_type {
                DataType::List(_) => format!("\"{}\"", arg.sql_type()),
                _ => "\"STRING\"".to_string(),
            };
            let words: Vec<String> = call.args.iter().map(word).collect();
            return Err(SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
                .with("functionName", "`concat`")
                .with("dataType", format!("({})", words.join(" or ")))
                .with("sqlExpr", format!("\"{label}\"")));
        }
        let args = call.with_args(call.coerce_all_to_common()?);
        let (nullable, to) = (args.any_nullable(), args.args[0].data_type.clone());
        return Ok(args.kernel("spark_concat_arrays", to, nullable, concat_arrays).named(label));
    }
    if !call.env.concat_as_text && !call.args.is_empty() && call.args.iter().all(|arg| arg.data_type == Binary) {
        return Ok(call.kernel("spark_concat_binary", Binary, call.any_nullable(), concat_binary));
    }
    let call = call.coerced(&vec![Utf8; call.args.len()])?;
    let nullable = call.any_nullable();
    Ok(call.kernel("spark_concat", Utf8, nullable, concat_strings).named(label))
}

fn concat_strings(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let parts = (0..args.args.len()).map(|index| strings(args, index)).collect::<Result<Vec<_>>>()?;
    write_strings(args.rows, |row, out| {
        for part in &parts {
            let Some(value) = string_at(part, row) else { return Ok(false) };
            out.push_str(value);
        }
        Ok(true)
    })
}

fn concat_binary(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let parts = args.arrays()?;
    let mut builder = BinaryBuilder::new();
    let mut buffer = vec![];
    for row in 0..args.rows {
        if parts.iter().any(|part| part.is_null(row)) {
            builder.append_null();
            continue;
        }
        buffer.clear();
        parts.iter().for_each(|part| buffer.extend_from_slice(part.as_binary::<i32>().value(row)));
        builder.append_value(&buffer);
    }
    Ok(Arc::new(builder.finish()))
}

fn concat_arrays(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let arrays = args.arrays()?;
    let DataType::List(field) = args.return_type else { return Err(SparkError::internal("concat of arrays")) };
    let lists: Vec<&ListArray> = arrays.iter().map(|array| array.as_list::<i32>()).collect();
    let values: Vec<_> = lists.iter().map(|list| list.values().to_data()).collect();
    let mut data = MutableArrayData::new(values.iter().collect(), true, 0);
    let mut lengths = Vec::with_capacity(args.rows);
    let mut valid = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        let present = lists.iter().all(|list| list.is_valid(row));
        let mut length = 0;
        if present {
            for (index, list) in lists.iter().enumerate() {
                let (start, end) = (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
                data.try_extend(index, start, end).map_err(from_arrow)?;
                length += end - start;
            }
        }
        lengths.push(length);
        valid.push(present);
    }
    let values = make_array(data.freeze());
    let list = ListArray::try_new(
        Arc::clone(field),
        OffsetBuffer::from_lengths(lengths),
        values,
        Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0),
    );
    Ok(Arc::new(list.map_err(from_arrow)?))
}

/// `concat_ws(separator, string or array of strings, ...)`: NULLs are left out.
pub(super) fn concat_ws(call: &Call) -> Result<Typed> {
    call.arity(1..)?;
    let label = call.display();
    let mut args = vec![call.coerce(0, &Utf8)?];
    for index in 1..call.args.len() {
        let to = match &call.args[index].data_type {
            DataType::List(element) => firesteel_protocol::types::array(Utf8, element.is_nullable()),
            _ => Utf8,
        };
        args.push(
            crate::coerce::implicit_cast(call.args[index].clone(), &to, call.env)
                .ok_or_else(|| call.unexpected_type(index, "(\"ARRAY<STRING>\" or \"STRING\")"))?,
        );
    }
    let nullable = args[0].nullable;
    Ok(call.with_args(args).kernel("spark_concat_ws", Utf8, nullable, concat_ws_kernel).named(label))
}

fn concat_ws_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    enum Part {
        Text(StringArray),
        List(ArrayRef, StringArray),
    }
    let separators = strings(args, 0)?;
    let parts = (1..args.args.len())
        .map(|index| {
            let array = args.array(index)?;
            Ok(match array.data_type() {
                DataType::List(_) => {
                    let values = array.as_list::<i32>().values().as_string::<i32>().clone();
                    Part::List(array, values)
                }
                _ => Part::Text(array.as_string::<i32>().clone()),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    write_strings(args.rows, |row, out| {
        let Some(separator) = string_at(&separators, row) else { return Ok(false) };
        let mut first = true;
        let mut push = |value: &str| {
            if !first {
                out.push_str(separator);
            }
            first = false;
            out.push_str(value);
        };
        for part in &parts {
            match part {
                Part::Text(values) => {
                    if let Some(value) = string_at(values, row) {
                        push(value);
                    }
                }
                Part::List(list, values) if list.is_valid(row) => {
                    let offsets = list.as_list::<i32>().value_offsets();
                    for at in offsets[row] as usize..offsets[row + 1] as usize {
                        if let Some(value) = string_at(values, at) {
                            push(value);
                        }
                    }
                }
                Part::List(..) => {}
            }
        }
        Ok(true)
    })
}

/// `elt(n, a, b, ...)`: the n-th of the others.
pub(super) fn elt(call: &Call) -> Result<Typed> {
    call.arity(2..)?;
    let label = call.display();
    let binary = !call.env.elt_as_text && call.args[1..].iter().all(|arg| arg.data_type == Binary);
    let to = if binary { Binary } else { Utf8 };
    let mut types = vec![to.clone(); call.args.len()];
    types[0] = Int32;
    let call = call.coerced(&types)?;
    Ok(call.kernel("ansi_elt", to, true, elt_kernel).named(label))
}

fn elt_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let numbers = ints(args, 0)?;
    let arrays = (1..args.args.len()).map(|index| args.array(index)).collect::<Result<Vec<_>>>()?;
    let mut sources: Vec<&dyn Array> = arrays.iter().map(|array| array.as_ref()).collect();
    let null = arrow::array::new_null_array(args.return_type, 1);
    sources.push(null.as_ref());
    let missing = (arrays.len(), 0);
    let picks = (0..args.rows).map(|row| match int_at(&numbers, row) {
        None => Ok(missing),
        Some(number) if number >= 1 && number as usize <= arrays.len() => Ok((number as usize - 1, row)),
        Some(number) if args.env.ansi => Err(SparkError::new("INVALID_ARRAY_INDEX")
            .with("indexValue", number.to_string())
            .with("arraySize", arrays.len().to_string())),
        Some(_) => Ok(missing),
    });
    let picks = picks.collect::<Result<Vec<_>>>()?;
    arrow::compute::interleave(&sources, &picks).map_err(from_arrow)
}
