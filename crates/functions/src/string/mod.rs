//! String functions.

pub mod regex;

use crate::Entry;

/// The functions of this family.
pub const TABLE: &[Entry] = &[];
