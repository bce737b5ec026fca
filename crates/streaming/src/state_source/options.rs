//! The options of the state data source. Spark's `StateSourceOptions`.

use std::path::{Path, PathBuf};

use firesteel_protocol::{Result, SparkError};
use firesteel_sources::listing::absolute;
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

/// The checkpoint that a request names.
pub fn checkpoint(request: &ReadRequest, ctx: &SourceContext) -> Result<PathBuf> {
    let path = request.paths.first().map(String::as_str).or_else(|| request.options.get("path"));
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

fn number(options: &Options, key: &str) -> Result<Option<u64>> {
    let Some(text) = options.get(key) else { return Ok(None) };
    let number: i64 = text
        .trim()
        .parse()
        .map_err(|_| SparkError::new("_LEGACY_NUMBER_FORMAT").with_message(format!("For input string: \"{text}\"")))?;
    let negative = || SparkError::new("STDS_INVALID_OPTION_VALUE.IS_NEGATIVE").with("optionName", key);
    u64::try_from(number).map(Some).map_err(|_| negative())
}

fn flag(options: &Options, key: &str, default: bool) -> Result<bool> {
    match options.get(key).map(str::to_lowercase).as_deref() {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(other) => Err(illegal_argument(format!("For input string: \"{other}\""))),
    }
}

impl StateOptions {
    /// Reads the options, and finds the last batch where none is named.
    ///
    /// # Errors
    /// Spark's.
    pub fn new(checkpoint: PathBuf, options: &Options) -> Result<Self> {
        let operator_id = number(options, "operatorId")?.unwrap_or(0);
        let store = options.get("storeName").unwrap_or("default").trim().to_string();
        if store.is_empty() {
            return Err(SparkError::new("STDS_INVALID_OPTION_VALUE.IS_EMPTY").with("optionName", "storeName"));
        }
        let join_side = options.get("joinSide").unwrap_or("none").to_string();
        if !["left", "right", "none"].contains(&join_side.as_str()) {
            return Err(invalid("joinSide", "Valid values are left,right,none"));
        }
        if join_side != "none" && store != "default" {
            return Err(conflict("joinSide", "storeName"));
        }
        let variable = options.get("stateVarName").map(str::to_string);
        let timers = flag(options, "readRegisteredTimers", false)?;
        if timers && variable.is_some() {
            return Err(conflict("readRegisteredTimers", "stateVarName"));
        }
        let flatten = flag(options, "flattenCollectionTypes", true)?;
        let last = || {
            let last = CommitLog::at(&checkpoint).latest()?;
            last.ok_or_else(|| unavailable(&checkpoint))
        };
        let (mut feed, mut snapshot) = (None, None);
        let batch_id = if flag(options, "readChangeFeed", false)? {
            for (key, given) in [
                ("joinSide", join_side != "none"),
                ("batchId", options.contains("batchId")),
                ("snapshotStartBatchId", options.contains("snapshotStartBatchId")),
                ("snapshotPartitionId", options.contains("snapshotPartitionId")),
            ] {
                if given {
                    return Err(conflict(key, "readChangeFeed"));
                }
            }
            let first = number(options, "changeStartBatchId")?.ok_or_else(|| unspecified("changeStartBatchId"))?;
            let end = match number(options, "changeEndBatchId")? {
                Some(end) => end,
                None => last()?,
            };
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
            feed = Some(Feed { first, last: end });
            end
        } else {
            for key in ["changeStartBatchId", "changeEndBatchId"] {
                if options.contains(key) {
                    return Err(invalid(key, "Only specify this option when readChangeFeed is set to true."));
                }
            }
            let batch_id = match number(options, "batchId")? {
                Some(batch_id) => batch_id,
                None => last()?,
            };
            snapshot = start(options, batch_id)?;
            batch_id
        };
        if OffsetLog::at(&checkpoint).get(batch_id)?.is_none() || batch_id > last()? {
            return Err(unavailable(&checkpoint));
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
        let text = format!(
            "StateSourceOptions(checkpointLocation=file://{}, batchId={}, operatorId={}, storeName={}, joinSide={}, \
             stateVarName={variable}, flattenCollectionTypes={})",
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

fn start(options: &Options, batch_id: u64) -> Result<Option<Snapshot>> {
    let first = number(options, "snapshotStartBatchId")?;
    if first.is_some_and(|first| first > batch_id) {
        return Err(invalid("snapshotStartBatchId", format!("value should be less than or equal to {batch_id}")));
    }
    let partition = number(options, "snapshotPartitionId")?;
    match (first, partition) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(unspecified("snapshotPartitionId")),
        (None, Some(_)) => Err(unspecified("snapshotStartBatchId")),
        (Some(batch_id), Some(partition)) => {
            Ok(Some(Snapshot { batch_id, partition: usize::try_from(partition).unwrap_or(usize::MAX) }))
        }
    }
}
