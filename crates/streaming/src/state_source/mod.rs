//! `spark.read.format("statestore")` and `"state-metadata"`: what the stateful operators of a checkpoint keep.
//! Spark's `StateDataSource`.
//!
//! Reading order: [`options`], [`table`] (schema and scan), [`rows`] (a partition's rows), [`variables`] (what processors
//! in Python keep), [`metadata`] (the operators).

mod metadata;
mod options;
mod rows;
mod table;
mod variables;

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use firesteel_engine::Session;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::{OpenedSource, ReadRequest, SourceContext};

/// Opens a request that is one for state.
pub fn open(session: &Arc<Session>, request: &ReadRequest, ctx: &SourceContext) -> Result<Option<OpenedSource>> {
    let format = request.format.as_deref().unwrap_or_default().to_lowercase();
    let provider = match format.as_str() {
        "statestore" => "StateDataSource",
        "state-metadata" => "StateMetadataSource",
        _ => return Ok(None),
    };
    if request.schema.is_some() {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_2242").with("provider", provider));
    }
    let checkpoint = options::checkpoint(request, ctx)?;
    let provider: Arc<dyn TableProvider> = match format.as_str() {
        "statestore" => {
            let options = options::StateOptions::new(checkpoint, &request.options)?;
            Arc::new(table::StateTable::open(session, options)?)
        }
        _ => {
            options::check_metadata(&request.options)?;
            metadata::table(&checkpoint)?
        }
    };
    let all: SchemaRef = provider.schema();
    let (hidden, shown): (Vec<_>, Vec<_>) =
        all.fields().iter().cloned().partition(|field| field.name() == metadata::PREFIX);
    let schema = Arc::new(Schema::new(shown));
    Ok(Some(OpenedSource {
        provider,
        schema,
        metadata_columns: hidden,
        partition_columns: vec![],
        input_files: vec![],
        size_bytes: None,
    }))
}
