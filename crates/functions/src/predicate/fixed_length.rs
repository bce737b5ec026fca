//! Comparisons of CHAR(n): the shorter side is padded with spaces. Spark's `ApplyCharTypePadding`.

use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, types};

use crate::rowwise::int;
use crate::string::pad;
use crate::{Call, Env, Typed, constant};

/// Both sides at one length; None where neither is a column of CHAR, or its length is not to be known.
pub(super) fn padded(left: &Typed, right: &Typed, env: &Env) -> Result<Option<(Typed, Typed)>> {
    let lengths = match (declared(left), declared(right)) {
        (Some(l), Some(r)) => (l, r),
        (Some(l), None) => match literal(right) {
            Some(text) => (l, length(&text)),
            None => return Ok(None),
        },
        (None, Some(r)) => match literal(left) {
            Some(text) => (length(&text), r),
            None => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    let to = lengths.0.max(lengths.1);
    Ok(Some((at_length(left, lengths.0, to, env)?, at_length(right, lengths.1, to, env)?)))
}

/// The arguments of a comparison as it compares them, before a collation has its say.
///
/// # Errors
/// Those of padding, which has none.
pub fn padded_arguments(call: &Call) -> Result<Vec<Typed>> {
    match (call.name, &call.args[..]) {
        ("in", _) => padded_list(&call.args, call.env),
        (_, [left, right]) => Ok(match padded(left, right, call.env)? {
            Some((left, right)) => vec![left, right],
            None => call.args.clone(),
        }),
        _ => Ok(call.args.clone()),
    }
}

/// A column of CHAR and what IN lists, all at the length of the longest.
pub(super) fn padded_list(args: &[Typed], env: &Env) -> Result<Vec<Typed>> {
    let Some(own) = declared(&args[0]) else { return Ok(args.to_vec()) };
    let texts: Option<Vec<String>> = args[1..].iter().map(literal).collect();
    let Some(texts) = texts else { return Ok(args.to_vec()) };
    let to = texts.iter().map(|text| length(text)).fold(own, usize::max);
    let mut padded = vec![at_length(&args[0], own, to, env)?];
    for (arg, text) in args[1..].iter().zip(&texts) {
        padded.push(at_length(arg, length(text), to, env)?);
    }
    Ok(padded)
}

/// The length that a column's type declares. Spark pads columns only, not the fields of structs.
fn declared(typed: &Typed) -> Option<usize> {
    let mut expr = &typed.expr;
    while let Expr::Alias(alias) = expr {
        expr = &alias.expr;
    }
    if !matches!(expr, Expr::Column(_) | Expr::OuterReferenceColumn(..)) {
        return None;
    }
    let (length, padded) = types::limit_of(&types::declared_text(&typed.metadata)?)?;
    padded.then_some(length)
}

fn literal(typed: &Typed) -> Option<String> {
    match constant::evaluate(&typed.expr) {
        Some(ScalarValue::Utf8(text)) => text,
        _ => None,
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn at_length(typed: &Typed, from: usize, to: usize, env: &Env) -> Result<Typed> {
    if from >= to {
        return Ok(typed.clone());
    }
    if let Some(text) = literal(typed) {
        let value = format!("{text}{}", " ".repeat(to - from));
        return Ok(Typed::literal(ScalarValue::Utf8(Some(value)), typed.name.clone()));
    }
    let length = i32::try_from(to).unwrap_or(i32::MAX);
    let args = vec![typed.clone(), Typed::literal(int(length), length.to_string())];
    let call = Call { name: "rpad", args, distinct: false, ignore_nulls: false, env };
    Ok(pad::pad(&call)?.named(typed.name.clone()))
}
