//! A write request, checked: what is written where, and how.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use firesteel_protocol::{Result, SparkError};

use super::check::{self, PartitionColumn};
use super::commit::Replace;
use super::format::{Format, FormatKind};
use super::target::Target;
use super::value::TimeZone;
use super::{SaveMode, WriteRequest, name};
use crate::SourceContext;

/// Everything that a task needs to know.
#[derive(Debug)]
pub struct WritePlan {
    pub target: Target,
    pub format: Format,
    pub replace: Replace,
    /// Unique in the names of all files of this write.
    pub job: String,
    /// Columns in the files: places in the plan, and their schema.
    pub data: Vec<usize>,
    pub data_schema: SchemaRef,
    pub partition_by: Vec<PartitionColumn>,
    /// The place of the column with a row's bucket.
    pub bucket: Option<usize>,
    /// Rows after which a file is closed; `u64::MAX` for no limit.
    pub max_records_per_file: u64,
    /// For timestamps in folder names.
    pub time_zone: TimeZone,
}

impl WritePlan {
    /// Checks a request; `None` if there is nothing to do. `input` is the plan's own schema, if it is there.
    pub fn new(
        request: &WriteRequest,
        fields: &Fields,
        input: Option<&SchemaRef>,
        ctx: &SourceContext,
    ) -> Result<Option<Self>> {
        let kind = FormatKind::of(request.format.as_deref(), ctx)?;
        refuse_buckets(request)?;
        if kind == FormatKind::Noop {
            return noop(request, fields, ctx).map(Some);
        }
        let case_sensitive = ctx.env.case_sensitive;
        let partition_by = check::partition_columns(&request.partition_by, fields, case_sensitive)?;
        let target = target(request, ctx)?;
        let exists = target.path.symlink_metadata().is_ok();
        match request.mode {
            SaveMode::ErrorIfExists if exists => {
                return Err(SparkError::new("PATH_ALREADY_EXISTS").with("outputPath", target.display));
            }
            SaveMode::Ignore if exists => return Ok(None),
            SaveMode::Append if exists && !target.path.is_dir() => {
                return Err(SparkError::new("_LEGACY_PARENT_NOT_DIRECTORY")
                    .with_message(format!("Parent path is not a directory: {}", target.display)));
            }
            _ => {}
        }
        let bucket = request.bucket_column.as_ref().and_then(|name| fields.iter().position(|own| own.name() == name));
        let is_written = |at: &usize| partition_by.iter().all(|column| column.index != *at) && bucket != Some(*at);
        let data: Vec<usize> = (0..fields.len()).filter(is_written).collect();
        let columns: Vec<&Field> = data.iter().map(|&at| fields[at].as_ref()).collect();
        check::check_columns(kind, &columns, case_sensitive)?;
        let data_schema = data_schema(&data, fields, input);
        let static_folder = static_folder(request, &partition_by);
        let dynamic = !partition_by.is_empty() && overwrites_dynamically(request, ctx)?;
        Ok(Some(Self {
            format: Format::new(kind, &request.options, &data_schema, ctx)?,
            replace: super::replace_of(request.mode, dynamic, static_folder),
            job: uuid::Uuid::new_v4().to_string(),
            data,
            data_schema,
            partition_by,
            bucket,
            max_records_per_file: max_records(request, ctx)?,
            time_zone: TimeZone::parse(request.options.get("timeZone").unwrap_or(&ctx.env.time_zone))?,
            target,
        }))
    }

    /// The data columns of a batch of the plan, under their Spark names.
    pub fn data_batch(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.data.iter().map(|&at| Arc::clone(batch.column(at))).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.data_schema), columns, &options)
            .map_err(|error| SparkError::internal(format!("a batch does not fit what is written: {error}")))
    }
}

fn refuse_buckets(request: &WriteRequest) -> Result<()> {
    match (request.bucket_by.is_empty(), request.sort_by.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(SparkError::new("SORT_BY_WITHOUT_BUCKETING")),
        (false, true) => Err(SparkError::new("_LEGACY_ERROR_TEMP_1312").with("operation", "save")),
        (false, false) => Err(SparkError::new("_LEGACY_ERROR_TEMP_1313").with("operation", "save")),
    }
}

fn target(request: &WriteRequest, ctx: &SourceContext) -> Result<Target> {
    let path = match request.path.as_str() {
        "" => request.options.get("path").unwrap_or(""),
        path => path,
    };
    if path.is_empty() {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_2047"));
    }
    Target::parse(path, &ctx.working_dir)
}

fn noop(request: &WriteRequest, fields: &Fields, ctx: &SourceContext) -> Result<WritePlan> {
    if matches!(request.mode, SaveMode::ErrorIfExists | SaveMode::Ignore) {
        return Err(SparkError::new("UNSUPPORTED_DATA_SOURCE_SAVE_MODE")
            .with("source", "noop")
            .with("createMode", format!("\"{}\"", request.mode.name())));
    }
    Ok(WritePlan {
        target: Target::parse("/", &ctx.working_dir)?,
        format: Format::Noop,
        replace: Replace::Nothing,
        job: String::new(),
        data: (0..fields.len()).collect(),
        data_schema: Arc::new(Schema::new(fields.clone())),
        partition_by: vec![],
        bucket: None,
        max_records_per_file: u64::MAX,
        time_zone: TimeZone::parse("UTC")?,
    })
}

/// The schema of the files. A column is NOT NULL only if the plan itself says so too: a wrong promise
/// would make files that cannot be read.
fn data_schema(data: &[usize], fields: &Fields, input: Option<&SchemaRef>) -> SchemaRef {
    let columns: Vec<Field> = data
        .iter()
        .map(|&at| {
            let field = fields[at].as_ref().clone();
            let nullable = field.is_nullable() || input.is_none_or(|schema| schema.field(at).is_nullable());
            field.with_nullable(nullable)
        })
        .collect();
    Arc::new(Schema::new(columns))
}

fn max_records(request: &WriteRequest, ctx: &SourceContext) -> Result<u64> {
    let given = request.options.get("maxRecordsPerFile").map(str::to_string);
    let text = given.or_else(|| ctx.conf("spark.sql.files.maxRecordsPerFile")).unwrap_or_else(|| "0".into());
    let limit: i64 = text
        .parse()
        .map_err(|_| SparkError::new("_LEGACY_NUMBER_FORMAT").with_message(format!("For input string: \"{text}\"")))?;
    Ok(u64::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(u64::MAX))
}

fn overwrites_dynamically(request: &WriteRequest, ctx: &SourceContext) -> Result<bool> {
    let given = request.options.get("partitionOverwriteMode").map(str::to_string);
    let mode = given.or_else(|| ctx.conf("spark.sql.sources.partitionOverwriteMode")).unwrap_or_default();
    match mode.to_ascii_uppercase().as_str() {
        "" | "STATIC" => Ok(false),
        "DYNAMIC" => Ok(true),
        other => Err(SparkError::new("_LEGACY_NO_SUCH_ELEMENT").with_message(format!("No value found for '{other}'"))),
    }
}

/// The folder that a static overwrite with fixed partition values replaces: those of the leading columns.
fn static_folder(request: &WriteRequest, partition_by: &[PartitionColumn]) -> Option<String> {
    let mut folders = vec![];
    for column in partition_by {
        let Some((_, value)) =
            request.static_partitions.iter().find(|(name, _)| name.eq_ignore_ascii_case(&column.name))
        else {
            break;
        };
        folders.push(name::partition_folder(&column.name, value.as_deref()));
    }
    (!folders.is_empty()).then(|| folders.join("/"))
}
