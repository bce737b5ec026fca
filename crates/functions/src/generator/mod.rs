//! Table generating functions: arrays whose elements become rows.

mod explode;
mod inline;
mod json_tuple;
mod language;
mod stack;
mod variant;

pub use language::{COLLATION_COLUMNS, is_reserved_word};

use crate::registry::{Entry, Kind};

const fn generator(name: &'static str, build: fn(&crate::Call) -> crate::Result<crate::Generator>) -> Entry {
    Entry { name, kind: Kind::Generator(build) }
}

/// This family's functions.
pub const TABLE: &[Entry] = &[
    generator("explode", explode::explode),
    generator("explode_outer", explode::explode_outer),
    generator("posexplode", explode::posexplode),
    generator("posexplode_outer", explode::posexplode_outer),
    generator("inline", inline::inline),
    generator("inline_outer", inline::inline_outer),
    generator("stack", stack::stack),
    generator("json_tuple", json_tuple::json_tuple),
    generator("sql_keywords", language::sql_keywords),
    generator("collations", language::collations),
    generator("variant_explode", variant::variant_explode),
    generator("variant_explode_outer", variant::variant_explode_outer),
];
