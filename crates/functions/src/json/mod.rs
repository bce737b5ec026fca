//! JSON in columns of strings. Files of JSON are read elsewhere.

mod infer;
mod options;
mod path;
mod read;
pub mod value;
mod write;

pub use options::{Formats, Options};
pub(crate) use read::bad_record;
pub use read::convert_texts;
pub(crate) use read::{check_mode, schema};

use firesteel_protocol::Result;

use crate::registry::{Entry, Kind};
use crate::{Call, Typed};

const fn scalar(name: &'static str, build: fn(&Call) -> Result<Typed>) -> Entry {
    Entry { name, kind: Kind::Scalar(build) }
}

/// This family's functions.
pub const TABLE: &[Entry] = &[
    scalar("get_json_object", path::get_json_object),
    scalar("json_array_length", path::json_array_length),
    scalar("json_object_keys", path::json_object_keys),
    scalar("from_json", read::from_json),
    scalar("to_json", write::to_json),
    scalar("schema_of_json", infer::schema_of_json),
];
