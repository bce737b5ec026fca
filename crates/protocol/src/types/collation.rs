//! Collations: by which rules the strings of a column are equal and in which order they stand.
//!
//! Arrow has one string type. The collation is field metadata under [`COLLATION_KEY`]; a field without it is
//! UTF8_BINARY, Spark's default, so that the usual type stays bare. Names and what they mean are in [`super::collation_name`].

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field};

pub use super::collation_name::{Collation, Family, all, by_name, parse};

/// Field metadata in which a collation other than UTF8_BINARY is kept: `UTF8_LCASE`.
pub const COLLATION_KEY: &str = "__FIRESTEEL_COLLATION";

/// What Spark calls the collation of strings that columns of several collations became together.
pub const INDETERMINATE: &str = "null";

/// The property of a table in which the collation is kept that its new columns of strings take.
pub const DEFAULT_PROPERTY: &str = "__FIRESTEEL_DEFAULT_COLLATION";

/// The collation of plain strings.
pub const BINARY: &str = "UTF8_BINARY";

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

/// Gives a type's strings that say none this collation.
pub fn fill(data_type: &mut crate::connect::DataType, collation: &str) {
    use crate::connect::data_type::Kind;
    match data_type.kind.as_mut() {
        Some(Kind::String(text)) if text.collation.is_empty() => text.collation = collation.into(),
        Some(Kind::Char(own)) => data_type.kind = Some(sized(&format!("char({})", own.length), collation)),
        Some(Kind::VarChar(own)) => data_type.kind = Some(sized(&format!("varchar({})", own.length), collation)),
        Some(Kind::Array(array)) => {
            array.element_type.iter_mut().for_each(|own| fill(own, collation));
        }
        Some(Kind::Map(map)) => {
            map.key_type.iter_mut().chain(&mut map.value_type).for_each(|own| fill(own, collation));
        }
        Some(Kind::Struct(fields)) => {
            let types = fields.fields.iter_mut().filter_map(|field| field.data_type.as_mut());
            types.for_each(|own| fill(own, collation));
        }
        _ => {}
    }
}

/// CHAR or VARCHAR of a collation: Connect has a message for these types, but no word for their collation.
pub fn sized(declared: &str, collation: &str) -> crate::connect::data_type::Kind {
    let data_type_string = format!("{declared} collate {collation}");
    crate::connect::data_type::Kind::Unparsed(crate::connect::data_type::Unparsed { data_type_string })
}

fn of_field(field: &Field) -> bool {
    field.metadata().contains_key(COLLATION_KEY) || within(field.data_type())
}
