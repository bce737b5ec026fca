//! The options of the state data source. Spark's `StateSourceOptions`.

use std::path::{Path, PathBuf};

use firesteel_protocol::{Result, SparkError};
use firesteel_sources::listing::{absolute, check_paths};
use firesteel_sources::options::illegal_argument;
use firesteel_sources::storage::hadoop_path;
use firesteel_sources::{Options, ReadRequest, SourceContext};

use crate::checkpoint::commit_log::CommitLog;
use crate::checkpoint::offset_log::OffsetLog;

/// Which batches' changes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feed {
    pub first: u64,
    pub last: u64,
}

/// Where the reading of a partition begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    pub batch_id: u64,
    pub partition: usize,
}

/// The options.
#[derive(Debug, Clone)]
pub struct StateOptions {
    pub checkpoint: PathBuf,
    /// The state after this batch.
    pub batch_id: u64,
    pub operator_id: u64,
    pub store: String,
    /// `none`, `left` or `right`.
    pub join_side: String,
    pub variable: Option<String>,
    pub timers: bool,
    /// Whether an element of a list or a map is a row.
    pub flatten: bool,
    pub feed: Option<Feed>,
    pub snapshot: Option<Snapshot>,
}

/// Refuses what the options of `state-metadata` cannot be; no batch has other operators than the last.
pub fn check_metadata(options: &Options) -> Result<()> {
    number::<i64>(options, "batchId").map(|_| ())
}

/// The checkpoint that a request names.
pub fn checkpoint(request: &ReadRequest, ctx: &SourceContext) -> Result<PathBuf> {
    check_paths(request, ctx)?;
    let path = match &request.paths[..] {
        [] => request.options.get("path"),
        [path] => Some(path.as_str()),
        // Spark's data sources of state know no list of paths.
        _ => None,
    };
    let path = path.ok_or_else(|| unspecified("path"))?;
    absolute(path, &ctx.working_dir)
}

fn unspecified(option: &str) -> SparkError {
    SparkError::new("STDS_REQUIRED_OPTION_UNSPECIFIED").with("optionName", option)
}

/// `[INVALID_OPTION_VALUE]` with what is wrong.
pub fn invalid(option: &str, message: impl Into<String>) -> SparkError {
    SparkError::new("STDS_INVALID_OPTION_VALUE.WITH_MESSAGE").with("optionName", option).with("message", message)
}

fn conflict(one: &str, other: &str) -> SparkError {
    SparkError::new("STDS_CONFLICT_OPTIONS").with("options", format!("['{one}', '{other}']"))
}

/// No batch of that number is there.
fn unavailable(checkpoint: &Path) -> SparkError {
    let location = format!("file://{}", checkpoint.display());
    SparkError::new("STDS_COMMITTED_BATCH_UNAVAILABLE").with("checkpointLocation", location)
}

/// A number as Java reads it: without blanks around it.
fn number<N: std::str::FromStr>(options: &Options, key: &str) -> Result<Option<N>> {
    let Some(text) = options.get(key) else { return Ok(None) };
    let number = text
        .parse()
        .map_err(|_| SparkError::new("_LEGACY_NUMBER_FORMAT").with_message(format!("For input string: \"{text}\"")))?;
    Ok(Some(number))
}

/// A number that must not be below zero.
fn natural(key: &str, number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| SparkError::new("STDS_INVALID_OPTION_VALUE.IS_NEGATIVE").with("optionName", key))
}

/// A truth value; the error is the text that is none.
fn truth<'o>(options: &'o Options, key: &str, default: bool) -> std::result::Result<bool, &'o str> {
    let Some(text) = options.get(key) else { return Ok(default) };
    match text.to_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(text),
    }
}

fn flag(options: &Options, key: &str, default: bool) -> Result<bool> {
    truth(options, key, default).map_err(|_| invalid(key, "Boolean value is expected"))
}

/// The numbers of batches and of a partition, as they are given.
struct Given {
    batch: Option<i64>,
    snapshot_batch: Option<i64>,
    snapshot_partition: Option<i32>,
    first_change: Option<i64>,
    last_change: Option<i64>,
}

impl StateOptions {
    /// Reads the options, and finds the last batch where none is named.
    ///
    /// # Errors
    /// Spark's, in the order in which Spark looks.
    pub fn new(checkpoint: PathBuf, options: &Options) -> Result<Self> {
        let operator_id = natural("operatorId", number::<i32>(options, "operatorId")?.unwrap_or(0).into())?;
        let store = options.get("storeName").unwrap_or("default").trim().to_string();
        if store.is_empty() {
            return Err(SparkError::new("STDS_INVALID_OPTION_VALUE.IS_EMPTY").with("optionName", "storeName"));
        }
        let variable = options.get("stateVarName").map(|name| name.trim().to_string());
        let timers = flag(options, "readRegisteredTimers", false)?;
        if timers && variable.is_some() {
            return Err(conflict("readRegisteredTimers", "stateVarName"));
        }
        let flatten = flag(options, "flattenCollectionTypes", true)?;
        let join_side = options.get("joinSide").unwrap_or("none").to_string();
        if !["left", "right", "none"].contains(&join_side.as_str()) {
            return Err(invalid("joinSide", "Valid values are left,right,none"));
        }
        if join_side != "none" && store != "default" {
            return Err(conflict("joinSide", "storeName"));
        }
        let batch = number(options, "batchId")?;
        let snapshot_batch = number(options, "snapshotStartBatchId")?;
        let snapshot_partition = number(options, "snapshotPartitionId")?;
        let reads_feed = truth(options, "readChangeFeed", false)
            .map_err(|text| illegal_argument(format!("For input string: \"{text}\"")))?;
        let first_change = number(options, "changeStartBatchId")?;
        let last_change = number(options, "changeEndBatchId")?;
        let given = Given { batch, snapshot_batch, snapshot_partition, first_change, last_change };
        let last = || {
            let last = CommitLog::at(&checkpoint).latest()?;
            last.ok_or_else(|| unavailable(&checkpoint))
        };
        let (batch_id, feed, snapshot) = match reads_feed {
            true => {
                let feed = given.feed(join_side != "none", &last)?;
                (feed.last, Some(feed), None)
            }
            false => {
                let batch_id = given.batch_id(&last)?;
                (batch_id, None, given.snapshot(batch_id)?)
            }
        };
        if CommitLog::at(&checkpoint).next_watermark_ms(batch_id)?.is_none() {
            return Err(unavailable(&checkpoint));
        }
        if OffsetLog::at(&checkpoint).get(batch_id)?.is_none() {
            return Err(SparkError::new("STDS_OFFSET_LOG_UNAVAILABLE")
                .with("batchId", batch_id.to_string())
                .with("checkpointLocation", format!("file://{}", checkpoint.display())));
        }
        Ok(Self { checkpoint, batch_id, operator_id, store, join_side, variable, timers, flatten, feed, snapshot })
    }

    /// The folder of an operator of ours.
    pub fn state_dir(&self) -> PathBuf {
        self.checkpoint.join("state")
    }

    /// There is nothing that the options name.
    pub fn no_schema(&self) -> SparkError {
        let variable = self.variable.as_ref().map_or("None".into(), |name| format!("Some({name})"));
        let mut more = String::new();
        if let Some(Snapshot { batch_id, partition }) = self.snapshot {
            more += &format!(", snapshotStartBatchId={batch_id}, snapshotPartitionId={partition}");
        }
        if let Some(Feed { first, last }) = self.feed {
            more += &format!(", changeStartBatchId={first}, changeEndBatchId={last}");
        }
        let text = format!(
            "StateSourceOptions(checkpointLocation=file://{}, batchId={}, operatorId={}, storeName={}, joinSide={}, \
             stateVarName={variable}, flattenCollectionTypes={}{more})",
            self.checkpoint.display(),
            self.batch_id,
            self.operator_id,
            self.store,
            self.join_side,
            self.flatten
        );
        SparkError::new("STDS_FAILED_TO_READ_STATE_SCHEMA").with("sourceOptions", text)
    }

    /// What Spark wrote cannot be read.
    pub fn refuse_spark(dir: &Path) -> Result<()> {
        match dir.join("_metadata").is_dir() {
            false => Ok(()),
            true => Err(SparkError::unsupported(
                format!("the state that Apache Spark wrote to {}", hadoop_path(dir)),
                "Read it with Spark; Firesteel reads the state of its own queries.",
            )),
        }
    }
}

impl Given {
    /// The batches whose changes are read.
    fn feed(&self, has_side: bool, last: &dyn Fn() -> Result<u64>) -> Result<Feed> {
        for (key, given) in [
            ("joinSide", has_side),
            ("batchId", self.batch.is_some()),
            ("snapshotStartBatchId", self.snapshot_batch.is_some()),
            ("snapshotPartitionId", self.snapshot_partition.is_some()),
        ] {
            if given {
                return Err(conflict(key, "readChangeFeed"));
            }
        }
        let first = self.first_change.ok_or_else(|| unspecified("changeStartBatchId"))?;
        let end = match self.last_change {
            Some(end) => end,
            None => i64::try_from(last()?).unwrap_or(i64::MAX),
        };
        let first_id = natural("changeStartBatchId", first)?;
        if end < first {
            return Err(invalid(
                "changeEndBatchId",
                format!(
                    "changeEndBatchId cannot be smaller than changeStartBatchId. Please check the input to \
                     changeEndBatchId, or if you are using its default value, make sure that changeStartBatchId is \
                     less than {end}."
                ),
            ));
        }
        Ok(Feed { first: first_id, last: natural("changeEndBatchId", end)? })
    }

    /// The batch whose state is read.
    fn batch_id(&self, last: &dyn Fn() -> Result<u64>) -> Result<u64> {
        for (key, given) in [("changeStartBatchId", self.first_change), ("changeEndBatchId", self.last_change)] {
            if given.is_some() {
                return Err(invalid(key, "Only specify this option when readChangeFeed is set to true."));
            }
        }
        match self.batch {
            Some(batch) => natural("batchId", batch),
            None => last(),
        }
    }

    /// Where the reading of the only partition begins.
    fn snapshot(&self, batch_id: u64) -> Result<Option<Snapshot>> {
        let first = self.snapshot_batch.map(|first| natural("snapshotStartBatchId", first)).transpose()?;
        if first.is_some_and(|first| first > batch_id) {
            return Err(invalid("snapshotStartBatchId", format!("value should be less than or equal to {batch_id}")));
        }
        let partition = self.snapshot_partition.map(|own| natural("snapshotPartitionId", own.into())).transpose()?;
        match (first, partition) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(unspecified("snapshotPartitionId")),
            (None, Some(_)) => Err(unspecified("snapshotStartBatchId")),
            (Some(batch_id), Some(partition)) => {
                Ok(Some(Snapshot { batch_id, partition: usize::try_from(partition).unwrap_or(usize::MAX) }))
            }
        }
    }
}
