//! Listed files as a DataFusion table: data columns, partition columns, and hidden columns with facts of
//! the file.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use chrono::DateTime;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, DataFusionError, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::object_store::path::Path as ObjectPath;
use datafusion::object_store::{ObjectMeta, ObjectStore};
use datafusion::physical_expr_adapter::PhysicalExprAdapterFactory;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::{ColumnarValue, ExecutionPlan};
use datafusion::scalar::ScalarValue;
use firesteel_functions::kernel::to_datafusion;
use firesteel_protocol::SparkError;
use firesteel_protocol::types;
use futures::StreamExt;
use parquet::arrow::RowNumber;

use super::group::{Packing, Piece, pack};
use super::guard::OnBadFile;
use super::stream::{PieceReader, StreamSource};
use crate::codec::TextCodec;
use crate::listing::{ListedFile, Listing};
use crate::parquet::adapter::AdapterFactory;
use crate::parquet::source::GuardedSource;
use crate::parquet::statistics;
use crate::storage::{encode, file_url};

/// Footers of more files than this are not read for statistics at planning.
const MAX_FILES_FOR_STATISTICS: usize = 10_000;

/// How the files are read.
#[derive(Debug, Clone)]
pub enum Reading {
    /// DataFusion's Parquet source.
    Parquet {
        /// Names match by case.
        case_sensitive: bool,
    },
    /// A reader of our own. `splittable` says whether plain files may be cut.
    Stream { reader: Arc<dyn PieceReader>, splittable: bool },
}

/// Settings of a scan.
#[derive(Debug, Clone, Copy)]
pub struct ScanSettings {
    pub on_bad_file: OnBadFile,
    /// Partitions wanted.
    pub parallelism: usize,
    /// `spark.sql.files.openCostInBytes`.
    pub open_cost: u64,
}

/// Files as a table.
#[derive(Debug)]
pub struct FileTable {
    /// Users' columns, then the hidden ones.
    schema: SchemaRef,
    /// Data columns in the files, partition columns, hidden columns: the scan's own order.
    table_schema: TableSchema,
    /// For each column of `schema` its place in `table_schema`.
    places: Vec<usize>,
    listing: Listing,
    reading: Reading,
    settings: ScanSettings,
    /// What footers told, once asked.
    statistics: Vec<OnceLock<Option<Arc<Statistics>>>>,
}

/// Hidden columns: facts of the file, and of Parquet a row's position in it.
pub fn hidden_fields(reading: &Reading) -> Vec<FieldRef> {
    let mut fields = file_fields();
    if matches!(reading, Reading::Parquet { .. }) {
        fields.push(row_index_field());
    }
    fields
}

/// A row's position in its file, from 0.
fn row_index_field() -> FieldRef {
    Arc::new(Field::new("__file_row_index", DataType::Int64, false).with_extension_type(RowNumber))
}

/// Hidden columns with one value a file, in the order of [`hidden_values`].
fn file_fields() -> Vec<FieldRef> {
    let field = |name: &str, data_type| Arc::new(Field::new(name, data_type, false));
    vec![
        field("__input_file_name", DataType::Utf8),
        field("__file_path", DataType::Utf8),
        field("__file_name", DataType::Utf8),
        field("__file_size", DataType::Int64),
        field("__file_block_start", DataType::Int64),
        field("__file_block_length", DataType::Int64),
        field("__file_modification_time", types::timestamp()),
    ]
}

fn hidden_values(file: &ListedFile, start: u64, length: u64) -> Vec<ScalarValue> {
    let file = &file.file;
    let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let long = |value: u64| ScalarValue::Int64(Some(i64::try_from(value).unwrap_or(i64::MAX)));
    vec![
        ScalarValue::from(file_url(&file.path)),
        ScalarValue::from(format!("file:{}", encode(&file.path.to_string_lossy()))),
        ScalarValue::from(encode(&name)),
        long(file.size_bytes),
        long(start),
        long(length),
        ScalarValue::TimestampMicrosecond(Some(file.modified_us), Some(Arc::from("UTC"))),
    ]
}

impl FileTable {
    /// A table with `schema`, which names data and partition columns in the order that users see.
    pub fn new(schema: &Schema, listing: Listing, reading: Reading, settings: ScanSettings) -> Self {
        let is_partition = |name: &str| listing.partition_fields.iter().any(|field| field.name() == name);
        let data: Vec<FieldRef> = schema.fields().iter().filter(|field| !is_partition(field.name())).cloned().collect();
        let hidden = hidden_fields(&reading);
        let constants: Vec<FieldRef> = listing.partition_fields.iter().cloned().chain(file_fields()).collect();
        let (data_count, partition_count) = (data.len(), listing.partition_fields.len());
        let mut places = vec![];
        let mut next_data = 0;
        for field in schema.fields() {
            match listing.partition_fields.iter().position(|partition| partition.name() == field.name()) {
                Some(at) => places.push(data_count + at),
                None => {
                    places.push(next_data);
                    next_data += 1;
                }
            }
        }
        places.extend((0..hidden.len()).map(|at| data_count + partition_count + at));
        let all: Vec<FieldRef> = schema.fields().iter().chain(&hidden).cloned().collect();
        let statistics = listing.files.iter().map(|_| OnceLock::new()).collect();
        Self {
            schema: Arc::new(Schema::new(all)),
            table_schema: TableSchema::builder(Arc::new(Schema::new(data)))
                .with_table_partition_cols(constants)
                .build(),
            places,
            listing,
            reading,
            settings,
            statistics,
        }
    }

    /// Whether one of its files lies below a folder.
    pub fn reads_below(&self, folder: &std::path::Path) -> bool {
        self.listing.files.iter().any(|file| file.file.path.starts_with(folder))
    }

    fn is_splittable(&self, file: &ListedFile) -> bool {
        match &self.reading {
            Reading::Parquet { .. } => true,
            Reading::Stream { splittable, .. } => *splittable && TextCodec::of(&file.file.path) == TextCodec::None,
        }
    }

    /// Whether a filter speaks of partition and hidden columns only.
    fn is_constant_filter(&self, filter: &Expr) -> bool {
        let columns = filter.column_refs();
        let constants = self.table_schema.table_partition_cols();
        !columns.is_empty()
            && !filter.is_volatile()
            && columns.iter().all(|column| constants.iter().any(|field| field.name() == &column.name))
    }

    /// Indices of the files whose rows can pass the filters. Filters that cannot be computed here stay for
    /// the rows.
    fn prune(&self, state: &dyn Session, filters: &[Expr]) -> Vec<usize> {
        let mut kept: Vec<usize> = (0..self.listing.files.len()).collect();
        for filter in filters.iter().filter(|filter| self.is_constant_filter(filter)) {
            if kept.is_empty() {
                break;
            }
            if let Ok(passes) = self.passes(state, filter, &kept) {
                kept = kept.into_iter().zip(passes).filter(|(_, passes)| *passes).map(|(file, _)| file).collect();
            }
        }
        kept
    }

    /// Computes a filter for files.
    fn passes(&self, state: &dyn Session, filter: &Expr, files: &[usize]) -> Result<Vec<bool>, DataFusionError> {
        let constants = self.table_schema.table_partition_cols();
        let used: HashSet<&str> = filter.column_refs().into_iter().map(|column| column.name.as_str()).collect();
        let (mut fields, mut arrays) = (vec![], vec![]);
        for (at, field) in constants.iter().enumerate().filter(|(_, field)| used.contains(field.name().as_str())) {
            let values = files.iter().map(|file| self.constants(*file).swap_remove(at));
            arrays.push(ScalarValue::iter_to_array(values)?);
            fields.push(Arc::clone(field));
        }
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
        let expr = state.create_physical_expr(filter.clone(), &DFSchema::try_from(schema)?)?;
        let passes = match expr.evaluate(&batch)? {
            ColumnarValue::Array(array) => array,
            ColumnarValue::Scalar(value) => value.to_array_of_size(files.len())?,
        };
        match passes.as_boolean_opt() {
            Some(passes) => Ok(passes.iter().map(|pass| pass == Some(true)).collect()),
            None => Err(DataFusionError::Internal("a filter is no boolean".into())),
        }
    }

    /// Partition and hidden values of a whole file.
    fn constants(&self, file: usize) -> Vec<ScalarValue> {
        let file = &self.listing.files[file];
        let mut values = self.listing.partition_values[file.folder].clone();
        values.extend(hidden_values(file, 0, file.file.size_bytes));
        values
    }

    fn planned_file(&self, piece: &Piece) -> Result<PartitionedFile, DataFusionError> {
        let listed = &self.listing.files[piece.file];
        let mut values = self.listing.partition_values[listed.folder].clone();
        values.extend(hidden_values(listed, piece.start, piece.length));
        let mut planned = PartitionedFile::new_from_meta(object_meta(listed)?);
        planned.statistics = self.statistics[piece.file].get().and_then(|known| {
            let mut statistics = known.as_deref()?.clone();
            let rows = statistics.num_rows;
            statistics.column_statistics.extend(values.iter().map(|value| statistics::of_constant(value, rows)));
            Some(Arc::new(statistics))
        });
        planned.partition_values = values;
        if piece.length < listed.file.size_bytes {
            let end = piece.start + piece.length;
            planned = planned.with_range(piece.start.cast_signed(), end.cast_signed());
        }
        Ok(planned)
    }

    /// Reads the footers of files, once.
    async fn load_statistics(&self, state: &dyn Session, store: &Arc<dyn ObjectStore>, files: &[usize]) {
        let Reading::Parquet { case_sensitive } = self.reading else { return };
        if !state.config().collect_statistics() || files.len() > MAX_FILES_FOR_STATISTICS {
            return;
        }
        let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
        let schema = self.table_schema.file_schema();
        let asked: Vec<usize> = files.iter().copied().filter(|file| self.statistics[*file].get().is_none()).collect();
        let answers = futures::stream::iter(asked).map(|file| {
            let (store, cache) = (Arc::clone(store), Arc::clone(&cache));
            async move {
                let meta = object_meta(&self.listing.files[file]).ok();
                let found = match &meta {
                    Some(meta) => statistics::of_file(store.as_ref(), meta, cache, schema, case_sensitive).await,
                    None => None,
                };
                // Two scans of one table may ask at once; both have the same answer.
                let _ = self.statistics[file].set(found.map(Arc::new));
            }
        });
        answers.buffer_unordered(16).collect::<Vec<()>>().await;
    }

    /// The statistics of all files together, over the scan's own columns.
    fn total_statistics(&self, files: &[usize]) -> Statistics {
        let schema = self.table_schema.table_schema();
        let bytes: u64 = files.iter().map(|file| self.listing.files[*file].file.size_bytes).sum();
        let unknown = || Statistics {
            total_byte_size: Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX)),
            ..Statistics::new_unknown(schema)
        };
        let mut all = vec![];
        for file in files {
            let Some(Some(known)) = self.statistics[*file].get() else { return unknown() };
            let mut statistics = known.as_ref().clone();
            let rows = statistics.num_rows;
            let constants = self.constants(*file);
            statistics.column_statistics.extend(constants.iter().map(|value| statistics::of_constant(value, rows)));
            all.push(statistics);
        }
        Statistics::try_merge_iter(all.iter(), schema).unwrap_or_else(|_| unknown())
    }

    /// The scan's own columns; a row's position is computed only where it is asked for.
    /// Spark refuses queries for which the column of malformed records is all that is read: it would be computed
    /// from no column at all.
    fn refuse_corrupt_column_alone(&self, wanted: &[usize]) -> firesteel_protocol::Result<()> {
        let Reading::Stream { reader, .. } = &self.reading else { return Ok(()) };
        let data = self.table_schema.file_schema();
        let read: Vec<&str> = wanted
            .iter()
            .filter(|column| self.places[**column] < data.fields().len())
            .map(|column| data.field(self.places[*column]).name().as_str())
            .collect();
        match (read.as_slice(), reader.corrupt_column()) {
            ([only], Some(corrupt)) if *only == corrupt => {
                Err(SparkError::new("UNSUPPORTED_FEATURE.QUERY_ONLY_CORRUPT_RECORD_COLUMN"))
            }
            _ => Ok(()),
        }
    }

    fn scan_schema(&self, places: &[usize]) -> TableSchema {
        let base = &self.table_schema;
        if places.iter().all(|place| *place < base.table_schema().fields().len()) {
            return base.clone();
        }
        TableSchema::builder(Arc::clone(base.file_schema()))
            .with_table_partition_cols(base.table_partition_cols().clone())
            .with_virtual_columns(vec![row_index_field()])
            .build()
    }

    fn file_source(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        schema: TableSchema,
    ) -> Arc<dyn FileSource> {
        match &self.reading {
            Reading::Parquet { .. } => {
                let mut options = state.table_options().parquet.clone();
                options.global = state.config_options().execution.parquet.clone();
                options.global.coerce_int96 = Some("us".into());
                options.global.coerce_int96_tz = Some("UTC".into());
                options.global.schema_force_view_types = false;
                let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
                let factory = CachedParquetFileReaderFactory::new(Arc::clone(store), cache);
                let source = ParquetSource::new(schema)
                    .with_table_parquet_options(options)
                    .with_parquet_file_reader_factory(Arc::new(factory));
                Arc::new(GuardedSource { inner: Arc::new(source), on_bad_file: self.settings.on_bad_file })
            }
            Reading::Stream { reader, splittable } => {
                Arc::new(StreamSource::new(Arc::clone(reader), *splittable, self.settings.on_bad_file, schema))
            }
        }
    }

    fn expr_adapter(&self) -> Option<Arc<dyn PhysicalExprAdapterFactory>> {
        match self.reading {
            Reading::Parquet { case_sensitive } => Some(Arc::new(AdapterFactory { case_sensitive })),
            Reading::Stream { .. } => None,
        }
    }
}

fn object_meta(file: &ListedFile) -> Result<ObjectMeta, DataFusionError> {
    Ok(ObjectMeta {
        location: ObjectPath::from_absolute_path(&file.file.path)?,
        last_modified: DateTime::from_timestamp_micros(file.file.modified_us).unwrap_or_default(),
        size: file.file.size_bytes,
        e_tag: None,
        version: None,
    })
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        let parquet = matches!(self.reading, Reading::Parquet { .. });
        Ok(filters
            .iter()
            .map(|filter| {
                if parquet || self.is_constant_filter(filter) {
                    TableProviderFilterPushDown::Inexact
                } else {
                    TableProviderFilterPushDown::Unsupported
                }
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let wanted: Vec<usize> = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        self.refuse_corrupt_column_alone(&wanted).map_err(to_datafusion)?;
        let files = self.prune(state, filters);
        let sizes: Vec<(u64, bool)> = files
            .iter()
            .map(|file| &self.listing.files[*file])
            .map(|file| (file.file.size_bytes, self.is_splittable(file)))
            .collect();
        let packing = Packing { parallelism: self.settings.parallelism, open_cost: self.settings.open_cost };
        let partitions = pack(&sizes, &packing);
        if partitions.is_empty() {
            return Ok(Arc::new(EmptyExec::new(Arc::new(self.schema.project(&wanted)?))));
        }

        let url = ObjectStoreUrl::local_filesystem();
        let store = state.runtime_env().object_store(&url)?;
        let scanned: Vec<usize> =
            files.iter().copied().filter(|file| self.listing.files[*file].file.size_bytes > 0).collect();
        self.load_statistics(state, &store, &scanned).await;
        let groups = partitions
            .iter()
            .map(|pieces| {
                let planned =
                    pieces.iter().map(|piece| self.planned_file(&Piece { file: files[piece.file], ..*piece }));
                Ok(FileGroup::new(planned.collect::<Result<_, DataFusionError>>()?))
            })
            .collect::<Result<Vec<_>, DataFusionError>>()?;
        let places: Vec<usize> = wanted.iter().map(|column| self.places[*column]).collect();
        let schema = self.scan_schema(&places);
        let mut statistics = self.total_statistics(&scanned);
        statistics.column_statistics.resize(schema.table_schema().fields().len(), ColumnStatistics::new_unknown());
        let config = FileScanConfigBuilder::new(url, self.file_source(state, &store, schema))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(Some(places))?
            .with_limit(limit)
            .with_expr_adapter(self.expr_adapter())
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
