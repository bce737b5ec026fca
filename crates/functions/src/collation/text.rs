//! Functions that cut and replace text: what they look for is found as the collation has it, what comes out is as it was.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType::{Int32, Utf8};
use datafusion::logical_expr::{Expr, Volatility, when};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use super::rules::Rules;
use super::search::{Haystack, Needle};
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

fn replace(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let rules = Rules::of(args.param);
    let (texts, needles) = (strings(args, 0)?, strings(args, 1)?);
    let others = if args.args.len() > 2 { Some(strings(args, 2)?) } else { None };
    write_strings(args.rows, |row, out| {
        let other = others.as_ref().map_or(Some(""), |others| string_at(others, row));
        let (Some(text), Some(needle), Some(other)) = (string_at(&texts, row), string_at(&needles, row), other) else {
            return Ok(false);
        };
        let mut last = 0;
        for found in Haystack::new(text, rules).matches(&Needle::new(needle, &rules), false) {
            out.push_str(&text[last..found.start]);
            out.push_str(other);
            last = found.end;
        }
        out.push_str(&text[last..]);
        Ok(true)
    })
}

fn translate(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let rules = Rules::of(args.param);
    let (texts, from, to) = (strings(args, 0)?, strings(args, 1)?, strings(args, 2)?);
    write_strings(args.rows, |row, out| {
        let (Some(text), Some(from), Some(to)) = (string_at(&texts, row), string_at(&from, row), string_at(&to, row))
        else {
            return Ok(false);
        };
        let needles = needles(from, &rules);
        let to: Vec<char> = to.chars().collect();
        let haystack = Haystack::new(text, rules);
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let found = needles.iter().enumerate();
            let mut found =
                found.filter_map(|(nth, own)| Some((nth, haystack.longest_at(at, std::slice::from_ref(own))?)));
            match found.next() {
                Some((nth, end)) => {
                    out.extend(to.get(nth));
                    at = end;
                }
                None => {
                    out.push(c);
                    at += c.len_utf8();
                }
            }
        }
        Ok(true)
    })
}

/// The characters of a text, each to be looked for.
fn needles(text: &str, rules: &Rules) -> Vec<Needle> {
    text.chars().map(|c| Needle::new(c.encode_utf8(&mut [0; 4]), rules)).collect()
}

fn substring_index(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let rules = Rules::of(args.param);
    let (texts, needles, counts) = (strings(args, 0)?, strings(args, 1)?, ints(args, 2)?);
    write_strings(args.rows, |row, out| {
        let (Some(text), Some(needle), Some(count)) =
            (string_at(&texts, row), string_at(&needles, row), int_at(&counts, row))
        else {
            return Ok(false);
        };
        let needle = rules.counted(needle);
        if needle.is_empty() || count == 0 {
            return Ok(true);
        }
        let found = Haystack::new(text, rules).matches(&Needle::new(needle, &rules), true);
        let nth = count.unsigned_abs() as usize;
        let chosen = if count > 0 { found.get(nth - 1) } else { found.iter().rev().nth(nth - 1) };
        out.push_str(match chosen {
            Some(found) if count > 0 => &text[..found.start],
            Some(found) => &text[found.end..],
            None => text,
        });
        Ok(true)
    })
}

fn split_part(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let rules = Rules::of(args.param);
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
        let mut starts = vec![0];
        let mut ends = vec![];
        for found in Haystack::new(text, rules).matches(&Needle::new(rules.counted(needle), &rules), false) {
            ends.push(found.start);
            starts.push(found.end);
        }
        ends.push(text.len());
        let nth = part.unsigned_abs() as usize - 1;
        let index = if part > 0 { Some(nth) } else { starts.len().checked_sub(nth + 1) };
        if let Some(index) = index.filter(|index| *index < starts.len()) {
            out.push_str(&text[starts[index]..ends[index]]);
        }
        Ok(true)
    })
}

/// `param` is the collation and the function's name.
fn trim(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (collation, function) = args.param.split_once(' ').unwrap_or((args.param, "trim"));
    let rules = Rules::of(collation);
    let texts = strings(args, 0)?;
    if args.args.len() < 2 {
        return Ok(map_strings(&texts, |text, out| {
            let text = if function == "rtrim" { text } else { text.trim_start_matches(' ') };
            out.push_str(if function == "ltrim" { text } else { text.trim_end_matches(' ') });
        }));
    }
    let cut = |text: &str, set: &str, out: &mut String| {
        let unwanted = needles(set, &rules);
        // Spaces at the end do not count by such collations: those behind are kept, unless they are what is cut.
        let (text, behind) = match rules.trims && !set.contains(' ') {
            true => text.split_at(text.trim_end_matches(' ').len()),
            false => (text, ""),
        };
        let haystack = Haystack::new(text, rules);
        let (mut from, mut to) = (0, text.len());
        while function != "rtrim"
            && let Some(end) = haystack.longest_at(from, &unwanted)
        {
            from = end;
        }
        while function != "ltrim"
            && to > from
            && let Some(start) = haystack.longest_before(to, &unwanted)
        {
            to = start;
        }
        out.push_str(&text[from..to.max(from)]);
        out.push_str(behind);
    };
    let sets = strings(args, 1)?;
    write_strings(args.rows, |row, out| match (string_at(&texts, row), string_at(&sets, row)) {
        (Some(text), Some(set)) => {
            cut(text, set, out);
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
