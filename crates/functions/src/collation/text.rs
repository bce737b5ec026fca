//! Functions that cut and replace text: what they look for is found as the collation has it, what comes out is as it was.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType::{Int32, Utf8};
use datafusion::logical_expr::{Expr, Volatility, when};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use super::key::fold;
use crate::kernel::{Kernel, KernelArgs, kernel_expr};
use crate::rowwise::{int_at, ints, map_strings, string_at, strings, write_strings};
use crate::{Call, Env, Typed};

/// The call by a kernel of this file; name, type and nullability are as `build` has them.
pub fn apply(call: &Call, collation: &str, build: &dyn Fn(&Call) -> Result<Typed>) -> Result<Typed> {
    let plain = build(call)?;
    let kernel: Kernel = match call.name {
        "replace" => replace,
        "translate" => translate,
        "substring_index" => substring_index,
        "split_part" => split_part,
        _ => trim,
    };
    let mut call = call.with_args(call.args.clone());
    let param = match call.name {
        // The characters come first but for btrim.
        "trim" | "ltrim" | "rtrim" if call.args.len() == 2 => {
            call.args.reverse();
            format!("{collation} {}", call.name)
        }
        "trim" | "ltrim" | "rtrim" | "btrim" => format!("{collation} {}", call.name),
        _ => collation.to_string(),
    };
    let number = matches!(call.name, "substring_index" | "split_part");
    let types = (0..call.args.len()).map(|index| if number && index == 2 { Int32 } else { Utf8 });
    let call = call.coerced(&types.collect::<Vec<_>>())?;
    let args = call.args.iter().map(|arg| arg.expr.clone()).collect();
    let expr = kernel_expr("collated_text", args, Utf8, plain.nullable, Volatility::Immutable, call.env, param, kernel);
    Ok(Typed { expr, ..plain })
}

/// Where a text is found in another, in characters; every match begins at or behind the end of the one before.
fn matches(text: &[char], needle: &[char], overlapping: bool) -> Vec<usize> {
    let mut found = vec![];
    let mut at = 0;
    while !needle.is_empty() && at + needle.len() <= text.len() {
        if text[at..at + needle.len()] == *needle {
            found.push(at);
            at += if overlapping { 1 } else { needle.len() };
        } else {
            at += 1;
        }
    }
    found
}

fn folded(text: &str, collation: &str) -> Vec<char> {
    text.chars().map(|c| fold(c, collation)).collect()
}

fn replace(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, needles) = (strings(args, 0)?, strings(args, 1)?);
    let others = if args.args.len() > 2 { Some(strings(args, 2)?) } else { None };
    write_strings(args.rows, |row, out| {
        let other = others.as_ref().map_or(Some(""), |others| string_at(others, row));
        let (Some(text), Some(needle), Some(other)) = (string_at(&texts, row), string_at(&needles, row), other) else {
            return Ok(false);
        };
        let needle = folded(needle, args.param);
        let own: Vec<char> = text.chars().collect();
        let mut last = 0;
        for at in matches(&folded(text, args.param), &needle, false) {
            out.extend(&own[last..at]);
            out.push_str(other);
            last = at + needle.len();
        }
        out.extend(&own[last..]);
        Ok(true)
    })
}

fn translate(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, from, to) = (strings(args, 0)?, strings(args, 1)?, strings(args, 2)?);
    write_strings(args.rows, |row, out| {
        let (Some(text), Some(from), Some(to)) = (string_at(&texts, row), string_at(&from, row), string_at(&to, row))
        else {
            return Ok(false);
        };
        let from = folded(from, args.param);
        let to: Vec<char> = to.chars().collect();
        for c in text.chars() {
            match from.iter().position(|own| *own == fold(c, args.param)) {
                Some(at) => out.extend(to.get(at)),
                None => out.push(c),
            }
        }
        Ok(true)
    })
}

fn substring_index(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, needles, counts) = (strings(args, 0)?, strings(args, 1)?, ints(args, 2)?);
    write_strings(args.rows, |row, out| {
        let (Some(text), Some(needle), Some(count)) =
            (string_at(&texts, row), string_at(&needles, row), int_at(&counts, row))
        else {
            return Ok(false);
        };
        let needle = folded(needle, args.param);
        if needle.is_empty() || count == 0 {
            return Ok(true);
        }
        let own: Vec<char> = text.chars().collect();
        let found = matches(&folded(text, args.param), &needle, true);
        let nth = count.unsigned_abs() as usize;
        let chosen = if count > 0 { found.get(nth - 1) } else { found.iter().rev().nth(nth - 1) };
        match chosen {
            Some(at) if count > 0 => out.extend(&own[..*at]),
            Some(at) => out.extend(&own[at + needle.len()..]),
            None => out.push_str(text),
        }
        Ok(true)
    })
}

fn split_part(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (texts, needles, parts) = (strings(args, 0)?, strings(args, 1)?, ints(args, 2)?);
    write_strings(args.rows, |row, out| {
        let (Some(text), Some(needle), Some(part)) =
            (string_at(&texts, row), string_at(&needles, row), int_at(&parts, row))
        else {
            return Ok(false);
        };
        if part == 0 {
            return Err(SparkError::new("INVALID_INDEX_OF_ZERO"));
        }
        let needle = folded(needle, args.param);
        let own: Vec<char> = text.chars().collect();
        let mut starts = vec![0];
        let mut ends = vec![];
        for at in matches(&folded(text, args.param), &needle, false) {
            ends.push(at);
            starts.push(at + needle.len());
        }
        ends.push(own.len());
        let nth = part.unsigned_abs() as usize - 1;
        let index = if part > 0 { Some(nth) } else { starts.len().checked_sub(nth + 1) };
        if let Some(index) = index.filter(|index| *index < starts.len()) {
            out.extend(&own[starts[index]..ends[index]]);
        }
        Ok(true)
    })
}

/// `param` is the collation and the function's name.
fn trim(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (collation, function) = args.param.split_once(' ').unwrap_or((args.param, "trim"));
    let texts = strings(args, 0)?;
    let cut = |text: &str, set: &[char], out: &mut String| {
        let inside = |c: char| set.contains(&fold(c, collation));
        // Spaces at the end do not count by such collations: those behind are kept, unless they are what is cut.
        let (text, behind) = match collation.ends_with("_RTRIM") && !inside(' ') {
            true => text.split_at(text.trim_end_matches(' ').len()),
            false => (text, ""),
        };
        let text = if function == "rtrim" { text } else { text.trim_start_matches(inside) };
        out.push_str(if function == "ltrim" { text } else { text.trim_end_matches(inside) });
        out.push_str(behind);
    };
    if args.args.len() < 2 {
        return Ok(map_strings(&texts, |text, out| cut(text, &[' '], out)));
    }
    let sets = strings(args, 1)?;
    write_strings(args.rows, |row, out| match (string_at(&texts, row), string_at(&sets, row)) {
        (Some(text), Some(set)) => {
            cut(text, &folded(set, collation), out);
            Ok(true)
        }
        _ => Ok(false),
    })
}

/// A regular expression that does not regard case.
pub fn any_case(pattern: &Typed, env: &Env) -> Typed {
    if let Some(ScalarValue::Utf8(Some(text))) = pattern.as_literal() {
        return Typed::literal(ScalarValue::Utf8(Some(format!("(?i){text}"))), pattern.name.clone());
    }
    let args = vec![pattern.expr.clone()];
    let kernel: Kernel = |args| {
        Ok(map_strings(&strings(args, 0)?, |text, out| {
            out.push_str("(?i)");
            out.push_str(text);
        }))
    };
    let expr = kernel_expr("any_case", args, Utf8, pattern.nullable, Volatility::Immutable, env, String::new(), kernel);
    Typed { expr, ..pattern.clone() }
}

/// `nullif` whose test was built over keys: the value itself comes out.
pub fn null_if(keyed: Typed, own: &Typed, _env: &Env) -> Result<Typed> {
    let own = super::plain(own);
    let expr = when(keyed.expr.clone().is_null(), Expr::Literal(ScalarValue::Utf8(None), None))
        .otherwise(own.expr)
        .map_err(crate::kernel::from_datafusion)?;
    Ok(Typed { expr, ..keyed })
}
