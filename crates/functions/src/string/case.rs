//! Upper and lower case, `initcap`, `mask`.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType::Utf8;
use datafusion::logical_expr::ScalarUDF;
use firesteel_protocol::types::collation::{self, BINARY};
use firesteel_protocol::{Result, SparkError};

use crate::collation::{plain, shown};
use crate::kernel::KernelArgs;
use crate::rowwise::{map_strings, string_at, strings, write_strings};
use crate::{Call, Typed};

pub(super) fn lower(call: &Call) -> Result<Typed> {
    unary(call, &datafusion::functions::string::lower())
}

pub(super) fn upper(call: &Call) -> Result<Typed> {
    unary(call, &datafusion::functions::string::upper())
}

fn unary(call: &Call, function: &Arc<ScalarUDF>) -> Result<Typed> {
    call.arity(1)?;
    let label = call.display();
    let call = call.coerced(&[Utf8])?;
    let nullable = call.any_nullable();
    Ok(call.datafusion(function, Utf8, nullable).named(label))
}

/// The first letter of each word in upper case, the others in lower case; only blanks part words.
pub(super) fn initcap(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    Ok(map_strings(&strings(args, 0)?, |value, out| {
        let mut first = true;
        for c in value.chars() {
            if first {
                out.extend(c.to_uppercase());
            } else {
                out.extend(c.to_lowercase());
            }
            first = c == ' ';
        }
    }))
}

/// `mask(str[, upper[, lower[, digit[, other]]]])`: NULL for a kind keeps its characters.
pub(super) fn mask(call: &Call) -> Result<Typed> {
    let given = call.args.len();
    let completed = crate::rowwise::complete(call, 5, &super::mask_defaults())?;
    // Default characters are shown with the collation that the text and the characters have together.
    let common = completed.args[..given].iter().map(|arg| collation::of(&arg.metadata)).find(|own| *own != BINARY);
    let args = completed.args.iter().enumerate().map(|(at, arg)| match common {
        Some(own) if at >= given => plain(&shown(arg, own)),
        _ => arg.clone(),
    });
    let call = completed.with_args(args.collect());
    let label = call.display();
    for (index, name) in [(1, "upperChar"), (2, "lowerChar"), (3, "digitChar"), (4, "otherChar")] {
        let text = call.args[index].as_literal().and_then(|value| value.try_as_str().flatten());
        if text.is_some_and(|text| text.chars().count() != 1) {
            return Err(SparkError::new("DATATYPE_MISMATCH.INPUT_SIZE_NOT_ONE")
                .with("exprName", name)
                .with("sqlExpr", format!("\"{label}\"")));
        }
    }
    let call = call.coerced(&[Utf8, Utf8, Utf8, Utf8, Utf8])?;
    Ok(call.kernel("spark_mask", Utf8, true, mask_kernel).named(label))
}

fn mask_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let texts = strings(args, 0)?;
    let masks = (1..5).map(|index| strings(args, index)).collect::<Result<Vec<_>>>()?;
    write_strings(args.rows, |row, out| {
        let Some(text) = string_at(&texts, row) else { return Ok(false) };
        let mask = |index: usize| string_at(&masks[index], row).and_then(|mask| mask.chars().next());
        let (upper, lower, digit, other) = (mask(0), mask(1), mask(2), mask(3));
        out.extend(text.chars().map(|c| {
            let replacement = match c {
                c if c.is_uppercase() => upper,
                c if c.is_lowercase() => lower,
                c if c.is_ascii_digit() => digit,
                _ => other,
            };
            replacement.unwrap_or(c)
        }));
        Ok(true)
    })
}
