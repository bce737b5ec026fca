//! Finds event logs in a folder: one file or rolling, finished or not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A log of one attempt of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The file, or the folder of a rolling log.
    pub path: PathBuf,
    /// In the order in which they are read.
    pub files: Vec<PathBuf>,
    pub in_progress: bool,
    pub size_bytes: u64,
    pub modified_ms: i64,
}

/// The logs of a folder.
///
/// # Errors
/// The folder cannot be read.
pub fn scan(folder: &Path) -> io::Result<Vec<Log>> {
    Ok(fs::read_dir(folder)?.flatten().filter_map(|entry| at(&entry.path())).collect())
}

/// The log of this path; none where it is something else.
pub fn at(path: &Path) -> Option<Log> {
    let name = path.file_name()?.to_string_lossy();
    let meta = fs::metadata(path).ok()?;
    if meta.is_dir() {
        return name.starts_with("eventlog_v2_").then(|| rolling(path)).flatten();
    }
    (!name.starts_with('.')).then(|| Log {
        path: path.to_path_buf(),
        files: vec![path.to_path_buf()],
        in_progress: name.ends_with(".inprogress"),
        size_bytes: meta.len(),
        modified_ms: modified(&meta),
    })
}

/// A log that grew as it is now; it may have been finished, and have lost the end of its name.
pub fn current(log: &Log) -> Log {
    if !log.in_progress {
        return log.clone();
    }
    let finished = log.path.to_str().and_then(|path| path.strip_suffix(".inprogress")).map(PathBuf::from);
    at(&log.path).or_else(|| at(&finished?)).unwrap_or_else(|| log.clone())
}

fn modified(meta: &fs::Metadata) -> i64 {
    let since = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

/// A rolling log; None where the folder is none.
fn rolling(folder: &Path) -> Option<Log> {
    let mut own = Log { path: folder.to_path_buf(), files: vec![], in_progress: true, size_bytes: 0, modified_ms: 0 };
    let mut files: Vec<(u64, bool, PathBuf)> = vec![];
    let mut has_status = false;
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(meta) = entry.metadata() else { continue };
        own.modified_ms = own.modified_ms.max(modified(&meta));
        if name.starts_with("appstatus_") {
            has_status = true;
            own.in_progress = name.ends_with(".inprogress");
        } else if let Some(rest) = name.strip_prefix("events_") {
            let number = rest.split('_').next().and_then(|number| number.parse().ok());
            let Some(number) = number else { continue };
            own.size_bytes += meta.len();
            files.push((number, name.ends_with(".compact"), entry.path()));
        }
    }
    files.sort();
    // A compacted file stands for all up to its number.
    let compacted = files.iter().filter(|(_, compact, _)| *compact).map(|(number, _, _)| *number).max().unwrap_or(0);
    files.retain(|(number, compact, _)| *number > compacted || (*compact && *number == compacted));
    own.files = files.into_iter().map(|(_, _, path)| path).collect();
    (has_status && !own.files.is_empty()).then_some(own)
}
