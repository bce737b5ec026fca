//! `metadata`: the id of a query, for life. Spark's `StreamMetadata`.

use std::fs::{File, TryLockError};
use std::path::Path;

use firesteel_protocol::{Result, SparkError};
use firesteel_sources::storage::hadoop_path;
use firesteel_sources::stream::log::{self, NumberedLog, illegal_state};
use serde_json::Value;

/// The file.
pub const FILE: &str = "metadata";

/// The id in a checkpoint; none where nothing was ever written.
pub fn read(checkpoint: &Path) -> Result<Option<String>> {
    let path = checkpoint.join(FILE);
    let Some(text) = log::read(&path)? else { return Ok(None) };
    let value: Option<Value> = serde_json::from_str(&text).ok();
    let id = value.as_ref().and_then(|value| value.get("id")).and_then(Value::as_str);
    match id {
        Some(id) if uuid::Uuid::parse_str(id).is_ok() => Ok(Some(id.to_string())),
        _ => Err(illegal_state(format!("Error reading stream metadata from {}: {text}", hadoop_path(&path)))),
    }
}

/// Takes a checkpoint for this process. The lock goes with the process, however it ends.
///
/// # Errors
/// Another process has it.
pub fn lock(checkpoint: &Path, id: &str) -> Result<Option<File>> {
    let Ok(file) = File::open(checkpoint.join(FILE)) else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(illegal_state(format!(
            "Cannot start query with id {id} as another query with same id is already active in another process, on the \
             checkpoint {}. Stop that query, or use another checkpoint.",
            hadoop_path(checkpoint)
        ))),
        // Some file systems have no locks; the logs still refuse a second writer.
        Err(TryLockError::Error(error)) => {
            tracing::debug!(%error, "the checkpoint cannot be locked");
            Ok(None)
        }
    }
}

/// The id in a checkpoint, made up where there is none.
pub fn read_or_create(checkpoint: &Path) -> Result<String> {
    if let Some(id) = read(checkpoint)? {
        return Ok(id);
    }
    for folder in ["offsets", "commits"] {
        if NumberedLog::at(&checkpoint.join(folder)).latest()?.is_some() {
            return Err(SparkError::new("STREAMING_CHECKPOINT_MISSING_METADATA_FILE")
                .with("checkpointLocation", hadoop_path(checkpoint)));
        }
    }
    std::fs::create_dir_all(checkpoint).map_err(|error| log::failed("cannot make the folder", checkpoint, error))?;
    let id = uuid::Uuid::new_v4().to_string();
    if log::write_new(&checkpoint.join(FILE), format!("{{\"id\":\"{id}\"}}").as_bytes())? {
        return Ok(id);
    }
    // Another query was faster; it is the same one then.
    read(checkpoint)?.ok_or_else(|| illegal_state("the metadata of a checkpoint vanished"))
}
