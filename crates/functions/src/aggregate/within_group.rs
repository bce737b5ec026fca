//! `f(...) WITHIN GROUP (ORDER BY ...)`: functions whose order is an argument.

use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::{listagg, mode, percentile};
use crate::{Call, Typed};

/// One key of WITHIN GROUP.
#[derive(Debug, Clone)]
pub struct SortKey {
    pub arg: Typed,
    pub ascending: bool,
    pub nulls_first: bool,
}

/// A call with WITHIN GROUP. `call` holds the arguments in the parentheses only.
pub fn within_group(call: &Call, keys: &[SortKey]) -> Result<Typed> {
    if call.distinct && matches!(call.name, "percentile_cont" | "percentile_disc" | "mode") {
        return Err(SparkError::new("INVALID_WITHIN_GROUP_EXPRESSION.DISTINCT_UNSUPPORTED")
            .with("funcName", name::quote(call.name)));
    }
    if matches!(call.name, "listagg" | "string_agg") {
        listagg::refuse_another_collation(call, keys)?;
    }
    if let ([arg, ..], [key], true) = (&call.args[..], keys, call.distinct)
        && arg.expr != key.arg.expr
        && crate::collation::key(arg, call.env).expr != key.arg.expr
    {
        return Err(SparkError::new("INVALID_WITHIN_GROUP_EXPRESSION.MISMATCH_WITH_DISTINCT_INPUT")
            .with("funcName", name::quote(call.name))
            .with("funcArg", format!("\"{}\"", arg.name))
            .with("orderingExpr", format!("\"{}\"", key.arg.name)));
    }
    match (call.name.to_ascii_lowercase().as_str(), keys) {
        ("percentile_cont", [key]) => percentile::percentile_within(call, key, true),
        ("percentile_disc", [key]) => percentile::percentile_within(call, key, false),
        ("mode", [key]) => mode::mode_within(call, key),
        ("listagg" | "string_agg", _) => listagg::listagg_within(call, keys),
        ("percentile_cont" | "percentile_disc" | "mode", _) => {
            Err(SparkError::new("INVALID_WITHIN_GROUP_EXPRESSION.WRONG_NUM_ORDERINGS")
                .with(
                    "funcName",
                    name::quote(if call.name == "percentile_disc" { "PercentileDisc" } else { call.name }),
                )
                .with("expectedNum", "1")
                .with("actualNum", keys.len().to_string()))
        }
        _ => Err(SparkError::new("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX")
            .with("prettyName", name::quote(call.name))
            .with("syntax", "WITHIN GROUP (ORDER BY ...)")),
    }
}

/// ` WITHIN GROUP (ORDER BY a ASC NULLS FIRST, ...)`.
pub(super) fn within_group_text(keys: &[SortKey]) -> String {
    format!(" WITHIN GROUP (ORDER BY {})", keys.iter().map(key_text).collect::<Vec<_>>().join(", "))
}

/// `a ASC NULLS FIRST`.
pub(super) fn key_text(key: &SortKey) -> String {
    let direction = if key.ascending { "ASC" } else { "DESC" };
    let nulls = if key.nulls_first { "NULLS FIRST" } else { "NULLS LAST" };
    format!("{} {direction} {nulls}", key.arg.name)
}
