//! `split` by a regular expression, `split_part` by a text.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use arrow::datatypes::DataType::{Int32, Utf8};
use arrow::datatypes::Field;
use firesteel_protocol::types;
use firesteel_protocol::{Result, SparkError};

use super::regex::{Patterns, Regex, matches};
use crate::kernel::KernelArgs;
use crate::rowwise::{complete, int, int_at, ints, string_at, strings, write_strings};
use crate::{Call, Typed};

/// `split(text, pattern[, limit])`.
pub(super) fn split(call: &Call) -> Result<Typed> {
    let call = complete(call, 3, &[(int(-1), "-1")])?;
    let label = call.display();
    let call = call.coerced(&[Utf8, Utf8, Int32])?;
    let nullable = call.any_nullable();
    Ok(call.kernel("ansi_split", types::array(Utf8, false), nullable, split_kernel).named(label))
}

fn split_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, limits) = (strings(args, 0)?, ints(args, 2)?);
    let mut patterns = Patterns::new(args, 1, "split")?;
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", Utf8, false));
    for row in 0..args.rows {
        match (string_at(&texts, row), patterns.get(row)?, int_at(&limits, row)) {
            (Some(text), Some(pattern), Some(limit)) => {
                each_part(text, pattern, limit, |part| builder.values().append_value(part))?;
                builder.append(true);
            }
            _ => builder.append(false),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// As Java's `String.split`: an empty match at the start gives no part, and one inside parts characters.
fn each_part<'t>(text: &'t str, pattern: &Regex, limit: i32, mut push: impl FnMut(&'t str)) -> Result<()> {
    let empty_pattern = pattern.is_empty();
    let mut last = 0;
    let mut count = 1;
    for found in matches(pattern, text) {
        let found = found?.whole();
        if limit > 0 && count >= limit {
            break;
        }
        if found.end == 0 || empty_pattern && found.end == text.len() {
            continue;
        }
        push(&text[last..found.start]);
        last = found.end;
        count += 1;
    }
    push(&text[last..]);
    Ok(())
}

/// `split_part(text, delimiter, number)`.
pub(super) fn split_part(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    let typed = call.coerced(&[Utf8, Utf8, Int32])?;
    Ok(typed.kernel("ansi_split_part", Utf8, true, split_part_kernel).named(call.display()))
}

fn split_part_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, delimiters, numbers) = (strings(args, 0)?, strings(args, 1)?, ints(args, 2)?);
    write_strings(args.rows, |row, out| {
        let (Some(text), Some(delimiter), Some(number)) =
            (string_at(&texts, row), string_at(&delimiters, row), int_at(&numbers, row))
        else {
            return Ok(false);
        };
        if number == 0 {
            return Err(SparkError::new("INVALID_INDEX_OF_ZERO").placeless());
        }
        let nth = number.unsigned_abs() as usize - 1;
        let part = if delimiter.is_empty() {
            (nth == 0).then_some(text)
        } else if number > 0 {
            text.split(delimiter).nth(nth)
        } else {
            text.rsplit(delimiter).nth(nth)
        };
        out.push_str(part.unwrap_or(""));
        Ok(true)
    })
}
