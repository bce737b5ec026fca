//! Errors of casts in Spark's words.

use arrow::datatypes::{DataType, Field};
use firesteel_protocol::SparkError;
use firesteel_protocol::types::name;

use super::{EvalMode, rules};
use crate::Typed;
use crate::coerce;

pub(super) fn no_such_cast(arg: &Typed, target: &Field, mode: EvalMode, label: &str) -> SparkError {
    let to = target.data_type();
    let from = &arg.data_type;
    let suggestion = match (from, to) {
        _ if mode == EvalMode::Legacy => None,
        (DataType::Date32, to) if coerce::is_numeric(to) => Some("`UNIX_DATE`"),
        (from, DataType::Date32) if coerce::is_numeric(from) => Some("`DATE_FROM_UNIX_DATE`"),
        _ => None,
    };
    let base = |condition: &str| {
        SparkError::new(condition)
            .with("sqlExpr", format!("\"{label}\""))
            .with("srcType", format!("\"{}\"", arg.sql_type()))
            .with("targetType", format!("\"{}\"", name::sql_of_field(target)))
    };
    if let Some(functions) = suggestion {
        return base("DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION").with("functionNames", functions);
    }
    if mode == EvalMode::Ansi && rules::can_cast(from, to, EvalMode::Legacy) {
        return base("DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION")
            .with("config", "\"spark.sql.ansi.enabled\"")
            .with("configVal", "'false'");
    }
    base("DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION")
}

/// `CAST_INVALID_INPUT` for a string.
pub fn cast_invalid_input(text: &str, from: &DataType, to: &DataType) -> SparkError {
    let quoted = format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    invalid_input_literal(&quoted, from, to)
}

/// `CAST_INVALID_INPUT` for a value already in SQL form.
pub(super) fn invalid_input_literal(value: &str, from: &DataType, to: &DataType) -> SparkError {
    SparkError::new("CAST_INVALID_INPUT")
        .with("expression", value)
        .with("sourceType", format!("\"{}\"", name::sql(from)))
        .with("targetType", format!("\"{}\"", name::sql(to)))
        .with("ansiConfig", "\"spark.sql.ansi.enabled\"")
}

/// `CAST_OVERFLOW`; `value` as a SQL literal with its suffix (`300`, `3000000000L`, `1.0E20D`, `1.5BD`).
pub fn cast_overflow(value: impl Into<String>, from: &DataType, to: &DataType) -> SparkError {
    cast_overflow_between(value, name::sql(from), name::sql(to))
}

/// [`cast_overflow`] between types by their names.
pub(super) fn cast_overflow_between(value: impl Into<String>, from: String, to: String) -> SparkError {
    SparkError::new("CAST_OVERFLOW")
        .with("value", value)
        .with("sourceType", format!("\"{from}\""))
        .with("targetType", format!("\"{to}\""))
        .with("ansiConfig", "\"spark.sql.ansi.enabled\"")
}

/// `NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION`: a decimal that does not fit.
pub fn out_of_range(value: impl Into<String>, precision: u8, scale: i8) -> SparkError {
    SparkError::new("NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION")
        .with("value", value)
        .with("precision", precision.to_string())
        .with("scale", scale.to_string())
        .with("config", "\"spark.sql.ansi.enabled\"")
}
