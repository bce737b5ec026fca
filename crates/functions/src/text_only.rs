//! Functions that take text and nothing else: Spark puts no cast round their arguments.

use arrow::datatypes::DataType;
use firesteel_protocol::Result;

use crate::Call;

/// All of their arguments must be strings.
const TEXT_ONLY: &[&str] = &[
    "collation",
    "get_json_object",
    "json_array_length",
    "json_object_keys",
    "mask",
    "parse_json",
    "parse_url",
    "soundex",
    "str_to_map",
    "try_parse_json",
    "try_parse_url",
    "xpath",
    "xpath_boolean",
    "xpath_double",
    "xpath_float",
    "xpath_int",
    "xpath_long",
    "xpath_number",
    "xpath_short",
    "xpath_string",
];

/// `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE` for the first argument that is no string, where only strings are taken.
pub fn check_text(call: &Call<'_>) -> Result<()> {
    if !TEXT_ONLY.contains(&call.name) {
        return Ok(());
    }
    match call.args.iter().position(|arg| !matches!(arg.data_type, DataType::Utf8 | DataType::Null)) {
        Some(index) => Err(call.unexpected_type(index, "\"STRING\"")),
        None => Ok(()),
    }
}
