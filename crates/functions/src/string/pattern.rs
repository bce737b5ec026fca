//! `regexp_*` functions.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListBuilder, PrimitiveArray, StringBuilder};
use arrow::datatypes::DataType::{Int32, Utf8};
use arrow::datatypes::{Field, Int32Type};
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use super::regex::{Patterns, Regex, Replacement, matches};
use crate::kernel::KernelArgs;
use crate::rowwise::{complete, int, int_at, ints, string_at, strings, write_strings};
use crate::{Call, Typed};

pub(super) fn count(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let texts = strings(args, 0)?;
    let mut patterns = Patterns::new(args, 1, "regexp_count")?;
    let counts = (0..args.rows).map(|row| match (string_at(&texts, row), patterns.get(row)?) {
        (Some(text), Some(pattern)) => {
            let mut count = 0;
            for found in matches(pattern, text) {
                found?;
                count += 1;
            }
            Ok(Some(count))
        }
        _ => Ok(None),
    });
    Ok(Arc::new(counts.collect::<Result<PrimitiveArray<Int32Type>>>()?))
}

/// The position of the first match, counted from 1; 0 if there is none.
pub(super) fn instr(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, groups) = (strings(args, 0)?, ints(args, 2)?);
    let mut patterns = Patterns::new(args, 1, "regexp_instr")?;
    let positions =
        (0..args.rows).map(|row| match (string_at(&texts, row), patterns.get(row)?, int_at(&groups, row)) {
            (Some(text), Some(pattern), Some(_)) => {
                let at = pattern.find(text)?.map_or(0, |found| text[..found.start].chars().count() as i32 + 1);
                Ok(Some(at))
            }
            _ => Ok(None),
        });
    Ok(Arc::new(positions.collect::<Result<PrimitiveArray<Int32Type>>>()?))
}

/// `regexp_replace` with a position that is refused where it is a constant below 1.
pub(super) fn check_position(call: &crate::Call) -> Result<()> {
    let given = call.args.get(3).and_then(|arg| crate::constant::evaluate(&arg.expr));
    match given.map(|value| value.cast_to(&arrow::datatypes::DataType::Int32)) {
        Some(Ok(datafusion::scalar::ScalarValue::Int32(Some(position)))) if position < 1 => {
            Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
                .with("exprName", "position")
                .with("valueRange", "(0, 2147483647]")
                .with("currentValue", position.to_string())
                .with("sqlExpr", format!("\"{}\"", call.display())))
        }
        _ => Ok(()),
    }
}

/// `regexp_replace(text, pattern, replacement[, position])`.
pub(super) fn replace(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, others, starts) = (strings(args, 0)?, strings(args, 2)?, ints(args, 3)?);
    let mut patterns = Patterns::new(args, 1, "regexp_replace")?;
    let bad = |row: usize, other: &str| {
        SparkError::new("INVALID_REGEXP_REPLACE")
            .with("source", string_at(&texts, row).unwrap_or_default())
            .with("pattern", args.scalar_str(1).flatten().unwrap_or_default())
            .with("replacement", other)
            .with("position", int_at(&starts, row).unwrap_or(1).to_string())
    };
    let constant =
        args.scalar_str(2).flatten().map(|other| Replacement::parse(other).ok_or_else(|| bad(0, other))).transpose()?;
    write_strings(args.rows, |row, out| {
        let (Some(text), Some(other), Some(start)) =
            (string_at(&texts, row), string_at(&others, row), int_at(&starts, row))
        else {
            return Ok(false);
        };
        let Some(pattern) = patterns.get(row)? else { return Ok(false) };
        let own;
        let replacement = match &constant {
            Some(constant) => constant,
            None => {
                own = Replacement::parse(other).ok_or_else(|| bad(row, other))?;
                &own
            }
        };
        let skipped = start.max(1) as usize - 1;
        let from = text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(skipped).unwrap_or(text.len());
        if skipped > 0 && from == text.len() {
            out.push_str(text);
            return Ok(true);
        }
        let mut last = 0;
        for found in matches(pattern, text) {
            let found = found?;
            let whole = found.whole();
            if whole.start < from {
                continue;
            }
            out.push_str(&text[last..whole.start]);
            replacement.expand(&found, out).ok_or_else(|| bad(row, other))?;
            last = whole.end;
        }
        out.push_str(&text[last..]);
        Ok(true)
    })
}

/// `regexp_substr(text, pattern)`: the first match; NULL if there is none.
pub(super) fn substr(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let typed = call.coerced(&[Utf8, Utf8])?;
    Ok(typed
        .kernel("ansi_regexp_substr", Utf8, true, |args| {
            let texts = strings(args, 0)?;
            let mut patterns = Patterns::new(args, 1, "regexp_substr")?;
            write_strings(args.rows, |row, out| match (string_at(&texts, row), patterns.get(row)?) {
                (Some(text), Some(pattern)) => {
                    Ok(pattern.find(text)?.map(|found| out.push_str(&text[found])).is_some())
                }
                _ => Ok(false),
            })
        })
        .named(call.display()))
}

/// `regexp_extract(text, pattern[, group])`; an empty string if there is no match.
pub(super) fn extract(call: &Call) -> Result<Typed> {
    let call = complete(call, 3, &[(int(1), "1")])?;
    let label = call.display();
    let call = call.coerced(&[Utf8, Utf8, Int32])?;
    let nullable = call.any_nullable();
    Ok(call
        .kernel("ansi_regexp_extract", Utf8, nullable, |args| {
            let (texts, groups) = (strings(args, 0)?, ints(args, 2)?);
            let mut patterns = Patterns::new(args, 1, "regexp_extract")?;
            write_strings(args.rows, |row, out| {
                match (string_at(&texts, row), patterns.get(row)?, int_at(&groups, row)) {
                    (Some(text), Some(pattern), Some(group)) => {
                        if let Some(found) = pattern.captures_at(text, 0)? {
                            let group = checked_group(pattern, group, "regexp_extract")?;
                            out.push_str(found.get(group).unwrap_or_default());
                        }
                        Ok(true)
                    }
                    _ => Ok(false),
                }
            })
        })
        .named(label))
}

fn checked_group(pattern: &Regex, group: i32, function: &str) -> Result<usize> {
    let count = pattern.group_count();
    usize::try_from(group).ok().filter(|group| *group <= count).ok_or_else(|| {
        SparkError::new("INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX")
            .with("parameter", name::quote("idx"))
            .with("functionName", name::quote(function))
            .with("groupCount", count.to_string())
            .with("groupIndex", group.to_string())
    })
}

/// `regexp_extract_all(text, pattern[, group])`.
pub(super) fn extract_all(call: &Call) -> Result<Typed> {
    let call = complete(call, 3, &[(int(1), "1")])?;
    let label = call.display();
    let call = call.coerced(&[Utf8, Utf8, Int32])?;
    let nullable = call.any_nullable();
    Ok(call
        .kernel("ansi_regexp_extract_all", types::array(Utf8, true), nullable, |args| {
            let (texts, groups) = (strings(args, 0)?, ints(args, 2)?);
            let mut patterns = Patterns::new(args, 1, "regexp_extract_all")?;
            let mut builder = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", Utf8, true));
            for row in 0..args.rows {
                match (string_at(&texts, row), patterns.get(row)?, int_at(&groups, row)) {
                    (Some(text), Some(pattern), Some(group)) => {
                        for found in matches(pattern, text) {
                            let found = found?;
                            let group = checked_group(pattern, group, "regexp_extract_all")?;
                            builder.values().append_value(found.get(group).unwrap_or_default());
                        }
                        builder.append(true);
                    }
                    _ => builder.append(false),
                }
            }
            let list = builder.finish();
            debug_assert_eq!(list.len(), args.rows);
            Ok(Arc::new(list))
        })
        .named(label))
}
