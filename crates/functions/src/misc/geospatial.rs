//! `st_*`: the functions of GEOMETRY and GEOGRAPHY, which are not there.

use firesteel_protocol::{Result, SparkError};

use crate::{Call, Typed};

/// Refuses a function of these types.
pub(super) fn refused(call: &Call) -> Result<Typed> {
    Err(SparkError::unsupported(
        format!("the function {} and the types GEOMETRY and GEOGRAPHY", call.name),
        "Keep such values as BINARY in their well-known form (WKB).",
    ))
}
