//! Collations: by which rules the strings of a column are equal and in which order they stand.
//!
//! Arrow has one string type. The collation is field metadata under [`COLLATION_KEY`]; a field without it is
//! UTF8_BINARY, Spark's default, so that the usual type stays bare.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field};

use crate::error::{Result, SparkError};

/// Field metadata in which a collation other than UTF8_BINARY is kept: `UTF8_LCASE`.
pub const COLLATION_KEY: &str = "__FIRESTEEL_COLLATION";

/// What Spark calls the collation of strings that columns of several collations became together.
pub const INDETERMINATE: &str = "null";

/// The collation of plain strings.
pub const BINARY: &str = "UTF8_BINARY";

/// All collations that are known here.
pub const KNOWN: [&str; 4] = [BINARY, "UTF8_BINARY_RTRIM", "UTF8_LCASE", "UTF8_LCASE_RTRIM"];

/// The collation of a name in any case, `SYSTEM.BUILTIN.` before it or not.
///
/// # Errors
/// `COLLATION_INVALID_NAME`; those of languages are refused as not supported.
pub fn parse(name: &str) -> Result<&'static str> {
    let upper = name.to_ascii_uppercase();
    let own = upper.strip_prefix("SYSTEM.BUILTIN.").unwrap_or(&upper);
    if let Some(known) = KNOWN.into_iter().find(|known| *known == own) {
        return Ok(known);
    }
    let language = own.split('_').next().unwrap_or_default();
    let of_language = language.len() <= 3 && name.contains('_') && name.is_ascii();
    if own.starts_with("UNICODE") && own.split('_').all(|part| SUFFIXES.contains(&part)) || of_language {
        return Err(SparkError::unsupported(
            format!("the collation {own}"),
            "Use UTF8_BINARY, UTF8_LCASE or one of both with _RTRIM.",
        ));
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    Err(SparkError::new("COLLATION_INVALID_NAME").with("collationName", last).with("proposals", nearest(own)))
}

/// What names of Spark's collations for languages consist of.
const SUFFIXES: [&str; 6] = ["UNICODE", "CI", "CS", "AI", "AS", "RTRIM"];

/// The known collation that a name is most like.
fn nearest(name: &str) -> &'static str {
    let shared = |known: &&str| known.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    KNOWN.into_iter().max_by_key(shared).unwrap_or(BINARY)
}

/// The collation of a column or an expression with this metadata.
pub fn of(metadata: &HashMap<String, String>) -> &str {
    metadata.get(COLLATION_KEY).map_or(BINARY, String::as_str)
}

/// Writes a collation into metadata; UTF8_BINARY leaves none.
pub fn record(collation: &str, metadata: &mut HashMap<String, String>) {
    if collation == BINARY {
        metadata.remove(COLLATION_KEY);
    } else {
        metadata.insert(COLLATION_KEY.into(), collation.into());
    }
}

/// `string collate UTF8_LCASE`; None for other types and for UTF8_BINARY.
pub(super) fn declared(field: &Field) -> Option<String> {
    let collation = field.metadata().get(COLLATION_KEY)?;
    (field.data_type() == &DataType::Utf8).then(|| format!("string collate {collation}"))
}

/// Whether strings in a type, or in what it consists of, have a collation of their own.
pub fn within(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(field) | DataType::Map(field, _) => of_field(field),
        DataType::Struct(fields) => fields.iter().any(|field| of_field(field)),
        _ => false,
    }
}

fn of_field(field: &Field) -> bool {
    field.metadata().contains_key(COLLATION_KEY) || within(field.data_type())
}
