//! Finds event logs in a folder and reads them: plain or packed, one file or rolling, finished or not.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::lz4::Lz4Reader;
use crate::snappy::SnappyReader;
use crate::store::Store;

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
    let mut logs = vec![];
    for entry in fs::read_dir(folder)? {
        let Ok(entry) = entry else { continue };
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(meta) = fs::metadata(&path) else { continue };
        if meta.is_dir() {
            logs.extend(name.starts_with("eventlog_v2_").then(|| rolling(&path)).flatten());
        } else if !name.starts_with('.') {
            logs.push(Log {
                files: vec![path.clone()],
                in_progress: name.ends_with(".inprogress"),
                size_bytes: meta.len(),
                modified_ms: modified(&meta),
                path,
            });
        }
    }
    Ok(logs)
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

/// Whether a file grows without being packed: what was read of it need not be read again.
fn is_plain(path: &Path) -> bool {
    codec(path).is_none()
}

fn codec(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let name = name.strip_suffix(".inprogress").unwrap_or(&name);
    let name = name.strip_suffix(".compact").unwrap_or(name);
    let (_, suffix) = name.rsplit_once('.')?;
    ["zstd", "lz4", "snappy", "lzf"].contains(&suffix).then(|| suffix.to_string())
}

/// The text of a log's file.
///
/// # Errors
/// The file cannot be opened, or is packed in a way nobody here knows.
fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let file = File::open(path)?;
    Ok(match codec(path).as_deref() {
        None => Box::new(file),
        Some("zstd") => Box::new(zstd::Decoder::new(file)?),
        Some("lz4") => Box::new(Lz4Reader::new(BufReader::new(file))),
        Some("snappy") => Box::new(SnappyReader::new(BufReader::new(file))),
        Some(other) => return Err(io::Error::other(format!("logs packed with {other} are not read"))),
    })
}

/// How far a log has been read.
#[derive(Debug, Clone, Default)]
pub struct Position {
    /// Bytes of each file, plain ones only.
    files: Vec<(PathBuf, u64)>,
    bad_lines: u64,
}

impl Position {
    /// Whether the log can be read on from here.
    pub fn fits(&self, log: &Log) -> bool {
        self.files.iter().zip(&log.files).all(|((own, _), path)| own == path && is_plain(path))
            && self.files.len() <= log.files.len()
    }
}

/// Longer lines are no events.
const MAX_LINE: usize = 256 << 20;

/// Reads a log into a store, from where it was read the last time.
///
/// # Errors
/// The log cannot be opened.
pub fn replay(log: &Log, store: &mut Store, position: &mut Position) -> io::Result<()> {
    let mut line = String::new();
    let mut cut = false;
    store.notes.clear();
    for (index, path) in log.files.iter().enumerate() {
        let start = position.files.get(index).map_or(0, |(_, read)| *read);
        let mut input: Box<dyn Read> = open(path)?;
        if start > 0 {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(start))?;
            input = Box::new(file);
        }
        let mut reader = BufReader::with_capacity(1 << 20, input);
        let mut read = start;
        loop {
            line.clear();
            match reader.by_ref().take(MAX_LINE as u64).read_line(&mut line) {
                Ok(0) => break,
                Ok(count) => {
                    // The last line of a log that grows may be half written.
                    if !line.ends_with('\n') && store.apply_line(line.trim_end()).is_err() {
                        cut = true;
                        break;
                    }
                    read += count as u64;
                    if line.ends_with('\n') && !line.trim().is_empty() && store.apply_line(line.trim_end()).is_err() {
                        position.bad_lines += 1;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::InvalidData && is_plain(path) => {
                    position.bad_lines += 1;
                    read = u64::MAX;
                    break;
                }
                // Packed data that ends in the middle: the program was killed, or still writes.
                Err(_) => {
                    cut = true;
                    break;
                }
            }
        }
        if position.files.len() <= index {
            position.files.push((path.clone(), read));
        } else {
            position.files[index].1 = read;
        }
    }
    if cut && !log.in_progress {
        store.notes.push("The log is cut off: what comes after is not known.".into());
    }
    if position.bad_lines > 0 {
        store.notes.push(format!("{} lines of the log could not be read and are left out.", position.bad_lines));
    }
    Ok(())
}

/// What a list says of a log.
#[derive(Debug, Clone, Default)]
pub struct Head {
    pub id: String,
    pub attempt: Option<String>,
    pub name: String,
    pub user: String,
    pub spark_version: String,
    pub start_ms: i64,
    pub end_ms: i64,
}

/// Bytes at the end of a plain log in which the end of the application is looked for.
const TAIL: u64 = 1 << 20;
/// Lines in which the application's start is looked for.
const HEAD_LINES: usize = 2000;

/// Reads as much of a log as a list needs; None where no application begins in it.
///
/// # Errors
/// The log cannot be read.
pub fn head(log: &Log) -> io::Result<Option<Head>> {
    let mut store = Store::default();
    store.app.start_ms = -1;
    store.app.end_ms = -1;
    let Some(first) = log.files.first() else { return Ok(None) };
    let mut reader = BufReader::new(open(first)?);
    let mut line = String::new();
    for _ in 0..HEAD_LINES {
        line.clear();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {
                // What else stands there, the list does not need.
                let wanted = ["SparkListenerLogStart", "SparkListenerApplicationStart"];
                if wanted.iter().any(|name| line.contains(name)) && store.apply_line(line.trim_end()).is_err() {
                    break;
                }
            }
        }
        if store.app.start_ms > 0 {
            break;
        }
    }
    if store.app.start_ms < 0 {
        return Ok(None);
    }
    if let Some(last) = log.files.last().filter(|_| !log.in_progress) {
        find_end(last, &mut store)?;
    }
    let app = store.app;
    let version = app.spark_version;
    Ok(Some(Head {
        id: app.id,
        attempt: app.attempt,
        name: app.name,
        user: app.user,
        spark_version: version,
        start_ms: app.start_ms,
        end_ms: app.end_ms,
    }))
}

fn find_end(path: &Path, store: &mut Store) -> io::Result<()> {
    let input: Box<dyn Read> = if is_plain(path) {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        Box::new(file)
    } else {
        open(path)?
    };
    let mut reader = BufReader::with_capacity(1 << 20, input);
    let mut line = vec![];
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return Ok(()),
            Ok(_) if line.starts_with(b"{\"Event\":\"SparkListenerApplicationEnd\"") => {
                let text = String::from_utf8_lossy(&line);
                // A line that is no event ends nothing.
                drop(store.apply_line(text.trim_end()));
            }
            Ok(_) => {}
        }
    }
}
