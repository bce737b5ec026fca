//! What errors about arguments print of a call. Spark prints the expression that stands for the call after its name was
//! looked up: functions of mathematics in capitals, `try_` forms as what they try, arguments left out as they are filled in.

use firesteel_protocol::SparkError;

use crate::Call;

/// Functions that errors print in capitals.
const CAPITALS: &[&str] = &[
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "cot",
    "csc",
    "degrees",
    "exp",
    "expm1",
    "hypot",
    "log",
    "log10",
    "log1p",
    "log2",
    "power",
    "radians",
    "regexp_like",
    "sec",
    "signum",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
];

/// Functions of which errors print another one.
const STANDS_FOR: &[(&str, &str)] = &[
    ("btrim", "trim"),
    ("dateadd", "date_add"),
    ("explode_outer", "explode"),
    ("inline_outer", "inline"),
    ("make_timestamp_ltz", "make_timestamp"),
    ("posexplode_outer", "posexplode"),
    ("to_varchar", "to_char"),
    ("try_aes_decrypt", "aes_decrypt"),
    ("try_element_at", "element_at"),
    ("try_make_interval", "make_interval"),
    ("try_make_timestamp", "make_timestamp"),
    ("try_make_timestamp_ltz", "make_timestamp"),
    ("try_make_timestamp_ntz", "make_timestamp_ntz"),
    ("try_parse_url", "parse_url"),
    ("try_to_binary", "to_binary"),
    ("try_url_decode", "url_decode"),
];

/// What the last arguments are where they are left out.
const FILLED_IN: &[(&str, &[&str])] = &[
    ("approx_top_k_combine", &["", "-1"]),
    ("from_unixtime", &["", "yyyy-MM-dd HH:mm:ss"]),
    ("lag", &["", "", "NULL"]),
    ("lead", &["", "", "NULL"]),
    ("listagg", &["", "NULL"]),
    ("make_dt_interval", &["", "0", "0", "0.000000"]),
    ("make_interval", &["", "0", "0", "0", "0", "0", "0.000000"]),
    ("make_ym_interval", &["", "0"]),
    ("mask", &["", "X", "x", "n", "NULL"]),
    ("months_between", &["", "", "true"]),
    ("percentile", &["", "", "1"]),
    ("string_agg", &["", "NULL"]),
    ("str_to_map", &["", ",", ":"]),
    ("to_unix_timestamp", &["", "yyyy-MM-dd HH:mm:ss"]),
    ("try_make_interval", &["", "0", "0", "0", "0", "0", "0.000000"]),
    ("unix_timestamp", &["", "yyyy-MM-dd HH:mm:ss"]),
];

/// Calls that errors print as operators.
const OPERATORS: &[(&str, &str)] =
    &[("try_add", "+"), ("try_divide", "/"), ("try_mod", "%"), ("try_multiply", "*"), ("try_subtract", "-")];

/// The types that Spark says an argument should have, where it accepts more than it says.
const REQUIRED: &[(&str, &str, &str)] = &[
    ("approx_top_k_combine", "first", "\"STRUCT\""),
    ("approx_top_k_estimate", "first", "\"STRUCT\""),
    ("array_join", "first", "\"ARRAY<STRING>\""),
    ("bround", "first", "\"NUMERIC\""),
    ("concat", "first", "(\"STRING\" or \"BINARY\" or \"ARRAY\")"),
    ("element_at", "first", "(\"ARRAY\" or \"MAP\")"),
    ("flatten", "first", "\"ARRAY\" of \"ARRAY\""),
    ("format_number", "first", "\"NUMERIC\""),
    ("hour", "first", "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\""),
    ("listagg", "first", "(\"STRING\" or \"BINARY\")"),
    ("map_from_entries", "first", "\"ARRAY\" of pair \"STRUCT\""),
    ("median", "first", ORDERED_NUMBERS),
    ("minute", "first", "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\""),
    ("nanvl", "first", "(\"DOUBLE\" or \"FLOAT\")"),
    ("nanvl", "second", "(\"DOUBLE\" or \"FLOAT\")"),
    ("overlay", "first", "(\"STRING\" or \"BINARY\")"),
    ("percentile", "first", ORDERED_NUMBERS),
    ("regr_avgx", "second", "\"NUMERIC\""),
    ("regr_avgy", "first", "\"NUMERIC\""),
    ("reverse", "first", "(\"STRING\" or \"BINARY\" or \"ARRAY\")"),
    ("round", "first", "\"NUMERIC\""),
    ("second", "first", "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\""),
    ("sign", "first", "(\"DOUBLE\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")"),
    ("signum", "first", "(\"DOUBLE\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")"),
    ("string_agg", "first", "(\"STRING\" or \"BINARY\")"),
    ("to_char", "first", "\"DECIMAL\""),
    ("to_varchar", "first", "\"DECIMAL\""),
    ("try_element_at", "first", "(\"ARRAY\" or \"MAP\")"),
];

const ORDERED_NUMBERS: &str = "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\")";

/// The error of a call in the words that Spark has for it.
#[must_use]
pub fn in_words(call: &Call<'_>, error: SparkError) -> SparkError {
    if !error.condition().starts_with("DATATYPE_MISMATCH.") {
        return error;
    }
    let error = match error.param("paramIndex").and_then(|index| required(call, index)) {
        Some(types) if error.condition() == "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE" => {
            error.with("requiredType", types)
        }
        _ => error,
    };
    match error.param("sqlExpr").and_then(|text| printed(call, text.trim_matches('"'))) {
        Some(text) => error.with("sqlExpr", format!("\"{text}\"")),
        None => error,
    }
}

fn required(call: &Call<'_>, index: &str) -> Option<&'static str> {
    if matches!(call.name, "ceil" | "ceiling" | "floor") && index == "first" {
        let scaled = call.args.len() == 2;
        return Some(if scaled { "\"DECIMAL\"" } else { "(\"DOUBLE\" or \"DECIMAL\" or \"BIGINT\")" });
    }
    REQUIRED.iter().find(|(function, at, _)| *function == call.name && *at == index).map(|(_, _, types)| *types)
}

/// What Spark prints of a call that is printed as `text` here.
fn printed(call: &Call<'_>, text: &str) -> Option<String> {
    let plain: Vec<&str> = call.args.iter().map(|arg| arg.name.as_str()).collect();
    // What is worded as another expression by then stays that.
    if let Some((_, operator)) = OPERATORS.iter().find(|(function, _)| *function == call.name) {
        text.strip_prefix(call.name)?;
        let [left, right] = &plain[..] else { return None };
        return Some(format!("({left} {operator} {right})"));
    }
    let args = text.strip_prefix(call.name)?.strip_prefix('(')?.strip_suffix(')')?;
    let mut args = args.to_string();
    if let Some((_, filled)) = FILLED_IN.iter().find(|(function, _)| *function == call.name)
        && args == plain.join(", ")
    {
        for value in filled.iter().skip(plain.len()) {
            args.push_str(", ");
            args.push_str(value);
        }
    }
    if matches!(call.name, "ceil" | "ceiling" | "floor") {
        let name = if call.name == "ceiling" { "CEIL" } else { call.name };
        return Some(format!("{}({args})", if plain.len() == 1 { name.to_uppercase() } else { name.to_lowercase() }));
    }
    let name = STANDS_FOR.iter().find(|(function, _)| *function == call.name).map_or(call.name, |(_, other)| other);
    if CAPITALS.contains(&name) {
        Some(format!("{}({args})", name.to_uppercase()))
    } else {
        Some(format!("{name}({args})"))
    }
}
