//! Functions that Spark has in packages of its own, which a session must load: those of Protobuf.

use firesteel_protocol::{Result, SparkError};

use crate::{Call, Typed};

/// `from_protobuf`, `to_protobuf`: refused as where the package is not loaded.
pub(super) fn protobuf(call: &Call) -> Result<Typed> {
    Err(SparkError::new("PROTOBUF_NOT_LOADED_SQL_FUNCTIONS_UNUSABLE").with("functionName", call.name.to_uppercase()))
}
