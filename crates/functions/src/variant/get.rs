//! `variant_get(v, path, type)`: a part of a VARIANT, by a path like `$.a[0]['b c']`.

use std::collections::HashMap;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{self, ddl};
use firesteel_protocol::{Result, SparkError};

use super::convert::convert;
use super::item::Item;
use super::{Variants, variant_arg};
use crate::cast::{EvalMode, variant_holds};
use crate::collection::list::nullable;
use crate::kernel::KernelArgs;
use crate::rowwise::{string_at, strings};
use crate::{Call, Typed, constant};

/// `variant_get(v, path[, type])`, `try_variant_get(...)`.
pub(super) fn variant_get(call: &Call, tried: bool) -> Result<Typed> {
    call.arity(2..=3)?;
    let target = match call.args.get(2) {
        None => types::variant(),
        Some(arg) => match constant::evaluate(&arg.expr) {
            Some(ScalarValue::Utf8(Some(text))) => {
                // Spark looks at the type when it analyses, not when it parses.
                let unknown = |error: SparkError| match error.condition() {
                    "UNSUPPORTED_DATATYPE" => error.raised_as("UNRESOLVED_COLUMN"),
                    _ => error,
                };
                ddl::parse_type(&text).map_err(unknown)?.data_type().clone()
            }
            _ => {
                return Err(SparkError::new("INVALID_SCHEMA.NON_STRING_LITERAL")
                    .with("inputSchema", format!("\"{}\"", arg.name)));
            }
        },
    };
    let label = format!("{}({}, {})", call.name, call.args[0].name, call.args[1].name);
    let shown = |error: SparkError| error.with("sqlExpr", format!("\"{label}\""));
    variant_arg(call, 0).map_err(shown)?;
    if !variant_holds(&target) {
        let declared = call.args.get(2).and_then(|arg| match constant::evaluate(&arg.expr) {
            Some(ScalarValue::Utf8(Some(text))) => ddl::parse_type(&text).ok(),
            _ => None,
        });
        let declared = declared.map(|field| types::name::sql_of_field(&field)).unwrap_or_default();
        return Err(shown(
            SparkError::new("DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION")
                .with("srcType", "\"VARIANT\"")
                .with("targetType", format!("\"{declared}\"")),
        ));
    }
    let path = call.coerce(1, &DataType::Utf8)?;
    if let Some(ScalarValue::Utf8(Some(text))) = constant::evaluate(&path.expr) {
        Path::parse(&text, call.name)?;
    }
    let inner = call.with_args(vec![variant_arg(call, 0)?, path]);
    // What is taken out may lack any part.
    let output = if types::is_variant(&target) { target } else { nullable(&target) };
    let param = format!("{}{}", if tried { "try;" } else { "" }, call.name);
    Ok(inner.kernel_with("ansi_variant_get", output, true, param, kernel).named(label))
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (mode, function) = match args.param.strip_prefix("try;") {
        Some(function) => (EvalMode::Try, function),
        None => (EvalMode::Ansi, args.param),
    };
    let (variants, texts) = (Variants::new(&args.array(0)?), strings(args, 1)?);
    let mut known: HashMap<&str, Path> = HashMap::new();
    let mut items = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        let (Some(text), Some(item)) = (string_at(&texts, row), variants.item(row)?) else {
            items.push(None);
            continue;
        };
        if !known.contains_key(text) {
            known.insert(text, Path::parse(text, function)?);
        }
        items.push(known.get(text).and_then(|path| path.follow(item)));
    }
    convert(&items, args.return_type, mode, args.env)
}

/// Steps into a value.
#[derive(Debug)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug)]
enum Step {
    Member(String),
    Index(usize),
}

impl Path {
    pub(super) fn parse(text: &str, function: &str) -> Result<Self> {
        Self::steps(text).map(Self).ok_or_else(|| {
            SparkError::new("INVALID_VARIANT_GET_PATH")
                .with("path", text)
                .with("functionName", firesteel_protocol::types::name::quote(function))
                .placeless()
        })
    }

    fn steps(text: &str) -> Option<Vec<Step>> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = vec![];
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                if end == 0 {
                    return None;
                }
                steps.push(Step::Member(after[..end].to_string()));
                rest = &after[end..];
                continue;
            }
            let after = rest.strip_prefix('[')?;
            let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'));
            if let Some(quote) = quote {
                let (name, tail) = after[1..].split_once(quote)?;
                steps.push(Step::Member(name.to_string()));
                rest = tail.strip_prefix(']')?;
            } else {
                let (digits, tail) = after.split_once(']')?;
                steps.push(Step::Index(digits.parse().ok()?));
                rest = tail;
            }
        }
        Some(steps)
    }

    fn follow(&self, item: Item) -> Option<Item> {
        self.0.iter().try_fold(item, |item, step| match (item, step) {
            (Item::Object(members), Step::Member(name)) => {
                members.into_iter().find(|(own, _)| own == name).map(|(_, value)| value)
            }
            (Item::Array(items), Step::Index(at)) => items.into_iter().nth(*at),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for good in ["$", "$.a", "$[0].b", "$['x y'][2]", "$.a[\"b\"]"] {
            assert!(Path::parse(good, "variant_get").is_ok(), "{good}");
        }
        for bad in ["a", "$.", "$[x]", "$['a'", "$a"] {
            assert!(Path::parse(bad, "variant_get").is_err(), "{bad}");
        }
    }
}
