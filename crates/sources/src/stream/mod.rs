//! Streams: sources that are read batch by batch, each batch a range of offsets.
//!
//! [`open()`] turns a read request into a [`MicroBatchSource`], [`placeholder`] into a table that only has a schema.
//! Reading order: [`table`] (a stream inside a plan), [`clock`], [`log`] (numbered files), [`compact_log`], [`sink_log`]
//! (`_spark_metadata`), then the sources [`mod@file`], [`rate`], [`rate_micro_batch`], [`socket`]. When batches run, and
//! where their offsets are kept, is the streaming engine's business.

pub mod clock;
pub mod compact_log;
pub mod fault;
pub mod file;
pub mod file_options;
pub mod log;
pub mod rate;
pub mod rate_micro_batch;
pub mod sink_log;
pub mod socket;
pub mod table;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use firesteel_protocol::{Result, SparkError};

use crate::options::illegal_argument;
use crate::{OpenedSource, ReadRequest, SourceContext};
use table::StreamTable;

/// How far a source has been read: JSON text, as the offset log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Offset(pub String);

impl Offset {
    /// A plain number.
    pub fn number(number: i64) -> Self {
        Self(number.to_string())
    }

    /// The number, if it is a plain one.
    pub fn as_number(&self) -> Result<i64> {
        self.0.trim().parse().map_err(|_| illegal_argument(format!("For input string: \"{}\"", self.0)))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A source that is read batch by batch. Calls may block.
pub trait MicroBatchSource: Send + fmt::Debug {
    /// What progress reports call it: `FileStreamSource[file:/in]`.
    fn description(&self) -> String;

    /// How far the source could be read now, from `start` on; `limited` by its own options unless all is asked for.
    /// `None` where there is nothing at all.
    fn latest_offset(&mut self, start: Option<&Offset>, limited: bool) -> Result<Option<Offset>>;

    /// The rows behind `start` up to `end`.
    fn batch(&mut self, start: Option<&Offset>, end: &Offset) -> Result<Arc<dyn TableProvider>>;

    /// Everything up to `end` is processed for good.
    fn commit(&mut self, _end: &Offset) -> Result<()> {
        Ok(())
    }

    /// Only what is there now shall be read (`trigger(availableNow=True)`).
    fn prepare_available_now(&mut self, start: Option<&Offset>) -> Result<()>;

    /// The latest offset that progress reports show, where the source tells one.
    fn reported_latest(&self) -> Option<Offset> {
        None
    }

    /// Whether every call of [`MicroBatchSource::latest_offset`] has more to give.
    fn is_endless(&self) -> bool {
        false
    }

    /// The query has ended.
    fn stop(&mut self) {}
}

/// The format of a data source in Python. The streaming engine opens it; the options below say what it is.
pub const PYTHON: &str = "__python";
/// The pickled source as hexadecimal text, the user's name of it, and the Python that pickled it.
pub const PYTHON_OPTIONS: [&str; 3] = ["__python_source", "__python_name", "__python_version"];

/// The sources that are no files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Rate,
    RateMicroBatch,
    Socket,
    Python,
}

fn kind(request: &ReadRequest, ctx: &SourceContext) -> Result<Kind> {
    let default = || ctx.conf("spark.sql.sources.default").unwrap_or_else(|| "parquet".into());
    let format = request.format.clone().unwrap_or_else(default);
    match format.to_lowercase().as_str() {
        "rate" => Ok(Kind::Rate),
        "rate-micro-batch" => Ok(Kind::RateMicroBatch),
        "socket" => Ok(Kind::Socket),
        PYTHON => Ok(Kind::Python),
        "console" | "noop" | "statestore" | "state-metadata" => Err(not_streamed(&format)),
        // A stream of memory is Spark's own tests' alone.
        "memory" => Err(SparkError::new("DATA_SOURCE_NOT_FOUND").with("provider", format)),
        "kafka" => Err(SparkError::new("_LEGACY_ERROR_TEMP_1140").with("provider", format)),
        _ => match crate::Format::of(&format)? {
            crate::Format::Jdbc | crate::Format::Hive(_) => Err(not_streamed(&format)),
            _ => Ok(Kind::File),
        },
    }
}

fn not_streamed(format: &str) -> SparkError {
    SparkError::new("_LEGACY_ERROR_TEMP_2049").with("className", format).with("operator", "reading")
}

/// The schema of a stream as a table that cannot be scanned.
pub fn placeholder(request: &ReadRequest, ctx: &SourceContext) -> Result<OpenedSource> {
    let mut partition_columns = vec![];
    let (schema, metadata_columns, name) = match kind(request, ctx)? {
        Kind::File => {
            let opened = file::empty(request, ctx)?;
            let paths = file::path_of(request, ctx)?;
            partition_columns = opened.partition_columns;
            (opened.provider.schema(), opened.metadata_columns, format!("FileSource[{paths}]"))
        }
        Kind::Rate => (rate::schema(request)?, vec![], "rate".to_string()),
        Kind::RateMicroBatch => (rate_micro_batch::schema(request)?, vec![], "rate-micro-batch".to_string()),
        Kind::Socket => (socket::schema(request)?, vec![], "socket".to_string()),
        Kind::Python => {
            let schema = request.schema.clone();
            let schema = schema.ok_or_else(|| SparkError::internal("a Python source without schema"))?;
            (schema, vec![], request.options.get(PYTHON_OPTIONS[1]).unwrap_or_default().to_string())
        }
    };
    let hidden = metadata_columns.len();
    let visible: Vec<usize> = (0..schema.fields().len() - hidden).collect();
    let shown = Arc::new(schema.project(&visible).map_err(firesteel_functions::kernel::from_arrow)?);
    let provider = Arc::new(StreamTable::placeholder(name, schema));
    Ok(OpenedSource {
        provider,
        schema: shown,
        metadata_columns,
        partition_columns,
        input_files: vec![],
        size_bytes: None,
    })
}

/// Opens a stream. `log_dir` is the source's own folder of the checkpoint (`sources/0`). Blocks.
pub fn open(request: &ReadRequest, log_dir: &Path, ctx: &SourceContext) -> Result<Box<dyn MicroBatchSource>> {
    Ok(match kind(request, ctx)? {
        Kind::File => Box::new(file::FileSource::open(request, log_dir, ctx)?),
        Kind::Rate => Box::new(rate::RateSource::open(request, log_dir, ctx)?),
        Kind::RateMicroBatch => Box::new(rate_micro_batch::RateMicroBatchSource::open(request, log_dir, ctx)?),
        Kind::Socket => Box::new(socket::SocketSource::open(request)?),
        Kind::Python => return Err(SparkError::internal("a Python source is opened by the streaming engine")),
    })
}

/// Java's `NumberFormatException`.
fn not_a_number(text: &str) -> SparkError {
    SparkError::new("_LEGACY_NUMBER_FORMAT").with_message(format!("For input string: \"{text}\""))
}

/// A positive number of an option.
fn positive(request: &ReadRequest, key: &str, default: i64) -> Result<i64> {
    let Some(text) = request.options.get(key) else { return Ok(default) };
    let number: i64 = text.trim().parse().map_err(|_| not_a_number(text))?;
    if number <= 0 {
        return Err(illegal_argument(format!("Invalid value '{text}'. The option '{key}' must be positive")));
    }
    Ok(number)
}

/// `DataSourceV2` streams with columns of their own take no schema.
fn refuse_schema(request: &ReadRequest, provider: &str) -> Result<()> {
    match &request.schema {
        None => Ok(()),
        Some(_) => Err(SparkError::new("_LEGACY_ERROR_TEMP_2242").with("provider", provider)),
    }
}

/// The number that a source without files keeps in its log: the time of its start.
fn remembered(log_dir: &Path, first: impl FnOnce() -> String) -> Result<String> {
    let log = log::NumberedLog::open(log_dir)?;
    if let Some(text) = log.get(0)? {
        return Ok(log::body(&text, 1, &log.file(0))?.trim().to_string());
    }
    let value = first();
    log.add(0, format!("v1\n{value}").as_bytes())?;
    Ok(value)
}

/// A source's folder below the checkpoint.
pub fn source_dir(checkpoint: &Path, index: usize) -> PathBuf {
    checkpoint.join("sources").join(index.to_string())
}
