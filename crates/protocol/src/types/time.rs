//! How many digits of a second a TIME has: `TIME(0)` to `TIME(6)`.
//!
//! Arrow has one type for all of them. The precision is field metadata under [`TIME_KEY`]; a field without it has six
//! digits, so that the usual type stays bare.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field};

/// Field metadata in which the precision of a TIME is kept, unless it is [`TIME_DIGITS`].
pub const TIME_KEY: &str = "__FIRESTEEL_TIME";

/// The most digits, and how many there are where none are declared.
pub const TIME_DIGITS: u8 = 6;

/// The precision of a type with its metadata; None for types that are no TIME.
pub fn time_precision(data_type: &DataType, metadata: &HashMap<String, String>) -> Option<u8> {
    let DataType::Time64(_) = data_type else { return None };
    Some(metadata.get(TIME_KEY).and_then(|digits| digits.parse().ok()).unwrap_or(TIME_DIGITS))
}

/// Keeps the precision in metadata, or takes an old one away where it is the usual one.
pub fn record_time_precision(digits: u8, metadata: &mut HashMap<String, String>) {
    if digits == TIME_DIGITS {
        metadata.remove(TIME_KEY);
    } else {
        metadata.insert(TIME_KEY.into(), digits.to_string());
    }
}

/// The type's name by a field's metadata: `time(3)`.
pub(super) fn declared(field: &Field) -> Option<String> {
    field.metadata().get(TIME_KEY).map(|digits| format!("time({digits})"))
}
