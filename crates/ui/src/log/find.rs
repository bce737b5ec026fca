//! Finds event logs in a folder: one file or rolling, finished or not.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::bucket::{Bucket, Object};
use super::folder::Folder;

/// A log of one attempt of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The file, or the folder of a rolling log.
    pub path: PathBuf,
    /// In the order in which they are read.
    pub files: Vec<PathBuf>,
    pub in_progress: bool,
    pub size_bytes: u64,
    /// Of the last file.
    pub last_bytes: u64,
    pub modified_ms: i64,
}

/// The logs of a folder.
///
/// # Errors
/// The folder cannot be read.
pub fn scan(folder: &Folder) -> io::Result<Vec<Log>> {
    match folder {
        Folder::Local(path) => Ok(fs::read_dir(path)?.flatten().filter_map(|entry| at(&entry.path())).collect()),
        Folder::Bucket(bucket, prefix) => Ok(in_bucket(bucket, prefix, bucket.list(prefix)?)),
    }
}

/// The log of this path of this machine; none where it is something else.
fn at(path: &Path) -> Option<Log> {
    let name = path.file_name()?.to_string_lossy();
    let meta = fs::metadata(path).ok()?;
    if meta.is_dir() {
        let files = || fs::read_dir(path).ok().map(|all| all.flatten().filter_map(|entry| found(&entry)));
        return name.starts_with(ROLLING).then(|| rolling(path, files()?)).flatten();
    }
    single(Found { path: path.to_path_buf(), size_bytes: meta.len(), modified_ms: modified(&meta) })
}

/// A log that grew as it is now; it may have been finished, and have lost the end of its name.
pub fn current(folder: &Folder, log: &Log) -> Log {
    if !log.in_progress {
        return log.clone();
    }
    let finished = log.path.to_str().and_then(|path| path.strip_suffix(".inprogress")).map(PathBuf::from);
    let now = match folder {
        Folder::Local(_) => at(&log.path).or_else(|| at(&finished?)),
        Folder::Bucket(bucket, prefix) => {
            let key = bucket.key(&log.path).unwrap_or_default();
            if key.rsplit('/').next().is_some_and(|name| name.starts_with(ROLLING)) {
                in_bucket(bucket, prefix, bucket.list(key).unwrap_or_default()).into_iter().next()
            } else {
                let known =
                    |path: &PathBuf| in_bucket(bucket, prefix, vec![bucket.find(bucket.key(path)?).ok()??]).pop();
                // Not renamed but written anew: for a moment there are both.
                finished.as_ref().and_then(known).or_else(|| known(&log.path))
            }
        }
    };
    now.unwrap_or_else(|| log.clone())
}

/// How the folders of rolling logs begin.
const ROLLING: &str = "eventlog_v2_";

/// A file of a folder.
struct Found {
    path: PathBuf,
    size_bytes: u64,
    modified_ms: i64,
}

fn found(entry: &fs::DirEntry) -> Option<Found> {
    let meta = entry.metadata().ok()?;
    Some(Found { path: entry.path(), size_bytes: meta.len(), modified_ms: modified(&meta) })
}

fn modified(meta: &fs::Metadata) -> i64 {
    let since = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

/// The logs among objects whose keys begin with a prefix.
fn in_bucket(bucket: &Bucket, prefix: &str, objects: Vec<Object>) -> Vec<Log> {
    let mut logs = vec![];
    let mut folders: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for object in objects {
        let Some(name) = object.key.strip_prefix(prefix) else { continue };
        let path = PathBuf::from(bucket.url(&object.key));
        let own = Found { path, size_bytes: object.size_bytes, modified_ms: object.modified_ms };
        match name.split_once('/') {
            None if !name.is_empty() => logs.extend(single(own)),
            Some((folder, inner)) if folder.starts_with(ROLLING) && !inner.is_empty() => {
                folders.entry(bucket.url(&format!("{prefix}{folder}"))).or_default().push(own);
            }
            _ => {}
        }
    }
    logs.extend(folders.into_iter().filter_map(|(path, files)| rolling(Path::new(&path), files.into_iter())));
    logs
}

/// A log in one file.
fn single(own: Found) -> Option<Log> {
    let name = own.path.file_name()?.to_string_lossy();
    if name.starts_with('.') {
        return None;
    }
    Some(Log {
        in_progress: name.ends_with(".inprogress"),
        files: vec![own.path.clone()],
        size_bytes: own.size_bytes,
        last_bytes: own.size_bytes,
        modified_ms: own.modified_ms,
        path: own.path,
    })
}

/// A rolling log; None where the folder is none.
fn rolling(folder: &Path, found: impl Iterator<Item = Found>) -> Option<Log> {
    let path = folder.to_path_buf();
    let mut own = Log { path, files: vec![], in_progress: true, size_bytes: 0, last_bytes: 0, modified_ms: 0 };
    let mut files: Vec<(u64, bool, PathBuf, u64)> = vec![];
    let mut has_status = false;
    for file in found {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        own.modified_ms = own.modified_ms.max(file.modified_ms);
        if name.starts_with("appstatus_") {
            // A store that cannot rename may show both for a moment.
            own.in_progress &= name.ends_with(".inprogress");
            has_status = true;
        } else if let Some(rest) = name.strip_prefix("events_") {
            let number = rest.split('_').next().and_then(|number| number.parse().ok());
            let Some(number) = number else { continue };
            own.size_bytes += file.size_bytes;
            files.push((number, name.ends_with(".compact"), file.path, file.size_bytes));
        }
    }
    files.sort();
    // A compacted file stands for all up to its number.
    let compacted = files.iter().filter(|own| own.1).map(|own| own.0).max().unwrap_or(0);
    files.retain(|(number, compact, ..)| *number > compacted || (*compact && *number == compacted));
    own.last_bytes = files.last().map_or(0, |own| own.3);
    own.files = files.into_iter().map(|own| own.2).collect();
    (has_status && !own.files.is_empty()).then_some(own)
}
