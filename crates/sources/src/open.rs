//! Opens files as a table: lists them, finds or checks the schema, and puts the table together.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Fields, Schema};
use datafusion::datasource::empty::EmptyTable;
use firesteel_protocol::types::{self, twins};
use firesteel_protocol::{Result, SparkError};

use crate::avro::{AvroOptions, AvroReader};
use crate::binary_file::{self, BinaryReader};
use crate::decode::RecordFormat;
use crate::footers::Footers;
use crate::format::Format;
use crate::listing::{self, FileOptions, Listing, flag_or_conf};
use crate::orc::{self, OrcOptions, OrcReader};
use crate::parquet::ParquetOptions;
use crate::parquet::schema::{self as parquet_schema, nullable};
use crate::scan::guard::OnBadFile;
use crate::scan::stream::RecordReader;
use crate::scan::table::{FileTable, Reading, ScanSettings, hidden_fields};
use crate::storage::InputFile;
use crate::{OpenedSource, ReadRequest, SourceContext, csv, hive, inferred, json, text, xml};

/// Bytes that opening a file costs, if `spark.sql.files.openCostInBytes` says nothing.
const OPEN_COST: u64 = 4 << 20;

/// Opens files of a format.
pub fn open_files(format: Format, request: &ReadRequest, ctx: &SourceContext) -> Result<OpenedSource> {
    // Options that make no sense are told before paths that do not exist.
    on_bad_file(request, ctx)?;
    Kind::new(format, request, ctx)?;
    open_listing(format, request, listing::list(request, ctx)?, ctx)
}

/// Opens files that are known already.
pub fn open_listing(
    format: Format,
    request: &ReadRequest,
    listing: Listing,
    ctx: &SourceContext,
) -> Result<OpenedSource> {
    let on_bad_file = on_bad_file(request, ctx)?;
    let kind = Kind::new(format, request, ctx)?;
    let data = kind.data_columns(format, request, &listing, on_bad_file, ctx)?;
    let schema = Schema::new(all_columns(&data, &listing.partition_fields, request.schema.is_some(), ctx));
    refuse_duplicates(&schema, ctx.env.case_sensitive)?;

    let settings = ScanSettings { on_bad_file, parallelism: ctx.parallelism.max(1), open_cost: open_cost(ctx) };
    let input_files = listing.files.iter().map(|listed| listed.file.url()).collect();
    let partition_columns = listing.partition_fields.iter().map(|field| field.name().clone()).collect();
    let size_bytes = Some(listing.files.iter().map(|listed| listed.file.size_bytes).sum());
    let reading = kind.reading();
    let metadata_columns = hidden_fields(&reading);
    let table = FileTable::new(&schema, listing, reading, settings);
    Ok(OpenedSource {
        provider: Arc::new(table),
        schema: Arc::new(schema),
        metadata_columns,
        partition_columns,
        input_files,
        size_bytes,
    })
}

/// Files of which only the schema that was given is known: their format's options are looked at when they are read.
pub(crate) fn unread(request: &ReadRequest, listing: &Listing, ctx: &SourceContext) -> Result<OpenedSource> {
    let given = request.schema.as_ref().ok_or_else(|| SparkError::internal("files without a schema"))?;
    let schema = Arc::new(Schema::new(all_columns(given.fields(), &listing.partition_fields, true, ctx)));
    Ok(OpenedSource {
        provider: Arc::new(EmptyTable::new(Arc::clone(&schema))),
        schema,
        metadata_columns: vec![],
        partition_columns: listing.partition_fields.iter().map(|field| field.name().clone()).collect(),
        input_files: vec![],
        size_bytes: None,
    })
}

/// Refuses what is looked at wherever files are named.
pub(crate) fn check_common(request: &ReadRequest, ctx: &SourceContext) -> Result<()> {
    on_bad_file(request, ctx).map(|_| ())
}

fn on_bad_file(request: &ReadRequest, ctx: &SourceContext) -> Result<OnBadFile> {
    let flag = |spec, conf| flag_or_conf(&request.options, spec, ctx, conf);
    Ok(OnBadFile {
        ignore_corrupt: flag(&FileOptions::IGNORE_CORRUPT, "spark.sql.files.ignoreCorruptFiles")?,
        ignore_missing: flag(&FileOptions::IGNORE_MISSING, "spark.sql.files.ignoreMissingFiles")?,
    })
}

/// `4194304`, `4194304b` or `4m`.
fn open_cost(ctx: &SourceContext) -> u64 {
    let Some(text) = ctx.conf("spark.sql.files.openCostInBytes") else { return OPEN_COST };
    let text = text.trim().to_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].chars().next() {
        Some('k') => 1 << 10,
        Some('m') => 1 << 20,
        Some('g') => 1 << 30,
        _ => 1,
    };
    digits.parse::<u64>().map_or(OPEN_COST, |count| count.saturating_mul(unit))
}

/// How a format's schema is found and its files are read.
#[derive(Debug)]
enum Kind {
    Avro(AvroOptions),
    Orc(OrcOptions),
    Parquet(ParquetOptions),
    Records(Arc<dyn RecordFormat>),
    Binary,
}

impl Kind {
    fn new(format: Format, request: &ReadRequest, ctx: &SourceContext) -> Result<Self> {
        let options = &request.options;
        Ok(match format {
            Format::Csv => Self::Records(csv::format(options, ctx)?),
            Format::Json => Self::Records(json::format(options, ctx)?),
            Format::Text => Self::Records(text::format(options, ctx)?),
            Format::Avro => Self::Avro(AvroOptions::new(options, ctx)?),
            Format::Xml => Self::Records(xml::format(options, ctx)?),
            Format::Orc => Self::Orc(OrcOptions::new(options, ctx)?),
            Format::Parquet => Self::Parquet(ParquetOptions::new(options, ctx)?),
            Format::BinaryFile => Self::Binary,
            Format::Hive(serde) => Self::Records(hive::format(serde, options, ctx)?),
            Format::Jdbc => return Err(SparkError::internal("jdbc is no file source")),
        })
    }

    /// The columns in the files: the user's without partition columns, else those found.
    fn data_columns(
        &self,
        format: Format,
        request: &ReadRequest,
        listing: &Listing,
        on_bad_file: OnBadFile,
        ctx: &SourceContext,
    ) -> Result<Fields> {
        if let Some(schema) = &request.schema {
            let is_partition = |field: &FieldRef| {
                !listing.by_stream && listing.partition_fields.iter().any(|p| same_name(p, field, ctx))
            };
            let data: Fields = schema.fields().iter().filter(|field| !is_partition(field)).map(nullable).collect();
            match self {
                Self::Records(format) => format.check_schema(&data)?,
                Self::Binary => binary_file::check_schema(&data)?,
                Self::Avro(_) | Self::Orc(_) | Self::Parquet(_) => {}
            }
            return Ok(data);
        }
        let cannot_infer = || SparkError::new("UNABLE_TO_INFER_SCHEMA").with("format", format.display());
        let files: Vec<InputFile> = listing.files.iter().map(|listed| listed.file.clone()).collect();
        let footers = Footers {
            ignore_corrupt: on_bad_file.ignore_corrupt,
            case_sensitive: ctx.env.case_sensitive,
            parallelism: ctx.parallelism.max(1),
        };
        let reader = format!("{self:?} {on_bad_file:?} {}", footers.case_sensitive);
        inferred::columns(reader, &files, || match self {
            Self::Binary => Ok(binary_file::fields()),
            // Text has its column whether there are files or not.
            Self::Records(_) if format != Format::Text && files.is_empty() => Err(cannot_infer()),
            Self::Records(records) => {
                let fields = records.infer(&files, ctx.parallelism.max(1))?;
                Ok(fields.iter().map(nullable).collect())
            }
            Self::Parquet(options) => {
                let columns = |file: &InputFile| parquet_schema::columns(file, options).map(Some);
                footers.columns(&files, options.merge_schema, &columns)?.ok_or_else(cannot_infer)
            }
            Self::Avro(options) => {
                footers.columns(&files, false, &|file| options.columns(file))?.ok_or_else(cannot_infer)
            }
            Self::Orc(options) => {
                footers.columns(&files, options.merge_schema, &orc::columns)?.ok_or_else(cannot_infer)
            }
        })
    }

    fn reading(self) -> Reading {
        match self {
            Self::Parquet(options) => Reading::Parquet { case_sensitive: options.case_sensitive },
            Self::Avro(options) => Reading::Stream { reader: Arc::new(AvroReader { options }), splittable: false },
            Self::Orc(options) => Reading::Stream { reader: Arc::new(OrcReader { options }), splittable: true },
            Self::Records(format) => {
                let splittable = format.record_end().is_some();
                Reading::Stream { reader: Arc::new(RecordReader { format }), splittable }
            }
            Self::Binary => Reading::Stream { reader: Arc::new(BinaryReader), splittable: false },
        }
    }
}

fn same_name(a: &FieldRef, b: &FieldRef, ctx: &SourceContext) -> bool {
    if ctx.env.case_sensitive { a.name() == b.name() } else { a.name().to_lowercase() == b.name().to_lowercase() }
}

/// Data columns, then partition columns; a partition column that the files hold too keeps its place among
/// the data, with the partition's values.
fn all_columns(data: &Fields, partitions: &[FieldRef], user_schema: bool, ctx: &SourceContext) -> Vec<FieldRef> {
    let overlapping = |field: &FieldRef| partitions.iter().find(|partition| same_name(partition, field, ctx));
    let mut columns: Vec<FieldRef> = data
        .iter()
        .map(|field| match overlapping(field) {
            Some(partition) if !user_schema => Arc::clone(partition),
            _ => Arc::clone(field),
        })
        .collect();
    let behind = partitions.iter().filter(|partition| !data.iter().any(|field| same_name(partition, field, ctx)));
    columns.extend(behind.cloned());
    columns.iter().map(types::canonical_field).collect()
}

/// Spark's `COLUMN_ALREADY_EXISTS`.
fn refuse_duplicates(schema: &Schema, case_sensitive: bool) -> Result<()> {
    twins::refuse(schema.fields().iter().map(|field| field.name().as_str()), case_sensitive)
}
