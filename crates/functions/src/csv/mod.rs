//! CSV in columns of strings. Files of CSV are read elsewhere.

mod read;
mod schema;
mod split;
mod write;

use firesteel_protocol::Result;

use crate::registry::{Entry, Kind};
use crate::{Call, Typed};

const fn scalar(name: &'static str, build: fn(&Call) -> Result<Typed>) -> Entry {
    Entry { name, kind: Kind::Scalar(build) }
}

/// This family's functions.
pub const TABLE: &[Entry] = &[
    scalar("from_csv", read::from_csv),
    scalar("to_csv", write::to_csv),
    scalar("schema_of_csv", schema::schema_of_csv),
];
