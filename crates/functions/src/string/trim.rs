//! `trim`, `ltrim`, `rtrim`, `btrim`: blanks, or any of the given characters.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType::Utf8;
use firesteel_protocol::Result;

use crate::kernel::KernelArgs;
use crate::rowwise::{map_strings, string_at, strings, write_strings};
use crate::{Call, Typed};

pub(super) fn trim(call: &Call) -> Result<Typed> {
    sided(call, "both", "BOTH")
}

pub(super) fn ltrim(call: &Call) -> Result<Typed> {
    sided(call, "left", "LEADING")
}

pub(super) fn rtrim(call: &Call) -> Result<Typed> {
    sided(call, "right", "TRAILING")
}

/// With two arguments the characters come first.
fn sided(call: &Call, side: &str, word: &str) -> Result<Typed> {
    call.arity(1..=2)?;
    match &call.args[..] {
        [characters, text] => {
            let label = format!("TRIM({word} {} FROM {})", characters.name, text.name);
            build(call, vec![text.clone(), characters.clone()], side, label)
        }
        args => build(call, args.to_vec(), side, call.display()),
    }
}

/// `btrim(text[, characters])`.
pub(super) fn btrim(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    build(call, call.args.clone(), "both", call.display())
}

fn build(call: &Call, args: Vec<Typed>, side: &str, label: String) -> Result<Typed> {
    let call = call.with_args(args);
    let call = call.coerced(&[Utf8, Utf8])?;
    let nullable = call.any_nullable();
    Ok(call.kernel_with("spark_trim", Utf8, nullable, side.into(), kernel).named(label))
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (left, right) = (args.param != "right", args.param != "left");
    let texts = strings(args, 0)?;
    let cut = |text: &str, in_set: &dyn Fn(char) -> bool, out: &mut String| {
        let text = if left { text.trim_start_matches(in_set) } else { text };
        out.push_str(if right { text.trim_end_matches(in_set) } else { text });
    };
    if args.args.len() < 2 {
        return Ok(map_strings(&texts, |text, out| cut(text, &|c| c == ' ', out)));
    }
    let sets = strings(args, 1)?;
    write_strings(args.rows, |row, out| match (string_at(&texts, row), string_at(&sets, row)) {
        (Some(text), Some(set)) => {
            cut(text, &|c| set.contains(c), out);
            Ok(true)
        }
        _ => Ok(false),
    })
}
