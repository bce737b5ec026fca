//! Tables of other databases.

use firesteel_protocol::{Result, SparkError};

use crate::{OpenedSource, ReadRequest, SourceContext};

/// Opens a table or query of another database.
pub fn open(_request: &ReadRequest, _ctx: &SourceContext) -> Result<OpenedSource> {
    Err(SparkError::unsupported("the jdbc source", "Export the table to files."))
}
