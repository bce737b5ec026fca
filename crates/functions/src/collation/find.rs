//! Functions that tell whether and where a text is in another: `contains`, `startswith`, `endswith`, `instr`, `locate`,
//! `find_in_set`.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int32Array};
use arrow::datatypes::DataType::{Int32, Utf8};
use datafusion::logical_expr::Volatility;
use firesteel_protocol::Result;

use super::rules::Rules;
use super::search::{Haystack, Needle};
use crate::kernel::{Kernel, KernelArgs, kernel_expr};
use crate::rowwise::{int_at, ints, string_at, strings};
use crate::{Call, Typed};

/// The call by a kernel of this file; name, type and nullability are as `build` has them.
pub fn apply(call: &Call, collation: &str, build: &dyn Fn(&Call) -> Result<Typed>) -> Result<Typed> {
    let plain = build(call)?;
    let kernel: Kernel = match call.name {
        "contains" | "startswith" | "endswith" => within,
        "find_in_set" => find_in_set,
        _ => position,
    };
    let mut call = call.with_args(call.args.clone());
    if call.name == "instr" {
        call.args.reverse();
    }
    let types = [Utf8, Utf8, Int32];
    let coerced = call.coerced(&types[..call.args.len()])?;
    let args = coerced.args.iter().map(|arg| arg.expr.clone()).collect();
    let (param, data_type) = (format!("{collation} {}", call.name), plain.data_type.clone());
    let (nullable, immutable) = (plain.nullable, Volatility::Immutable);
    let expr = kernel_expr("collated_find", args, data_type, nullable, immutable, call.env, param, kernel);
    Ok(Typed { expr, ..plain })
}

/// `param` is the collation and the function's name.
fn parts<'a>(args: &'a KernelArgs<'_>) -> (Rules, &'a str) {
    let (collation, function) = args.param.split_once(' ').unwrap_or((args.param, ""));
    (Rules::of(collation), function)
}

fn within(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (rules, function) = parts(args);
    let (texts, needles) = (strings(args, 0)?, strings(args, 1)?);
    let found = (0..args.rows).map(|row| {
        let text = rules.counted(string_at(&texts, row)?);
        let needle = rules.counted(string_at(&needles, row)?);
        if needle.is_empty() {
            return Some(true);
        }
        let (haystack, needle) = (Haystack::new(text, rules), Needle::new(needle, &rules));
        Some(match function {
            "contains" => haystack.first(&needle, 0).is_some(),
            "startswith" => haystack.starts_with(&needle),
            _ => haystack.ends_with(&needle),
        })
    });
    Ok(Arc::new(found.collect::<BooleanArray>()))
}

/// The needle comes first; the third argument is where to begin, in characters from 1.
fn position(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (rules, _) = parts(args);
    let (needles, texts) = (strings(args, 0)?, strings(args, 1)?);
    let starts = if args.args.len() > 2 { Some(ints(args, 2)?) } else { None };
    let found = (0..args.rows).map(|row| {
        // Spark: no place to begin is none at all, whatever the texts.
        let start = match &starts {
            Some(starts) => match int_at(starts, row) {
                Some(start) => start,
                None => return Some(0),
            },
            None => 1,
        };
        let text = rules.counted(string_at(&texts, row)?);
        let needle = rules.counted(string_at(&needles, row)?);
        let Some(skipped) = usize::try_from(start).ok().and_then(|start| start.checked_sub(1)) else { return Some(0) };
        if needle.is_empty() {
            return Some(1);
        }
        let Some(from) = text.char_indices().map(|(at, _)| at).nth(skipped) else { return Some(0) };
        let found = Haystack::new(text, rules).first(&Needle::new(needle, &rules), from);
        let place = found.map_or(0, |found| text[..found.start].chars().count() + 1);
        Some(i32::try_from(place).unwrap_or(i32::MAX))
    });
    Ok(Arc::new(found.collect::<Int32Array>()))
}

fn find_in_set(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (rules, _) = parts(args);
    let (texts, sets) = (strings(args, 0)?, strings(args, 1)?);
    let found = (0..args.rows).map(|row| {
        let (text, set) = (string_at(&texts, row)?, string_at(&sets, row)?);
        if text.contains(',') {
            return Some(0);
        }
        let place = set.split(',').position(|own| rules.equal(own, text)).map_or(0, |place| place + 1);
        Some(i32::try_from(place).unwrap_or(i32::MAX))
    });
    Ok(Arc::new(found.collect::<Int32Array>()))
}
