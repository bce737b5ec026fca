//! `raise_error` and `assert_true`.

use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::datatypes::DataType::{self, Boolean, Utf8};
use firesteel_protocol::{Result, SparkError};

use crate::kernel::KernelArgs;
use crate::rowwise::{string_at, strings, text};
use crate::{Call, Typed};

fn raised(message: &str) -> SparkError {
    SparkError::new("USER_RAISED_EXCEPTION").with("errorMessage", message)
}

/// `raise_error(message)`.
pub(super) fn raise_error(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let typed = call.coerced(&[Utf8])?;
    Ok(typed
        .kernel("ansi_raise_error", DataType::Null, true, |args| {
            let messages = strings(args, 0)?;
            match (0..args.rows).next() {
                Some(row) => Err(raised(string_at(&messages, row).unwrap_or("null"))),
                None => Ok(new_null_array(&DataType::Null, 0)),
            }
        })
        .named(call.display()))
}

/// `assert_true(condition[, message])`: NULL, or an error.
pub(super) fn assert_true(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let message = match call.args.get(1) {
        Some(_) => call.coerce(1, &Utf8)?,
        None => {
            let message = format!("'{}' is not true!", call.args[0].name);
            Typed::literal(text(&message), message)
        }
    };
    let label = format!("assert_true({}, {})", call.args[0].name, message.name);
    if !matches!(call.args[0].data_type, Boolean | DataType::Null) {
        // Spark makes an IF of the call, whose condition is not cast.
        let raised = format!("raise_error(USER_RAISED_EXCEPTION, map(errorMessage, {}))", message.name);
        return Err(call
            .unexpected_type(0, "\"BOOLEAN\"")
            .with("sqlExpr", format!("\"(IF({}, NULL, {raised}))\"", call.args[0].name)));
    }
    let typed = call.with_args(vec![call.coerce(0, &Boolean)?, message]);
    Ok(typed.kernel("ansi_assert_true", DataType::Null, true, assert_kernel).named(label))
}

fn assert_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let conditions = args.array(0)?;
    let conditions = conditions.as_boolean();
    let messages = strings(args, 1)?;
    for row in 0..args.rows {
        if conditions.is_null(row) || !conditions.value(row) {
            return Err(raised(string_at(&messages, row).unwrap_or("null")));
        }
    }
    Ok(new_null_array(&DataType::Null, args.rows))
}
