//! `_spark_metadata`: the log of the files that a stream wrote to a folder. A folder with this log has exactly the
//! files that the log names; others are leftovers of batches that were cut. Spark's `FileStreamSinkLog`.

use std::path::{Path, PathBuf};

use firesteel_protocol::Result;
use serde_json::{Value, json};

use super::compact_log::{CompactConf, CompactLog};
use super::log::illegal_state;
use crate::SourceContext;
use crate::storage::{InputFile, decode_url, file_url};

/// The log's folder in the folder that is written.
pub const METADATA_DIR: &str = "_spark_metadata";
/// What Hadoop says of blocks on a local disk.
const BLOCK_SIZE: u64 = 33_554_432;

/// The log of a folder.
#[derive(Debug)]
pub struct SinkLog {
    log: CompactLog,
    /// How old a file may grow before the next compaction forgets it; none: all stay.
    retention_ms: Option<i64>,
}

impl SinkLog {
    /// The log of the folder `root`.
    pub fn open(root: &Path, ctx: &SourceContext) -> Result<Self> {
        CompactLog::open(&root.join(METADATA_DIR), CompactConf::new("fileSink", ctx))
            .map(|log| Self { log, retention_ms: None })
    }

    /// The same with the sink's option `retention`.
    #[must_use]
    pub fn retaining(self, retention_ms: Option<i64>) -> Self {
        Self { retention_ms, ..self }
    }

    /// Whether a folder has such a log.
    pub fn is_in(root: &Path) -> bool {
        root.join(METADATA_DIR).is_dir()
    }

    /// The last batch that was written completely.
    pub fn latest(&self) -> Result<Option<u64>> {
        self.log.latest()
    }

    /// Makes the files of a batch visible; `false` if the batch is there already.
    pub fn add(&self, batch_id: u64, files: &[InputFile]) -> Result<bool> {
        let lines: Vec<String> = files.iter().map(line).collect();
        let now_ms = super::clock::now_ms();
        let is_retained = |line: &str| match (self.retention_ms, parse(line)) {
            (Some(retention_ms), Ok((file, _))) => now_ms.saturating_sub(file.modified_us / 1000) <= retention_ms,
            _ => true,
        };
        self.log.add_retained(batch_id, &lines, &is_retained)
    }

    /// All visible files.
    pub fn files(&self) -> Result<Vec<InputFile>> {
        let mut files: Vec<InputFile> = vec![];
        for line in self.log.all()? {
            let (file, added) = parse(&line)?;
            if added {
                files.push(file);
            } else {
                files.retain(|own| own.path != file.path);
            }
        }
        Ok(files)
    }
}

fn line(file: &InputFile) -> String {
    json!({
        "path": file_url(&file.path),
        "size": file.size_bytes,
        "isDir": false,
        "modificationTime": file.modified_us / 1000,
        "blockReplication": 1,
        "blockSize": BLOCK_SIZE,
        "action": "add",
    })
    .to_string()
}

fn parse(line: &str) -> Result<(InputFile, bool)> {
    let malformed = || illegal_state(format!("Malformed entry in {METADATA_DIR}: {line}"));
    let value: Value = serde_json::from_str(line).map_err(|_| malformed())?;
    let path: PathBuf = value.get("path").and_then(Value::as_str).and_then(decode_url).ok_or_else(malformed)?;
    let number = |key: &str| value.get(key).and_then(Value::as_i64).ok_or_else(malformed);
    let size_bytes = u64::try_from(number("size")?).map_err(|_| malformed())?;
    let file = InputFile { path, size_bytes, modified_us: number("modificationTime")?.saturating_mul(1000) };
    Ok((file, value.get("action").and_then(Value::as_str) != Some("delete")))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The line is what Spark 4.2.1 wrote, but for the folder.
    #[test]
    fn lines_are_those_of_spark() {
        let text = r#"{"path":"file:///w/out%201/part-0.parquet","size":919,"isDir":false,"modificationTime":1795188234491,"blockReplication":1,"blockSize":33554432,"action":"add"}"#;
        let (file, added) = parse(text).expect("a line of Spark");
        assert!(added);
        assert_eq!(file.path, Path::new("/w/out 1/part-0.parquet"));
        assert_eq!(line(&file), text);
    }
}
