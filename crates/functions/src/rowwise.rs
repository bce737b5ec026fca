//! Short forms for builders and kernels that work row by row.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::Result;

use crate::kernel::{Kernel, KernelArgs};
use crate::{Call, Typed};

/// A function of arguments of fixed types: NULL in, NULL out.
pub fn typed(call: &Call, name: &'static str, types: &[DataType], to: DataType, kernel: Kernel) -> Result<Typed> {
    call.arity(types.len())?;
    let label = call.display();
    let call = call.coerced(types)?;
    let nullable = call.any_nullable();
    Ok(call.kernel(name, to, nullable, kernel).named(label))
}

/// [`typed`] where the last arguments may be left out: `defaults` are theirs, printed as Spark does.
pub fn with_defaults(
    call: &Call,
    name: &'static str,
    types: &[DataType],
    defaults: &[(ScalarValue, &str)],
    to: DataType,
    kernel: Kernel,
) -> Result<Typed> {
    typed(&complete(call, types.len(), defaults)?, name, types, to, kernel)
}

/// The call with its missing last arguments, `total` in all.
pub fn complete<'a>(call: &'a Call, total: usize, defaults: &[(ScalarValue, &str)]) -> Result<Call<'a>> {
    call.arity(total - defaults.len()..=total)?;
    let mut args = call.args.clone();
    let missing = total - args.len();
    for (value, label) in &defaults[defaults.len() - missing..] {
        args.push(Typed::literal(value.clone(), *label));
    }
    Ok(call.with_args(args))
}

/// A constant string argument.
pub fn text(value: &str) -> ScalarValue {
    ScalarValue::Utf8(Some(value.to_string()))
}

/// A constant integer argument.
pub fn int(value: i32) -> ScalarValue {
    ScalarValue::Int32(Some(value))
}

/// Argument `index` as strings.
pub fn strings(args: &KernelArgs<'_>, index: usize) -> Result<StringArray> {
    Ok(args.array(index)?.as_string::<i32>().clone())
}

/// Argument `index` as integers.
pub fn ints(args: &KernelArgs<'_>, index: usize) -> Result<PrimitiveArray<Int32Type>> {
    Ok(args.array(index)?.as_primitive::<Int32Type>().clone())
}

/// Strings out of strings: `write` appends what a value becomes.
pub fn map_strings(array: &StringArray, mut write: impl FnMut(&str, &mut String)) -> ArrayRef {
    let mut builder = StringBuilder::with_capacity(array.len(), array.value_data().len());
    let mut buffer = String::new();
    for value in array {
        match value {
            Some(value) => {
                buffer.clear();
                write(value, &mut buffer);
                builder.append_value(&buffer);
            }
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

/// Strings row by row: `write` appends to the buffer and says whether the row has a value.
pub fn write_strings(rows: usize, mut write: impl FnMut(usize, &mut String) -> Result<bool>) -> Result<ArrayRef> {
    let mut builder = StringBuilder::with_capacity(rows, rows * 16);
    let mut buffer = String::new();
    for row in 0..rows {
        buffer.clear();
        if write(row, &mut buffer)? { builder.append_value(&buffer) } else { builder.append_null() }
    }
    Ok(Arc::new(builder.finish()))
}

/// The value of a row; `None` is NULL.
pub fn string_at(array: &StringArray, row: usize) -> Option<&str> {
    array.is_valid(row).then(|| array.value(row))
}

/// The value of a row; `None` is NULL.
pub fn int_at(array: &PrimitiveArray<Int32Type>, row: usize) -> Option<i32> {
    array.is_valid(row).then(|| array.value(row))
}
