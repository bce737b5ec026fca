//! The function table: every family's entries by lower-case name.

use std::collections::HashMap;
use std::sync::LazyLock;

use firesteel_protocol::Result;

use crate::{Call, Generator, Lambdas, Typed};

/// One function: a line in its family's table.
#[derive(Debug)]
pub struct Entry {
    /// Lower-case name; an alias is an entry of its own.
    pub name: &'static str,
    pub kind: Kind,
}

/// What a function is and how a call of it becomes an expression.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// One value a row.
    Scalar(fn(&Call) -> Result<Typed>),
    /// The expression contains `Expr::AggregateFunction`; it may be wrapped (a cast, say). The
    /// resolver adds FILTER, WITHIN GROUP and OVER to that node.
    Aggregate(fn(&Call) -> Result<Typed>),
    /// The expression contains an `Expr::WindowFunction` without partition, order and frame; the
    /// resolver fills them in.
    Window(fn(&Call) -> Result<Typed>),
    /// Zero or more rows a row.
    Generator(fn(&Call) -> Result<Generator>),
    /// Takes lambdas; `Call::args` holds the other arguments only.
    HigherOrder(fn(&Call, &dyn Lambdas) -> Result<Typed>),
}

impl Kind {
    /// Whether a call computes one value of many rows.
    pub fn is_aggregate(&self) -> bool {
        matches!(self, Self::Aggregate(_))
    }
}

/// Families, each listing its functions in its `mod.rs`.
const FAMILIES: &[&[Entry]] = &[
    crate::arithmetic::TABLE,
    crate::cast::named::TABLE,
    crate::conditional::TABLE,
    crate::hash::TABLE,
    crate::math::TABLE,
    crate::misc::TABLE,
    crate::predicate::TABLE,
    crate::string::TABLE,
    crate::aggregate::TABLE,
    crate::collection::TABLE,
    crate::csv::TABLE,
    crate::datetime::TABLE,
    crate::generator::TABLE,
    crate::json::TABLE,
    crate::sketch::TABLE,
    crate::variant::TABLE,
    crate::vector::TABLE,
    crate::window::TABLE,
    crate::xml::TABLE,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Entry>> =
    LazyLock::new(|| FAMILIES.iter().flat_map(|family| family.iter()).map(|entry| (entry.name, entry)).collect());

/// The function of that name, whatever its case.
pub fn lookup(name: &str) -> Option<&'static Entry> {
    BY_NAME.get(name.to_ascii_lowercase().as_str()).copied()
}

/// All names, for `SHOW FUNCTIONS` and suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    BY_NAME.keys().copied()
}
