//! Writes the event log: `spark.eventLog.*`, with Spark's file names, so that Spark's history server finds it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::folder::Folder;
use super::mirror::Mirror;
use super::pack::{Codec, Packed};
use crate::limits::Lookup;

/// How a log is written.
#[derive(Debug, Clone)]
pub struct LogConf {
    folder: Folder,
    compression: Option<Codec>,
    overwrite: bool,
    /// Bytes that wait before they are written: `spark.eventLog.buffer.kb`.
    buffer_bytes: usize,
    /// Whether the log tells of rows that are kept: `spark.eventLog.logBlockUpdates.enabled`, here unless it is switched off.
    pub block_updates: bool,
    /// Bytes after which a rolling log begins a new file; none, one file.
    roll_bytes: Option<u64>,
}

/// Whether a setting says yes; `default` where it says nothing.
pub fn flag(lookup: Lookup, key: &str, default: bool) -> bool {
    lookup(key).map_or(default, |text| text.trim().eq_ignore_ascii_case("true"))
}

impl LogConf {
    /// What the settings say; None where no log is wanted.
    ///
    /// # Errors
    /// What a setting says cannot be done: text for the user.
    pub fn of(lookup: Lookup) -> Result<Option<Self>, String> {
        if !flag(lookup, "spark.eventLog.enabled", false) {
            return Ok(None);
        }
        without_effect(lookup)?;
        let folder = lookup("spark.eventLog.dir").unwrap_or_else(|| "file:/tmp/spark-events".into());
        let compression = if flag(lookup, "spark.eventLog.compress", true) {
            let name = lookup("spark.eventLog.compression.codec").unwrap_or_else(|| "zstd".into());
            let codec = Codec::named(name.trim()).filter(|codec| *codec != Codec::Lzf);
            Some(codec.ok_or_else(|| {
                format!("no event log: spark.eventLog.compression.codec is {name}: use zstd, lz4 or snappy")
            })?)
        } else {
            None
        };
        let buffer = lookup("spark.eventLog.buffer.kb").unwrap_or_else(|| "100k".into());
        let buffer_bytes = kibibytes(&buffer).ok_or_else(|| {
            format!("no event log: spark.eventLog.buffer.kb is {buffer}: give a size (example: 100k)")
        })?;
        let roll_bytes = if flag(lookup, "spark.eventLog.rolling.enabled", true) {
            let text = lookup("spark.eventLog.rolling.maxFileSize").unwrap_or_else(|| "128m".into());
            let bytes = bytes(&text).filter(|size| *size >= 10 << 20);
            Some(bytes.ok_or_else(|| {
                format!("no event log: spark.eventLog.rolling.maxFileSize is {text}: give 10m or more")
            })?)
        } else {
            None
        };
        Ok(Some(Self {
            folder: Folder::of(&folder, lookup).map_err(|problem| format!("no event log: {problem}"))?,
            compression,
            overwrite: flag(lookup, "spark.eventLog.overwrite", false),
            buffer_bytes,
            block_updates: flag(lookup, "spark.eventLog.logBlockUpdates.enabled", true),
            roll_bytes,
        }))
    }
}

/// What is asked for and not done: what the log would then hold too much is an error, what it lacks a warning.
fn without_effect(lookup: Lookup) -> Result<(), String> {
    if lookup("spark.eventLog.excludedPatterns").is_some_and(|text| !text.trim().is_empty()) {
        return Err("no event log: spark.eventLog.excludedPatterns is not supported: all events are written".into());
    }
    for (key, usual, instead) in [
        ("spark.eventLog.logStageExecutorMetrics", false, "the log has no metrics of executors by stage"),
        ("spark.eventLog.longForm.enabled", false, "call sites are written in the short form"),
        ("spark.eventLog.erasureCoding.enabled", false, "folders of HDFS are not written to"),
        ("spark.eventLog.includeTaskMetricsAccumulators", true, "tasks are written with their metrics"),
    ] {
        if flag(lookup, key, usual) != usual {
            tracing::warn!("{key} has no effect: {instead}");
        }
    }
    Ok(())
}

/// `128m` in bytes; plain numbers are bytes.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let shift = match text[digits..].trim() {
        "" | "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

/// A size that is counted in KiB where it names no unit.
fn kibibytes(text: &str) -> Option<usize> {
    let text = text.trim();
    let text = if text.ends_with(|c: char| c.is_ascii_digit()) { format!("{text}k") } else { text.into() };
    bytes(&text).and_then(|bytes| usize::try_from(bytes).ok()).filter(|bytes| *bytes <= 1 << 30)
}

/// An open log.
pub struct EventLog {
    conf: LogConf,
    name: String,
    /// Where it is written, which may be on its way to a bucket.
    folder: PathBuf,
    /// Where a rolling log's files are.
    rolling: Option<PathBuf>,
    index: u64,
    output: Option<Packed>,
    /// Where the open file will be, and what it is called until then.
    target: PathBuf,
    open: PathBuf,
    /// What brings it to a bucket.
    mirror: Option<Mirror>,
}

impl std::fmt::Debug for EventLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventLog").field("target", &self.target).finish_non_exhaustive()
    }
}

impl EventLog {
    /// Begins the log of an application.
    ///
    /// # Errors
    /// The folder is missing or cannot be written to, or has the log already: text for the user.
    pub fn create(conf: LogConf, app_id: &str) -> Result<Self, String> {
        let at = |path: &Path, error: &io::Error| format!("no event log: {}: {error}", path.display());
        let name: String =
            app_id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' }).collect();
        let mirror = match &conf.folder {
            Folder::Local(_) => None,
            Folder::Bucket(bucket, prefix) => {
                Some(Mirror::begin(Arc::clone(bucket), prefix.clone(), &name, conf.overwrite)?)
            }
        };
        let folder = match (&conf.folder, &mirror) {
            (Folder::Local(path), _) => path.clone(),
            (_, mirror) => mirror.as_ref().map_or_else(PathBuf::new, |own| own.folder().to_path_buf()),
        };
        if !folder.is_dir() {
            return Err(format!("no event log: the folder {} of spark.eventLog.dir does not exist", conf.folder));
        }
        let rolling = conf.roll_bytes.map(|_| folder.join(format!("eventlog_v2_{name}")));
        if let Some(folder) = &rolling {
            if folder.exists() && !conf.overwrite {
                return Err(format!("no event log: {} exists already", folder.display()));
            }
            fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
            let status = folder.join(format!("appstatus_{name}.inprogress"));
            File::create(&status).map_err(|error| at(&status, &error))?;
        }
        let mut own = Self {
            conf,
            name,
            folder,
            rolling,
            index: 0,
            output: None,
            target: PathBuf::new(),
            open: PathBuf::new(),
            mirror,
        };
        own.next_file().map_err(|error| at(&own.open, &error))?;
        Ok(own)
    }

    fn next_file(&mut self) -> io::Result<()> {
        self.finish_file()?;
        self.index += 1;
        let suffix = self.conf.compression.map(|codec| format!(".{}", codec.name())).unwrap_or_default();
        match &self.rolling {
            Some(folder) => {
                self.target = folder.join(format!("events_{}_{}{suffix}", self.index, self.name));
                self.open = self.target.clone();
            }
            None => {
                self.target = self.folder.join(format!("{}{suffix}", self.name));
                self.open = self.folder.join(format!("{}{suffix}.inprogress", self.name));
                if self.target.exists() && !self.conf.overwrite {
                    return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the log exists already"));
                }
            }
        }
        self.output = Some(Packed::create(&self.open, self.conf.compression, self.conf.buffer_bytes)?);
        let start = json!({"Event": "SparkListenerLogStart", "Spark Version": firesteel_engine::SPARK_VERSION});
        self.line(&start)
    }

    fn line(&mut self, event: &Value) -> io::Result<()> {
        let mut line = event.to_string();
        line.push('\n');
        self.output.as_mut().map_or(Ok(()), |output| output.write_all(line.as_bytes()))
    }

    /// Writes an event.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn write(&mut self, event: &Value) -> io::Result<()> {
        let written = self.output.as_ref().map_or(0, Packed::written);
        if self.conf.roll_bytes.is_some_and(|limit| written >= limit) {
            self.next_file()?;
        }
        self.line(event)
    }

    /// Lets readers see what was written.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.as_mut().map_or(Ok(()), Write::flush)
    }

    fn finish_file(&mut self) -> io::Result<()> {
        self.output.take().map_or(Ok(()), Packed::finish)
    }

    /// Ends the log: it loses its `.inprogress`.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn close(mut self) -> io::Result<()> {
        self.finish_file()?;
        match &self.rolling {
            Some(folder) => {
                let status = folder.join(format!("appstatus_{}", self.name));
                fs::rename(folder.join(format!("appstatus_{}.inprogress", self.name)), status)?;
            }
            None => fs::rename(&self.open, &self.target)?,
        }
        if let Some(mirror) = self.mirror.take() {
            mirror.finish();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(bytes("128m"), Some(128 << 20));
        assert_eq!(bytes(" 1G "), Some(1 << 30));
        assert_eq!(bytes("x"), None);
        assert_eq!((kibibytes("8"), kibibytes("2m")), (Some(8 << 10), Some(2 << 20)));
    }

    #[test]
    fn events_to_leave_out_are_no_setting_to_pass_over() {
        let said = |own: &'static str, value: &'static str| {
            LogConf::of(&|key: &str| match key {
                "spark.eventLog.enabled" => Some("true".into()),
                "spark.eventLog.dir" => Some("/tmp".into()),
                key => (key == own).then(|| value.into()),
            })
        };
        let refused = said("spark.eventLog.excludedPatterns", "SparkListenerTaskStart").unwrap_err();
        assert!(refused.contains("spark.eventLog.excludedPatterns"), "{refused}");
        assert!(said("spark.eventLog.excludedPatterns", "").is_ok());
        assert!(said("spark.eventLog.logStageExecutorMetrics", "true").is_ok());
    }
}
