//! A folder of numbered files, each written once: what all of Spark's streaming logs are made of
//! (`HDFSMetadataLog`). A file appears complete or not at all, and never replaces another.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use firesteel_protocol::{Result, SparkError};

use super::fault;
use crate::storage::hadoop_path;

/// The folder.
#[derive(Debug, Clone)]
pub struct NumberedLog {
    dir: PathBuf,
}

impl NumberedLog {
    /// A log whose folder is made if it is not there.
    pub fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).map_err(|error| failed("cannot make the folder", dir, error))?;
        Ok(Self { dir: dir.to_path_buf() })
    }

    /// A log as it is; nothing is made.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf() }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of a number.
    pub fn file(&self, id: u64) -> PathBuf {
        self.dir.join(id.to_string())
    }

    /// The content of an entry.
    pub fn get(&self, id: u64) -> Result<Option<String>> {
        read(&self.file(id))
    }

    /// Writes an entry; `false` if there is one already.
    pub fn add(&self, id: u64, content: &[u8]) -> Result<bool> {
        write_new(&self.file(id), content)
    }

    /// All numbers, in order.
    pub fn ids(&self) -> Result<Vec<u64>> {
        let mut ids: Vec<u64> = names(&self.dir)?.iter().filter_map(|name| name.parse().ok()).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// The highest number.
    pub fn latest(&self) -> Result<Option<u64>> {
        Ok(self.ids()?.pop())
    }

    /// Removes the entries below a number.
    pub fn purge_below(&self, id: u64) -> Result<()> {
        for old in self.ids()?.into_iter().filter(|own| *own < id) {
            remove(&self.file(old));
        }
        Ok(())
    }
}

/// The names in a folder; none where there is no folder.
pub fn names(dir: &Path) -> Result<Vec<String>> {
    fault::look("a folder is listed").map_err(|error| failed("cannot list", dir, error))?;
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(vec![]),
        Err(error) => return Err(failed("cannot list", dir, error)),
    };
    let mut names = vec![];
    for entry in entries {
        let entry = entry.map_err(|error| failed("cannot list", dir, error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

/// The content of a file; none where there is no file.
pub fn read(path: &Path) -> Result<Option<String>> {
    fault::look("a log entry is read").map_err(|error| failed("cannot read", path, error))?;
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("cannot read", path, error)),
    }
}

/// Removes a file and the checksum that Hadoop keeps beside it. What is gone already is fine.
pub fn remove(path: &Path) {
    if let Some(name) = path.file_name() {
        let checksum = path.with_file_name(format!(".{}.crc", name.to_string_lossy()));
        let _ = fs::remove_file(checksum);
    }
    let _ = fs::remove_file(path);
}

/// Writes a file that must not exist yet: to a temporary name, to the disk, then under its name.
/// `false` if the file exists.
pub fn write_new(path: &Path, content: &[u8]) -> Result<bool> {
    let failed = |error| failed("cannot write", path, error);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", uuid::Uuid::new_v4()));
    let written = write_synced(&temporary, content).and_then(|()| {
        // A link fails where the name is taken; a rename would replace what another query wrote.
        match fs::hard_link(&temporary, path) {
            Ok(()) => fault::point("a log entry has two names").map(|()| true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(_) if path.exists() => Ok(false),
            Err(_) => fs::rename(&temporary, path).map(|()| true),
        }
    });
    let _ = fs::remove_file(&temporary);
    let written = written.map_err(failed)?;
    fault::point("a log entry is written").map_err(failed)?;
    // A checksum that is left from a file of this name would make Hadoop refuse the new one.
    if written {
        let _ = fs::remove_file(path.with_file_name(format!(".{name}.crc")));
        sync_dir(path.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
    }
    Ok(written)
}

/// Writes a file in place of what is there.
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let failed = |error| failed("cannot write", path, error);
    let dir = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(dir).map_err(failed)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", uuid::Uuid::new_v4()));
    let written = write_synced(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_dir(dir)).map_err(failed)
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    let (first, second) = content.split_at(content.len() / 2);
    file.write_all(first)?;
    fault::point("half of a log entry")?;
    file.write_all(second)?;
    fault::point("a log entry is not on the disk")?;
    file.sync_all()
}

/// Makes the names in a folder durable.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// What follows the line of the version; an error unless the version is one up to `supported`.
/// Spark's `MetadataVersionUtil.validateVersion`.
pub fn body<'t>(text: &'t str, supported: u32, file: &Path) -> Result<&'t str> {
    let unreadable = |why: String| illegal_state(format!("Failed to read log file {}. {why}", hadoop_path(file)));
    if text.is_empty() {
        return Err(unreadable("Incomplete log file".into()));
    }
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let version = line.strip_prefix('v').and_then(|number| number.parse::<u32>().ok()).filter(|number| *number > 0);
    match version {
        Some(version) if version <= supported => Ok(rest),
        Some(version) => {
            let error = SparkError::new("INVALID_LOG_VERSION.MAX_SUPPORTED_VERSION")
                .with("maxSupportedVersion", supported.to_string())
                .with("version", version.to_string());
            Err(unreadable(error.to_string()))
        }
        None => Err(unreadable(format!("Log file was malformed: failed to read correct log version from {line}."))),
    }
}

/// What Spark throws as a bare `IllegalStateException`.
pub fn illegal_state(message: impl Into<String>) -> SparkError {
    SparkError::new("_LEGACY_ILLEGAL_STATE").with_message(message)
}

/// An I/O error with what was tried.
pub fn failed(what: &str, path: &Path, error: io::Error) -> SparkError {
    SparkError::new("_LEGACY_IO_EXCEPTION")
        .with_message(format!("{what} {}: {error}", hadoop_path(path)))
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_written_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = NumberedLog::open(dir.path()).expect("a log");
        assert!(log.add(0, b"a").expect("written"));
        assert!(!log.add(0, b"b").expect("refused"));
        assert!(log.add(10, b"c").expect("written"));
        assert_eq!(log.get(0).expect("read").as_deref(), Some("a"));
        assert_eq!(log.ids().expect("listed"), [0, 10]);
        log.purge_below(10).expect("purged");
        assert_eq!(names(dir.path()).expect("listed"), ["10"]);
    }

    #[test]
    fn versions_are_checked() {
        let file = Path::new("/x");
        assert_eq!(body("v1\na\nb", 1, file).ok(), Some("a\nb"));
        assert!(body("v2\n", 1, file).is_err() && body("", 1, file).is_err() && body("x\n", 1, file).is_err());
    }
}
