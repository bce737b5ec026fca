//! What a session lends to its Python tasks: interpreter, uploaded files, limits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::{Accumulated, Pool};

/// The session as its Python tasks see it. Made anew for each query, so that files added between queries are there.
#[derive(Debug, Clone)]
pub struct PythonSession {
    pub pool: Arc<Pool>,
    /// Workers are reused by their own session only: modules that one session added are not another one's.
    pub session_id: Arc<str>,
    /// `spark.pyspark.python`; none takes the interpreter that the program was submitted with.
    pub interpreter: Option<String>,
    /// Uploaded files: `SparkFiles.getRootDirectory()` in a task.
    pub files: Option<PathBuf>,
    /// Directories and archives for `sys.path`.
    pub includes: Vec<PathBuf>,
    /// Uploaded archives; unpacked beside the files.
    pub archives: Vec<PathBuf>,
    /// `spark.executor.pyspark.memory` in mebibytes; what is wrong with it is told by the first task.
    pub memory_mb: std::result::Result<Option<u64>, String>,
    /// A setting that asks for another program than ours in workers; the first task refuses it.
    pub refused: Option<&'static str>,
    /// What accumulators were given.
    pub accumulated: Accumulated,
    /// `spark.python.worker.reuse`.
    pub reuse: bool,
    /// How long a worker may say nothing before it is killed, `spark.sql.execution.pyspark.udf.killOnIdleTimeout`.
    pub idle: Option<Duration>,
    /// Whether a worker that crashes says where, `spark.sql.execution.pyspark.udf.faulthandler.enabled`.
    pub faulthandler: bool,
    /// How often a worker writes to standard error where it is.
    pub dump_every: Option<Duration>,
    pub traceback: Traceback,
    /// What `TaskContext.getLocalProperty` tells.
    pub properties: Arc<BTreeMap<String, String>>,
}

/// How much of an error's traceback users see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Traceback {
    /// From the user's own frames on.
    #[default]
    Simplified,
    Full,
    /// The exception alone.
    Hidden,
}

impl Traceback {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Simplified => "simplified",
            Self::Full => "full",
            Self::Hidden => "hidden",
        }
    }
}
