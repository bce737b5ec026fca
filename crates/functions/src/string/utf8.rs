//! Whether bytes are UTF-8, and making them so. Strings here always are.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::DataType::{Binary, Boolean, Utf8};
use firesteel_protocol::{Result, SparkError};
use std::sync::Arc;

use crate::kernel::KernelArgs;
use crate::rowwise::write_strings;
use crate::{Call, Typed};

fn build(call: &Call, to: arrow::datatypes::DataType, kernel: crate::kernel::Kernel) -> Result<Typed> {
    call.arity(1)?;
    let arg = if call.args[0].data_type == Binary { call.args[0].clone() } else { call.coerce(0, &Utf8)? };
    let what = call.name.to_ascii_lowercase();
    Ok(call.with_args(vec![arg]).kernel_with("ansi_utf8", to, true, what, kernel).named(call.display()))
}

pub(super) fn is_valid(call: &Call) -> Result<Typed> {
    build(call, Boolean, |args| {
        let array = args.array(0)?;
        Ok(Arc::new(match array.data_type() {
            Binary => array.as_binary::<i32>().iter().map(|v| v.map(|v| std::str::from_utf8(v).is_ok())).collect(),
            _ => array.as_string::<i32>().iter().map(|v| v.map(|_| true)).collect::<BooleanArray>(),
        }))
    })
}

pub(super) fn make_valid(call: &Call) -> Result<Typed> {
    build(call, Utf8, |args| {
        let array = args.array(0)?;
        if array.data_type() == &Utf8 {
            return Ok(array);
        }
        let bytes = array.as_binary::<i32>();
        write_strings(args.rows, |row, out| {
            if bytes.is_valid(row) {
                out.push_str(&String::from_utf8_lossy(bytes.value(row)));
            }
            Ok(bytes.is_valid(row))
        })
    })
}

/// `validate_utf8` fails on other bytes, `try_validate_utf8` gives NULL.
pub(super) fn validate(call: &Call) -> Result<Typed> {
    build(call, Utf8, validate_kernel)
}

fn validate_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let array = args.array(0)?;
    if array.data_type() == &Utf8 {
        return Ok(array);
    }
    let bytes = array.as_binary::<i32>();
    write_strings(args.rows, |row, out| {
        if bytes.is_null(row) {
            return Ok(false);
        }
        match std::str::from_utf8(bytes.value(row)) {
            Ok(text) => {
                out.push_str(text);
                Ok(true)
            }
            Err(_) if args.param.starts_with("try") => Ok(false),
            Err(_) => {
                let shown: String = bytes.value(row).iter().map(|byte| format!("\\x{byte:02X}")).collect();
                Err(SparkError::new("INVALID_UTF8_STRING").with("str", shown))
            }
        }
    })
}
