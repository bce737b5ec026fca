//! Finding and replacing text, single characters, check digits.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::DataType::{Boolean, Int32, Int64, Utf8};
use arrow::datatypes::{Int32Type, Int64Type};
use firesteel_protocol::Result;

use crate::kernel::KernelArgs;
use crate::rowwise::{complete, int, int_at, ints, string_at, strings, text, write_strings};
use crate::{Call, Typed};

/// The code point of the first character; 0 for an empty string.
pub(super) fn ascii(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let codes = strings(args, 0)?;
    let codes = codes.iter().map(|v| v.map(|v| v.chars().next().map_or(0, |c| c as i32)));
    Ok(Arc::new(codes.collect::<PrimitiveArray<Int32Type>>()))
}

/// `char(n)`: the character of the low eight bits; empty for negative numbers.
pub(super) fn character(call: &Call) -> Result<Typed> {
    crate::rowwise::typed(call, "spark_char", &[Int64], Utf8, |args| {
        let codes = args.array(0)?;
        let codes = codes.as_primitive::<Int64Type>();
        write_strings(args.rows, |row, out| {
            if codes.is_null(row) {
                return Ok(false);
            }
            if codes.value(row) >= 0 {
                out.push(char::from((codes.value(row) & 0xFF) as u8));
            }
            Ok(true)
        })
    })
}

/// The position of a member in a comma-separated list; 0 if it is not there or has a comma itself.
pub(super) fn find_in_set(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (needles, sets) = (strings(args, 0)?, strings(args, 1)?);
    let positions = needles.iter().zip(sets.iter()).map(|pair| {
        let (needle, set) = (pair.0?, pair.1?);
        let at = set.split(',').position(|member| member == needle);
        Some(at.map_or(0, |at| at as i32 + 1))
    });
    Ok(Arc::new(positions.collect::<PrimitiveArray<Int32Type>>()))
}

/// The position of `needle` in `text` at or after `from`, all counted in characters from 1; 0 if none.
fn position(text: &str, needle: &str, from: i32) -> i32 {
    if from < 1 {
        return 0;
    }
    if needle.is_empty() {
        return 1;
    }
    let Some(start) = text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(from as usize - 1) else {
        return 0;
    };
    match text[start..].find(needle) {
        Some(at) => from + text[start..start + at].chars().count() as i32,
        None => 0,
    }
}

pub(super) fn instr(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, needles) = (strings(args, 0)?, strings(args, 1)?);
    let positions = texts.iter().zip(needles.iter()).map(|pair| Some(position(pair.0?, pair.1?, 1)));
    Ok(Arc::new(positions.collect::<PrimitiveArray<Int32Type>>()))
}

/// `locate(needle, text[, from])`; a NULL position gives 0.
pub(super) fn locate(call: &Call) -> Result<Typed> {
    let call = complete(call, 3, &[(int(1), "1")])?;
    let label = call.display();
    let call = call.coerced(&[Utf8, Utf8, Int32])?;
    let nullable = call.args[0].nullable || call.args[1].nullable;
    Ok(call
        .kernel("spark_locate", Int32, nullable, |args| {
            let (needles, texts, starts) = (strings(args, 0)?, strings(args, 1)?, ints(args, 2)?);
            let positions = (0..args.rows).map(|row| {
                match (int_at(&starts, row), string_at(&texts, row), string_at(&needles, row)) {
                    (None, _, _) => Some(0),
                    (Some(start), Some(text), Some(needle)) => Some(position(text, needle, start)),
                    _ => None,
                }
            });
            Ok(Arc::new(positions.collect::<PrimitiveArray<Int32Type>>()))
        })
        .named(label))
}

/// `replace(text, search[, replacement])`; an empty search changes nothing.
pub(super) fn replace(call: &Call) -> Result<Typed> {
    crate::rowwise::with_defaults(call, "spark_replace", &[Utf8, Utf8, Utf8], &[(text(""), "")], Utf8, |args| {
        let (texts, needles, others) = (strings(args, 0)?, strings(args, 1)?, strings(args, 2)?);
        write_strings(args.rows, |row, out| {
            match (string_at(&texts, row), string_at(&needles, row), string_at(&others, row)) {
                (Some(text), Some(needle), Some(other)) => {
                    if needle.is_empty() {
                        out.push_str(text);
                    } else {
                        let mut last = 0;
                        for (at, _) in text.match_indices(needle) {
                            out.push_str(&text[last..at]);
                            out.push_str(other);
                            last = at + needle.len();
                        }
                        out.push_str(&text[last..]);
                    }
                    Ok(true)
                }
                _ => Ok(false),
            }
        })
    })
}

/// Characters by characters; those without a partner are dropped.
pub(super) fn translate(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, from, to) = (strings(args, 0)?, strings(args, 1)?, strings(args, 2)?);
    let table = |from: &str, to: &str| {
        let mut table = HashMap::new();
        let mut targets = to.chars();
        for c in from.chars() {
            let target = targets.next();
            // The first of several entries for a character counts.
            table.entry(c).or_insert(target);
        }
        table
    };
    let constant = match (args.scalar_str(1), args.scalar_str(2)) {
        (Some(Some(from)), Some(Some(to))) => Some(table(from, to)),
        _ => None,
    };
    write_strings(args.rows, |row, out| match (string_at(&texts, row), string_at(&from, row), string_at(&to, row)) {
        (Some(text), Some(from), Some(to)) => {
            let own;
            let table = match &constant {
                Some(table) => table,
                None => {
                    own = table(from, to);
                    &own
                }
            };
            out.extend(text.chars().filter_map(|c| table.get(&c).copied().unwrap_or(Some(c))));
            Ok(true)
        }
        _ => Ok(false),
    })
}

/// Whether digits end with the right check digit of Luhn's formula.
pub(super) fn luhn_check(call: &Call) -> Result<Typed> {
    let typed = crate::rowwise::typed(call, "spark_luhn_check", &[Utf8], Boolean, |args| {
        let valid = |digits: &str| {
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return false;
            }
            let sum: u32 = digits
                .bytes()
                .rev()
                .enumerate()
                .map(|(index, byte)| {
                    let digit = u32::from(byte - b'0') * if index % 2 == 1 { 2 } else { 1 };
                    if digit > 9 { digit - 9 } else { digit }
                })
                .sum();
            sum.is_multiple_of(10)
        };
        Ok(Arc::new(strings(args, 0)?.iter().map(|v| v.map(valid)).collect::<BooleanArray>()))
    })?;
    Ok(Typed { nullable: true, ..typed })
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn positions_count_characters() {
        assert_eq!(position("foobarbar", "bar", 5), 7);
        assert_eq!(position("añb", "b", 1), 3);
        assert_eq!(position("abc", "", 2), 1);
        assert_eq!(position("abc", "a", 0), 0);
    }
}
