//! Lengths and parts of strings and binary values; positions count characters from 1.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, PrimitiveArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType::{self, Binary, Int32, Utf8};
use arrow::datatypes::Int32Type;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::{KernelArgs, from_arrow};
use crate::rowwise::{complete, int, int_at, ints, map_strings, string_at, strings, write_strings};
use crate::{Call, Typed};

/// Characters of a string, bytes of a binary value.
pub(super) fn length(call: &Call) -> Result<Typed> {
    measure(call, "spark_length", |args| {
        let array = args.array(0)?;
        Ok(match array.data_type() {
            Binary => lengths(&array, 1),
            _ => {
                let text = array.as_string::<i32>();
                let count = |value: &str| if value.is_ascii() { value.len() } else { value.chars().count() };
                Arc::new(text.iter().map(|v| v.map(|v| count(v) as i32)).collect::<PrimitiveArray<Int32Type>>())
            }
        })
    })
}

pub(super) fn octet_length(call: &Call) -> Result<Typed> {
    measure(call, "spark_octet_length", |args| Ok(lengths(&args.array(0)?, 1)))
}

pub(super) fn bit_length(call: &Call) -> Result<Typed> {
    measure(call, "spark_bit_length", |args| Ok(lengths(&args.array(0)?, 8)))
}

fn measure(call: &Call, name: &'static str, kernel: crate::kernel::Kernel) -> Result<Typed> {
    call.arity(1)?;
    let arg = call.coerce_any(0, &[Utf8, Binary])?;
    let nullable = arg.nullable;
    Ok(call.with_args(vec![arg]).kernel(name, Int32, nullable, kernel).named(call.display()))
}

fn lengths(array: &ArrayRef, factor: i32) -> ArrayRef {
    let lengths: PrimitiveArray<Int32Type> = match array.data_type() {
        Binary => array.as_binary::<i32>().iter().map(|v| v.map(|v| v.len() as i32 * factor)).collect(),
        _ => array.as_string::<i32>().iter().map(|v| v.map(|v| v.len() as i32 * factor)).collect(),
    };
    Arc::new(lengths)
}

/// Which of `length` items `substring(_, position, count)` takes: from, to.
fn bounds(position: i32, count: i32, length: usize) -> (usize, usize) {
    let length = length as i64;
    let start = match i64::from(position) {
        0 => 0,
        position if position > 0 => position - 1,
        position => length + position,
    };
    // The count starts before the text where a negative position does.
    let end = (start + i64::from(count)).clamp(0, length);
    let start = start.clamp(0, length);
    (start as usize, end.max(start) as usize)
}

/// The characters `from..to`.
fn characters(text: &str, from: usize, to: usize) -> &str {
    if text.is_ascii() {
        return &text[from..to];
    }
    let mut at = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let start = at.nth(from).unwrap_or(text.len());
    let end = if to == from { start } else { at.nth(to - from - 1).unwrap_or(text.len()) };
    &text[start..end]
}

fn char_count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// `substring(text, position[, length])`.
pub(super) fn substring(call: &Call) -> Result<Typed> {
    let call = complete(call, 3, &[(int(i32::MAX), "2147483647")])?;
    parts(&call, &call.display(), [call.args[0].clone(), call.args[1].clone(), call.args[2].clone()])
}

/// `left(text, n)`.
pub(super) fn left(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let one = Typed::literal(int(1), "1");
    parts(call, &call.display(), [call.args[0].clone(), one, call.args[1].clone()])
}

fn parts(call: &Call, label: &str, args: [Typed; 3]) -> Result<Typed> {
    let call = call.with_args(args.to_vec());
    let value = call.coerce_any(0, &[Utf8, Binary])?;
    let to = value.data_type.clone();
    let args = vec![value, call.coerce(1, &Int32)?, call.coerce(2, &Int32)?];
    let call = call.with_args(args);
    let nullable = call.any_nullable();
    Ok(call.kernel("spark_substring", to, nullable, substring_kernel).named(label))
}

fn substring_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (positions, counts) = (ints(args, 1)?, ints(args, 2)?);
    let array = args.array(0)?;
    if array.data_type() == &Binary {
        let values = array.as_binary::<i32>();
        let mut builder = BinaryBuilder::new();
        for row in 0..args.rows {
            match (values.is_valid(row), int_at(&positions, row), int_at(&counts, row)) {
                (true, Some(position), Some(count)) => {
                    let value = values.value(row);
                    let (start, end) = bounds(position, count, value.len());
                    builder.append_value(&value[start..end]);
                }
                _ => builder.append_null(),
            }
        }
        return Ok(Arc::new(builder.finish()));
    }
    let texts = array.as_string::<i32>();
    write_strings(args.rows, |row, out| match (string_at(texts, row), int_at(&positions, row), int_at(&counts, row)) {
        (Some(text), Some(position), Some(count)) => {
            let (start, end) = bounds(position, count, char_count(text));
            out.push_str(characters(text, start, end));
            Ok(true)
        }
        _ => Ok(false),
    })
}

/// `right(text, n)`.
pub(super) fn right(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let typed = call.coerced(&[Utf8, Int32])?;
    Ok(typed
        .kernel("spark_right", Utf8, true, |args| {
            let (texts, counts) = (strings(args, 0)?, ints(args, 1)?);
            write_strings(args.rows, |row, out| match (string_at(&texts, row), int_at(&counts, row)) {
                (Some(text), Some(count)) => {
                    let length = char_count(text);
                    let taken = usize::try_from(count).unwrap_or(0).min(length);
                    out.push_str(characters(text, length - taken, length));
                    Ok(true)
                }
                _ => Ok(false),
            })
        })
        .named(call.display()))
}

/// `overlay(input, replacement, position[, length])`.
pub(super) fn overlay(call: &Call) -> Result<Typed> {
    let call = complete(call, 4, &[(int(-1), "-1")])?;
    let label = call.display();
    let binary = call.args[..2].iter().all(|arg| arg.data_type == Binary);
    if matches!((&call.args[0].data_type, &call.args[1].data_type), (&Utf8, &Binary) | (&Binary, &Utf8)) {
        return Err(SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
            .with("sqlExpr", format!("\"{label}\""))
            .with("functionName", "`overlay`")
            .with("dataType", "(\"STRING\" or \"BINARY\")"));
    }
    let to = if binary { Binary } else { Utf8 };
    let call = call.coerced(&[to.clone(), to.clone(), Int32, Int32])?;
    let nullable = call.any_nullable();
    Ok(call.kernel("spark_overlay", to, nullable, overlay_kernel).named(label))
}

fn overlay_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (inputs, replacements) = (args.array(0)?, args.array(1)?);
    let (positions, counts) = (ints(args, 2)?, ints(args, 3)?);
    let cut = |position: i32, count: i32, replaced: usize| {
        let count = if count >= 0 { count } else { replaced as i32 };
        (position.saturating_sub(1), position.saturating_add(count))
    };
    if args.return_type == &Binary {
        let (inputs, replacements) = (inputs.as_binary::<i32>(), replacements.as_binary::<i32>());
        let mut builder = BinaryBuilder::new();
        for row in 0..args.rows {
            let (Some(position), Some(count)) = (int_at(&positions, row), int_at(&counts, row)) else {
                builder.append_null();
                continue;
            };
            if inputs.is_null(row) || replacements.is_null(row) {
                builder.append_null();
                continue;
            }
            let (input, replacement) = (inputs.value(row), replacements.value(row));
            let (before, after) = cut(position, count, replacement.len());
            let (_, before) = bounds(1, before, input.len());
            let (start, end) = bounds(after, i32::MAX, input.len());
            builder.append_value([&input[..before], replacement, &input[start..end]].concat());
        }
        return Ok(Arc::new(builder.finish()));
    }
    let (inputs, replacements) = (inputs.as_string::<i32>(), replacements.as_string::<i32>());
    write_strings(args.rows, |row, out| {
        let values =
            (string_at(inputs, row), string_at(replacements, row), int_at(&positions, row), int_at(&counts, row));
        let (Some(input), Some(replacement), Some(position), Some(count)) = values else { return Ok(false) };
        let length = char_count(input);
        let (before, after) = cut(position, count, char_count(replacement));
        let (_, before) = bounds(1, before, length);
        let (start, end) = bounds(after, i32::MAX, length);
        out.push_str(characters(input, 0, before));
        out.push_str(replacement);
        out.push_str(characters(input, start, end));
        Ok(true)
    })
}

/// `substring_index(text, delimiter, count)`: what is before the count-th delimiter, from the end if
/// negative.
pub(super) fn substring_index(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, delimiters, counts) = (strings(args, 0)?, strings(args, 1)?, ints(args, 2)?);
    write_strings(args.rows, |row, out| {
        let values = (string_at(&texts, row), string_at(&delimiters, row), int_at(&counts, row));
        let (Some(text), Some(delimiter), Some(count)) = values else { return Ok(false) };
        if count == 0 || delimiter.is_empty() {
            return Ok(true);
        }
        let nth = count.unsigned_abs() as usize - 1;
        // Delimiters may overlap.
        let mut starts = text.char_indices().map(|(at, _)| at).filter(|at| text[*at..].starts_with(delimiter));
        out.push_str(if count > 0 {
            starts.nth(nth).map_or(text, |at| &text[..at])
        } else {
            starts.nth_back(nth).map_or(text, |at| &text[at + delimiter.len()..])
        });
        Ok(true)
    })
}

/// `reverse` of a string, a binary value or an array.
pub(super) fn reverse(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let arg = match &call.args[0].data_type {
        DataType::List(_) | Binary => call.args[0].clone(),
        _ => crate::coerce::implicit_cast(call.args[0].clone(), &Utf8, call.env)
            .ok_or_else(|| call.unexpected_type(0, "(\"STRING\" or \"ARRAY\")"))?,
    };
    let (to, nullable) = (arg.data_type.clone(), arg.nullable);
    Ok(call.with_args(vec![arg]).kernel("spark_reverse", to, nullable, reverse_kernel).named(call.display()))
}

fn reverse_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let array = args.array(0)?;
    match array.data_type() {
        Utf8 => Ok(map_strings(array.as_string::<i32>(), |value, out| out.extend(value.chars().rev()))),
        Binary => {
            let mut builder = BinaryBuilder::new();
            for value in array.as_binary::<i32>() {
                builder.append_option(value.map(|bytes| bytes.iter().rev().copied().collect::<Vec<u8>>()));
            }
            Ok(Arc::new(builder.finish()))
        }
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            let picks: Vec<u32> = offsets.windows(2).flat_map(|ends| (ends[0] as u32..ends[1] as u32).rev()).collect();
            let values = arrow::compute::take(list.values(), &UInt32Array::from(picks), None).map_err(from_arrow)?;
            let offsets = OffsetBuffer::from_lengths(offsets.windows(2).map(|ends| (ends[1] - ends[0]) as usize));
            let list = arrow::array::ListArray::try_new(Arc::clone(field), offsets, values, list.nulls().cloned());
            Ok(Arc::new(list.map_err(from_arrow)?))
        }
        other => Err(SparkError::internal(format!("reverse of {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_of_substring() {
        assert_eq!(bounds(5, i32::MAX, 9), (4, 9));
        assert_eq!(bounds(-3, 2, 9), (6, 8));
        assert_eq!(bounds(0, 2, 9), (0, 2));
        assert_eq!(bounds(-5, 3, 3), (0, 1));
        assert_eq!(bounds(1, -1, 3), (0, 0));
        assert_eq!(characters("añb", 1, 2), "ñ");
    }
}
