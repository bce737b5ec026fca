//! Writes the event log: `spark.eventLog.*`, with Spark's file names, so that Spark's history server finds it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::limits::Lookup;
use crate::lz4::Lz4Writer;

/// How a log is written.
#[derive(Debug, Clone)]
pub struct LogConf {
    folder: PathBuf,
    compression: Option<Codec>,
    overwrite: bool,
    /// Bytes after which a rolling log begins a new file; none, one file.
    roll_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Zstd,
    Lz4,
}

impl Codec {
    fn suffix(self) -> &'static str {
        match self {
            Self::Zstd => ".zstd",
            Self::Lz4 => ".lz4",
        }
    }
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
        let folder = lookup("spark.eventLog.dir").unwrap_or_else(|| "file:/tmp/spark-events".into());
        let compression = if flag(lookup, "spark.eventLog.compress", true) {
            match lookup("spark.eventLog.compression.codec").as_deref().unwrap_or("zstd") {
                "zstd" => Some(Codec::Zstd),
                "lz4" => Some(Codec::Lz4),
                other => {
                    return Err(format!("spark.eventLog.compression.codec is {other}: use zstd or lz4"));
                }
            }
        } else {
            None
        };
        let roll_bytes = if flag(lookup, "spark.eventLog.rolling.enabled", true) {
            let text = lookup("spark.eventLog.rolling.maxFileSize").unwrap_or_else(|| "128m".into());
            let bytes = bytes(&text).filter(|size| *size >= 10 << 20);
            Some(bytes.ok_or_else(|| format!("spark.eventLog.rolling.maxFileSize is {text}: give 10m or more"))?)
        } else {
            None
        };
        Ok(Some(Self {
            folder: local_folder(&folder)?,
            compression,
            overwrite: flag(lookup, "spark.eventLog.overwrite", false),
            roll_bytes,
        }))
    }
}

/// A folder of this machine, out of a path or `file:` URL.
///
/// # Errors
/// Another store: text for the user.
pub fn local_folder(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")).unwrap_or(text);
    if path.contains("://") {
        return Err(format!("{text} is not a local folder: only local folders hold event logs so far"));
    }
    Ok(PathBuf::from(path))
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

/// An open log.
pub struct EventLog {
    conf: LogConf,
    name: String,
    /// Where a rolling log's files are.
    rolling: Option<PathBuf>,
    index: u64,
    output: Output,
    /// Where the open file will be, and what it is called until then.
    target: PathBuf,
    open: PathBuf,
}

impl std::fmt::Debug for EventLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventLog").field("target", &self.target).finish_non_exhaustive()
    }
}

enum Output {
    Plain(Counted),
    Zstd(zstd::Encoder<'static, Counted>),
    Lz4(Lz4Writer<Counted>),
    Closed,
}

/// A file that knows how much was written.
struct Counted {
    file: BufWriter<File>,
    written: u64,
}

impl Write for Counted {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.file.write(buffer)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl EventLog {
    /// Begins the log of an application.
    ///
    /// # Errors
    /// The folder is missing or cannot be written to, or has the log already: text for the user.
    pub fn create(conf: LogConf, app_id: &str) -> Result<Self, String> {
        let at = |path: &Path, error: &io::Error| format!("no event log: {}: {error}", path.display());
        if !conf.folder.is_dir() {
            return Err(format!(
                "no event log: the folder {} of spark.eventLog.dir does not exist",
                conf.folder.display()
            ));
        }
        let name: String =
            app_id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' }).collect();
        let rolling = conf.roll_bytes.map(|_| conf.folder.join(format!("eventlog_v2_{name}")));
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
            rolling,
            index: 0,
            output: Output::Closed,
            target: PathBuf::new(),
            open: PathBuf::new(),
        };
        own.next_file().map_err(|error| at(&own.open, &error))?;
        Ok(own)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.rolling.as_deref().unwrap_or(&self.target)
    }

    fn next_file(&mut self) -> io::Result<()> {
        self.finish_file()?;
        self.index += 1;
        let suffix = self.conf.compression.map_or("", Codec::suffix);
        match &self.rolling {
            Some(folder) => {
                self.target = folder.join(format!("events_{}_{}{suffix}", self.index, self.name));
                self.open = self.target.clone();
            }
            None => {
                self.target = self.conf.folder.join(format!("{}{suffix}", self.name));
                self.open = self.conf.folder.join(format!("{}{suffix}.inprogress", self.name));
                if self.target.exists() && !self.conf.overwrite {
                    return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the log exists already"));
                }
            }
        }
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o660).open(&self.open)?;
        let file = Counted { file: BufWriter::new(file), written: 0 };
        self.output = match self.conf.compression {
            None => Output::Plain(file),
            Some(Codec::Zstd) => Output::Zstd(zstd::Encoder::new(file, 1)?),
            Some(Codec::Lz4) => Output::Lz4(Lz4Writer::new(file)),
        };
        let start = json!({"Event": "SparkListenerLogStart", "Spark Version": firesteel_engine::SPARK_VERSION});
        self.line(&start)
    }

    fn line(&mut self, event: &Value) -> io::Result<()> {
        let mut line = event.to_string();
        line.push('\n');
        match &mut self.output {
            Output::Plain(file) => file.write_all(line.as_bytes()),
            Output::Zstd(file) => file.write_all(line.as_bytes()),
            Output::Lz4(file) => file.write_all(line.as_bytes()),
            Output::Closed => Ok(()),
        }
    }

    fn written(&self) -> u64 {
        match &self.output {
            Output::Plain(file) => file.written,
            Output::Zstd(file) => file.get_ref().written,
            Output::Lz4(file) => file.get_ref().written,
            Output::Closed => 0,
        }
    }

    /// Writes an event.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn write(&mut self, event: &Value) -> io::Result<()> {
        if self.conf.roll_bytes.is_some_and(|limit| self.written() >= limit) {
            self.next_file()?;
        }
        self.line(event)
    }

    /// Lets readers see what was written.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.output {
            Output::Plain(file) => file.flush(),
            Output::Zstd(file) => file.flush(),
            Output::Lz4(file) => file.flush(),
            Output::Closed => Ok(()),
        }
    }

    fn finish_file(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.output, Output::Closed) {
            Output::Plain(mut file) => file.flush(),
            Output::Zstd(file) => file.finish()?.flush(),
            Output::Lz4(file) => file.finish()?.flush(),
            Output::Closed => Ok(()),
        }
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
                fs::rename(folder.join(format!("appstatus_{}.inprogress", self.name)), status)
            }
            None => fs::rename(&self.open, &self.target),
        }
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
    }
}
