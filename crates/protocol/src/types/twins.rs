//! Names that stand twice in a list of columns.

use std::collections::HashSet;

use super::name;
use crate::{Result, SparkError};

/// `COLUMN_ALREADY_EXISTS` for the first of them in the order of names, as Spark's `checkColumnNameDuplication` has it.
pub fn refuse<'a>(names: impl IntoIterator<Item = &'a str>, case_sensitive: bool) -> Result<()> {
    let mut seen = HashSet::new();
    let folded = names.into_iter().map(|own| if case_sensitive { own.to_string() } else { own.to_lowercase() });
    let twice = folded.filter(|own| !seen.insert(own.clone())).min();
    match twice {
        Some(own) => Err(SparkError::new("COLUMN_ALREADY_EXISTS").with("columnName", name::quote(&own))),
        None => Ok(()),
    }
}
