//! Functions that Spark has in packages of its own, which a session must load: those of Avro.

use firesteel_protocol::{Result, SparkError};

use crate::{Call, Typed};

/// `from_avro`, `to_avro`, `schema_of_avro`: refused as where the package is not loaded.
pub(super) fn avro(call: &Call) -> Result<Typed> {
    Err(SparkError::new("AVRO_NOT_LOADED_SQL_FUNCTIONS_UNUSABLE").with("functionName", call.name.to_uppercase()))
}

/// `from_protobuf`, `to_protobuf`: likewise.
pub(super) fn protobuf(call: &Call) -> Result<Typed> {
    Err(SparkError::new("PROTOBUF_NOT_LOADED_SQL_FUNCTIONS_UNUSABLE").with("functionName", call.name.to_uppercase()))
}
