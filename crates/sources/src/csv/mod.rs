//! CSV files.

use std::sync::Arc;

use firesteel_protocol::{Result, SparkError};

use crate::decode::RecordFormat;
use crate::{Options, SourceContext};

/// The format with its options read.
pub fn format(_options: &Options, _ctx: &SourceContext) -> Result<Arc<dyn RecordFormat>> {
    Err(SparkError::unsupported("the csv source", "Use parquet or text."))
}
