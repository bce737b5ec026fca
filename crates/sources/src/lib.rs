//! Outside data: reads and writes files and JDBC.
//!
//! [`open()`] turns a read request into a table that DataFusion scans. Reading order: [`options`],
//! [`mod@format`], [`mod@open`], [`listing`], [`scan`], [`storage`], [`codec`], [`decode`], then the formats; [`stream`].

pub mod avro;
pub mod binary_file;
pub mod codec;
pub mod csv;
pub mod decode;
pub mod footers;
pub mod format;
pub mod hive;
mod inferred;
pub mod jdbc;
pub mod json;
pub mod julian;
pub mod listing;
pub mod open;
pub mod options;
pub mod orc;
pub mod parquet;
pub mod record;
pub mod scan;
pub mod sink;
pub mod slots;
pub mod storage;
pub mod store;
pub mod stream;
pub mod text;
pub mod texts;
pub mod xml;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::catalog::TableProvider;
use firesteel_functions::Env;
use firesteel_protocol::Result;

pub use format::Format;
pub use options::{OptionSpec, Options};
pub use texts::TextRecords;

/// What a reader was told: `spark.read.format(..).schema(..).options(..).load(paths)`.
#[derive(Debug, Clone, Default)]
pub struct ReadRequest {
    /// Short name or class name; `None` means `spark.sql.sources.default`.
    pub format: Option<String>,
    /// The user's schema, canonical types.
    pub schema: Option<SchemaRef>,
    pub options: Options,
    /// Paths as given; empty for sources without (jdbc).
    pub paths: Vec<String>,
    /// Conditions of a JDBC read, each a partition.
    pub predicates: Vec<String>,
    /// The partitions of a table whose catalog knows them: nothing else below the paths is read.
    pub partitions: Option<Vec<TablePartition>>,
}

/// A partition that a catalog knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePartition {
    /// Columns and their values as in names of folders, outermost first.
    pub values: Vec<(String, String)>,
    /// The folder of its files.
    pub path: String,
}

/// Reads a configuration value of the session, its default included.
pub type ConfLookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What of a session a source needs to know.
#[derive(Clone)]
pub struct SourceContext {
    pub env: Env,
    pub conf: Arc<ConfLookup>,
    /// Relative paths start here.
    pub working_dir: PathBuf,
    /// How many partitions a scan should have.
    pub parallelism: usize,
    /// For blocking calls into asynchronous libraries.
    pub runtime: tokio::runtime::Handle,
}

impl SourceContext {
    /// A configuration value, if it is set or has a default.
    pub fn conf(&self, key: &str) -> Option<String> {
        (self.conf)(key)
    }

    /// A boolean configuration value.
    pub fn conf_flag(&self, key: &str, default: bool) -> bool {
        self.conf(key).map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }
}

impl fmt::Debug for SourceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceContext")
            .field("env", &self.env)
            .field("working_dir", &self.working_dir)
            .finish_non_exhaustive()
    }
}

/// A source that can be scanned.
#[derive(Debug, Clone)]
pub struct OpenedSource {
    /// Its schema is `schema` followed by `metadata_columns`.
    pub provider: Arc<dyn TableProvider>,
    /// What users see: data columns, then partition columns.
    pub schema: SchemaRef,
    /// Hidden columns with facts of the file that a row is from: `__input_file_name` (`file:///a/b%20c`),
    /// `__file_path` (`file:/a/b%20c`), `__file_name`, `__file_size`, `__file_block_start`,
    /// `__file_block_length`, `__file_modification_time`, and for Parquet `__file_row_index`. They cost
    /// nothing unless asked for. Empty for sources that are not files.
    pub metadata_columns: Vec<FieldRef>,
    /// Which of `schema` are folders.
    pub partition_columns: Vec<String>,
    /// `file:///...` URLs, for `inputFiles()`.
    pub input_files: Vec<String>,
    /// Bytes on disk, if known.
    pub size_bytes: Option<u64>,
}

/// Opens what a reader asks for: finds files, infers the schema, plans the scan.
pub fn open(request: &ReadRequest, ctx: &SourceContext) -> Result<OpenedSource> {
    let default = || ctx.conf("spark.sql.sources.default").unwrap_or_else(|| "parquet".into());
    match Format::of(&request.format.clone().unwrap_or_else(default))? {
        Format::Jdbc => jdbc::open(request, ctx),
        format => open::open_files(format, request, ctx),
    }
}
