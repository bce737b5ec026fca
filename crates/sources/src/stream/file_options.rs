//! The options of a stream of files. Spark's `FileStreamOptions`.

use std::path::PathBuf;

use firesteel_protocol::{Result, SparkError};

use super::log::illegal_state;
use crate::listing::absolute;
use crate::options::illegal_argument;
use crate::{Options, SourceContext};

/// How much one batch reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    None,
    Files(usize),
    Bytes(u64),
}

/// What happens to files that are processed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clean {
    Off,
    Delete,
    /// They move below this folder.
    Archive(PathBuf),
}

/// The options.
#[derive(Debug, Clone)]
pub struct FileStreamOptions {
    pub limit: Limit,
    pub latest_first: bool,
    /// Files older than the newest one by more are passed over.
    pub max_age_ms: i64,
    /// Files of one name are one file, wherever they are.
    pub name_only: bool,
    pub clean: Clean,
    /// New files that are kept in mind for later batches.
    pub max_cached: usize,
    /// Fewer files than this part of a batch are not kept in mind.
    pub discard_ratio: f64,
}

impl FileStreamOptions {
    /// Reads the options.
    ///
    /// # Errors
    /// Spark's, word for word.
    pub fn new(options: &Options, ctx: &SourceContext) -> Result<Self> {
        for key in ["modifiedBefore", "modifiedAfter"] {
            if options.contains(key) {
                let text = format!("option '{}' is not allowed in file stream sources", key.to_lowercase());
                return Err(illegal_argument(text));
            }
        }
        let positive = |key: &str, kind: &str| -> Result<Option<u64>> {
            let Some(text) = options.get(key) else { return Ok(None) };
            let number = text.trim().parse::<u64>().ok().filter(|number| *number > 0);
            number.map(Some).ok_or_else(|| {
                illegal_argument(format!("Invalid value '{text}' for option '{key}', must be a positive {kind}"))
            })
        };
        let files = positive("maxFilesPerTrigger", "integer")?;
        let bytes = positive("maxBytesPerTrigger", "integer")?;
        let limit = match (files, bytes) {
            (Some(_), Some(_)) => {
                return Err(illegal_argument(
                    "Options 'maxFilesPerTrigger' and 'maxBytesPerTrigger' can't be both set at the same time",
                ));
            }
            (Some(files), None) => Limit::Files(usize::try_from(files).unwrap_or(usize::MAX)),
            (None, Some(bytes)) => Limit::Bytes(bytes),
            (None, None) => Limit::None,
        };
        let flag = |key: &str| -> Result<bool> {
            let Some(text) = options.get(key) else { return Ok(false) };
            text.parse::<bool>().or_else(|_| text.to_lowercase().parse::<bool>()).map_err(|_| {
                illegal_argument(format!("Invalid value '{text}' for option '{key}', must be 'true' or 'false'"))
            })
        };
        let age = options.get("maxFileAge").unwrap_or("7d");
        if age.trim_start().strip_prefix('-').and_then(duration_ms).is_some() {
            return Err(illegal_argument("requirement failed"));
        }
        let max_age_ms =
            duration_ms(age).and_then(|ms| i64::try_from(ms).ok()).ok_or_else(|| unreadable_duration(age))?;
        let max_cached = match options.get("maxCachedFiles") {
            None => 10_000,
            Some(text) => text.trim().parse::<u32>().map(|count| count as usize).map_err(|_| {
                illegal_argument(format!(
                    "Invalid value '{text}' for option 'maxCachedFiles', must be an integer greater than or equal to 0"
                ))
            })?,
        };
        let discard_ratio = match options.get("discardCachedInputRatio") {
            None => 0.2,
            Some(text) => text.trim().parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio)).ok_or_else(|| {
                illegal_argument(format!(
                    "Invalid value '{text}' for option 'discardCachedInputRatio', must be a positive float between 0 and 1"
                ))
            })?,
        };
        Ok(Self {
            limit,
            latest_first: flag("latestFirst")?,
            max_age_ms,
            name_only: flag("fileNameOnly")?,
            clean: clean(options, ctx)?,
            max_cached,
            discard_ratio,
        })
    }
}

fn clean(options: &Options, ctx: &SourceContext) -> Result<Clean> {
    let Some(mode) = options.get("cleanSource") else { return Ok(Clean::Off) };
    match mode.to_uppercase().as_str() {
        "OFF" => Ok(Clean::Off),
        "DELETE" => Ok(Clean::Delete),
        "ARCHIVE" => match options.get("sourceArchiveDir") {
            Some(dir) => Ok(Clean::Archive(absolute(dir, &ctx.working_dir)?)),
            None => Err(illegal_argument("Archive mode must be used with 'sourceArchiveDir' option.")),
        },
        _ => Err(illegal_argument(format!(
            "Invalid mode for clean source option Some({mode}). Must be one of ARCHIVE,DELETE,OFF"
        ))),
    }
}

/// What Spark says of cleaning a folder that a stream writes.
pub fn cannot_clean_sink() -> SparkError {
    illegal_state("Clean up source files is not supported when reading from the output directory of FileStreamSink.")
}

/// What Java says of a text that [`duration_ms`] cannot read.
pub fn unreadable_duration(text: &str) -> SparkError {
    SparkError::new("_LEGACY_NUMBER_FORMAT").with_message(format!(
        "Time must be specified as seconds (s), milliseconds (ms), microseconds (us), minutes (m or min), hour (h), or \
         day (d). E.g. 50s, 100ms, or 250us.\nFailed to parse time string: {text}"
    ))
}

/// `7d`, `10m`, `500ms`, `100` (milliseconds): Java's `Utils.timeStringAsMs`.
pub fn duration_ms(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.trim().parse().ok()?;
    Some(match &text[digits.len()..] {
        "us" => number / 1000,
        "" | "ms" => number,
        "s" => number.checked_mul(1000)?,
        "m" | "min" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        "d" => number.checked_mul(86_400_000)?,
        _ => return None,
    })
}
