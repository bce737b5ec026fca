//! What CHAR(n) and VARCHAR(n) columns keep of a text: no function of SQL's, INSERT calls it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::DataType::{Int32, Utf8};
use arrow::datatypes::Int32Type;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::KernelArgs;
use crate::rowwise::{string_at, strings};
use crate::{Call, Typed};

/// `__store_char(text, n)`: padded with spaces to `n` characters.
pub(super) fn store_char(call: &Call) -> Result<Typed> {
    store(call, true)
}

/// `__store_varchar(text, n)`: spaces at the end give way to the limit.
pub(super) fn store_varchar(call: &Call) -> Result<Typed> {
    store(call, false)
}

fn store(call: &Call, padded: bool) -> Result<Typed> {
    call.arity(2)?;
    let typed = call.coerced(&[Utf8, Int32])?;
    let nullable = call.args[0].nullable;
    let typed = match padded {
        true => typed.kernel("ansi_store_char", Utf8, nullable, |args| kept(args, true)),
        false => typed.kernel("ansi_store_varchar", Utf8, nullable, |args| kept(args, false)),
    };
    Ok(typed.named(call.display()))
}

fn kept(args: &KernelArgs<'_>, padded: bool) -> Result<ArrayRef> {
    let texts = strings(args, 0)?;
    let limits = args.array(1)?;
    let limits = limits.as_primitive::<Int32Type>();
    let mut kept = StringBuilder::with_capacity(args.rows, args.rows * 8);
    for row in 0..args.rows {
        match string_at(&texts, row) {
            Some(text) => fit(text, usize::try_from(limits.value(row)).unwrap_or(0), padded, &mut kept)?,
            None => kept.append_null(),
        }
    }
    Ok(Arc::new(kept.finish()))
}

fn fit(text: &str, limit: usize, padded: bool, kept: &mut StringBuilder) -> Result<()> {
    let length = text.chars().count();
    if length <= limit {
        if padded && length < limit {
            kept.append_value(format!("{text}{}", " ".repeat(limit - length)));
        } else {
            kept.append_value(text);
        }
        return Ok(());
    }
    if text.trim_end_matches(' ').chars().count() > limit {
        return Err(SparkError::new("EXCEED_LIMIT_LENGTH").with("limit", limit.to_string()));
    }
    let end = text.char_indices().nth(limit).map_or(text.len(), |(at, _)| at);
    kept.append_value(&text[..end]);
    Ok(())
}
