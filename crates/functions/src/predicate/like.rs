//! LIKE, ILIKE and RLIKE.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, Like};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::KernelArgs;
use crate::string::regex::{self, Patterns};
use crate::{Call, Typed};

pub(super) fn like(call: &Call) -> Result<Typed> {
    pattern(call, false)
}

pub(super) fn ilike(call: &Call) -> Result<Typed> {
    pattern(call, true)
}

/// `a LIKE pattern [ESCAPE c]`; the escape character is a third argument.
fn pattern(call: &Call, ignore_case: bool) -> Result<Typed> {
    call.arity(2..=3)?;
    let written = |error: SparkError| match (ignore_case, error.param("sqlExpr").is_some()) {
        (false, true) => error.with("sqlExpr", format!("\"{} LIKE {}\"", call.args[0].name, call.args[1].name)),
        _ => error,
    };
    let text = call.coerce(0, &DataType::Utf8).map_err(written)?;
    let pattern = call.coerce(1, &DataType::Utf8).map_err(written)?;
    let escape = match call.args.get(2) {
        None => '\\',
        Some(_) => escape_character(call)?,
    };
    let suffix = if escape == '\\' { String::new() } else { format!(" ESCAPE '{escape}'") };
    let label = if ignore_case {
        format!("ilike({}, {})", text.name, pattern.name)
    } else {
        format!("{} LIKE {}{suffix}", text.name, pattern.name)
    };
    let nullable = text.nullable || pattern.nullable;
    let pattern_expr = match pattern.as_literal() {
        Some(ScalarValue::Utf8(Some(literal))) => {
            let plain = with_backslashes(literal, escape)?;
            Expr::Literal(ScalarValue::Utf8(Some(plain)), None)
        }
        _ => {
            let kernel = |args: &KernelArgs<'_>| -> Result<ArrayRef> {
                let patterns = args.array(0)?;
                let escape = args.param.chars().next().unwrap_or('\\');
                let plain = patterns.as_string::<i32>().iter();
                let plain: Vec<Option<String>> = plain
                    .map(|value| value.map(|value| with_backslashes(value, escape)).transpose())
                    .collect::<Result<_>>()?;
                Ok(Arc::new(arrow::array::StringArray::from(plain)))
            };
            let call = call.with_args(vec![pattern]);
            call.kernel_with("ansi_like_pattern", DataType::Utf8, true, escape.to_string(), kernel).expr
        }
    };
    let like = Like::new(false, Box::new(text.expr), Box::new(pattern_expr), None, ignore_case);
    Ok(Typed::new(Expr::Like(like), label, DataType::Boolean, nullable))
}

/// `a [NOT] LIKE ANY|ALL (patterns)`. Spark names it by its first argument alone and takes it for nullable.
pub(super) fn quantified(call: &Call, all: bool, negated: bool) -> Result<Typed> {
    call.arity(2..)?;
    let mut joined: Option<Expr> = None;
    for one in &call.args[1..] {
        let test = pattern(&call.with_args(vec![call.args[0].clone(), one.clone()]), false)?.expr;
        let test = if negated { Expr::Not(Box::new(test)) } else { test };
        joined = Some(match joined {
            None => test,
            Some(before) if all => before.and(test),
            Some(before) => before.or(test),
        });
    }
    let expr = joined.ok_or_else(|| SparkError::internal("a quantified LIKE without patterns"))?;
    Ok(Typed::new(expr, format!("{}({})", call.name, call.args[0].name), DataType::Boolean, true))
}

fn escape_character(call: &Call) -> Result<char> {
    let text = call.constant(2)?.try_as_str().flatten().unwrap_or("").to_string();
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err(SparkError::new("INVALID_ESCAPE_CHAR").with("sqlExpr", format!("\"{text}\""))),
    }
}

/// A pattern with another escape character as one with backslashes; an escape must stand before `%`,
/// `_` or itself.
fn with_backslashes(pattern: &str, escape: char) -> Result<String> {
    let mut plain = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    let bad = |condition: &str| {
        let literal = format!("'{}'", pattern.replace('\\', "\\\\").replace('\'', "\\'"));
        SparkError::new(condition).with("format", literal)
    };
    while let Some(character) = characters.next() {
        if character == escape {
            match characters.next() {
                Some(next) if next == escape || next == '%' || next == '_' => {
                    if matches!(next, '%' | '_' | '\\') {
                        plain.push('\\');
                    }
                    plain.push(next);
                }
                Some(next) => return Err(bad("INVALID_FORMAT.ESC_IN_THE_MIDDLE").with("char", format!("'{next}'"))),
                None => return Err(bad("INVALID_FORMAT.ESC_AT_THE_END")),
            }
        } else {
            if character == '\\' {
                plain.push('\\');
            }
            plain.push(character);
        }
    }
    Ok(plain)
}

/// `RLIKE(a, pattern)`: the regular expression matches somewhere in the text.
pub(super) fn rlike(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let label = format!("{}({}, {})", call.name.to_uppercase(), call.args[0].name, call.args[1].name);
    let call = call.coerced(&[DataType::Utf8, DataType::Utf8])?;
    let nullable = call.any_nullable();
    if let Some(ScalarValue::Utf8(Some(pattern))) = call.args[1].as_literal() {
        regex::compile(pattern, call.name)?;
    }
    Ok(call.kernel("ansi_rlike", DataType::Boolean, nullable, rlike_kernel).named(label))
}

fn rlike_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let texts = args.array(0)?;
    let texts = texts.as_string::<i32>();
    let mut patterns = Patterns::new(args, 1, "rlike")?;
    let rows = (0..texts.len()).map(|row| match (texts.is_valid(row), patterns.get(row)?) {
        (true, Some(pattern)) => pattern.is_match(texts.value(row)).map(Some),
        _ => Ok(None),
    });
    Ok(Arc::new(rows.collect::<Result<BooleanArray>>()?))
}
