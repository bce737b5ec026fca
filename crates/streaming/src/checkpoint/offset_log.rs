//! `offsets/N`: what batch N reads, written before it runs. Spark's `OffsetSeqLog`.
//! What finished is in [`super::commit_log`].

use std::path::Path;

use firesteel_engine::SessionConf;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::storage::hadoop_path;
use firesteel_sources::stream::Offset;
use firesteel_sources::stream::log::{self, NumberedLog, illegal_state};
use serde_json::{Map, Value};

/// The newest version that is known to exist.
const KNOWN: u32 = 2;
/// A source without offset.
const NONE: &str = "-";

/// Settings that a batch is planned with and that stay with its query, and Spark's defaults of them.
const SETTINGS: [(&str, &str); 15] = [
    (
        "spark.sql.streaming.stateStore.providerClass",
        "org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider",
    ),
    ("spark.sql.streaming.stateStore.rocksdb.mergeOperatorVersion", "2"),
    ("spark.sql.streaming.stateStore.rocksdb.formatVersion", "5"),
    ("spark.sql.streaming.queryEvolution.enableSourceEvolution", "false"),
    ("spark.sql.streaming.stateStore.encodingFormat", "unsaferow"),
    ("spark.sql.streaming.statefulOperator.useStrictDistribution", "true"),
    ("spark.sql.streaming.flatMapGroupsWithState.stateFormatVersion", "2"),
    ("spark.sql.streaming.multipleWatermarkPolicy", "min"),
    ("spark.sql.streaming.stateStore.rowChecksum.enabled", "false"),
    ("spark.sql.streaming.aggregation.stateFormatVersion", "2"),
    ("spark.sql.function.protobufExtensions.enabled", "false"),
    ("spark.sql.shuffle.partitions", "200"),
    ("spark.sql.streaming.join.stateFormatVersion", "2"),
    ("spark.sql.streaming.stateStore.compression.codec", "lz4"),
    ("spark.sql.optimizer.pruneFiltersCanPruneStreamingSubplan", "false"),
];

/// What is written of a batch beside its offsets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchMetadata {
    pub watermark_ms: i64,
    /// The batch's time: what `current_timestamp()` says in it.
    pub timestamp_ms: i64,
    pub conf: Map<String, Value>,
}

impl BatchMetadata {
    /// The settings of a new query.
    pub fn conf_of(conf: &SessionConf) -> Map<String, Value> {
        SETTINGS
            .iter()
            .map(|(key, default)| {
                let value = conf.lookup(key).unwrap_or_else(|| (*default).to_string());
                ((*key).to_string(), Value::String(value))
            })
            .collect()
    }
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetEntry {
    pub metadata: BatchMetadata,
    /// One a source.
    pub offsets: Vec<Option<Offset>>,
}

/// The log.
#[derive(Debug, Clone)]
pub struct OffsetLog(NumberedLog);

impl OffsetLog {
    pub fn open(checkpoint: &Path) -> Result<Self> {
        NumberedLog::open(&checkpoint.join("offsets")).map(Self)
    }

    /// A log to be read only.
    pub fn at(checkpoint: &Path) -> Self {
        Self(NumberedLog::at(&checkpoint.join("offsets")))
    }

    pub fn latest(&self) -> Result<Option<u64>> {
        self.0.latest()
    }

    pub fn ids(&self) -> Result<Vec<u64>> {
        self.0.ids()
    }

    pub fn get(&self, batch_id: u64) -> Result<Option<OffsetEntry>> {
        match self.0.get(batch_id)? {
            Some(text) => parse(&text, &self.0.file(batch_id)).map(Some),
            None => Ok(None),
        }
    }

    /// Writes what a batch reads; `false` if there is an entry already.
    pub fn add(&self, batch_id: u64, entry: &OffsetEntry) -> Result<bool> {
        self.0.add(batch_id, text(entry).as_bytes())
    }

    pub fn purge_below(&self, batch_id: u64) -> Result<()> {
        self.0.purge_below(batch_id)
    }
}

fn text(entry: &OffsetEntry) -> String {
    let mut metadata = Map::new();
    metadata.insert("batchWatermarkMs".into(), entry.metadata.watermark_ms.into());
    metadata.insert("batchTimestampMs".into(), entry.metadata.timestamp_ms.into());
    metadata.insert("conf".into(), Value::Object(entry.metadata.conf.clone()));
    let mut text = format!("v1\n{}", Value::Object(metadata));
    for offset in &entry.offsets {
        text.push('\n');
        text.push_str(offset.as_ref().map_or(NONE, |offset| offset.0.as_str()));
    }
    text
}

fn parse(text: &str, file: &Path) -> Result<OffsetEntry> {
    let body = log::body(text, KNOWN, file)?;
    if !text.starts_with("v1\n") {
        return Err(SparkError::unsupported(
            format!("the offset log of version 2 in {}, whose sources have names", hadoop_path(file)),
            "Let Spark write version 1: set spark.sql.streaming.queryEvolution.enableSourceEvolution to false.",
        ));
    }
    let mut lines = body.lines();
    let line = lines.next().unwrap_or_default();
    let mut metadata = BatchMetadata::default();
    if !line.is_empty() {
        let value: Value = serde_json::from_str(line)
            .map_err(|error| illegal_state(format!("Failed to read log file {}. {error}", hadoop_path(file))))?;
        let number = |key: &str| value.get(key).and_then(Value::as_i64).unwrap_or(0);
        metadata.watermark_ms = number("batchWatermarkMs");
        metadata.timestamp_ms = number("batchTimestampMs");
        if let Some(Value::Object(conf)) = value.get("conf") {
            metadata.conf.clone_from(conf);
        }
    }
    let offset = |line: &str| (line != NONE).then(|| Offset(line.to_string()));
    Ok(OffsetEntry { metadata, offsets: lines.map(offset).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The text is what Spark 4.2.1 wrote, with fewer settings.
    #[test]
    fn entries_are_those_of_spark() {
        let text_of_spark = "v1\n{\"batchWatermarkMs\":1704067090000,\"batchTimestampMs\":1795188527279,\
                             \"conf\":{\"spark.sql.shuffle.partitions\":\"1\"}}\n{\"logOffset\":1}\n-\n5";
        let entry = parse(text_of_spark, Path::new("/c/offsets/1")).expect("an entry");
        assert_eq!(entry.offsets, [Some(Offset("{\"logOffset\":1}".into())), None, Some(Offset("5".into()))]);
        assert_eq!(text(&entry), text_of_spark);
        assert!(parse("v9\n{}", Path::new("/c/offsets/1")).is_err());
        assert!(parse("", Path::new("/c/offsets/1")).is_err());
    }
}
