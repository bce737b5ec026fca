//! What footers tell of a file: rows, and each column's range and NULLs, for pruning and join order.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::object_store::{ObjectMeta, ObjectStore};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::ParquetMetaData;

use super::adapter;

/// The statistics of a file for the table's data columns; `None` if the footer cannot be read, which the
/// scan will tell.
pub async fn of_file(
    store: &dyn ObjectStore,
    meta: &ObjectMeta,
    cache: Arc<FileMetadataCache>,
    schema: &SchemaRef,
    case_sensitive: bool,
) -> Option<Statistics> {
    let metadata =
        DFParquetMetadata::new(store, meta).with_file_metadata_cache(Some(cache)).fetch_metadata().await.ok()?;
    from_footer(&metadata, schema, case_sensitive)
}

fn from_footer(metadata: &ParquetMetaData, schema: &SchemaRef, case_sensitive: bool) -> Option<Statistics> {
    let file = metadata.file_metadata();
    let physical = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata()).ok()?;
    let found: Vec<Option<usize>> = schema
        .fields()
        .iter()
        .map(|field| adapter::find(&physical, field.name(), case_sensitive).unwrap_or(None))
        .collect();
    // DataFusion looks columns up by name: give the table's columns the names that the file has.
    let renamed: Vec<Field> = schema
        .fields()
        .iter()
        .zip(&found)
        .map(|(field, at)| match at {
            Some(at) => Field::new(physical.field(*at).name(), field.data_type().clone(), true),
            None => field.as_ref().clone(),
        })
        .collect();
    let renamed = Arc::new(Schema::new(renamed));
    let mut statistics = DFParquetMetadata::statistics_from_parquet_metadata(metadata, &renamed).ok()?;
    for ((column, at), field) in statistics.column_statistics.iter_mut().zip(&found).zip(schema.fields()) {
        match at {
            Some(at) if physical.field(*at).data_type() != field.data_type() => {
                *column = ColumnStatistics::new_unknown();
            }
            // Parquet's ranges leave NaN out, which is Spark's greatest value.
            Some(_) if matches!(field.data_type(), DataType::Float32 | DataType::Float64) => {
                column.min_value = std::mem::take(&mut column.min_value).to_inexact();
                column.max_value = std::mem::take(&mut column.max_value).to_inexact();
            }
            Some(_) => {}
            // Rows older than the column have its default.
            None if super::default::exists(field) => *column = ColumnStatistics::new_unknown(),
            None => *column = ColumnStatistics { null_count: statistics.num_rows, ..ColumnStatistics::new_unknown() },
        }
    }
    Some(statistics)
}

/// The statistics of a column that has one value in a file.
pub fn of_constant(value: &datafusion::scalar::ScalarValue, rows: Precision<usize>) -> ColumnStatistics {
    if value.is_null() {
        return ColumnStatistics { null_count: rows, ..ColumnStatistics::new_unknown() };
    }
    ColumnStatistics {
        null_count: Precision::Exact(0),
        min_value: Precision::Exact(value.clone()),
        max_value: Precision::Exact(value.clone()),
        distinct_count: Precision::Exact(1),
        ..ColumnStatistics::new_unknown()
    }
}
