//! `lpad`, `rpad`, `repeat`, `space`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder};
use arrow::datatypes::DataType::{Binary, Int32, Utf8};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::Result;

use crate::kernel::KernelArgs;
use crate::rowwise::{complete, int_at, ints, string_at, strings, text, write_strings};
use crate::{Call, Typed};

/// `lpad(text, length[, pad])` and `rpad`; binary values are padded with zero bytes.
pub(crate) fn pad(call: &Call) -> Result<Typed> {
    let left = call.name.eq_ignore_ascii_case("lpad");
    call.arity(2..=3)?;
    let binary = !call.env.legacy.padded_texts
        && call.args[0].data_type == Binary
        && call.args.get(2).is_none_or(|pad| pad.data_type == Binary);
    let default = if binary { (ScalarValue::Binary(Some(vec![0])), "X'00'") } else { (text(" "), " ") };
    let call = complete(call, 3, &[default])?;
    let label = call.display();
    let to = if binary { Binary } else { Utf8 };
    let call = call.coerced(&[to.clone(), Int32, to.clone()])?;
    let nullable = call.any_nullable();
    let side = if left { "left" } else { "right" };
    Ok(call.kernel_with("spark_pad", to, nullable, side.into(), kernel).named(label))
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let left = args.param == "left";
    let lengths = ints(args, 1)?;
    if args.return_type == &Binary {
        let (values, pads) = (args.array(0)?, args.array(2)?);
        let (values, pads) = (values.as_binary::<i32>(), pads.as_binary::<i32>());
        let mut builder = BinaryBuilder::new();
        for row in 0..args.rows {
            let Some(length) = int_at(&lengths, row).filter(|_| values.is_valid(row) && pads.is_valid(row)) else {
                builder.append_null();
                continue;
            };
            let (value, length) = (values.value(row), length.max(0) as usize);
            let missing = length.saturating_sub(value.len());
            let padding: Vec<u8> = pads.value(row).iter().cycle().take(missing).copied().collect();
            let kept = &value[..value.len().min(length)];
            builder.append_value(if left { [&padding, kept].concat() } else { [kept, &padding].concat() });
        }
        return Ok(Arc::new(builder.finish()));
    }
    let (values, pads) = (strings(args, 0)?, strings(args, 2)?);
    write_strings(args.rows, |row, out| {
        let (Some(value), Some(length), Some(pad)) =
            (string_at(&values, row), int_at(&lengths, row), string_at(&pads, row))
        else {
            return Ok(false);
        };
        let length = length.max(0) as usize;
        let count = value.chars().count();
        if count >= length {
            out.extend(value.chars().take(length));
        } else if left {
            out.extend(pad.chars().cycle().take(length - count));
            out.push_str(value);
        } else {
            out.push_str(value);
            out.extend(pad.chars().cycle().take(length - count));
        }
        Ok(true)
    })
}

pub(super) fn repeat(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, counts) = (strings(args, 0)?, ints(args, 1)?);
    write_strings(args.rows, |row, out| match (string_at(&texts, row), int_at(&counts, row)) {
        (Some(text), Some(count)) => {
            (0..count).for_each(|_| out.push_str(text));
            Ok(true)
        }
        _ => Ok(false),
    })
}

pub(super) fn space(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let counts = ints(args, 0)?;
    write_strings(args.rows, |row, out| {
        let Some(count) = int_at(&counts, row) else { return Ok(false) };
        (0..count).for_each(|_| out.push(' '));
        Ok(true)
    })
}
