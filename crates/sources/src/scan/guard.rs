//! What happens when a file cannot be read: Spark's error with the file's path, or the file is left.

use std::error::Error;
use std::io;
use std::sync::Arc;

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::object_store;
use firesteel_protocol::SparkError;

/// The settings that decide on files that cannot be read.
#[derive(Debug, Clone, Copy, Default)]
pub struct OnBadFile {
    /// `ignoreCorruptFiles`: what was read of the file stays, the rest is skipped.
    pub ignore_corrupt: bool,
    /// `ignoreMissingFiles`: a file that vanished has no rows.
    pub ignore_missing: bool,
}

/// The settings with the file at hand.
#[derive(Debug, Clone)]
pub struct FileGuard {
    pub on_bad_file: OnBadFile,
    /// `file:///...`
    pub url: Arc<str>,
    /// Whether every error comes from reading: else expressions that run with the scan fail here too.
    pub owns_errors: bool,
}

impl FileGuard {
    /// `None` if the file is to be left, else the error to raise.
    pub fn judge(&self, error: DataFusionError) -> Option<DataFusionError> {
        match spark_error(&error) {
            Some(found) if !found.condition().starts_with("FAILED_READ_FILE") => {
                if !self.owns_errors || speaks_for_itself(found) {
                    return Some(error);
                }
                (!self.on_bad_file.ignore_corrupt).then(|| self.word("FAILED_READ_FILE.NO_HINT", error))
            }
            Some(found) if found.condition() == "FAILED_READ_FILE.FILE_NOT_EXIST" => {
                (!self.on_bad_file.ignore_missing).then_some(error)
            }
            Some(found) if found.param("path").is_some() => (!self.on_bad_file.ignore_corrupt).then_some(error),
            Some(found) => {
                let named = self.name(found);
                (!self.on_bad_file.ignore_corrupt).then_some(named)
            }
            None if is_missing(&error) => {
                (!self.on_bad_file.ignore_missing).then(|| self.word("FAILED_READ_FILE.FILE_NOT_EXIST", error))
            }
            None if is_about_the_file(&error) => {
                (!self.on_bad_file.ignore_corrupt).then(|| self.word("FAILED_READ_FILE.NO_HINT", error))
            }
            None => Some(error),
        }
    }

    fn word(&self, condition: &str, cause: DataFusionError) -> DataFusionError {
        external(SparkError::new(condition).with("path", self.url.as_ref()).with_source(cause))
    }

    /// Adds the path to an error that was raised where it was not known.
    fn name(&self, found: &SparkError) -> DataFusionError {
        let mut named = SparkError::new(found.condition()).with("path", self.url.as_ref());
        for (key, value) in found.params() {
            named = named.with(key, value);
        }
        if let Some(cause) = found.source() {
            named = named.with_source(cause.to_string());
        }
        external(named)
    }
}

/// Errors that Spark throws as they are, without the file's path.
fn speaks_for_itself(error: &SparkError) -> bool {
    let condition = error.condition();
    condition.starts_with("INCONSISTENT_BEHAVIOR_CROSS_VERSION")
        || condition == "UNSUPPORTED_FEATURE.FIRESTEEL"
        || condition == "INTERNAL_ERROR"
}

/// A Spark error on its way through DataFusion.
pub fn external(error: SparkError) -> DataFusionError {
    firesteel_functions::kernel::to_datafusion(error)
}

/// Follows the causes of an error.
fn causes(error: &DataFusionError) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    std::iter::from_fn(move || {
        let current = next?;
        next = current.source();
        Some(current)
    })
}

fn spark_error(error: &DataFusionError) -> Option<&SparkError> {
    causes(error).find_map(|cause| cause.downcast_ref::<SparkError>())
}

fn is_missing(error: &DataFusionError) -> bool {
    causes(error).any(|cause| {
        matches!(cause.downcast_ref(), Some(object_store::Error::NotFound { .. }))
            || cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::NotFound)
    })
}

/// Whether an error comes from reading bytes or a format, not from the engine (memory, cancellation).
fn is_about_the_file(error: &DataFusionError) -> bool {
    causes(error).any(|cause| {
        cause.is::<parquet::errors::ParquetError>()
            || cause.is::<io::Error>()
            || cause.is::<object_store::Error>()
            || matches!(cause.downcast_ref(), Some(ArrowError::ParquetError(_) | ArrowError::IoError(..)))
    })
}
